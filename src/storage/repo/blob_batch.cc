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
  put_blob_header(codec, buffer_.data() + before);
  PackBlob blob;
  blob.length = static_cast<std::uint32_t>(buffer_.size() - before);
  blob.plain = static_cast<std::uint32_t>(plain.size());
  blob.checksum = stored_checksum(buffer_.bytes().subspan(before));
  blob.codec = codec;
  blob.kind = kind;
  blob.digest = digest ? *digest : sha256(plain);
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
