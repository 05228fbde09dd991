#include "jobs/trial.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>
#include <vector>

#include "base/text.h"
#include "base/wait.h"
#include "galera/scratch_server.h"
#include "galera/server_version.h"
#include "jobs/facts.h"
#include "jobs/repo_streams.h"
#include "jobs/restore.h"

namespace gb::jobs {
namespace {

// InnoDB takes more than the rows: pages that are not full, and the other keys.
constexpr std::uint64_t kSpacePerByte = 2;
// A server that fills its disk would hang rather than fail.
constexpr std::uint64_t kSpaceLeft = std::uint64_t{64} << 20;
constexpr std::chrono::milliseconds kLookAtSpaceEvery{250};
constexpr std::chrono::seconds kTurnLook{1};

Trial not_shown(std::string reason, std::string message) {
  return {Trial::Outcome::kNotShown, std::move(reason), std::move(message), 0, 0};
}

std::uint64_t bytes_of(const galera::InstanceModel& model) {
  std::uint64_t bytes = 0;
  for (const galera::Schema& schema : model.schemas)
    for (const galera::Table& table : schema.tables)
      if (!table.data_excluded) bytes += table.totals.bytes;
  return bytes;
}

// Stops what runs before the disk is full.
class SpaceGuard {
 public:
  SpaceGuard(const galera::ScratchServer& server, std::stop_source& work)
      : thread_([this, &server, &work](const std::stop_token& stop) {
          while (sleep_for(stop, kLookAtSpaceEvery)) {
            if (server.free_bytes() >= kSpaceLeft) continue;
            full_ = true;
            work.request_stop();
            return;
          }
        }) {}
  [[nodiscard]] bool full() const { return full_; }

 private:
  std::atomic<bool> full_{false};
  std::jthread thread_;  // last: it uses the others
};

class TrialRun {
 public:
  TrialRun(const Environment& environment, const api::BackupSpec& spec,
           const std::shared_ptr<const storage::BackupReader>& reader, JobControl& control,
           const std::shared_ptr<JobLog>& log)
      : environment_(environment), spec_(spec), reader_(reader), control_(control), log_(log) {}

  // An error is an interruption, or of reading the backup.
  Result<Trial> run(const std::string& ns, const ProgressParts& progress) {
    const std::stop_token stop = control_.token();
    GB_TRY(wait_for_turn(ns, stop));
    Trial all;
    const auto& instances = reader_->manifest().content.instances;
    for (std::size_t i = 0; i < instances.size(); ++i) {
      auto model = galera::from_json(instances[i].content);
      if (!model) return wrap("instance \"" + instances[i].name + "\"", std::move(model).error());
      GB_TRY_ASSIGN(Trial one, try_instance(instances[i].name, *model, *progress.at(i)));
      one.tables += all.tables;
      all = std::move(one);
      if (all.outcome != Trial::Outcome::kRestored) return all;
    }
    all.reason = "Restore";
    all.message = "restored into a scratch server (MariaDB " + version_ + "), where " +
                  std::to_string(all.tables) + " tables were compared with the backup, row by row";
    return all;
  }

 private:
  [[nodiscard]] std::string enlarge() const {
    return "let " + environment_.scratch->settings().place +
           " name a folder on a larger disk, or use verification: Checksum";
  }

  Status wait_for_turn(const std::string& ns, const std::stop_token& stop) {
    place_ = environment_.trials->enter(ns);
    if (place_->wait(std::chrono::milliseconds(0), {})) return {};
    log_->say("waits for its turn to be restored: one backup is at a time");
    while (!place_->wait(kTurnLook, stop))
      if (stop.stop_requested()) return fail(Code::kCancelled, "stopped while it waited");
    return {};
  }

  Result<Trial> try_instance(const std::string& name, const galera::InstanceModel& model,
                             galera::Progress& progress) {
    const std::string what = "instance \"" + name + "\"";
    // Nothing that could be restored: no account, and no schema was asked for.
    if (spec_.content == "Grants" && model.accounts.empty()) return Trial{};
    const std::stop_token stop = control_.token();
    if (auto possible = require_trial(environment_, model.facts.server_version, stop); !possible) {
      if (stop.stop_requested()) return fail(std::move(possible).error());
      return not_shown("NoScratchServer", possible.error().text());
    }
    GB_TRY_ASSIGN(version_, environment_.scratch->version(stop));
    log_->say(what + ": restoring it into a scratch server (MariaDB " + version_ + ")");
    auto started = environment_.scratch->start(model.facts.innodb_page_size, stop);
    if (!started) {
      if (stop.stop_requested()) return fail(std::move(started).error());
      return not_shown("NoScratchServer", "no scratch server: " + started.error().text());
    }
    const galera::ScratchServer& server = **started;
    const std::uint64_t needed = bytes_of(model) * kSpacePerByte + kSpaceLeft;
    if (const std::uint64_t free = server.free_bytes(); free < needed)
      return not_shown("NoScratchSpace", what + " may take " + to_quantity(needed) +
                                             ", and where the scratch server lies only " +
                                             to_quantity(free) + " are free; " + enlarge());

    std::stop_source work;
    const std::stop_callback forward(stop, [&] { work.request_stop(); });
    const SpaceGuard guard(server, work);
    auto tried = restore_into(server, name, model, progress, work.get_token());
    if (tried) return tried;
    if (stop.stop_requested()) return tried;
    if (guard.full())
      return not_shown("NoScratchSpace",
                       "the disk that the scratch server lies on has become full; " + enlarge());
    Error error = server.explain(std::move(tried).error());
    // What happened to the server says nothing of the backup.
    const Code code = error.code;
    if (code == Code::kUnavailable || code == Code::kNoSpace || code == Code::kExhausted)
      return not_shown("ScratchServerFailed", what + ": " + error.text());
    error.hint =
        "change at the source what the server refused, or use verification: Checksum, which keeps "
        "such a backup";
    return Trial{Trial::Outcome::kRefuted, "NotRestorable",
                 "what was written cannot be restored: " + what + ": " + error.text(), 0, 0};
  }

