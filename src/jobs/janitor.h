// Keeps the stores tidy: backups that expire go to the trash, what has been in the trash for the
// store's trashRetention is freed, and logs go whose job is known no more.
//
// No safety rests on the clock of the machine: what the time is here, a PrudentClock says.
//
// Freeing takes two looks: the first writes into the mark that the backup is being freed, and notes
// which jobs run; the second, when all of those have ended and no object with the backup's uid is
// there, removes the data and then the mark. A replica that dies in between has only marked. What
// other backups refer to stays, and waits in the trash with them.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "jobs/environment.h"
#include "jobs/prudent_clock.h"
#include "jobs/trash.h"

namespace gb::jobs {

class Janitor {
 public:
  // Works on a thread of its own until destroyed.
  explicit Janitor(const Environment& environment);
  // One look at everything; the thread does this every 30 s.
  void look(const std::stop_token& stop);

 private:
  void remember(WallTime believed);
  void expire(WallTime now, const std::stop_token& stop);
  void empty_trash(const Store& store, WallTime now, const std::stop_token& stop);
  // The marks whose data may be removed now, by namespace: only there others refer to it.
  std::map<std::string, std::vector<TrashMark>> due_marks(const Store& store, WallTime now);
  void free_marks(const Store& store, const std::vector<TrashMark>& marks, WallTime now,
                  const std::stop_token& stop);
  // Removes the logs of jobs whose objects are gone, those in the trash excepted.
  void sweep_logs();
  // Removes what failed backups have left, because their server or their store was away then.
  void sweep_failed(const Store& store, const std::stop_token& stop);
  // Whether the data of this mark may be removed now; marks it if it was not.
  bool may_free(const TrashMark& mark, WallTime now);
  // The uids of whatever was written or read by a job that had not ended when this look first
  // asked.
  const std::set<std::string>& running_jobs();

  const Environment& environment_;
  PrudentClock clock_;
  WallTime remembered_{};     // what the store was told last
  std::uint64_t judged_ = 0;  // the revision at which schedules were looked at last
  SteadyTime judged_at_{};
  std::optional<std::set<std::string>> running_;  // of this look
  // By key: marks that need no look earlier.
  std::map<const Store*, std::map<std::string, WallTime>> not_before_;
  // By key: marks whose data others need, tried along when one of those goes, and every hour.
  std::map<const Store*, std::map<std::string, WallTime>> needed_by_others_;
  // By uid of what is marked as being freed: the jobs that ran when it was.
  std::map<std::string, std::set<std::string>> freeing_;
  WallTime next_sweep_{};
  std::set<std::string> ownerless_;  // keys of logs, at the last sweep
  std::jthread thread_;
};

}  // namespace gb::jobs
