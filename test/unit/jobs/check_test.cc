// Backups that are looked at again after they have ended: the subresource verify.
#include <future>
#include <stop_token>

#include "jobs/takeover.h"
#include "test/unit/jobs/jobs_fixture.h"

namespace gb::jobs::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class CheckTest : public JobsTest {
 protected:
  void SetUp() override {
    JobsTest::SetUp();
    finish(submit(backup("a", {{"verification", "None"}})));
  }

  Result<api::ObjectPtr> verify(const std::string& method, bool dry_run = false) {
    return jobs_->verify(key_, method, alice_, dry_run, {});
  }
  // The status of the backup when it has been looked at.
  api::Json verified(const std::string& method) { return finish(verify(method))["status"]; }
  api::Json status() { return (*catalog_->get(key_))->dom()["status"]; }
  static std::string text(const api::Json& json, const char* field) {
    return json.value(field, std::string());
  }
  void damage() {
    const auto blobs = *blobs_->list("data/openstack/");
    for (const storage::BlobInfo& blob : blobs) {
      if (!blob.key.ends_with(".pack")) continue;
      std::string bytes = *blobs_->get(blob.key);
      bytes[5] ^= 1;
      ASSERT_TRUE(storage::put(*blobs_, blob.key, as_bytes(bytes)));
    }
  }
  void block(bool block) {
    const std::scoped_lock lock(cluster_.mutex);
    cluster_.block_runs = block;
  }

  const api::ObjectKey key_{api::kBackups, "openstack", "a"};
};

TEST_F(CheckTest, WhatReadsBackIsVerifiedAndTheBackupStaysAsItWas) {
  EXPECT_EQ(condition({{"status", status()}}, "Verified"), "False NotRequested");
  const api::Json done = verified("Checksum");
  EXPECT_EQ(done["phase"], "Completed");
  EXPECT_EQ(done["check"]["phase"], "Passed");
  EXPECT_EQ(done["check"]["method"], "Checksum");
  EXPECT_EQ(done["check"]["user"], "alice");
  EXPECT_EQ(done["check"]["message"], "every byte was read back and compared");
  EXPECT_FALSE(done["check"].contains("executor"));
  EXPECT_EQ(condition({{"status", done}}, "Verified"), "True Checksum");
  EXPECT_EQ(done["verification"]["tables"], 2);
  EXPECT_TRUE(eventually([&] { return events_.has("a VerifiedPassed"); }));
  EXPECT_THAT(
      log_of((*catalog_->get(key_))->dom()),
      AllOf(HasSubstr("manifest written"), HasSubstr("verification (Checksum), asked for by alice"),
            HasSubstr("every digest of 2 tables is right")));
}

TEST_F(CheckTest, DamageIsTheConditionAndNeitherLatestNorBaseFallsOnIt) {
  finish(submit(backup("older")));
  ASSERT_TRUE(
      catalog_->modify({api::kBackups, "openstack", "older"}, [](const api::Object& object) {
        api::Json dom = object.dom();
        dom["status"]["instances"][0]["snapshotTime"] = "2020-01-01T00:00:00Z";
        return Result<api::Json>(dom);
      }));
  damage();
  const api::Json done = verified("Checksum");
  EXPECT_EQ(done["phase"], "Completed") << "what can be saved of it is not given up";
  EXPECT_EQ(done["check"]["phase"], "Failed");
  EXPECT_THAT(text(done["check"], "message"), HasSubstr("the backup is damaged: "));
  EXPECT_EQ(condition({{"status", done}}, "Verified"), "False Mismatch");
  EXPECT_TRUE(eventually([&] { return events_.has("a VerificationFailed"); }));
  const auto shown = submit(restore("r", {{"backup", "latest"}}), /*dry_run=*/true);
  ASSERT_TRUE(shown);
  EXPECT_EQ((*shown)->dom()["status"]["backup"], "older");
  finish(submit(backup("next")));
  EXPECT_THAT(log_of((*catalog_->get({api::kBackups, "openstack", "next"}))->dom()),
              HasSubstr("no base: backup \"a\" is damaged"))
      << "older ones may have the same bytes";
}

TEST_F(CheckTest, AStoreThatDoesNotAnswerSaysNothingOfTheBackup) {
  verified("Checksum");
  faulty_.inject({.calls = {storage::BlobCall::kGetRange}, .keys = "data/*", .times = -1});
  const api::Json done = verified("Checksum");
  EXPECT_EQ(done["check"]["phase"], "Inconclusive");
  EXPECT_EQ(condition({{"status", done}}, "Verified"), "True Checksum");
}

