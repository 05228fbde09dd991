// The object of one running job in the catalog, changed only while it is ours.
//
// Every change is a compare-and-swap that first looks whether the object is still there, still the
// same (uid), still executed by us and not ended: an executor that was thought dead and came back
// loses.
//
// The job that made an object has its status; the check of a backup, which comes after that, a part
// of it (check.h). What of the status a job tells of itself in, with its executor, is its place.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "api/object.h"
#include "base/clock.h"
#include "base/error.h"
#include "storage/catalog/catalog.h"

namespace gb::jobs {

// Of the machine, or of the pod: who this process is for other ones and for people.
[[nodiscard]] std::string host_name();

// Who executes a job: enough for another process to tell whether it still lives.
struct Executor {
  std::string id;  // unique to this process' life
  std::string host;
  std::string pid_namespace;  // the inode of /proc/self/ns/pid: pids mean nothing outside it
  std::int64_t pid = 0;
  std::string process_start;  // field 22 of /proc/<pid>/stat: a pid that was reused is told apart
  // It does not execute the job, but ends it: another one, which gave no sign of life, has lost it.
  bool took_over = false;

  static Executor self(const std::string& id);
  [[nodiscard]] api::Json to_json() const;
  static Executor from_json(const api::Json& json);
  enum class Life { kAlive, kDead, kUnknown };
  // Unknown for a process of another host or pid namespace.
  [[nodiscard]] Life life() const;
};

// In the status of a backup: the check that runs, or the last one (check.h).
inline constexpr const char* kCheck = "check";
// Where whoever works on this object now tells of it; null when nobody does, or nobody in
// particular (a restore that follows).
[[nodiscard]] const api::Json& place_of_work(const api::Json& object);

// Thread safety: all methods, from any thread.
class JobRecord {
 public:
  enum class Work { kMakesIt, kChecksIt };
  JobRecord(storage::Catalog& catalog, api::ObjectPtr object, std::string executor_id,
            Work work = Work::kMakesIt);

  // Applies `change` to the job's place. Cancelled when the object is no longer ours; other errors
  // are those of the store, and the change may be tried again.
  Status update(const std::function<void(api::Json& place)>& change);
  // The same for what a job says of its object: `change` gets the whole status.
  Status update_status(const std::function<void(api::Json& status)>& change);
  [[nodiscard]] api::ObjectPtr last() const;  // as of the last update
  [[nodiscard]] const api::ObjectKey& key() const { return key_; }
  [[nodiscard]] const std::string& uid() const { return uid_; }

 private:
  storage::Catalog& catalog_;
  const api::ObjectKey key_;
  const std::string uid_;
  const std::string executor_id_;
  const Work work_;
  mutable std::mutex mutex_;
  api::ObjectPtr last_;
};

}  // namespace gb::jobs
