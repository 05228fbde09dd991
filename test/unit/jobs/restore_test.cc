// One restore: what it does and in which order, and what it leaves when it fails.
#include "test/unit/jobs/jobs_fixture.h"

namespace gb::jobs::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

api::Json verified_of(const api::Json& object) {
  for (const api::Json& one : object["status"]["conditions"])
    if (one["type"] == "Verified") return one;
  return {};
}

class SetRestoreTest : public JobsTest {
 protected:
  void SetUp() override {
    JobsTest::SetUp();
    finish(submit(backup("set", {{"databaseInstances", {"main", "cell1"}}})));
    cluster_.steps.clear();
  }
};

TEST_F(SetRestoreTest, NobodyIsLetInBeforeAllOfItIsRestored) {
  EXPECT_EQ(finish(submit(restore("r", {{"backup", "set"}})))["status"]["phase"], "Completed");
  EXPECT_THAT(cluster_.steps,
              testing::ElementsAre("block main", "block cell1", "restore main", "restore cell1",
                                   "give back main", "give back cell1"));
}

TEST_F(SetRestoreTest, AFailureLetsApplicationsInEverywhere) {
  cluster_.restore_error = fail(Code::kUnavailable, "the node went away");
  EXPECT_EQ(finish(submit(restore("r", {{"backup", "set"}})))["status"]["phase"], "Failed");
  EXPECT_THAT(cluster_.steps, testing::ElementsAre("block main", "block cell1", "restore main",
                                                   "give back main", "give back cell1"));
}

TEST_F(SetRestoreTest, NothingIsTouchedWhenOneCannotBeBlocked) {
  cluster_.not_blockable = "cell1";
  const api::Json done = finish(submit(restore("r", {{"backup", "set"}})));
  EXPECT_EQ(done["status"]["phase"], "Failed");
  EXPECT_EQ(done["status"]["message"], "instance \"cell1\": it hangs");
  EXPECT_THAT(cluster_.steps, testing::ElementsAre("block main", "block cell1", "give back main",
                                                   "give back cell1"));
}

TEST_F(SetRestoreTest, WhatStaysBlockedIsToldAndRemembered) {
  cluster_.give_back_error = fail(Code::kUnavailable, "read_only could not be taken back on x");
  const api::Json done = finish(submit(restore("r", {{"backup", "set"}})));
  EXPECT_EQ(done["status"]["phase"], "Failed");
  EXPECT_THAT(done["status"]["message"].get<std::string>(),
              AllOf(HasSubstr("everything was restored, but"), HasSubstr("taken back on x")));
  EXPECT_EQ(done["status"].value("trafficLeftBlocked", api::Json()), api::Json({"main", "cell1"}));
}

TEST_F(SetRestoreTest, AGateThatStaysShutIsToldAsNodesAre) {
  instances_.uid = "of-a-galera-object";
  cluster_.give_back_error = fail(Code::kUnavailable, "the Service cannot be changed");
  const api::Json done = finish(submit(restore("r", {{"backup", "set"}})));
  EXPECT_EQ(done["status"].value("trafficLeftBlocked", api::Json()), api::Json({"main", "cell1"}));
  EXPECT_TRUE(blobs_->list("blocked/")->empty()) << "the Service itself tells who has shut it";
}

TEST_F(JobsTest, ARestoreBringsEverythingBack) {
  finish(submit(backup("a")));
  const api::Json done = finish(submit(restore("r", {{"backup", "latest"}})));
  EXPECT_EQ(done["status"]["phase"], "Completed") << done.dump(1);
  EXPECT_EQ(done["status"]["backup"], "a");
  EXPECT_EQ(cluster_.restored, cluster_.tables);
  const api::Json& compared = done["status"]["verification"];
  EXPECT_EQ(compared["method"], "Checksum");
  EXPECT_EQ(compared["tables"], cluster_.tables.size());
  EXPECT_EQ(compared["mismatches"], 0);
}

