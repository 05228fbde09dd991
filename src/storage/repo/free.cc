// Gives the space of deleted backups back: what no other backup refers to; and that of failed ones.
#include <algorithm>
#include <set>

#include "storage/repo/backup_reader.h"
#include "storage/repo/inventory.h"
#include "storage/repo/pack_format.h"

namespace gb::storage {
namespace repo {
namespace {

// The packs that the backups which stay refer to. An error when one of them cannot be read: nobody
// knows then what it needs.
Result<std::set<PackPlace>> needed_packs(BlobStore& store, const Inventory& inventory,
                                         const std::set<BackupName>& doomed,
                                         const std::stop_token& stop) {
  std::set<PackPlace> needed;
  for (const BackupName& backup : inventory.manifests) {
    if (stop.stop_requested()) return fail(Code::kCancelled, "the freeing was called off");
    if (doomed.contains(backup)) continue;
    const auto opened = StoredBackup::open(store, backup.ns, backup.uid, std::nullopt);
    if (!opened && opened.error().code == Code::kNotFound) continue;  // gone since the listing
    if (!opened)
      return wrap(
          "nothing is freed while backup " + backup.ns + "/" + backup.uid + " cannot be read",
          opened.error());
    for (const auto& [id, digest] : (*opened)->stored().pins)
      needed.insert({{backup.ns, (*opened)->stored().backups[id.backup]}, id.number});
  }
  return needed;
}

}  // namespace
}  // namespace repo

Result<Freed> free_backups(BlobStore& store, const std::vector<BackupName>& backups,
                           std::stop_token stop) {
  const std::set<BackupName> doomed(backups.begin(), backups.end());
  // What a backup refers to is of its own namespace.
  std::set<std::string> namespaces;
  for (const BackupName& backup : doomed) namespaces.insert(backup.ns);
  repo::Inventory inventory;
  for (const std::string& ns : namespaces) {
    GB_TRY_ASSIGN(repo::Inventory part, repo::take_inventory(store, "data/" + ns + "/"));
    inventory.manifests.merge(part.manifests);
    inventory.packs.merge(part.packs);
  }
  GB_TRY_ASSIGN(const auto needed, repo::needed_packs(store, inventory, doomed, stop));
  // The manifests first: a backup whose manifest is gone does not exist, whatever is left of it.
  for (const BackupName& backup : doomed)
    if (inventory.manifests.contains(backup))
      GB_TRY(store.remove(repo::manifest_key(backup.ns, backup.uid)));
  Freed freed;
  std::set<BackupName> still_needed;
  for (const auto& [place, file] : inventory.packs) {
    if (!doomed.contains(place.backup)) continue;
    if (needed.contains(place)) {
      still_needed.insert(place.backup);
      continue;
    }
    if (stop.stop_requested()) return fail(Code::kCancelled, "the freeing was called off");
    GB_TRY(store.remove(file.key));
    freed.bytes += file.size;
  }
  std::ranges::set_difference(doomed, still_needed, std::back_inserter(freed.wholly));
  return freed;
}

Status remove_backup(BlobStore& store, const BackupName& backup) {
  GB_TRY(store.remove(repo::manifest_key(backup.ns, backup.uid)));
  GB_TRY_ASSIGN(const auto blobs, store.list(repo::backup_prefix(backup.ns, backup.uid)));
  for (const BlobInfo& blob : blobs) GB_TRY(store.remove(blob.key));
  return {};
}

}  // namespace gb::storage