TEST_F(CheckTest, OneIsRestoredOnTrialWhenAskedFor) {
  const api::Json done = verified("Restore");
  EXPECT_EQ(done["check"]["phase"], "Passed") << done.dump(1);
  EXPECT_EQ(done["verification"]["method"], "Restore");
  EXPECT_EQ(condition({{"status", done}}, "Verified"), "True Restore");
  EXPECT_EQ(cluster_.restored, cluster_.tables);

  cluster_.differing_table = "instances";
  const api::Json differs = verified("Restore");
  EXPECT_EQ(differs["check"]["phase"], "Failed");
  EXPECT_EQ(condition({{"status", differs}}, "Verified"), "False Mismatch");
  EXPECT_EQ(differs["verification"]["mismatches"], 1);
}

TEST_F(CheckTest, WhatCouldNotBeTriedWasAtLeastReadBack) {
  scratch_.start_error = fail(Code::kNoSpace, "no room for a server");
  const api::Json done = verified("Restore");
  EXPECT_EQ(done["check"]["phase"], "Inconclusive");
  EXPECT_THAT(text(done["check"], "message"), HasSubstr("no room for a server"));
  EXPECT_EQ(condition({{"status", done}}, "Verified"), "True Checksum");
  scratch_.found = fail(Code::kNotFound, "no mariadbd is installed");
  const auto refused = verify("Restore");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kConflict);
}

TEST_F(CheckTest, HowTheClusterDiffersIsTold) {
  EXPECT_EQ(verified("Live")["check"]["phase"], "Passed");
  galera::LiveDifference difference;
  difference.facts.node = "10.0.0.2:3306";
  using State = galera::TableDifference::State;
  difference.tables = {{"nova", "same", State::kEqual, 1, 1, 0, 0, 0},
                       {"nova", "instances", State::kRows, 3, 4, 2, 1, 1},
                       {"nova", "log", State::kNotCounted, 9, 8, 0, 0, 0}};
  for (int i = 0; i < 150; ++i)
    difference.tables.push_back({"nova", "t" + std::to_string(i), State::kOnlyLive, 0, 7, 0, 0, 0});
  difference.definitions = {"view `nova`.`v` was altered"};
  cluster_.difference = difference;
  const api::Json done = verified("Live");
  EXPECT_EQ(done["check"]["phase"], "Differs");
  EXPECT_EQ(done["check"]["message"], "1 of 153 tables are as in the backup; 1 definition differs");
  EXPECT_EQ(done["comparison"]["equal"], false);
  const api::Json& main = done["comparison"]["instances"][0];
  EXPECT_EQ(main["name"], "main");
  EXPECT_EQ(main["differentTables"], 152);
  EXPECT_EQ(main["tables"].size(), 100U) << "every list shows this object";
  EXPECT_EQ(main["moreTables"], 52);
  EXPECT_EQ(main["tables"][0]["added"], 2);
  EXPECT_EQ(main["tables"][1], (api::Json{{"schema", "nova"},
                                          {"table", "log"},
                                          {"state", "RowsNotCounted"},
                                          {"backupRows", 9},
                                          {"liveRows", 8}}));
  EXPECT_EQ(main["definitions"][0], "view `nova`.`v` was altered");
  EXPECT_EQ(condition({{"status", done}}, "Verified"), "False NotRequested");
}

TEST_F(CheckTest, WhatCannotBeComparedSaysWhy) {
  cluster_.difference = fail(Code::kUnavailable, "node 10.0.0.2:3306 is not there");
  const api::Json done = verified("Live");
  EXPECT_EQ(done["check"]["phase"], "Inconclusive");
  EXPECT_EQ(done["check"]["message"], "instance \"main\": node 10.0.0.2:3306 is not there");
  EXPECT_FALSE(done.contains("comparison"));
  rules_.denied = {"alice get galeras main"};
  EXPECT_EQ(verify("Live").error().code, Code::kForbidden);
  EXPECT_TRUE(verify("Checksum")) << "that looks at no cluster";
}

