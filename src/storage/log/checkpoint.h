// Every live object at one revision, and its form on the store (docs/repository-format.md,
// "Checkpoint"). Pure functions; safe from any thread.
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

struct Checkpoint {
  std::uint64_t revision = 0;
  Sha256 digest{};         // of the commit that ends at `revision`
  std::string repository;  // its id
  std::string writer;
  WallTime time{};
  std::vector<api::ObjectPtr> objects;  // ordered by ObjectKey
};

Result<std::string> encode(const Checkpoint& checkpoint);
// `key` is where it was read. Corruption names it. Memory is bounded by the objects that it holds.
Result<Checkpoint> decode_checkpoint(std::string_view key, std::string_view bytes);

}  // namespace gb::storage
