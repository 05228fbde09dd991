#include "api/rules.h"

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "api/names.h"
#include "api/text.h"
#include "api/types.h"

namespace gb::api {
namespace {

std::set<std::string> names_in(const Json& list) {
  std::set<std::string> names;
  if (list.is_array())
    for (const Json& one : list) names.insert(one.get<std::string>());
  return names;
}

void check_backup(const Json& spec, FieldErrors& errors) {
  const std::set<std::string> wanted = names_in(member(spec, "databases"));
  const Json& excluded = member(spec, "excludeDatabases");
  for (std::size_t i = 0; excluded.is_array() && i < excluded.size(); ++i)
    if (wanted.count(excluded[i].get<std::string>()) != 0)
      errors.push_back(invalid_field(concat("spec.excludeDatabases[", std::to_string(i), "]"),
                                     excluded[i], "is in spec.databases too"));
}

// The keys of `map_name` are taken from `list_name` when that is given, and no two of them lead to
// the same place.
void check_mapping(const Json& spec, const std::string& map_name, const std::string& list_name,
                   SchemaFormat format, FieldErrors& errors) {
  const Json& mapping = member(spec, map_name);
  if (!mapping.is_object()) return;
  const std::set<std::string> selected = names_in(member(spec, list_name));
  std::map<std::string, std::string> taken;  // where -> from
  for (const std::string& name : selected)
    if (!mapping.contains(name)) taken.emplace(name, name);
  for (const auto& [from, to] : mapping.items()) {
    const std::string path = concat("spec.", map_name, "[", from, "]");
    if (std::string wrong = check_format(format, from); !wrong.empty()) {
      errors.push_back(invalid_text("spec." + map_name, from, std::move(wrong)));
      continue;
    }
    if (!selected.empty() && selected.count(from) == 0) {
      errors.push_back(invalid_text("spec." + map_name, from, "is not in spec." + list_name));
      continue;
    }
    const auto [other, is_free] = taken.emplace(to.get<std::string>(), from);
    if (!is_free)
      errors.push_back(invalid_field(
          path, to,
          concat("is where ", quote(other->second), " is restored to; use another name")));
  }
}

void check_restore(const Json& spec, FieldErrors& errors) {
  const bool by_name = !text_member(spec, "backup").empty();
  const bool by_time = !text_member(spec, "asOf").empty();
  if (!by_name && !by_time)
    errors.push_back(required_field(
        "spec.backup", "set backup (the name of a GaleraBackup, or latest) or asOf (a time)"));
  if (by_name && by_time)
    errors.push_back(
        forbidden_field("spec.asOf", "may not be set together with backup; leave one out"));
  check_mapping(spec, "targets", "databaseInstances", SchemaFormat::kName, errors);
  check_mapping(spec, "rename", "databases", SchemaFormat::kSchemaName, errors);
}

}  // namespace

void check_rules(const ResourceType& type, const Json& object, FieldErrors& errors) {
  const Json& spec = member(object, "spec");
  if (type.plural == kBackups) {
    check_backup(spec, errors);
    if (text_member(member(object, "metadata"), "name") == "latest")
      errors.push_back(invalid_text("metadata.name", "latest",
                                    "is what restores call the newest backup; use another name"));
  }
  if (type.plural == kRestores) check_restore(spec, errors);
}

}  // namespace gb::api
