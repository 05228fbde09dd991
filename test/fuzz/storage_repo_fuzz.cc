// The parsers of backups' bytes: manifests, pack trailers and footers, pages, table objects, blobs.
// They must refuse or read whatever they are given, in bounded memory. What a digest stands before
// is given the right one, too: else nothing behind it would ever be reached.
//
// Built by the preset fuzz; the unit test repo_fuzz_corpus_test.cc runs the same function over what
// the writers make.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

#include "storage/crypto/digest.h"
#include "storage/repo/manifest.h"
#include "storage/repo/pack_format.h"
#include "storage/repo/tree_format.h"
#include "storage/repo/wire.h"

namespace gb::storage::repo {
namespace {

// What the first byte of an input says of the others, by its lower three bits.
enum class Part : std::uint8_t {
  kManifest,
  kManifestBeforeDigest,  // without its digest and what follows that
  kManifestJson,
  kPack,
  kPackBeforeDigest,
  kPage,
  kTable,
  kBlob,  // the codec is in the first byte's upper two bits
};
constexpr std::uint64_t kFuzzedBlob = 50'000;  // its plain bytes
constexpr std::size_t kDigestAndMagic = 40;

void check_fuzzed(bool holds) {
  if (!holds) std::abort();
}

// `digested` is how much of the end the digest is of.
std::string sealed(std::string_view text, std::size_t digested, std::string_view magic) {
  std::string out(text);
  const Sha256 digest = sha256(as_bytes(out).last(std::min(digested, out.size())));
  return out.append(as_text(Bytes(digest))).append(magic);
}

std::string manifest_before_digest(std::string_view json) {
  std::string out = "GBMANIF1\x01";
  out.append(3, '\0');  // raw
  put_u32(out, static_cast<std::uint32_t>(json.size()));
  put_u32(out, static_cast<std::uint32_t>(json.size()));
  return out.append(json);
}

void fuzz_manifest(std::string_view before_digest) {
  const std::string stored = sealed(before_digest, before_digest.size(), "GBMANEND");
  const auto manifest = parse_manifest(as_bytes(stored));
  if (!manifest) return;
  const auto again = encode_manifest(*manifest);
  if (again) check_fuzzed(parse_manifest(as_bytes(*again)).has_value());
}

void fuzz_pack(Bytes pack) {
  if (pack.size() < kPackTrailer) return;
  const auto trailer = parse_trailer(pack.last(kPackTrailer), pack.size());
  if (!trailer) return;
  const auto footer = parse_footer(*trailer, pack.subspan(trailer->footer_offset));
  if (!footer) return;
  // Whatever it says, a blob is within the pack, and is opened or refused.
  for (const PackBlob& blob : footer->blobs) {
    check_fuzzed(std::uint64_t{blob.offset} + blob.length <= trailer->footer_offset);
    std::string plain;
    Decompressor decompressor;
    if (open_blob(decompressor, blob, pack.subspan(blob.offset, blob.length), {}, plain))
      check_fuzzed(plain.size() == blob.plain);
  }
}

void fuzz_pack_before_digest(std::string_view text) {
  constexpr std::size_t kHead = kPackTrailer - kDigestAndMagic;  // of the trailer
  if (text.size() < kHead) return;
  WireReader in(as_bytes(text).last(kHead));
  const std::size_t footer = in.u32();
  fuzz_pack(as_bytes(sealed(text, footer + kHead, "GBPACK1E")));
}

void fuzz_page(const std::string& text) {
  const auto page = Page::parse(text);
  if (!page) return;
  std::string records;
  for (std::uint32_t i = 0; i < page->chunks(); ++i) put_chunk(page->chunk(i), records);
  // One page has one form.
  check_fuzzed(encode_page(page->columns(), page->chunks(), records) == text);
}

void fuzz_table(Bytes input) {
  if (const auto table = parse_table(input)) check_fuzzed(encode_table(*table) == as_text(input));
}

// A delta's prefix stands before it, as long as the first two bytes say.
void fuzz_blob(Codec codec, Bytes input) {
  Bytes prefix;
  if (codec == Codec::kZstdDelta) {
    WireReader in(input);
    const std::size_t low = in.u8();
    const std::size_t length = low + std::size_t{256} * in.u8();
    if (in.failed() || input.size() - 2 < length) return;
    prefix = input.subspan(2, length);
    input = input.subspan(2 + length);
  }
  std::string out;
  if (Decompressor().append(codec, input, kFuzzedBlob, out, prefix))
    check_fuzzed(out.size() == kFuzzedBlob);
}

}  // namespace
}  // namespace gb::storage::repo

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gb::storage::repo;
  if (size == 0) return 0;
  const gb::Bytes input = std::as_bytes(std::span(data + 1, size - 1));
  const std::string text(gb::as_text(input));
  switch (static_cast<Part>(data[0] % 8)) {
    case Part::kManifest:
      (void)parse_manifest(input);
      break;
    case Part::kManifestBeforeDigest:
      fuzz_manifest(text);
      break;
    case Part::kManifestJson:
      fuzz_manifest(manifest_before_digest(text));
      break;
    case Part::kPack:
      fuzz_pack(input);
      break;
    case Part::kPackBeforeDigest:
      fuzz_pack_before_digest(text);
      break;
    case Part::kPage:
      fuzz_page(text);
      break;
    case Part::kTable:
      fuzz_table(input);
      break;
    case Part::kBlob:
      fuzz_blob(static_cast<Codec>(data[0] >> 6), input);
      break;
  }
  return 0;
}
