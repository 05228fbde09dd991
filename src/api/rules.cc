#include "api/rules.h"

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "api/metadata_rules.h"
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

// `spec` is that of a backup, which stands at `path`.
void check_backup(const Json& spec, const std::string& path, FieldErrors& errors) {
  const std::set<std::string> wanted = names_in(member(spec, "databases"));
  const Json& excluded = member(spec, "excludeDatabases");
  for (std::size_t i = 0; excluded.is_array() && i < excluded.size(); ++i)
    if (wanted.count(excluded[i].get<std::string>()) != 0)
      errors.push_back(invalid_field(concat(path, ".excludeDatabases[", std::to_string(i), "]"),
                                     excluded[i], concat("is in ", path, ".databases too")));
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
  std::string first;
  for (const std::string source : {"backup", "schedule", "asOf"}) {
    if (text_member(spec, source).empty()) continue;
    if (first.empty())
      first = source;
    else
      errors.push_back(forbidden_field(
          "spec." + source, "may not be set together with " + first + "; leave one out"));
  }
  if (first.empty())
    errors.push_back(required_field("spec.backup",
                                    "set backup (the name of a GaleraBackup, or latest), schedule "
                                    "(its newest backup) or asOf (a time)"));
  if (const Json& follow = member(spec, "follow"); follow.is_boolean() && follow.get<bool>()) {
    if (text_member(spec, "schedule").empty())
      errors.push_back(
          required_field("spec.schedule", "follow restores the backups of a schedule"));
    if (text_member(spec, "existing") != "Replace")
      errors.push_back(invalid_text("spec.existing", text_member(spec, "existing"),
                                    "must be Replace with follow: each new backup takes the place "
                                    "of the one before"));
  }
  check_mapping(spec, "targets", "databaseInstances", SchemaFormat::kName, errors);
  check_mapping(spec, "rename", "databases", SchemaFormat::kSchemaName, errors);
}

void check_schedule(const Json& object, const Json& spec, FieldErrors& errors) {
  // Its backups carry the name in a label, and in their own names with a time.
  constexpr std::size_t kMaxName = 63;
  if (const std::string name = text_member(member(object, "metadata"), "name");
      name.size() > kMaxName)
    errors.push_back(invalid_text("metadata.name", name,
                                  "must be no more than 63 characters: it is a label of the "
                                  "schedule's backups"));
  const Json& retention = member(spec, "retention");
  if (retention.is_object()) {
    bool keeps = !text_member(retention, "keepWithin").empty();
    for (const char* rule :
         {"keepLast", "keepHourly", "keepDaily", "keepWeekly", "keepMonthly", "keepYearly"})
      if (const Json& count = member(retention, rule); count.is_number_unsigned())
        keeps = keeps || count.get<std::uint64_t>() > 0;
    if (!keeps)
      errors.push_back(
          invalid_field("spec.retention", retention,
                        "keeps nothing: set at least one of keepLast, keepHourly, keepDaily, "
                        "keepWeekly, keepMonthly, keepYearly or keepWithin; to keep all backups, "
                        "leave retention out"));
  }
  const Json& backup = member(spec, "template");
  check_backup(member(backup, "spec"), "spec.template.spec", errors);
  const Json& metadata = member(backup, "metadata");
  check_labels(member(metadata, "labels"), "spec.template.metadata.labels", errors);
  check_annotations(member(metadata, "annotations"), "spec.template.metadata.annotations", errors);
  check_own_keys(Json(), metadata, "spec.template.metadata", errors);
}

}  // namespace

void check_rules(const ResourceType& type, const Json& object, FieldErrors& errors) {
  const Json& spec = member(object, "spec");
  if (type.plural == kBackups) {
    check_backup(spec, "spec", errors);
    if (text_member(member(object, "metadata"), "name") == "latest")
      errors.push_back(invalid_text("metadata.name", "latest",
                                    "is what restores call the newest backup; use another name"));
  }
  if (type.plural == kRestores) check_restore(spec, errors);
  if (type.plural == kSchedules) check_schedule(object, spec, errors);
}

}  // namespace gb::api
