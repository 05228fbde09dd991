#include "jobs/backup.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
#include <utility>

#include "base/guarded.h"
#include "base/log.h"
#include "base/text.h"
#include "jobs/facts.h"
#include "jobs/finish.h"
#include "jobs/instance_state.h"
#include "jobs/left_donors.h"
#include "jobs/read_back.h"
#include "jobs/repo_streams.h"
#include "jobs/reporter.h"
#include "jobs/trash.h"
#include "jobs/trial.h"
#include "storage/repo/repo.h"

namespace gb::jobs {
namespace {

// After so many schema changes in a row the donor is kept from changing (engine: strict mode).
constexpr int kOptimisticAttempts = 3;

galera::Narrator narrator(const std::shared_ptr<JobLog>& log, const std::string& instance,
                          bool several) {
  return [log, prefix = several ? instance + ": " : std::string()](const std::string& text) {
    log->say(prefix + text);
  };
}

void make_dump(const Environment& environment, const api::BackupSpec& spec,
               const std::shared_ptr<JobLog>& log, bool several, BackupWork::Instance& instance) {
  galera::DumpOptions options;
  options.databases = spec.databases;
  options.databases_optional = several;
  options.exclude_databases = spec.exclude_databases;
  options.exclude_tables = spec.exclude_tables;
  options.content = content_of(spec.content);
  options.threads = environment.threads_within_memory(spec.threads, kBackupThreadBytes);
  instance.dump = environment.engine->dump(instance.endpoint, std::move(options),
                                           narrator(log, instance.name, several));
}

Status connect(const Environment& environment, const std::shared_ptr<JobLog>& log, BackupWork& work,
               const std::stop_token& stop) {
  const bool several = work.instances.size() > 1;
  for (BackupWork::Instance& instance : work.instances) {
    if (instance.dump != nullptr) continue;
    make_dump(environment, work.spec, log, several, instance);
    if (Status connected = instance.dump->connect(stop); !connected)
      return wrap("instance \"" + instance.name + "\"", connected.error());
  }
  // In a set, each schema of the spec is somewhere; which instance holds it is no matter.
  if (!several) return {};
  for (const std::string& name : work.spec.databases)
    if (std::none_of(work.instances.begin(), work.instances.end(), [&](const auto& instance) {
          const std::vector<std::string>& have = instance.dump->schemas();
          return std::find(have.begin(), have.end(), name) != have.end();
        }))
      return fail(Code::kInvalid, "no instance of the set has a schema \"" + name + "\"",
                  "name only schemas that are there");
  return {};
}

// Runs `work` for every instance on a thread of its own; the first error stops the others and is
// the result (an error that is only the echo of that stop never hides it).
Status for_all(std::vector<BackupWork::Instance>& instances, const std::stop_token& stop,
               const std::function<Status(std::size_t, std::stop_token)>& work) {
  std::stop_source siblings;
  const std::stop_callback forward(stop, [&] { siblings.request_stop(); });
  std::mutex mutex;
  Status first;
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < instances.size(); ++i)
      threads.emplace_back([&, i] {
        Status done = guarded("a backup", [&] { return work(i, siblings.get_token()); });
        if (done) return;
        const std::scoped_lock lock(mutex);
        if (first) first = wrap("instance \"" + instances[i].name + "\"", done.error());
        siblings.request_stop();
      });
  }
  return first;
}

// Whether it is one of the same instances in the same store.
bool may_be_base(const Environment& environment, const BackupWork& work,
                 const api::Json& candidate) {
  std::vector<std::string> wanted = work.spec.database_instances;
  std::vector<std::string> have = api::read_backup_spec(candidate).database_instances;
  std::ranges::sort(wanted);
  std::ranges::sort(have);
  if (have != wanted) return false;
  const auto store = environment.store_of(candidate);
  return store && *store == work.store;
}

