// The bytes of the format, as docs/repository-format-data.md has them. A test here that must be
// changed means that repositories which exist cannot be read any more.
#include <random>

#include "storage/repo/manifest.h"
#include "storage/repo/pack_format.h"
#include "storage/repo/tree_format.h"
#include "storage/repo/wire.h"
#include "test/unit/storage/repo_support.h"

namespace gb::storage::repo {
namespace {

using repo_test::ok;

std::string hex(std::string_view bytes) {
  return to_hex(as_bytes(bytes));
}

ColumnEntry blobs(std::vector<Ref> refs) {
  return {std::move(refs), Codec::kRaw, 0, {}};
}
ColumnEntry inline_bytes(Codec codec, std::uint32_t plain, std::string bytes) {
  return {{}, codec, plain, std::move(bytes)};
}

TEST(RepoFormat, AVarintHasOneForm) {
  for (const std::uint64_t value :
       std::vector<std::uint64_t>{0, 127, 128, 300, UINT32_MAX, UINT64_MAX}) {
    std::string bytes;
    put_varint(bytes, value);
    WireReader in(as_bytes(bytes));
    EXPECT_EQ(in.varint(), value);
    EXPECT_TRUE(in.done());
    WireReader cut(as_bytes(bytes).first(bytes.size() - 1));
    (void)cut.varint();
    EXPECT_TRUE(cut.failed());
  }
  for (const std::string_view bad :
       {std::string_view("\x80\x00", 2),
        std::string_view("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
        std::string_view("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")}) {
    WireReader in(as_bytes(bad));
    (void)in.varint();
    EXPECT_TRUE(in.failed()) << hex(bad);
  }
}

TEST(RepoFormat, ARecordAsWritten) {
  ChunkEntry chunk{0x0102030405060708, 300, {}};
  chunk.columns.push_back(blobs({{{2, 5}, 9}}));                 // another pack
  chunk.columns.push_back(blobs({{{2, 5}, 10}}));                // the next blob
  chunk.columns.push_back(blobs({{{2, 5}, 8}, {{0, 1}, 200}}));  // two pieces
  chunk.columns.push_back(inline_bytes(Codec::kRaw, 2, "hi"));
  chunk.columns.push_back(inline_bytes(Codec::kZstd, 500, "zz"));
  std::string record;
  put_chunk(chunk, record);
  EXPECT_EQ(hex(record),
            "0807060504030201"  // cut
            "ac02"              // rows
            "160509"            // (2 << 1 | 1) << 2 | 2, pack 5, ordinal 9
            "02"                // the same pack, the next ordinal
            "0b"                // two blobs
            "0a"                // the same pack, zigzag(-3) << 1
            "0101c801"          // backup 0, pack 1, ordinal 200
            "08"
            "6869"  // two raw bytes
            "09f403"
            "7a7a");  // two bytes of zstd for 500
  const auto page = Page::parse(encode_page(5, 1, record));
  ASSERT_TRUE(ok(page));
  EXPECT_EQ(page->cut(0), chunk.cut);
  std::string again;
  put_chunk(page->chunk(0), again);
  EXPECT_EQ(again, record);
}

TEST(RepoFormat, ATableObjectAsWritten) {
  const TableObject table{
      3, 1000, 70000, {{{0, 0}, 7}, {{0, 0}, 8}, {{1, 0}, 2}}, {{0, 0, 256}, {1, 3, 1}, {2, 0, 5}}};
  const std::string bytes = encode_table(table);
  EXPECT_EQ(hex(bytes),
            "0103e807f0a204"
            "03"
            "010007"
            "00"
            "030002"
            "03"
            "00008002"
            "010301"
            "020005");
  const auto read = parse_table(as_bytes(bytes));
  ASSERT_TRUE(ok(read));
  EXPECT_EQ(read->pages, table.pages);
  EXPECT_EQ(read->slices, table.slices);
  EXPECT_EQ(read->chunks(), 262U);
}

TEST(RepoFormat, APacksEndAsWritten) {
  std::vector<PackBlob> list(2);
  list[0] = {0, 20, 16, 0x04030201, Codec::kRaw, BlobKind::kColumn, sha256(as_bytes("a")), {}};
  list[1] = {20, 300, 1000, 0x08070605, Codec::kZstd, BlobKind::kPage, sha256(as_bytes("b")), {}};
  const std::string end = encode_pack_end(list, {}, 320);
  const std::string footer =
      "14"
      "10"
      "10"
      "01020304" +
      hex(as_text(Bytes(sha256(as_bytes("a"))))) +
      "ac02"
      "e807"
      "21"
      "05060708" +
      hex(as_text(Bytes(sha256(as_bytes("b")))));
  const std::string head =
      "50000000"
      "02000000"
      "01000000"
      "4001000000000000";
  ASSERT_EQ(footer.size(), 2 * 0x50U);
  EXPECT_EQ(hex(end), footer + head +
                          hex(as_text(Bytes(sha256(as_bytes(*from_hex(footer + head)))))) +
                          hex("GBPACK1E"));
  const auto trailer = parse_trailer(as_bytes(end).last(kPackTrailer), 320 + end.size());
  ASSERT_TRUE(ok(trailer));
  const auto parsed = parse_footer(*trailer, as_bytes(end));
  ASSERT_TRUE(ok(parsed));
  ASSERT_EQ(parsed->blobs.size(), 2U);
  EXPECT_EQ(parsed->blobs[1].offset, 20U);
  EXPECT_EQ(parsed->blobs[1].kind, BlobKind::kPage);

  // Compaction moves blobs, drops some and compresses others again: the id stays.
  std::vector<PackBlob> compacted = list;
  compacted[0].length = 0;
  compacted[1].offset = 0;
  compacted[1].length = 250;
  EXPECT_EQ(pack_id(compacted), pack_id(list));
  compacted[1].digest = sha256(as_bytes("c"));
  EXPECT_NE(pack_id(compacted), pack_id(list));
}

TEST(RepoFormat, ADeltaNamesWhatItIsAgainst) {
  PackBlob blob{
      0, 24, 1000, 0x04030201, Codec::kZstdDelta, BlobKind::kColumn, sha256(as_bytes("a")), {}};
  std::vector<PackBlob> list(3, blob);
  list[0].base = {{2, 7}, 300};
  list[1].base = {{0, 1}, 0};
  list[2].base = {{2, 8}, 1};
  const std::string end = encode_pack_end(list, {"first", "unused", "third"}, 72);
  const std::string entry =
      "18e80712"
      "01020304" +
      hex(as_text(Bytes(blob.digest)));
  EXPECT_EQ(hex(end.substr(0, end.size() - kPackTrailer)), entry + "0007ac02" + entry + "010100" +
                                                               entry + "000801" + "05" +
                                                               hex("third") + "05" + hex("first"));
  const auto trailer = parse_trailer(as_bytes(end).last(kPackTrailer), 72 + end.size());
  ASSERT_TRUE(ok(trailer));
  const auto parsed = parse_footer(*trailer, as_bytes(end));
  ASSERT_TRUE(ok(parsed));
  EXPECT_EQ(parsed->backups, (std::vector<std::string>{"third", "first"}));
  EXPECT_EQ(parsed->blobs[1].base, (Ref{{1, 1}, 0}));
  EXPECT_EQ(parsed->blobs[2].base, (Ref{{0, 8}, 1}));

  // What a blob is against may change (compaction stores it whole): the id stays.
  std::vector<PackBlob> whole = list;
  whole[0].codec = Codec::kZstd;
  EXPECT_EQ(pack_id(whole), pack_id(list));
}

TEST(RepoFormat, KeysAreReadAsTheyAreWrittenOnly) {
  const auto name = parse_pack_key("data/ns/uid/12.3.pack");
  ASSERT_TRUE(name);
  EXPECT_EQ(pack_key(*name), "data/ns/uid/12.3.pack");
  for (const char* key :
       {"data/ns/uid/012.0.pack", "data/ns/uid/1.pack", "data/ns/uid/1.0.pack.x",
        "data/ns/1.0.pack", "data/ns/uid/-1.0.pack", "data/ns/uid/4294967296.0.pack",
        "log/ns/uid/1.0.pack", "data/ns/uid/manifest"})
    EXPECT_FALSE(parse_pack_key(key)) << key;
}

// Sizes that a hostile repository claims are refused before anything is allocated for them.
TEST(RepoFormat, ClaimsAreNotBelieved) {
  std::string out;
  std::string many;  // a page of 2^60 chunks
  many.push_back(1);
  put_varint(many, 1);
  put_varint(many, 1ULL << 60);
  EXPECT_FALSE(Page::parse(many));
  std::string pages;  // a table object of 2^60 pages
  pages.push_back(1);
  for (int i = 0; i < 3; ++i) put_varint(pages, 1);
  put_varint(pages, 1ULL << 60);
  EXPECT_FALSE(parse_table(as_bytes(pages)));
  // A table of more chunks than any has, by slices that repeat a page.
  TableObject repeated{1, 1, 1, {{{0, 0}, 0}}, {}};
  repeated.slices.assign(5, Slice{0, 0, UINT32_MAX});
  EXPECT_FALSE(parse_table(as_bytes(encode_table(repeated))));
  // A frame that unfolds to more than its record says.
  Buffer packed;
  ASSERT_EQ(Compressor().append(as_bytes(std::string(1U << 20, 'x')), packed), Codec::kZstd);
  EXPECT_FALSE(Decompressor().append(Codec::kZstd, packed.bytes(), 1000, out));
  EXPECT_TRUE(out.empty());
  EXPECT_TRUE(ok(Decompressor().append(Codec::kZstd, packed.bytes(), 1U << 20, out)));
}

std::string manifest_of(std::string_view json) {
  Buffer packed;
  const Codec codec = Compressor().append(as_bytes(json), packed);
  std::string out = "GBMANIF1\x01";
  out.push_back(static_cast<char>(codec));
  out.append(2, '\0');
  put_u32(out, static_cast<std::uint32_t>(json.size()));
  put_u32(out, static_cast<std::uint32_t>(packed.size()));
  out.append(as_text(packed.bytes()));
  const Sha256 digest = sha256(as_bytes(out));
  return out.append(as_text(Bytes(digest))).append("GBMANEND");
}

TEST(RepoFormat, AManifestAsDocumentedIsRead) {
  const std::string digest(32, 'a');
  const std::string id(64, 'b');
  const std::string json =
      R"({"format":1,"namespace":"ns","uid":"u","baseUid":"","object":"{}","instances":[],"backups":["","u"],)"
      R"("packs":[[1,0,")" +
      id +
      R"("]],"tables":[{"instance":"i","schema":"s","table":"t","columns":["a"],)"
      R"("rows":4,"bytes":9,"digest":")" +
      digest +
      R"(","chunks":1,"object":[1,0,2]}],)"
      R"("sizes":{"logical":9,"stored":1,"added":1}})";
  const auto read = parse_manifest(as_bytes(manifest_of(json)));
  ASSERT_TRUE(ok(read));
  EXPECT_EQ(read->objects.at(0), (Ref{{1, 0}, 2}));
  EXPECT_EQ(read->pins.size(), 1U);
  EXPECT_EQ(read->manifest.tables[0].totals.rows, 4U);

  // With its digest right, and its content wrong.
  const auto refused = [&](std::string_view what, std::string_view with) {
    std::string bad = json;
    const std::size_t at = bad.find(what);
    ASSERT_NE(at, std::string::npos) << what;
    bad.replace(at, what.size(), with);
    const auto parsed = parse_manifest(as_bytes(manifest_of(bad)));
    ASSERT_FALSE(parsed) << with;
    EXPECT_EQ(parsed.error().code, Code::kCorruption);
  };
  refused(R"("format":1)", R"("format":2)");
  refused(R"(["","u"])", R"(["","../../u"])");
  refused(R"([[1,0,)", R"([[2,0,)");
  refused(R"([[1,0,)", R"([[0,0,)");
  refused(R"([1,0,2])", R"([1,0])");
  refused(R"([1,0,2])", R"([1,0,-1])");
  refused(R"("chunks":1)", R"("chunks":0)");
  refused(R"("rows":4)", R"("rows":"4")");
  refused(R"("columns":["a"])", R"("columns":[["a"]])");
  refused(R"("sizes")", R"("Sizes")");
  refused(R"("instances":[])", R"("instances":[[[[[[[[]]]]]]]])");
  refused(json, "");
  refused(json, "[]");
}

}  // namespace
}  // namespace gb::storage::repo
