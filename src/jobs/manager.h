// The one implementation of Jobs: admission, the threads of what runs, and what they leave behind.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "jobs/backup.h"
#include "jobs/control.h"
#include "jobs/environment.h"
#include "jobs/follower.h"
#include "jobs/janitor.h"
#include "jobs/job_log.h"
#include "jobs/jobs.h"
#include "jobs/measures.h"
#include "jobs/quota.h"
#include "jobs/scheduler.h"
#include "jobs/slots.h"
#include "jobs/store_status.h"
#include "jobs/takeover.h"
#include "jobs/targets.h"

namespace gb::jobs {

class Manager final : public Jobs {
 public:
  explicit Manager(Dependencies dependencies);
  ~Manager() override;

  Result<api::ObjectPtr> submit_backup(api::Json object, const kube::User& user, bool dry_run,
                                       std::stop_token stop) override;
  Result<api::ObjectPtr> submit_restore(api::Json object, const kube::User& user, bool dry_run,
                                        std::stop_token stop) override;
  Result<api::ObjectPtr> submit_schedule(api::Json object, const kube::User& user,
                                         bool dry_run) override;
  std::vector<std::string> review_retention(const api::Json& schedule) override;
  Result<std::vector<std::string>> review_schedule(const api::Json& old, api::Json& updated,
                                                   const kube::User& user) override;
  Result<api::ObjectPtr> trigger(const api::ObjectKey& schedule, bool dry_run,
                                 std::stop_token stop) override;
  Result<api::ObjectPtr> verify(const api::ObjectKey& key, const std::string& method,
                                const kube::User& user, bool dry_run,
                                std::stop_token stop) override;
  Result<api::ObjectPtr> wait(const api::ObjectKey& key, const std::string& uid,
                              std::chrono::milliseconds timeout, std::stop_token stop) override;
  Result<api::ObjectPtr> cancel(const api::ObjectKey& key, const kube::User& user,
                                bool dry_run) override;
  Result<api::ObjectPtr> undelete(const api::ObjectKey& key, const std::string& uid,
                                  const kube::User& user, bool dry_run) override;
  Status before_deletion(const api::Object& object) override;
  void deleted(const api::Object& object) override;
  Result<std::unique_ptr<LogReader>> follow_log(const api::Object& object, bool follow,
                                                std::function<void(std::string_view)> on_text,
                                                std::function<void()> on_end) override;
  std::vector<api::ObjectPtr> store_objects() override;

 private:
  struct Running {
    std::shared_ptr<JobLog> log;
    JobControl control;
    bool done = false;
    std::jthread thread;
  };
  using Work = std::function<void(Running&, JobRecord&)>;

  // Records what is ready to run, together with what made it run.
  using Record = std::function<Result<api::ObjectPtr>(api::Json object)>;

  // What is authorized of a backup before anything else is asked: its store (written into the spec
  // when it was left to the server), its instances, and its hold.
  Status authorize_backup(api::Json& object, const kube::User& user) const;
  // Whether `user` may have the backups of this schedule's template taken.
  [[nodiscard]] Status review_template(const api::Json& schedule, const kube::User& user) const;
  // Records the backup and starts its thread, where it waits for its turn if it must.
  Result<api::ObjectPtr> record_and_run(api::Json object, BackupWork work,
                                        const std::shared_ptr<JobLog>& log,
                                        std::shared_ptr<void> held, const Record& record);
  // Waits for a slot; false when the job was stopped before.
  static bool wait_for_turn(Running& job, JobRecord& record, Slots::Place& place);
  void run_in_turn(Running& job, JobRecord& record, const std::shared_ptr<JobLog>& log,
                   BackupWork work, Slots::Place& place);
  // Starts the thread of a backup that was taken over; nothing when its log cannot be read now.
  void resume(const api::ObjectPtr& backup, std::shared_ptr<OwnJobs::Claim> mine);
  // May `user` restore this backup to where the spec says?
  [[nodiscard]] Status authorize_restore(const std::string& ns, const api::RestoreSpec& spec,
                                         const api::Object& backup, const kube::User& user) const;
  // Where these are, as far as can be told now: what is wrong with one is told by who connects.
  [[nodiscard]] std::vector<galera::Endpoint> located(const std::string& ns,
                                                      const std::vector<std::string>& names) const;
  // Conflict when a job, of this process or of another one, works on this instance that one more
  // cannot be beside.
  [[nodiscard]] Status may_work_on(const std::string& ns, const galera::Endpoint& instance,
                                   bool exclusive);
  // Takes the instances for a job of this process, once may_work_on() each; `who` as for Targets.
  Result<std::shared_ptr<void>> take(const std::string& ns,
                                     const std::vector<galera::Endpoint>& instances,
                                     const std::string& who, bool exclusive);
  // The same as may_work_on() for a job that is recorded by now: what another server recorded
  // before it, after may_work_on() had looked.
  template <typename JobWork>
  [[nodiscard]] Status is_first(const api::Object& job, const JobWork& work, bool exclusive) const;
  // Everything from the choice of the backup on; `record_it` is called when all is ready.
  Result<api::ObjectPtr> start_restore(api::Json object, const kube::User& user, bool dry_run,
                                       std::stop_token stop, const Record& record_it);
  Result<api::ObjectPtr> submit_follower(api::Json object, const kube::User& user, bool dry_run,
                                         std::stop_token stop);
  Result<api::ObjectPtr> start_following(const api::ObjectPtr& follower, api::Json moved_on,
                                         api::Json restore);
  // `waits`: an instance that is not there, or whose Secret has no password, may be so for a moment
  // only: Unavailable, not NotFound and Invalid.
  Result<api::ObjectPtr> start_run(const api::ObjectPtr& schedule, api::Json moved_on,
                                   api::Json backup, bool waits);
  // Starts the thread of a recorded job; `work` holds all that it needs. What it throws is the end
  // of this job alone.
  void launch(const api::ObjectPtr& object, const std::shared_ptr<JobLog>& log, Work work,
              JobRecord::Work kind = JobRecord::Work::kMakesIt);
  void reap();  // joins the threads of jobs that are done
  [[nodiscard]] std::shared_ptr<JobLog> make_log(const api::Json& object) const;
  // The log of an object on which there was work before, to go on with.
  [[nodiscard]] Result<std::shared_ptr<JobLog>> continue_log(const api::Object& object) const;
  // Of two that work on one object the later one: of the other only its last steps are left.
  [[nodiscard]] std::shared_ptr<Running> find(const std::string& uid) const;
  [[nodiscard]] bool works_on(const std::string& uid) const;
  // Conflict when the name is taken already: told before anything is connected.
  [[nodiscard]] Status name_is_free(std::string_view resource, const api::Json& object) const;

  const Environment environment_;
  const Quotas quotas_;
  Slots slots_;
  Targets targets_;
  StoreStatus store_status_;
  Takeover takeover_;
  Measures measures_;
  mutable std::mutex mutex_;
  mutable std::condition_variable_any done_;
  bool closing_ = false;
  // By uid, those of one in the order of their beginnings. Taken out by reap() alone, and never
  // destroyed under the mutex, which their threads take at their ends.
  std::multimap<std::string, std::shared_ptr<Running>> running_;
  // Null where nobody keeps house.
  std::unique_ptr<Janitor> janitor_;
  // These start jobs: they end first.
  std::unique_ptr<Scheduler> scheduler_;
  std::unique_ptr<Follower> follower_;
};

}  // namespace gb::jobs