TEST_F(CheckTest, OnlyWhatIsCompletedIsLookedAtAndOnce) {
  EXPECT_EQ(verify("Thoroughly").error().text(),
            "there is no method \"Thoroughly\" to verify a backup; use one of: Checksum, Live, "
            "Restore");
  block(true);
  ASSERT_TRUE(verify("Live"));
  const auto again = verify("Checksum");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::kConflict);
  EXPECT_THAT(again.error().text(), HasSubstr("it is being verified since"));
  const auto onto_it = submit(restore("r", {{"backup", "a"}}));
  ASSERT_FALSE(onto_it) << "the instance is being read";
  EXPECT_EQ(onto_it.error().code, Code::kConflict);
  ASSERT_TRUE(jobs_->cancel(key_, alice_, false));
  const auto busy = submit(backup("busy"));
  const auto early = jobs_->verify((*busy)->key(), "Checksum", alice_, false, {});
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().code, Code::kConflict);
  jobs_->deleted(**busy);
  finish(busy);
}

TEST_F(CheckTest, ItIsCancelledAndTheBackupIsNot) {
  block(true);
  const auto begun = verify("Live");
  ASSERT_TRUE(begun);
  ASSERT_TRUE(jobs_->cancel(key_, alice_, false));
  const api::Json done = finish(begun)["status"];
  EXPECT_EQ(done["phase"], "Completed");
  EXPECT_EQ(done["check"]["phase"], "Cancelled");
  EXPECT_EQ(done["check"]["message"], "it was cancelled by alice");
  const auto again = jobs_->cancel(key_, alice_, false);
  ASSERT_FALSE(again);
  EXPECT_THAT(again.error().text(), HasSubstr("is Completed: there is nothing left to cancel"));
}

TEST_F(CheckTest, ADryRunBeginsNothing) {
  const auto shown = verify("Checksum", /*dry_run=*/true);
  ASSERT_TRUE(shown);
  EXPECT_EQ((*shown)->dom()["status"]["check"]["phase"], "Running");
  EXPECT_FALSE(status().contains("check"));
}

TEST_F(CheckTest, OneWhoseServerEndedIsInconclusive) {
  jobs_.reset();
  Executor dead = Executor::self("dead");
  dead.process_start = "1";
  ASSERT_TRUE(catalog_->modify(key_, [&](const api::Object& object) {
    api::Json dom = object.dom();
    dom["status"]["check"] = {
        {"phase", "Running"}, {"method", "Checksum"}, {"executor", dead.to_json()}};
    return Result<api::Json>(dom);
  }));
  start();
  ASSERT_TRUE(eventually([&] { return status()["check"]["phase"] != "Running"; }));
  EXPECT_EQ(status()["check"]["phase"], "Inconclusive");
  EXPECT_THAT(text(status()["check"], "message"), HasSubstr("its process died"));
  EXPECT_TRUE(eventually([&] { return events_.has(key_.name + " VerifiedInconclusive"); }));
  EXPECT_EQ(status()["phase"], "Completed");
  EXPECT_EQ(verified("Checksum")["check"]["phase"], "Passed");
}

TEST_F(CheckTest, AStoppedServerLeavesItInconclusive) {
  block(true);
  ASSERT_TRUE(verify("Live"));
  jobs_.reset();
  EXPECT_EQ(status()["check"]["phase"], "Inconclusive");
  EXPECT_EQ(status()["check"]["message"], "the server was stopped; ask for it again");
  EXPECT_EQ(status()["phase"], "Completed");
}

// Its end is recorded, and its thread still has something to do.
TEST_F(CheckTest, AskedForInTheLastStepsOfTheBackupItIsRefusedUntilTheyAreDone) {
  std::promise<void> go_on;
  events_.before = [&, held = go_on.get_future().share()](const std::string& event) {
    if (event == "b Completed") held.wait();
  };
  const api::ObjectKey key{api::kBackups, "openstack", "b"};
  ASSERT_TRUE(submit(backup("b")));
  ASSERT_TRUE(
      eventually([&] { return api::phase_of((*catalog_->get(key))->dom()) == "Completed"; }));
  std::stop_source called_off;
  const std::jthread impatient([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    called_off.request_stop();
  });
  const auto refused = jobs_->verify(key, "Checksum", alice_, false, called_off.get_token());
  EXPECT_FALSE(refused);
  EXPECT_EQ(refused ? "" : refused.error().text(),
            "backup \"b\": the last steps of its job are still under way; try again in a moment");
  EXPECT_FALSE((*catalog_->get(key))->dom()["status"].contains("check"));
  go_on.set_value();
  EXPECT_EQ(finish(jobs_->verify(key, "Checksum", alice_, false, {}))["status"]["check"]["phase"],
            "Passed");
}

}  // namespace
}  // namespace gb::jobs::test
