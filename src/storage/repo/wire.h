// Reading and writing the little-endian numbers and varints of the repository's binary parts.
//
// Pure values; a WireReader is used by one thread.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "base/text.h"

namespace gb::storage::repo {

void put_u32(std::string& out, std::uint32_t value);
void put_u64(std::string& out, std::uint64_t value);
// LEB128: seven bits a byte, lowest first, the high bit set on all but the last.
void put_varint(std::string& out, std::uint64_t value);

[[nodiscard]] constexpr std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
[[nodiscard]] constexpr std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
}

// Reads forward and never past the end. The first read that cannot be served makes the reader
// failed: from then on every read answers zero, so that a parser may check once, after a group of
// reads and before it trusts or allocates anything.
class WireReader {
 public:
  explicit WireReader(Bytes bytes) : rest_(bytes) {}

  [[nodiscard]] std::uint8_t u8();
  [[nodiscard]] std::uint32_t u32();
  [[nodiscard]] std::uint64_t u64();
  // Fails above `most`, and on a form that is longer than needed: one value has one form.
  [[nodiscard]] std::uint64_t varint(
      std::uint64_t most = std::numeric_limits<std::uint64_t>::max());
  [[nodiscard]] std::uint32_t varint32() {
    return static_cast<std::uint32_t>(varint(std::numeric_limits<std::uint32_t>::max()));
  }
  [[nodiscard]] Bytes bytes(std::uint64_t count);

  void fail() {
    failed_ = true;
    rest_ = {};
  }
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] std::size_t left() const { return rest_.size(); }
  // Everything was read, and nothing failed.
  [[nodiscard]] bool done() const { return !failed_ && rest_.empty(); }

 private:
  Bytes rest_;
  bool failed_ = false;
};

}  // namespace gb::storage::repo