  Result<Trial> restore_into(const galera::ScratchServer& server, const std::string& name,
                             const galera::InstanceModel& model, galera::Progress& progress,
                             const std::stop_token& stop) {
    GB_TRY(server.make_ready(model, stop));
    galera::RestoreOptions options;
    options.content = content_of(spec_.content);
    options.threads = environment_.threads_within_memory(spec_.threads, kRestoreThreadBytes);
    const auto restore = environment_.engine->restore(
        server.endpoint(name), std::move(options), model,
        [log = log_, name](const std::string& text) { log->say("scratch " + name + ": " + text); });
    GB_TRY_ASSIGN(const galera::RestorePlan plan, restore->plan(stop));
    std::vector<std::string> unfit;
    for (const galera::PreflightCheck& check : plan.preflight)
      if (!check.passed) unfit.push_back(check.check + ": " + check.message);
    if (!unfit.empty())
      return not_shown("ScratchServerUnfit",
                       "instance \"" + name +
                           "\" cannot be restored into a scratch server: " + join(unfit, "; "));
    RepoSource source(reader_, name);
    GB_TRY_ASSIGN(const galera::RestoreReport report, restore->run(source, progress, stop));
    Trial trial;
    trial.tables = report.tables;
    trial.mismatches = report.mismatches.size();
    if (report.mismatches.empty()) {
      // One of another series may print the same in other words.
      if (galera::is_newer_series(version_, model.facts.server_version)) return trial;
      GB_TRY_ASSIGN(const std::string differs, server.compare_definitions(model, stop));
      if (differs.empty()) return trial;
      return not_shown("DefinitionDiffers",
                       "instance \"" + name +
                           "\" comes back with every row, but not with every definition as the "
                           "server printed it: " +
                           differs + "; compare that one after a restore beside the live schema");
    }
    trial.outcome = Trial::Outcome::kRefuted;
    trial.reason = facts::kMismatch;
    trial.message = "what was written is restored otherwise than it was read: instance \"" + name +
                    "\": " + names_of(report.mismatches);
    return trial;
  }

  const Environment& environment_;
  const api::BackupSpec& spec_;
  const std::shared_ptr<const storage::BackupReader>& reader_;
  JobControl& control_;
  const std::shared_ptr<JobLog>& log_;
  std::unique_ptr<Slots::Place> place_;
  std::string version_;
};

}  // namespace

Status require_trial(const Environment& environment, const std::string& source,
                     std::stop_token stop) {
  constexpr const char* kInstead = "or use verification: Checksum";
  if (environment.scratch == nullptr)
    return fail(Code::kConflict, "this program verifies no backup by restoring it",
                "use verification: Checksum");
  const auto version = environment.scratch->version(std::move(stop));
  if (!version) {
    Error error = version.error();
    error.code = Code::kConflict;
    error.hint += (error.hint.empty() ? "" : "; ") + std::string(kInstead);
    return wrap("the server has no MariaDB to restore a backup into", std::move(error));
  }
  if (!source.empty() && galera::is_newer_series(source, *version))
    return fail(Code::kConflict,
                "the data is of MariaDB " + source +
                    ", and the one that it would be restored into "
                    "is older (" +
                    *version + ")",
                "name a mariadbd of that series by " + environment.scratch->settings().server +
                    ", " + kInstead);
  return {};
}

Result<ProgressParts> progress_of_trial(const storage::BackupReader& reader) {
  ProgressParts progress;
  for (const auto& content : reader.manifest().content.instances) {
    GB_TRY_ASSIGN(const galera::InstanceModel model, galera::from_json(content.content));
    progress.push_back(std::make_unique<galera::Progress>());
    for (const galera::Schema& schema : model.schemas)
      for (const galera::Table& table : schema.tables)
        progress.back()->rows_expected += table.totals.rows;
  }
  return progress;
}

Result<Trial> try_restore(const Environment& environment, const api::BackupSpec& spec,
                          const std::string& ns,
                          const std::shared_ptr<const storage::BackupReader>& reader,
                          const ProgressParts& progress, JobControl& control,
                          const std::shared_ptr<JobLog>& log) {
  auto trial = TrialRun(environment, spec, reader, control, log).run(ns, progress);
  if (trial) return trial;
  // The data are whole: they are not given up because there was no time to show more.
  if (control.cause() == StopCause::kShutdown)
    return not_shown("ServerStopped",
                     "the server was stopped while it restored the backup; take another one");
  if (control.cause() == StopCause::kDeadline)
    return not_shown("DeadlineExceeded",
                     "spec.activeDeadline ended while the backup was restored; raise it");
  return trial;
}

}  // namespace gb::jobs
