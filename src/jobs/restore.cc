#include "jobs/restore.h"

#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "api/schema.h"
#include "base/guarded.h"
#include "base/log.h"
#include "base/text.h"
#include "jobs/backup.h"
#include "jobs/facts.h"
#include "jobs/finish.h"
#include "jobs/instance_state.h"
#include "jobs/left_blocks.h"
#include "jobs/repo_streams.h"
#include "jobs/reporter.h"

namespace gb::jobs {
namespace {

api::Json preflight_json(const RestoreWork& work) {
  api::Json list = api::Json::array();
  for (const RestoreWork::Instance& instance : work.instances)
    for (const galera::PreflightCheck& check : instance.plan.preflight)
      list.push_back({{"instance", instance.target},
                      {"check", check.check},
                      {"passed", check.passed},
                      {"message", check.message}});
  return list;
}

api::Json rows_json(const galera::PlanEntry& entry) {
  api::Json list = api::Json::array();
  for (const galera::PlanEntry::TableRows& table : entry.table_rows) {
    api::Json json = {{"table", table.table}, {"rows", table.rows}};
    if (table.target_rows) json["targetRows"] = *table.target_rows;
    list.push_back(std::move(json));
  }
  return list;
}

// Table by table only where it is not kept: an object of thousands of tables is read by every list.
api::Json plan_json(const RestoreWork& work, bool by_table) {
  api::Json list = api::Json::array();
  for (const RestoreWork::Instance& instance : work.instances)
    for (const galera::PlanEntry& entry : instance.plan.schemas) {
      api::Json json = {{"instance", instance.target},
                        {"schema", entry.schema},
                        {"action", entry.action},
                        {"tables", entry.tables},
                        {"rows", entry.rows},
                        {"bytes", entry.bytes},
                        {"onlyInTarget", entry.only_in_target},
                        {"onlyInBackup", entry.only_in_backup}};
      if (by_table) json["tableRows"] = rows_json(entry);
      if (entry.from != entry.schema) json["source"] = entry.from;
      list.push_back(std::move(json));
    }
  return list;
}

std::vector<std::string> notes_of(const RestoreWork& work) {
  std::vector<std::string> notes = work.notes;
  for (const RestoreWork::Instance& instance : work.instances)
    notes.insert(notes.end(), instance.plan.notes.begin(), instance.plan.notes.end());
  return notes;
}

// What of them a status holds, which is read with every list.
std::string notes_text(const std::vector<std::string>& notes) {
  constexpr std::size_t kMost = 16U << 10;  // bytes
  std::string out;
  for (std::size_t i = 0; i < notes.size(); ++i) {
    if (i > 0 && out.size() + notes[i].size() > kMost)
      return out + "; " + std::to_string(notes.size() - i) + " notes more are in its log";
    out += (i == 0 ? "" : "; ") + notes[i];
  }
  return out;
}

class RestoreRun {
 public:
  RestoreRun(const Environment& environment, JobRecord& record, JobControl& control,
             const std::shared_ptr<JobLog>& log, RestoreWork& work)
      : environment_(environment),
        record_(record),
        control_(control),
        log_(log),
        work_(work),
        mark_{record.key().ns, record.uid(), record.key().name, {}, {}},
        start_(environment.clock->steady_now()) {
    for (std::size_t i = 0; i < work.instances.size(); ++i)
      progress_.push_back(std::make_unique<galera::Progress>());
  }

  Status execute() {
    const std::stop_token stop = control_.token();
    {
      const Reporter reporter(record_, control_, *log_, *environment_.clock, progress_,
                              std::nullopt);
      GB_TRY(enter("Preflight"));
      const unsigned threads =
          environment_.threads_within_memory(work_.spec.threads, kRestoreThreadBytes);
      if (Status intact = work_.reader->verify(threads, stop); !intact)
        return wrap("backup \"" + work_.backup->key().name +
                        "\" is damaged; nothing was changed on the target",
                    intact.error());
      log_->say("the whole backup was read: every digest is right");
      GB_TRY(replace_contents(stop));
    }
    return complete();
  }

  [[nodiscard]] const std::string& safety_name() const { return safety_name_; }

