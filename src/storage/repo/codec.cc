#include "storage/repo/codec.h"

#include <zstd.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace gb::storage::repo {
namespace {

// Only memory that is gone makes these fail; there is no way on then.
ZSTD_CCtx* new_context(int level) {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  if (context == nullptr ||
      ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)) != 0)
    std::abort();
  return context;
}

void set(ZSTD_CCtx* context, ZSTD_cParameter parameter, int value) {
  if (ZSTD_isError(ZSTD_CCtx_setParameter(context, parameter, value)) != 0) std::abort();
}

constexpr int kDeltaLevel = 1;
// Bits: as zstd allows, and as its decoder takes without being asked.
constexpr int kMinWindow = 10;
constexpr int kMaxWindow = 27;
// What is the same stands about as far back as the column is long. The table that the level brings
// for so small an input knows that place no more when it is needed, because all that came after it
// has overwritten it; so it is larger here, and a second one looks for long matches alone, at every
// 32nd place. Both are small enough to cost less than the comparison of what they find.
constexpr int kMaxHash = 16;
constexpr int kLongMatch = 32;      // bytes
constexpr int kLongMatchEvery = 5;  // 2^5 places
constexpr int kMinLongHash = 6;
constexpr int kMaxLongHash = 20;

}  // namespace

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

Compressor::Compressor(int level) : context_(new_context(level)) {}

Compressor::~Compressor() {
  ZSTD_freeCCtx(context_);
  ZSTD_freeCCtx(delta_);
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

bool Compressor::append_delta(Bytes plain, Bytes prefix, std::size_t worth, Buffer& out) {
  if (delta_ == nullptr) {
    delta_ = new_context(kDeltaLevel);
    set(delta_, ZSTD_c_enableLongDistanceMatching, 1);
    set(delta_, ZSTD_c_ldmMinMatch, kLongMatch);
    set(delta_, ZSTD_c_ldmHashRateLog, kLongMatchEvery);
  }
  // A frame that was given up is in the way of new parameters.
  ZSTD_CCtx_reset(delta_, ZSTD_reset_session_only);
  // The window reaches back to the first byte of the prefix.
  const int window = std::clamp(static_cast<int>(std::bit_width(plain.size() + prefix.size())),
                                kMinWindow, kMaxWindow);
  set(delta_, ZSTD_c_windowLog, window);
  set(delta_, ZSTD_c_hashLog, std::min(window, kMaxHash));
  set(delta_, ZSTD_c_ldmHashLog,
      std::clamp(window - kLongMatchEvery + 1, kMinLongHash, kMaxLongHash));
  if (ZSTD_isError(ZSTD_CCtx_refPrefix(delta_, prefix.data(), prefix.size())) != 0) return false;
  const std::size_t size =
      ZSTD_compress2(delta_, out.room(worth), worth, plain.data(), plain.size());
  if (ZSTD_isError(size) != 0) return false;
  out.grow(size);
  return true;
}

Decompressor::Decompressor() : context_(ZSTD_createDCtx()) {
  if (context_ == nullptr) std::abort();
}

Decompressor::~Decompressor() {
  ZSTD_freeDCtx(context_);
}

Status Decompressor::append(Codec codec, Bytes stored, std::uint64_t plain_size, std::string& out,
                            Bytes prefix) {
  if (codec == Codec::kRaw) {
    if (stored.size() != plain_size)
      return fail(Code::kCorruption, "the bytes have another length than recorded");
    out.append(as_text(stored));
    return {};
  }
  if (codec != Codec::kZstd && codec != Codec::kZstdDelta)
    return fail(Code::kCorruption,
                "codec " + std::to_string(static_cast<unsigned>(codec)) + " is not known",
                "use a newer version of this program");
  if (ZSTD_getFrameContentSize(stored.data(), stored.size()) != plain_size)
    return fail(Code::kCorruption, "the zstd frame has another content size than recorded");
  if (codec == Codec::kZstdDelta &&
      ZSTD_isError(ZSTD_DCtx_refPrefix(context_, prefix.data(), prefix.size())) != 0)
    return fail(Code::kInternal, "zstd does not take the blob that a delta is against");
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
