// Objects and helpers that the tests of this room share.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "api/decode.h"
#include "api/meta.h"
#include "api/schema.h"
#include "api/types.h"
#include "base/text.h"

namespace gb::api {

inline const ResourceType& backup_type() {
  return *find_resource(kBackups);
}
inline const ResourceType& restore_type() {
  return *find_resource(kRestores);
}

inline WallTime test_now() {
  return *from_rfc3339("2026-11-20T10:00:00Z");
}

inline Json backup(Json spec = {{"databaseInstances", {"openstack"}}}) {
  return {{"apiVersion", kGroupVersion},
          {"kind", "GaleraBackup"},
          {"metadata", {{"name", "a"}}},
          {"spec", std::move(spec)}};
}

inline Json restore(Json spec) {
  return {{"apiVersion", kGroupVersion},
          {"kind", "GaleraRestore"},
          {"metadata", {{"name", "r"}}},
          {"spec", std::move(spec)}};
}

// What is wrong with an object after defaulting, one text for each error.
inline std::vector<std::string> wrongs(const ResourceType& type, Json object) {
  apply_defaults(type, object);
  std::vector<std::string> texts;
  for (const FieldError& error : validate(type, object)) texts.push_back(error.text());
  return texts;
}

// A backup as it is stored: created in namespace ns1, revision 7.
inline Json stored_backup() {
  Json object = backup();
  apply_defaults(backup_type(), object);
  SeededRng rng(1);
  std::vector<std::string> warnings;
  auto made = prepare_create(backup_type(), "ns1", object, test_now(), rng, warnings);
  if (!made) return nullptr;
  object["metadata"]["resourceVersion"] = "7";
  object["status"] = {{"phase", "Running"}};
  return object;
}

}  // namespace gb::api
