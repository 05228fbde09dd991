#include "storage/log/sealed_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace gb::storage {
namespace {

constexpr std::string_view kBefore = ",\"digest\":\"";
constexpr std::string_view kAfter = "\"}\n";
constexpr std::size_t kHex = 64;
constexpr std::size_t kSeal = kBefore.size() + kHex + kAfter.size();

tl::unexpected<Error> damaged_seal(std::string_view key, const std::string& why) {
  return fail(Code::kCorruption, std::string(key) + " is damaged: " + why,
              "restore this file from a copy of the repository");
}

}  // namespace

std::string seal_json(std::string members, Sha256* digest) {
  const Sha256 sum = sha256(as_bytes(members));
  if (digest != nullptr) *digest = sum;
  return std::move(members.append(kBefore).append(to_hex(sum)).append(kAfter));
}

Result<Sha256> open_json(std::string_view key, std::string_view text, nlohmann::json& dom) {
  if (text.size() < kSeal || !text.ends_with(kAfter) ||
      text.substr(text.size() - kSeal, kBefore.size()) != kBefore)
    return damaged_seal(key, "its end is missing");
  const std::string_view hex = text.substr(text.size() - kAfter.size() - kHex, kHex);
  const Sha256 sum = sha256(as_bytes(text.substr(0, text.size() - kSeal)));
  if (to_hex(sum) != hex) return damaged_seal(key, "its digest does not match");
  dom = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!dom.is_object()) return damaged_seal(key, "it is not a JSON object");
  const auto format = dom.find("format");
  if (format == dom.end() || *format != 1)
    return fail(Code::kInvalid,
                std::string(key) + " is of a format that this version does not know",
                "use the version of this program that wrote the repository, or a newer one");
  return sum;
}

bool is_sealed_with(std::string_view text, const Sha256& digest) {
  return text.ends_with(std::string(kBefore) + to_hex(digest) + std::string(kAfter));
}

Result<Sha256> digest_from_hex(std::string_view key, std::string_view hex) {
  const auto bytes = from_hex(hex);
  Sha256 digest{};
  if (!bytes || bytes->size() != digest.size()) return damaged_seal(key, "a digest in it is none");
  std::ranges::copy(as_bytes(*bytes), digest.begin());
  return digest;
}

std::string json_string(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace gb::storage