 private:
  Status enter(const std::string& phase) {
    log_->say(phase);
    return record_.update([&](api::Json& status) {
      status["phase"] = phase;
      status["message"] = "";
    });
  }

  // What Replace is about to drop is backed up first, as a GaleraBackup of its own: restoring that
  // brings it back. Its job belongs to this one: it runs here, and is stopped with it.
  Status safety_backup() {
    if (work_.spec.existing != "Replace" || !work_.spec.safety_backup) return {};
    std::set<std::string> instances;
    std::set<std::string> schemas;
    for (const RestoreWork::Instance& instance : work_.instances)
      for (const galera::PlanEntry& entry : instance.plan.schemas)
        if (entry.action == "Replace") {
          instances.insert(instance.target);
          schemas.insert(entry.schema);
        }
    if (schemas.empty()) {
      log_->say("no safety backup: nothing is replaced");
      return {};
    }
    GB_TRY(enter("SafetyBackup"));
    // One set of schemas per backup: with several targets each schema must be on each of them, so
    // every target gets the schemas that it has.
    const std::string name = name_of_safety_backup(record_.key().name, record_.uid());
    api::Json object = {
        {"apiVersion", api::kGroupVersion},
        {"kind", "GaleraBackup"},
        {"metadata",
         {{"name", name},
          {"namespace", record_.key().ns},
          {"generation", 1},
          {"labels", {{kSafetyLabel, label_naming(record_.key().name, record_.uid())}}}}},
        {"spec",
         {{"databaseInstances", instances},
          {"databases", schemas},
          {"store", work_.store->name},
          {"threads", work_.spec.threads}}}};
    give_identity(environment_, object);
    api::apply_defaults(*api::find_resource(api::kBackups), object);
    auto log = std::make_shared<JobLog>(*environment_.stores.front().blobs, record_.key().ns,
                                        uid_of(object), *environment_.clock);
    auto prepared = prepare_backup(environment_, object, log, control_.token());
    if (!prepared) return wrap("the safety backup could not begin", prepared.error());
    object["status"] = initial_backup_status(environment_, *prepared);
    const auto mine = environment_.own_jobs->claim(uid_of(object));
    auto created = environment_.catalog->create(api::kBackups, std::move(object));
    if (!created)
      return wrap("the safety backup \"" + name + "\" could not be recorded", created.error());
    JobRecord record(*environment_.catalog, *created, environment_.executor.id);
    // A control of its own: the end of the safety backup must not give back what the restore holds.
    JobControl control(&control_);
    const std::stop_callback forward(control_.token(), [&] { control.stop(control_.cause()); });
    Status done = run_backup(environment_, record, control, log, std::move(*prepared));
    log->end();
    if (!done) return wrap("the safety backup \"" + name + "\" failed", done.error());
    safety_name_ = name;
    log_->say("safety backup \"" + name +
              "\" completed: restoring it brings back what is replaced");
    return record_.update([&](api::Json& status) { status["safetyBackup"] = safety_name_; });
  }

  // Every target is blocked before the safety backup is taken, so that this holds all that is
  // dropped, and given back after the last one was restored, whatever happened: applications that
  // use several must not meet one as it was beside another as it is now.
  Status replace_contents(const std::stop_token& stop) {
    GB_TRY(mark_nodes(stop));
    Status done = guarded("a restore", [&]() -> Status {
      GB_TRY(block_all(stop));
      GB_TRY(safety_backup());
      return restore_all(stop);
    });
    Status given_back = give_back_all();
    if (done && !given_back) return wrap("everything was restored, but", given_back.error());
    if (!given_back) done.error().message += "; " + given_back.error().message;
    return done;
  }

  Status block_all(const std::stop_token& stop) {
    for (RestoreWork::Instance& instance : work_.instances)
      if (Status blocked = instance.restore->block(stop); !blocked)
        return of_instance(instance, std::move(blocked).error());
    return {};
  }

  Status restore_all(const std::stop_token& stop) {
    GB_TRY(enter("Restoring"));
    for (std::size_t i = 0; i < work_.instances.size(); ++i) GB_TRY(restore_instance(i, stop));
    return {};
  }

