#include "galera/row_digest.h"

#include <xxhash.h>

#include <bit>

namespace gb::galera {

static_assert(std::endian::native == std::endian::little, "canonical encodings are little-endian");

RowDigest DigestSum::digest() const {
  RowDigest out{};
  std::memcpy(out.data(), &low_, 8);
  std::memcpy(out.data() + 8, &high_, 8);
  return out;
}

std::uint64_t row_seed(std::span<const std::string> names) {
  std::string text;
  for (const std::string& name : names) {
    text += name;
    text += '\0';
  }
  return XXH3_64bits(text.data(), text.size());
}

RowHash RowEncoding::hash(std::uint64_t seed) const {
  const XXH128_hash_t h = XXH3_128bits_withSeed(bytes_.data(), bytes_.size(), seed);
  return {h.low64, h.high64};
}

std::uint64_t key_hash(std::string_view cells) {
  return XXH3_64bits(cells.data(), cells.size());
}

}  // namespace gb::galera
