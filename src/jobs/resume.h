// The rest of a backup whose server ended when everything was in the store but not read back: what
// the next server does with it, as a job of its own.
//
// Thread safety: functions, from any thread.
#pragma once

#include <memory>

#include "api/object.h"
#include "jobs/control.h"
#include "jobs/environment.h"
#include "jobs/job_log.h"
#include "jobs/record.h"

namespace gb::jobs {

// Whether this backup had written its manifest and its digest: then it is whole, unless it reads
// back otherwise.
[[nodiscard]] bool can_be_resumed(const Environment& environment, const api::Json& backup);

// Reads back the backup of `record`, which names this process as its executor by now, and records
// the end: Completed, or Failed when it is damaged, or Cancelled. Where it cannot be told now (the
// store does not answer, this server ends, too) nothing is recorded: it is to be taken over again.
void resume_backup(const Environment& environment, JobRecord& record, JobControl& control,
                   const std::shared_ptr<JobLog>& log);

}  // namespace gb::jobs
