// Cancelling jobs: their objects stay and say so.
#include <future>

#include "test/unit/jobs/jobs_fixture.h"

namespace gb::jobs::test {
namespace {

using testing::Contains;
using testing::HasSubstr;

class CancelTest : public JobsTest {
 protected:
  void SetUp() override {
    JobsTest::SetUp();
    cluster_.block_runs = true;
  }
  void unblock() {
    const std::scoped_lock lock(cluster_.mutex);
    cluster_.block_runs = false;
  }
  Result<api::ObjectPtr> cancel(const api::ObjectPtr& object, bool dry_run = false) {
    return jobs_->cancel(object->key(), alice_, dry_run);
  }
  api::Json status_of(const api::ObjectPtr& object) {
    return (*catalog_->get(object->key()))->dom()["status"];
  }
  bool comes_to(const api::ObjectPtr& object, const std::string& phase) {
    return eventually([&] { return phase_at(object->key()) == phase; });
  }
};

TEST_F(CancelTest, ARunningBackupEndsAndItsObjectStays) {
  const auto submitted = submit(backup("a"));
  until_running((*submitted)->key());
  ASSERT_TRUE(cancel(*submitted));
  const api::Json done = finish(submitted);
  EXPECT_EQ(done["status"]["phase"], "Cancelled");
  EXPECT_EQ(done["status"]["message"], "the backup was cancelled by alice");
  EXPECT_EQ(done["status"]["cancellation"]["user"], "alice");
  EXPECT_TRUE(eventually([&] { return events_.has("a Cancelled"); }));
  EXPECT_TRUE(blobs_->list("data/openstack/")->empty()) << "what it had written is of no use";
}

TEST_F(CancelTest, OneThatWaitsForItsTurnNeverBegins) {
  const auto first = submit(backup("first"));
  until_running((*first)->key());
  const auto second = submit(backup("second"));
  ASSERT_TRUE(cancel(*second));
  EXPECT_EQ(finish(second)["status"]["message"], "the backup was cancelled by alice");
  EXPECT_EQ(status_of(*first)["phase"], "Running");
  ASSERT_TRUE(cancel(*first));
}

TEST_F(CancelTest, WhatHasEndedIsAConflictThatSaysWhatToDo) {
  unblock();
  const auto submitted = submit(backup("a"));
  finish(submitted);
  const auto refused = cancel(*submitted);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kConflict);
  EXPECT_EQ(refused.error().text(),
            "backup \"a\" is Completed: there is nothing left to cancel; to remove it: kubectl "
            "delete galerabackups.backup.rhoso.io a -n openstack");
  EXPECT_FALSE(status_of(*submitted).contains("cancellation"));
  EXPECT_EQ(cancel(*submitted, true).error().code, Code::kConflict);
}

TEST_F(CancelTest, WhatIsNotThereIsNotFound) {
  EXPECT_EQ(jobs_->cancel({api::kBackups, "openstack", "none"}, alice_, false).error().code,
            Code::kNotFound);
}

TEST_F(CancelTest, ADryRunStopsNothing) {
  const auto submitted = submit(backup("a"));
  until_running((*submitted)->key());
  ASSERT_TRUE(cancel(*submitted, true));
  EXPECT_FALSE(status_of(*submitted).contains("cancellation"));
  unblock();
  ASSERT_TRUE(cancel(*submitted));
}

TEST_F(CancelTest, ARestoreSaysWhatItLeaves) {
  unblock();
  finish(submit(backup("a")));
  {
    const std::scoped_lock lock(cluster_.mutex);
    cluster_.block_runs = true;
    cluster_.plan_action = "Replace";
  }
  const auto submitted =
      submit(restore("r", {{"backup", "a"}, {"existing", "Replace"}, {"safetyBackup", false}}));
  ASSERT_TRUE(submitted) << submitted.error().text();
  ASSERT_TRUE(comes_to(*submitted, "Restoring"));
  ASSERT_TRUE(cancel(*submitted));
  EXPECT_EQ(finish(submitted)["status"]["message"],
            "the restore was cancelled by alice; the target may hold a part of the restored "
            "schemas: create a new restore with existing: Replace");
}

TEST_F(CancelTest, ARestoreIsVerifyingWhenItIsComparedAndSaysWhatItLeaves) {
  unblock();
  finish(submit(backup("set", {{"databaseInstances", {"main", "cell1"}}})));
  {
    const std::scoped_lock lock(cluster_.mutex);
    cluster_.block_comparisons = true;
  }
  const auto submitted = submit(restore("r", {{"backup", "set"}}));
  ASSERT_TRUE(submitted) << submitted.error().text();
  EXPECT_TRUE(eventually([&] {
    const std::scoped_lock lock(cluster_.mutex);
    return cluster_.restores == 1;
  }));
  EXPECT_EQ(status_of(*submitted)["phase"], "Restoring") << "the other target is still to come";
  ASSERT_TRUE(cancel(*submitted));
  EXPECT_EQ(finish(submitted)["status"]["phase"], "Cancelled");

  const auto single = submit(restore("s", {{"backup", "set"}, {"databaseInstances", {"main"}}}));
  ASSERT_TRUE(single) << single.error().text();
  ASSERT_TRUE(comes_to(*single, "Verifying"));
  ASSERT_TRUE(cancel(*single));
  EXPECT_EQ(finish(single)["status"]["message"],
            "the restore was cancelled by alice; the target may hold a part of the restored "
            "schemas: create a new restore with existing: Replace");
}

TEST_F(CancelTest, ARestoreThatHadNotBegunSaysThatNothingWasChanged) {
  unblock();
  finish(submit(backup("a")));
  {
    const std::scoped_lock lock(cluster_.mutex);
    cluster_.block_runs = true;
    cluster_.plan_action = "Replace";
  }
  const auto submitted = submit(restore("r", {{"backup", "a"}, {"existing", "Replace"}}));
  ASSERT_TRUE(comes_to(*submitted, "SafetyBackup"));
  ASSERT_TRUE(cancel(*submitted));
  EXPECT_EQ(finish(submitted)["status"]["message"],
            "the restore was cancelled by alice; nothing was changed on the target");
}

TEST_F(CancelTest, AStoppedServerSaysWhatARestoreLeaves) {
  unblock();
  finish(submit(backup("a")));
  {
    const std::scoped_lock lock(cluster_.mutex);
    cluster_.block_runs = true;
  }
  const auto submitted = submit(restore("r", {{"backup", "a"}}));
  ASSERT_TRUE(comes_to(*submitted, "Restoring"));
  jobs_.reset();
  const api::Json left = (*catalog_->get((*submitted)->key()))->dom();
  EXPECT_THAT(left["status"]["message"].get<std::string>(),
              testing::AllOf(testing::HasSubstr("the server was stopped while the restore ran"),
                             testing::HasSubstr("the target may hold a part")));
  EXPECT_EQ(condition(left, "Completed"), "False ServerStopped");
}

// A server of another process sees it in the object, with its next sign of life.
TEST_F(CancelTest, AskedForElsewhereItReachesTheJobThroughTheObject) {
  const auto submitted = submit(backup("a"));
  until_running((*submitted)->key());
  ASSERT_TRUE(catalog_->modify((*submitted)->key(), [](const api::Object& object) {
    api::Json dom = object.dom();
    dom["status"]["cancellation"] = {{"time", "2026-11-20T02:00:00Z"}, {"user", "bob"}};
    return Result<api::Json>(dom);
  }));
  EXPECT_EQ(finish(submitted)["status"]["message"], "the backup was cancelled by bob");
}

// Nobody is left who could end it: it ends as what was asked for.
TEST_F(CancelTest, AskedForOfAServerThatDiedItIsCancelledAllTheSame) {
  jobs_.reset();
  Executor dead = Executor::self("an-older-life");
  dead.process_start = "1";  // the pid lives, but as another process
  const api::Json asked = {{"time", "2026-11-20T02:00:00Z"}, {"user", "bob"}};
  api::Json one = backup("a");
  one["status"] = {{"phase", "Running"}, {"executor", dead.to_json()}, {"cancellation", asked}};
  api::Json other = restore("r", {{"backup", "a"}, {"blockTraffic", false}});
  other["status"] = {{"phase", "Restoring"},
                     {"safetyBackup", "r-safety"},
                     {"executor", dead.to_json()},
                     {"cancellation", asked}};
  const auto first = *catalog_->create(api::kBackups, one);
  const auto second = *catalog_->create(api::kRestores, other);
  start();
  for (const auto& object : {first, second}) until_ended(object->key());
  EXPECT_EQ(status_of(first)["message"], "the backup was cancelled by bob");
  EXPECT_EQ(
      status_of(second)["message"],
      "the restore was cancelled by bob; the target may hold a part of the restored schemas: "
      "create a new restore with existing: Replace, or go back by restoring the safety backup "
      "\"r-safety\"");
}

// Its end cannot be recorded while the store is away: that must not keep the process from ending.
// The next one finds the job.
TEST_F(CancelTest, ACancelledJobWhoseStoreIsAwayDoesNotKeepTheServerFromEnding) {
  jobs_.reset();
  catalog_ = *storage::Catalog::open({std::shared_ptr<void>(), &faulty_}, clock(), rng_, {});
  start();
  const auto submitted = submit(backup("a"));
  ASSERT_TRUE(eventually([this] {
    const std::scoped_lock lock(cluster_.mutex);
    return cluster_.runs == 1;
  }));
  // The cancellation is the last that gets through.
  faulty_.inject(
      {.calls = {storage::BlobCall::kPutIfAbsent}, .keys = "log/*", .skip = 1, .times = -1});
  ASSERT_TRUE(cancel(*submitted));
  auto ending = std::async(std::launch::async, [this] { jobs_.reset(); });
  EXPECT_EQ(ending.wait_for(std::chrono::seconds(30)), std::future_status::ready);
  faulty_.clear();
}

}  // namespace
}  // namespace gb::jobs::test
