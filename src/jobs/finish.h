// How every job ends: its last status, with what happened and what to do, and its last event.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "api/object.h"
#include "base/error.h"
#include "jobs/control.h"
#include "jobs/environment.h"
#include "jobs/job_log.h"
#include "jobs/record.h"

namespace gb::jobs {

// "backup" or "restore", for sentences.
[[nodiscard]] std::string_view noun_of(const api::ObjectKey& key);

// What a job that ended with `error` is told to be: the cause of its stop, when it was stopped
// (`by` whom, when a user asked), else the error itself.
struct Ending {
  std::string phase;   // Failed | Cancelled
  std::string reason;  // CamelCase, for the condition and the event
  std::string message;
};
[[nodiscard]] Ending ending_of(const Error& error, StopCause cause, std::string_view noun,
                               const std::string& by = {});

// What a restore of this status that ends early leaves on its targets, and how to go on or back.
[[nodiscard]] std::string left_on_target(const api::Json& status);

// Who asked for the job that tells of itself in `place` (record.h) to be cancelled; nothing:
// nobody.
[[nodiscard]] std::optional<std::string> cancelled_by(const api::Json& place);

// The status of an object that ends this way: phase, message, completionTime, condition Completed.
void write_ending(api::Json& status, const Ending& ending, WallTime now);

// status.verification: what was compared, and how.
[[nodiscard]] api::Json verification_json(WallTime now, const std::string& method,
                                          std::uint64_t tables, std::uint64_t mismatches);

// That a verification found damage is more than a failure among others: it is the condition
// Verified and an event of its own. `verification`, unless null, becomes status.verification.
void tell_mismatch(const Environment& environment, JobRecord& record, const std::string& reason,
                   const Error& error, const api::Json& verification);

// Records the last status, trying again while the store is away: a job's end must not be lost.
// Gives up when the object is no longer ours or the process is about to end (the next one will find
// the job).
Status record_end(JobRecord& record, JobControl& control, JobLog& log,
                  const std::function<void(api::Json& status)>& change);

// Counts a job that ended.
void count_ending(const Environment& environment, const api::ObjectKey& key, const Ending& ending);

// The ending of a job that failed, recorded, said, and told as an event.
void end_failed(const Environment& environment, JobRecord& record, JobControl& control, JobLog& log,
                const Error& error);

}  // namespace gb::jobs
