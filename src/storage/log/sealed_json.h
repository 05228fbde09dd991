// Small JSON documents that prove themselves: the last member is the SHA-256 of every byte before
// it, so a flipped bit or a cut end is found wherever it is.
//
//   {"format":1, … ,"digest":"<64 hex digits>"}\n
//
// Pure functions; safe from any thread.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/error.h"
#include "storage/crypto/digest.h"

namespace gb::storage {

// `members` is a JSON object without its closing brace: {"format":1,"a":2
[[nodiscard]] std::string seal_json(std::string members, Sha256* digest = nullptr);

// The digest of a document whose seal is whole, and the document in `dom`. Corruption, with `key`
// in the message, when the seal is broken; Invalid when it is of a format that we do not know.
Result<Sha256> open_json(std::string_view key, std::string_view text, nlohmann::json& dom);

// Whether the text ends with the seal of this digest: a look at its end only, for who has read the
// document before and asks whether it is still the same.
[[nodiscard]] bool is_sealed_with(std::string_view text, const Sha256& digest);

// A digest from its 64 hex digits; Corruption of `key` otherwise.
Result<Sha256> digest_from_hex(std::string_view key, std::string_view hex);

// `text` as a JSON string, quotes included.
[[nodiscard]] std::string json_string(std::string_view text);

}  // namespace gb::storage
