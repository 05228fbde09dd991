// Row digests: what a table holds, in 16 bytes, whatever the order of its rows.
//
// A row's hash is XXH3-128 of its canonical encoding: the values in the byte order of the columns'
// names, each one byte (0 for NULL, else 1 + the kind's number) followed by
//   numbers   8 bytes, little-endian (column_codec.h says which number; FLOAT and DOUBLE: their
//   bits) bytes     8 bytes of length, little-endian, and the bytes
// seeded with XXH3-64 of the columns' names, each followed by a zero byte. A table's digest is the
// sum of its rows' hashes modulo 2^128. docs/repository-format-columns.md repeats this for other
// programs.
//
// Thread safety: an object is used by one thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "galera/model.h"
#include "galera/stream.h"

namespace gb::galera {

struct RowHash {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
};

class DigestSum {
 public:
  void add(const RowHash& hash) {
    low_ += hash.low;
    high_ += hash.high + (low_ < hash.low ? 1 : 0);
  }
  void add(const DigestSum& other) { add(RowHash{other.low_, other.high_}); }
  [[nodiscard]] RowDigest digest() const;

 private:
  std::uint64_t low_ = 0;
  std::uint64_t high_ = 0;
};

// The seed of a table's rows; `names` in byte order.
[[nodiscard]] std::uint64_t row_seed(std::span<const std::string> names);

// Builds canonical encodings. The place of a value in the row is told by size() before and after
// it.
class RowEncoding {
 public:
  void clear() { bytes_.clear(); }
  void null() { bytes_.push_back('\0'); }
  void number(ValueKind kind, std::uint64_t number) {
    // Minus zero counts as zero, which MariaDB 10.11 makes of it when it is written.
    if ((kind == ValueKind::kFloat && number == 0x8000'0000) ||
        (kind == ValueKind::kDouble && number == 0x8000'0000'0000'0000))
      number = 0;
    char cell[9];
    cell[0] = tag(kind);
    std::memcpy(cell + 1, &number, 8);
    bytes_.append(cell, sizeof cell);
  }
  void bytes(std::string_view value) {
    number(ValueKind::kBytes, value.size());
    bytes_.append(value);
  }
  // The encodings of single values, one after the other.
  void append(std::string_view cell) { bytes_.append(cell); }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  [[nodiscard]] std::string_view view() const { return bytes_; }
  [[nodiscard]] RowHash hash(std::uint64_t seed) const;

 private:
  static char tag(ValueKind kind) { return static_cast<char>(1 + static_cast<int>(kind)); }
  std::string bytes_;
};

// XXH3-64 of canonical encodings: the hash of a key.
[[nodiscard]] std::uint64_t key_hash(std::string_view cells);

}  // namespace gb::galera
