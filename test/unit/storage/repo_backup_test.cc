// Backups written and read back, whole and derived from a base.
#include <atomic>

#include "storage/repo/repo.h"
#include "test/unit/storage/repo_support.h"

namespace gb::storage {
namespace {

using namespace repo_test;

const TableId kKeystone{"openstack", "keystone", "user"};
const TableId kEmpty{"openstack", "keystone", "access_rule"};

TEST(RepoBackup, EverythingWrittenIsReadBack) {
  std::mt19937_64 rng(1);
  MemoryBlobStore store;
  const TestBackup tables = {{kNova, make_table(rng, 20, 9, 3000)},
                             {kKeystone, make_table(rng, 3, 4, 200)},
                             {kEmpty, make_table(rng, 0, 5, 0)}};
  const auto finished = write_backup(store, "one", tables);
  ASSERT_TRUE(ok(finished));
  EXPECT_TRUE(holds(store, "one", tables));

  const auto reader = BackupReader::open(store, "ns", "one", finished->digest);
  ASSERT_TRUE(ok(reader));
  const Manifest& manifest = (*reader)->manifest();
  EXPECT_EQ(manifest.ns, "ns");
  EXPECT_EQ(manifest.uid, "one");
  EXPECT_EQ(manifest.base_uid, "");
  EXPECT_EQ(manifest.content.object, content().object);
  ASSERT_EQ(manifest.content.instances.size(), 1U);
  EXPECT_EQ(manifest.content.instances[0].name, "openstack");
  EXPECT_EQ(manifest.content.instances[0].content, content().instances[0].content);
  EXPECT_EQ(manifest.tables[2].id, kNova);  // keystone before nova
  EXPECT_EQ(manifest.tables[2].chunks, 20U);
  EXPECT_EQ(manifest.tables[2].totals.digest, tables.at(kNova).totals().digest);
  EXPECT_EQ(manifest.sizes.logical,
            tables.at(kNova).totals().bytes + tables.at(kKeystone).totals().bytes);
  EXPECT_EQ(manifest.sizes.added, finished->sizes.added);
  EXPECT_EQ(manifest.sizes.stored, finished->sizes.stored);
  std::uint64_t bytes = 0;
  const auto blobs = store.list("");
  ASSERT_TRUE(ok(blobs));
  for (const BlobInfo& blob : *blobs) bytes += blob.size;
  EXPECT_EQ(finished->sizes.added, bytes) << "what was added is what lies in the store";
}

TEST(RepoBackup, RandomTablesRangesAndThreadsComeBack) {
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    std::mt19937_64 rng(seed);
    MemoryBlobStore store;
    TestBackup tables;
    for (std::size_t t = 0; t <= seed % 4; ++t) {
      TestTable table = make_table(rng, rng() % 700, 1 + rng() % 12, 1 + rng() % 400);
      split_into_ranges(table, 1 + rng() % 6);
      tables.emplace(TableId{"i" + std::to_string(t % 2), "s", "t" + std::to_string(t)}, table);
    }
    ASSERT_TRUE(ok(write_backup(store, "one", tables, nullptr, true))) << "seed " << seed;
    ASSERT_TRUE(holds(store, "one", tables)) << "seed " << seed;
    // A day later: chunks changed, gone and new, other ranges.
    const auto base = open_backup(store, "one");
    TestBackup later = tables;
    for (auto& [id, table] : later) {
      std::vector<TestChunk> chunks;
      for (TestChunk& chunk : table.chunks) {
        const auto dice = rng() % 20;
        if (dice == 0) continue;
        if (dice == 1) chunk.columns[rng() % chunk.columns.size()] += "changed";
        if (dice == 2) chunks.push_back({rng(), 5, chunk.columns});
        chunks.push_back(chunk);
      }
      table.chunks = std::move(chunks);
      split_into_ranges(table, 1 + rng() % 6);
    }
    ASSERT_TRUE(ok(write_backup(store, "two", later, base, true))) << "seed " << seed;
    ASSERT_TRUE(holds(store, "two", later)) << "seed " << seed;
    ASSERT_TRUE(holds(store, "one", tables)) << "seed " << seed;
  }
}

TEST(RepoBackup, ADayOnWhichNothingChangedAddsOnlyAManifest) {
  std::mt19937_64 rng(2);
  MemoryBlobStore store;
  TestBackup tables = {{kNova, make_table(rng, 600, 8, 500)}};
  split_into_ranges(tables.at(kNova), 3);
  ASSERT_TRUE(ok(write_backup(store, "one", tables)));
  split_into_ranges(tables.at(kNova), 5);  // ranges move from day to day, chunks do not
  const auto finished = write_backup(store, "two", tables, open_backup(store, "one"));
  ASSERT_TRUE(ok(finished));
  const auto added = store.list("data/ns/two/");
  ASSERT_TRUE(ok(added));
  ASSERT_EQ(added->size(), 1U) << "a pack was written, too";
  EXPECT_EQ((*added)[0].key, "data/ns/two/manifest");
  EXPECT_EQ(finished->sizes.added, (*added)[0].size);
  EXPECT_TRUE(holds(store, "two", tables));
}

TEST(RepoBackup, AChangedColumnAddsThatColumnOnly) {
  std::mt19937_64 rng(3);
  MemoryBlobStore store;
  TestBackup tables = {{kNova, make_table(rng, 200, 12, 20000)}};
  ASSERT_TRUE(ok(write_backup(store, "one", tables)));
  std::string& column = tables.at(kNova).chunks[77].columns[2];
  column = incompressible(rng, column.size());
  const auto finished = write_backup(store, "two", tables, open_backup(store, "one"));
  ASSERT_TRUE(ok(finished));
  EXPECT_GE(finished->sizes.added, column.size());
  EXPECT_LT(finished->sizes.added, column.size() + 2500) << "blob, page, table object, manifest";
  EXPECT_TRUE(holds(store, "two", tables));
}

TEST(RepoBackup, ColumnsAreFoundByNameNotByPlace) {
  std::mt19937_64 rng(4);
  MemoryBlobStore store;
  TestBackup tables = {{kNova, make_table(rng, 10, 3, 20000)}};
  ASSERT_TRUE(ok(write_backup(store, "one", tables)));
  TestTable& table = tables.at(kNova);
  std::swap(table.columns[0], table.columns[2]);
  table.columns.insert(table.columns.begin(), "added");
  for (TestChunk& chunk : table.chunks) {
    std::swap(chunk.columns[0], chunk.columns[2]);
    chunk.columns.insert(chunk.columns.begin(), std::string(chunk.rows, '0'));
  }
  const auto finished = write_backup(store, "two", tables, open_backup(store, "one"));
  ASSERT_TRUE(ok(finished));
  EXPECT_LT(finished->sizes.added, 4000U);
  EXPECT_TRUE(holds(store, "two", tables));
}

TEST(RepoBackup, ARenamedColumnIsNotMistakenForTheOldOne) {
  std::mt19937_64 rng(5);
  MemoryBlobStore store;
  TestBackup tables = {{kNova, make_table(rng, 2, 3, 100)}};
  ASSERT_TRUE(ok(write_backup(store, "one", tables)));
  tables.at(kNova).columns[1] = "renamed";
  ASSERT_TRUE(ok(write_backup(store, "two", tables, open_backup(store, "one"))));
  EXPECT_TRUE(holds(store, "two", tables));
}

TEST(RepoBackup, AMonthOfDerivedBackupsReadsInOneHopAfterTheFirstIsGone) {
  std::mt19937_64 rng(6);
  MemoryBlobStore store;
  TestBackup tables = {{kNova, make_table(rng, 300, 6, 400)}};
  ASSERT_TRUE(ok(write_backup(store, "day0", tables)));
  std::vector<TestBackup> days = {tables};
  for (int day = 1; day <= 30; ++day) {
    for (int i = 0; i < 5; ++i)
      tables.at(kNova).chunks[rng() % 300].columns[rng() % 6] = incompressible(rng, 300);
    const auto base = open_backup(store, "day" + std::to_string(day - 1));
    ASSERT_TRUE(ok(write_backup(store, "day" + std::to_string(day), tables, base)));
    days.push_back(tables);
  }
  // Manifests say what exists; the packs of a backup that is gone stay while others need them.
  for (int day = 0; day < 30; day += 2)
    ASSERT_TRUE(ok(store.remove("data/ns/day" + std::to_string(day) + "/manifest")));
  for (int day = 1; day <= 30; day += (day == 29 ? 1 : 2))
    EXPECT_TRUE(holds(store, "day" + std::to_string(day), days[static_cast<std::size_t>(day)]))
        << "day " << day;
}

TEST(RepoBackup, ManyThreadsReadOneTable) {
  std::mt19937_64 rng(12);
  MemoryBlobStore store;
  const TestBackup tables = {{kNova, make_table(rng, 400, 6, 400)}};
  const WriterOptions small_packs{.pack_bytes = 32U << 10};
  ASSERT_TRUE(ok(write_backup(store, "one", tables, nullptr, false, small_packs)));
  const auto table = open_backup(store, "one")->table(kNova);
  ASSERT_TRUE(ok(table));
  std::atomic<int> same = 0;
  {
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < 4; ++t)
      threads.emplace_back([&, t] {
        for (std::size_t i = t % 2; i < 400; i += 2) {
          const auto chunk = (*table)->chunk(i);
          if (chunk && chunk->columns == tables.at(kNova).chunks[i].columns) ++same;
        }
      });
  }
  EXPECT_EQ(same, 800);
}

