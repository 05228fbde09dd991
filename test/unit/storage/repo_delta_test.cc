// What changes a little is stored as a delta: it comes back, it never hangs on a chain, and what it
// is against stays as long as it is needed.
#include <algorithm>
#include <functional>
#include <utility>

#include "storage/repo/manifest.h"
#include "storage/repo/pack_source.h"
#include "storage/repo/repo.h"
#include "test/unit/storage/repo_support.h"

namespace gb::storage {
namespace {

using namespace repo_test;

constexpr std::size_t kColumn = 50'000;
const std::string kFirstPack = "data/ns/one/0.0.pack";

class RepoDelta : public testing::Test {
 protected:
  RepoDelta() : tables_{{kNova, make_table(rng_, 6, 4, 200)}} {
    for (TestChunk& chunk : tables_.at(kNova).chunks)
      chunk.columns[2] = incompressible(rng_, kColumn);
    EXPECT_TRUE(ok(write_backup(store_, "one", tables_)));
  }

  // `bytes` of the large column of one chunk change, all over it.
  void change(std::size_t chunk, std::size_t bytes) {
    std::string& column = tables_.at(kNova).chunks[chunk].columns[2];
    for (std::size_t i = 0; i < bytes; ++i)
      column[(i * 2 + 1) * column.size() / (2 * bytes)] ^= static_cast<char>(1 + rng_() % 255);
  }

  // Writes the next day's backup and tells what it added.
  std::uint64_t back_up(const std::string& uid, const std::string& base) {
    const auto finished = write_backup(store_, uid, tables_, open_backup(store_, base));
    EXPECT_TRUE(ok(finished));
    EXPECT_TRUE(holds(store_, uid, tables_));
    const auto findings = check_repository(store_, {.read_data = true}, {});
    EXPECT_TRUE(ok(findings));
    EXPECT_TRUE(findings->empty()) << findings->front().message;
    return finished ? finished->sizes.added : 0;
  }

  void delete_backup(const std::string& uid) {
    EXPECT_TRUE(ok(free_backups(store_, {{"ns", uid}}, {})));
  }

  [[nodiscard]] bool there(const std::string& key) { return store_.get(key).has_value(); }

  // Rewrites what the first delta of a pack is against; its id, which a manifest pins, stays.
  void aim(const std::string& key, const std::function<void(repo::PackBlob&, repo::Footer&)>& at) {
    const std::string bytes = *store_.get(key);
    auto pack = repo::load_pack(store_, key, bytes.size());
    ASSERT_TRUE(ok(pack));
    auto& blobs = pack->footer.blobs;
    const auto delta = std::ranges::find(blobs, repo::Codec::kZstdDelta, &repo::PackBlob::codec);
    ASSERT_NE(delta, blobs.end());
    const std::uint64_t end = blobs.back().offset + blobs.back().length;
    at(*delta, pack->footer);
    const std::string changed =
        bytes.substr(0, end) + repo::encode_pack_end(blobs, pack->footer.backups, end);
    ASSERT_TRUE(ok(put(store_, key, as_bytes(changed))));
  }

  // Reading "two" and checking the repository both find damage, and name the pack.
  void expect_damaged(const std::string& key, const char* why) {
    const auto read = open_backup(store_, "two")->verify(4, {});
    ASSERT_FALSE(read) << why;
    EXPECT_EQ(read.error().code, Code::kCorruption) << read.error().text();
    EXPECT_NE(read.error().text().find(why), std::string::npos) << read.error().text();
    const auto findings = check_repository(store_, {.read_data = true}, {});
    ASSERT_TRUE(ok(findings));
    EXPECT_TRUE(std::ranges::any_of(*findings, [&](const Finding& each) {
      return each.damage && each.key == key &&
             each.message.find("ns/two table nova.instances") != std::string::npos;
    })) << why;
  }

