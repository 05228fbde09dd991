#include "storage/blob/memory_blob_store.h"

#include <limits>

namespace gb::storage {

class MemoryBlobStore::Writer final : public BlobWriter {
 public:
  Writer(MemoryBlobStore& store, std::string key) : store_(store), key_(std::move(key)) {}

  Status append(Bytes bytes) override {
    {
      const std::lock_guard lock(store_.mutex_);
      GB_TRY(store_.room_for(text_.size() + bytes.size(), 0));
    }
    text_.append(as_text(bytes));
    return {};
  }

  Status commit() override {
    return store_.store(key_, std::make_shared<const std::string>(std::move(text_)),
                        /*replace=*/true);
  }

 private:
  MemoryBlobStore& store_;
  std::string key_;
  std::string text_;
};

std::unique_ptr<MemoryBlobStore> MemoryBlobStore::clone() const {
  const std::lock_guard lock(mutex_);
  auto copy = std::make_unique<MemoryBlobStore>(capacity_);
  copy->blobs_ = blobs_;
  copy->used_ = used_;
  return copy;
}

void MemoryBlobStore::set_capacity(std::optional<std::uint64_t> capacity) {
  const std::lock_guard lock(mutex_);
  capacity_ = capacity;
}

Status MemoryBlobStore::room_for(std::uint64_t bytes, std::uint64_t instead_of) const {
  if (!capacity_ || used_ - instead_of + bytes <= *capacity_) return {};
  const std::uint64_t free = *capacity_ > used_ ? *capacity_ - used_ : 0;
  return fail(Code::kNoSpace,
              "no space left in the store in memory: " + to_quantity(free) + " free, " +
                  to_quantity(bytes) + " needed",
              "remove what is not needed or give the store a larger capacity");
}

Status MemoryBlobStore::store(const std::string& key, Blob blob, bool replace) {
  GB_TRY(check_key(key));
  const std::lock_guard lock(mutex_);
  const auto there = blobs_.find(key);
  if (there != blobs_.end() && !replace)
    return fail(Code::kAlreadyExists, "the key " + key + " exists");
  // A file system cannot hold "a" and "a/b": neither do we, so that no test relies on it.
  const auto below = blobs_.lower_bound(key + "/");
  bool clash = below != blobs_.end() && below->first.starts_with(key + "/");
  for (std::size_t at = key.find('/'); at != std::string::npos && !clash;
       at = key.find('/', at + 1))
    clash = blobs_.contains(std::string_view(key).substr(0, at));
  if (clash) return fail(Code::kInvalid, "the key " + key + " and another are folder and blob");
  const std::uint64_t before = there == blobs_.end() ? 0 : there->second->size();
  GB_TRY(room_for(blob->size(), before));
  used_ = used_ - before + blob->size();
  blobs_.insert_or_assign(key, std::move(blob));
  return {};
}

Result<MemoryBlobStore::Blob> MemoryBlobStore::find(std::string_view key) const {
  GB_TRY(check_key(key));
  const std::lock_guard lock(mutex_);
  const auto it = blobs_.find(key);
  if (it == blobs_.end()) return fail(Code::kNotFound, "the store holds no " + std::string(key));
  return it->second;
}

Result<std::unique_ptr<BlobWriter>> MemoryBlobStore::writer(std::string_view key) {
  GB_TRY(check_key(key));
  return std::make_unique<Writer>(*this, std::string(key));
}

Status MemoryBlobStore::put_if_absent(std::string_view key, Bytes bytes) {
  return store(std::string(key), std::make_shared<const std::string>(as_text(bytes)),
               /*replace=*/false);
}

Result<std::string> MemoryBlobStore::get(std::string_view key) {
  GB_TRY_ASSIGN(const Blob blob, find(key));
  return *blob;
}

Result<std::string> MemoryBlobStore::get_range(std::string_view key, std::uint64_t offset,
                                               std::uint64_t length) {
  GB_TRY_ASSIGN(const Blob blob, find(key));
  if (offset > blob->size())
    return fail(Code::kInvalid, std::string(key) + " has " + std::to_string(blob->size()) +
                                    " bytes, none at offset " + std::to_string(offset));
  return blob->substr(offset, length);
}

Result<std::vector<BlobInfo>> MemoryBlobStore::list(std::string_view prefix) {
  const std::lock_guard lock(mutex_);
  std::vector<BlobInfo> found;
  for (auto it = blobs_.lower_bound(prefix); it != blobs_.end(); ++it) {
    if (!it->first.starts_with(prefix)) break;
    found.push_back({it->first, it->second->size()});
  }
  return found;
}

Status MemoryBlobStore::remove(std::string_view key) {
  GB_TRY(check_key(key));
  const std::lock_guard lock(mutex_);
  if (const auto it = blobs_.find(key); it != blobs_.end()) {
    used_ -= it->second->size();
    blobs_.erase(it);
  }
  return {};
}

Result<std::uint64_t> MemoryBlobStore::free_bytes() {
  const std::lock_guard lock(mutex_);
  if (!capacity_) return std::numeric_limits<std::uint64_t>::max();
  return *capacity_ > used_ ? *capacity_ - used_ : 0;
}

Result<std::uint64_t> MemoryBlobStore::capacity_bytes() {
  const std::lock_guard lock(mutex_);
  return capacity_.value_or(std::numeric_limits<std::uint64_t>::max());
}

}  // namespace gb::storage
