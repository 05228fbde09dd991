// One commit of the revision log and its form on the store (docs/repository-format.md, "Log").
// Pure functions; safe from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/object.h"
#include "base/clock.h"
#include "base/error.h"
#include "storage/crypto/digest.h"

namespace gb::storage {

struct Mutation {
  api::ObjectKey key;
  api::ObjectPtr object;  // null: the object is deleted
};

struct Commit {
  std::uint64_t first = 0;  // the revision of the first mutation; each next one is one higher
  std::string id;           // 32 random hex digits: whose commit this is when an answer was lost
  std::string writer;
  WallTime time{};
  Sha256 previous{};  // digest of the commit before
  std::vector<Mutation> mutations;

  Sha256 digest{};  // of this one; set by encode and decode

  [[nodiscard]] std::uint64_t last() const { return first + mutations.size() - 1; }
};

// "log/00000000000000000017.json"
[[nodiscard]] std::string log_key(std::uint64_t first);
// "checkpoint/00000000000000000017.json.zst"
[[nodiscard]] std::string checkpoint_key(std::uint64_t revision);
// The revision in a key of that form; Invalid for any other.
Result<std::uint64_t> revision_of_log_key(std::string_view key);
Result<std::uint64_t> revision_of_checkpoint_key(std::string_view key);

// Sets commit.digest.
[[nodiscard]] std::string encode(Commit& commit);
// `key` is where it was read: its revision must be the commit's. Corruption names it.
Result<Commit> decode_commit(std::string_view key, std::string_view text);

}  // namespace gb::storage
