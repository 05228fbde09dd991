// What runs: backups and restores, from admission to their last status.
//
// The handlers call submit_*() with an object that is decoded, defaulted, validated and whose user
// was authorized for the verb; the jobs check it against reality (instances, store, names, other
// jobs), authorize what it refers to as the requesting user, record it and run it. The command line
// calls the same without any Kubernetes.
//
// Thread safety: all methods, from any thread.
// Errors of submit_*: Invalid, NotFound (an instance, store or backup that is not there),
// Forbidden, AlreadyExists, Conflict (another job on the target), Exhausted (limits), Unavailable
// (the database or the store): nothing is recorded then, and the message says what to do.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "api/object.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/metrics.h"
#include "base/rng.h"
#include "galera/endpoint.h"
#include "kube/access.h"
#include "kube/user.h"
#include "storage/blob/blob_store.h"
#include "storage/catalog/catalog.h"

namespace gb::jobs {

// One configured backup store. The first one of a process also holds the catalog of all objects.
struct Store {
  std::string name;
  std::string url;  // file:///…
  std::shared_ptr<storage::BlobStore> blobs;
};

// Finds the clusters that specs name. NotFound says which exist.
class InstanceResolver {
 public:
  virtual ~InstanceResolver() = default;
  virtual Result<galera::Endpoint> resolve(std::string_view ns, std::string_view name) = 0;
};

// The log of one job: what has been said, and what is said from now on.
class LogReader {
 public:
  virtual ~LogReader() = default;
  // Calls on_line for every line so far, then for each new one (from the job's thread; it must not
  // block), then on_end once. Both stop with the LogReader's destruction.
};

struct Dependencies {
  storage::Catalog* catalog = nullptr;
  std::vector<Store> stores;  // at least one; the first is the default
  InstanceResolver* instances = nullptr;
  kube::Authorizer* authorizer = nullptr;  // null: whoever calls may do everything (command line)
  kube::EventRecorder* events = nullptr;   // null: none are written
  metrics::Registry* metrics = nullptr;
  const Clock* clock = nullptr;
  Rng* rng = nullptr;
  unsigned parallel_backups = 2;
  std::string executor;  // the replica id that owns the jobs started here
};

class Jobs {
 public:
  // Marks jobs that a process which died left Running as Failed, and takes back what they left on
  // donors.
  static Result<std::unique_ptr<Jobs>> start(Dependencies dependencies);
  // Cancels what runs and waits for it: their objects say so.
  virtual ~Jobs() = default;

  // `object` has metadata (uid, creationTimestamp and all) and spec; the status is written here.
  // With dry_run nothing is recorded or started: the object comes back as it would begin (a restore
  // with its preflight and plan).
  virtual Result<api::ObjectPtr> submit_backup(api::Json object, const kube::User& user,
                                               bool dry_run, std::stop_token stop) = 0;
  virtual Result<api::ObjectPtr> submit_restore(api::Json object, const kube::User& user,
                                                bool dry_run, std::stop_token stop) = 0;
  // Waits until the job of this uid has ended or `timeout` passes; the object as it is then.
  virtual Result<api::ObjectPtr> wait(const api::ObjectKey& key, const std::string& uid,
                                      std::chrono::milliseconds timeout, std::stop_token stop) = 0;
  // The object is gone or going: cancels the job if it runs. Data of a deleted backup goes to the
  // trash.
  virtual Status deleted(const api::Object& object) = 0;
  // The lines so far and, when `on_line` is kept, those to come; `on_end` once at the end. Both are
  // called from the job's thread (or at once, for a job that has ended) and must not block. The
  // handle ends it.
  virtual Result<std::shared_ptr<LogReader>> follow_log(
      const api::Object& object, bool follow, std::function<void(std::string_view)> on_line,
      std::function<void()> on_end) = 0;
  // GaleraBackupStore objects, computed now; metadata.resourceVersion is the catalog's revision.
  virtual std::vector<api::ObjectPtr> store_objects() = 0;
};

}  // namespace gb::jobs
