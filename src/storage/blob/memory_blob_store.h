// A store in memory: for tests, and for the parts of a program that need a store which no disk
// backs. It forgets everything when it is destroyed; otherwise it keeps every promise of
// blob_store.h.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "storage/blob/blob_store.h"

namespace gb::storage {

class MemoryBlobStore final : public BlobStore, public FreeSpace {
 public:
  // `capacity` bounds the sum of all blobs: what goes past it is NoSpace. Absent: no bound.
  explicit MemoryBlobStore(std::optional<std::uint64_t> capacity = std::nullopt)
      : capacity_(capacity) {}

  // A store of its own with the same blobs: what a crash at this moment would leave behind.
  [[nodiscard]] std::unique_ptr<MemoryBlobStore> clone() const;
  void set_capacity(std::optional<std::uint64_t> capacity);

  Result<std::unique_ptr<BlobWriter>> writer(std::string_view key) override;
  Status put_if_absent(std::string_view key, Bytes bytes) override;
  Result<std::string> get(std::string_view key) override;
  Result<std::string> get_range(std::string_view key, std::uint64_t offset,
                                std::uint64_t length) override;
  Result<std::vector<BlobInfo>> list(std::string_view prefix) override;
  Status remove(std::string_view key) override;
  Result<std::uint64_t> free_bytes() override;
  Result<std::uint64_t> capacity_bytes() override;

 private:
  class Writer;
  using Blob = std::shared_ptr<const std::string>;
  Result<Blob> find(std::string_view key) const;
  Status store(const std::string& key, Blob blob, bool replace);
  Status room_for(std::uint64_t bytes, std::uint64_t instead_of) const;  // mutex_ held

  mutable std::mutex mutex_;
  std::map<std::string, Blob, std::less<>> blobs_;
  std::uint64_t used_ = 0;
  std::optional<std::uint64_t> capacity_;
};

}  // namespace gb::storage
