// What becomes of the job of a server that is gone: seen by another one, over a clock that tests
// move.
#include "jobs/takeover.h"

#include <future>

#include "jobs/job_log.h"
#include "jobs/left_donors.h"
#include "jobs/reporter.h"
#include "jobs/resume.h"
#include "test/unit/jobs/jobs_fixture.h"

namespace gb::jobs::test {
namespace {

using std::chrono::seconds;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class TakeoverTest : public JobsTest {
 protected:
  void SetUp() override {
    JobsTest::SetUp();
    jobs_.reset();
    static_cast<Dependencies&>(us_) = dependencies(*catalog_);
    us_.executor = Executor::self("us");
  }
  Clock& clock() override { return manual_; }

  static Executor elsewhere() {
    Executor executor = Executor::self("another-replica");
    executor.host = "another-node";
    return executor;
  }
  // In Kubernetes a container that was restarted has the host's name of before, and pids of its
  // own.
  static Executor restarted() {
    Executor executor = Executor::self("a-former-life");
    executor.pid_namespace = "4026539999";
    return executor;
  }
  static Executor dead() {
    Executor executor = Executor::self("an-older-life");
    executor.process_start = "1";
    return executor;
  }
  api::ObjectPtr running(const char* resource, api::Json dom, const Executor& executor,
                         api::Json status = api::Json::object()) {
    dom["status"] = std::move(status);
    dom["status"]["executor"] = executor.to_json();
    if (!dom["status"].contains("phase")) dom["status"]["phase"] = "Running";
    return *catalog_->create(resource, std::move(dom));
  }
  api::ObjectPtr restoring(const std::string& name, const std::vector<std::string>& instances,
                           const Executor& executor = dead()) {
    api::Json plan = api::Json::array();
    for (const std::string& instance : instances)
      plan.push_back({{"instance", instance}, {"schema", "nova"}});
    const auto object = running(api::kRestores, restore(name, {{"backup", "a"}}), executor,
                                {{"phase", "Restoring"}, {"plan", plan}});
    mark(*object, instances);
    return object;
  }
  // One that has ended and left nodes of "main".
  api::ObjectPtr ended() {
    const auto object = running(api::kRestores, restore("ended", {{"backup", "a"}}), dead(),
                                {{"phase", "Failed"}, {"trafficLeftBlocked", {"main"}}});
    mark(*object, {"main"});
    return object;
  }
  void mark(const api::Object& restore, const std::vector<std::string>& instances) {
    ASSERT_TRUE(write_block_mark(*blobs_,
                                 {restore.key().ns, restore.uid(), restore.key().name, instances}));
  }
  // As the manager does it, but before look() returns.
  Takeover::Resume at_once() {
    return [this](const api::ObjectPtr& object, const std::shared_ptr<OwnJobs::Claim>& /*mine*/) {
      JobRecord record(*catalog_, object, us_.executor.id);
      JobControl control;
      resume_backup(us_, record, control,
                    std::make_shared<JobLog>(*blobs_, object->key().ns, object->uid(), manual_));
    };
  }
  // Of whoever was silent for too long, the looks that end it.
  void until_it_had_time_to_stop(Takeover& takeover) {
    takeover.look({});
    manual_.advance(seconds(10));
    takeover.look({});
  }
  // A server with a way to the store of its own, which faulty_ spoils.
  std::unique_ptr<storage::Catalog> another_way() {
    auto catalog = *storage::Catalog::open({std::shared_ptr<void>(), &faulty_}, manual_, rng_,
                                           {.tail_interval = std::chrono::milliseconds(0)});
    us_.catalog = catalog.get();
    return catalog;
  }
  static void no_change(const api::ObjectPtr& before, const Result<api::ObjectPtr>& now) {
    ASSERT_TRUE(now);
    EXPECT_EQ((*now)->json(), before->json());
  }
  std::size_t marks() { return blobs_->list("blocked/")->size(); }
  std::size_t left_donors() { return blobs_->list("desynced/")->size(); }
  api::Json status_of(const api::ObjectPtr& object) {
    return (*catalog_->get(object->key()))->dom()["status"];
  }
  std::string phase_of(const api::ObjectPtr& object) { return status_of(object)["phase"]; }

  ManualClock manual_{*from_rfc3339("2026-11-20T03:00:00Z")};
  Environment us_;
};

TEST_F(TakeoverTest, ABackupThatCannotBeReadBackNowIsNotGivenUp) {
  start();
  const api::ObjectKey key = (*submit(backup("a")))->key();
  ASSERT_TRUE(
      eventually([&] { return api::phase_of((*catalog_->get(key))->dom()) == "Completed"; }));
  jobs_.reset();
  const auto verifying = *catalog_->modify(key, [](const api::Object& object) {
    api::Json dom = object.dom();
    dom["status"]["phase"] = "Verifying";
    dom["status"]["executor"] = dead().to_json();
    return Result<api::Json>(dom);
  });
  faulty_.inject({.calls = {storage::BlobCall::kGetRange}, .keys = "data/*", .times = -1});
  Takeover takeover(us_, at_once());
  takeover.look({});
  EXPECT_EQ(phase_of(verifying), "Verifying");
  faulty_.clear();
  takeover.look({});
  EXPECT_EQ(phase_of(verifying), "Completed");
}

TEST_F(TakeoverTest, AServerThatCannotBeLookedAtHas45SecondsForASignOfLife) {
  const auto other_node = running(api::kBackups, backup("a"), elsewhere());
  const auto other_life = running(api::kBackups, backup("b"), restarted());
  Takeover takeover(us_, at_once());
  takeover.look({});
  manual_.advance(seconds(44));
  takeover.look({});
  EXPECT_EQ(phase_of(other_node), "Running");
  EXPECT_EQ(phase_of(other_life), "Running");
  manual_.advance(seconds(2));
  takeover.look({});
  until_it_had_time_to_stop(takeover);
  for (const auto& object : {other_node, other_life}) {
    EXPECT_EQ(phase_of(object), "Failed");
    EXPECT_THAT(status_of(object)["message"].get<std::string>(),
                HasSubstr("it gave no sign of life for 45 s"));
  }
}

TEST_F(TakeoverTest, ASilentServerLosesItsJobAndHasTimeToStopBeforeApplicationsAreLetIn) {
  const auto object = restoring("r", {"main"}, elsewhere());
  Takeover takeover(us_, at_once());
  takeover.look({});
  manual_.advance(seconds(46));
  takeover.look({});
  EXPECT_TRUE(status_of(object)["executor"]["tookOver"].get<bool>());

  JobRecord record(*catalog_, object, "another-replica");
  JobControl control;
  renew(record, control);
  EXPECT_EQ(control.cause(), StopCause::kLost) << "it lives, and sees it at its next sign of life";
  takeover.look({});
  manual_.advance(seconds(9));
  takeover.look({});
  EXPECT_THAT(cluster_.traffic_given_back, ElementsAre());
  EXPECT_EQ(phase_of(object), "Restoring");
  manual_.advance(seconds(1));
  takeover.look({});
  EXPECT_THAT(cluster_.traffic_given_back, ElementsAre("main"));
  EXPECT_EQ(phase_of(object), "Failed");
  EXPECT_THAT(status_of(object)["message"].get<std::string>(),
              HasSubstr("while it was Restoring (it gave no sign of life for 45 s)"));
}

// A full volume: nobody can give signs of life, and the restore only reads.
TEST_F(TakeoverTest, WhereNobodyCanWriteNothingIsTakenFromOneThatMayLive) {
  const auto object = restoring("r", {"main"}, elsewhere());
  const auto ours = another_way();
  Takeover takeover(us_, at_once());
  takeover.look({});
  faulty_.inject({.calls = {storage::BlobCall::kPutIfAbsent},
                  .keys = "log/*",
                  .times = -1,
                  .code = Code::kNoSpace});
  for (int i = 0; i < 5; ++i) {
    manual_.advance(seconds(46));
    takeover.look({});
  }
  EXPECT_THAT(cluster_.traffic_given_back, ElementsAre());
  no_change(object, catalog_->get(object->key()));
}

// Its signs of life were there, and not to be seen.
TEST_F(TakeoverTest, AStoreThatWasAwayIsNoSilence) {
  const auto object = restoring("r", {"main"}, elsewhere());
  const auto ours = another_way();
  Takeover takeover(us_, at_once());
  takeover.look({});
  faulty_.inject({.keys = "log/*", .times = -1});
  JobRecord record(*catalog_, object, "another-replica");
  JobControl control;
  for (int i = 0; i < 10; ++i) {
    renew(record, control);
    manual_.advance(seconds(5));
    takeover.look({});
  }
  faulty_.clear();
  for (int i = 0; i < 3; ++i) {
    renew(record, control);
    takeover.look({});
    manual_.advance(seconds(5));
  }
  EXPECT_EQ(control.cause(), StopCause::kNone);
  EXPECT_THAT(cluster_.traffic_given_back, ElementsAre());
  EXPECT_EQ(phase_of(object), "Restoring");
}

// Held up itself (a machine that was suspended): what others wrote meanwhile it has not read yet.
TEST_F(TakeoverTest, WhoWasHeldUpReadsFirstWhatOthersHaveWritten) {
  const auto object = restoring("r", {"main"}, elsewhere());
  const auto ours = another_way();
  Takeover takeover(us_, at_once());
  takeover.look({});
  JobRecord record(*catalog_, object, "another-replica");
  JobControl control;
  renew(record, control);
  manual_.advance(seconds(100));
  takeover.look({});
  renew(record, control);
  EXPECT_EQ(control.cause(), StopCause::kNone);
  EXPECT_THAT(cluster_.traffic_given_back, ElementsAre());
}

// The command line gives its one cluster whatever name a job has.
TEST_F(TakeoverTest, AToolLeavesWhatJobsHoldOnOtherClustersToThoseWhoKnowThem) {
  us_.keeps_house = false;
  instances_.nodes["main"] = {{"10.0.0.1", 3306}};
  const auto dumped = running(api::kBackups, backup("a"), dead(),
                              {{"instances", {{{"name", "main"}, {"node", "10.9.9.9:3306"}}}}});
  const auto elsewhere_restored = restoring("r", {"main"});
  BlockMark mark = *read_block_mark(*blobs_, "openstack", elsewhere_restored->uid());
  mark.nodes["main"] = {"10.9.9.9:3306"};
  ASSERT_TRUE(write_block_mark(*blobs_, mark));
  ASSERT_TRUE(storage::put(*blobs_, "desynced/openstack/1",
                           as_bytes(R"({"backup":"x","donors":{"main":"10.9.9.9:3306"}})")));
  Takeover takeover(us_, at_once());
  takeover.look({});
  look_for_left_donors(us_, {});
  EXPECT_EQ(phase_of(dumped), "Failed") << "nobody runs it, wherever that was";
  EXPECT_EQ(phase_of(elsewhere_restored), "Failed");
  EXPECT_EQ(status_of(elsewhere_restored)["trafficLeftBlocked"], api::Json({"main"}));
  EXPECT_THAT(cluster_.recovered, ElementsAre());
  EXPECT_THAT(cluster_.traffic_given_back, ElementsAre());
  EXPECT_EQ(marks(), 1U) << "it tells whoever knows these nodes";
  EXPECT_EQ(left_donors(), 2U);

  const auto here = restoring("here", {"main"});
  mark = *read_block_mark(*blobs_, "openstack", here->uid());
  mark.nodes["main"] = {"10.0.0.1:3306"};
  ASSERT_TRUE(write_block_mark(*blobs_, mark));
  takeover.look({});
  EXPECT_THAT(cluster_.traffic_given_back, ElementsAre("main")) << "its own";
}

TEST_F(TakeoverTest, AJobThatIsRenewedIsNeverTakenOver) {
  const auto object = running(api::kBackups, backup("a"), elsewhere());
  Takeover takeover(us_, at_once());
  JobRecord record(*catalog_, object, "another-replica");
  for (int i = 0; i < 30; ++i) {
    takeover.look({});
    manual_.advance(seconds(10));
    takeover.look({});
    ASSERT_EQ(phase_of(object), "Running") << i;
    JobControl control;
    renew(record, control);
    ASSERT_EQ(control.cause(), StopCause::kNone) << i;
  }
}

TEST_F(TakeoverTest, AServerThatComesBackTooLateIsToldAndStops) {
  const auto object = running(api::kBackups, backup("a"), elsewhere());
  Takeover takeover(us_, at_once());
  takeover.look({});
  manual_.advance(seconds(46));
  takeover.look({});
  until_it_had_time_to_stop(takeover);
  const api::Json taken = status_of(object);

  JobRecord record(*catalog_, object, "another-replica");
  JobControl control;
  renew(record, control);
  EXPECT_EQ(control.cause(), StopCause::kLost);
  EXPECT_TRUE(control.token().stop_requested());
  const Status updated = record.update([](api::Json& status) { status["phase"] = "Completed"; });
  ASSERT_FALSE(updated);
  EXPECT_EQ(updated.error().code, Code::kCancelled);
  EXPECT_EQ(status_of(object), taken) << "it changes nothing any more";
}

TEST_F(TakeoverTest, ADonorThatDoesNotAnswerIsAskedAgainUntilItDoes) {
  const api::Json dumped = {{"instances", {{{"name", "main"}, {"node", "10.0.0.2:3306"}}}}};
  const auto object = running(api::kBackups, backup("a"), dead(), dumped);
  cluster_.recover_error = fail(Code::kUnavailable, "node 10.0.0.2:3306 cannot be reached");
  Takeover takeover(us_, at_once());
  takeover.look({});
  EXPECT_EQ(phase_of(object), "Failed") << "the next run need not wait for a node that may be gone";
  EXPECT_THAT(status_of(object)["message"].get<std::string>(),
              HasSubstr("; 10.0.0.2:3306 of instance \"main\" could not be brought back into its "
                        "cluster's flow control: it is asked again"));
  EXPECT_EQ(*blobs_->get("desynced/openstack/" + object->uid()),
            R"({"backup":"a","donors":{"main":"10.0.0.2:3306"}})");
  look_for_left_donors(us_, {});
  EXPECT_EQ(left_donors(), 1U);

  cluster_.recover_error = Status();
  const auto next = running(api::kBackups, backup("next"), elsewhere(), dumped);
  look_for_left_donors(us_, {});
  EXPECT_THAT(cluster_.recovered, ElementsAre()) << "the next backup may have taken it out itself";
  ASSERT_TRUE(catalog_->remove(next->key(), next->revision()));
  ASSERT_TRUE(catalog_->remove(object->key(), (*catalog_->get(object->key()))->revision()));
  look_for_left_donors(us_, {});
  EXPECT_THAT(cluster_.recovered, ElementsAre("10.0.0.2:3306"));
  EXPECT_EQ(left_donors(), 0U);
}

TEST_F(TakeoverTest, ADonorOfAnInstanceThatIsConfiguredNoLongerIsForgotten) {
  ASSERT_TRUE(storage::put(*blobs_, "desynced/openstack/1",
                           as_bytes(R"({"backup":"a","donors":{"other":"10.0.0.9:3306"}})")));
  us_.keeps_house = false;  // a tool, which may know others
  look_for_left_donors(us_, {});
  EXPECT_EQ(left_donors(), 1U);
  us_.keeps_house = true;
  look_for_left_donors(us_, {});
  EXPECT_EQ(left_donors(), 0U);
  ASSERT_TRUE(storage::put(*blobs_, "desynced/openstack/2", as_bytes("{\"donors\":1}")));
  testing::internal::CaptureStderr();
  look_for_left_donors(us_, {});
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("desynced/openstack/2"));
}

TEST_F(TakeoverTest, EveryTargetOfASetIsGivenBack) {
  const auto object = restoring("r", {"main", "cell1"});
  Takeover takeover(us_, at_once());
  takeover.look({});
  EXPECT_EQ(phase_of(object), "Failed");
  EXPECT_THAT(cluster_.traffic_given_back, ElementsAre("main", "cell1"));
  EXPECT_FALSE(status_of(object).contains("trafficLeftBlocked"));
  EXPECT_EQ(marks(), 0U);
}

TEST_F(TakeoverTest, NodesThatDoNotAnswerAreTriedAgainAndToldUntilTheyDo) {
  const auto object = restoring("r", {"main"});
  cluster_.give_back_error = fail(Code::kUnavailable, "10.0.0.3:3306 does not answer");
  Takeover takeover(us_, at_once());
  takeover.look({});
  EXPECT_EQ(phase_of(object), "Failed") << "nobody has to wait for a node that may be gone";
  EXPECT_EQ(status_of(object)["trafficLeftBlocked"], api::Json({"main"}));

  LeftBlocks left(us_);
  for (int i = 0; i < 3; ++i) left.look({});
  ASSERT_EQ(left.last_seen().size(), 1U) << "what galera_backup_traffic_blocked is made of";
  EXPECT_EQ(left.last_seen()[0].instance, "main");
  EXPECT_EQ(std::ranges::count(events_.told, "r TrafficLeftBlocked"), 2) << "once by either";

  cluster_.give_back_error = Status();
  left.look({});
  EXPECT_TRUE(left.last_seen().empty());
  EXPECT_THAT(cluster_.traffic_given_back, ElementsAre("main"));
  EXPECT_FALSE(status_of(object).contains("trafficLeftBlocked"));
  EXPECT_EQ(marks(), 0U);
}

TEST_F(TakeoverTest, NodesThatARestoreLeftAreNotTakenFromTheNextOne) {
  ended();
  const auto next = running(api::kRestores, restore("next", {{"backup", "a"}}), elsewhere(),
                            {{"phase", "Restoring"}, {"plan", {{{"instance", "main"}}}}});
  LeftBlocks left(us_);
  left.look({});
  EXPECT_THAT(cluster_.traffic_given_back, ElementsAre());
  ASSERT_TRUE(catalog_->remove(next->key(), next->revision()));
  left.look({});
  EXPECT_THAT(cluster_.traffic_given_back, ElementsAre("main"));
}

// The object may be deleted before the node is back.
TEST_F(TakeoverTest, NodesAreGivenBackThoughTheirRestoreIsGone) {
  const auto gone = ended();
  ASSERT_TRUE(catalog_->remove(gone->key(), gone->revision()));
  LeftBlocks left(us_);
  left.look({});
  EXPECT_THAT(cluster_.traffic_given_back, ElementsAre()) << "it may be known here only later";
  left.look({});
  EXPECT_THAT(cluster_.traffic_given_back, ElementsAre("main"));
  EXPECT_TRUE(left.last_seen().empty());
  EXPECT_EQ(marks(), 0U);
}

TEST_F(TakeoverTest, NodesOfADeletedRestoreThatStillRunsHereAreItsOwn) {
  const auto deleted = restoring("r", {"main"});
  ASSERT_TRUE(catalog_->remove(deleted->key(), deleted->revision()));
  LeftBlocks left(us_);
  auto mine = us_.own_jobs->claim(deleted->uid());
  for (int i = 0; i < 3; ++i) left.look({});
  EXPECT_THAT(cluster_.traffic_given_back, ElementsAre());
  EXPECT_EQ(marks(), 1U);
  mine.reset();
  for (int i = 0; i < 2; ++i) left.look({});
  EXPECT_THAT(cluster_.traffic_given_back, ElementsAre("main"));
}

// By who ran it after all, or by another server.
TEST_F(TakeoverTest, WhatEndsWhileOthersAreLookedAtIsNotTakenOver) {
  const auto first = restoring("r", {"main"});
  const auto ends = running(api::kBackups, backup("a"), dead());
  faulty_.set_observer([&](storage::BlobCall /*call*/, const std::string& key) {
    if (!key.starts_with("blocked/")) return;
    EXPECT_TRUE(catalog_->modify(ends->key(), [](const api::Object& object) {
      api::Json dom = object.dom();
      dom["status"]["phase"] = "Completed";
      return Result<api::Json>(dom);
    }));
  });
  Takeover takeover(us_, at_once());
  takeover.look({});
  EXPECT_EQ(phase_of(first), "Failed");
  EXPECT_EQ(phase_of(ends), "Completed");
}

// What is given back is not touched again: somebody may have made it read_only since.
TEST_F(TakeoverTest, OfASetOnlyWhatIsStillBlockedIsTriedAgain) {
  const auto object = restoring("r", {"main", "cell1"});
  cluster_.not_given_back = "main";
  Takeover takeover(us_, at_once());
  takeover.look({});
  EXPECT_EQ(status_of(object)["trafficLeftBlocked"], api::Json({"main"}));
  EXPECT_THAT(cluster_.traffic_given_back, ElementsAre("cell1"));
  LeftBlocks left(us_);
  left.look({});
  cluster_.not_given_back = "";
  left.look({});
  EXPECT_THAT(cluster_.traffic_given_back, ElementsAre("cell1", "main"));
  EXPECT_FALSE(status_of(object).contains("trafficLeftBlocked"));
}

TEST_F(TakeoverTest, AMarkThatCannotBeReadKeepsNoRestoreFromEnding) {
  const auto object = restoring("r", {"main"});
  ASSERT_TRUE(
      storage::put(*blobs_, "blocked/openstack/" + object->uid(), as_bytes("{\"restore\":1}")));
  Takeover takeover(us_, at_once());
  takeover.look({});
  EXPECT_EQ(phase_of(object), "Failed");
  testing::internal::CaptureStderr();
  LeftBlocks left(us_);
  left.look({});
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("blocked/openstack/" + object->uid()));
}