// The name of a backup that was found damaged and is not older than `base`; empty: there is none.
// What it shares with the base may be what is damaged.
std::string damaged_since(const Environment& environment, const BackupWork& work,
                          const std::string& ns, const api::Json& base) {
  const WallTime taken = snapshot_time_of(base);
  for (const api::ObjectPtr& object : environment.catalog->list(api::kBackups, ns).objects) {
    const api::Json dom = object->dom();
    if (facts::damaged(dom) && snapshot_time_of(dom) >= taken &&
        may_be_base(environment, work, dom))
      return object->key().name;
  }
  return "";
}

// The newest completed backup of the same instances in the same store: what did not change since is
// referred to, not stored again. None is no error.
std::shared_ptr<const storage::BackupReader> open_base(const Environment& environment,
                                                       const BackupWork& work,
                                                       const std::string& ns, JobLog& log) {
  const api::ObjectPtr base = newest_backup(
      *environment.catalog, environment.clock->now(), ns,
      [&](const api::Json& candidate) { return may_be_base(environment, work, candidate); });
  if (base == nullptr) return nullptr;
  const api::Json dom = base->dom();
  if (const std::string damaged = damaged_since(environment, work, ns, dom); !damaged.empty()) {
    log.say("no base: backup \"" + damaged +
            "\" is damaged, perhaps in what it has from earlier ones: everything is stored anew");
    return nullptr;
  }
  auto reader = storage::BackupReader::open(*work.store->blobs, ns, base->uid(), digest_of(dom));
  if (!reader) {
    log.say("backup \"" + base->key().name + "\" cannot serve as base: " + reader.error().text());
    log::warn("a completed backup cannot be read",
              {{"name", base->key().name}, {"error", reader.error().text()}});
    return nullptr;
  }
  log.say("base: backup \"" + base->key().name + "\"");
  return *reader;
}

api::Json instance_status(const std::string& name, const galera::Facts& facts) {
  api::Json json = {{"name", name},
                    {"node", facts.node},
                    {"serverVersion", facts.server_version},
                    {"snapshotTime", to_rfc3339(facts.snapshot_time)}};
  if (!facts.cluster_uuid.empty())
    json["galera"] = {{"clusterUUID", facts.cluster_uuid}, {"seqno", facts.seqno}};
  if (!facts.gtid.empty()) json["gtid"] = facts.gtid;
  return json;
}

api::Json databases_status(const galera::InstanceModel& model) {
  api::Json list = api::Json::array();
  for (const galera::Schema& schema : model.schemas) {
    std::uint64_t rows = 0;
    std::uint64_t bytes = 0;
    for (const galera::Table& table : schema.tables) {
      rows += table.totals.rows;
      bytes += table.totals.bytes;
    }
    list.push_back({{"name", schema.name},
                    {"tables", schema.tables.size()},
                    {"rows", rows},
                    {"bytes", bytes}});
  }
  return list;
}

api::Json size_status(const storage::Sizes& sizes) {
  return {{"logical", to_quantity(sizes.logical)},
          {"stored", to_quantity(sizes.stored)},
          {"added", to_quantity(sizes.added)}};
}

// Between the first snapshot of a set and its last.
std::chrono::duration<double> skew_of(const std::vector<galera::InstanceModel>& models) {
  const auto [first, last] = std::ranges::minmax_element(
      models, {}, [](const galera::InstanceModel& model) { return model.facts.snapshot_time; });
  return last->facts.snapshot_time - first->facts.snapshot_time;
}

// The run of one backup: what the steps share.
class BackupRun {
 public:
  BackupRun(const Environment& environment, JobRecord& record, JobControl& control,
            const std::shared_ptr<JobLog>& log, BackupWork& work)
      : environment_(environment),
        record_(record),
        control_(control),
        log_(log),
        work_(work),
        start_(environment.clock->steady_now()),
        models_(work.instances.size()) {
    for (std::size_t i = 0; i < work.instances.size(); ++i)
      progress_.push_back(std::make_unique<galera::Progress>());
  }

