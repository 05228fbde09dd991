// A look at a backup that is Completed, which a user asks for (subresource verify): whether its
// bytes are as they were written (Checksum), whether it can be restored (Restore, into a scratch
// server: trial.h), or how the running clusters differ from it (Live).
//
// It is a job of its own, beside which the backup stays Completed. status.check tells of it:
// method, user, startTime, phase (Running; then Passed, Failed, Differs, Inconclusive or
// Cancelled), completionTime, message. What it found of the backup becomes status.verification and
// the condition Verified; what it found of the clusters, status.comparison.
//
// Thread safety: functions, from any thread.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "api/types.h"
#include "jobs/control.h"
#include "jobs/environment.h"
#include "jobs/job_log.h"
#include "jobs/record.h"

namespace gb::jobs {

enum class CheckMethod { kChecksum, kRestore, kLive };

struct CheckWork {
  CheckMethod method = CheckMethod::kChecksum;
  api::BackupSpec spec;
  const Store* store = nullptr;
  storage::Sha256 digest{};                 // of the manifest
  std::vector<galera::Endpoint> instances;  // of kLive: those of the spec, in its order
};

// `method`: Checksum, Restore or Live. Invalid: another one, or one that has nothing to look at;
// Conflict: the backup is not Completed, or this server cannot restore it on trial; the errors of
// whoever resolves the instances.
Result<CheckWork> prepare_check(const Environment& environment, const api::Object& backup,
                                const std::string& method, std::stop_token stop);

// status.check as it begins. Conflict when one is running (`status` is of the backup as it is).
Result<api::Json> initial_check(const Environment& environment, const api::Json& status,
                                const std::string& method, const kube::User& user);

// Looks, and records what came of it. `record` is of a check.
void run_check(const Environment& environment, JobRecord& record, JobControl& control,
               const std::shared_ptr<JobLog>& log, const CheckWork& work);

// The check of this status ended so, whoever ran it.
void write_check_end(api::Json& status, std::string_view phase, const std::string& message,
                     WallTime now);

}  // namespace gb::jobs
