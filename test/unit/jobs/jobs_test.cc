#include <future>
#include <random>

#include "jobs/block_marks.h"
#include "jobs/store_status.h"
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

TEST_F(JobsTest, ABackupCompletesAndSaysWhatItHolds) {
  const api::Json done = finish(submit(backup("nightly", {{"ttl", "720h"}})));
  const api::Json& status = done["status"];
  EXPECT_EQ(status["phase"], "Completed") << status.dump(1);
  EXPECT_EQ(status["progress"]["percent"], 100);
  EXPECT_EQ(status["instances"][0]["node"], "10.0.0.2:3306");
  EXPECT_EQ(status["instances"][0]["databases"].size(), 2U);
  EXPECT_THAT(status["digest"].get<std::string>(), HasSubstr("sha256:"));
  EXPECT_EQ(status["verification"]["mismatches"], 0);
  EXPECT_TRUE(status.contains("expirationTime"));
  EXPECT_THAT(log_of(done), HasSubstr("read back: every digest of 2 tables is right"));
  EXPECT_THAT(events_.told, testing::ElementsAre("nightly Started", "nightly SnapshotOpened",
                                                 "nightly Completed"));
}

TEST_F(JobsTest, TheSameRowsAreStoredOnce) {
  finish(submit(backup("one")));
  const api::Json two = finish(submit(backup("two")));
  EXPECT_THAT(log_of(two), HasSubstr("base: backup \"one\""));
}

// A site that is set up anew may give the same directory another name.
TEST_F(JobsTest, ABackupIsFoundUnderWhateverNameItsStoreHas) {
  finish(submit(backup("one")));
  const auto renamed = catalog_->modify({api::kBackups, "openstack", "one"},
                                        [](const api::Object& object) -> Result<api::Json> {
                                          api::Json dom = object.dom();
                                          dom["spec"]["store"] = "of-the-old-site";
                                          return dom;
                                        });
  ASSERT_TRUE(renamed);
  rules_.denied = {"alice use galerabackupstores default"};
  EXPECT_EQ(submit(restore("r", {{"backup", "one"}})).error().code, Code::kForbidden);
  rules_.denied.clear();
  EXPECT_EQ(finish(submit(restore("r", {{"backup", "one"}})))["status"]["phase"], "Completed");
  EXPECT_THAT(log_of(finish(submit(backup("two")))), HasSubstr("base: backup \"one\""));
  ASSERT_TRUE(jobs_->before_deletion(**renamed));
  EXPECT_EQ(blobs_->list("trash/openstack/")->size(), 1U);
}

TEST_F(JobsTest, ABackupThatIsInNoStoreSaysSoAndCanBeDeleted) {
  finish(submit(backup("one")));
  const auto lost = catalog_->modify({api::kBackups, "openstack", "one"},
                                     [this](const api::Object& object) -> Result<api::Json> {
                                       api::Json dom = object.dom();
                                       dom["spec"]["store"] = "tape";
                                       const auto data = *blobs_->list("data/");
                                       for (const auto& blob : data)
                                         EXPECT_TRUE(blobs_->remove(blob.key));
                                       return dom;
                                     });
  ASSERT_TRUE(lost);
  EXPECT_EQ(submit(restore("r", {{"backup", "one"}})).error().text(),
            "the store \"tape\" of backup \"one\" is not configured, and it is in none that is: "
            "default; add its directory to the stores of the server's configuration, under any "
            "name");
  EXPECT_TRUE(jobs_->before_deletion(**lost));
  EXPECT_TRUE(blobs_->list("trash/")->empty());
}