  Status execute() {
    const std::stop_token stop = control_.token();
    const unsigned wanted = work_.spec.threads;
    if (const unsigned fit = environment_.threads_within_memory(wanted, kBackupThreadBytes);
        fit < wanted)
      log_->say("reads on " + std::to_string(fit) + " connections instead of " +
                std::to_string(wanted) + ": limits.memory of the server allows no more");
    Status dumped;
    {
      const Reporter reporter(record_, control_, *log_, *environment_.clock, progress_,
                              start_ + work_.spec.active_deadline);
      GB_TRY(begin(stop));
      dumped = dump(stop);
      if (dumped) dumped = seal();
      give_back_donors();
      // Nothing is asked of the instances any more: who must restore one need not wait for this.
      if (dumped) control_.release();
      if (dumped) dumped = verify(stop);
    }
    if (dumped && work_.spec.verification == "Restore") dumped = restore_on_trial();
    return dumped ? complete() : dumped;
  }

  // Whether there is a manifest: from then on another server may take the backup over.
  [[nodiscard]] bool sealed() const { return sealed_; }

  // Removes what a backup wrote that has failed: one that was sealed only after its end was
  // recorded, and if that is of no use to anybody.
  void discard() {
    if (writer_ == nullptr) return;
    if (sealed_ && !is_of_no_use(environment_, *work_.store, record_)) return;
    if (const Status gone = writer_->abandon(); !gone)
      log::warn("what a failed backup wrote could not be removed",
                {{"name", record_.key().name}, {"error", gone.error().text()}});
  }

 private:
  Status begin(const std::stop_token& stop) {
    // One that waited for its turn may find other addresses by now.
    for (BackupWork::Instance& instance : work_.instances)
      if (instance.dump == nullptr) {
        GB_TRY_ASSIGN(instance.endpoint,
                      environment_.instances->resolve(record_.key().ns, instance.name));
      }
    GB_TRY(connect(environment_, log_, work_, stop));
    // The donors are known before anything is asked of them: a takeover looks for them here.
    GB_TRY(record_.update([&](api::Json& status) {
      status["phase"] = "Running";
      status["message"] = "";
      status["instances"] = api::Json::array();  // in place of the bare names: one entry each
      for (const BackupWork::Instance& instance : work_.instances)
        status["instances"].push_back(
            {{"name", instance.name}, {"node", instance.dump->facts().node}});
    }));
    auto base = open_base(environment_, work_, record_.key().ns, *log_);
    GB_TRY_ASSIGN(writer_, storage::BackupWriter::create(*work_.store->blobs, record_.key().ns,
                                                         record_.uid(), std::move(base)));
    return {};
  }

  Status dump(const std::stop_token& stop) {
    for (int attempt = 1;; ++attempt) {
      const bool strict = attempt > kOptimisticAttempts;
      for (BackupWork::Instance& instance : work_.instances) {
        if (strict) instance.dump->set_active_node(active_node_now(instance));
        instance.dump->set_strict(strict);
      }
      Status done = dump_once(stop);
      if (done || done.error().code != Code::kConflict || strict) return done;
      log_->say("begins again from a new snapshot: " + done.error().text());
      environment_.event(*record_.last(), kube::EventType::kWarning, "Restarted",
                         done.error().text());
      GB_TRY(writer_->restart());
      for (auto& part : progress_) part->reset();
    }
  }

  // The node that applications use by now. Where that cannot be found out, they may use the donor.
  std::string active_node_now(const BackupWork::Instance& instance) {
    const auto now = environment_.instances->resolve(record_.key().ns, instance.name);
    if (now && (!now->active_node.empty() || instance.endpoint.active_node.empty()))
      return now->active_node;
    log_->say("which node of instance \"" + instance.name +
              "\" applications use cannot be found out" +
              (now ? std::string() : ": " + now.error().text()));
    return instance.dump->facts().node;
  }

