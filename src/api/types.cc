#include "api/types.h"

#include <nlohmann/json.hpp>

#include "api/text.h"
#include "base/text.h"

namespace gb::api {
namespace {

std::vector<std::string> strings(const Json& spec, std::string_view name) {
  std::vector<std::string> values;
  if (const Json& list = member(spec, name); list.is_array())
    for (const Json& one : list)
      if (one.is_string()) values.push_back(one.get<std::string>());
  return values;
}

std::map<std::string, std::string> string_map(const Json& spec, std::string_view name) {
  std::map<std::string, std::string> values;
  if (const Json& map = member(spec, name); map.is_object())
    for (const auto& [key, one] : map.items())
      if (one.is_string()) values.emplace(key, one.get<std::string>());
  return values;
}

void read_text(const Json& spec, std::string_view name, std::string& value) {
  if (std::string text = text_member(spec, name); !text.empty()) value = std::move(text);
}

void read_flag(const Json& spec, std::string_view name, bool& value) {
  if (const Json& flag = member(spec, name); flag.is_boolean()) value = flag.get<bool>();
}

void read_count(const Json& spec, std::string_view name, unsigned& value) {
  if (const Json& number = member(spec, name); number.is_number_unsigned())
    value = number.get<unsigned>();
}

std::optional<std::chrono::seconds> read_duration(const Json& spec, std::string_view name) {
  const auto duration = parse_duration(text_member(spec, name));
  if (!duration) return {};
  // Less than a second is longer than zero still.
  return std::chrono::ceil<std::chrono::seconds>(*duration);
}

}  // namespace

BackupSpec read_backup_spec(const Json& object) {
  const Json& spec = member(object, "spec");
  BackupSpec result;
  result.database_instances = strings(spec, "databaseInstances");
  result.databases = strings(spec, "databases");
  result.exclude_databases = strings(spec, "excludeDatabases");
  result.exclude_tables = strings(spec, "excludeTables");
  read_text(spec, "content", result.content);
  read_text(spec, "resources", result.resources);
  read_text(spec, "store", result.store);
  result.ttl = read_duration(spec, "ttl");
  read_flag(spec, "hold", result.hold);
  read_text(spec, "verification", result.verification);
  if (const auto deadline = read_duration(spec, "activeDeadline"))
    result.active_deadline = *deadline;
  read_count(spec, "threads", result.threads);
  return result;
}

RestoreSpec read_restore_spec(const Json& object) {
  const Json& spec = member(object, "spec");
  RestoreSpec result;
  read_text(spec, "backup", result.backup);
  read_text(spec, "schedule", result.schedule);
  if (const auto time = from_rfc3339(text_member(spec, "asOf"))) result.as_of = *time;
  read_flag(spec, "follow", result.follow);
  read_text(spec, "sourceNamespace", result.source_namespace);
  result.database_instances = strings(spec, "databaseInstances");
  result.targets = string_map(spec, "targets");
  result.databases = strings(spec, "databases");
  result.rename = string_map(spec, "rename");
  read_text(spec, "content", result.content);
  read_text(spec, "resources", result.resources);
  read_text(spec, "existing", result.existing);
  read_flag(spec, "safetyBackup", result.safety_backup);
  read_flag(spec, "blockTraffic", result.block_traffic);
  read_text(spec, "verification", result.verification);
  read_count(spec, "threads", result.threads);
  return result;
}

ScheduleSpec read_schedule_spec(const Json& object) {
  const Json& spec = member(object, "spec");
  ScheduleSpec result;
  read_text(spec, "schedule", result.schedule);
  read_text(spec, "timeZone", result.time_zone);
  read_flag(spec, "suspend", result.suspend);
  read_flag(spec, "runOnCreate", result.run_on_create);
  result.starting_deadline = read_duration(spec, "startingDeadline");
  if (const auto jitter = read_duration(spec, "jitter")) result.jitter = *jitter;
  read_count(spec, "maxBackups", result.max_backups);
  const Json& retention = member(spec, "retention");
  read_count(retention, "keepLast", result.retention.keep_last);
  read_count(retention, "keepHourly", result.retention.keep_hourly);
  read_count(retention, "keepDaily", result.retention.keep_daily);
  read_count(retention, "keepWeekly", result.retention.keep_weekly);
  read_count(retention, "keepMonthly", result.retention.keep_monthly);
  read_count(retention, "keepYearly", result.retention.keep_yearly);
  result.retention.keep_within = read_duration(retention, "keepWithin");
  read_count(retention, "minVerified", result.retention.min_verified);
  return result;
}

bool is_terminal_phase(std::string_view phase) {
  return phase == "Completed" || phase == "Failed" || phase == "Cancelled";
}

std::string phase_of(const Json& object) {
  return text_member(member(object, "status"), "phase");
}

void set_condition(Json& status, std::string_view type, std::string_view value,
                   std::string_view reason, std::string_view message, WallTime now) {
  Json& conditions = status["conditions"];
  if (!conditions.is_array()) conditions = Json::array();
  Json* found = nullptr;
  for (Json& one : conditions)
    if (text_member(one, "type") == type) found = &one;
  if (found == nullptr) {
    conditions.push_back({{"type", type}});
    found = &conditions.back();
  }
  if (text_member(*found, "status") != value) (*found)["lastTransitionTime"] = to_rfc3339(now);
  (*found)["status"] = value;
  (*found)["reason"] = reason;
  (*found)["message"] = message;
}

}  // namespace gb::api
