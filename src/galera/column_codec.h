// How the values of one column of one chunk become bytes, and back.
// docs/repository-format-columns.md describes every byte; the two change together.
//
// The encoding is a function of the values alone: the same rows give the same bytes in every
// backup, which is what lets an unchanged column be referred to instead of stored again. A number
// that changes leaves those of the other rows where they are, as a rule, which is what lets the
// column be stored as a delta (docs/repository-format-data.md).
//
// Thread safety: an object is used by one thread at a time; functions are pure.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "galera/model.h"

namespace gb::galera {

// No chunk has more rows: decoding refuses a larger count before it allocates.
inline constexpr std::uint64_t kMaxChunkRows = 4U << 20;

// Dates and times as one number each, in the order that they sort in. Zero and partly zero dates
// (0000-00-00, 2024-02-00) have numbers of their own, since the server can hold them.
struct DateTime {
  unsigned year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, microsecond = 0;
  bool operator==(const DateTime&) const = default;
};
[[nodiscard]] constexpr std::uint64_t pack_date(const DateTime& t) {
  return (std::uint64_t{t.year} * 13 + t.month) * 32 + t.day;
}
[[nodiscard]] constexpr std::uint64_t pack_date_time(const DateTime& t) {
  return pack_date(t) * 86'400'000'000 +
         ((std::uint64_t{t.hour} * 60 + t.minute) * 60 + t.second) * 1'000'000 + t.microsecond;
}
[[nodiscard]] DateTime unpack_date(std::uint64_t number);
[[nodiscard]] DateTime unpack_date_time(std::uint64_t number);

// Collects the values of one column. `number` is, by the column's kind: the integer (signed ones as
// two's complement of 64 bits), the bits of the FLOAT or DOUBLE, pack_date(), pack_date_time(), or
// the signed microseconds of a TIME.
class ColumnEncoder {
 public:
  explicit ColumnEncoder(ValueKind kind) : kind_(kind) {}
  void add_null();
  void add_number(std::uint64_t number) {
    numbers_.push_back(number);
    ++rows_;
  }
  void add_bytes(std::string_view bytes) {
    numbers_.push_back(bytes.size());
    bytes_.append(bytes);
    ++rows_;
  }
  // The encoded column, valid until the next call of any method.
  [[nodiscard]] Bytes encode();
  // Forgets the values; gives back memory that an unusually large value took.
  void clear();
  [[nodiscard]] std::uint64_t rows() const { return rows_; }

 private:
  void encode_bytes();

  ValueKind kind_;
  std::uint64_t rows_ = 0;
  std::vector<std::uint64_t> nulls_;    // indexes of NULL rows
  std::vector<std::uint64_t> numbers_;  // of rows that are not NULL; lengths for kBytes
  std::string bytes_;
  std::string out_;
};

// A decoded column: row i is NULL when null[i] is 1. Shaped for array binding.
struct DecodedColumn {
  std::vector<char> null;              // one a row, 0 or 1
  std::vector<std::uint64_t> numbers;  // one a row, 0 where NULL; empty for kBytes
  std::vector<std::string_view>
      values;  // kBytes: one a row; into the encoded bytes or into `arena`
  std::unique_ptr<char[]> arena;
};

// Corruption when `encoded` is not a column of that kind and number of rows. Views point into
// `encoded`, which the caller keeps.
[[nodiscard]] Result<DecodedColumn> decode_column(ValueKind kind, std::uint64_t rows,
                                                  std::string_view encoded);

}  // namespace gb::galera