  Status dump_once(const std::stop_token& stop) {
    GB_TRY(for_all(work_.instances, stop, [&](std::size_t i, std::stop_token token) {
      return work_.instances[i].dump->open_snapshot(std::move(token));
    }));
    GB_TRY(record_.update([&](api::Json& status) {
      status["instances"] = api::Json::array();
      for (const BackupWork::Instance& instance : work_.instances)
        status["instances"].push_back(instance_status(instance.name, instance.dump->facts()));
    }));
    for (const BackupWork::Instance& instance : work_.instances) {
      const galera::Facts& facts = instance.dump->facts();
      environment_.event(
          *record_.last(), kube::EventType::kNormal, "SnapshotOpened",
          "instance " + instance.name + ": reading from " + facts.node +
              (facts.cluster_uuid.empty() ? std::string()
                                          : " at seqno " + std::to_string(facts.seqno)));
    }
    return for_all(work_.instances, stop, [&](std::size_t i, std::stop_token token) -> Status {
      RepoSink sink(*writer_, work_.instances[i].name);
      GB_TRY_ASSIGN(models_[i],
                    work_.instances[i].dump->run(sink, *progress_[i], std::move(token)));
      return {};
    });
  }

  Status seal() {
    storage::ManifestContent content;
    api::Json object = record_.last()->dom();
    object.erase("status");
    content.object = object.dump();
    for (std::size_t i = 0; i < work_.instances.size(); ++i)
      content.instances.push_back({work_.instances[i].name, galera::to_json(models_[i])});
    GB_TRY_ASSIGN(finished_, writer_->finish(std::move(content)));
    sealed_ = true;
    log_->say("manifest written: " + to_quantity(finished_.sizes.logical) + " of rows, " +
              to_quantity(finished_.sizes.stored) + " stored, " +
              to_quantity(finished_.sizes.added) + " of it new");
    std::optional<std::chrono::duration<double>> skew;  // of one instance there is none
    if (models_.size() > 1) {
      skew = skew_of(models_);
      const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(*skew).count();
      log_->say("the snapshots of the set lie " + std::to_string(ms) + " ms apart");
    }
    return record_.update([&](api::Json& status) {
      status["phase"] = "Verifying";
      if (skew) status["skewSeconds"] = skew->count();
      status["digest"] = digest_text(finished_.digest);
      status["size"] = size_status(finished_.sizes);
      status["location"] = work_.store->url + "/data/" + record_.key().ns + "/" + record_.uid();
      status["instances"] = api::Json::array();
      for (std::size_t i = 0; i < work_.instances.size(); ++i) {
        api::Json json = instance_status(work_.instances[i].name, models_[i].facts);
        json["flowControlPaused"] = work_.instances[i].dump->flow_control_paused();
        json["databases"] = databases_status(models_[i]);
        status["instances"].push_back(std::move(json));
      }
    });
  }

  // Nothing is read from them any more. One that could not be brought back into flow control then
  // is asked again by whoever looks for it (left_donors.h), also when the backup was cancelled.
  void give_back_donors() {
    DonorMark mark{record_.key().ns, record_.uid(), record_.key().name, {}};
    for (BackupWork::Instance& instance : work_.instances) {
      if (instance.dump->took_donor_out()) mark.donors[instance.name] = instance.dump->facts().node;
      instance.dump.reset();
    }
    if (mark.donors.empty()) return;
    const auto left = bring_donors_back(environment_, std::move(mark), {});
    if (!left)
      log::error("which donors are left out of flow control could not be recorded",
                 {{"name", record_.key().name}, {"error", left.error().text()}});
    else if (!left->empty())
      log_->say("left out of its cluster's flow control: " + join(*left, ", ") +
                "; it is asked again until it is back");
  }

  Status verify(const std::stop_token& stop) {
    if (work_.spec.verification == "None") return {};
    Status verified = read_back(stop);
    // A store that does not answer has proven nothing.
    if (!verified && verified.error().code == Code::kCorruption)
      tell_mismatch(facts::kMismatch, verified.error());
    return verified;
  }

