// A finished backup, restored for the sake of knowing that it can be: one instance after the other
// into a scratch server of its own, by the same engine as every restore, every table compared by
// its digest; then all of it is thrown away. No cluster is touched.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>

#include "api/types.h"
#include "jobs/control.h"
#include "jobs/environment.h"
#include "jobs/job_log.h"
#include "jobs/reporter.h"
#include "storage/repo/repo.h"

namespace gb::jobs {

// Whether a backup from a server of version `source` (empty: not known yet) can be tried on this
// machine. Conflict says what to do.
Status require_trial(const Environment& environment, const std::string& source,
                     std::stop_token stop);

struct Trial {
  enum class Outcome {
    kRestored,
    kRefuted,   // it cannot be restored as it was
    kNotShown,  // neither: nothing speaks against the backup
  };
  Outcome outcome = Outcome::kRestored;
  std::string reason;   // CamelCase, for the condition Verified
  std::string message;  // what was shown; or what differs or stood in the way, and what to do
  std::uint64_t tables = 0;
  std::uint64_t mismatches = 0;
};

// A part for every instance of the backup, with the rows that it will have restored.
Result<ProgressParts> progress_of_trial(const storage::BackupReader& reader);

// `progress` has a part for every instance of the backup, in their order. The stop of a server or a
// deadline is no error: then nothing was shown. Errors: Cancelled; those of reading the backup.
// The calling thread starts and ends the servers.
Result<Trial> try_restore(const Environment& environment, const api::BackupSpec& spec,
                          const std::string& ns,
                          const std::shared_ptr<const storage::BackupReader>& reader,
                          const ProgressParts& progress, JobControl& control,
                          const std::shared_ptr<JobLog>& log);

}  // namespace gb::jobs
