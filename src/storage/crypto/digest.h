// SHA-256 and SHA-512, the only door to OpenSSL's digests for the rooms above.
// Pure; safe from any thread.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>

#include "base/text.h"

namespace gb::storage {

using Sha256 = std::array<std::byte, 32>;
using Sha512 = std::array<std::byte, 64>;

[[nodiscard]] Sha256 sha256(Bytes bytes);
[[nodiscard]] Sha512 sha512(Bytes bytes);

// A digest over pieces.
class Sha256Hasher {
 public:
  Sha256Hasher();
  ~Sha256Hasher();
  Sha256Hasher(Sha256Hasher&&) noexcept;
  Sha256Hasher& operator=(Sha256Hasher&&) noexcept;
  void update(Bytes bytes);
  [[nodiscard]] Sha256 finish();  // and starts anew

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gb::storage
