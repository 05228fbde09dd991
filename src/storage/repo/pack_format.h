// What a pack is, byte by byte (docs/repository-format-data.md): blobs, then a footer that lists
// them, then a trailer of fixed size. A delta's footer entry names the blob that it is against.
//
// Pure functions; safe from any thread.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "storage/crypto/digest.h"
#include "storage/repo/codec.h"
#include "storage/repo/tree_format.h"

namespace gb::storage::repo {

// The numbers are part of the format.
enum class BlobKind : std::uint8_t { kColumn = 1, kPage = 2, kTable = 3 };

inline constexpr std::size_t kBlobHeader = 4;
inline constexpr std::size_t kPackTrailer = 60;
inline constexpr std::uint32_t kMaxBlobPlain = 64U << 20;  // no blob holds more, before compression
inline constexpr std::uint32_t kMaxFooter = 64U << 20;

// One blob of a pack. `offset` and `length` include the blob's header; a length of zero marks a
// blob that compaction dropped and whose ordinal stays taken.
struct PackBlob {
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
  std::uint32_t plain = 0;     // before compression
  std::uint32_t checksum = 0;  // of the stored bytes, header included
  Codec codec = Codec::kRaw;
  BlobKind kind = BlobKind::kColumn;
  Sha256 digest{};  // of the plain bytes
  Ref base;         // what a delta is against; its `backup` indexes the uids beside the blobs
};

// A pack's blobs by ordinal.
struct Footer {
  std::vector<PackBlob> blobs;
  std::vector<std::string> backups;  // the uids that the blobs' bases index
  Sha256 id{};                       // pack_id(blobs)
};

// What a pack holds, whatever its offsets and codecs: compaction does not change it, and a manifest
// that names it pins the digest of every blob.
[[nodiscard]] Sha256 pack_id(const std::vector<PackBlob>& blobs);

// The lower half of XXH3-64 over a blob's stored bytes. It finds damage before anything is
// decompressed, and the few flipped bits that zstd would read over.
[[nodiscard]] std::uint32_t stored_checksum(Bytes stored);

// The header of an unsealed blob, kBlobHeader bytes.
void put_blob_header(Codec codec, char* out);

// Compares a blob as stored with what the footer says of it, without unfolding it; Corruption says
// what differed.
Status check_stored(const PackBlob& blob, Bytes stored);
// The plain bytes of a blob as stored, every field and digest compared. `base` are the plain bytes
// of what a delta is against.
Status open_blob(Decompressor& decompressor, const PackBlob& blob, Bytes stored, Bytes base,
                 std::string& out);

// Footer and trailer of a pack whose blobs end at `offset`; `backups` are the uids that the blobs'
// bases index.
[[nodiscard]] std::string encode_pack_end(const std::vector<PackBlob>& blobs,
                                          const std::vector<std::string>& backups,
                                          std::uint64_t offset);

// Where a pack's footer is, from its last kPackTrailer bytes.
struct PackTrailer {
  std::uint64_t footer_offset = 0;
  std::uint32_t footer_length = 0;
  std::uint32_t count = 0;
};
Result<PackTrailer> parse_trailer(Bytes trailer, std::uint64_t pack_size);
// `end` is footer and trailer together; their digest is compared.
Result<Footer> parse_footer(const PackTrailer& trailer, Bytes end);

// data/<ns>/<uid>/<number>.<generation>.pack
struct PackName {
  std::string ns;
  std::string uid;
  std::uint32_t number = 0;
  std::uint32_t generation = 0;
};
[[nodiscard]] std::string backup_prefix(std::string_view ns, std::string_view uid);
[[nodiscard]] std::string manifest_key(std::string_view ns, std::string_view uid);
[[nodiscard]] std::string pack_key(const PackName& name);
[[nodiscard]] std::optional<PackName> parse_pack_key(std::string_view key);
// Invalid unless both can be a segment of a key.
Status check_backup_name(std::string_view ns, std::string_view uid);

}  // namespace gb::storage::repo
