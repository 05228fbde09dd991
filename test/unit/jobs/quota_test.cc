// What a namespace may have: who asks for more is told what is used, and what to do.
#include "jobs/quota.h"

#include <atomic>
#include <thread>

#include "jobs/schedule.h"
#include "test/unit/jobs/jobs_fixture.h"

namespace gb::jobs::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(QuotaOf, TheFirstThatNamesItOrAllCounts) {
  const std::vector<NamespaceQuota> quotas{{"a", 1, 0, 0}, {"*", 2, 0, 0}};
  EXPECT_EQ(quota_of(quotas, "a").backups, 1U);
  EXPECT_EQ(quota_of(quotas, "b").backups, 2U);
  EXPECT_EQ(quota_of({}, "b").backups, 0U);
}

class QuotaTest : public JobsTest {
 protected:
  void limit(NamespaceQuota quota, unsigned parallel_backups = 1) {
    Dependencies limited = dependencies(*catalog_);
    limited.quotas = {std::move(quota)};
    limited.parallel_backups = parallel_backups;
    jobs_.reset();
    jobs_ = *Jobs::start(std::move(limited));
  }
  // A backup that has ended so, by hand or of a schedule.
  void left(const std::string& name, const std::string& phase, const char* schedule = nullptr) {
    api::Json dom = backup(name);
    dom["status"] = {{"phase", phase}};
    if (schedule != nullptr) dom["metadata"]["labels"] = {{kScheduleLabel, schedule}};
    ASSERT_TRUE(catalog_->create(api::kBackups, dom));
  }
  void expect_exceeded(const Result<api::ObjectPtr>& made, const std::string& what) {
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, Code::kForbidden);
    EXPECT_THAT(made.error().text(),
                AllOf(HasSubstr("exceeded quota of namespace \"openstack\": " + what),
                      HasSubstr("delete")));
  }
};

TEST_F(QuotaTest, NoMoreBackupsThanThat) {
  limit({"openstack", 2, 0, 0});
  finish(submit(backup("a")));
  finish(submit(backup("b")));
  expect_exceeded(submit(backup("c")), "backups: used 2, limited to 2");
  expect_exceeded(jobs_->submit_backup(backup("c"), alice_, true, {}), "backups");
  EXPECT_FALSE(catalog_->get({api::kBackups, "openstack", "c"})) << "nothing was recorded";
  const api::ObjectPtr a = *catalog_->get({api::kBackups, "openstack", "a"});
  ASSERT_TRUE(jobs_->before_deletion(*a));
  ASSERT_TRUE(catalog_->remove(a->key(), a->revision()));
  EXPECT_EQ(api::phase_of(finish(submit(backup("c")))), "Completed");
  expect_exceeded(jobs_->undelete(a->key(), "", alice_, false), "backups: used 2");
}

TEST_F(QuotaTest, WhatFailedOrWasCancelledHoldsNothingAndTakesNoPlace) {
  limit({"openstack", 1, 0, 0});
  cluster_.run_results = {fail(Code::kUnavailable, "the node went away")};
  EXPECT_EQ(api::phase_of(finish(submit(backup("failed")))), "Failed");
  left("cancelled", "Cancelled");
  EXPECT_EQ(api::phase_of(finish(submit(backup("good")))), "Completed");
  expect_exceeded(submit(backup("one-more")), "backups: used 1, limited to 1");
}

TEST_F(QuotaTest, WhatFailedByHandIsToBeClearedAwaySomeDay) {
  limit({"openstack", 5, 0, 0});
  for (int i = 0; i < 99; ++i)
    left("failed-" + std::to_string(i), i % 2 == 0 ? "Failed" : "Cancelled");
  EXPECT_TRUE(submit(backup("dry"), true));
  left("the-last", "Failed", "a-schedule-that-is-gone");
  expect_exceeded(submit(backup("one-more")),
                  "failed and cancelled backups: used 100, limited to 100");
  EXPECT_THAT(submit(backup("one-more")).error().hint,
              HasSubstr("kubectl delete galerabackups -n openstack --field-selector "
                        "status.phase=Failed"));
}

TEST_F(QuotaTest, AScheduleClearsAwayItsOwn) {
  limit({"openstack", 5, 0, 0});
  ASSERT_TRUE(
      jobs_->submit_schedule(object(api::kSchedules, "nightly",
                                    {{"schedule", "0 2 * * *"},
                                     {"suspend", true},
                                     {"template", {{"spec", {{"databaseInstances", {"main"}}}}}}}),
                             alice_, false));
  const api::ObjectKey nightly{api::kSchedules, "openstack", "nightly"};
  for (int i = 0; i < 100; ++i) left("nightly-" + std::to_string(i), "Failed", "nightly");
  EXPECT_TRUE(submit(backup("by-hand"), true));
  // Nor is a run held up by what others left.
  for (int i = 0; i < 100; ++i) left("failed-" + std::to_string(i), "Failed");
  expect_exceeded(submit(backup("by-hand"), true), "failed and cancelled backups: used 100");
  EXPECT_EQ(api::phase_of(finish(jobs_->trigger(nightly, false, {}))), "Completed");
}

TEST_F(QuotaTest, TheTrashTakesRoomToo) {
  limit({"*", 0, 100, 0});
  finish(submit(backup("a")));
  const api::ObjectPtr a = *catalog_->get({api::kBackups, "openstack", "a"});
  ASSERT_TRUE(jobs_->before_deletion(*a));
  ASSERT_TRUE(catalog_->remove(a->key(), a->revision()));
  expect_exceeded(submit(backup("b")), "bytes in the stores: used ");
  EXPECT_TRUE(jobs_->undelete(a->key(), "", alice_, true));
  EXPECT_TRUE(jobs_->undelete(a->key(), "", alice_, false)) << "its bytes are there already";
}

TEST_F(QuotaTest, TwoAtOnceAreNotBothTheLastOne) {
  limit({"openstack", 1, 0, 0});
  std::atomic<int> admitted{0};
  {
    std::vector<std::jthread> threads;
    for (const char* name : {"a", "b", "c", "d"})
      threads.emplace_back([&, name] {
        if (submit(backup(name))) ++admitted;
      });
  }
  EXPECT_EQ(admitted, 1);
}

TEST_F(QuotaTest, WhatRunsAtOnceWaitsForItsTurn) {
  limit({"openstack", 0, 0, 1}, 2);
  cluster_.block_runs = true;
  const auto first = submit(backup("first"));
  ASSERT_TRUE(first) << first.error().text();
  until_running((*first)->key());
  const auto second = submit(backup("second", {{"databaseInstances", {"cell1"}}}));
  ASSERT_TRUE(second) << second.error().text();
  // Of two that may run the other one is left to who asked later, in another namespace.
  api::Json dom = backup("theirs", {{"databaseInstances", {"dr"}}});
  dom["metadata"]["namespace"] = "elsewhere";
  const auto theirs = submit(std::move(dom));
  ASSERT_TRUE(theirs) << theirs.error().text();
  until_running((*theirs)->key());
  EXPECT_EQ(phase_at((*second)->key()), "Pending");
  ASSERT_TRUE(jobs_->cancel((*theirs)->key(), alice_, false));
  finish(theirs);
  ASSERT_TRUE(jobs_->cancel((*first)->key(), alice_, false));
  finish(first);
  until_running((*second)->key());
  ASSERT_TRUE(jobs_->cancel((*second)->key(), alice_, false));
  finish(second);
}

}  // namespace
}  // namespace gb::jobs::test