TEST_F(QuickLooksTest, WhatRunsOrWaitsHereIsNotTakenForIt) {
  finish(submit(backup("a")));
  cluster_.plan_action = "Replace";
  cluster_.block_runs = true;
  ASSERT_TRUE(submit(restore("r", {{"backup", "a"}, {"existing", "Replace"}})));
  ASSERT_TRUE(submit(backup("runs", {{"databaseInstances", {"cell1"}}})));
  ASSERT_TRUE(submit(backup("waits", {{"databaseInstances", {"cell1"}}})));
  const auto phases = [&] {
    return std::array{status_of(api::kRestores, "r").value("phase", ""),
                      status_of(api::kBackups, "r-safety").value("phase", ""),
                      status_of(api::kBackups, "runs").value("phase", ""),
                      status_of(api::kBackups, "waits").value("phase", "")};
  };
  const auto at_work = ElementsAre("SafetyBackup", "Running", "Running", "Pending");
  ASSERT_TRUE(eventually([&] { return testing::Matches(at_work)(phases()); }));
  const auto rounds = [&] {
    const std::scoped_lock lock(gates_.mutex);
    return gates_.looks;
  };
  const int before = rounds();
  ASSERT_TRUE(eventually([&] { return rounds() >= before + 2; }));
  EXPECT_THAT(phases(), at_work);
}