  // Whether what was read back can be restored.
  Status restore_on_trial() {
    GB_TRY_ASSIGN(const ProgressParts progress, progress_of_trial(*reader_));
    GB_TRY(record_.update([&](api::Json& status) {
      status["progress"] = progress_json(progress, std::chrono::milliseconds(0), false);
    }));
    Result<Trial> trial = [&] {
      const Reporter reporter(record_, control_, *log_, *environment_.clock, progress,
                              start_ + work_.spec.active_deadline);
      return try_restore(environment_, work_.spec, record_.key().ns, reader_, progress, control_,
                         log_);
    }();
    if (!trial) {
      if (trial.error().code == Code::kCorruption) tell_mismatch(facts::kMismatch, trial.error());
      return fail(std::move(trial).error());
    }
    trial_ = std::move(*trial);
    log_->say(trial_->message);
    if (trial_->outcome != Trial::Outcome::kRefuted) return {};
    Error error{Code::kCorruption, trial_->message, "", {}, nullptr};
    tell_mismatch(trial_->reason, error);
    return fail(std::move(error));
  }

  Status read_back(const std::stop_token& stop) {
    auto reader = jobs::read_back(environment_, *work_.store, record_.key().ns, record_.uid(),
                                  finished_.digest, work_.spec, stop);
    if (!reader) return wrap("what was written does not read back as it was", reader.error());
    reader_ = std::move(*reader);
    verified_tables_ = reader_->manifest().tables.size();
    log_->say("read back: every digest of " + std::to_string(verified_tables_) +
              " tables is right");
    return {};
  }

  void tell_mismatch(const std::string& reason, const Error& error) {
    jobs::tell_mismatch(environment_, record_, reason, error,
                        trial_ ? verification_json(environment_.clock->now()) : api::Json());
  }

  [[nodiscard]] api::Json verification_json(WallTime now) const {
    const bool restored = trial_ && trial_->outcome != Trial::Outcome::kNotShown;
    return jobs::verification_json(now, restored ? "Restore" : "Checksum",
                                   restored ? trial_->tables : verified_tables_,
                                   restored ? trial_->mismatches : 0);
  }

  void write_verdict(api::Json& status, WallTime now) const {
    if (work_.spec.verification == "None")
      return api::set_condition(status, "Verified", "False", "NotRequested",
                                "spec.verification is None", now);
    status["verification"] = verification_json(now);
    const std::string read_back = "every byte was read back and compared";
    if (!trial_)
      api::set_condition(status, "Verified", "True", "Checksum", read_back, now);
    else if (trial_->outcome == Trial::Outcome::kRestored)
      api::set_condition(status, "Verified", "True", trial_->reason, trial_->message, now);
    else
      api::set_condition(status, "Verified", "Unknown", trial_->reason,
                         read_back + ", but not restored: " + trial_->message, now);
  }

  Status complete() {
    const auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(
        environment_.clock->steady_now() - start_);
    std::vector<std::string> notes;
    for (const galera::InstanceModel& model : models_)
      notes.insert(notes.end(), model.notes.begin(), model.notes.end());
    for (const std::string& note : notes) log_->say("note: " + note);
    const bool untried = trial_ && trial_->outcome == Trial::Outcome::kNotShown;
    if (untried) notes.insert(notes.begin(), "not verified by a restore: " + trial_->message);
    GB_TRY(record_end(record_, control_, *log_, [&](api::Json& status) {
      const WallTime now = environment_.clock->now();
      status["phase"] = "Completed";
      status["message"] = join(notes, "; ");
      status["completionTime"] = to_rfc3339(now);
      if (work_.spec.ttl) status["expirationTime"] = to_rfc3339(now + *work_.spec.ttl);
      status["progress"] = progress_json(progress_, elapsed, true);
      api::set_condition(status, "Completed", "True", "Completed",
                         "everything is in the store and durable", now);
      write_verdict(status, now);
    }));
    if (untried)
      environment_.event(*record_.last(), kube::EventType::kWarning, "NotVerified",
                         trial_->message);
    const std::string told = "backup completed: " + to_quantity(finished_.sizes.logical) +
                             " of rows, " + to_quantity(finished_.sizes.added) +
                             " added to the store";
    log_->say("Completed");
    log::info("backup completed", {{"namespace", record_.key().ns},
                                   {"name", record_.key().name},
                                   {"logicalBytes", finished_.sizes.logical},
                                   {"addedBytes", finished_.sizes.added},
                                   {"milliseconds", static_cast<std::int64_t>(elapsed.count())}});
    environment_.event(*record_.last(), kube::EventType::kNormal, "Completed", told);
    count_ending(environment_, record_.key(), {"Completed", "Completed", told});
    return {};
  }

