#include "storage/repo/wire.h"

namespace gb::storage::repo {
namespace {

template <typename T>
void put_fixed(std::string& out, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

template <typename T>
T fixed(Bytes bytes) {
  T value = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) value |= std::to_integer<T>(bytes[i]) << (8 * i);
  return value;
}

}  // namespace

void put_u32(std::string& out, std::uint32_t value) {
  put_fixed(out, value);
}
void put_u64(std::string& out, std::uint64_t value) {
  put_fixed(out, value);
}

void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

Bytes WireReader::bytes(std::uint64_t count) {
  if (count > rest_.size()) {
    fail();
    return {};
  }
  const Bytes out = rest_.first(count);
  rest_ = rest_.subspan(count);
  return out;
}

std::uint8_t WireReader::u8() {
  return fixed<std::uint8_t>(bytes(1));
}
std::uint32_t WireReader::u32() {
  return fixed<std::uint32_t>(bytes(4));
}
std::uint64_t WireReader::u64() {
  return fixed<std::uint64_t>(bytes(8));
}

std::uint64_t WireReader::varint(std::uint64_t most) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    const std::uint8_t byte = u8();
    if (failed_) return 0;
    const std::uint64_t part = byte & 0x7fU;
    if (shift == 63 && part > 1) break;  // more than 64 bits
    value |= part << shift;
    if ((byte & 0x80U) == 0) {
      if ((part == 0 && shift > 0) || value > most) break;
      return value;
    }
  }
  fail();
  return 0;
}

}  // namespace gb::storage::repo