// A whole backup, as its server leaves it that is killed while it reads it back.
class LeftVerifyingTest : public QuickLooksTest {
 protected:
  void SetUp() override {
    QuickLooksTest::SetUp();
    finish(submit(backup("a", {{"ttl", "24h"}})));
    jobs_.reset();
    ASSERT_TRUE(catalog_->modify({api::kBackups, "openstack", "a"}, [](const api::Object& object) {
      api::Json changed = object.dom();
      changed["status"]["phase"] = "Verifying";
      changed["status"]["executor"] = dead().to_json();
      for (const char* later : {"completionTime", "expirationTime", "verification"})
        changed["status"].erase(later);
      return Result<api::Json>(changed);
    }));
  }
  static Executor dead() {
    Executor executor = Executor::self("an-older-life");
    executor.process_start = "1";
    return executor;
  }
  // A server that has begun to read it back, and cannot come to an end.
  void read_back_without_end() {
    cluster_.block_read_backs = true;
    start_quick();
    EXPECT_TRUE(eventually([&] {
      const std::scoped_lock lock(cluster_.mutex);
      return cluster_.read_backs == 2;
    }));
  }
  std::size_t packs() { return blobs_->list("data/openstack/")->size(); }
  std::string phase() { return status_of(api::kBackups, "a").value("phase", ""); }
  // A restore of the same server, of which a mark tells.
  void left_restore(const std::string& name, const char* phase, const std::string& instance) {
    api::Json dom = restore(name, {{"backup", "a"}});
    dom["metadata"]["uid"] = "ffffffff-ffff-4fff-bfff-" + name;  // behind the backup's
    dom["status"] = {{"phase", phase},
                     {"plan", {{{"instance", instance}, {"schema", "nova"}}}},
                     {"executor", dead().to_json()}};
    ASSERT_TRUE(catalog_->create(api::kRestores, dom));
    ASSERT_TRUE(write_block_mark(*blobs_, {"openstack", uid_of(dom), name, {instance}}));
  }
};

