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
#include <cstdint>
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
#include "galera/traffic_gate.h"
#include "jobs/engine.h"
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
  std::string trash_retention = "336h";  // as configured; how long a deleted backup can be undone
};

// What one namespace may have; 0: as much as it likes.
struct NamespaceQuota {
  std::string ns;  // "*": every one that no entry before names
  std::uint64_t backups = 0;
  std::uint64_t bytes = 0;        // in all stores, the trash included
  unsigned parallel_backups = 0;  // running at once; more wait for their turn
};

// Finds the clusters that specs name. NotFound says which exist.
class InstanceResolver {
 public:
  virtual ~InstanceResolver() = default;
  virtual Result<galera::Endpoint> resolve(std::string_view ns, std::string_view name) = 0;
};

// A restore that has shut the gate of an instance.
struct GateHolder {
  std::string ns;
  std::string instance;
  std::string restore;  // its name, in the same namespace
  std::string uid;
};

// What stands between applications and the instances that have such a thing: Galera objects have
// their Service, configured instances nothing. Errors are those of kube-apiserver.
class TrafficGates {
 public:
  virtual ~TrafficGates() = default;
  // Null when the instance has none.
  virtual std::shared_ptr<galera::TrafficGate> gate(const galera::Endpoint& endpoint,
                                                    const GateHolder& holder) = 0;
  // Those that restores of this repository hold shut, wherever these ran.
  virtual Result<std::vector<GateHolder>> shut(std::stop_token stop) = 0;
  virtual Status open(const GateHolder& holder, std::stop_token stop) = 0;
};

// A log that is being followed; destroying it ends the calls.
class LogReader {
 public:
  virtual ~LogReader() = default;
};

struct Dependencies {
  storage::Catalog* catalog = nullptr;
  DumpEngine* engine = nullptr;
  std::vector<Store> stores;  // at least one; the first is the default
  InstanceResolver* instances = nullptr;
  ScratchServers* scratch = nullptr;       // null: no backup is verified by a restore
  TrafficGates* gates = nullptr;           // null: no instance has one
  kube::Authorizer* authorizer = nullptr;  // null: whoever calls may do everything (command line)
  kube::Namespaces* namespaces = nullptr;  // null: nothing but names (command line)
  kube::EventRecorder* events = nullptr;   // null: none are written
  metrics::Registry* metrics = nullptr;
  const Clock* clock = nullptr;
  Rng* rng = nullptr;
  unsigned parallel_backups = 2;
  std::vector<NamespaceQuota> quotas;  // the first that names a namespace counts
  // Whether schedules are run, and what expires is given up: a server does, the command line, which
  // may work on the repository of a server, does not.
  bool keeps_house = false;
  // At the schedules; at what nobody runs any more in every fifth such time.
  std::chrono::milliseconds look_every{1000};
  std::uint64_t memory = 0;  // bytes that the jobs' threads may take together; 0: no limit
};

class Jobs {
 public:
  // Starts the threads that take over what nobody runs any more (takeover.h: what a process that
  // died left ends as Failed, or goes on when it is a backup that may be whole) and, where it keeps
  // house, those of schedules, standbys and the trash. Internal when a dependency is missing.
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
  // Records a schedule with its first status; its runs act as `user`, who is authorized for what
  // its template names now and at every run.
  virtual Result<api::ObjectPtr> submit_schedule(api::Json object, const kube::User& user,
                                                 bool dry_run) = 0;
  // What a person should be warned of who makes or changes a schedule to what `schedule` is:
  // backups that go by its rules, also those that an earlier schedule of its name made.
  virtual std::vector<std::string> review_retention(const api::Json& schedule) = 0;
  // Looks at an update of a schedule before it is written, as the `user` who asks for it; writes
  // what follows from it into the status of `updated`. The result is that of review_retention().
  // Errors as those of submit_schedule.
  virtual Result<std::vector<std::string>> review_schedule(const api::Json& old, api::Json& updated,
                                                           const kube::User& user) = 0;
  // Starts a backup of the schedule now, out of its turn, as its creator. Conflict when one of its
  // backups is running. The backup, as submit_backup.
  virtual Result<api::ObjectPtr> trigger(const api::ObjectKey& schedule, bool dry_run,
                                         std::stop_token stop) = 0;
  // Begins a look at a completed backup by `method`: Checksum, Restore or Live (check.h). It goes
  // on by itself: wait() waits for its end. The object, with status.check. Conflict: it is not
  // Completed, or looked at already, or the last steps of its job go on for unusually long;
  // Invalid: no such method; of Live the errors of submit_backup.
  virtual Result<api::ObjectPtr> verify(const api::ObjectKey& key, const std::string& method,
                                        const kube::User& user, bool dry_run,
                                        std::stop_token stop) = 0;
  // Waits until the job of this uid has ended, `timeout` passes or a stop is requested, none of
  // which is an error; the object as it is then, whose phase says which it was.
  virtual Result<api::ObjectPtr> wait(const api::ObjectKey& key, const std::string& uid,
                                      std::chrono::milliseconds timeout, std::stop_token stop) = 0;
  // Asks the job of this object to end; the object stays, and gets the phase Cancelled when the job
  // has ended (wait() waits for that; a job that another process runs ends when that one sees it).
  // Conflict when it has ended already. With dry_run nothing is stopped.
  virtual Result<api::ObjectPtr> cancel(const api::ObjectKey& key, const kube::User& user,
                                        bool dry_run) = 0;
  // Brings a deleted backup back from the trash, with its uid and status: of several that had this
  // name the one with this uid, or the newest (`uid` empty). What an automatism would delete again
  // at once comes back with spec.hold. What belonged to an earlier namespace of this name is there
  // only for a user who may undelete in all of them. AlreadyExists when the name lives; NotFound
  // says what there is.
  virtual Result<api::ObjectPtr> undelete(const api::ObjectKey& key, const std::string& uid,
                                          const kube::User& user, bool dry_run) = 0;
  // Called before the object leaves the catalog (or gets its deletionTimestamp): marks the data of
  // a completed backup as trash, restorable until it is freed. A mark beside an object that stays
  // after all does not count. Unavailable and the like: the object must stay.
  virtual Status before_deletion(const api::Object& object) = 0;
  // Called after that was written: ends the job if it runs, without waiting for it.
  virtual void deleted(const api::Object& object) = 0;
  // The text so far (whole lines, in one or more calls) and, with `follow`, what comes; `on_end`
  // once at the end. Called from a thread of the job or of the handle, or from this call for a job
  // that has ended: they only queue. Destroying the handle ends the calls.
  virtual Result<std::unique_ptr<LogReader>> follow_log(
      const api::Object& object, bool follow, std::function<void(std::string_view)> on_text,
      std::function<void()> on_end) = 0;
  // GaleraBackupStore objects, from memory: the stores are looked at every 10 s (store_status.h);
  // metadata.resourceVersion is the catalog's revision of then.
  virtual std::vector<api::ObjectPtr> store_objects() = 0;
};

}  // namespace gb::jobs
