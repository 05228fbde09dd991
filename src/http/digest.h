// SHA-256 for the rooms that may not reach the store's: fingerprints of certificates, keys of
// caches.
//
// Thread safety: pure functions.
#pragma once

#include <string>
#include <string_view>

namespace gb::http {

// 32 raw bytes.
[[nodiscard]] std::string sha256(std::string_view data);
// HMAC-SHA-256: who does not have the key cannot tell what was hashed.
[[nodiscard]] std::string hmac_sha256(std::string_view key, std::string_view data);

}  // namespace gb::http
