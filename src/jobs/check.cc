#include "jobs/check.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "api/text.h"
#include "base/guarded.h"
#include "base/log.h"
#include "base/text.h"
#include "jobs/comparison.h"
#include "jobs/facts.h"
#include "jobs/finish.h"
#include "jobs/read_back.h"
#include "jobs/repo_streams.h"
#include "jobs/reporter.h"
#include "jobs/trial.h"

namespace gb::jobs {
namespace {

// Of an object that every list shows; `kubectl galera local diff` tells all.
constexpr std::size_t kToldDifferences = 100;

constexpr std::pair<const char*, CheckMethod> kMethods[] = {{"Checksum", CheckMethod::kChecksum},
                                                            {"Live", CheckMethod::kLive},
                                                            {"Restore", CheckMethod::kRestore}};

Result<CheckMethod> read_method(const std::string& text) {
  std::vector<std::string> known;
  for (const auto& [name, method] : kMethods) {
    if (name == text) return method;
    known.emplace_back(name);
  }
  return fail(Code::kInvalid, "there is no method \"" + text + "\" to verify a backup",
              "use one of: " + join(known, ", "));
}

Status require_completed(const api::Object& backup) {
  const std::string phase = api::phase_of(backup.dom());
  if (phase == "Completed" && !backup.being_deleted()) return {};
  return fail(Code::kConflict,
              "backup \"" + backup.key().name + "\" is " +
                  (backup.being_deleted()
                       ? "being deleted"
                       : (phase.empty() ? "Pending" : phase) + std::string(", not Completed")),
              "only a completed backup can be verified");
}

class CheckRun {
 public:
  CheckRun(const Environment& environment, JobRecord& record, JobControl& control,
           const std::shared_ptr<JobLog>& log, const CheckWork& work)
      : environment_(environment),
        record_(record),
        control_(control),
        log_(log),
        work_(work),
        deadline_(environment.clock->steady_now() + work.spec.active_deadline) {}

  void execute() {
    auto found = guarded("a verification", [this] { return look(); });
    end(found ? std::move(*found) : not_found_out(found.error()));
  }

 private:
  struct Found {
    std::string phase;
    std::string message;
    std::string verified{};    // the status of the condition; empty: nothing new is known
    std::string reason{};      // of the condition
    api::Json verification{};  // null: what is there stays
    api::Json comparison{};    // the same
  };

  Result<Found> look() {
    if (work_.method == CheckMethod::kLive) return compare();
    GB_TRY_ASSIGN(Found found, read());
    if (work_.method == CheckMethod::kChecksum || found.phase != "Passed") return found;
    return restore(std::move(found));
  }

  Result<Found> read() {
    const auto read = [&] {
      const ProgressParts none;
      const Reporter reporter(record_, control_, *log_, *environment_.clock, none, deadline_);
      return read_back(environment_, *work_.store, record_.key().ns, record_.uid(), work_.digest,
                       work_.spec, control_.token());
    }();
    const WallTime now = environment_.clock->now();
    if (read) {
      reader_ = *read;
      const std::size_t tables = reader_->manifest().tables.size();
      log_->say("read back: every digest of " + std::to_string(tables) + " tables is right");
      return Found{"Passed", "every byte was read back and compared", "True", "Checksum",
                   verification_json(now, "Checksum", tables, 0)};
    }
    const Code code = read.error().code;
    if (control_.cause() != StopCause::kNone ||
        (code != Code::kCorruption && code != Code::kNotFound))
      return fail(read.error());
    return Found{"Failed",
                 "the backup is damaged: " + read.error().text() +
                     "; take another one (kubectl galera local check --read-data tells all that "
                     "is damaged in the store)",
                 "False", facts::kMismatch};
  }

