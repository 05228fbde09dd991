// The fuzzer's properties over what the writers make and its mutations, so that every build holds
// them.
#include <gtest/gtest.h>

#include <set>

#include "base/rng.h"
#include "test/fuzz/storage_repo_fuzz.cc"
#include "test/unit/storage/repo_support.h"

namespace gb::storage::repo {
namespace {

constexpr std::size_t kManifestHeader = 20;

// Every part of two small backups, the second of which has deltas against the first.
class Seeds {
 public:
  Seeds() {
    std::mt19937_64 rng(1);
    repo_test::TestBackup tables{{repo_test::kNova, repo_test::make_table(rng, 3, 4, 120)}};
    std::string& column = tables.at(repo_test::kNova).chunks[1].columns[2];
    column = repo_test::incompressible(rng, 300);
    MemoryBlobStore store;
    EXPECT_TRUE(repo_test::ok(repo_test::write_backup(store, "one", tables)));
    column[150] ^= 1;
    EXPECT_TRUE(repo_test::ok(
        repo_test::write_backup(store, "two", tables, repo_test::open_backup(store, "one"))));
    const auto keys = *store.list("data/");
    for (const BlobInfo& blob : keys) {
      const std::string bytes = *store.get(blob.key);
      if (blob.key.ends_with("/manifest"))
        add_manifest(bytes);
      else
        add_pack(bytes);
    }
    add_blobs(rng);
  }

  std::vector<std::string> inputs;
  int deltas = 0;

 private:
  void add(Part part, std::string_view bytes, Codec codec = Codec::kRaw) {
    std::string input(
        1, static_cast<char>(static_cast<unsigned>(part) | static_cast<unsigned>(codec) << 6));
    inputs.push_back(input.append(bytes));
  }
  void add_manifest(const std::string& bytes) {
    const std::string_view before =
        std::string_view(bytes).substr(0, bytes.size() - kDigestAndMagic);
    EXPECT_EQ(sealed(before, before.size(), "GBMANEND"), bytes);
    WireReader in(as_bytes(bytes).subspan(kManifestHeader - 8));
    std::string json;
    EXPECT_TRUE(Decompressor().append(static_cast<Codec>(bytes[9]),
                                      as_bytes(before).subspan(kManifestHeader), in.u32(), json));
    EXPECT_TRUE(parse_manifest(
        as_bytes(sealed(manifest_before_digest(json), std::string::npos, "GBMANEND"))));
    add(Part::kManifest, bytes);
    add(Part::kManifestBeforeDigest, before);
    add(Part::kManifestJson, json);
  }
  void add_pack(const std::string& bytes) {
    const Bytes pack = as_bytes(bytes);
    const auto trailer = parse_trailer(pack.last(kPackTrailer), pack.size());
    ASSERT_TRUE(repo_test::ok(trailer));
    const auto footer = parse_footer(*trailer, pack.subspan(trailer->footer_offset));
    ASSERT_TRUE(repo_test::ok(footer));
    const std::string_view before =
        std::string_view(bytes).substr(0, bytes.size() - kDigestAndMagic);
    EXPECT_EQ(sealed(before, before.size() - trailer->footer_offset, "GBPACK1E"), bytes);
    add(Part::kPack, bytes);
    add(Part::kPackBeforeDigest, before);
    for (const PackBlob& blob : footer->blobs) {
      deltas += blob.codec == Codec::kZstdDelta ? 1 : 0;
      if (blob.kind == BlobKind::kColumn) continue;
      std::string plain;
      Decompressor decompressor;
      ASSERT_TRUE(repo_test::ok(
          open_blob(decompressor, blob, pack.subspan(blob.offset, blob.length), {}, plain)));
      add(blob.kind == BlobKind::kPage ? Part::kPage : Part::kTable, plain);
    }
  }
  void add_blobs(std::mt19937_64& rng) {
    const std::string plain = repo_test::compressible(rng, kFuzzedBlob);
    add(Part::kBlob, plain);
    Buffer packed;
    EXPECT_EQ(Compressor().append(as_bytes(plain), packed), Codec::kZstd);
    add(Part::kBlob, as_text(packed.bytes()), Codec::kZstd);
    std::string prefix = plain;
    for (std::size_t i = 0; i < prefix.size(); i += 1000) prefix[i] ^= 1;
    Buffer delta;
    EXPECT_TRUE(Compressor().append_delta(as_bytes(plain), as_bytes(prefix), plain.size(), delta));
    std::string input{static_cast<char>(prefix.size() % 256),
                      static_cast<char>(prefix.size() / 256)};
    add(Part::kBlob, input.append(prefix).append(as_text(delta.bytes())), Codec::kZstdDelta);
  }
};

void run(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

TEST(RepoFuzz, SeedsAndTheirMutationsHold) {
  const Seeds seeds;
  EXPECT_GT(seeds.deltas, 0);
  std::set<unsigned> parts;
  SeededRng rng(20261121);
  for (const std::string& seed : seeds.inputs) {
    parts.insert(static_cast<unsigned char>(seed[0]));
    run(seed);
    for (int round = 0; round < 3000; ++round) {
      std::string input = seed;
      for (std::uint64_t edits = 1 + rng.next() % 4; edits > 0; --edits) {
        const std::size_t at = 1 + rng.next() % input.size();
        const char byte = static_cast<char>(rng.next());
        switch (rng.next() % 5) {
          case 0:
            input.insert(at, 1, byte);
            break;
          case 1:
            input.erase(at, 1 + rng.next() % 3);
            break;
          case 2:
            input.insert(at, input.substr(1 + rng.next() % input.size(), 20));
            break;
          case 3:
            if (at < input.size()) input[at] = static_cast<char>(input[at] ^ (1 << (byte & 7)));
            break;
          default:
            if (at < input.size()) input[at] = byte;
        }
      }
      run(input);
    }
  }
  EXPECT_EQ(parts.size(), 10U) << "eight parts, and blobs by three codecs";
}

}  // namespace
}  // namespace gb::storage::repo