  // Nodes do not say who made them read_only. Whoever is left must know, before the first one is.
  Status mark_nodes(const std::stop_token& stop) {
    if (!work_.spec.block_traffic) return {};
    for (const RestoreWork::Instance& instance : work_.instances) {
      // A gate says itself who has shut it.
      if (!instance.endpoint.uid.empty()) continue;
      auto before = environment_.engine->read_only_nodes(instance.endpoint, stop);
      if (!before)
        return wrap("nothing was changed on the target: the nodes of instance \"" +
                        instance.target + "\" could not be asked",
                    std::move(before).error());
      if (!before->empty()) mark_.read_only_before[instance.target] = std::move(*before);
      for (const galera::Address& node : instance.endpoint.nodes)
        mark_.nodes[instance.target].push_back(node.text());
      mark_.instances.push_back(instance.target);
    }
    if (mark_.instances.empty()) return {};
    if (Status marked = write_block_mark(*environment_.stores.front().blobs, mark_); !marked)
      return wrap(
          "it could not be recorded that nodes are going to be read_only, so that nothing "
          "was changed on the target",
          marked.error());
    return {};
  }

  // The error of one that stays blocked, after all were tried.
  Status give_back_all() {
    Status all;
    std::vector<std::string> left;
    std::vector<std::string> left_nodes;
    for (RestoreWork::Instance& instance : work_.instances) {
      Status given_back = instance.restore->give_back();
      if (given_back) continue;
      left.push_back(instance.target);
      if (instance.endpoint.uid.empty()) left_nodes.push_back(instance.target);
      all = of_instance(instance, std::move(given_back).error());
    }
    // Where one of these fails, LeftBlocks finds the gate, or the mark as it was, and does it
    // again.
    if (!left.empty())
      (void)record_.update([&](api::Json& status) { status[kTrafficLeftBlocked] = left; });
    if (mark_.instances.empty()) return all;
    if (const Status settled =
            settle_block_mark(*environment_.stores.front().blobs, mark_, left_nodes);
        !settled)
      log::warn("what a restore gave back could not be recorded",
                {{"object", record_.key().name}, {"error", settled.error().text()}});
    return all;
  }

  static tl::unexpected<Error> of_instance(const RestoreWork::Instance& instance, Error error) {
    return wrap("instance \"" + instance.target + "\"", std::move(error));
  }

  Status restore_instance(std::size_t i, const std::stop_token& stop) {
    RestoreWork::Instance& instance = work_.instances[i];
    RepoSource source(work_.reader, instance.source);
    // With several targets all others are done by then. Where it cannot be recorded, the next
    // renewal cannot be either, which stops the work.
    if (i + 1 == work_.instances.size())
      progress_[i]->on_compare = [this] { (void)enter("Verifying"); };
    auto report = instance.restore->run(source, *progress_[i], stop);
    if (!report) return of_instance(instance, report.error());
    tables_ += report->tables;
    rows_ += report->rows;
    if (!report->mismatches.empty()) return differs(instance.target, report->mismatches);
    const std::vector<std::string>& planned = instance.plan.notes;
    for (const std::string& note : report->notes) {
      log_->say("note: " + note);
      if (std::ranges::find(planned, note) == planned.end()) found_.push_back(note);
    }
    return {};
  }

  // What was compared until then, and that it is not as it should be, stays told of a restore that
  // fails; that it differs is its end, whether or not the store takes that now.
  Status differs(const std::string& instance,
                 const std::vector<galera::TableComparison>& mismatches) {
    Status failure =
        fail(Code::kCorruption,
             "instance \"" + instance + "\": what was restored differs from the backup in " +
                 names_of(mismatches),
             "writes during the restore do this: block traffic and restore again");
    tell_mismatch(
        environment_, record_, facts::kMismatch, failure.error(),
        verification_json(environment_.clock->now(), "Checksum", tables_, mismatches.size()));
    return failure;
  }

  // The plan's, and what was found to be left out while it was done.
  [[nodiscard]] std::vector<std::string> all_notes() const {
    std::vector<std::string> notes = notes_of(work_);
    notes.insert(notes.end(), found_.begin(), found_.end());
    return notes;
  }

