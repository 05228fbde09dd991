// What lies below data/ in a store, by its keys alone.
//
// Thread safety: pure functions over the store.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "storage/repo/repo.h"

namespace gb::storage::repo {

// A pack, whichever generation of it.
struct PackPlace {
  BackupName backup;
  std::uint32_t number = 0;
  auto operator<=>(const PackPlace&) const = default;
};

struct PackFile {
  std::string key;  // of the newest generation
  std::uint64_t size = 0;
  std::uint32_t generation = 0;
};

struct Inventory {
  std::set<BackupName> manifests;
  std::map<PackPlace, PackFile> packs;
  std::vector<std::string> strangers;  // keys that are no part of a repository
};

Result<Inventory> take_inventory(BlobStore& store, std::string_view prefix);

}  // namespace gb::storage::repo