  Result<Found> restore(Found read) {
    GB_TRY_ASSIGN(const ProgressParts progress, progress_of_trial(*reader_));
    GB_TRY_ASSIGN(const Trial trial, [&] {
      const Reporter reporter(record_, control_, *log_, *environment_.clock, progress, deadline_);
      return try_restore(environment_, work_.spec, record_.key().ns, reader_, progress, control_,
                         log_);
    }());
    log_->say(trial.message);
    if (trial.outcome == Trial::Outcome::kNotShown) {
      read.phase = "Inconclusive";
      read.message = "not restored: " + trial.message + "; " + read.message;
      return read;
    }
    const bool restored = trial.outcome == Trial::Outcome::kRestored;
    return Found{
        restored ? "Passed" : "Failed", trial.message, restored ? "True" : "False", trial.reason,
        verification_json(environment_.clock->now(), "Restore", trial.tables, trial.mismatches)};
  }

  Result<Found> compare() {
    GB_TRY_ASSIGN(const auto reader,
                  storage::BackupReader::open(*work_.store->blobs, record_.key().ns, record_.uid(),
                                              work_.digest));
    galera::DumpOptions options;
    options.databases = work_.spec.databases;
    options.exclude_databases = work_.spec.exclude_databases;
    options.exclude_tables = work_.spec.exclude_tables;
    options.threads = environment_.threads_within_memory(work_.spec.threads, kBackupThreadBytes);
    ProgressParts progress;
    for (std::size_t i = 0; i < work_.instances.size(); ++i)
      progress.push_back(std::make_unique<galera::Progress>());
    const Reporter reporter(record_, control_, *log_, *environment_.clock, progress, deadline_);
    api::Json instances = api::Json::array();
    std::size_t same = 0;
    std::size_t all = 0;
    std::size_t definitions = 0;
    for (std::size_t i = 0; i < work_.instances.size(); ++i) {
      const std::string& name = work_.instances[i].name;
      GB_TRY_ASSIGN(const galera::InstanceModel model, model_of(*reader, name));
      RepoSource source(reader, name);
      auto difference = environment_.engine->diff(work_.instances[i], options, model, source,
                                                  *progress[i], control_.token());
      if (!difference) return wrap("instance \"" + name + "\"", std::move(difference).error());
      api::Json json = comparison_json(*difference, kToldDifferences);
      same += json["equalTables"].get<std::size_t>();
      all += difference->tables.size();
      definitions += difference->definitions.size();
      json["name"] = name;
      instances.push_back(std::move(json));
    }
    const bool equal = same == all && definitions == 0;
    std::string told =
        std::to_string(same) + " of " + std::to_string(all) + " tables are as in the backup";
    if (definitions > 0)
      told += "; " + std::to_string(definitions) +
              (definitions == 1 ? " definition differs" : " definitions differ");
    log_->say(told);
    Found found{equal ? "Passed" : "Differs", told};
    found.comparison = {{"time", to_rfc3339(environment_.clock->now())},
                        {"equal", equal},
                        {"instances", std::move(instances)}};
    return found;
  }

  static Result<galera::InstanceModel> model_of(const storage::BackupReader& reader,
                                                const std::string& instance) {
    for (const auto& content : reader.manifest().content.instances)
      if (content.name == instance) return galera::from_json(content.content);
    return fail(Code::kCorruption, "the backup does not hold the instance \"" + instance + "\"");
  }

  // What an end without an answer is told to be.
  [[nodiscard]] Found not_found_out(const Error& error) const {
    switch (control_.cause()) {
      case StopCause::kCancelled:
        return {"Cancelled", control_.stopped_by().empty()
                                 ? "it was cancelled"
                                 : "it was cancelled by " + control_.stopped_by()};
      case StopCause::kDeadline:
        return {"Inconclusive", "it was ended after spec.activeDeadline of the backup"};
      case StopCause::kShutdown:
        return {"Inconclusive", "the server was stopped; ask for it again"};
      default:
        return {"Inconclusive", error.text()};
    }
  }

