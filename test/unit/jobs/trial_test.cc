// Backups that are verified by restoring them into a scratch server.
#include "test/unit/jobs/jobs_fixture.h"

namespace gb::jobs::test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

class TrialTest : public JobsTest {
 protected:
  api::Json proven(const std::string& name, api::Json extra = api::Json::object()) {
    api::Json spec = {{"verification", "Restore"}};
    spec.update(extra);
    return backup(name, spec);
  }
  static api::Json verdict(const api::Json& object) {
    for (const api::Json& one : object["status"]["conditions"])
      if (one["type"] == "Verified") return one;
    return {{"status", "none"}, {"reason", ""}, {"message", ""}};
  }
  static std::string text(const api::Json& json, const char* field) {
    return json.value(field, std::string());
  }
  // It is being restored, and stays so.
  Result<api::ObjectPtr> held_at_work(const std::string& name) {
    {
      const std::scoped_lock lock(cluster_.mutex);
      cluster_.block_restores = true;
    }
    auto submitted = submit(proven(name));
    EXPECT_TRUE(submitted) << submitted.error().text();
    EXPECT_TRUE(eventually([&] { return scratch_.running == 1; }));
    return submitted;
  }
};

TEST_F(TrialTest, ItIsRestoredAndCompared) {
  const api::Json done = finish(submit(proven("a")));
  EXPECT_EQ(done["status"]["phase"], "Completed") << done.dump(1);
  EXPECT_EQ(done["status"]["verification"]["method"], "Restore");
  EXPECT_EQ(done["status"]["verification"]["tables"], 2);
  EXPECT_EQ(done["status"]["verification"]["mismatches"], 0);
  EXPECT_EQ(verdict(done)["status"], "True");
  EXPECT_EQ(verdict(done)["reason"], "Restore");
  EXPECT_THAT(text(verdict(done), "message"),
              AllOf(HasSubstr("MariaDB 10.11.19"), HasSubstr("2 tables were compared")));
  EXPECT_EQ(cluster_.restored, cluster_.tables);
  EXPECT_EQ(scratch_.running, 0);
}

TEST_F(TrialTest, ItsServerHasPagesAsTheSource) {
  cluster_.page_size = 65536;
  EXPECT_EQ(verdict(finish(submit(proven("a"))))["reason"], "Restore");
  EXPECT_EQ(scratch_.last_page_size, 65536U);
}

TEST_F(TrialTest, EveryInstanceHasAServerOfItsOwn) {
  const api::Json done = finish(submit(proven("a", {{"databaseInstances", {"main", "cell1"}}})));
  EXPECT_EQ(verdict(done)["reason"], "Restore");
  EXPECT_EQ(done["status"]["verification"]["tables"], 4);
  EXPECT_EQ(scratch_.started, 2);
  EXPECT_EQ(scratch_.most, 1);
}

TEST_F(TrialTest, WhatDiffersFailsTheBackupAsDamageDoes) {
  cluster_.differing_table = "instances";
  const api::Json done = finish(submit(proven("a")));
  EXPECT_EQ(done["status"]["phase"], "Failed");
  EXPECT_EQ(verdict(done)["status"], "False");
  EXPECT_EQ(verdict(done)["reason"], "Mismatch");
  EXPECT_THAT(text(verdict(done), "message"),
              AllOf(HasSubstr("what was written is restored otherwise than it was read"),
                    HasSubstr("nova.instances (1 of 2 rows)")));
  EXPECT_EQ(done["status"]["verification"]["mismatches"], 1);
  EXPECT_TRUE(blobs_->list("data/")->empty());
  const std::scoped_lock lock(events_.mutex);
  EXPECT_THAT(events_.told, testing::IsSupersetOf({"a VerificationFailed", "a Failed"}));
}

TEST_F(TrialTest, WhatCannotBeLoadedFailsIt) {
  cluster_.restore_error = fail(Code::kInternal, "cannot add the foreign keys of nova.instances");
  const api::Json done = finish(submit(proven("a")));
  EXPECT_EQ(done["status"]["phase"], "Failed");
  EXPECT_EQ(verdict(done)["status"], "False");
  EXPECT_EQ(verdict(done)["reason"], "NotRestorable");
  EXPECT_THAT(text(verdict(done), "message"),
              AllOf(HasSubstr("what was written cannot be restored"),
                    HasSubstr("the foreign keys of nova.instances")));
}

