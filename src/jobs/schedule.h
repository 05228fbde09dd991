// A GaleraBackupSchedule as data, and what it is to do at a given time: no clock, no store, no
// thread.
//
// Thread safety: values and pure functions.
#pragma once

#include <optional>
#include <string>

#include "api/object.h"
#include "api/types.h"
#include "base/cron.h"
#include "base/error.h"
#include "base/time_zone.h"
#include "kube/user.h"

namespace gb::jobs {

inline constexpr const char* kScheduleLabel = "backup.rhoso.io/schedule";
inline constexpr const char* kScheduledAtAnnotation = "backup.rhoso.io/scheduled-at";

// A failed run is tried so often in all, after 1, 2, 4, 8 and 16 minutes.
inline constexpr unsigned kTriesOfARun = 6;
inline constexpr std::chrono::minutes kFirstRetry{1};

struct Schedule {
  std::string name;
  std::string uid;
  api::ScheduleSpec spec;
  Cron cron;
  TimeZone zone;
  // Of the status.
  std::string phase;
  WallSeconds settled;     // every run due until then is dealt with
  bool first_run = false;  // runOnCreate, and it has not run yet: `settled` is when it is due
  std::string active;
  std::string last_backup;
  std::optional<WallSeconds> last_due;
  unsigned attempt = 0;
  unsigned failures = 0;

  [[nodiscard]] std::optional<WallSeconds> next_after(WallSeconds time) const {
    return cron.next(time, zone);
  }
};

// Invalid when the machine does not know its time zone (any more).
Result<Schedule> read_schedule(const api::Json& object);

// Whom the runs of a schedule act as.
[[nodiscard]] kube::User creator_of(const api::Json& schedule);
[[nodiscard]] api::Json to_json(const kube::User& user);

struct Decision {
  enum class What { kWait, kRun, kSkip };
  What what = What::kWait;
  WallSeconds due{};     // of kRun and kSkip
  unsigned attempt = 1;  // of kRun
  // Runs before `due`, at most 100 counted, which nobody makes up for: of several that could have
  // begun only the last is run.
  unsigned missed = 0;
  std::optional<WallSeconds> wake;  // of kWait: when there is something to do; absent: never
};

// `failed_at`: when the last run ended, if it failed. No run of the schedule is going on, it is not
// suspended, and `now` is not before what is settled.
[[nodiscard]] Decision decide(const Schedule& schedule, std::optional<WallSeconds> failed_at,
                              WallSeconds now);

// How much later than due a run begins: the same on every replica, and never until the next run is
// due, which would take its place.
[[nodiscard]] std::chrono::seconds jitter_of(const Schedule& schedule, WallSeconds due);

// Until when the next success of a schedule is due for it to be within the schedule: the first run
// after `since` (its last success, or the time from which runs are expected), and the time that a
// run may take until it has succeeded. That is until the run after it, but no more than the
// template's activeDeadline, and no less than failing at first and being tried again takes, or
// twice as long as the last one took. Absent: no run will ever be due.
[[nodiscard]] std::optional<WallSeconds> success_due(const Schedule& schedule, WallSeconds since,
                                                     std::chrono::seconds active_deadline,
                                                     std::chrono::seconds last_took);

// The schedule that made this backup; "": none did.
[[nodiscard]] std::string schedule_of(const api::Object& backup);

// The backup of a run, without what its creation adds (uid, creationTimestamp, status).
[[nodiscard]] api::Json backup_of_run(const api::Json& schedule, const std::string& name,
                                      WallSeconds due);
// "nightly-20261120020000", of a second try "nightly-20261120020000-try2".
[[nodiscard]] std::string name_of_run(const std::string& schedule, WallSeconds due,
                                      unsigned attempt);
// What the same run is named where `taken` of its names, that one first, are somebody else's:
// "nightly-20261120020000-5e0c41d2". The same on every replica, and more than anybody can take.
[[nodiscard]] std::string other_name_of_run(const Schedule& schedule, WallSeconds due,
                                            unsigned attempt, unsigned taken);

}  // namespace gb::jobs
