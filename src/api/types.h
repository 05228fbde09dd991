// The specs of the two resources that jobs run, as plain data. They are read from objects that were
// validated and defaulted (schema.h), so reading cannot fail; an absent optional means "not set".
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/object.h"
#include "base/clock.h"

namespace gb::api {

inline constexpr const char* kGroup = "backup.rhoso.io";
inline constexpr const char* kVersion = "v1beta1";
inline constexpr const char* kGroupVersion = "backup.rhoso.io/v1beta1";
inline constexpr const char* kBackups = "galerabackups";
inline constexpr const char* kRestores = "galerarestores";
inline constexpr const char* kSchedules = "galerabackupschedules";
inline constexpr const char* kStores = "galerabackupstores";

struct BackupSpec {
  std::vector<std::string> database_instances;
  std::vector<std::string> databases;
  std::vector<std::string> exclude_databases;
  std::vector<std::string> exclude_tables;
  std::string content = "All";  // Data | Grants | All
  std::string resources = "None";
  std::string store;  // empty: the server's first
  std::optional<std::chrono::seconds> ttl;
  bool hold = false;
  std::string verification = "Checksum";  // None | Checksum | Restore
  std::chrono::seconds active_deadline{6 * 3600};
  unsigned threads = 4;
};

struct RestoreSpec {
  std::string backup;  // a name or "latest"; empty when schedule or as_of is set
  std::string schedule;
  std::optional<WallTime> as_of;
  std::string source_namespace;  // empty: the restore's own
  std::vector<std::string> database_instances;
  std::map<std::string, std::string> targets;
  std::vector<std::string> databases;
  std::map<std::string, std::string> rename;
  std::string content = "Data";
  std::string resources = "Skip";
  std::string existing = "Fail";  // Fail | Replace
  bool safety_backup = true;
  bool block_traffic = true;
  std::string verification = "Checksum";
  unsigned threads = 4;
  bool follow = false;  // every new backup of `schedule`, until it is cancelled
};

// What a schedule keeps; a rule of 0 (or none) keeps nothing by itself.
struct RetentionSpec {
  unsigned keep_last = 0;
  unsigned keep_hourly = 0;
  unsigned keep_daily = 0;
  unsigned keep_weekly = 0;
  unsigned keep_monthly = 0;
  unsigned keep_yearly = 0;
  std::optional<std::chrono::seconds> keep_within;
  unsigned min_verified = 1;
};

struct ScheduleSpec {
  std::string schedule;
  std::string time_zone = "UTC";
  bool suspend = false;
  bool run_on_create = false;
  std::optional<std::chrono::seconds> starting_deadline;
  std::chrono::seconds jitter{0};
  RetentionSpec retention;
  unsigned max_backups = 0;  // 0: no limit
};

[[nodiscard]] BackupSpec read_backup_spec(const Json& object);
[[nodiscard]] RestoreSpec read_restore_spec(const Json& object);
// Without its template, which is JSON: spec.template.
[[nodiscard]] ScheduleSpec read_schedule_spec(const Json& object);

// Phases after which a job's object does not change by itself any more.
[[nodiscard]] bool is_terminal_phase(std::string_view phase);
// status.phase, or "" when there is none.
[[nodiscard]] std::string phase_of(const Json& object);

// Sets or replaces the condition of this type (metav1.Condition); lastTransitionTime moves only
// when `status` ("True", "False", "Unknown") changes.
void set_condition(Json& status, std::string_view type, std::string_view value,
                   std::string_view reason, std::string_view message, WallTime now);

}  // namespace gb::api
