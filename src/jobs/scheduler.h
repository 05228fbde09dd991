// Starts the backups of schedules when they are due, and tells how they went.
//
// Which replica runs a due schedule is decided by the catalog: the backup is created and the
// schedule moved on in one commit, which only one of them wins. A replica that dies before it has
// started nothing; one that dies after it, or is not told that it won, leaves a backup that is
// taken over, failed and tried again. So a run is late rather than lost, and never done twice.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <thread>

#include "jobs/environment.h"
#include "jobs/schedule.h"

namespace gb::jobs {

class Scheduler {
 public:
  // Records the backup of a run together with the schedule as it is then, and starts it. The errors
  // are those of Jobs::submit_backup; Conflict: somebody else was first, or the instance is busy;
  // Unavailable, too, when an instance is not there: a schedule that was admitted named it right.
  using Start = std::function<Result<api::ObjectPtr>(const api::ObjectPtr& schedule,
                                                     api::Json moved_on, api::Json backup)>;

  // Works on a thread of its own until destroyed.
  Scheduler(const Environment& environment, Start start);
  // One look at every schedule; the thread does this every look_every.
  void look();

 private:
  struct Entry {
    std::uint64_t revision = 0;
    std::optional<Schedule> schedule;  // absent: it cannot be read, which was said
    WallSeconds wake{};                // nothing to do before, unless the object changes
    std::chrono::seconds delay{0};     // of the next try after an error that may pass
  };

  // Says that a schedule cannot be read; false when it has to be said again.
  bool not_understood(const api::ObjectPtr& object, const Error& error);
  void step(const api::ObjectPtr& object, Entry& entry, WallSeconds now);
  // Tells how the run that was going on has ended, if it has.
  void follow(const api::ObjectPtr& object, const Schedule& schedule);
  void run(const api::ObjectPtr& object, Entry& entry, const Decision& decision, WallSeconds now);
  // The name of the run's backup; what stands under it, if anything does, is that backup. A name
  // that is another object's is left to it: no name that somebody takes costs a run.
  [[nodiscard]] std::string choose_name(const api::ObjectKey& key, const Schedule& schedule,
                                        const Decision& decision) const;
  void skip(const api::ObjectPtr& object, const Schedule& schedule, const Decision& decision);
  // Says that so many runs, which nobody makes up for, were left out.
  void missed(const api::ObjectPtr& object, unsigned runs, const std::string& message);
  void not_started(const api::ObjectPtr& object, Entry& entry, const Decision& decision,
                   const Error& error, WallSeconds now);
  // After an error that may pass: tried again, and said why.
  void wait_for_better(const api::ObjectPtr& object, Entry& entry, const Decision& decision,
                       const Error& error, WallSeconds now);
  // Changes the status of exactly this version of the schedule; false when somebody was quicker.
  bool write(const api::ObjectPtr& object, const std::function<void(api::Json& status)>& change);
  [[nodiscard]] std::optional<WallSeconds> failed_at(const api::ObjectPtr& object,
                                                     const Schedule& schedule) const;

  const Environment& environment_;
  const Start start_;
  std::map<std::string, Entry> entries_;  // by uid
  WallSeconds last_look_{};
  std::jthread thread_;
};

}  // namespace gb::jobs
