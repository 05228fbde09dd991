// Strategic merge patches, what `kubectl patch` and the garbage collector send:
// k8s.io/apimachinery/pkg/util/strategicpatch over our schemas. A JSON merge patch, except that a
// list whose schema says so (merged_by_patch) is merged instead of replaced, and that directives
// ($patch, $retainKeys, $setElementOrder/<list>, $deleteFromPrimitiveList/<list>) say more.
//
// Thread safety: pure functions.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "api/errors.h"
#include "api/schema.h"

namespace gb::api {

// `current` with `patch`, an object, merged into it; not yet decoded. 400 a directive that is none,
// or is not well-formed, an element without its merge key; 422 lists of lists. Where upstream
// answers such patches with 500, this does with 400: the fault is the client's.
[[nodiscard]] Outcome<Json> strategic_merge(const Schema& schema, const Json& current, Json patch);

}  // namespace gb::api
