// The trash: deleted backups, whose data stays until the store's trashRetention has passed.
//
// A mark, trash/<namespace>/<uid> in the store of the backup, holds the object as it was. It is
// durable before the object leaves the catalog, and goes after the object is back: a crash in
// between leaves both, and then the live object counts.
//
// Thread safety: all functions, from any thread.
#pragma once

#include <optional>
#include <string>

#include "jobs/environment.h"

namespace gb::jobs {

// The folder of all marks of a store.
inline constexpr const char* kTrash = "trash/";

struct TrashMark {
  const Store* store = nullptr;
  std::string key;
  std::string ns;
  std::string uid;   // of the backup
  std::string name;  // it had
  WallTime deleted;
  std::string namespace_uid;  // of the namespace, which may have been another one of this name
  bool freeing = false;       // the janitor has begun to remove its data

  // When its data may be freed; never when the store's retention cannot be read.
  [[nodiscard]] std::optional<WallTime> due() const;
};

// Whether the data of the backup with this uid is kept for one that was deleted.
Result<bool> is_in_trash(const Store& store, const std::string& ns, const std::string& uid);
// NotFound when it has gone; Corruption when it cannot be understood.
Result<TrashMark> read_mark(const Store& store, const std::string& key);
// Says in the mark that the data is being removed: from then on nobody brings it back. Conflict
// when the backup was brought back and deleted again since `mark` was read: then it is another's
// time.
Status begin_freeing(const TrashMark& mark);

// The mark of a backup that is about to be deleted; only a Completed one is worth it.
Status put_into_trash(const Environment& environment, const api::Object& object);

// Jobs::undelete.
Result<api::ObjectPtr> undelete(const Environment& environment, const api::ObjectKey& key,
                                const std::string& uid, const kube::User& user, bool dry_run);

}  // namespace gb::jobs
