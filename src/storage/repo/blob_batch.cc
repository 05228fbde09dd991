#include "storage/repo/blob_batch.h"

namespace gb::storage::repo {
namespace {

constexpr std::size_t kKeepBuffer = 4U << 20;

}  // namespace

void BlobBatch::add(BlobKind kind, Bytes plain, const std::optional<Sha256>& digest, Ref* place,
                    std::size_t inline_up_to, ColumnEntry* small) {
  const std::size_t before = buffer_.size();
  (void)buffer_.room(kBlobHeader + plain.size());
  buffer_.grow(kBlobHeader);
  const Codec codec = compressor_.append(plain, buffer_);
  const std::size_t body = before + kBlobHeader;
  if (small != nullptr && buffer_.size() - body <= inline_up_to) {
    small->codec = codec;
    small->plain = static_cast<std::uint32_t>(plain.size());
    small->bytes = as_text(buffer_.bytes().subspan(body));
    buffer_.truncate(before);
    return;
  }
  PackBlob blob;
  blob.plain = static_cast<std::uint32_t>(plain.size());
  blob.codec = codec;
  blob.kind = kind;
  blob.digest = digest ? *digest : sha256(plain);
  keep(blob, before, place);
}

bool BlobBatch::add_delta(Bytes plain, const Sha256& digest, const Ref& base, Bytes prefix,
                          std::size_t worth, Ref* place) {
  const std::size_t before = buffer_.size();
  (void)buffer_.room(kBlobHeader + worth);
  buffer_.grow(kBlobHeader);
  if (!compressor_.append_delta(plain, prefix, worth, buffer_)) {
    buffer_.truncate(before);
    return false;
  }
  PackBlob blob;
  blob.plain = static_cast<std::uint32_t>(plain.size());
  blob.codec = Codec::kZstdDelta;
  blob.kind = BlobKind::kColumn;
  blob.digest = digest;
  blob.base = base;
  keep(blob, before, place);
  return true;
}

// Of what stands in the buffer from `begin` on, after room for the header.
void BlobBatch::keep(PackBlob blob, std::size_t begin, Ref* place) {
  put_blob_header(blob.codec, buffer_.data() + begin);
  blob.length = static_cast<std::uint32_t>(buffer_.size() - begin);
  blob.checksum = stored_checksum(buffer_.bytes().subspan(begin));
  blobs_.push_back(blob);
  places_.push_back(place);
}

Result<std::uint64_t> BlobBatch::flush(PackWriter& packs, std::uint32_t backup) {
  const std::uint64_t length = buffer_.size();
  if (blobs_.empty()) return length;
  auto place = packs.append(buffer_.bytes(), blobs_);
  if (place) {
    for (std::size_t i = 0; i < places_.size(); ++i)
      *places_[i] = {{backup, place->number}, place->ordinal + static_cast<std::uint32_t>(i)};
  }
  drop();
  if (!place) return fail(std::move(place).error());
  return length;
}

void BlobBatch::drop() {
  buffer_.clear(kKeepBuffer);
  blobs_.clear();
  places_.clear();
}

}  // namespace gb::storage::repo
