#include "storage/repo/pack_format.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <map>
#include <utility>

#include "storage/blob/blob_store.h"
#include "storage/repo/wire.h"

namespace gb::storage::repo {
namespace {

constexpr char kMagic0 = 'G';
constexpr char kMagic1 = 'B';
constexpr unsigned kBlobFormat = 1;
constexpr std::uint8_t kUnsealed = 0;
constexpr std::uint8_t kPackFormat = 1;
constexpr std::string_view kTrailerMagic = "GBPACK1E";
constexpr std::size_t kTrailerHead = 20;  // what the trailer's digest covers besides the footer
// A footer's entry is never smaller: the bound on `count` before anything is allocated.
constexpr std::size_t kMinEntry = 1 + 1 + 1 + 4 + 32;
constexpr std::uint64_t kMaxUid = 255;  // bytes of the name of a backup

std::uint8_t codec_and_kind(const PackBlob& blob) {
  return static_cast<std::uint8_t>(static_cast<unsigned>(blob.codec) |
                                   static_cast<unsigned>(blob.kind) << 4);
}

Sha256 end_digest(Bytes footer, Bytes trailer_head) {
  Sha256Hasher hasher;
  hasher.update(footer);
  hasher.update(trailer_head);
  return hasher.finish();
}

std::string_view digest_text(const Sha256& digest) {
  return as_text(Bytes(digest));
}

Error damaged_pack(std::string what) {
  return Error{Code::kCorruption, std::move(what), {}, {}, {}};
}

bool parse_number(std::string_view text, std::uint32_t& value) {
  // One number has one name.
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

Sha256 pack_id(const std::vector<PackBlob>& blobs) {
  Sha256Hasher hasher;
  std::string line = "galera-backup pack 1\n";
  hasher.update(as_bytes(line));
  for (const PackBlob& blob : blobs) {
    line.clear();
    line.append(digest_text(blob.digest));
    put_u32(line, blob.plain);
    line.push_back(static_cast<char>(blob.kind));
    hasher.update(as_bytes(line));
  }
  return hasher.finish();
}

std::uint32_t stored_checksum(Bytes stored) {
  return static_cast<std::uint32_t>(XXH3_64bits(stored.data(), stored.size()));
}

void put_blob_header(Codec codec, char* out) {
  out[0] = kMagic0;
  out[1] = kMagic1;
  out[2] = static_cast<char>(kBlobFormat << 4 | static_cast<unsigned>(codec));
  out[3] = static_cast<char>(kUnsealed);
}

Status check_stored(const PackBlob& blob, Bytes stored) {
  if (stored.size() != blob.length || stored.size() < kBlobHeader)
    return fail(damaged_pack("the blob is cut short"));
  if (stored_checksum(stored) != blob.checksum)
    return fail(damaged_pack("the blob's bytes are not those that were written"));
  const auto header = stored.first(kBlobHeader);
  if (static_cast<char>(header[0]) != kMagic0 || static_cast<char>(header[1]) != kMagic1)
    return fail(damaged_pack("no blob begins where the footer says"));
  if (std::to_integer<unsigned>(header[2]) >> 4 != kBlobFormat ||
      std::to_integer<std::uint8_t>(header[3]) != kUnsealed)
    return fail(Code::kCorruption, "the blob's format or seal is not known to this program",
                "use a newer version of this program");
  if ((std::to_integer<unsigned>(header[2]) & 15U) != static_cast<unsigned>(blob.codec))
    return fail(damaged_pack("the blob's codec is not the one that the footer names"));
  return {};
}

Status open_blob(Decompressor& decompressor, const PackBlob& blob, Bytes stored, Bytes base,
                 std::string& out) {
  GB_TRY(check_stored(blob, stored));
  const std::size_t before = out.size();
  GB_TRY(decompressor.append(blob.codec, stored.subspan(kBlobHeader), blob.plain, out, base));
  if (sha256(as_bytes(std::string_view(out).substr(before))) != blob.digest) {
    out.resize(before);
    return fail(damaged_pack("the blob's digest is another than recorded"));
  }
  return {};
}

std::string encode_pack_end(const std::vector<PackBlob>& blobs,
                            const std::vector<std::string>& backups, std::uint64_t offset) {
  std::string end;
  std::map<std::uint32_t, std::uint32_t> numbers;  // of those uids that a delta needs
  std::string uids;
  end.reserve(blobs.size() * 45 + kPackTrailer);
  for (const PackBlob& blob : blobs) {
    put_varint(end, blob.length);
    put_varint(end, blob.plain);
    end.push_back(static_cast<char>(codec_and_kind(blob)));
    put_u32(end, blob.checksum);
    end.append(digest_text(blob.digest));
    if (blob.codec != Codec::kZstdDelta) continue;
    const auto [number, added] =
        numbers.try_emplace(blob.base.pack.backup, static_cast<std::uint32_t>(numbers.size()));
    if (added) {
      const std::string& uid = backups.at(blob.base.pack.backup);
      put_varint(uids, uid.size());
      uids.append(uid);
    }
    put_varint(end, number->second);
    put_varint(end, blob.base.pack.number);
    put_varint(end, blob.base.ordinal);
  }
  end.append(uids);
  const std::size_t footer_length = end.size();
  put_u32(end, static_cast<std::uint32_t>(footer_length));
  put_u32(end, static_cast<std::uint32_t>(blobs.size()));
  end.push_back(static_cast<char>(kPackFormat));
  end.push_back(static_cast<char>(kUnsealed));
  end.append(2, '\0');
  put_u64(end, offset);
  const Bytes all = as_bytes(end);
  end.append(digest_text(end_digest(all.first(footer_length), all.subspan(footer_length))));
  end.append(kTrailerMagic);
  return end;
}

Result<PackTrailer> parse_trailer(Bytes trailer, std::uint64_t pack_size) {
  if (trailer.size() != kPackTrailer) return fail(damaged_pack("the pack is cut short"));
  if (as_text(trailer.last(kTrailerMagic.size())) != kTrailerMagic)
    return fail(damaged_pack("the pack does not end with a trailer"));
  WireReader in(trailer);
  PackTrailer out;
  out.footer_length = in.u32();
  out.count = in.u32();
  const std::uint8_t format = in.u8();
  const std::uint8_t seal = in.u8();
  const bool reserved = in.u8() != 0 || in.u8() != 0;
  out.footer_offset = in.u64();
  if (format != kPackFormat || seal != kUnsealed || reserved)
    return fail(Code::kCorruption, "the pack's format or seal is not known to this program",
                "use a newer version of this program");
  if (pack_size < kPackTrailer || out.footer_length > kMaxFooter ||
      out.footer_length > pack_size - kPackTrailer ||
      out.footer_offset != pack_size - kPackTrailer - out.footer_length)
    return fail(damaged_pack("the pack's length is not the one that its trailer tells"));
  if (std::uint64_t{out.count} * kMinEntry > out.footer_length)
    return fail(damaged_pack("the pack's footer is too short for its count of blobs"));
  return out;
}

Result<Footer> parse_footer(const PackTrailer& trailer, Bytes end) {
  if (end.size() != trailer.footer_length + kPackTrailer)
    return fail(damaged_pack("the pack's footer is cut short"));
  const Bytes footer = end.first(trailer.footer_length);
  const Bytes tail = end.subspan(trailer.footer_length);
  const Sha256 digest = end_digest(footer, tail.first(kTrailerHead));
  if (std::memcmp(digest.data(), tail.data() + kTrailerHead, digest.size()) != 0)
    return fail(damaged_pack("the pack's footer is damaged: its digest is another than recorded"));

  Footer out;
  out.blobs.reserve(trailer.count);
  WireReader in(footer);
  std::uint64_t offset = 0;
  std::uint32_t uids = 0;
  for (std::uint32_t i = 0; i < trailer.count; ++i) {
    PackBlob blob;
    blob.offset = static_cast<std::uint32_t>(offset);
    blob.length = in.varint32();
    blob.plain = static_cast<std::uint32_t>(in.varint(kMaxBlobPlain));
    const unsigned both = in.u8();
    blob.codec = static_cast<Codec>(both & 15U);
    blob.kind = static_cast<BlobKind>(both >> 4);
    blob.checksum = in.u32();
    const Bytes digest_bytes = in.bytes(blob.digest.size());
    if (in.failed()) return fail(damaged_pack("the pack's footer cannot be read"));
    std::memcpy(blob.digest.data(), digest_bytes.data(), blob.digest.size());
    if (blob.codec == Codec::kZstdDelta) {
      blob.base.pack.backup = in.varint32();
      blob.base.pack.number = in.varint32();
      blob.base.ordinal = in.varint32();
      // They are numbered as they first occur.
      if (in.failed() || blob.base.pack.backup > uids)
        return fail(damaged_pack("the pack's footer does not say what a delta is against"));
      uids = std::max(uids, blob.base.pack.backup + 1);
    }
    offset += blob.length;
    if (offset > trailer.footer_offset || offset > UINT32_MAX)
      return fail(damaged_pack("the pack's footer names bytes that the pack does not have"));
    out.blobs.push_back(blob);
  }
  for (std::uint32_t i = 0; i < uids; ++i) {
    out.backups.emplace_back(as_text(in.bytes(in.varint(kMaxUid))));
    if (in.failed()) return fail(damaged_pack("the pack's footer cannot be read"));
  }
  if (!in.done() || offset != trailer.footer_offset)
    return fail(damaged_pack("the pack's footer does not describe the whole pack"));
  out.id = pack_id(out.blobs);
  return out;
}

std::string backup_prefix(std::string_view ns, std::string_view uid) {
  std::string key = "data/";
  key.append(ns).append("/").append(uid).append("/");
  return key;
}

std::string manifest_key(std::string_view ns, std::string_view uid) {
  return backup_prefix(ns, uid) + "manifest";
}

std::string pack_key(const PackName& name) {
  return backup_prefix(name.ns, name.uid) + std::to_string(name.number) + "." +
         std::to_string(name.generation) + ".pack";
}

std::optional<PackName> parse_pack_key(std::string_view key) {
  const std::vector<std::string> parts = split(key, '/');
  if (parts.size() != 4 || parts[0] != "data") return std::nullopt;
  const std::vector<std::string> name = split(parts[3], '.');
  PackName out{parts[1], parts[2], 0, 0};
  if (name.size() != 3 || name[2] != "pack" || !parse_number(name[0], out.number) ||
      !parse_number(name[1], out.generation))
    return std::nullopt;
  return out;
}

Status check_backup_name(std::string_view ns, std::string_view uid) {
  if (ns.find('/') == std::string_view::npos && uid.find('/') == std::string_view::npos &&
      check_key(manifest_key(ns, uid)))
    return {};
  return fail(Code::kInvalid,
              "'" + std::string(ns) + "' and '" + std::string(uid) +
                  "' are not namespace and uid of a backup",
              "give the namespace and metadata.uid of a GaleraBackup");
}

}  // namespace gb::storage::repo