TEST_F(LeftVerifyingTest, ReadingItBackHoldsUpNothingElseAndIsDoneOnce) {
  left_restore("restoring", "Restoring", "main");
  left_restore("ended", "Failed", "cell1");
  std::promise<void> answer;
  std::atomic<int> asked{0};
  faulty_.set_observer(
      [&, answered = answer.get_future().share()](storage::BlobCall call, const std::string& key) {
        if (call != storage::BlobCall::kGetRange || !key.starts_with("data/")) return;
        ++asked;
        answered.wait();
      });
  start_quick();
  EXPECT_TRUE(eventually([&] { return asked > 0; }));
  EXPECT_TRUE(fails(api::kRestores, "restoring"));
  EXPECT_TRUE(eventually([&] { return blobs_->list("blocked/")->empty(); }));
  {
    const std::scoped_lock lock(cluster_.mutex);
    EXPECT_THAT(cluster_.traffic_given_back, testing::UnorderedElementsAre("main", "cell1"));
  }
  EXPECT_EQ(phase(), "Verifying");
  // No other replica may take it for one that nobody runs.
  EXPECT_NE(status_of(api::kBackups, "a")["executor"]["id"], "an-older-life");
  EXPECT_TRUE(eventually(
      [&] { return status_of(api::kBackups, "a")["executor"].value("renewals", 0) > 0; }));
  answer.set_value();
  EXPECT_TRUE(eventually([&] { return phase() == "Completed"; }));
  const std::scoped_lock lock(cluster_.mutex);
  EXPECT_EQ(cluster_.read_backs, 2) << "once by its own server, once by the next";
}

