// The small text forms that Kubernetes uses: hex, base64, percent-encoding, RFC 3339 times,
// durations and quantities. Pure functions; safe from any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace gb {

using Bytes = std::span<const std::byte>;

[[nodiscard]] inline Bytes as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}
[[nodiscard]] inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

[[nodiscard]] std::string to_hex(Bytes bytes);
[[nodiscard]] Result<std::string> from_hex(std::string_view text);

enum class Base64 { kStandard, kUrlUnpadded };
[[nodiscard]] std::string to_base64(Bytes bytes, Base64 form = Base64::kStandard);
[[nodiscard]] Result<std::string> from_base64(std::string_view text,
                                              Base64 form = Base64::kStandard);

// Strict: a '%' that two hex digits do not follow is Invalid. `plus_is_space` is for query strings.
[[nodiscard]] Result<std::string> percent_decode(std::string_view text, bool plus_is_space = false);
[[nodiscard]] std::string percent_encode(std::string_view text);

// "2026-11-20T02:00:00Z" (metav1.Time), and with six decimals (metav1.MicroTime).
[[nodiscard]] std::string to_rfc3339(WallTime time);
[[nodiscard]] std::string to_rfc3339_micro(WallTime time);
[[nodiscard]] Result<WallTime> from_rfc3339(std::string_view text);

// Durations as Go writes them: "720h", "1h30m", "300ms"; the sum of any order of h m s ms us ns.
[[nodiscard]] Result<std::chrono::nanoseconds> parse_duration(std::string_view text);
// "3d4h", "5m30s", "12s": what kubectl prints in AGE (k8s.io/apimachinery duration.HumanDuration).
[[nodiscard]] std::string human_duration(std::chrono::seconds value);

// Kubernetes quantities in bytes: "512Mi", "1G", "120Ki", "1500".
[[nodiscard]] Result<std::uint64_t> parse_quantity(std::string_view text);
// The shortest binary form, rounded up to at most three digits before the unit: "912Mi", "3Mi",
// "17Ki".
[[nodiscard]] std::string to_quantity(std::uint64_t bytes);

[[nodiscard]] std::vector<std::string> split(std::string_view text, char separator);
[[nodiscard]] std::string join(const std::vector<std::string>& parts, std::string_view separator);
// The first few, and how many more there are: for a message.
[[nodiscard]] std::string some(const std::vector<std::string>& names);
[[nodiscard]] std::string_view trim(std::string_view text);
[[nodiscard]] std::string to_lower(std::string_view text);  // ASCII only

// Shell-like match of the whole text: * any run, ? one byte; no classes, no escapes.
[[nodiscard]] bool glob_match(std::string_view pattern, std::string_view text);

}  // namespace gb
