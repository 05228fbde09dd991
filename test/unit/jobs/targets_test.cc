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
  EXPECT_TRUE(jobs_->deleted(**first));
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
    EXPECT_TRUE(jobs_->deleted(**restore));
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
  EXPECT_TRUE(jobs_->deleted(**busy));
  finish(busy);
}

}  // namespace
}  // namespace gb::jobs::test