TEST_F(LeftVerifyingTest, ItEndsAsEveryBackupDoes) {
  const api::Json before = status_of(api::kBackups, "a");
  start_quick();
  EXPECT_TRUE(eventually([&] { return phase() == "Completed"; }));
  EXPECT_TRUE(eventually([&] { return events_.has("a Completed"); }));
  const api::Json dom = (*catalog_->get({api::kBackups, "openstack", "a"}))->dom();
  EXPECT_EQ(condition(dom, "Verified"), "True Checksum");
  EXPECT_EQ(dom["status"]["verification"]["tables"], 2);
  EXPECT_TRUE(dom["status"].contains("expirationTime")) << "its ttl counts";
  EXPECT_EQ(dom["status"]["progress"]["rows"], before["progress"]["rows"]);
  EXPECT_THAT(log_of(dom),
              AllOf(HasSubstr("manifest written"), HasSubstr("after its server had ended")));
}

TEST_F(LeftVerifyingTest, AServerThatStopsMeanwhileLeavesItToTheNext) {
  read_back_without_end();
  jobs_.reset();
  EXPECT_EQ(phase(), "Verifying") << "nothing speaks against it";
  cluster_.block_read_backs = false;
  ASSERT_TRUE(catalog_->modify({api::kBackups, "openstack", "a"}, [](const api::Object& object) {
    api::Json changed = object.dom();
    changed["status"]["executor"] = dead().to_json();  // it was a process of its own
    return Result<api::Json>(changed);
  }));
  start_quick();
  EXPECT_TRUE(eventually([&] { return phase() == "Completed"; }));
}

