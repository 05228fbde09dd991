#include "jobs/manager.h"

#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "api/text.h"
#include "api/types.h"
#include "base/guarded.h"
#include "base/log.h"
#include "base/text.h"
#include "jobs/cancel.h"
#include "jobs/check.h"
#include "jobs/finish.h"
#include "jobs/reporter.h"
#include "jobs/restore.h"
#include "jobs/resume.h"
#include "jobs/schedule.h"
#include "jobs/trash.h"
#include "jobs/trial.h"

namespace gb::jobs {
namespace {

Environment make_environment(Dependencies dependencies) {
  Environment environment;
  static_cast<Dependencies&>(environment) = std::move(dependencies);
  environment.executor = Executor::self(make_uuid(*environment.rng));
  return environment;
}

// As often as a running job is renewed.
constexpr std::chrono::seconds kRenewEvery{5};
// Between the recorded end of a job and that of its thread.
constexpr std::chrono::seconds kLastSteps{10};

// The label is the server's to give: no user makes a run of a schedule.
Takes taken_by(const api::Json& backup) {
  const api::Json& labels = api::member(backup.at("metadata"), "labels");
  return api::text_member(labels, kScheduleLabel).empty() ? Takes::kPlaceAndBytes
                                                          : Takes::kRunOfSchedule;
}

class EndedLog final : public LogReader {};

}  // namespace

Result<std::unique_ptr<Jobs>> Jobs::start(Dependencies dependencies) {
  if (dependencies.catalog == nullptr || dependencies.engine == nullptr ||
      dependencies.instances == nullptr || dependencies.clock == nullptr ||
      dependencies.rng == nullptr || dependencies.stores.empty())
    return fail(Code::kInternal, "the jobs were started without all that they depend on");
  return std::make_unique<Manager>(std::move(dependencies));
}

Manager::Manager(Dependencies dependencies)
    : environment_(make_environment(std::move(dependencies))),
      quotas_(environment_),
      slots_(environment_.parallel_backups,
             [this](const std::string& ns) {
               return quota_of(environment_.quotas, ns).parallel_backups;
             }),
      store_status_(environment_),
      takeover_(environment_,
                [this](const api::ObjectPtr& backup, std::shared_ptr<OwnJobs::Claim> mine) {
                  resume(backup, std::move(mine));
                }),
      measures_(
          environment_, [this] { return store_status_.objects(); },
          [this] { return takeover_.blocked(); }) {
  takeover_.start();
  if (!environment_.keeps_house) return;
  janitor_ = std::make_unique<Janitor>(environment_);
  scheduler_ = std::make_unique<Scheduler>(
      environment_, [this](const api::ObjectPtr& schedule, api::Json moved_on, api::Json backup) {
        return start_run(schedule, std::move(moved_on), std::move(backup), true);
      });
  follower_ = std::make_unique<Follower>(
      environment_, [this](const api::ObjectPtr& follower, api::Json moved_on, api::Json restore) {
        return start_following(follower, std::move(moved_on), std::move(restore));
      });
}

Manager::~Manager() {
  follower_.reset();
  scheduler_.reset();
  std::multimap<std::string, std::shared_ptr<Running>> running;
  {
    const std::scoped_lock lock(mutex_);
    closing_ = true;
    running = running_;
  }
  for (auto& [uid, job] : running) job->control.stop(StopCause::kShutdown);
  // What it begins by now is stopped at once. Nobody begins anything after it.
  takeover_.stop();
  for (auto& [uid, job] : running_)
    if (job->thread.joinable()) job->thread.join();
}

std::shared_ptr<JobLog> Manager::make_log(const api::Json& object) const {
  return std::make_shared<JobLog>(*environment_.stores.front().blobs, namespace_of(object),
                                  uid_of(object), *environment_.clock);
}

std::shared_ptr<Manager::Running> Manager::find(const std::string& uid) const {
  const std::scoped_lock lock(mutex_);
  const auto [first, end] = running_.equal_range(uid);
  return first == end ? nullptr : std::prev(end)->second;
}

bool Manager::works_on(const std::string& uid) const {
  const auto job = find(uid);
  const std::scoped_lock lock(mutex_);
  return job != nullptr && !job->done;
}

Status Manager::name_is_free(std::string_view resource, const api::Json& object) const {
  if (environment_.catalog->get({std::string(resource), namespace_of(object), name_of(object)}))
    return fail(Code::kAlreadyExists,
                std::string(resource) + " \"" + name_of(object) + "\" already exists",
                "choose another name, or delete the old one first");
  return {};
}

void Manager::launch(const api::ObjectPtr& object, const std::shared_ptr<JobLog>& log, Work work,
                     JobRecord::Work kind) {
  reap();
  auto job = std::make_shared<Running>();
  job->log = log;
  // The thread's own reference would be a cycle through Running::thread: reap() or the destructor
  // joins.
  auto run = [this, raw = job.get(), object, kind, work = std::move(work)]() mutable {
    JobRecord record(*environment_.catalog, object, environment_.executor.id, kind);
    const Status done = guarded("a job", [&] { work(*raw, record); });
    // Of a check no more is said: Takeover ends what nobody works on.
    if (!done && kind == JobRecord::Work::kMakesIt)
      (void)guarded("the end of a job", [&] {
        end_failed(environment_, record, raw->control, *raw->log, done.error());
      });
    (void)guarded("the log of a job", [&] { raw->log->end(); });
    const std::scoped_lock done_lock(mutex_);
    raw->done = true;
    done_.notify_all();
  };
  const std::scoped_lock lock(mutex_);
  const auto place = running_.emplace(object->uid(), job);
  if (closing_) job->control.stop(StopCause::kShutdown);
  // Where no thread can be had, the object is recorded and not begun: Takeover ends it so.
  if (!guarded("the start of a job", [&] { job->thread = std::jthread(std::move(run)); }))
    running_.erase(place);
}

void Manager::reap() {
  std::vector<std::shared_ptr<Running>> ended;
  {
    const std::scoped_lock lock(mutex_);
    for (auto it = running_.begin(); it != running_.end();) {
      if (it->second->done) {
        ended.push_back(std::move(it->second));
        it = running_.erase(it);
      } else {
        ++it;
      }
    }
  }
  for (const auto& job : ended)
    if (job->thread.joinable()) job->thread.join();
}

Status Manager::authorize_backup(api::Json& object, const kube::User& user) const {
  const api::BackupSpec spec = api::read_backup_spec(object);
  GB_TRY(environment_.authorize_instances(user, namespace_of(object), spec.database_instances));
  // The default may be another one some day. Which stores there are is for who may use this one.
  const std::string store = spec.store.empty() ? environment_.stores.front().name : spec.store;
  GB_TRY(environment_.authorize_store(user, store));
  GB_TRY(environment_.find_store(store));
  object["spec"]["store"] = store;
  return spec.hold ? environment_.authorize_holding(user, namespace_of(object)) : Status();
}

Result<api::ObjectPtr> Manager::submit_backup(api::Json object, const kube::User& user,
                                              bool dry_run, std::stop_token stop) {
  GB_TRY(authorize_backup(object, user));
  GB_TRY(name_is_free(api::kBackups, object));
  GB_TRY(quotas_.check(namespace_of(object), taken_by(object)));
  const std::string ns = namespace_of(object);
  GB_TRY_ASSIGN(auto held, take(ns, located(ns, api::read_backup_spec(object).database_instances),
                                "backup \"" + name_of(object) + "\"", false));
  auto log = make_log(object);
  GB_TRY_ASSIGN(BackupWork work, prepare_backup(environment_, object, log, stop));
  if (work.spec.verification == "Restore")
    for (const BackupWork::Instance& instance : work.instances)
      GB_TRY(require_trial(environment_, instance.dump->facts().server_version, stop));
  object["status"] = initial_backup_status(environment_, work);
  if (dry_run) return not_recorded(api::kBackups, std::move(object));
  return record_and_run(std::move(object), std::move(work), log, std::move(held),
                        [this](api::Json dom) {
                          return environment_.catalog->create(api::kBackups, std::move(dom));
                        });
}

Result<api::ObjectPtr> Manager::record_and_run(api::Json object, BackupWork work,
                                               const std::shared_ptr<JobLog>& log,
                                               std::shared_ptr<void> held, const Record& record) {
  const std::string ns = namespace_of(object);
  std::shared_ptr<Slots::Place> place = slots_.enter(ns);
  // A backup that waits for its turn keeps no connection: they may be stale, or refused, by then.
  if (!place->wait(std::chrono::milliseconds(0), {}))
    for (BackupWork::Instance& instance : work.instances) instance.dump.reset();
  auto mine = environment_.own_jobs->claim(uid_of(object));
  GB_TRY_ASSIGN(api::ObjectPtr created,
                quotas_.admit(ns, taken_by(object), [&] { return record(std::move(object)); }));
  launch(created, log,
         [this, created, log, mine = std::move(mine), place = std::move(place),
          held = std::move(held), work = std::make_shared<BackupWork>(std::move(work))](
             Running& job, JobRecord& recorded) mutable {
           job.control.keep(std::move(held));
           if (const Status first = is_first(*created, *work, false); !first)
             end_failed(environment_, recorded, job.control, *log, first.error());
           else
             run_in_turn(job, recorded, log, std::move(*work), *place);
           place.reset();
         });
  return created;
}

bool Manager::wait_for_turn(Running& job, JobRecord& record, Slots::Place& place) {
  const std::stop_token stop = job.control.token();
  bool turn = place.wait(std::chrono::milliseconds(0), {});
  if (!turn) job.log->say("waits for its turn: as many backups run as limits of the server allow");
  while (!turn && !stop.stop_requested()) {
    turn = place.wait(kRenewEvery, stop);
    // Who waits lives, and must say so.
    if (!turn && !stop.stop_requested()) renew(record, job.control);
  }
  return turn;
}

void Manager::run_in_turn(Running& job, JobRecord& record, const std::shared_ptr<JobLog>& log,
                          BackupWork work, Slots::Place& place) {
  if (!wait_for_turn(job, record, place))
    return end_failed(
        environment_, record, job.control, *log,
        Error{Code::kCancelled, "cancelled while it waited for its turn", "", {}, {}});
  if (const Status done = run_backup(environment_, record, job.control, log, std::move(work));
      !done)
    log::debug("backup failed", {{"error", done.error().text()}});
}

Result<std::shared_ptr<JobLog>> Manager::continue_log(const api::Object& object) const {
  storage::BlobStore& blobs = *environment_.stores.front().blobs;
  auto said = blobs.get(JobLog::key(object.key().ns, object.uid()));
  if (!said && said.error().code != Code::kNotFound)
    return wrap("the log cannot be read from the store", std::move(said).error());
  return std::make_shared<JobLog>(blobs, object.key().ns, object.uid(), *environment_.clock,
                                  said.value_or(std::string()));
}

void Manager::resume(const api::ObjectPtr& backup, std::shared_ptr<OwnJobs::Claim> mine) {
  const auto log = continue_log(*backup);
  if (!log)
    return log::warn("a backup whose server ended cannot be read back now: it is tried again",
                     {{"object", backup->key().name}, {"error", log.error().text()}});
  std::shared_ptr<Slots::Place> place = slots_.enter(backup->key().ns);
  launch(backup, *log,
         [this, log = *log, mine = std::move(mine), place = std::move(place)](
             Running& job, JobRecord& record) mutable {
           // Stopped before its turn, it ends as one that is stopped in it.
           (void)wait_for_turn(job, record, *place);
           resume_backup(environment_, record, job.control, log);
           place.reset();
         });
}

Result<api::ObjectPtr> Manager::verify(const api::ObjectKey& key, const std::string& method,
                                       const kube::User& user, bool dry_run, std::stop_token stop) {
  GB_TRY_ASSIGN(const api::ObjectPtr backup, environment_.catalog->get(key));
  // Authorized before anything is looked at: what an instance holds is not for everybody.
  if (method == "Live")
    GB_TRY(environment_.authorize_instances(
        user, key.ns, api::read_backup_spec(backup->dom()).database_instances));
  GB_TRY_ASSIGN(CheckWork work, prepare_check(environment_, *backup, method, stop));
  const auto begin = [&](const api::Object& object) -> Result<api::Json> {
    if (object.uid() != backup->uid())
      return fail(Code::kNotFound, "\"" + key.name + "\" was deleted and created again");
    api::Json dom = object.dom();
    GB_TRY_ASSIGN(dom["status"][kCheck], initial_check(environment_, dom["status"], method, user));
    return dom;
  };
  GB_TRY_ASSIGN(api::Json begun_now, begin(*backup));
  if (dry_run) return api::Object::make(api::kBackups, backup->revision(), std::move(begun_now));
  // Restores onto what is compared wait, or are waited for.
  std::shared_ptr<void> held;
  if (!work.instances.empty()) {
    GB_TRY_ASSIGN(
        held, take(key.ns, work.instances, "verification of backup \"" + key.name + "\"", false));
  }
  GB_TRY_ASSIGN(const auto log, continue_log(*backup));
  // What made the backup, or looked at it before, may still be about to end.
  GB_TRY(wait(key, backup->uid(), kLastSteps, stop));
  if (works_on(backup->uid()))
    return fail(Code::kConflict,
                "backup \"" + key.name + "\": the last steps of its job are still under way",
                "try again in a moment");
  auto mine = environment_.own_jobs->claim(backup->uid());
  GB_TRY_ASSIGN(api::ObjectPtr begun, environment_.catalog->modify(key, begin));
  std::shared_ptr<Slots::Place> place = slots_.enter(key.ns);
  launch(
      begun, log,
      [this, log, mine = std::move(mine), place = std::move(place), held = std::move(held),
       work = std::move(work), method, user = user.name](Running& job, JobRecord& record) mutable {
        job.control.keep(std::move(held));
        log->say("verification (" + method + "), asked for by " + user);
        (void)wait_for_turn(job, record, *place);
        run_check(environment_, record, job.control, log, work);
        place.reset();
      },
      JobRecord::Work::kChecksIt);
  return begun;
}

Result<api::ObjectPtr> Manager::submit_restore(api::Json object, const kube::User& user,
                                               bool dry_run, std::stop_token stop) {
  GB_TRY(name_is_free(api::kRestores, object));
  if (api::read_restore_spec(object).follow)
    return submit_follower(std::move(object), user, dry_run, std::move(stop));
  return start_restore(std::move(object), user, dry_run, std::move(stop), [this](api::Json dom) {
    return environment_.catalog->create(api::kRestores, std::move(dom));
  });
}

Status Manager::authorize_restore(const std::string& ns, const api::RestoreSpec& spec,
                                  const api::Object& backup, const kube::User& user) const {
  const api::Json dom = backup.dom();
  const api::BackupSpec source = api::read_backup_spec(dom);
  GB_TRY(environment_.authorize_instances(user, ns, targets_of(spec, source.database_instances)));
  GB_TRY_ASSIGN(const Store* store, environment_.store_of(dom));
  return environment_.authorize_store(user, store->name);
}

std::vector<galera::Endpoint> Manager::located(const std::string& ns,
                                               const std::vector<std::string>& names) const {
  std::vector<galera::Endpoint> out;
  for (const std::string& name : names) {
    if (auto found = environment_.instances->resolve(ns, name))
      out.push_back(std::move(*found));
    else
      out.emplace_back().name = name;
  }
  return out;
}

Status Manager::may_work_on(const std::string& ns, const galera::Endpoint& instance,
                            bool exclusive) {
  GB_TRY(targets_.may_hold(ns, instance, exclusive));
  return is_free_by_catalog(environment_, ns, instance, exclusive);
}

Result<std::shared_ptr<void>> Manager::take(const std::string& ns,
                                            const std::vector<galera::Endpoint>& instances,
                                            const std::string& who, bool exclusive) {
  for (const galera::Endpoint& instance : instances) GB_TRY(may_work_on(ns, instance, exclusive));
  return targets_.hold(ns, instances, who, exclusive);
}

template <typename JobWork>
Status Manager::is_first(const api::Object& job, const JobWork& work, bool exclusive) const {
  for (const auto& instance : work.instances)
    GB_TRY(is_free_by_catalog(environment_, job.key().ns, instance.endpoint, exclusive, &job));
  return {};
}

Result<api::ObjectPtr> Manager::start_restore(api::Json object, const kube::User& user,
                                              bool dry_run, std::stop_token stop,
                                              const Record& record_it) {
  const std::string ns = namespace_of(object);
  const api::RestoreSpec spec = api::read_restore_spec(object);
  GB_TRY_ASSIGN(api::ObjectPtr backup, choose_backup(environment_, spec, ns, user));
  // Authorized before anything of the backup is read: what it holds is itself not for everybody.
  GB_TRY(authorize_restore(ns, spec, *backup, user));
  std::shared_ptr<void> held;
  if (!dry_run) {
    const auto targets =
        located(ns, targets_of(spec, api::read_backup_spec(backup->dom()).database_instances));
    GB_TRY_ASSIGN(held, take(ns, targets, "restore \"" + name_of(object) + "\"", true));
  }

  auto log = make_log(object);
  GB_TRY_ASSIGN(RestoreWork work,
                prepare_restore(environment_, object, std::move(backup), log, std::move(stop)));
  work.notes = notes_on_choice(environment_, spec, *work.backup, user);
  for (const std::string& note : work.notes) log->say("note: " + note);
  for (RestoreWork::Instance& instance : work.instances) {
    // What really restores has the instance by now.
    const Status alone = dry_run ? may_work_on(ns, instance.endpoint, true) : Status();
    instance.plan.preflight.push_back(
        {"OtherJobs", alone.has_value(), alone ? std::string() : alone.error().text()});
  }
  object["status"] = initial_restore_status(environment_, work, dry_run);
  if (dry_run) return not_recorded(api::kRestores, std::move(object));
  GB_TRY(require_ready(work));

  auto mine = environment_.own_jobs->claim(uid_of(object));
  GB_TRY_ASSIGN(api::ObjectPtr created, record_it(std::move(object)));
  launch(created, log,
         [this, created, log, mine = std::move(mine),
          work = std::make_shared<RestoreWork>(std::move(work)),
          held = std::move(held)](Running& job, JobRecord& record) mutable {
           job.control.keep(std::move(held));
           if (const Status first = is_first(*created, *work, true); !first)
             end_failed(environment_, record, job.control, *log, first.error());
           else if (const Status done =
                        run_restore(environment_, record, job.control, log, std::move(*work));
                    !done)
             log::debug("restore failed", {{"error", done.error().text()}});
         });
  return created;
}

Result<api::ObjectPtr> Manager::wait(const api::ObjectKey& key, const std::string& uid,
                                     std::chrono::milliseconds timeout, std::stop_token stop) {
  if (const auto job = find(uid)) {
    std::unique_lock lock(mutex_);
    done_.wait_for(lock, std::move(stop), timeout, [&] { return job->done; });
  }
  GB_TRY_ASSIGN(api::ObjectPtr object, environment_.catalog->get(key));
  if (object->uid() != uid)
    return fail(Code::kNotFound, "\"" + key.name + "\" was deleted and created again");
  return object;
}

Result<api::ObjectPtr> Manager::cancel(const api::ObjectKey& key, const kube::User& user,
                                       bool dry_run) {
  GB_TRY_ASSIGN(api::ObjectPtr asked, ask_to_cancel(environment_, key, user, dry_run));
  if (dry_run) return asked;
  if (const auto job = find(asked->uid())) job->control.stop(StopCause::kCancelled, user.name);
  return asked;
}

Result<api::ObjectPtr> Manager::undelete(const api::ObjectKey& key, const std::string& uid,
                                         const kube::User& user, bool dry_run) {
  if (dry_run) GB_TRY(quotas_.check(key.ns, Takes::kPlace));
  return quotas_.admit(key.ns, Takes::kPlace,
                       [&] { return jobs::undelete(environment_, key, uid, user, dry_run); });
}

Status Manager::before_deletion(const api::Object& object) {
  return put_into_trash(environment_, object);
}

void Manager::deleted(const api::Object& object) {
  if (const auto job = find(object.uid())) job->control.stop(StopCause::kDeleted);
}

Result<std::unique_ptr<LogReader>> Manager::follow_log(
    const api::Object& object, bool follow, std::function<void(std::string_view)> on_text,
    std::function<void()> on_end) {
  if (const auto job = find(object.uid())) {
    auto reader = job->log->follow(follow, std::move(on_text), std::move(on_end));
    if (reader == nullptr) reader = std::make_unique<EndedLog>();
    return reader;
  }
  const auto& blobs = environment_.stores.front().blobs;
  const std::string where = JobLog::key(object.key().ns, object.uid());
  // A job that another server runs.
  const auto has_ended = [catalog = environment_.catalog, key = object.key(), uid = object.uid()] {
    const auto now = catalog->get(key);
    if (!now || (*now)->uid() != uid) return true;
    const api::Json dom = (*now)->dom();
    return api::is_terminal_phase(api::phase_of(dom)) ||
           !api::member(dom, "status").contains("executor");
  };
  if (follow && !has_ended())
    return follow_stored_log(blobs, where, has_ended, std::move(on_text), std::move(on_end));
  auto text = blobs->get(where);
  if (!text && text.error().code != Code::kNotFound)
    return wrap("the log cannot be read from the store", text.error());
  if (text && !text->empty()) on_text(*text);
  on_end();
  return std::make_unique<EndedLog>();
}

std::vector<api::ObjectPtr> Manager::store_objects() {
  return store_status_.objects();
}

}  // namespace gb::jobs
