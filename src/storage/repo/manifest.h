// A backup's manifest as it lies in the store: a header, zstd JSON, a digest over all of it.
//
// Pure functions; safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "storage/repo/pack_source.h"
#include "storage/repo/repo.h"
#include "storage/repo/tree_format.h"

namespace gb::storage::repo {

inline constexpr std::uint32_t kMaxManifest = 256U << 20;  // before compression

// What readers get, and where the tree begins.
struct StoredManifest {
  Manifest manifest;  // `sizes` without the manifest's own bytes until it is encoded
  // The uids that PackId::backup indexes. A derived backup keeps its base's list, so that the
  // base's pages mean the same to it; the place of a backup that nothing refers to any more is
  // empty and may be taken again.
  std::vector<std::string> backups;
  Pins pins;
  std::vector<std::optional<Ref>> objects;  // by table; absent for a table without chunks
};

// Invalid when a text is no UTF-8 or the whole is too large.
Result<std::string> encode_manifest(const StoredManifest& manifest);
// Corruption when anything is not as encode_manifest writes it. The sizes include the manifest
// itself. Never takes more than about a gigabyte, whatever the bytes claim.
Result<StoredManifest> parse_manifest(Bytes stored);

}  // namespace gb::storage::repo
