// One restore: which backup, onto which instances, the look before (preflight and plan), the safety
// backup, the loading and the comparison.
//
// Nothing of a target is touched before the whole backup was authenticated: manifest, tree and
// every blob.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "api/types.h"
#include "jobs/control.h"
#include "jobs/environment.h"
#include "jobs/job_log.h"
#include "jobs/record.h"
#include "storage/repo/repo.h"

namespace gb::jobs {

// Of a backup of what a restore replaced: the name of that restore (label_naming). No choice of a
// newest backup falls on one.
inline constexpr const char* kSafetyLabel = "backup.rhoso.io/safety-of";

// The name of that backup.
[[nodiscard]] std::string name_of_safety_backup(const std::string& restore,
                                                const std::string& restore_uid);

// What a thread of a restore takes at most, one row of unusual size left aside.
inline constexpr std::uint64_t kRestoreThreadBytes = std::uint64_t{56} << 20;

struct RestoreWork {
  api::RestoreSpec spec;
  api::ObjectPtr backup;
  const Store* store = nullptr;  // where the backup is read
  std::shared_ptr<const storage::BackupReader> reader;
  struct Instance {
    std::string source;
    std::string target;
    galera::Endpoint endpoint;
    std::unique_ptr<galera::InstanceModel> model;  // its address is kept by `restore`
    std::unique_ptr<galera::Restore> restore;
    galera::RestorePlan plan;
  };
  std::vector<Instance> instances;
  std::vector<std::string> notes;  // on the backup that was chosen: what is not in it
};

// Which backup the spec means. Of latest and asOf one that covers (facts.h) what is asked for goes
// before every newer part. Forbidden, NotFound, Conflict (it is not Completed): told with what to
// do.
Result<api::ObjectPtr> choose_backup(const Environment& environment, const api::RestoreSpec& spec,
                                     const std::string& ns, const kube::User& user);

// What is missing in a backup that `spec` left to be chosen, for `user`; a sentence each.
[[nodiscard]] std::vector<std::string> notes_on_choice(const Environment& environment,
                                                       const api::RestoreSpec& spec,
                                                       const api::Object& backup,
                                                       const kube::User& user);

// The instances that are restored to, in the order of those of the backup (`of_backup`).
[[nodiscard]] std::vector<std::string> targets_of(const api::RestoreSpec& spec,
                                                  const std::vector<std::string>& of_backup);

// Whether `user` may see which backups a namespace has.
[[nodiscard]] Status authorize_choosing(const Environment& environment, const kube::User& user,
                                        const std::string& ns);

// The tables that differ, each with its rows: "nova.instances (2 of 3 rows)".
[[nodiscard]] std::string names_of(const std::vector<galera::TableComparison>& mismatches);

// Opens the backup, resolves the targets, runs every preflight. Failed checks are in the plans.
Result<RestoreWork> prepare_restore(const Environment& environment, const api::Json& object,
                                    api::ObjectPtr backup, const std::shared_ptr<JobLog>& log,
                                    std::stop_token stop);

// Conflict with every failed check and its remedy, or nothing.
Status require_ready(const RestoreWork& work);

[[nodiscard]] api::Json initial_restore_status(const Environment& environment,
                                               const RestoreWork& work, bool dry_run);

// Restores, records the end and says it. `object` of the record has the requesting user's spec.
Status run_restore(const Environment& environment, JobRecord& record, JobControl& control,
                   const std::shared_ptr<JobLog>& log, RestoreWork work);

}  // namespace gb::jobs
