// Who may work on an instance: one restore at a time, under whatever name and by whatever server.
#include "test/unit/jobs/jobs_fixture.h"

namespace gb::jobs::test {
namespace {

using testing::HasSubstr;

TEST_F(JobsTest, TwoRestoresOnOneTargetDoNotRunAtOnce) {
  finish(submit(backup("a")));
  cluster_.block_runs = true;
  const auto first = submit(restore("r1", {{"backup", "a"}}));
  ASSERT_TRUE(first);
  const auto second = submit(restore("r2", {{"backup", "a"}}));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kConflict);
  EXPECT_EQ(
      second.error().text(),
      "restore \"r1\" is running on instance \"main\"; wait until it has ended, or delete it to "
      "cancel it");
  EXPECT_FALSE(submit(backup("b")));
  jobs_->deleted(**first);
  finish(first);
}

TEST_F(JobsTest, OneClusterUnderTwoNamesIsRestoredOntoOnce) {
  instances_.nodes["main"] = {{"10.0.0.1", 3306}, {"10.0.0.2", 3306}};
  instances_.nodes["dr"] = {{"galera-1.example", 3306, "", {"10.0.0.2"}}};
  instances_.nodes["cell1"] = {{"10.0.0.2", 3307}};
  finish(submit(backup("a")));
  cluster_.block_runs = true;
  const auto first = submit(restore("r1", {{"backup", "a"}}));
  ASSERT_TRUE(first);
  const auto second = submit(restore("r2", {{"backup", "a"}, {"targets", {{"main", "dr"}}}}));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kConflict);
  EXPECT_EQ(second.error().text(),
            "restore \"r1\" is running on instance \"main\", which has servers in common with "
            "\"dr\"; wait until it has ended, or delete it to cancel it");
  const auto other = submit(restore("r3", {{"backup", "a"}, {"targets", {{"main", "cell1"}}}}));
  EXPECT_TRUE(other) << "another port is another server";
  for (const auto& restore : {first, other}) {
    jobs_->deleted(**restore);
    finish(restore);
  }
}

