// Reads blobs out of the packs that one manifest pins: finds them by their footers, compares every
// digest, and joins neighbours into one read.
//
// Errors: Corruption, naming the pack, when one is missing, is not the one that was pinned, or
// holds other bytes than were written; the store's own errors (Unavailable, …) as they are.
//
// Thread safety: all methods, from any thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "storage/blob/blob_store.h"
#include "storage/repo/codec.h"
#include "storage/repo/pack_format.h"
#include "storage/repo/tree_format.h"

namespace gb::storage::repo {

using Pins = std::map<PackId, Sha256>;

// The most that a chunk's columns may unfold to together: the largest row that a server sends. So
// much and no more may the deltas of one reading be against.
inline constexpr std::uint64_t kMaxChunkPlain = (1ULL << 30) + (64ULL << 20);

// A pack as it lies in the store.
struct Pack {
  std::string key;
  std::uint64_t size = 0;
  Footer footer;
};

// Footer and trailer of the pack at `key`, read and compared.
Result<Pack> load_pack(BlobStore& store, std::string key, std::uint64_t size);

class PackSource {
 public:
  // `backups` are the uids that PackId::backup indexes.
  PackSource(BlobStore& store, std::string ns, std::vector<std::string> backups, Pins pins);

  [[nodiscard]] const Pins& pins() const { return pins_; }
  [[nodiscard]] const std::vector<std::string>& backups() const { return backups_; }

  Result<std::shared_ptr<const Pack>> pack(PackId id) const;
  // Where a blob lies; Corruption when the pack has no such blob, or one of another kind.
  Result<PackBlob> find(const Ref& ref, BlobKind kind) const;
  // What the column at `ref` is a delta against; none when it stands for itself. Corruption when
  // the manifest does not name that pack.
  Result<std::optional<Ref>> base_of(const Ref& ref) const;
  // Corruption when `base`, what `delta` is against, is a delta itself.
  Status check_base(const Ref& delta, const PackBlob& base) const;
  Result<std::string> read(const Ref& ref, BlobKind kind) const;

  // Many blobs at once. `out` gets the plain bytes appended, in the order of the list.
  struct Wanted {
    Ref ref;
    std::string* out = nullptr;
  };
  Status read(std::span<const Wanted> wanted, BlobKind kind) const;

  // "data/… (blob 7)": for messages.
  [[nodiscard]] std::string describe(const Ref& ref) const;

 private:
  struct Listed {
    std::string key;
    std::uint64_t size = 0;
    std::uint32_t generation = 0;
  };
  struct Cached {
    std::shared_ptr<const Pack> pack;
    std::uint64_t used = 0;
  };
  struct Found {
    Ref ref;
    std::shared_ptr<const Pack> pack;
    PackBlob blob;
  };
  Result<Listed> locate(PackId id) const;
  Result<Found> look_up(const Ref& ref, BlobKind kind) const;
  Result<std::optional<Ref>> base_of(const Found& found) const;
  Status read_found(std::span<const Found> found, std::span<const Bytes> prefixes,
                    std::span<std::string* const> out) const;
  Status list_backup(std::uint32_t backup) const;

  BlobStore& store_;
  const std::string ns_;
  const std::vector<std::string> backups_;
  const Pins pins_;
  mutable Pool<Decompressor> decompressors_;

  mutable std::mutex list_mutex_;
  mutable std::map<std::uint32_t, std::map<std::uint32_t, Listed>> listed_;  // by backup, number

  mutable std::mutex mutex_;
  mutable std::map<PackId, Cached> cache_;
  mutable std::uint64_t cached_blobs_ = 0;
  mutable std::uint64_t clock_ = 0;
};

}  // namespace gb::storage::repo