TEST(RepoBackup, ACellLargerThanAnyBlobIsStoredInPieces) {
  std::mt19937_64 rng(7);
  MemoryBlobStore store;
  TestTable table;
  table.columns = {"id", "blob"};
  table.chunks.push_back({1, 1, {"1", compressible(rng, 21'000'000)}});
  table.chunks.push_back({2, 1, {"2", incompressible(rng, 9'000'000)}});
  TestBackup tables = {{kNova, table}};
  ASSERT_TRUE(ok(write_backup(store, "one", tables)));
  EXPECT_TRUE(holds(store, "one", tables));
  tables.at(kNova).chunks[0].columns[1][20'000'000] ^= 1;
  const auto finished = write_backup(store, "two", tables, open_backup(store, "one"));
  ASSERT_TRUE(ok(finished));
  EXPECT_LT(finished->sizes.added, 20'000U) << "of the piece that changed, what changed";
  EXPECT_TRUE(holds(store, "two", tables));
}

TEST(RepoBackup, ARestartedDumpLeavesNothingOfTheFirstAttempt) {
  std::mt19937_64 rng(8);
  MemoryBlobStore store;
  const TestTable first = make_table(rng, 40, 4, 600'000);  // several packs
  const TestTable second = make_table(rng, 5, 4, 1000);
  auto writer = BackupWriter::create(store, "ns", "one", nullptr);
  ASSERT_TRUE(ok(writer));
  ASSERT_TRUE(ok(write_table(**writer, kNova, first)));
  const auto stale = (*writer)->table(kKeystone, {"c"});
  ASSERT_TRUE(ok(stale));
  ASSERT_TRUE(ok((*writer)->restart()));
  EXPECT_TRUE(store.list("")->empty());
  const std::string value = incompressible(rng, 1000);
  const Bytes column = as_bytes(value);
  const auto late = (*stale)->add_chunk(0, 1, 1, std::span(&column, 1));
  ASSERT_FALSE(late) << "a table of the first attempt cannot add to the second";
  EXPECT_EQ(late.error().code, Code::kCancelled);
  ASSERT_TRUE(ok(write_table(**writer, kNova, second)));
  ASSERT_TRUE(ok((*writer)->finish(content())));
  EXPECT_TRUE(holds(store, "one", {{kNova, second}}));
}

TEST(RepoBackup, AnAbandonedBackupLeavesNothing) {
  for (const bool finished : {false, true}) {
    std::mt19937_64 rng(9);
    MemoryBlobStore store;
    auto writer = BackupWriter::create(store, "ns", "one", nullptr);
    ASSERT_TRUE(ok(writer));
    ASSERT_TRUE(ok(write_table(**writer, kNova, make_table(rng, 40, 4, 600'000))));
    if (finished) {
      ASSERT_TRUE(ok((*writer)->finish(content())));
    }
    ASSERT_TRUE(ok((*writer)->abandon()));
    EXPECT_TRUE(store.list("")->empty());
    const auto reader = BackupReader::open(store, "ns", "one", std::nullopt);
    ASSERT_FALSE(reader);
    EXPECT_EQ(reader.error().code, Code::kNotFound);
  }
}

TEST(RepoBackup, AWriterThatIsDroppedCompletesNothing) {
  std::mt19937_64 rng(10);
  MemoryBlobStore store;
  {
    auto writer = BackupWriter::create(store, "ns", "one", nullptr);
    ASSERT_TRUE(ok(writer));
    ASSERT_TRUE(ok(write_table(**writer, kNova, make_table(rng, 3, 4, 1000))));
  }
  const auto manifests = list_manifests(store);
  ASSERT_TRUE(ok(manifests));
  EXPECT_TRUE(manifests->empty());
}

TEST(RepoBackup, MisuseIsRefusedWithAReason) {
  std::mt19937_64 rng(11);
  MemoryBlobStore store;
  const TestBackup tables = {{kNova, make_table(rng, 2, 3, 100)}};
  ASSERT_TRUE(ok(write_backup(store, "one", tables)));
  EXPECT_EQ(BackupWriter::create(store, "ns", "one", nullptr).error().code, Code::kAlreadyExists);
  EXPECT_EQ(BackupWriter::create(store, "..", "one", nullptr).error().code, Code::kInvalid);
  EXPECT_EQ(BackupWriter::create(store, "ns", "a/b", nullptr).error().code, Code::kInvalid);
  EXPECT_EQ(BackupWriter::create(store, "other", "x", open_backup(store, "one")).error().code,
            Code::kInvalid);

  auto writer = BackupWriter::create(store, "ns", "two", nullptr);
  ASSERT_TRUE(ok(writer));
  const auto table = (*writer)->table(kNova, {"a", "b"});
  ASSERT_TRUE(ok(table));
  EXPECT_EQ((*writer)->table(kNova, {"a"}).error().code, Code::kAlreadyExists);
  const Bytes one = as_bytes("x");
  EXPECT_EQ((*table)->add_chunk(0, 1, 1, std::span(&one, 1)).error().code, Code::kInvalid);
  EXPECT_EQ((*writer)->finish(content()).error().code, Code::kInvalid) << "nova is not finished";
  TableTotals wrong;
  wrong.rows = 1;
  EXPECT_EQ((*table)->finish(wrong).error().code, Code::kInternal) << "a chunk was lost";
  ASSERT_TRUE(ok((*table)->finish({})));
  ASSERT_TRUE(ok((*writer)->finish(content())));
  EXPECT_TRUE(ok(BackupReader::open(store, "ns", "two", std::nullopt)));

  const auto reader = open_backup(store, "one");
  EXPECT_EQ(reader->table({"x", "y", "z"}).error().code, Code::kNotFound);
  EXPECT_EQ((*reader->table(kNova))->chunk(2).error().code, Code::kInvalid);
  EXPECT_EQ(BackupReader::open(store, "ns", "one", Sha256{}).error().code, Code::kCorruption);
}

}  // namespace
}  // namespace gb::storage
