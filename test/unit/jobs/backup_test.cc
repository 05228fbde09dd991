// One backup, from its creation to its end, and sets of several instances.
#include "jobs/backup.h"

#include <random>

#include "jobs/environment.h"
#include "test/unit/jobs/jobs_fixture.h"

namespace gb::jobs::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

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

TEST_F(JobsTest, NothingIsRecordedWhenTheDatabaseRefuses) {
  cluster_.connect_error = fail(Code::kForbidden, "user root was refused", "check the password");
  const auto refused = submit(backup("nightly"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kForbidden);
  EXPECT_EQ(refused.error().text(), "instance \"main\": user root was refused; check the password");
  EXPECT_TRUE(catalog_->list(api::kBackups, "").objects.empty());
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

TEST_F(JobsTest, WhichNodeApplicationsUseIsAskedAgainBeforeADonorIsHeldStill) {
  const Status changed =
      fail(Code::kConflict, "table nova.instances was altered while the dump ran");
  cluster_.run_results = {changed, changed, changed};
  instances_.active_node = "10.0.0.2:3306";
  finish(submit(backup("a")));
  EXPECT_THAT(cluster_.active_nodes, ElementsAre("10.0.0.2:3306"));
}

TEST_F(JobsTest, ADonorThatStaysOutOfFlowControlIsRemembered) {
  const Status changed =
      fail(Code::kConflict, "table nova.instances was altered while the dump ran");
  cluster_.run_results = {changed, changed, changed};
  finish(submit(backup("back")));
  EXPECT_TRUE(blobs_->list("desynced/")->empty());
  cluster_.run_results = {changed, changed, changed};
  cluster_.recover_error = fail(Code::kUnavailable, "node 10.0.0.2:3306 cannot be reached");
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

// What did not change is referred to, and read only when the new backup is read back: the base, and
// those before it, would spoil every later one.
TEST_F(JobsTest, AfterABackupThatWasDamagedByItsBaseTheNextStoresEverythingAnew) {
  std::mt19937 random(1);  // so that it does not become small enough to lie in the table's index
  std::string rows(20000, ' ');
  for (char& byte : rows) byte = static_cast<char>(random());
  cluster_.tables["nova.instances"] = rows;
  finish(submit(backup("older")));
  const auto packs = *blobs_->list("data/");
  const auto pack =
      std::ranges::find_if(packs, [](const auto& blob) { return blob.key.ends_with(".pack"); });
  ASSERT_NE(pack, packs.end());
  std::string bytes = *blobs_->get(pack->key);
  bytes.at(bytes.size() / 2) ^= 1;
  ASSERT_TRUE(storage::put(*blobs_, pack->key, as_bytes(bytes)));

  EXPECT_EQ(finish(submit(backup("spoiled")))["status"]["phase"], "Failed");
  const api::Json next = finish(submit(backup("next")));
  EXPECT_EQ(next["status"]["phase"], "Completed") << next["status"].dump(1);
  EXPECT_THAT(log_of(next), HasSubstr("no base: backup \"spoiled\" is damaged"));
}

// A store that is full has no room for the record of the failure either.
TEST_F(JobsTest, WhatAFailedDumpWroteMakesRoomForTheRecordOfItsEnd) {
  cluster_.run_results = {fail(Code::kNoSpace, "the store is full")};
  bool there_at_the_end = true;
  faulty_.set_observer([&](storage::BlobCall call, const std::string& key) {
    if (call == storage::BlobCall::kRemove && key.ends_with("/manifest"))
      there_at_the_end =
          api::phase_of(catalog_->list(api::kBackups, "").objects.front()->dom()) == "Failed";
  });
  EXPECT_EQ(finish(submit(backup("a")))["status"]["phase"], "Failed");
  EXPECT_FALSE(there_at_the_end) << "its packs go before its end is recorded";
}

// It was frozen while it read back what it had written: another server completed it, a newer one
// was made of it, and it was deleted.
TEST_F(JobsTest, WhoComesBackTooLateRemovesNothingThatOthersMayNeed) {
  Environment environment;
  static_cast<Dependencies&>(environment) = dependencies(*catalog_);
  finish(submit(backup("a")));
  const api::ObjectPtr done = *catalog_->get({api::kBackups, "openstack", "a"});
  const JobRecord late(*catalog_, done, "whoever");
  const Store& store = environment.stores.front();
  EXPECT_FALSE(is_of_no_use(environment, store, late)) << "it is Completed";
  ASSERT_TRUE(jobs_->before_deletion(*done));
  ASSERT_TRUE(catalog_->remove(done->key(), done->revision()));
  EXPECT_FALSE(is_of_no_use(environment, store, late)) << "the trash has it";
  faulty_.inject({.calls = {storage::BlobCall::kList}, .keys = "trash/*"});
  EXPECT_FALSE(is_of_no_use(environment, store, late)) << "nobody knows";
  ASSERT_TRUE(blobs_->remove("trash/openstack/" + done->uid()));
  EXPECT_TRUE(is_of_no_use(environment, store, late));
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

}  // namespace
}  // namespace gb::jobs::test
