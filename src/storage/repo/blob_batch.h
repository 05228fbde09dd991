// The blobs of one chunk on their way into a pack: compressed one after the other into one buffer,
// so that a chunk is one append and its columns are neighbours.
//
// Thread safety: one thread at a time; a Pool lends them.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "storage/crypto/digest.h"
#include "storage/repo/codec.h"
#include "storage/repo/pack_format.h"
#include "storage/repo/pack_writer.h"
#include "storage/repo/tree_format.h"

namespace gb::storage::repo {

class BlobBatch {
 public:
  // A blob that would cost more to refer to than to repeat stands in the page itself.
  static constexpr std::size_t kInline = 64;

  // Compresses `plain` and keeps it for the next flush(), which writes its place to `*place`. What
  // comes out at most `inline_up_to` bytes long goes to `*small` instead, and `*place` is left
  // alone. `digest` saves computing it again.
  void add(BlobKind kind, Bytes plain, const std::optional<Sha256>& digest, Ref* place,
           std::size_t inline_up_to = 0, ColumnEntry* small = nullptr);
  // Keeps a column as a delta against the blob at `base`, whose plain bytes are `prefix`; false,
  // and nothing is kept, when that would take more than `worth` bytes.
  bool add_delta(Bytes plain, const Sha256& digest, const Ref& base, Bytes prefix,
                 std::size_t worth, Ref* place);

  // Bytes that wait; a caller with much to add flushes in between.
  [[nodiscard]] std::size_t waiting() const { return buffer_.size(); }
  // Appends what waits to `packs`, whose backup has the index `backup`, and tells the length that
  // it took in the pack.
  Result<std::uint64_t> flush(PackWriter& packs, std::uint32_t backup);
  // Forgets what waits: after an error.
  void drop();

 private:
  void keep(PackBlob blob, std::size_t begin, Ref* place);

  Compressor compressor_;
  Buffer buffer_;
  std::vector<PackBlob> blobs_;
  std::vector<Ref*> places_;
};

}  // namespace gb::storage::repo
