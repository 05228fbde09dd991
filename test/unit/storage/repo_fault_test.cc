// A store that fails, fills up, loses answers or dies at any moment: there is never a manifest that
// does not verify.
#include <algorithm>

#include "storage/blob/faulty_blob_store.h"
#include "storage/repo/repo.h"
#include "test/unit/storage/repo_support.h"

namespace gb::storage {
namespace {

using namespace repo_test;

// Small, so that a small backup is many packs.
const WriterOptions kSmallPacks{.pack_bytes = 64U << 10};

struct Days {
  TestBackup first;
  TestBackup second;
};

Days two_days() {
  std::mt19937_64 rng(3);
  Days days;
  days.first = {{kNova, make_table(rng, 100, 4, 300)}};
  days.second = days.first;
  for (int i = 0; i < 60; ++i)
    days.second.at(kNova).chunks[rng() % 100].columns[2] = incompressible(rng, 5000);
  return days;
}

// Every backup that is listed verifies, and the check finds no damage.
void expect_sound(BlobStore& store, const Days& days, const std::string& when) {
  const auto listed = list_manifests(store);
  ASSERT_TRUE(ok(listed));
  for (const BackupName& each : *listed)
    EXPECT_TRUE(holds(store, each.uid, each.uid == "one" ? days.first : days.second)) << when;
  EXPECT_EQ(std::ranges::count(*listed, BackupName{"ns", "one"}), 1) << when;
  const auto findings = check_repository(store, {.read_data = true}, {});
  ASSERT_TRUE(ok(findings)) << when;
  for (const Finding& finding : *findings)
    EXPECT_FALSE(finding.damage) << when << ": " << finding.key << ": " << finding.message;
}

TEST(RepoFault, ACrashAtAnyCallLeavesNoManifestThatDoesNotVerify) {
  const Days days = two_days();
  MemoryBlobStore pristine;
  ASSERT_TRUE(ok(write_backup(pristine, "one", days.first)));
  bool completed = false;
  for (std::int64_t call = 0; !completed; ++call) {
    for (const bool happens : {false, true}) {
      const std::string when =
          "call " + std::to_string(call) + (happens ? " and its answer" : "") + " lost";
      const auto store = pristine.clone();
      FaultyBlobStore faulty(*store);
      const auto base = open_backup(faulty, "one");
      // From that call on nothing reaches the store: the process, or the store, is dead.
      faulty.inject({.calls = {}, .skip = call, .times = 1, .happens = happens});
      faulty.inject({.calls = {}, .skip = happens ? call : call + 1, .times = -1});
      completed = write_backup(faulty, "two", days.second, base, false, kSmallPacks).has_value();
      expect_sound(*store, days, when);
      if (HasFatalFailure()) return;
      // Whoever tries again succeeds, or finds the backup complete.
      const auto again =
          write_backup(*store, "two", days.second, open_backup(*store, "one"), false, kSmallPacks);
      EXPECT_TRUE(again || again.error().code == Code::kAlreadyExists) << when;
      expect_sound(*store, days, when + ", tried again");
      if (HasFatalFailure()) return;
    }
  }
}

TEST(RepoFault, AfterAnyFailedCallAnAbandonedBackupIsGone) {
  const Days days = two_days();
  MemoryBlobStore pristine;
  ASSERT_TRUE(ok(write_backup(pristine, "one", days.first)));
  bool completed = false;
  for (std::int64_t call = 0; !completed; ++call) {
    const auto store = pristine.clone();
    FaultyBlobStore faulty(*store);
    const auto base = open_backup(faulty, "one");
    faulty.inject({.calls = {}, .skip = call, .times = 1, .happens = call % 2 == 0});
    auto writer = BackupWriter::create(faulty, "ns", "two", base, kSmallPacks);
    if (!writer) continue;
    Status done;
    for (const auto& [id, table] : days.second)
      if (done) done = write_table(**writer, id, table);
    completed = done && (*writer)->finish(content());
    if (completed) break;
    faulty.clear();
    ASSERT_TRUE(ok((*writer)->abandon())) << "call " << call;
    EXPECT_TRUE(store->list("data/ns/two/")->empty()) << "call " << call;
    expect_sound(*store, days, "call " + std::to_string(call));
  }
}

TEST(RepoFault, ALostAnswerToTheManifestIsSettledByReadingBack) {
  const Days days = two_days();
  MemoryBlobStore store;
  FaultyBlobStore faulty(store);
  faulty.inject({.calls = {BlobCall::kPutIfAbsent}, .code = Code::kAmbiguous, .happens = true});
  EXPECT_TRUE(ok(write_backup(faulty, "one", days.first)));
  EXPECT_TRUE(holds(store, "one", days.first));
}

TEST(RepoFault, AManifestThatWasNotWrittenCanBeTriedAgain) {
  const Days days = two_days();
  MemoryBlobStore store;
  FaultyBlobStore faulty(store);
  auto writer = BackupWriter::create(faulty, "ns", "one", nullptr);
  ASSERT_TRUE(ok(writer));
  ASSERT_TRUE(ok(write_table(**writer, kNova, days.first.at(kNova))));
  faulty.inject({.calls = {BlobCall::kPutIfAbsent}, .code = Code::kAmbiguous});
  EXPECT_EQ((*writer)->finish(content()).error().code, Code::kAmbiguous);
  EXPECT_TRUE(ok((*writer)->finish(content())));
  EXPECT_TRUE(holds(store, "one", days.first));
}

TEST(RepoFault, OfTwoWritersOfOneBackupOneCompletes) {
  const Days days = two_days();
  MemoryBlobStore store;
  auto slow = BackupWriter::create(store, "ns", "two", nullptr);
  auto quick = BackupWriter::create(store, "ns", "two", nullptr);
  ASSERT_TRUE(slow && quick);
  ASSERT_TRUE(ok(write_table(**slow, kNova, days.first.at(kNova))));
  ASSERT_TRUE(ok((*slow)->finish({"slow", {}})));
  ASSERT_TRUE(ok((*quick)->finish(content())) == false);
  EXPECT_TRUE(holds(store, "two", days.first));
}

TEST(RepoFault, AFullDiskIsSaidAndItsSpaceComesBack) {
  const Days days = two_days();
  MemoryBlobStore store;
  ASSERT_TRUE(ok(write_backup(store, "one", days.first)));
  std::uint64_t used = 0;
  const auto blobs = store.list("");
  for (const BlobInfo& blob : *blobs) used += blob.size;
  for (const std::uint64_t room : {0U, 1000U, 60'000U, 100'000U, 150'000U, 200'000U}) {
    store.set_capacity(used + room);
    auto writer = BackupWriter::create(store, "ns", "two", open_backup(store, "one"), kSmallPacks);
    ASSERT_TRUE(ok(writer));
    Status done = write_table(**writer, kNova, days.second.at(kNova), true);
    if (done) {
      auto finished = (*writer)->finish(content());
      ASSERT_FALSE(finished) << room;
      done = fail(finished.error());
    }
    EXPECT_EQ(done.error().code, Code::kNoSpace) << done.error().text();
    EXPECT_FALSE(done.error().hint.empty());
    ASSERT_TRUE(ok((*writer)->abandon()));
    EXPECT_EQ(*store.free_bytes(), room);
  }
  store.set_capacity(std::nullopt);
  expect_sound(store, days, "after the disk was full");
}

TEST(RepoFault, AStoreThatDoesNotAnswerIsNotTakenForDamage) {
  const Days days = two_days();
  MemoryBlobStore store;
  ASSERT_TRUE(ok(write_backup(store, "one", days.first)));
  FaultyBlobStore faulty(store);
  const auto reader = open_backup(faulty, "one");
  faulty.inject({.calls = {}, .times = -1});
  EXPECT_EQ(reader->verify(4, {}).error().code, Code::kUnavailable);
  EXPECT_EQ(check_repository(faulty, {}, {}).error().code, Code::kUnavailable);
  EXPECT_EQ(BackupReader::open(faulty, "ns", "one", std::nullopt).error().code, Code::kUnavailable);
  faulty.clear();
  EXPECT_TRUE(ok(reader->verify(4, {})));
}

TEST(RepoFault, ReadingIsCalledOff) {
  const Days days = two_days();
  MemoryBlobStore store;
  ASSERT_TRUE(ok(write_backup(store, "one", days.first)));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(open_backup(store, "one")->verify(4, stop.get_token()).error().code, Code::kCancelled);
  EXPECT_EQ(check_repository(store, {}, stop.get_token()).error().code, Code::kCancelled);
}

}  // namespace
}  // namespace gb::storage
