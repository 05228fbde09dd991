// The rules of ObjectMeta: k8s.io/apimachinery/pkg/api/validation in our words.
#pragma once

#include <string_view>

#include "api/errors.h"
#include "api/schema.h"

namespace gb::api {

// Name, namespace, labels, annotations, owners and finalizers; the types are right already.
void check_metadata(const ResourceType& type, const Json& metadata, FieldErrors& errors);
// Labels and annotations that stand at `path`.
void check_labels(const Json& labels, std::string_view path, FieldErrors& errors);
void check_annotations(const Json& annotations, std::string_view path, FieldErrors& errors);
// Labels and annotations under our own prefix tell who made an object, and what keeps it: no
// request sets, changes or removes one. `old_metadata` is null where there was no object.
void check_own_keys(const Json& old_metadata, const Json& metadata, std::string_view path,
                    FieldErrors& errors);
// An object that is being deleted gets no new finalizer.
void check_new_finalizers(const Json& old_metadata, const Json& metadata, FieldErrors& errors);

}  // namespace gb::api
