// Where a chunk ends. The rows decide by themselves: a row is a cut by the hash of its key and by
// the order of magnitude of its size, so a cut is found again in the next backup, whatever was
// inserted or deleted elsewhere, and two threads that meet in the middle of a table find the same
// cut.
//
// A row of 2^k to 2^(k+1) bytes is a cut with a chance of 2^k in 2^20: chunks of 1 to 2 MiB on
// average, without any setting that depends on the table (settings drift, and every drift would be
// a new copy). Where chance gives none, a chunk is ended at kMaxChunkBytes; the next cut brings
// both sides together.
//
// Thread safety: an object is used by one thread at a time.
#pragma once

#include <bit>
#include <cstdint>

namespace gb::galera {

inline constexpr unsigned kMeanChunkBits = 20;
inline constexpr std::uint64_t kMaxChunkBytes = 4U << 20;

// `key_hash` of the primary key (of the whole row where there is none), `row_bytes` of the
// canonical encoding (row_digest.h).
[[nodiscard]] constexpr bool is_cut(std::uint64_t key_hash, std::uint64_t row_bytes) {
  const auto magnitude = static_cast<unsigned>(std::bit_width(row_bytes | 1) - 1);
  if (magnitude >= kMeanChunkBits) return true;
  // The high bits: the low ones pick buckets elsewhere.
  return key_hash >> (64 - (kMeanChunkBits - magnitude)) == 0;
}

class Chunker {
 public:
  // True when the chunk ends with this row.
  [[nodiscard]] bool add(std::uint64_t key_hash, std::uint64_t row_bytes) {
    bytes_ += row_bytes;
    if (!is_cut(key_hash, row_bytes) && bytes_ < kMaxChunkBytes) return false;
    bytes_ = 0;
    return true;
  }

 private:
  std::uint64_t bytes_ = 0;
};

}  // namespace gb::galera