TEST_F(JobsTest, ARestoreOfAnotherServerHasItsTargetAlone) {
  finish(submit(backup("a")));
  Executor elsewhere = Executor::self("another-replica");
  elsewhere.host = "another-node";
  api::Json theirs = restore("theirs", {{"backup", "a"}});
  theirs["status"] = {{"phase", "Restoring"},
                      {"plan", {{{"instance", "main"}, {"schema", "nova"}}}},
                      {"executor", elsewhere.to_json()}};
  const auto running = *catalog_->create(api::kRestores, theirs);
  const auto refused = submit(restore("r", {{"backup", "a"}}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kConflict);
  EXPECT_THAT(refused.error().text(),
              HasSubstr("restore \"theirs\" is running on instance \"main\""));
  ASSERT_TRUE(catalog_->remove(running->key(), running->revision()));
  EXPECT_EQ(finish(submit(restore("r", {{"backup", "a"}})))["status"]["phase"], "Completed");
}

// A second server on the same store that has not looked at the log for a while: it records its jobs
// without knowing of those that the first one has just recorded.
class TwoServersTest : public JobsTest {
 protected:
  void SetUp() override {
    JobsTest::SetUp();
    finish(submit(backup("a")));
    other_catalog_ = *storage::Catalog::open(blobs_, clock(), rng_,
                                             {.tail_interval = std::chrono::milliseconds(0)});
    other_ = *Jobs::start(dependencies(*other_catalog_));
    cluster_.block_runs = true;
  }
  void TearDown() override {
    other_.reset();
    other_catalog_.reset();
    JobsTest::TearDown();
  }
  api::Json ended_at_the_other(const Result<api::ObjectPtr>& submitted) {
    EXPECT_TRUE(submitted) << (submitted ? "" : submitted.error().text());
    if (!submitted) return {};
    return (*other_->wait((*submitted)->key(), (*submitted)->uid(), std::chrono::minutes(1), {}))
        ->dom();
  }
  std::unique_ptr<storage::Catalog> other_catalog_;
  std::unique_ptr<Jobs> other_;
};

TEST_F(TwoServersTest, OfTwoRestoresInTheSameMomentTheSecondFailsAndTheFirstGoesOn) {
  const auto first = submit(restore("r1", {{"backup", "a"}}));
  ASSERT_TRUE(first);
  const auto begun = [&] {
    const std::scoped_lock lock(cluster_.mutex);
    return cluster_.restores;
  };
  ASSERT_TRUE(eventually([&] { return begun() == 1; }));
  const api::Json second = ended_at_the_other(
      other_->submit_restore(restore("r2", {{"backup", "a"}}), alice_, false, {}));
  EXPECT_EQ(second["status"]["phase"], "Failed");
  EXPECT_THAT(second["status"]["message"].get<std::string>(),
              HasSubstr("restore \"r1\" is running on instance \"main\""));
  EXPECT_EQ(begun(), 1) << "the second must not touch the target";
  EXPECT_EQ(api::phase_of((*catalog_->get((*first)->key()))->dom()), "Restoring");
  jobs_->deleted(**first);
  finish(first);
}

TEST_F(TwoServersTest, OfABackupAndARestoreInTheSameMomentTheSecondFails) {
  const auto busy = submit(restore("r1", {{"backup", "a"}}));
  ASSERT_TRUE(busy);
  const api::Json dump =
      ended_at_the_other(other_->submit_backup(backup("of-half-a-restore"), alice_, false, {}));
  EXPECT_EQ(dump["status"]["phase"], "Failed");
  EXPECT_THAT(dump["status"]["message"].get<std::string>(),
              HasSubstr("restore \"r1\" is running on instance \"main\""));
  // By now it knows, and does not even record it.
  const auto known = other_->submit_backup(backup("later"), alice_, false, {});
  ASSERT_FALSE(known);
  EXPECT_EQ(known.error().code, Code::kConflict);
  jobs_->deleted(**busy);
  finish(busy);
}

TEST_F(TwoServersTest, ARestoreWaitsForTheBackupOfAnotherServerToEnd) {
  const auto busy = submit(backup("b"));
  ASSERT_TRUE(busy);
  const api::Json onto_it = ended_at_the_other(
      other_->submit_restore(restore("r1", {{"backup", "a"}}), alice_, false, {}));
  EXPECT_EQ(onto_it["status"]["phase"], "Failed");
  EXPECT_THAT(onto_it["status"]["message"].get<std::string>(),
              HasSubstr("backup \"b\" is running on instance \"main\""));
  jobs_->deleted(**busy);
  finish(busy);
}

TEST_F(JobsTest, WhatAnotherNamespaceCallsItsOwnIsNotTold) {
  instances_.nodes["main"] = {{"10.0.0.1", 3306}};
  finish(submit(backup("a")));
  api::Json theirs = restore("their-secret", {{"backup", "their-backup"}});
  theirs["metadata"]["namespace"] = "elsewhere";
  theirs["status"] = {{"phase", "Restoring"},
                      {"plan", {{{"instance", "main"}, {"schema", "nova"}}}},
                      {"executor", Executor::self("another-replica").to_json()}};
  ASSERT_TRUE(catalog_->create(api::kRestores, theirs));
  const auto refused = submit(restore("r", {{"backup", "a"}}));
  ASSERT_FALSE(refused);
  EXPECT_EQ(
      refused.error().text(),
      "a restore of another namespace is running on a server of instance \"main\"; wait until "
      "it has ended");
}

TEST_F(JobsTest, ADryRunShowsWhoElseIsOnTheTargetAndHoldsNothing) {
  finish(submit(backup("a")));
  const auto other_jobs = [&](const char* name) {
    const auto shown = submit(restore(name, {{"backup", "a"}}), true);
    EXPECT_TRUE(shown) << shown.error().text();
    const api::Json dom = (*shown)->dom();
    for (const api::Json& check : dom["status"]["preflight"])
      if (check["check"] == "OtherJobs") return check;
    return api::Json();
  };
  EXPECT_EQ(other_jobs("look")["passed"], true);
  cluster_.block_runs = true;
  const auto busy = submit(backup("b"));
  ASSERT_TRUE(busy) << "the look before holds nothing";
  const api::Json check = other_jobs("look-again");
  EXPECT_EQ(check["passed"], false);
  EXPECT_EQ(check["instance"], "main");
  EXPECT_THAT(check["message"].get<std::string>(),
              AllOf(HasSubstr("backup \"b\" is running on instance \"main\""),
                    HasSubstr("wait until it has ended")));
  jobs_->deleted(**busy);
  finish(busy);
}

}  // namespace
}  // namespace gb::jobs::test
