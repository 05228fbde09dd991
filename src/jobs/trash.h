// The trash: deleted backups, whose data stays until the store's trashRetention has passed.
//
// A mark, trash/<namespace>/<uid> in the store of the backup, holds the object as it was. It is
// durable before the object leaves the catalog, and goes after the object is back: a crash in
// between leaves both, and then the live object counts.
//
// Thread safety: all functions, from any thread.
#pragma once

#include <string>

#include "jobs/environment.h"

namespace gb::jobs {

// The mark of a backup that is about to be deleted; only a Completed one is worth it.
Status put_into_trash(const Environment& environment, const api::Object& object);

// Jobs::undelete.
Result<api::ObjectPtr> undelete(const Environment& environment, const api::ObjectKey& key,
                                const std::string& uid, bool dry_run);

}  // namespace gb::jobs
