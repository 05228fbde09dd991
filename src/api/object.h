// One version of one API object: immutable, serialised once, shared by everybody who reads it.
//
// The DOM (nlohmann) is parsed when somebody asks and is not kept: the JSON text is what lists and
// watches stream, and what the memory is spent on.
//
// Thread safety: const after construction; share freely through ObjectPtr.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/error.h"

namespace gb::api {

using Json = nlohmann::json;
using Labels = std::map<std::string, std::string>;

// The plural resource ("galerabackups"), the namespace (empty: cluster scope) and the name.
struct ObjectKey {
  std::string resource;
  std::string ns;
  std::string name;
  auto operator<=>(const ObjectKey&) const = default;
};

class Object {
 public:
  // Takes metadata.{namespace,name,uid,labels,finalizers,deletionTimestamp} from `dom` and writes
  // `revision` into metadata.resourceVersion. Invalid when the metadata is malformed.
  static Result<std::shared_ptr<const Object>> make(std::string resource, std::uint64_t revision,
                                                    Json dom);
  // The same from text that make() serialised before (recovery): nothing is added.
  static Result<std::shared_ptr<const Object>> parse(std::string resource, std::string json);

  [[nodiscard]] const ObjectKey& key() const { return key_; }
  [[nodiscard]] const std::string& uid() const { return uid_; }
  [[nodiscard]] std::uint64_t revision() const { return revision_; }
  [[nodiscard]] const Labels& labels() const { return labels_; }
  [[nodiscard]] bool being_deleted() const { return being_deleted_; }
  // The object as compact JSON, kind and apiVersion included; no newline at its end.
  [[nodiscard]] const std::string& json() const { return json_; }
  // A fresh DOM of json(): costs a parse.
  [[nodiscard]] Json dom() const;

 private:
  Object() = default;
  Status read_metadata(const Json& dom);

  ObjectKey key_;
  std::string uid_;
  std::uint64_t revision_ = 0;
  Labels labels_;
  bool being_deleted_ = false;
  std::string json_;
};

using ObjectPtr = std::shared_ptr<const Object>;

}  // namespace gb::api