  void end(Found found) {
    log_->say(found.phase + ": " + found.message);
    const Status recorded = record_end(record_, control_, *log_, [&](api::Json& status) {
      const WallTime now = environment_.clock->now();
      write_check_end(status, found.phase, found.message, now);
      if (!found.verification.is_null()) status["verification"] = found.verification;
      if (!found.comparison.is_null()) status["comparison"] = found.comparison;
      if (!found.verified.empty())
        api::set_condition(status, "Verified", found.verified, found.reason, found.message, now);
    });
    if (!recorded) return;  // deleted, or another server's by now
    const bool bad = found.phase != "Passed" && found.phase != "Differs";
    log::info("backup verified", {{"namespace", record_.key().ns},
                                  {"name", record_.key().name},
                                  {"phase", found.phase},
                                  {"message", found.message}});
    environment_.event(*record_.last(), bad ? kube::EventType::kWarning : kube::EventType::kNormal,
                       found.phase == "Failed" ? "VerificationFailed" : "Verified" + found.phase,
                       found.message);
    if (environment_.metrics != nullptr)
      environment_.metrics->count("galera_backup_checks_total",
                                  "Checks of finished backups, by how they ended.",
                                  {{"phase", found.phase}});
  }

  const Environment& environment_;
  JobRecord& record_;
  JobControl& control_;
  const std::shared_ptr<JobLog>& log_;
  const CheckWork& work_;
  const SteadyTime deadline_;
  std::shared_ptr<const storage::BackupReader> reader_;
};

}  // namespace

Result<CheckWork> prepare_check(const Environment& environment, const api::Object& backup,
                                const std::string& method, std::stop_token stop) {
  CheckWork work;
  GB_TRY_ASSIGN(work.method, read_method(method));
  GB_TRY(require_completed(backup));
  const api::Json dom = backup.dom();
  work.spec = api::read_backup_spec(dom);
  GB_TRY_ASSIGN(work.store, environment.store_of(dom));
  const auto digest = digest_of(dom);
  if (!digest)
    return fail(Code::kCorruption,
                "backup \"" + backup.key().name + "\" has no valid status.digest",
                "kubectl galera local check reads the repository");
  work.digest = *digest;
  if (work.method == CheckMethod::kRestore)
    for (const api::Json& instance : api::at_path(dom, "status.instances"))
      GB_TRY(require_trial(environment, api::text_member(instance, "serverVersion"), stop));
  if (work.method != CheckMethod::kLive) return work;
  if (work.spec.content == "Grants")
    return fail(Code::kInvalid,
                "the backup holds accounts and rights alone, which are not compared",
                "compare one with content: All or Data");
  for (const std::string& name : work.spec.database_instances) {
    GB_TRY_ASSIGN(galera::Endpoint endpoint, environment.instances->resolve(backup.key().ns, name));
    work.instances.push_back(std::move(endpoint));
  }
  return work;
}

Result<api::Json> initial_check(const Environment& environment, const api::Json& status,
                                const std::string& method, const kube::User& user) {
  const api::Json& before = api::member(status, kCheck);
  if (api::text_member(before, "phase") == "Running")
    return fail(Code::kConflict,
                "it is being verified since " + api::text_member(before, "startTime") +
                    " (method " + api::text_member(before, "method") + ")",
                "wait until that has ended, or cancel it: kubectl galera cancel");
  return api::Json{{"phase", "Running"}, {"method", method},
                   {"user", user.name},  {"startTime", to_rfc3339(environment.clock->now())},
                   {"message", ""},      {"executor", environment.executor.to_json()}};
}

void run_check(const Environment& environment, JobRecord& record, JobControl& control,
               const std::shared_ptr<JobLog>& log, const CheckWork& work) {
  CheckRun(environment, record, control, log, work).execute();
}

void write_check_end(api::Json& status, std::string_view phase, const std::string& message,
                     WallTime now) {
  api::Json& check = status[kCheck];
  check["phase"] = phase;
  check["message"] = message;
  check["completionTime"] = to_rfc3339(now);
  for (const char* field : {"executor", "progress", "cancellation"}) check.erase(field);
}

}  // namespace gb::jobs