  std::mt19937_64 rng_{17};
  MemoryBlobStore store_;
  TestBackup tables_;
};

TEST_F(RepoDelta, AFewChangesAddAboutWhatChanged) {
  change(3, 20);
  EXPECT_LT(back_up("two", "one"), 2000U);
}

TEST_F(RepoDelta, BytesThatAreInsertedMoveTheRestAndAddLittle) {
  tables_.at(kNova).chunks[3].columns[2].insert(7000, "inserted");
  tables_.at(kNova).chunks[4].columns[2].erase(20'000, 30);
  EXPECT_LT(back_up("two", "one"), 2000U);
}

TEST_F(RepoDelta, ATableThatGrewAddsAboutWhatCame) {
  // The last chunk ends at another key now, as that of every small table does.
  TestChunk& last = tables_.at(kNova).chunks.back();
  last.cut = 4711;
  last.rows += 1;
  for (std::string& column : last.columns) column += "new";
  EXPECT_LT(back_up("two", "one"), 2000U);
  // And again, with a chunk behind it.
  last.cut = 4712;
  last.columns[2] += "newer";
  tables_.at(kNova).chunks.push_back({4713, 2, {"a", "b", incompressible(rng_, 500), ""}});
  EXPECT_LT(back_up("three", "two"), 2500U);
}

TEST_F(RepoDelta, RowsThatComeInEverywhereAddAboutThemselves) {
  // 16,000 random ids in the order of the key, as a chunk of a table of ports has them; a day
  // later every 33rd is new.
  constexpr std::size_t kId = 16;
  constexpr std::size_t kIds = 16'000;
  std::string& ids = tables_.at(kNova).chunks[3].columns[2];
  ids = incompressible(rng_, kIds * kId);
  ASSERT_TRUE(ok(write_backup(store_, "large", tables_)));
  const std::string before = std::exchange(ids, {});
  for (std::size_t i = 0; i < kIds; ++i) {
    if (i % 33 == 0) ids += incompressible(rng_, kId);
    ids.append(before, i * kId, kId);
  }
  const std::size_t came = ids.size() - before.size();
  EXPECT_LT(back_up("two", "large"), 3 * came);
}

TEST_F(RepoDelta, WhatChangedMuchIsStoredWhole) {
  tables_.at(kNova).chunks[3].columns[2] = incompressible(rng_, kColumn);
  EXPECT_GT(back_up("two", "one"), kColumn);
}

TEST_F(RepoDelta, ManyDaysOfChangesAreEachOneHopFromTheFirst) {
  for (int day = 0; day < 10; ++day) {
    change(3, 20);
    const std::string uid = day == 0 ? "one" : "day" + std::to_string(day);
    EXPECT_LT(back_up("day" + std::to_string(day + 1), uid), 6000U) << day;
  }
  // The days between are nobody's base: the last reads without them.
  for (int day = 1; day < 10; ++day) delete_backup("day" + std::to_string(day));
  EXPECT_FALSE(there("data/ns/day5/0.0.pack"));
  EXPECT_TRUE(holds(store_, "day10", tables_));
}

TEST_F(RepoDelta, WhatADeltaIsAgainstStaysWithIt) {
  change(3, 20);
  back_up("two", "one");
  // Everything else of the first day is replaced, so that only the delta needs it.
  for (std::size_t i = 0; i < 6; ++i)
    for (std::size_t column = 0; column < 4; ++column)
      if (i != 3 || column != 2)
        tables_.at(kNova).chunks[i].columns[column] = incompressible(rng_, 900);
  back_up("three", "two");
  back_up("four", "three");  // nothing changed: it refers to a delta
  for (const char* uid : {"one", "two", "three"}) delete_backup(uid);
  EXPECT_TRUE(there(kFirstPack));
  EXPECT_TRUE(holds(store_, "four", tables_));
  // Once the column is stored whole again, nothing is left to keep the first day for.
  tables_.at(kNova).chunks[3].columns[2] = incompressible(rng_, kColumn);
  back_up("five", "four");
  for (const char* uid : {"four", "three", "two", "one"}) delete_backup(uid);
  EXPECT_FALSE(there(kFirstPack));
  EXPECT_TRUE(holds(store_, "five", tables_));
}

TEST_F(RepoDelta, ABaseThatIsDamagedIsNotBuiltUpon) {
  std::string pack = *store_.get(kFirstPack);
  pack[pack.size() / 2] ^= 1;  // within some chunk's large column
  ASSERT_TRUE(ok(put(store_, kFirstPack, as_bytes(pack))));
  for (std::size_t i = 0; i < 6; ++i) change(i, 20);
  ASSERT_TRUE(ok(write_backup(store_, "two", tables_, open_backup(store_, "one"))));
  EXPECT_TRUE(holds(store_, "two", tables_));
}

TEST_F(RepoDelta, ALostBaseIsFoundAndNamesWhoNeedsIt) {
  change(3, 20);
  back_up("two", "one");
  const std::string pack = *store_.get(kFirstPack);
  ASSERT_TRUE(ok(store_.remove(kFirstPack)));
  expect_damaged(kFirstPack, "missing");
}

TEST_F(RepoDelta, AFlippedBitOfTheBaseIsFoundThroughTheDelta) {
  change(3, 20);
  back_up("two", "one");
  const auto pack = repo::load_pack(store_, kFirstPack, store_.get(kFirstPack)->size());
  ASSERT_TRUE(ok(pack));
  std::size_t large = 0;  // the fourth of those that are large belongs to the chunk that changed
  for (const repo::PackBlob& blob : pack->footer.blobs) {
    if (blob.plain != kColumn || ++large != 4) continue;
    std::string bytes = *store_.get(kFirstPack);
    bytes[blob.offset + 1000] ^= 1;
    ASSERT_TRUE(ok(put(store_, kFirstPack, as_bytes(bytes))));
  }
  expect_damaged(kFirstPack, "not those that were written");
}

// "three" refers to the delta of "two" as it is, and to nothing else of "one".
TEST_F(RepoDelta, EveryBackupNamesThePackThatItsDeltasAreAgainst) {
  delete_backup("one");
  tables_.at(kNova).chunks = {{7, 2, {"", "", incompressible(rng_, kColumn), ""}}};
  ASSERT_TRUE(ok(write_backup(store_, "one", tables_)));
  change(0, 20);
  back_up("two", "one");
  back_up("three", "two");

  const std::string key = repo::manifest_key("ns", "three");
  auto manifest = repo::parse_manifest(as_bytes(*store_.get(key)));
  ASSERT_TRUE(ok(manifest));
  const auto one = std::ranges::find(manifest->backups, "one") - manifest->backups.begin();
  ASSERT_EQ(std::erase_if(manifest->pins,
                          [&](const auto& pin) {
                            return pin.first.backup == static_cast<std::uint32_t>(one);
                          }),
            1U);
  ASSERT_TRUE(ok(put(store_, key, as_bytes(*repo::encode_manifest(*manifest)))));

  const auto whole = open_backup(store_, "three")->verify_structure({});
  ASSERT_FALSE(whole);
  EXPECT_NE(whole.error().text().find("which the manifest does not name"), std::string::npos);
  for (const bool read_data : {false, true}) {
    const auto findings = check_repository(store_, {.read_data = read_data}, {});
    ASSERT_TRUE(ok(findings));
    EXPECT_TRUE(std::ranges::any_of(*findings, [](const Finding& each) {
      return each.damage && each.message.find("ns/three table nova.instances") != std::string::npos;
    })) << read_data;
  }
}

TEST_F(RepoDelta, ADeltaThatIsAimedElsewhereIsNotBelieved) {
  change(3, 20);
  back_up("two", "one");
  const std::string key = "data/ns/two/0.0.pack";
  const std::string sound = *store_.get(key);
  const auto put_back = [&] { ASSERT_TRUE(ok(put(store_, key, as_bytes(sound)))); };

  aim(key, [](repo::PackBlob& blob, repo::Footer&) { ++blob.base.ordinal; });
  expect_damaged(key, "blob");
  put_back();
  aim(key, [](repo::PackBlob& blob, repo::Footer&) { blob.base.pack.number = 99; });
  expect_damaged(key, "which the manifest does not name");
  put_back();
  aim(key, [](repo::PackBlob&, repo::Footer& footer) { footer.backups[0] = "nobody"; });
  expect_damaged(key, "which the manifest does not name");
  put_back();
  // Against itself: the first blob of the pack.
  aim(key, [](repo::PackBlob& blob, repo::Footer& footer) {
    footer.backups[0] = "two";
    blob.base = {{0, 0}, 0};
  });
  expect_damaged(key, "no delta can be against");
  EXPECT_FALSE(open_backup(store_, "two")->verify_structure({}));
  put_back();
  EXPECT_TRUE(holds(store_, "two", tables_));
}

}  // namespace
}  // namespace gb::storage
