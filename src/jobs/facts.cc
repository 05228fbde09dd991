#include "jobs/facts.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "api/text.h"
#include "api/types.h"
#include "base/text.h"

namespace gb::jobs::facts {
namespace {

using api::Json;
using std::chrono::seconds;

const Json& dumped_instance(const Json& backup, const std::string& name) {
  static const Json kNone;
  for (const Json& one : api::at_path(backup, "status.instances"))
    if (api::text_member(one, "name") == name) return one;
  return kNone;
}

}  // namespace

std::string metadata(const Json& object, std::string_view field) {
  return api::text_member(api::member(object, "metadata"), field);
}

std::optional<WallTime> time_at(const Json& object, std::string_view path) {
  const Json& value = api::at_path(object, path);
  if (!value.is_string()) return std::nullopt;
  const auto time = from_rfc3339(value.get<std::string>());
  return time ? std::optional<WallTime>(*time) : std::nullopt;
}

std::int64_t seconds_between(WallTime from, WallTime to) {
  return std::max<std::int64_t>(0, std::chrono::floor<seconds>(to - from).count());
}

std::optional<std::int64_t> duration_of(const Json& object) {
  const auto start = time_at(object, "status.startTime");
  const auto end = time_at(object, "status.completionTime");
  if (!start || !end) return std::nullopt;
  return std::max<std::int64_t>(1, seconds_between(*start, *end));
}

std::pair<std::string, std::string> condition(const Json& object, std::string_view type) {
  for (const Json& one : api::at_path(object, "status.conditions"))
    if (api::text_member(one, "type") == type)
      return {api::text_member(one, "status"), api::text_member(one, "message")};
  return {};
}

std::vector<std::string> texts(const Json& list) {
  std::vector<std::string> out;
  for (const Json& one : list)
    if (one.is_string()) out.push_back(one.get<std::string>());
  return out;
}

WallTime snapshot_of(const Json& backup, const std::string& instance) {
  const auto snapshot =
      from_rfc3339(api::text_member(dumped_instance(backup, instance), "snapshotTime"));
  if (snapshot) return *snapshot;
  return time_at(backup, "status.startTime").value_or(WallTime{});
}

std::uint64_t bytes_of(const Json& backup, const std::string& instance) {
  std::uint64_t bytes = 0;
  for (const Json& database : api::member(dumped_instance(backup, instance), "databases"))
    bytes += api::number_member(database, "bytes");
  return bytes;
}

bool damaged(const Json& backup) {
  return std::ranges::any_of(api::at_path(backup, "status.conditions"), [](const Json& one) {
    return api::text_member(one, "type") == "Verified" &&
           api::text_member(one, "status") == "False" &&
           api::text_member(one, "reason") == kMismatch;
  });
}

bool good(const Json& backup) {
  return api::phase_of(backup) == "Completed" && metadata(backup, "deletionTimestamp").empty() &&
         !damaged(backup);
}

bool partial(const Json& backup) {
  const api::BackupSpec spec = api::read_backup_spec(backup);
  return !spec.databases.empty() || !spec.exclude_databases.empty() ||
         !spec.exclude_tables.empty() || spec.content == "Grants";
}

bool covers(const Json& backup, const std::vector<std::string>& schemas) {
  if (!partial(backup)) return true;
  const api::BackupSpec spec = api::read_backup_spec(backup);
  if (schemas.empty() || !spec.exclude_tables.empty() || spec.content == "Grants") return false;
  const auto in = [](const std::vector<std::string>& list, const std::string& name) {
    return std::ranges::find(list, name) != list.end();
  };
  return std::ranges::all_of(schemas, [&](const std::string& name) {
    return (spec.databases.empty() || in(spec.databases, name)) &&
           !in(spec.exclude_databases, name);
  });
}

std::set<std::string> targets_of(const Json& restore) {
  std::set<std::string> targets;
  for (const Json& entry : api::at_path(restore, "status.plan"))
    targets.insert(api::text_member(entry, "instance"));
  const api::RestoreSpec spec = api::read_restore_spec(restore);
  if (targets.empty())
    for (const std::string& name : spec.database_instances) {
      const auto mapped = spec.targets.find(name);
      targets.insert(mapped == spec.targets.end() ? name : mapped->second);
    }
  if (targets.empty())
    for (const auto& [source, target] : spec.targets) targets.insert(target);
  return targets;
}

std::optional<Pace> pace_of(const Json& restore) {
  std::uint64_t bytes = 0;
  for (const Json& entry : api::at_path(restore, "status.plan"))
    bytes += api::number_member(entry, "bytes");
  const auto took = duration_of(restore);
  if (bytes == 0 || !took) return std::nullopt;
  return Pace{bytes, *took};
}

std::optional<std::int64_t> restore_seconds(std::uint64_t bytes,
                                            const std::optional<Pace>& last_restore,
                                            std::optional<std::int64_t> backup_took) {
  if (last_restore) {
    // In floating point: bytes times seconds may be more than 64 bits hold.
    const double takes = static_cast<double>(bytes) * static_cast<double>(last_restore->seconds) /
                         static_cast<double>(last_restore->bytes);
    return std::max<std::int64_t>(1, static_cast<std::int64_t>(takes));
  }
  if (backup_took) return *backup_took * kRestoreToBackup;
  return std::nullopt;
}

}  // namespace gb::jobs::facts
