#include "base/rng.h"

#include <sys/random.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace gb {

std::uint64_t SystemRng::next() {
  std::uint64_t value = 0;
  // getrandom of 8 bytes neither blocks after boot nor returns short; anything else is not
  // survivable.
  if (::getrandom(&value, sizeof value, 0) != static_cast<ssize_t>(sizeof value)) std::abort();
  return value;
}

std::uint64_t SeededRng::next() {
  std::scoped_lock lock(mutex_);
  return engine_();
}

std::string make_uuid(Rng& rng) {
  const std::uint64_t high = (rng.next() & ~0xF000ULL) | 0x4000ULL;
  const std::uint64_t low = (rng.next() & ~(3ULL << 62)) | (2ULL << 62);
  std::array<char, 37> text{};
  std::snprintf(text.data(), text.size(), "%08llx-%04llx-%04llx-%04llx-%012llx",
                static_cast<unsigned long long>(high >> 32),
                static_cast<unsigned long long>((high >> 16) & 0xFFFF),
                static_cast<unsigned long long>(high & 0xFFFF),
                static_cast<unsigned long long>(low >> 48),
                static_cast<unsigned long long>(low & 0xFFFFFFFFFFFFULL));
  return {text.data(), 36};
}

std::string make_name_suffix(Rng& rng, std::size_t length) {
  constexpr std::string_view kAlphabet = "bcdfghjklmnpqrstvwxz2456789";
  std::string out;
  out.reserve(length);
  for (std::size_t i = 0; i < length; ++i) out.push_back(kAlphabet[rng.next() % kAlphabet.size()]);
  return out;
}

}  // namespace gb
