// The object of one running job in the catalog, changed only while it is ours.
//
// Every change is a compare-and-swap that first looks whether the object is still there, still the
// same (uid), still executed by us and not ended: an executor that was thought dead and came back
// loses.
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

// Who executes a job: enough for another process to tell whether it still lives.
struct Executor {
  std::string id;  // unique to this process' life
  std::string host;
  std::string pid_namespace;  // the inode of /proc/self/ns/pid: pids mean nothing outside it
  std::int64_t pid = 0;
  std::string process_start;  // field 22 of /proc/<pid>/stat: a pid that was reused is told apart

  static Executor self(const std::string& id);
  [[nodiscard]] api::Json to_json() const;
  static Executor from_json(const api::Json& json);
  enum class Life { kAlive, kDead, kUnknown };
  // Unknown for a process of another host or pid namespace.
  [[nodiscard]] Life life() const;
};

// Thread safety: all methods, from any thread.
class JobRecord {
 public:
  JobRecord(storage::Catalog& catalog, api::ObjectPtr object, std::string executor_id);

  // Applies `change` to the status. Cancelled when the object is no longer ours; other errors are
  // those of the store, and the change may be tried again.
  Status update(const std::function<void(api::Json& status)>& change);
  [[nodiscard]] api::ObjectPtr last() const;  // as of the last update
  [[nodiscard]] const api::ObjectKey& key() const { return key_; }
  [[nodiscard]] const std::string& uid() const { return uid_; }

 private:
  storage::Catalog& catalog_;
  const api::ObjectKey key_;
  const std::string uid_;
  const std::string executor_id_;
  mutable std::mutex mutex_;
  api::ObjectPtr last_;
};

}  // namespace gb::jobs
