// One backup, from a set of instances to a manifest in a repository.
//
// Order of what becomes durable: packs, the manifest, status.digest (phase Verifying), then
// Completed. A backup that says Completed was read back whole unless its spec says verification:
// None. With verification: Restore it was restored, too (trial.h), or its condition Verified says
// why that was not shown.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "api/types.h"
#include "jobs/control.h"
#include "jobs/environment.h"
#include "jobs/job_log.h"
#include "jobs/record.h"

namespace gb::jobs {

struct BackupWork {
  api::BackupSpec spec;
  const Store* store = nullptr;
  struct Instance {
    std::string name;
    galera::Endpoint endpoint;
    std::unique_ptr<galera::Dump> dump;  // connected, or null: run_backup connects
  };
  std::vector<Instance> instances;
};

// Resolves the instances, connects to each and chooses donors: what a create finds out before it
// answers.
Result<BackupWork> prepare_backup(const Environment& environment, const api::Json& object,
                                  const std::shared_ptr<JobLog>& log, std::stop_token stop);
// Only what can be known without a connection, for work that waits for its turn.
Result<BackupWork> resolve_backup(const Environment& environment, const api::Json& object);

// The status that a backup begins with.
[[nodiscard]] api::Json initial_backup_status(const Environment& environment,
                                              const BackupWork& work);

// Dumps, records the end (whatever it is) and says it. The error is what the status tells too.
Status run_backup(const Environment& environment, JobRecord& record, JobControl& control,
                  const std::shared_ptr<JobLog>& log, BackupWork work);

// Whether what a backup wrote into `store` is of use to nobody: it has ended without being
// Completed, or is gone, and not into the trash. One that another server took over may yet be
// completed by it, or have been: others may refer to it then, whatever became of its object.
[[nodiscard]] bool is_of_no_use(const Environment& environment, const Store& store,
                                const JobRecord& record);

}  // namespace gb::jobs