TEST_F(TrialTest, AScratchServerThatDiesSaysNothingOfTheBackup) {
  cluster_.restore_error = fail(Code::kUnavailable, "the connection was lost");
  const api::Json done = finish(submit(proven("a")));
  EXPECT_EQ(done["status"]["phase"], "Completed");
  EXPECT_EQ(verdict(done)["status"], "Unknown");
  EXPECT_EQ(verdict(done)["reason"], "ScratchServerFailed");
  EXPECT_EQ(done["status"]["verification"]["method"], "Checksum");
  EXPECT_THAT(text(done["status"], "message"),
              AllOf(HasSubstr("not verified by a restore"), HasSubstr("the connection was lost")));
  const std::scoped_lock lock(events_.mutex);
  EXPECT_THAT(events_.told,
              AllOf(Contains("a NotVerified"), Not(Contains("a VerificationFailed"))));
}

TEST_F(TrialTest, AScratchServerThatCannotTakeItSaysNothingOfTheBackup) {
  cluster_.preflight = {{"TimeZones", false, "the target does not know time zones"}};
  const api::Json done = finish(submit(proven("a")));
  EXPECT_EQ(done["status"]["phase"], "Completed");
  EXPECT_EQ(verdict(done)["status"], "Unknown");
  EXPECT_EQ(verdict(done)["reason"], "ScratchServerUnfit");
  EXPECT_THAT(text(verdict(done), "message"), HasSubstr("TimeZones: the target does not know"));
  EXPECT_EQ(cluster_.restores, 0);
}

TEST_F(TrialTest, ADefinitionThatComesBackInOtherWordsIsTold) {
  scratch_.differs = "table `nova`.`instances` was altered";
  const api::Json done = finish(submit(proven("a")));
  EXPECT_EQ(done["status"]["phase"], "Completed");
  EXPECT_EQ(verdict(done)["status"], "Unknown");
  EXPECT_EQ(verdict(done)["reason"], "DefinitionDiffers");
  EXPECT_THAT(text(verdict(done), "message"), HasSubstr("`nova`.`instances` was altered"));
}

TEST_F(TrialTest, WithoutAMariadbdItIsRefusedAndNothingIsRecorded) {
  scratch_.found = fail(Code::kNotFound, "mariadbd was not found on the PATH", "install it");
  for (const bool dry_run : {true, false}) {
    const auto refused = submit(proven("a"), dry_run);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kConflict);
    EXPECT_THAT(refused.error().text(),
                AllOf(HasSubstr("the server has no MariaDB to restore a backup into"),
                      HasSubstr("mariadbd was not found on the PATH"), HasSubstr("install it"),
                      HasSubstr("verification: Checksum")));
  }
  EXPECT_TRUE(catalog_->list(api::kBackups, "").objects.empty());
  EXPECT_EQ(finish(submit(backup("b")))["status"]["phase"], "Completed");
}

TEST_F(TrialTest, AScheduleThatCouldNeverDoItIsRefusedButItsRunsAreTaken) {
  const auto schedule = [&](const char* name) {
    return object(
        api::kSchedules, name,
        {{"schedule", "0 2 * * *"},
         {"template", {{"spec", {{"databaseInstances", {"main"}}, {"verification", "Restore"}}}}}});
  };
  ASSERT_TRUE(jobs_->submit_schedule(schedule("nightly"), alice_, false));
  {
    const std::scoped_lock lock(scratch_.mutex);
    scratch_.found = fail(Code::kNotFound, "mariadbd was not found on the PATH", "install it");
  }
  const auto refused = jobs_->submit_schedule(schedule("other"), alice_, false);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kConflict);
  const api::Json done =
      finish(jobs_->trigger({api::kSchedules, "openstack", "nightly"}, false, {}));
  EXPECT_EQ(done["status"]["phase"], "Completed");
  EXPECT_EQ(verdict(done)["status"], "Unknown");
  EXPECT_EQ(verdict(done)["reason"], "NoScratchServer");
  EXPECT_THAT(text(verdict(done), "message"), HasSubstr("install it"));
}

TEST_F(TrialTest, AnOlderServerIsNotTried) {
  scratch_.found = std::string("10.6.18-MariaDB");
  const api::Json done = finish(submit(proven("a")));
  EXPECT_EQ(done["status"]["phase"], "Completed");
  EXPECT_EQ(verdict(done)["reason"], "NoScratchServer");
  EXPECT_THAT(text(verdict(done), "message"), HasSubstr("is older (10.6.18-MariaDB)"));
  EXPECT_EQ(scratch_.started, 0);
}

TEST_F(TrialTest, APlaceThatIsTooSmallIsNotFilled) {
  scratch_.free = 64 << 20;
  const api::Json done = finish(submit(proven("a")));
  EXPECT_EQ(done["status"]["phase"], "Completed");
  EXPECT_EQ(verdict(done)["status"], "Unknown");
  EXPECT_EQ(verdict(done)["reason"], "NoScratchSpace");
  EXPECT_THAT(text(verdict(done), "message"), HasSubstr("verification.place"));
  EXPECT_EQ(cluster_.restores, 0);
}

