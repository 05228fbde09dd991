// What check says about a repository, and what repair may remove.
#include <algorithm>
#include <utility>

#include "storage/blob/faulty_blob_store.h"
#include "storage/repo/repo.h"
#include "test/unit/storage/repo_support.h"

namespace gb::storage {
namespace {

using namespace repo_test;
using testing::Test;

class RepoCheck : public Test {
 protected:
  RepoCheck() {
    std::mt19937_64 rng(4);
    tables_ = {{kNova, make_table(rng, 50, 4, 3000)}, {kGlance, make_table(rng, 5, 4, 3000)}};
    EXPECT_TRUE(ok(write_backup(store_, "one", tables_)));
    tables_.at(kNova).chunks[7].columns[2] = incompressible(rng, 5000);
    EXPECT_TRUE(ok(write_backup(store_, "two", tables_, open_backup(store_, "one"))));
  }

  std::vector<Finding> check(const CheckOptions& options = {.read_data = true}) {
    auto found = check_repository(store_, options, {});
    EXPECT_TRUE(ok(found));
    return found ? *found : std::vector<Finding>{};
  }

  void write(const std::string& key, const std::string& bytes) {
    EXPECT_TRUE(ok(put(store_, key, as_bytes(bytes))));
  }

  bool exists(const std::string& key) { return store_.get(key).has_value(); }

  // The packs of a dump that did not complete.
  void leave_unfinished(const std::string& uid) {
    write("data/ns/" + uid + "/0.0.pack", *store_.get("data/ns/one/0.0.pack"));
  }

  MemoryBlobStore store_;
  TestBackup tables_;
};

TEST_F(RepoCheck, ASoundRepositoryHasNoFindings) {
  EXPECT_TRUE(check().empty());
  EXPECT_TRUE(check({}).empty());
}

TEST_F(RepoCheck, AMissingPackNamesEveryBackupAndTableThatNeedsIt) {
  ASSERT_TRUE(ok(store_.remove("data/ns/one/0.0.pack")));
  const auto findings = check({});
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_TRUE(findings[0].damage);
  EXPECT_EQ(findings[0].key, "data/ns/one/0.0.pack");
  for (const char* text : {"missing", "ns/one", "ns/two", "nova.instances", "glance.images"})
    EXPECT_NE(findings[0].message.find(text), std::string::npos) << findings[0].message;
}

TEST_F(RepoCheck, AFlippedBitInRowsIsFoundByReadingThemOnly) {
  std::string pack = *store_.get("data/ns/two/0.0.pack");
  pack[100] ^= 1;  // within the changed column
  write("data/ns/two/0.0.pack", pack);
  EXPECT_TRUE(check({}).empty()) << "the structure is whole";
  const auto findings = check();
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_TRUE(findings[0].damage);
  EXPECT_EQ(findings[0].key, "data/ns/two/0.0.pack");
  EXPECT_NE(findings[0].message.find("ns/two table nova.instances"), std::string::npos)
      << findings[0].message;
  EXPECT_EQ(findings[0].message.find("glance"), std::string::npos) << findings[0].message;
  EXPECT_EQ(findings[0].message.find("ns/one table"), std::string::npos) << findings[0].message;
}

TEST_F(RepoCheck, LeftoversAreHarmless) {
  leave_unfinished("running");
  write("data/ns/one/7.0.pack", "left by an attempt that died");
  write("data/ns/one/notes.txt", "?");
  const auto findings = check();
  EXPECT_EQ(findings.size(), 3U);
  for (const Finding& finding : findings) EXPECT_FALSE(finding.damage) << finding.message;
  EXPECT_TRUE(exists("data/ns/running/0.0.pack"));
  EXPECT_TRUE(exists("data/ns/one/7.0.pack")) << "a check removes nothing";
}

TEST_F(RepoCheck, RepairRemovesOnlyWhatNobodyCanNeed) {
  leave_unfinished("running");
  leave_unfinished("ended");
  write("data/ns/one/7.0.pack", "left by an attempt that died");
  write("data/ns/one/notes.txt", "?");
  (void)check({.repair = true, .ended = {{"ns", "ended"}}});
  EXPECT_TRUE(exists("data/ns/running/0.0.pack"));
  EXPECT_TRUE(exists("data/ns/one/notes.txt"));
  EXPECT_FALSE(exists("data/ns/ended/0.0.pack"));
  EXPECT_FALSE(exists("data/ns/one/7.0.pack"));
  EXPECT_TRUE(holds(store_, "two", tables_));
}

TEST_F(RepoCheck, ADeletedBackupsPacksStayWhileAnotherNeedsThem) {
  ASSERT_TRUE(ok(store_.remove("data/ns/one/manifest")));
  EXPECT_TRUE(check({.read_data = true, .repair = true, .ended = {{"ns", "one"}}}).empty());
  EXPECT_TRUE(holds(store_, "two", tables_));
}

// Between the listing and the look at its manifest a newer backup was made of it, and it was freed.
TEST_F(RepoCheck, WhatIsFreedDuringARepairLeavesWhatOthersNeed) {
  ASSERT_TRUE(ok(remove_backup(store_, {"ns", "two"})));
  FaultyBlobStore observed(store_);
  bool done = false;
  observed.set_observer([&](BlobCall call, const std::string& key) {
    if (call != BlobCall::kGet || key != "data/ns/one/manifest" || std::exchange(done, true))
      return;
    EXPECT_TRUE(ok(write_backup(store_, "three", tables_, open_backup(store_, "one"))));
    EXPECT_TRUE(ok(store_.remove("data/ns/one/manifest")));
  });
  EXPECT_TRUE(ok(check_repository(observed, {.repair = true}, {})));
  EXPECT_TRUE(done);
  EXPECT_TRUE(holds(store_, "three", tables_));
}

TEST_F(RepoCheck, NothingIsRemovedWhileAManifestCannotBeRead) {
  leave_unfinished("ended");
  write("data/ns/one/7.0.pack", "left by an attempt that died");
  write("data/ns/two/manifest", "damaged");
  const auto findings = check({.repair = true, .ended = {{"ns", "ended"}}});
  EXPECT_TRUE(std::ranges::any_of(findings, [](const Finding& each) {
    return each.damage && each.key == "data/ns/two/manifest";
  }));
  EXPECT_TRUE(exists("data/ns/ended/0.0.pack"));
  EXPECT_TRUE(exists("data/ns/one/7.0.pack"));
}

}  // namespace
}  // namespace gb::storage
