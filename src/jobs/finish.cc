#include "jobs/finish.h"

#include <nlohmann/json.hpp>

#include "api/types.h"
#include "base/log.h"
#include "base/text.h"
#include "base/wait.h"

namespace gb::jobs {

std::string_view noun_of(const api::ObjectKey& key) {
  return key.resource == api::kRestores ? "restore" : "backup";
}

Ending ending_of(const Error& error, StopCause cause, std::string_view noun) {
  const std::string what(noun);
  switch (cause) {
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

void write_ending(api::Json& status, const Ending& ending, WallTime now) {
  status["phase"] = ending.phase;
  status["message"] = ending.message;
  status["completionTime"] = to_rfc3339(now);
  api::set_condition(status, "Completed", "False", ending.reason, ending.message, now);
}

Status record_end(JobRecord& record, JobControl& control, JobLog& log,
                  const std::function<void(api::Json& status)>& change) {
  control.release();
  int tries_at_shutdown = 5;
  while (true) {
    Status updated = record.update(change);
    if (updated || updated.error().code == Code::kCancelled) return updated;
    log::warn("the end of a job could not be recorded, trying again",
              {{"object", record.key().name}, {"error", updated.error().text()}});
    log.say("the end could not be recorded: " + updated.error().text());
    if (control.cause() == StopCause::kShutdown && --tries_at_shutdown == 0) return updated;
    sleep_for({}, std::chrono::seconds(1));
  }
}

void end_failed(const Environment& environment, JobRecord& record, JobControl& control, JobLog& log,
                const Error& error) {
  const std::string_view noun = noun_of(record.key());
  const Ending ending = ending_of(error, control.cause(), noun);
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
  if (environment.metrics != nullptr)
    environment.metrics->count("galera_backup_jobs_total", "Jobs that ended, by kind and phase.",
                               {{"kind", std::string(noun)}, {"phase", ending.phase}});
}

}  // namespace gb::jobs