TEST_F(JobsTest, NothingIsRecordedWhenTheDatabaseRefuses) {
  cluster_.connect_error = fail(Code::kForbidden, "user root was refused", "check the password");
  const auto refused = submit(backup("nightly"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kForbidden);
  EXPECT_EQ(refused.error().text(), "instance \"main\": user root was refused; check the password");
  EXPECT_TRUE(catalog_->list(api::kBackups, "").objects.empty());
}

TEST_F(JobsTest, UnknownInstanceStoreAndTakenNameAreToldApart) {
  EXPECT_EQ(submit(backup("a", {{"databaseInstances", {"none"}}})).error().code, Code::kNotFound);
  const auto store = submit(backup("a", {{"store", "tape"}}));
  EXPECT_EQ(store.error().text(), "there is no GaleraBackupStore \"tape\"; use one of: default");
  finish(submit(backup("a")));
  EXPECT_EQ(submit(backup("a")).error().code, Code::kAlreadyExists);
}

TEST_F(JobsTest, WhatASpecNamesIsAuthorizedForTheUser) {
  rules_.denied = {"alice get galeras main"};
  const auto refused = submit(backup("a"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kForbidden);
  EXPECT_EQ(
      refused.error().message,
      "galeras.mariadb.openstack.org \"main\" is forbidden: User \"alice\" cannot get resource "
      "\"galeras\" in API group \"mariadb.openstack.org\" in the namespace \"openstack\"");
  rules_.denied = {"alice use galerabackupstores default"};
  EXPECT_EQ(submit(backup("a")).error().code, Code::kForbidden);
  rules_.denied = {"alice update galerabackups "};
  const auto held = submit(backup("a", {{"hold", true}}));
  ASSERT_FALSE(held) << "what nobody else can delete is not for everybody who may create";
  EXPECT_EQ(held.error().code, Code::kForbidden);
  EXPECT_THAT(held.error().text(), AllOf(HasSubstr("cannot update resource \"galerabackups\""),
                                         HasSubstr("spec.hold: true needs that right")));
  finish(submit(backup("a")));
  rules_.denied = {"alice get galerabackups a"};
  EXPECT_EQ(submit(restore("r", {{"backup", "a"}})).error().code, Code::kForbidden);
}

TEST_F(JobsTest, ADryRunLeavesNoTrace) {
  const auto shown = submit(backup("a"), true);
  ASSERT_TRUE(shown);
  EXPECT_EQ(api::phase_of((*shown)->dom()), "Pending");
  EXPECT_TRUE(catalog_->list(api::kBackups, "").objects.empty());
  EXPECT_EQ(cluster_.runs, 0);
}

TEST_F(JobsTest, SchemaChangesRestartTheDumpAndThenMakeItStrict) {
  const Status changed =
      fail(Code::kConflict, "table nova.instances was altered while the dump ran");
  cluster_.run_results = {changed, changed, changed};
  const api::Json done = finish(submit(backup("a")));
  EXPECT_EQ(done["status"]["phase"], "Completed");
  EXPECT_EQ(cluster_.runs, 4);
  EXPECT_EQ(cluster_.strict_runs, 1);
  EXPECT_EQ(done["status"]["progress"]["rows"], 2);
  EXPECT_EQ(done["status"]["progress"]["tables"], (api::Json{{"done", 2}, {"total", 2}}));
}

TEST_F(JobsTest, ADonorThatStaysOutOfFlowControlIsRemembered) {
  const Status changed =
      fail(Code::kConflict, "table nova.instances was altered while the dump ran");
  cluster_.run_results = {changed, changed, changed};
  finish(submit(backup("back")));
  EXPECT_TRUE(blobs_->list("desynced/")->empty());
  cluster_.run_results = {changed, changed, changed};
  cluster_.recover_error = fail(Code::kUnavailable, "node 10.0.0.2:3306 can not be reached");
  const api::Json done = finish(submit(backup("left")));
  EXPECT_EQ(done["status"]["phase"], "Completed");
  EXPECT_EQ(*blobs_->get("desynced/openstack/" + uid_of(done)),
            R"({"backup":"left","donors":{"main":"10.0.0.2:3306"}})");
  EXPECT_THAT(log_of(done), HasSubstr("left out of its cluster's flow control: 10.0.0.2:3306"));
}

TEST_F(JobsTest, SchemaChangesThatNeverEndFailTheBackup) {
  const Status changed =
      fail(Code::kConflict, "table nova.instances was altered while the dump ran");
  cluster_.run_results = {changed, changed, changed, changed};
  const api::Json done = finish(submit(backup("a")));
  EXPECT_EQ(done["status"]["phase"], "Failed");
  EXPECT_EQ(done["status"]["message"],
            "instance \"main\": table nova.instances was altered while the dump ran");
  EXPECT_EQ(cluster_.runs, 4);
  EXPECT_EQ(cluster_.strict_runs, 1) << "the last one was on a donor that was held still";
  EXPECT_TRUE(blobs_->list("data/")->empty());
}

TEST_F(JobsTest, AFailedDumpSaysWhyAndLeavesNoData) {
  cluster_.run_results = {fail(Code::kUnavailable, "the donor went away", "try again")};
  const api::Json done = finish(submit(backup("a")));
  EXPECT_EQ(done["status"]["phase"], "Failed");
  EXPECT_EQ(done["status"]["message"], "instance \"main\": the donor went away; try again");
  EXPECT_EQ(done["status"]["conditions"][0]["status"], "False");
  EXPECT_TRUE(blobs_->list("data/")->empty());
  EXPECT_EQ(
      submit(restore("r", {{"backup", "a"}})).error().text(),
      "backup \"a\" is Failed, not Completed; restore from a backup whose phase is Completed");
}

TEST_F(JobsTest, WhatDoesNotReadBackIsFailedAndLeavesNoData) {
  faulty_.inject({.calls = {storage::BlobCall::kGetRange}, .keys = "*.pack", .times = -1});
  const api::Json done = finish(submit(backup("a")));
  EXPECT_EQ(done["status"]["phase"], "Failed");
  EXPECT_THAT(done["status"]["message"].get<std::string>(),
              HasSubstr("what was written does not read back as it was"));
  EXPECT_EQ(done["status"]["conditions"].size(), 1U) << "no answer is no damage";
  EXPECT_TRUE(blobs_->list("data/")->empty());
}

TEST_F(JobsTest, RowsThatAreStoredOtherwiseThanTheServerSentThemAreAMismatch) {
  cluster_.misread_table = "instances";
  const api::Json done = finish(submit(backup("a")));
  EXPECT_EQ(done["status"]["phase"], "Failed");
  EXPECT_THAT(done["status"]["message"].get<std::string>(),
              HasSubstr("table nova.instances: its rows as stored have another digest"));
  EXPECT_TRUE(eventually([&] { return events_.has("a VerificationFailed"); }));
  EXPECT_TRUE(blobs_->list("data/")->empty());
  cluster_.misread_table.clear();
  EXPECT_EQ(finish(submit(backup("b", {{"verification", "None"}})))["status"]["phase"],
            "Completed");
}

TEST_F(JobsTest, ABackupThatTakesTooLongIsEnded) {
  cluster_.block_runs = true;
  const api::Json done = finish(submit(backup("a", {{"activeDeadline", "1s"}})));
  EXPECT_EQ(done["status"]["phase"], "Failed");
  EXPECT_THAT(done["status"]["message"].get<std::string>(),
              HasSubstr("the backup was ended after spec.activeDeadline"));
  EXPECT_EQ(done["status"]["conditions"][0]["reason"], "DeadlineExceeded");
}

TEST_F(JobsTest, DamageThatAVerificationFindsIsAConditionAndAnEventOfItsOwn) {
  faulty_.set_observer([this](storage::BlobCall call, const std::string& key) {
    if (call != storage::BlobCall::kGetRange || !key.ends_with(".pack")) return;
    std::string bytes = *blobs_->get(key);
    bytes.assign(bytes.size(), 'x');
    ASSERT_TRUE(blobs_->remove(key));
    ASSERT_TRUE(blobs_->put_if_absent(key, as_bytes(bytes)));
  });
  const api::Json done = finish(submit(backup("a")));
  faulty_.set_observer(nullptr);
  EXPECT_EQ(done["status"]["phase"], "Failed");
  const api::Json& conditions = done["status"]["conditions"];
  ASSERT_EQ(conditions.size(), 2U);
  EXPECT_EQ(conditions[0]["reason"], "Corruption");
  EXPECT_EQ(conditions[1]["type"], "Verified");
  EXPECT_EQ(conditions[1]["status"], "False");
  EXPECT_EQ(conditions[1]["reason"], "Mismatch");
  EXPECT_THAT(done["status"]["message"].get<std::string>(),
              HasSubstr("what was written does not read back as it was"));
  const std::scoped_lock lock(events_.mutex);
  EXPECT_THAT(events_.told, testing::IsSupersetOf({"a VerificationFailed", "a Failed"}));
}

TEST_F(JobsTest, ThreadsStayWithinTheMemoryOfTheServer) {
  jobs_.reset();
  start(std::uint64_t{128} << 20);
  const api::Json wide = finish(submit(backup("a", {{"threads", 16U}})));
  EXPECT_THAT(log_of(wide), HasSubstr("reads on 5 connections instead of 16"));
  EXPECT_EQ(cluster_.read_back_threads, 5U);
  const api::Json narrow = finish(submit(backup("b", {{"threads", 4U}})));
  EXPECT_THAT(log_of(narrow), testing::Not(HasSubstr("instead of")));
}

TEST_F(JobsTest, DeletingARunningBackupCancelsIt) {
  cluster_.block_runs = true;
  const auto submitted = submit(backup("a"));
  ASSERT_TRUE(submitted);
  until_running((*submitted)->key());
  jobs_->deleted(**submitted);
  const api::Json done = finish(submitted);
  EXPECT_EQ(done["status"]["phase"], "Cancelled");
  EXPECT_EQ(done["status"]["message"], "the backup was deleted while it ran");
}

TEST_F(JobsTest, ADeletedBackupGoesToTheTrashAndKeepsItsData) {
  const api::Json done = finish(submit(backup("a")));
  const auto object = *catalog_->get({api::kBackups, "openstack", "a"});
  ASSERT_TRUE(jobs_->before_deletion(*object));
  EXPECT_EQ(blobs_->list("trash/openstack/")->size(), 1U);
  EXPECT_FALSE(blobs_->list("data/openstack/")->empty());
}

TEST_F(JobsTest, ABackupWaitsForItsTurn) {
  cluster_.block_runs = true;
  const auto first = submit(backup("first"));
  until_running((*first)->key());
  const auto second = submit(backup("second"));
  ASSERT_TRUE(second);
  EXPECT_EQ(api::phase_of((*catalog_->get((*second)->key()))->dom()), "Pending");
  EXPECT_TRUE(eventually(
      [&] { return log_of((*second)->dom()).find("waits for its turn") != std::string::npos; }));
  {
    const std::scoped_lock lock(cluster_.mutex);
    cluster_.block_runs = false;
  }
  jobs_->deleted(**first);
  EXPECT_EQ(finish(second)["status"]["phase"], "Completed");
}

TEST_F(JobsTest, ASetTellsHowFarApartItsSnapshotsLie) {
  const WallTime first = *from_rfc3339("2026-11-20T02:00:00Z");
  cluster_.snapshots = {first + std::chrono::milliseconds(12), first};
  const api::Json done = finish(submit(backup("set", {{"databaseInstances", {"main", "cell1"}}})));
  EXPECT_EQ(done["status"]["phase"], "Completed") << done.dump(1);
  EXPECT_NEAR(done["status"]["skewSeconds"].get<double>(), 0.012, 1e-9);
  EXPECT_THAT(log_of(done), HasSubstr("the snapshots of the set lie 12 ms apart"));
  EXPECT_FALSE(finish(submit(backup("single")))["status"].contains("skewSeconds"));
}

TEST_F(JobsTest, TheSnapshotsOfASetAreOpenedBeforeAnythingIsRead) {
  finish(submit(backup("set", {{"databaseInstances", {"main", "cell1", "dr"}}})));
  ASSERT_EQ(cluster_.steps.size(), 6U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_THAT(cluster_.steps[i], testing::StartsWith("open_snapshot ")) << i;
    EXPECT_THAT(cluster_.steps[i + 3], testing::StartsWith("run ")) << i;
  }
}

TEST_F(JobsTest, ASetIsThereAsAWholeOrNotAtAll) {
  cluster_.run_results = {fail(Code::kUnavailable, "the donor went away")};
  std::string& large = cluster_.tables["nova.large"];  // more than a pack holds
  for (std::mt19937_64 rng; large.size() < (std::size_t{20} << 20);)
    for (std::uint64_t bits = rng(); bits != 0; bits >>= 8)
      large.push_back(static_cast<char>(bits));
  std::atomic<int> packs = 0;
  faulty_.set_observer([&](storage::BlobCall /*call*/, const std::string& key) {
    if (key.ends_with(".pack")) ++packs;
  });
  const api::Json done = finish(submit(backup("set", {{"databaseInstances", {"main", "cell1"}}})));
  EXPECT_EQ(done["status"]["phase"], "Failed");
  EXPECT_THAT(done["status"]["message"].get<std::string>(), HasSubstr("the donor went away"));
  faulty_.set_observer(nullptr);
  EXPECT_GT(packs, 0) << "the other one had been stored";
  EXPECT_TRUE(blobs_->list("data/")->empty());
  EXPECT_EQ(submit(restore("r", {{"backup", "set"}})).error().code, Code::kConflict);
  EXPECT_EQ(
      submit(restore("r", {{"backup", "latest"}, {"databaseInstances", {"cell1"}}})).error().code,
      Code::kNotFound);
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

TEST_F(SetRestoreTest, NothingIsTouchedWhenOneCanNotBeBlocked) {
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
  cluster_.give_back_error = fail(Code::kUnavailable, "the Service can not be changed");
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

// Backups over days, which are named, or told by what they are to be.
class ChoiceTest : public JobsTest {
 protected:
  Clock& clock() override { return manual_; }
  void take(const std::string& name, const char* schedule, const char* ns = "openstack",
            const api::Json& extra = api::Json::object()) {
    api::Json dom = backup(name, extra);
    dom["metadata"]["labels"] = {{"backup.rhoso.io/schedule", schedule}};
    dom["metadata"]["namespace"] = ns;
    EXPECT_EQ(api::phase_of(finish(submit(std::move(dom)))), "Completed");
    manual_.advance(std::chrono::hours(24));
  }
  // The backup of a restore that completes.
  std::string chosen(api::Json spec) {
    const api::Json done =
        finish(submit(restore("r" + std::to_string(++restores_), std::move(spec))));
    EXPECT_EQ(done["status"]["phase"], "Completed") << done.dump(1);
    told_ = done["status"].value("message", "");
    return done["status"].value("backup", "");
  }

  std::string told_;  // of the last restore
  ManualClock manual_{*from_rfc3339("2026-11-20T10:00:00Z")};
  int restores_ = 0;
};

TEST_F(ChoiceTest, EachWayToNameABackupChoosesThatOne) {
  take("first", "nightly");  // of 20 November
  take("second", "weekly");  // 21
  take("third", "nightly");  // 22
  take("theirs", "nightly", "elsewhere");
  take("last", "weekly");  // 24
  EXPECT_EQ(chosen({{"backup", "first"}}), "first");
  EXPECT_EQ(chosen({{"backup", "latest"}}), "last");
  EXPECT_EQ(chosen({{"schedule", "nightly"}}), "third");
  EXPECT_EQ(chosen({{"schedule", "weekly"}}), "last");
  EXPECT_EQ(chosen({{"asOf", "2026-11-22T10:00:00Z"}}), "third");
  EXPECT_EQ(chosen({{"asOf", "2026-11-22T09:59:59Z"}}), "second");
  EXPECT_EQ(chosen({{"backup", "theirs"}, {"sourceNamespace", "elsewhere"}}), "theirs");
  EXPECT_EQ(chosen({{"backup", "latest"}, {"sourceNamespace", "elsewhere"}}), "theirs");
  const auto before_all = submit(restore("none", {{"asOf", "2026-11-20T09:59:59Z"}}));
  ASSERT_FALSE(before_all);
  EXPECT_EQ(before_all.error().code, Code::kNotFound);
  EXPECT_THAT(before_all.error().text(),
              HasSubstr("whose snapshot is not later than 2026-11-20T09:59:59Z"));
  EXPECT_EQ(submit(restore("none", {{"schedule", "yearly"}})).error().code, Code::kNotFound);
  EXPECT_EQ(submit(restore("none", {{"backup", "theirs"}})).error().code, Code::kNotFound);
}

TEST_F(ChoiceTest, AllOfItGoesBeforeANewerPartUnlessThatIsAllThatIsAskedFor) {
  take("part", "nightly", "openstack", {{"excludeTables", {"nova.*"}}});
  EXPECT_EQ(chosen({{"backup", "latest"}}), "part") << "there is nothing else";
  EXPECT_THAT(told_, HasSubstr("backup \"part\" holds only a part of what was there"));
  EXPECT_EQ(chosen({{"backup", "part"}}), "part");
  EXPECT_EQ(told_, "") << "who names it knows it";
  take("whole", "nightly");
  take("nova", "weekly", "openstack", {{"databases", {"nova"}}});
  take("grants", "weekly", "openstack", {{"content", "Grants"}});
  EXPECT_EQ(chosen({{"backup", "latest"}}), "whole");
  EXPECT_EQ(told_, "");
  EXPECT_EQ(chosen({{"asOf", to_rfc3339(manual_.now())}}), "whole");
  EXPECT_EQ(chosen({{"asOf", "2026-11-20T10:00:00Z"}}), "part");
  EXPECT_EQ(chosen({{"backup", "latest"}, {"databases", {"nova"}}}), "nova");
  EXPECT_EQ(told_, "");
  EXPECT_EQ(chosen({{"backup", "latest"}, {"databases", {"nova", "keystone"}}}), "whole");
  EXPECT_EQ(chosen({{"schedule", "weekly"}}), "grants") << "a schedule is asked for by its name";
  EXPECT_THAT(told_, HasSubstr("backup \"grants\" holds only a part"));
}

TEST_F(ChoiceTest, InstancesThatTheLatestDoesNotHoldAreTold) {
  take("both", "nightly", "openstack", {{"databaseInstances", {"main", "cell1"}}});
  take("main-alone", "hourly");
  EXPECT_EQ(chosen({{"backup", "latest"}}), "main-alone");
  EXPECT_THAT(told_, HasSubstr("backup \"main-alone\" holds nothing of cell1"));
  EXPECT_THAT(told_, HasSubstr("name them in spec.databaseInstances"));
  EXPECT_EQ(chosen({{"backup", "latest"}, {"databaseInstances", {"main", "cell1"}}}), "both");
  EXPECT_EQ(told_, "");
  rules_.denied = {"alice get galerabackups "};
  EXPECT_EQ(chosen({{"backup", "latest"}}), "main-alone");
  EXPECT_EQ(told_, "") << "what else there is, is not for everybody";
}

TEST_F(ChoiceTest, WhatARestoreReplacedIsChosenByItsNameAlone) {
  take("good", "nightly");
  cluster_.plan_action = "Replace";
  finish(submit(restore("fix", {{"backup", "good"}, {"existing", "Replace"}})));
  manual_.advance(std::chrono::hours(24));
  ASSERT_TRUE(catalog_->get({api::kBackups, "openstack", "fix-safety"}));
  EXPECT_EQ(chosen({{"backup", "latest"}}), "good");
  EXPECT_EQ(chosen({{"asOf", to_rfc3339(manual_.now())}}), "good");
  EXPECT_EQ(chosen({{"backup", "fix-safety"}}), "fix-safety");
}

TEST_F(ChoiceTest, ASafetyBackupThatCouldNotBeNamedIsToldBeforeAnythingIsTouched) {
  take("good", "nightly");
  take("fix-safety", "nightly");
  cluster_.plan_action = "Replace";
  const auto spec = [](bool safety) {
    return api::Json{{"backup", "good"},
                     {"databases", {"nova"}},
                     {"existing", "Replace"},
                     {"safetyBackup", safety}};
  };
  const auto checked = [&](const std::string& name) {
    const auto planned = submit(restore(name, spec(true)), /*dry_run=*/true);
    EXPECT_TRUE(planned) << planned.error().text();
    const api::Json dom = (*planned)->dom();
    for (const api::Json& check : dom["status"]["preflight"])
      if (check["check"] == "SafetyBackup") return check;
    return api::Json::object();
  };
  EXPECT_EQ(checked("mend")["passed"], true);
  EXPECT_THAT(checked("fix")["message"].get<std::string>(),
              AllOf(HasSubstr("the name of backup \"fix-safety\""), HasSubstr("another name")));
  EXPECT_EQ(checked(std::string(250, 'a'))["passed"], true) << "its name is cut";
  const auto refused = submit(restore("fix", spec(true)));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().text(),
              HasSubstr("nothing was changed: instance \"main\": SafetyBackup: "));
  EXPECT_FALSE(catalog_->get({api::kRestores, "openstack", "fix"}));
  EXPECT_EQ(api::phase_of(finish(submit(restore("fix", spec(false))))), "Completed");
}

TEST_F(ChoiceTest, WhichBackupsThereAreIsNotToldToWhoMayNotKnow) {
  take("secret-name", "nightly", "elsewhere");
  rules_.denied = {"alice get galerabackups secret-name", "alice get galerabackups "};
  const auto refusal = [&](api::Json spec) {
    spec["sourceNamespace"] = "elsewhere";
    const auto refused = submit(restore("r", std::move(spec)));
    EXPECT_FALSE(refused);
    return refused ? std::string() : refused.error().text();
  };
  const std::string told = refusal({{"backup", "latest"}});
  EXPECT_THAT(told, HasSubstr("galerabackups.backup.rhoso.io \"\" is forbidden"));
  EXPECT_EQ(refusal({{"schedule", "nightly"}}), told);
  EXPECT_EQ(refusal({{"schedule", "there-is-none"}}), told);
  EXPECT_EQ(refusal({{"asOf", to_rfc3339(manual_.now())}}), told);
  EXPECT_EQ(refusal({{"asOf", "2001-01-01T00:00:00Z"}}), told);
}

TEST_F(ChoiceTest, WhatAClockThatWasAheadDatedIsTheLatestOnlyWhereThereIsNoOther) {
  manual_.step_wall(std::chrono::hours(24 * 30));
  take("ahead", "nightly");
  EXPECT_EQ(chosen({{"backup", "latest"}}), "ahead");
  manual_.step_wall(-std::chrono::hours(24 * 30));
  EXPECT_EQ(chosen({{"backup", "latest"}}), "ahead");
  take("now", "nightly");
  EXPECT_EQ(chosen({{"backup", "latest"}}), "now");
  EXPECT_EQ(chosen({{"schedule", "nightly"}}), "now");
  take("derived", "nightly");
  EXPECT_THAT(log_of((*catalog_->get({api::kBackups, "openstack", "derived"}))->dom()),
              HasSubstr("base: backup \"now\""));
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

TEST_F(JobsTest, AStoppedServerSaysSoOnWhatItRan) {
  cluster_.block_runs = true;
  const auto submitted = submit(backup("a"));
  until_running((*submitted)->key());
  jobs_.reset();
  const api::Json left = (*catalog_->get((*submitted)->key()))->dom();
  EXPECT_EQ(left["status"]["phase"], "Failed");
  EXPECT_THAT(left["status"]["message"].get<std::string>(),
              HasSubstr("the server was stopped while the backup ran"));
  EXPECT_EQ(condition(left, "Completed"), "False ServerStopped");
}

TEST_F(JobsTest, TheJobOfADeadProcessIsFailedAtTheNextStart) {
  jobs_.reset();
  api::Json dom = backup("a");
  Executor dead = Executor::self("an-older-life");
  dead.process_start = "1";  // the pid lives, but as another process
  dom["status"] = {{"phase", "Running"},
                   {"instances", {{{"name", "main"}, {"node", "10.0.0.2:3306"}}}},
                   {"executor", dead.to_json()}};
  const std::string uid = dom["metadata"]["uid"];
  ASSERT_TRUE(catalog_->create(api::kBackups, dom));
  ASSERT_TRUE(storage::put(*blobs_, "data/openstack/" + uid + "/0.0.pack", as_bytes("half")));
  start();
  const api::ObjectKey key{api::kBackups, "openstack", "a"};
  while (!api::is_terminal_phase(api::phase_of((*catalog_->get(key))->dom())))
    std::this_thread::yield();
  jobs_.reset();  // waits for the takeover's last steps
  const api::Json left = (*catalog_->get(key))->dom();
  EXPECT_EQ(left["status"]["phase"], "Failed");
  EXPECT_THAT(left["status"]["message"].get<std::string>(),
              HasSubstr("the server that ran this backup ended while it was Running"));
  EXPECT_EQ(condition(left, "Completed"), "False ServerDied");
  EXPECT_THAT(cluster_.recovered, ::testing::ElementsAre("10.0.0.2:3306"));
  EXPECT_TRUE(blobs_->list("data/openstack/" + uid)->empty());
}

TEST_F(JobsTest, ARestoreWhoseProcessDiedGivesTheTrafficBack) {
  jobs_.reset();
  api::Json dom = restore("r", {{"backup", "a"}});
  Executor dead = Executor::self("an-older-life");
  dead.process_start = "1";
  dom["status"] = {{"phase", "Restoring"},
                   {"plan", {{{"instance", "main"}, {"schema", "nova"}}}},
                   {"safetyBackup", "r-safety"},
                   {"executor", dead.to_json()}};
  ASSERT_TRUE(catalog_->create(api::kRestores, dom));
  ASSERT_TRUE(write_block_mark(*blobs_, {"openstack", uid_of(dom), "r", {"main"}}));
  start();
  const api::ObjectKey key{api::kRestores, "openstack", "r"};
  while (!api::is_terminal_phase(api::phase_of((*catalog_->get(key))->dom())))
    std::this_thread::yield();
  jobs_.reset();
  EXPECT_THAT(cluster_.traffic_given_back, testing::ElementsAre("main"));
  EXPECT_THAT((*catalog_->get(key))->dom()["status"]["message"].get<std::string>(),
              AllOf(HasSubstr("the server that ran this restore ended while it was Restoring"),
                    HasSubstr("go back by restoring the safety backup \"r-safety\"")));
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

// A command of kubectl-galera that reaches no cluster, or only another one.
TEST_F(JobsTest, AToolThatDoesNotKnowTheClusterLeavesDeadJobsToAServer) {
  jobs_.reset();
  Executor dead = Executor::self("an-older-life");
  dead.process_start = "1";
  api::Json held = restore("r", {{"backup", "a"}});
  held["status"] = {{"phase", "Restoring"},
                    {"plan", {{{"instance", "main"}, {"schema", "nova"}}}},
                    {"executor", dead.to_json()}};
  api::Json desynced = backup("a");
  desynced["status"] = {{"phase", "Running"},
                        {"instances", {{{"name", "main"}, {"node", "10.0.0.2:3306"}}}},
                        {"executor", dead.to_json()}};
  api::Json adopted = backup("from-a-scratch-server");
  adopted["status"] = {{"phase", "Running"},
                       {"instances", {{{"name", "main"}, {"node", "scratch-server"}}}},
                       {"executor", dead.to_json()}};
  ASSERT_TRUE(catalog_->create(api::kRestores, held));
  ASSERT_TRUE(write_block_mark(*blobs_, {"openstack", uid_of(held), "r", {"main"}}));
  ASSERT_TRUE(catalog_->create(api::kBackups, desynced));
  ASSERT_TRUE(catalog_->create(api::kBackups, adopted));
  const auto phase = [&](const char* resource, const char* name) {
    return api::phase_of((*catalog_->get({resource, "openstack", name}))->dom());
  };
  instances_.gone = true;
  Dependencies tool = dependencies(*catalog_);
  tool.keeps_house = false;
  jobs_ = *Jobs::start(std::move(tool));
  EXPECT_TRUE(
      eventually([&] { return phase(api::kBackups, "from-a-scratch-server") == "Failed"; }));
  EXPECT_TRUE(eventually([&] { return instances_.asked >= 2; }));
  jobs_.reset();
  EXPECT_EQ(phase(api::kRestores, "r"), "Restoring");
  EXPECT_EQ(phase(api::kBackups, "a"), "Running");

  instances_.gone = false;
  start();
  EXPECT_TRUE(eventually([&] {
    return phase(api::kRestores, "r") == "Failed" && phase(api::kBackups, "a") == "Failed";
  }));
  jobs_.reset();
  EXPECT_THAT(cluster_.traffic_given_back, testing::ElementsAre("main"));
  EXPECT_THAT(cluster_.recovered, ::testing::ElementsAre("10.0.0.2:3306"));
}

TEST_F(JobsTest, AToolHeedsOnlyJobsWhoseProcessesLiveOnItsMachine) {
  finish(submit(backup("a")));
  jobs_.reset();
  api::Json other = restore("other", {{"backup", "a"}});
  other["status"] = {{"phase", "Restoring"},
                     {"plan", {{{"instance", "main"}, {"schema", "nova"}}}},
                     {"executor", Executor::self("a-neighbour").to_json()}};
  const auto recorded = catalog_->create(api::kRestores, other);
  ASSERT_TRUE(recorded);
  Dependencies tool = dependencies(*catalog_);
  tool.keeps_house = false;
  jobs_ = *Jobs::start(std::move(tool));
  EXPECT_EQ(submit(restore("r", {{"backup", "a"}})).error().text(),
            "restore \"other\" is running on instance \"main\"; wait until it has ended, or delete "
            "it to cancel it");
  ASSERT_TRUE(catalog_->modify((*recorded)->key(), [](const api::Object& object) {
    api::Json dom = object.dom();
    dom["status"]["executor"]["host"] = "the-server-that-is-lost";
    return Result<api::Json>(std::move(dom));
  }));
  EXPECT_EQ(finish(submit(restore("r", {{"backup", "a"}})))["status"]["phase"], "Completed");
}

TEST_F(JobsTest, TheJobOfALivingProcessIsLeftAlone) {
  jobs_.reset();
  api::Json dom = backup("a");
  dom["status"] = {{"phase", "Running"}, {"executor", Executor::self("a-neighbour").to_json()}};
  ASSERT_TRUE(catalog_->create(api::kBackups, dom));
  start();
  finish(submit(backup("b", {{"databaseInstances", {"cell1"}}})));  // a while passes
  EXPECT_EQ(api::phase_of((*catalog_->get({api::kBackups, "openstack", "a"}))->dom()), "Running");
}

TEST_F(JobsTest, AFollowedLogTellsWhatComesAndThenEnds) {
  cluster_.block_runs = true;
  const auto submitted = submit(backup("a"));
  std::mutex mutex;
  std::string text;
  std::promise<void> ended;
  const auto reader = jobs_->follow_log(
      **submitted, true,
      [&](std::string_view t) {
        const std::scoped_lock lock(mutex);
        text += t;
      },
      [&] { ended.set_value(); });
  ASSERT_TRUE(reader);
  until_running((*submitted)->key());
  jobs_->deleted(**submitted);
  ended.get_future().wait();
  const std::scoped_lock lock(mutex);
  EXPECT_THAT(text, HasSubstr("donor chosen"));
  EXPECT_THAT(text, HasSubstr("Cancelled: the backup was deleted while it ran"));
}

TEST_F(JobsTest, ALogIsFollowedAlsoThroughAServerThatDoesNotRunTheJob) {
  const auto catalog = *storage::Catalog::open(blobs_, clock(), rng_, {});
  const auto other = *Jobs::start(dependencies(*catalog));
  cluster_.block_runs = true;
  const auto submitted = submit(backup("a"));
  until_running((*submitted)->key());
  catalog->refresh(std::chrono::minutes(1));
  std::mutex mutex;
  std::string text;
  std::promise<void> ended;
  const auto reader = other->follow_log(
      **submitted, true,
      [&](std::string_view t) {
        const std::scoped_lock lock(mutex);
        text += t;
      },
      [&] { ended.set_value(); });
  ASSERT_TRUE(reader);
  ASSERT_TRUE(jobs_->cancel((*submitted)->key(), alice_, false));
  ended.get_future().wait();
  EXPECT_EQ(text, log_of(finish(submitted)));
  EXPECT_THAT(text, HasSubstr("Cancelled: the backup was cancelled by alice"));
}

TEST_F(JobsTest, StoresTellWhatTheyHold) {
  finish(submit(backup("a")));
  jobs_.reset();
  start();
  const auto stores = jobs_->store_objects();
  ASSERT_EQ(stores.size(), 1U);
  const api::Json dom = stores[0]->dom();
  EXPECT_EQ(dom["status"]["phase"], "Available");
  EXPECT_EQ(dom["status"]["trashRetention"], "72h");
  EXPECT_EQ(dom["status"]["backups"], 1);
}

TEST_F(JobsTest, AStoreIsAsOldAsItsRepositoryWhoeverTells) {
  ManualClock later(catalog_->repository_created() + std::chrono::hours(5));
  Environment environment;
  environment.catalog = catalog_.get();
  environment.clock = &later;
  environment.stores = dependencies(*catalog_).stores;
  EXPECT_EQ(StoreStatus(environment).objects().at(0)->dom()["metadata"]["creationTimestamp"],
            to_rfc3339(catalog_->repository_created()));
}

TEST_F(JobsTest, AStoreThatDoesNotAnswerIsUnavailableUntilItDoes) {
  Environment environment;
  environment.catalog = catalog_.get();
  environment.clock = &clock_;
  environment.stores = dependencies(*catalog_).stores;
  const auto now = [&] { return StoreStatus(environment).objects().at(0)->dom()["status"]; };
  EXPECT_EQ(now()["phase"], "Available");
  faulty_.inject({.calls = {storage::BlobCall::kList}, .times = -1});
  EXPECT_EQ(now()["phase"], "Unavailable");
  EXPECT_NE(now()["message"], "");
  faulty_.clear();
  EXPECT_EQ(now()["phase"], "Available");
  EXPECT_EQ(now()["message"], "");
}

}  // namespace
}  // namespace gb::jobs::test