TEST_F(JobsTest, ARestoreThatWasNotComparedSaysSo) {
  finish(submit(backup("a")));
  const api::Json done = finish(submit(restore("r", {{"backup", "a"}, {"verification", "None"}})));
  EXPECT_EQ(done["status"]["phase"], "Completed");
  EXPECT_FALSE(done["status"].contains("verification"));
  EXPECT_EQ(verified_of(done)["reason"], "NotRequested");
}

TEST_F(JobsTest, ARestoreThatReplacesMakesASafetyBackupFirst) {
  finish(submit(backup("a")));
  cluster_.plan_action = "Replace";
  const api::Json done = finish(submit(restore("r", {{"backup", "a"}, {"existing", "Replace"}})));
  EXPECT_EQ(done["status"]["phase"], "Completed") << done.dump(1);
  EXPECT_EQ(done["status"]["safetyBackup"], "r-safety");
  const api::Json safety = (*catalog_->get({api::kBackups, "openstack", "r-safety"}))->dom();
  EXPECT_EQ(safety["status"]["phase"], "Completed");
  EXPECT_EQ(safety["metadata"]["labels"]["backup.rhoso.io/safety-of"], "r");
  // Of the backup "a" the first two. What applications would write after the snapshot were lost.
  EXPECT_THAT(cluster_.steps, testing::ElementsAre("open_snapshot main", "run main", "block main",
                                                   "open_snapshot main", "run main", "restore main",
                                                   "give back main"));
}

// A restore may have a name that is longer than a label's value, and as long as a name may be.
TEST_F(JobsTest, TheSafetyBackupOfALongNameCanBeEdited) {
  finish(submit(backup("a")));
  cluster_.plan_action = "Replace";
  const std::string name = std::string(236, 'r') + "." + std::string(16, 's');
  const api::Json done = finish(submit(restore(name, {{"backup", "a"}, {"existing", "Replace"}})));
  EXPECT_EQ(done["status"]["phase"], "Completed") << done.dump(1);
  const std::string uid = done["metadata"]["uid"];
  const std::string safety_name = done["status"]["safetyBackup"];
  EXPECT_EQ(safety_name, std::string(236, 'r') + "-" + uid.substr(0, 8) + "-safety")
      << "no part of a name ends or begins with a point or a hyphen";
  const auto safety = catalog_->get({api::kBackups, "openstack", safety_name});
  ASSERT_TRUE(safety) << safety.error().text();
  EXPECT_EQ((*safety)->labels().at("backup.rhoso.io/safety-of"), uid);
}

TEST_F(JobsTest, NoRestoreBeginsWithoutItsSafetyBackup) {
  finish(submit(backup("a")));
  cluster_.plan_action = "Replace";
  cluster_.run_results = {fail(Code::kNoSpace, "the store is full")};
  const api::Json done = finish(submit(restore("r", {{"backup", "a"}, {"existing", "Replace"}})));
  EXPECT_EQ(done["status"]["phase"], "Failed");
  EXPECT_THAT(
      done["status"]["message"].get<std::string>(),
      HasSubstr("the safety backup \"r-safety\" failed: instance \"main\": the store is full"));
  EXPECT_EQ(cluster_.restores, 0);
  EXPECT_EQ(cluster_.steps.back(), "give back main");

  cluster_.connect_error = fail(Code::kUnavailable, "no node is Synced");
  const api::Json next = finish(submit(restore("s", {{"backup", "a"}, {"existing", "Replace"}})));
  EXPECT_THAT(next["status"]["message"].get<std::string>(),
              HasSubstr("the safety backup could not begin: instance \"main\": no node is Synced"));
  EXPECT_EQ(cluster_.restores, 0);
}

TEST_F(JobsTest, AFailedPreflightCreatesNothingButADryRunShowsIt) {
  finish(submit(backup("a")));
  cluster_.preflight = {{"TargetPrimary", false, "node is non-Primary; bootstrap the cluster"}};
  const auto refused = submit(restore("r", {{"backup", "a"}}));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, AllOf(HasSubstr("the preflight failed, nothing was changed"),
                                             HasSubstr("TargetPrimary: node is non-Primary")));
  EXPECT_TRUE(catalog_->list(api::kRestores, "").objects.empty());
  const auto shown = submit(restore("r", {{"backup", "a"}}), true);
  ASSERT_TRUE(shown);
  EXPECT_EQ((*shown)->dom()["status"]["preflight"][0]["passed"], false);
}

