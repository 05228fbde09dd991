#include "storage/repo/inventory.h"

#include <algorithm>
#include <utility>

#include "storage/repo/pack_format.h"

namespace gb::storage::repo {
namespace {

std::optional<BackupName> parse_manifest_key(std::string_view key) {
  const std::vector<std::string> parts = split(key, '/');
  if (parts.size() != 4 || parts[0] != "data" || parts[3] != "manifest") return std::nullopt;
  return BackupName{parts[1], parts[2]};
}

}  // namespace

Result<Inventory> take_inventory(BlobStore& store, std::string_view prefix) {
  Inventory out;
  GB_TRY_ASSIGN(const auto blobs, store.list(prefix));
  for (const BlobInfo& blob : blobs) {
    if (auto backup = parse_manifest_key(blob.key)) {
      out.manifests.insert(std::move(*backup));
    } else if (const auto pack = parse_pack_key(blob.key)) {
      PackFile& file = out.packs[{{pack->ns, pack->uid}, pack->number}];
      if (file.key.empty() || pack->generation > file.generation)
        file = {blob.key, blob.size, pack->generation};
    } else {
      out.strangers.push_back(blob.key);
    }
  }
  return out;
}

}  // namespace gb::storage::repo

namespace gb::storage {

Result<bool> has_manifest(BlobStore& store, const BackupName& backup) {
  const std::string key = repo::manifest_key(backup.ns, backup.uid);
  GB_TRY_ASSIGN(const auto found, store.list(key));
  return std::ranges::any_of(found, [&](const BlobInfo& blob) { return blob.key == key; });
}

}  // namespace gb::storage
