// What the offline commands share: a repository directory, opened with all that a job needs, and
// following a job to its end.
//
// Thread safety: the command's thread.
#pragma once

#include <memory>
#include <string>

#include "api/object.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/rng.h"
#include "galera/model.h"
#include "jobs/engine.h"
#include "jobs/jobs.h"
#include "storage/blob/fs_blob_store.h"
#include "storage/catalog/catalog.h"
#include "storage/repo/repo.h"

namespace gb::cli {

struct Session {
  SystemClock clock;
  SystemRng rng;
  std::shared_ptr<storage::FsBlobStore> blobs;
  std::unique_ptr<storage::Catalog> catalog;
  std::unique_ptr<jobs::InstanceResolver> instances;
  std::unique_ptr<jobs::DumpEngine> engine;
  std::unique_ptr<jobs::ScratchServers> scratch;  // null: no backup is verified by a restore
  std::unique_ptr<jobs::Jobs> jobs;               // last: it ends before what it uses

  // Errors: those of FsBlobStore and Catalog.
  Status open(const std::string& directory, bool read_only);
  Status start_jobs(const std::string& directory, std::unique_ptr<jobs::InstanceResolver> where);
};

// NotFound where the directory holds no repository: what reads one makes none, or a path with a
// typo would become an empty one.
Status require_repository(const std::string& directory);
[[nodiscard]] Status no_repository(const std::string& directory);

// A backup by its name, or `latest`: the newest good one that holds everything, else a part. `now`
// tells dates of a clock that was ahead. NotFound; Invalid for a name that stands in several
// namespaces, and for a latest where several have backups (`ns` says which; empty: all).
Result<api::ObjectPtr> find_backup(const storage::Catalog& catalog, WallTime now,
                                   const std::string& store, const std::string& ns,
                                   const std::string& backup);

// The instance of a backup that a command is about: the one that was asked for (empty: its only
// one). Invalid when it holds several; the hint says "say which one `to` with --instance".
Result<std::string> choose_instance(const api::ObjectPtr& backup, const std::string& asked,
                                    const std::string& to);

// What a completed backup holds of one instance.
struct OpenBackup {
  api::ObjectPtr object;
  std::string instance;
  std::shared_ptr<const storage::BackupReader> reader;
  galera::InstanceModel model;
};
// The backup as find_backup() and the instance as choose_instance() find them. Invalid for one that
// is not Completed; Corruption.
Result<OpenBackup> open_backup(const Session& session, const std::string& store,
                               const std::string& ns, const std::string& backup,
                               const std::string& instance, const std::string& to);

// The same checks and defaults that an object gets which comes over HTTP.
Result<api::Json> admit(const char* resource, const std::string& ns, api::Json object,
                        const Clock& clock, Rng& rng);

// Follows a job to its end and shows how far it is. The first interrupt cancels the job;
// session.jobs may be gone then.
Result<api::ObjectPtr> follow_to_end(Session& session, api::ObjectPtr object);
// The same, and prints the end; kDone only for Completed.
int follow(Session& session, api::ObjectPtr object, const std::string& output);

}  // namespace gb::cli
