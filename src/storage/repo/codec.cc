#include "storage/repo/codec.h"

#include <zstd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace gb::storage::repo {

char* Buffer::room(std::size_t count) {
  if (size_ + count > capacity_) {
    const std::size_t larger = std::max(size_ + count, capacity_ + capacity_ / 2);
    std::unique_ptr<char[]> data(new char[larger]);
    if (size_ > 0) std::memcpy(data.get(), data_.get(), size_);
    data_ = std::move(data);
    capacity_ = larger;
  }
  return data_.get() + size_;
}

void Buffer::append(Bytes bytes) {
  if (bytes.empty()) return;
  std::memcpy(room(bytes.size()), bytes.data(), bytes.size());
  grow(bytes.size());
}

void Buffer::clear(std::size_t keep) {
  size_ = 0;
  if (capacity_ <= keep) return;
  data_.reset();
  capacity_ = 0;
}

Compressor::Compressor(int level) : context_(ZSTD_createCCtx()) {
  // Only memory that is gone makes these fail; there is no way on then.
  if (context_ == nullptr ||
      ZSTD_isError(ZSTD_CCtx_setParameter(context_, ZSTD_c_compressionLevel, level)) != 0)
    std::abort();
}

Compressor::~Compressor() {
  ZSTD_freeCCtx(context_);
}

Codec Compressor::append(Bytes plain, Buffer& out) {
  // A bound below the plain size makes zstd give up early on what does not shrink.
  const std::size_t worth = plain.size() - plain.size() / 32;
  const std::size_t size =
      ZSTD_compress2(context_, out.room(worth), worth, plain.data(), plain.size());
  if (ZSTD_isError(size) == 0 && size < worth) {
    out.grow(size);
    return Codec::kZstd;
  }
  out.append(plain);
  return Codec::kRaw;
}

Decompressor::Decompressor() : context_(ZSTD_createDCtx()) {
  if (context_ == nullptr) std::abort();
}

Decompressor::~Decompressor() {
  ZSTD_freeDCtx(context_);
}

Status Decompressor::append(Codec codec, Bytes stored, std::uint64_t plain_size, std::string& out) {
  if (codec == Codec::kRaw) {
    if (stored.size() != plain_size)
      return fail(Code::kCorruption, "the bytes have another length than recorded");
    out.append(as_text(stored));
    return {};
  }
  if (codec != Codec::kZstd)
    return fail(Code::kCorruption,
                "codec " + std::to_string(static_cast<unsigned>(codec)) + " is not known",
                "use a newer version of this program");
  if (ZSTD_getFrameContentSize(stored.data(), stored.size()) != plain_size)
    return fail(Code::kCorruption, "the zstd frame has another content size than recorded");
  const std::size_t before = out.size();
  out.resize(before + plain_size);
  const std::size_t size =
      ZSTD_decompressDCtx(context_, out.data() + before, plain_size, stored.data(), stored.size());
  if (ZSTD_isError(size) != 0 || size != plain_size) {
    out.resize(before);
    return fail(Code::kCorruption,
                std::string("the zstd frame is damaged: ") +
                    (ZSTD_isError(size) != 0 ? ZSTD_getErrorName(size) : "it ends early"));
  }
  return {};
}

}  // namespace gb::storage::repo