TEST_F(TrialTest, APlaceThatFillsMeanwhileIsLeft) {
  const auto submitted = held_at_work("a");
  scratch_.free = 1 << 20;
  const api::Json done = finish(submitted);
  EXPECT_EQ(done["status"]["phase"], "Completed");
  EXPECT_EQ(verdict(done)["reason"], "NoScratchSpace");
  EXPECT_EQ(scratch_.running, 0);
}

TEST_F(TrialTest, ItIsCancelled) {
  const auto submitted = held_at_work("a");
  EXPECT_EQ(api::phase_of((*catalog_->get((*submitted)->key()))->dom()), "Verifying");
  ASSERT_TRUE(jobs_->cancel((*submitted)->key(), alice_, false));
  const api::Json done = finish(submitted);
  EXPECT_EQ(done["status"]["phase"], "Cancelled");
  EXPECT_EQ(done["status"]["message"], "the backup was cancelled by alice");
  EXPECT_EQ(scratch_.running, 0);
  EXPECT_TRUE(blobs_->list("data/openstack/")->empty());
}

TEST_F(TrialTest, TheEndOfTheServerKeepsWhatIsWhole) {
  const auto submitted = held_at_work("a");
  jobs_.reset();
  const api::Json left = (*catalog_->get((*submitted)->key()))->dom();
  EXPECT_EQ(left["status"]["phase"], "Completed");
  EXPECT_EQ(verdict(left)["status"], "Unknown");
  EXPECT_EQ(verdict(left)["reason"], "ServerStopped");
  EXPECT_EQ(scratch_.running, 0);
}

TEST_F(TrialTest, ADeadlineEndsTheTrialAndNotTheBackup) {
  {
    const std::scoped_lock lock(cluster_.mutex);
    cluster_.block_restores = true;
  }
  const api::Json done = finish(submit(proven("a", {{"activeDeadline", "2s"}})));
  EXPECT_EQ(done["status"]["phase"], "Completed");
  EXPECT_EQ(verdict(done)["reason"], "DeadlineExceeded");
}

TEST_F(TrialTest, ItsInstanceMayBeRestoredMeanwhile) {
  finish(submit(backup("good")));
  const auto submitted = held_at_work("a");
  const auto urgent = submit(restore("r", {{"backup", "good"}}));
  ASSERT_TRUE(urgent) << urgent.error().text();
  ASSERT_TRUE(jobs_->cancel((*urgent)->key(), alice_, false));
  ASSERT_TRUE(jobs_->cancel((*submitted)->key(), alice_, false));
}

TEST_F(TrialTest, OneIsTriedAtATime) {
  jobs_.reset();
  Dependencies d = dependencies(*catalog_);
  d.parallel_backups = 2;
  jobs_ = *Jobs::start(std::move(d));
  const auto first = held_at_work("first");
  const auto second = submit(proven("second"));
  EXPECT_TRUE(eventually([&] {
    return log_of((*second)->dom()).find("waits for its turn to be restored") != std::string::npos;
  }));
  EXPECT_EQ(scratch_.running, 1);
  {
    const std::scoped_lock lock(cluster_.mutex);
    cluster_.block_restores = false;
  }
  ASSERT_TRUE(jobs_->cancel((*first)->key(), alice_, false));
  EXPECT_EQ(verdict(finish(second))["reason"], "Restore");
  EXPECT_EQ(scratch_.most, 1);
}

TEST_F(TrialTest, WhoseServerDiedIsWholeButNotShown) {
  finish(submit(backup("a")));
  jobs_.reset();
  Executor dead = Executor::self("an-older-life");
  dead.process_start = "1";
  const api::ObjectKey key{api::kBackups, "openstack", "a"};
  ASSERT_TRUE(catalog_->modify(key, [&](const api::Object& object) {
    api::Json dom = object.dom();
    dom["spec"]["verification"] = "Restore";
    dom["status"]["phase"] = "Verifying";
    dom["status"]["conditions"] = api::Json::array();
    dom["status"]["executor"] = dead.to_json();
    return Result<api::Json>(dom);
  }));
  start();
  EXPECT_TRUE(
      eventually([&] { return api::phase_of((*catalog_->get(key))->dom()) == "Completed"; }));
  const api::Json done = (*catalog_->get(key))->dom();
  EXPECT_EQ(verdict(done)["status"], "Unknown");
  EXPECT_EQ(verdict(done)["reason"], "ServerDied");
}

}  // namespace
}  // namespace gb::jobs::test
