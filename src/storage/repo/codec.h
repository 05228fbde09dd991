// zstd, bounded: a context is reused for any number of blobs, and nothing is decompressed into more
// than what its caller expects.
//
// Thread safety: a Compressor or Decompressor is used by one thread at a time; Pool, from any
// thread.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/text.h"

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

namespace gb::storage::repo {

// How a blob's bytes are stored. The numbers are part of the format.
enum class Codec : std::uint8_t {
  kRaw = 0,
  kZstd = 1,       // one zstd frame that names its content size
  kZstdDelta = 2,  // such a frame whose prefix is another blob, which is no delta itself
};

// Bytes that grow at their end, without the zeroing that std::string pays for room not yet used.
class Buffer {
 public:
  // Room for `count` bytes after those that are there; valid until the next call.
  [[nodiscard]] char* room(std::size_t count);
  void grow(std::size_t count) { size_ += count; }  // that many bytes of room() were filled
  void append(Bytes bytes);
  void truncate(std::size_t size) { size_ = size; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] Bytes bytes() const { return as_bytes({data_.get(), size_}); }
  [[nodiscard]] char* data() { return data_.get(); }
  // Empties it, and gives memory back that a rare large blob made it take.
  void clear(std::size_t keep);

 private:
  std::unique_ptr<char[]> data_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

class Compressor {
 public:
  explicit Compressor(int level = 1);
  ~Compressor();
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;

  // Appends `plain` to `out` in the form that is worth its cost: a zstd frame, or the bytes
  // themselves where zstd saves less than a thirty-second.
  [[nodiscard]] Codec append(Bytes plain, Buffer& out);
  // Appends the frame that makes `plain` of `prefix`; false, and nothing is appended, when it would
  // take more than `worth` bytes.
  [[nodiscard]] bool append_delta(Bytes plain, Bytes prefix, std::size_t worth, Buffer& out);

 private:
  ZSTD_CCtx_s* context_;
  ZSTD_CCtx_s* delta_ = nullptr;  // made when first needed: its tables are larger
};

class Decompressor {
 public:
  Decompressor();
  ~Decompressor();
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  // Appends exactly `plain_size` bytes to `out`. Corruption when `stored` holds anything else; the
  // frame's own idea of its size is compared before a byte is allocated. A delta needs the `prefix`
  // that it was made against; another one gives other bytes, or Corruption.
  [[nodiscard]] Status append(Codec codec, Bytes stored, std::uint64_t plain_size, std::string& out,
                              Bytes prefix = {});

 private:
  ZSTD_DCtx_s* context_;
};

// Lends objects that are costly to make; as many exist as were ever lent at once.
template <typename T>
class Pool {
 public:
  class Lease {
   public:
    Lease(Pool& pool, std::unique_ptr<T> value) : pool_(&pool), value_(std::move(value)) {}
    ~Lease() {
      if (value_) pool_->give(std::move(value_));
    }
    Lease(Lease&&) noexcept = default;
    Lease& operator=(Lease&&) = delete;
    T& operator*() const { return *value_; }
    T* operator->() const { return value_.get(); }

   private:
    Pool* pool_;
    std::unique_ptr<T> value_;
  };

  [[nodiscard]] Lease take() {
    {
      const std::lock_guard lock(mutex_);
      if (!free_.empty()) {
        auto value = std::move(free_.back());
        free_.pop_back();
        return Lease(*this, std::move(value));
      }
    }
    return Lease(*this, std::make_unique<T>());
  }

 private:
  void give(std::unique_ptr<T> value) {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(value));
  }

  std::mutex mutex_;
  std::vector<std::unique_ptr<T>> free_;
};

}  // namespace gb::storage::repo