TEST_F(LeftVerifyingTest, ItCanBeCancelledMeanwhile) {
  read_back_without_end();
  ASSERT_TRUE(jobs_->cancel({api::kBackups, "openstack", "a"}, alice_, false));
  EXPECT_TRUE(eventually([&] { return phase() == "Cancelled"; }));
  EXPECT_TRUE(eventually([&] { return packs() == 0; }));
}

TEST_F(LeftVerifyingTest, ItCanBeDeletedMeanwhile) {
  read_back_without_end();
  const api::ObjectPtr object = *catalog_->get({api::kBackups, "openstack", "a"});
  jobs_->deleted(*object);
  EXPECT_TRUE(eventually([&] {
    const auto now = catalog_->get(object->key());
    return !now || catalog_->remove(object->key(), (*now)->revision());
  }));
  EXPECT_TRUE(eventually([&] { return packs() == 0; }));
}

TEST_F(LeftVerifyingTest, DamageIsAFailureThatSaysWhat) {
  cluster_.misread_table = "user";
  start_quick();
  ASSERT_TRUE(fails(api::kBackups, "a"));
  const api::Json dom = (*catalog_->get({api::kBackups, "openstack", "a"}))->dom();
  EXPECT_THAT(dom["status"]["message"].get<std::string>(),
              AllOf(HasSubstr("the server that ran this backup ended while it was Verifying"),
                    HasSubstr("table keystone.user")));
  EXPECT_EQ(condition(dom, "Verified"), "False Mismatch");
  EXPECT_TRUE(eventually([&] { return events_.has("a VerificationFailed"); }));
  EXPECT_TRUE(eventually([&] { return packs() == 0; }));
}

