#include "jobs/finish.h"

#include <nlohmann/json.hpp>

#include "api/text.h"
#include "api/types.h"
#include "base/log.h"
#include "base/text.h"
#include "base/wait.h"

namespace gb::jobs {

std::string_view noun_of(const api::ObjectKey& key) {
  return key.resource == api::kRestores ? "restore" : "backup";
}

Ending ending_of(const Error& error, StopCause cause, std::string_view noun,
                 const std::string& by) {
  const std::string what(noun);
  switch (cause) {
    case StopCause::kCancelled:
      return {"Cancelled", "Cancelled",
              "the " + what + " was cancelled" + (by.empty() ? "" : " by " + by)};
    case StopCause::kDeleted:
      return {"Cancelled", "Deleted", "the " + what + " was deleted while it ran"};
    case StopCause::kDeadline:
      return {
          "Failed", "DeadlineExceeded",
          "the " + what + " was ended after spec.activeDeadline; raise it, or raise spec.threads"};
    case StopCause::kShutdown:
      return {"Failed", "ServerStopped",
              "the server was stopped while the " + what + " ran; create the " + what + " again"};
    case StopCause::kLost:
      return {"Cancelled", "TakenOver", "another server took the " + what + " over"};
    case StopCause::kNone:
      break;
  }
  return {"Failed", std::string(to_string(error.code)), error.text()};
}

std::string left_on_target(const api::Json& status) {
  const std::string phase = api::text_member(status, "phase");
  if (phase != "Restoring" && phase != "Verifying") return "nothing was changed on the target";
  std::string text =
      "the target may hold a part of the restored schemas: create a new restore with existing: "
      "Replace";
  if (const std::string safety = api::text_member(status, "safetyBackup"); !safety.empty())
    text += ", or go back by restoring the safety backup \"" + safety + "\"";
  return text;
}

std::optional<std::string> cancelled_by(const api::Json& place) {
  const api::Json& asked = api::member(place, "cancellation");
  if (!asked.is_object()) return std::nullopt;
  return api::text_member(asked, "user");
}

void write_ending(api::Json& status, const Ending& ending, WallTime now) {
  status["phase"] = ending.phase;
  status["message"] = ending.message;
  status["completionTime"] = to_rfc3339(now);
  api::set_condition(status, "Completed", "False", ending.reason, ending.message, now);
}

api::Json verification_json(WallTime now, const std::string& method, std::uint64_t tables,
                            std::uint64_t mismatches) {
  return {{"time", to_rfc3339(now)},
          {"method", method},
          {"tables", tables},
          {"mismatches", mismatches}};
}

void tell_mismatch(const Environment& environment, JobRecord& record, const std::string& reason,
                   const Error& error, const api::Json& verification) {
  const Status told = record.update_status([&](api::Json& status) {
    if (!verification.is_null()) status["verification"] = verification;
    api::set_condition(status, "Verified", "False", reason, error.text(), environment.clock->now());
  });
  if (!told)
    log::warn("that a verification failed could not be recorded",
              {{"name", record.key().name}, {"error", told.error().text()}});
  environment.event(*record.last(), kube::EventType::kWarning, "VerificationFailed", error.text());
}

Status record_end(JobRecord& record, JobControl& control, JobLog& log,
                  const std::function<void(api::Json& status)>& change) {
  control.release();
  int tries_at_shutdown = 5;
  while (true) {
    Status updated = record.update_status(change);
    if (updated || updated.error().code == Code::kCancelled) return updated;
    log::warn("the end of a job could not be recorded, trying again",
              {{"object", record.key().name}, {"error", updated.error().text()}});
    log.say("the end could not be recorded: " + updated.error().text());
    if (control.shutting_down() && --tries_at_shutdown == 0) return updated;
    sleep_for({}, std::chrono::seconds(1));
  }
}

void count_ending(const Environment& environment, const api::ObjectKey& key, const Ending& ending) {
  if (environment.metrics == nullptr) return;
  const std::string kind(noun_of(key));
  environment.metrics->count("galera_backup_jobs_total", "Jobs that ended, by kind and phase.",
                             {{"kind", kind}, {"phase", ending.phase}});
  if (ending.phase != "Failed") return;
  environment.metrics->count("galera_backup_job_failures_total",
                             "Jobs that failed, by kind and the reason of their condition.",
                             {{"namespace", key.ns}, {"kind", kind}, {"reason", ending.reason}});
}

void end_failed(const Environment& environment, JobRecord& record, JobControl& control, JobLog& log,
                const Error& error) {
  const std::string_view noun = noun_of(record.key());
  Ending ending = ending_of(error, control.cause(), noun, control.stopped_by());
  if (control.cause() != StopCause::kNone && record.key().resource == api::kRestores)
    ending.message += "; " + left_on_target(api::member(record.last()->dom(), "status"));
  log.say(ending.phase + ": " + ending.message);
  log::warn(std::string(noun) + " ended", {{"namespace", record.key().ns},
                                           {"name", record.key().name},
                                           {"phase", ending.phase},
                                           {"reason", ending.reason},
                                           {"message", ending.message}});
  const Status recorded = record_end(record, control, log, [&](api::Json& status) {
    write_ending(status, ending, environment.clock->now());
  });
  if (recorded)
    environment.event(*record.last(), kube::EventType::kWarning, ending.phase, ending.message);
  count_ending(environment, record.key(), ending);
}

}  // namespace gb::jobs