// A status is read with every list.
TEST_F(JobsTest, OfManyNotesAStatusHoldsTheFirst) {
  finish(submit(backup("a")));
  cluster_.notes = {"first"};
  for (int i = 0; i < 1000; ++i) cluster_.notes.push_back(std::string(100, 'n'));
  const auto shown = submit(restore("dry", {{"backup", "a"}}), true);
  ASSERT_TRUE(shown);
  const auto told = (*shown)->dom()["status"]["message"].get<std::string>();
  EXPECT_GT(told.size(), 100'000U) << "nobody keeps a dry run";
  const api::Json done = finish(submit(restore("r", {{"backup", "a"}})));
  EXPECT_EQ(done["status"]["phase"], "Completed");
  const auto message = done["status"]["message"].get<std::string>();
  EXPECT_LT(message.size(), 17'000U);
  EXPECT_THAT(message, testing::ContainsRegex("^first; n+; .* notes more are in its log$"));
}

TEST_F(JobsTest, AFlippedBitStopsARestoreBeforeTheTargetIsTouched) {
  const api::Json done = finish(submit(backup("a")));
  const auto blobs = *blobs_->list("data/");
  for (const storage::BlobInfo& blob : blobs) {
    if (!blob.key.ends_with(".pack")) continue;
    std::string bytes = *blobs_->get(blob.key);
    bytes[40] = static_cast<char>(bytes[40] ^ 1);
    ASSERT_TRUE(storage::put(*blobs_, blob.key, as_bytes(bytes)));
  }
  const auto submitted = submit(restore("r", {{"backup", "a"}}));
  if (submitted) {
    const api::Json failed = finish(submitted);
    EXPECT_EQ(failed["status"]["phase"], "Failed");
    EXPECT_THAT(failed["status"]["message"].get<std::string>(),
                HasSubstr("is damaged; nothing was changed on the target"));
  } else {
    EXPECT_EQ(submitted.error().code, Code::kCorruption);
  }
  EXPECT_EQ(cluster_.restores, 0);
}

TEST_F(JobsTest, ARestoreThatDiffersFromItsBackupIsNotCompleted) {
  finish(submit(backup("a")));
  cluster_.differing_table = "instances";
  const api::Json done = finish(submit(restore("r", {{"backup", "a"}})));
  EXPECT_EQ(done["status"]["phase"], "Failed");
  EXPECT_THAT(done["status"]["message"].get<std::string>(),
              HasSubstr("what was restored differs from the backup in nova.instances"));
  EXPECT_EQ(verified_of(done)["status"], "False");
  EXPECT_EQ(verified_of(done)["reason"], "Mismatch");
  EXPECT_EQ(done["status"]["verification"]["mismatches"], 1);
  EXPECT_TRUE(events_.has("r VerificationFailed"));
}

TEST_F(JobsTest, ThatARestoreDiffersIsToldAlsoWhenTheStoreIsAwayInThatMoment) {
  jobs_.reset();
  catalog_ = *storage::Catalog::open({std::shared_ptr<void>(), &faulty_}, clock(), rng_, {});
  start();
  finish(submit(backup("a")));
  cluster_.differing_table = "instances";
  // The object, its phases Preflight and Restoring, and then the mismatch.
  faulty_.inject({.calls = {storage::BlobCall::kPutIfAbsent}, .keys = "log/*", .skip = 3});
  const api::Json done = finish(submit(restore("r", {{"backup", "a"}})));
  EXPECT_EQ(condition(done, "Completed"), "False Corruption");
  EXPECT_THAT(done["status"]["message"].get<std::string>(),
              HasSubstr("what was restored differs from the backup in nova.instances"));
  EXPECT_TRUE(events_.has("r VerificationFailed"));
}

}  // namespace
}  // namespace gb::jobs::test
