// The parsers of backups' bytes: manifests, pack trailers and footers, pages, table objects, blobs.
// They must refuse or read whatever they are given, in bounded memory.
#include <cstddef>
#include <cstdint>
#include <string>

#include "storage/repo/manifest.h"
#include "storage/repo/pack_format.h"
#include "storage/repo/tree_format.h"

using namespace gb::storage::repo;

// What stands before a manifest's digest, with the digest that belongs there: else nothing is
// behind it.
static std::string with_digest(std::string_view covered) {
  std::string out(covered);
  const auto digest = gb::storage::sha256(gb::as_bytes(out));
  out.append(gb::as_text(gb::Bytes(digest)));
  return out + "GBMANEND";
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const gb::Bytes input = std::as_bytes(std::span(data + 1, size - 1));
  const std::string text(gb::as_text(input));
  switch (data[0] % 6) {
    case 0:
      (void)parse_manifest(input);
      break;
    case 1: {
      const std::string sealed = with_digest(text);
      if (const auto manifest = parse_manifest(gb::as_bytes(sealed)))
        (void)encode_manifest(*manifest);
      break;
    }
    case 2:
      if (input.size() >= kPackTrailer) {
        const auto trailer = parse_trailer(input.last(kPackTrailer), input.size());
        if (trailer) (void)parse_footer(*trailer, input.subspan(trailer->footer_offset));
      }
      break;
    case 3:
      if (const auto page = Page::parse(text)) {
        std::string records;
        for (std::uint32_t i = 0; i < page->chunks(); ++i) put_chunk(page->chunk(i), records);
        // One page has one form.
        if (encode_page(page->columns(), page->chunks(), records) != text) __builtin_trap();
      }
      break;
    case 4:
      if (const auto table = parse_table(input))
        if (encode_table(*table) != text) __builtin_trap();
      break;
    default: {
      std::string out;
      const auto codec = static_cast<Codec>(data[0] >> 6);
      const gb::Bytes prefix = input.first(input.size() / 2);
      (void)Decompressor().append(codec, input, std::uint64_t{data[0]} * 1000, out, prefix);
    }
  }
  return 0;
}
