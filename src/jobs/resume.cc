#include "jobs/resume.h"

#include <nlohmann/json.hpp>

#include "api/types.h"
#include "base/guarded.h"
#include "base/log.h"
#include "base/text.h"
#include "jobs/backup.h"
#include "jobs/facts.h"
#include "jobs/finish.h"
#include "jobs/read_back.h"
#include "jobs/reporter.h"
#include "storage/repo/repo.h"

namespace gb::jobs {
namespace {

// Neither a store that does not answer nor the stop of this server says anything of the backup.
bool is_to_be_asked_again(const Error& error, StopCause cause) {
  return cause == StopCause::kShutdown ||
         (cause == StopCause::kNone && error.code != Code::kCorruption &&
          error.code != Code::kNotFound);
}

void complete(const Environment& environment, JobRecord& record, JobControl& control, JobLog& log,
              const api::BackupSpec& spec, std::uint64_t tables) {
  const bool restore_asked = spec.verification == "Restore";
  std::string shown = "every byte was read back and compared, after its server had ended";
  if (restore_asked) shown += ", and so it was not restored; take another one";
  log.say("Completed: " + shown);
  const Status recorded = record_end(record, control, log, [&](api::Json& status) {
    const WallTime now = environment.clock->now();
    status["phase"] = "Completed";
    status["completionTime"] = to_rfc3339(now);
    if (spec.ttl) status["expirationTime"] = to_rfc3339(now + *spec.ttl);
    status["progress"]["percent"] = 100;
    status["verification"] = verification_json(now, "Checksum", tables, 0);
    api::set_condition(status, "Completed", "True", "Completed",
                       "everything is in the store and durable", now);
    api::set_condition(status, "Verified", restore_asked ? "Unknown" : "True",
                       restore_asked ? "ServerDied" : "Checksum", shown, now);
  });
  if (!recorded) return;
  const std::string told = "taken over and verified";
  log::info("backup completed", {{"namespace", record.key().ns}, {"name", record.key().name}});
  environment.event(*record.last(), kube::EventType::kNormal, "Completed", told);
  count_ending(environment, record.key(), {"Completed", "Completed", told});
}

}  // namespace

bool can_be_resumed(const Environment& environment, const api::Json& backup) {
  return api::phase_of(backup) == "Verifying" && digest_of(backup) && environment.store_of(backup);
}

void resume_backup(const Environment& environment, JobRecord& record, JobControl& control,
                   const std::shared_ptr<JobLog>& log) {
  const api::Json before = record.last()->dom();
  const api::BackupSpec spec = api::read_backup_spec(before);
  const auto store = environment.store_of(before);
  const auto read = guarded(
      "the reading of a backup", [&]() -> Result<std::shared_ptr<const storage::BackupReader>> {
        if (!store) return fail(store.error());
        const ProgressParts as_it_was;
        const Reporter reporter(record, control, *log, *environment.clock, as_it_was, std::nullopt);
        return read_back(environment, **store, record.key().ns, record.uid(), *digest_of(before),
                         spec, control.token());
      });
  if (read)
    return complete(environment, record, control, *log, spec, (*read)->manifest().tables.size());
  if (is_to_be_asked_again(read.error(), control.cause())) {
    log::warn("a backup whose server ended cannot be read back now: it is tried again",
              {{"object", record.key().name}, {"error", read.error().text()}});
    return;
  }
  const std::string what =
      "the server that ran this backup ended while it was Verifying, and what was written does not "
      "read back as it was";
  const Error error = wrap(what, read.error()).value();
  if (control.cause() == StopCause::kNone)
    tell_mismatch(environment, record, facts::kMismatch, error, {});
  end_failed(environment, record, control, *log, error);
  if (!store || !is_of_no_use(environment, **store, record)) return;
  if (const Status gone = storage::remove_backup(*(*store)->blobs, {record.key().ns, record.uid()});
      !gone)
    log::warn("what a failed backup wrote could not be removed",
              {{"name", record.key().name}, {"error", gone.error().text()}});
}

}  // namespace gb::jobs