  Status complete() {
    const auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(
        environment_.clock->steady_now() - start_);
    const bool compared = work_.spec.verification != "None";
    GB_TRY(record_end(record_, control_, *log_, [&](api::Json& status) {
      const WallTime now = environment_.clock->now();
      status["phase"] = "Completed";
      status["message"] = notes_text(all_notes());
      status["completionTime"] = to_rfc3339(now);
      status["progress"] = progress_json(progress_, elapsed, true);
      api::set_condition(status, "Completed", "True", "Completed", "everything was restored", now);
      if (compared) status["verification"] = verification_json(now, "Checksum", tables_, 0);
      api::set_condition(status, "Verified", compared ? "True" : "False",
                         compared ? "Checksum" : "NotRequested",
                         compared ? "every restored table was compared with the backup"
                                  : "spec.verification is None",
                         now);
    }));
    const std::string told = "restore completed: " + std::to_string(rows_) + " rows in " +
                             std::to_string(tables_) + " tables" +
                             (compared ? ", every table compared with the backup" : "");
    log_->say("Completed: " + told);
    log::info("restore completed", {{"namespace", record_.key().ns},
                                    {"name", record_.key().name},
                                    {"rows", rows_},
                                    {"tables", tables_},
                                    {"milliseconds", static_cast<std::int64_t>(elapsed.count())}});
    environment_.event(*record_.last(), kube::EventType::kNormal, "Completed", told);
    count_ending(environment_, record_.key(), {"Completed", "Completed", told});
    return {};
  }

  const Environment& environment_;
  JobRecord& record_;
  JobControl& control_;
  const std::shared_ptr<JobLog>& log_;
  RestoreWork& work_;
  BlockMark mark_;  // of the instances whose nodes are made read_only
  const SteadyTime start_;
  ProgressParts progress_;
  std::string safety_name_;
  std::vector<std::string> found_;  // what a restore noted that its plan had not
  std::uint64_t tables_ = 0;
  std::uint64_t rows_ = 0;
};

}  // namespace

std::string names_of(const std::vector<galera::TableComparison>& mismatches) {
  std::vector<std::string> tables;
  for (const galera::TableComparison& m : mismatches)
    tables.push_back(m.schema + "." + m.table + " (" + std::to_string(m.found.rows) + " of " +
                     std::to_string(m.expected.rows) + " rows)");
  return join(tables, ", ");
}

api::Json initial_restore_status(const Environment& environment, const RestoreWork& work,
                                 bool dry_run) {
  const WallTime now = environment.clock->now();
  api::Json status = {
      {"phase", "Pending"},
      // A dry run is kept nowhere, and has no log.
      {"message", dry_run ? join(notes_of(work), "; ") : notes_text(notes_of(work))},
      {"backup", work.backup->key().name},
      {"startTime", to_rfc3339(now)},
      {"executor", environment.executor.to_json()},
      {"preflight", preflight_json(work)},
      {"plan", plan_json(work, dry_run)},
      {"progress", progress_json({}, std::chrono::milliseconds(0), false)}};
  api::set_condition(status, "Completed", "False", "Pending", "the restore has not ended yet", now);
  return status;
}

Status run_restore(const Environment& environment, JobRecord& record, JobControl& control,
                   const std::shared_ptr<JobLog>& log, RestoreWork work) {
  environment.event(*record.last(), kube::EventType::kNormal, "Started",
                    "restore of backup " + work.backup->key().name);
  RestoreRun run(environment, record, control, log, work);
  Status done = guarded("a restore", [&] { return run.execute(); });
  if (!done) {
    std::vector<const galera::Endpoint*> endpoints;
    for (const RestoreWork::Instance& instance : work.instances)
      endpoints.push_back(&instance.endpoint);
    Error error = explained_by_instances(environment, record.key().ns, endpoints, done.error());
    if (!run.safety_name().empty())
      error.hint += (error.hint.empty() ? "" : "; ") +
                    ("to go back, restore the safety backup \"" + run.safety_name() + "\"");
    end_failed(environment, record, control, *log, error);
    return fail(std::move(error));
  }
  return done;
}

}  // namespace gb::jobs