// A job by hand whose record is in the log, and whose creation was answered an error.
class NotBegunTest : public QuickLooksTest, public testing::WithParamInterface<Lost> {};

TEST_P(NotBegunTest, ABackupOfWhichTheAnswerWasLostFailsAndSaysSo) {
  lose_next_answer(GetParam());
  ASSERT_FALSE(submit(backup("a")));
  ASSERT_TRUE(fails(api::kBackups, "a"));
  EXPECT_EQ(status_of(api::kBackups, "a")["message"],
            "this backup was recorded while the store did not answer, and not begun; create the "
            "backup again");
  EXPECT_EQ(cluster_.runs, 0);
  EXPECT_TRUE(eventually([&] { return events_.has("a Failed"); }));
  EXPECT_EQ(api::phase_of(finish(submit(backup("b")))), "Completed");
}

TEST_P(NotBegunTest, ARestoreOfWhichTheAnswerWasLostHoldsItsTargetNoLonger) {
  finish(submit(backup("a")));
  lose_next_answer(GetParam());
  ASSERT_FALSE(submit(restore("r1", {{"backup", "a"}})));
  ASSERT_TRUE(fails(api::kRestores, "r1"));
  EXPECT_EQ(status_of(api::kRestores, "r1")["message"],
            "this restore was recorded while the store did not answer, and not begun; nothing was "
            "changed on the target");
  EXPECT_EQ(cluster_.restores, 0);
  EXPECT_EQ(api::phase_of(finish(submit(restore("r2", {{"backup", "a"}})))), "Completed");
}

INSTANTIATE_TEST_SUITE_P(All, NotBegunTest,
                         testing::Values(Lost::kPut, Lost::kReadBack, Lost::kBoundary),
                         name_of_lost);

}  // namespace
}  // namespace gb::jobs::test