  const Environment& environment_;
  JobRecord& record_;
  JobControl& control_;
  const std::shared_ptr<JobLog>& log_;
  BackupWork& work_;
  const SteadyTime start_;
  ProgressParts progress_;
  std::vector<galera::InstanceModel> models_;
  std::unique_ptr<storage::BackupWriter> writer_;
  storage::FinishedBackup finished_;
  bool sealed_ = false;                                  // finished_ is there
  std::shared_ptr<const storage::BackupReader> reader_;  // of what was written
  std::uint64_t verified_tables_ = 0;
  std::optional<Trial> trial_;
};

}  // namespace

Result<BackupWork> resolve_backup(const Environment& environment, const api::Json& object) {
  BackupWork work;
  work.spec = api::read_backup_spec(object);
  GB_TRY_ASSIGN(work.store, environment.find_store(work.spec.store));
  const std::string ns = object.at("metadata").value("namespace", "");
  for (const std::string& name : work.spec.database_instances) {
    GB_TRY_ASSIGN(galera::Endpoint endpoint, environment.instances->resolve(ns, name));
    work.instances.push_back({name, std::move(endpoint), nullptr});
  }
  return work;
}

Result<BackupWork> prepare_backup(const Environment& environment, const api::Json& object,
                                  const std::shared_ptr<JobLog>& log, std::stop_token stop) {
  GB_TRY_ASSIGN(BackupWork work, resolve_backup(environment, object));
  GB_TRY(connect(environment, log, work, stop));
  return work;
}

api::Json initial_backup_status(const Environment& environment, const BackupWork& work) {
  const WallTime now = environment.clock->now();
  api::Json status = {{"phase", "Pending"},
                      {"message", ""},
                      {"startTime", to_rfc3339(now)},
                      {"executor", environment.executor.to_json()},
                      {"instances", api::Json::array()},
                      {"progress", progress_json({}, std::chrono::milliseconds(0), false)}};
  for (const BackupWork::Instance& instance : work.instances)
    status["instances"].push_back({{"name", instance.name}});
  api::set_condition(status, "Completed", "False", "Pending", "the backup has not ended yet", now);
  return status;
}

bool is_of_no_use(const Environment& environment, const Store& store, const JobRecord& record) {
  const auto object = environment.catalog->get(record.key());
  if (!object && object.error().code != Code::kNotFound) return false;
  if (object && (*object)->uid() == record.uid()) {
    const std::string phase = api::phase_of((*object)->dom());
    return phase != "Completed" && api::is_terminal_phase(phase);
  }
  const auto kept = is_in_trash(store, record.key().ns, record.uid());
  return kept && !*kept;
}

Status run_backup(const Environment& environment, JobRecord& record, JobControl& control,
                  const std::shared_ptr<JobLog>& log, BackupWork work) {
  environment.event(
      *record.last(), kube::EventType::kNormal, "Started",
      "backup of " + join(work.spec.database_instances, ", ") + " into store " + work.store->name);
  BackupRun run(environment, record, control, log, work);
  const Status done = guarded("a backup", [&] { return run.execute(); });
  if (done) return {};
  std::vector<const galera::Endpoint*> endpoints;
  for (const BackupWork::Instance& instance : work.instances)
    endpoints.push_back(&instance.endpoint);
  Error error = explained_by_instances(environment, record.key().ns, endpoints, done.error());
  // The space first: in a store that is full there is none for the record of this end.
  if (!run.sealed()) run.discard();
  end_failed(environment, record, control, *log, error);
  if (run.sealed()) run.discard();
  return fail(std::move(error));
}

}  // namespace gb::jobs
