// Warm standby: what comes is restored, what fails is tried again, and it ends when it is told to.
#include "jobs/follower.h"

#include <chrono>

#include "test/unit/jobs/jobs_fixture.h"

namespace gb::jobs::test {
namespace {

using std::chrono::hours;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;

class FollowerTest : public JobsTest {
 protected:
  void SetUp() override {
    catalog_ = *storage::Catalog::open({std::shared_ptr<void>(), &faulty_}, clock(), rng_,
                                       {.tail_interval = std::chrono::milliseconds(20)});
    jobs_ = server();
  }
  std::unique_ptr<Jobs> server() {
    Dependencies d = dependencies(*catalog_);
    d.look_every = std::chrono::milliseconds(20);
    return *Jobs::start(std::move(d));
  }
  Clock& clock() override { return manual_; }
  // As eventually(), while time goes by.
  bool in_time(const std::function<bool()>& is_so) {
    return eventually([&] {
      manual_.advance(std::chrono::seconds(1));
      return is_so();
    });
  }
  void take(const std::string& name, const char* schedule = "nightly") {
    manual_.advance(hours(1));
    api::Json dom = backup(name);
    dom["metadata"]["labels"] = {{"backup.rhoso.io/schedule", schedule}};
    EXPECT_EQ(api::phase_of(finish(submit(std::move(dom)))), "Completed");
  }
  api::Json standby(api::Json extra = api::Json::object()) {
    api::Json spec = {{"schedule", "nightly"},
                      {"follow", true},
                      {"existing", "Replace"},
                      {"targets", {{"main", "dr"}}}};
    spec.update(extra);
    return restore("standby", std::move(spec));
  }
  void follow() {
    const auto made = submit(standby());
    ASSERT_TRUE(made) << made.error().text();
    EXPECT_EQ(api::phase_of((*made)->dom()), "Following");
  }
  api::Json now() { return (*catalog_->get({api::kRestores, "openstack", "standby"}))->dom(); }
  bool holds(const std::string& name) {
    return in_time([&] { return now()["status"].value("backup", "") == name; });
  }
  std::size_t restores() { return catalog_->list(api::kRestores, "openstack").objects.size() - 1; }
  // The restores that it made, but for itself.
  std::vector<api::Json> made() {
    std::vector<api::Json> all;
    for (const auto& object : catalog_->list(api::kRestores, "openstack").objects)
      if (object->key().name != "standby") all.push_back(object->dom());
    return all;
  }
  // Everything that follows is looked at once more, at the time that it is now. A look takes all of
  // it in the order of namespaces: the one that ends the second of two which are made one after the
  // other began after the first was ended, and came to what is in "openstack" before.
  void until_looked_at() {
    for (int i = 0; i < 2; ++i) {
      api::Json dom = standby();
      dom["metadata"]["namespace"] = "sentinel";
      dom["status"] = {{"phase", "Following"}, {"cancellation", {{"user", "alice"}}}};
      const auto made = catalog_->create(api::kRestores, dom);
      ASSERT_TRUE(made) << made.error().text();
      const api::ObjectKey key = (*made)->key();
      ASSERT_TRUE(eventually([&] { return phase_at(key) == "Cancelled"; })) << "nobody looks";
      ASSERT_TRUE(catalog_->remove(key, (*catalog_->get(key))->revision()));
    }
  }

  ManualClock manual_{*from_rfc3339("2026-11-20T10:00:00Z")};
};

TEST_F(FollowerTest, EachNewBackupIsRestoredAndToldHowOldItIs) {
  take("a");
  follow();
  ASSERT_TRUE(holds("a"));
  EXPECT_EQ(now()["status"]["phase"], "Following");
  EXPECT_EQ(now()["status"]["message"], "the target holds backup a");
  const api::Json first = made().at(0);
  EXPECT_EQ(first["metadata"]["labels"][kFollowLabel], "standby");
  EXPECT_EQ(first["spec"]["backup"], "a");
  EXPECT_EQ(first["spec"]["safetyBackup"], true) << "what stood there before may be the only copy";
  EXPECT_FALSE(first["spec"].contains("follow"));
  until_looked_at();
  EXPECT_EQ(restores(), 1U) << "once is enough";
  take("b");
  until_looked_at();
  EXPECT_EQ(restores(), 2U) << "one look is enough";
  ASSERT_TRUE(holds("b"));
  const api::Json status = now()["status"];
  EXPECT_EQ(status["follow"]["restored"], 2U);
  const api::ObjectPtr b = *catalog_->get({api::kBackups, "openstack", "b"});
  EXPECT_EQ(status["follow"]["snapshotTime"], to_rfc3339(snapshot_time_of(b->dom())));
  EXPECT_LT(status["follow"]["lagSeconds"], 3600U);
  EXPECT_EQ(made().at(1)["spec"]["safetyBackup"], false);
  EXPECT_TRUE(eventually([&] { return events_.has("standby Restored"); }));
}

// A restore may have a name that is longer than a label's value.
TEST_F(FollowerTest, OfALongNameItsRestoresCanBeEditedAndAreCleanedUp) {
  take("a");
  api::Json dom = standby();
  const std::string name(250, 's');
  dom["metadata"]["name"] = name;
  const auto made = submit(std::move(dom));
  ASSERT_TRUE(made) << made.error().text();
  const auto its_restores = [&] {
    auto all = catalog_->list(api::kRestores, "openstack").objects;
    std::erase_if(all, [&](const api::ObjectPtr& one) { return one->key().name == name; });
    return all;
  };
  ASSERT_TRUE(in_time([&] { return !its_restores().empty(); }));
  const api::ObjectPtr first = its_restores().at(0);
  EXPECT_LE(first->key().name.size(), 253U);
  EXPECT_EQ(first->labels().at(kFollowLabel), (*made)->uid());
  for (const char* next : {"b", "c", "d", "e", "f", "g"}) {
    take(next);
    ASSERT_TRUE(in_time([&] {
      return (*catalog_->get((*made)->key()))->dom()["status"].value("backup", "") == next;
    }));
  }
  EXPECT_TRUE(eventually([&] { return its_restores().size() == 5; })) << "the newest are kept";
}

TEST_F(FollowerTest, ItMayBeginBeforeThereIsAnyBackup) {
  const auto schedule = object(api::kSchedules, "nightly",
                               {{"schedule", "0 2 * * *"},
                                {"suspend", true},
                                {"template", {{"spec", {{"databaseInstances", {"main"}}}}}}});
  ASSERT_TRUE(jobs_->submit_schedule(schedule, alice_, false));
  follow();
  EXPECT_THAT(now()["status"]["message"],
              HasSubstr("waits for the first completed backup of schedule \"nightly\""));
  take("a");
  EXPECT_TRUE(holds("a"));
}

TEST_F(FollowerTest, OfSeveralNewOnesTheNewest) {
  jobs_ = nullptr;
  Dependencies quiet = dependencies(*catalog_);
  quiet.keeps_house = false;
  jobs_ = *Jobs::start(std::move(quiet));
  take("a");
  follow();
  take("b");
  take("c");
  jobs_ = server();
  ASSERT_TRUE(holds("c"));
  EXPECT_EQ(restores(), 1U);
}

TEST_F(FollowerTest, TheTargetIsNeverTakenBackToAnOlderBackup) {
  take("a");
  take("b");
  follow();
  ASSERT_TRUE(holds("b"));
  const api::ObjectPtr b = *catalog_->get({api::kBackups, "openstack", "b"});
  ASSERT_TRUE(jobs_->before_deletion(*b));
  ASSERT_TRUE(catalog_->remove(b->key(), b->revision()));
  until_looked_at();
  EXPECT_EQ(restores(), 1U);
  EXPECT_EQ(now()["status"]["backup"], "b");
  take("c");
  ASSERT_TRUE(holds("c"));
}

TEST_F(FollowerTest, ABackupOfAnotherScheduleIsNotItsOwn) {
  take("a");
  follow();
  ASSERT_TRUE(holds("a"));
  take("other", "weekly");
  until_looked_at();
  EXPECT_EQ(restores(), 1U);
  take("b");
  ASSERT_TRUE(holds("b"));
  EXPECT_EQ(restores(), 2U);
}

TEST_F(FollowerTest, AClockThatWasAheadHoldsNothingUp) {
  take("a");
  follow();
  ASSERT_TRUE(holds("a"));
  manual_.step_wall(hours(24));
  take("ahead");
  ASSERT_TRUE(holds("ahead"));
  manual_.step_wall(-hours(24));
  // A server that sees everything for the first time, and has time for second tries.
  const auto nothing_comes = [&] {
    const std::size_t before = restores();
    jobs_.reset();
    jobs_ = server();
    for (int i = 0; i < 3; ++i) {
      until_looked_at();
      manual_.advance(std::chrono::minutes(1));
    }
    until_looked_at();
    EXPECT_EQ(restores(), before);
    EXPECT_EQ(now()["status"]["follow"]["consecutiveFailures"], 0U);
  };
  nothing_comes();  // never back to an older one
  take("b");
  ASSERT_TRUE(holds("b"));
  take("c");
  ASSERT_TRUE(holds("c"));
  // When the time has come that the clock told, it is no news.
  manual_.advance(hours(24));
  nothing_comes();
  take("d");
  ASSERT_TRUE(holds("d"));
  EXPECT_EQ(restores(), 5U);
}

TEST_F(FollowerTest, WhatIsWrittenIntoTheBackupThatItHoldsHidesNoNewerOne) {
  take("a");
  follow();
  ASSERT_TRUE(holds("a"));
  {
    const std::scoped_lock lock(cluster_.mutex);
    cluster_.block_restores = true;
  }
  const auto busy = submit(
      restore("busy", {{"backup", "a"}, {"existing", "Replace"}, {"targets", {{"main", "dr"}}}}));
  ASSERT_TRUE(busy) << busy.error().text();
  take("b");
  until_looked_at();
  EXPECT_EQ(now()["status"]["backup"], "a") << "the target is busy";
  ASSERT_TRUE(catalog_->modify({api::kBackups, "openstack", "a"},
                               [](const api::Object& object) -> Result<api::Json> {
                                 api::Json dom = object.dom();
                                 dom["spec"]["hold"] = true;
                                 return dom;
                               }));
  {
    const std::scoped_lock lock(cluster_.mutex);
    cluster_.block_restores = false;
  }
  ASSERT_TRUE(jobs_->cancel((*busy)->key(), alice_, false));
  EXPECT_TRUE(holds("b"));
}

TEST_F(FollowerTest, WhatFailsIsTriedAgain) {
  take("a");
  follow();
  ASSERT_TRUE(holds("a"));
  {
    const std::scoped_lock lock(cluster_.mutex);
    cluster_.restore_error = fail(Code::kUnavailable, "the target went away");
  }
  take("b");
  ASSERT_TRUE(
      in_time([&] { return now()["status"]["follow"].value("consecutiveFailures", 0U) >= 2U; }));
  EXPECT_THAT(now()["status"]["message"],
              AllOf(HasSubstr("restore standby-"), HasSubstr(" is Failed: "),
                    HasSubstr("the target went away")));
  EXPECT_EQ(condition(now(), "Healthy"), "False LastRunFailed");
  EXPECT_TRUE(eventually([&] { return events_.has("standby LastRunFailed"); }));
  EXPECT_EQ(now()["status"]["backup"], "a") << "what it was known to hold last";
  {
    const std::scoped_lock lock(cluster_.mutex);
    cluster_.restore_error = {};
  }
  ASSERT_TRUE(holds("b"));
  EXPECT_EQ(now()["status"]["follow"]["consecutiveFailures"], 0U);
  EXPECT_EQ(condition(now(), "Healthy"), "True LastRunCompleted");
  EXPECT_THAT(now()["status"]["follow"]["lastRestore"], HasSubstr("-try"));
}

// The store is away in the moment in which the end of a restore is told, and no revision follows
// that would have the standby looked at again.
TEST_F(FollowerTest, WhatCouldNotBeWrittenIsTriedAgainThoughNothingElseHappens) {
  std::atomic<bool> failed{false};
  faulty_.set_observer([&](storage::BlobCall call, const std::string& key) {
    if (call != storage::BlobCall::kPutIfAbsent || !key.starts_with("log/") || failed) return;
    const auto restores = made();
    if (restores.empty() || api::phase_of(restores.front()) != "Completed") return;
    failed = true;
    faulty_.inject({.calls = {call}, .keys = key});
  });
  take("a");
  follow();
  EXPECT_TRUE(holds("a"));
  EXPECT_TRUE(failed);
  EXPECT_EQ(now()["status"]["follow"]["restored"], 1U);
  faulty_.set_observer({});
}

TEST_F(FollowerTest, WhoLostTheRightRestoresNothing) {
  take("a");
  follow();
  ASSERT_TRUE(holds("a"));
  rules_.denied = {"alice create galerarestores "};
  take("b");
  ASSERT_TRUE(in_time([&] {
    return now()["status"]["message"].get<std::string>().find("forbidden") != std::string::npos;
  }));
  EXPECT_THAT(now()["status"]["message"], HasSubstr("backup b could not be restored: "));
  EXPECT_EQ(condition(now(), "Healthy"), "False LastRunFailed");
  EXPECT_EQ(restores(), 1U);
}

TEST_F(FollowerTest, CancelledBetweenTwoRestoresItEndsAtOnce) {
  take("a");
  follow();
  ASSERT_TRUE(holds("a"));
  const auto ended = jobs_->cancel({api::kRestores, "openstack", "standby"}, alice_, false);
  ASSERT_TRUE(ended);
  EXPECT_EQ(api::phase_of((*ended)->dom()), "Cancelled");
  EXPECT_EQ(now()["status"]["message"], "following was ended by alice; the target holds backup a");
  take("b");
  until_looked_at();
  EXPECT_EQ(restores(), 1U);
}

TEST_F(FollowerTest, CancelledInARestoreItEndsWhenThatHasEnded) {
  take("a");
  {
    const std::scoped_lock lock(cluster_.mutex);
    cluster_.block_runs = true;
  }
  follow();
  ASSERT_TRUE(in_time([&] { return restores() == 1U; }));
  const api::ObjectKey child{api::kRestores, "openstack", made().at(0)["metadata"]["name"]};
  until_running(child);
  ASSERT_TRUE(jobs_->cancel({api::kRestores, "openstack", "standby"}, alice_, false));
  until_looked_at();
  EXPECT_EQ(api::phase_of(now()), "Following") << "a target in pieces is no end";
  ASSERT_TRUE(jobs_->cancel(child, alice_, false));
  ASSERT_TRUE(in_time([&] { return api::phase_of(now()) == "Cancelled"; }));
}

TEST_F(FollowerTest, TwoServersMakeOneRestoreOfEach) {
  const auto other = server();
  take("a");
  follow();
  ASSERT_TRUE(holds("a"));
  take("b");
  ASSERT_TRUE(holds("b"));
  EXPECT_EQ(restores(), 2U);
}

TEST_F(FollowerTest, NobodyTakesItForAJobWhoseServerDied) {
  take("a");
  follow();
  ASSERT_TRUE(holds("a"));
  // A job that is one shows that the others were looked at: restores come first.
  Executor dead = Executor::self("an-older-life");
  dead.process_start = "1";  // the pid lives, but as another process
  for (const char* name : {"dead", "dead-too"}) {
    manual_.advance(std::chrono::minutes(5));
    api::Json dom = backup(name);
    dom["status"] = {{"phase", "Running"}, {"executor", dead.to_json()}};
    const auto job = catalog_->create(api::kBackups, dom);
    ASSERT_TRUE(job) << job.error().text();
    ASSERT_TRUE(eventually([&] { return phase_at((*job)->key()) == "Failed"; })) << "nobody looks";
  }
  EXPECT_EQ(api::phase_of(now()), "Following");
}

TEST_F(FollowerTest, TheLastFiveRestoresAreKept) {
  take("b0");
  follow();
  ASSERT_TRUE(holds("b0"));
  for (int i = 1; i < 8; ++i) {
    const std::string name = "b" + std::to_string(i);
    take(name);
    ASSERT_TRUE(holds(name));
  }
  ASSERT_TRUE(eventually([&] { return restores() == 5U; }));
}

TEST_F(FollowerTest, NeverOntoTheClusterThatTheBackupsComeFrom) {
  take("a");
  const auto onto_itself = submit(standby({{"targets", api::Json::object()}}));
  ASSERT_FALSE(onto_itself);
  EXPECT_EQ(onto_itself.error().code, Code::kInvalid);
  EXPECT_THAT(onto_itself.error().text(),
              AllOf(HasSubstr("is the cluster that the backups come"), HasSubstr("spec.targets")));
  // Under another name, too.
  instances_.nodes["main"] = instances_.nodes["dr"] = {{"10.0.0.1", 3306}};
  const auto other_name = submit(standby());
  ASSERT_FALSE(other_name);
  EXPECT_EQ(other_name.error().code, Code::kInvalid);
}

TEST_F(FollowerTest, WhatIsWrongIsToldAtOnce) {
  const auto unknown = submit(standby());
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, Code::kNotFound);
  EXPECT_THAT(unknown.error().text(), HasSubstr("no schedule \"nightly\""));
  take("a");
  EXPECT_EQ(submit(standby({{"targets", {{"main", "typo"}}}})).error().code, Code::kNotFound);
  cluster_.preflight = {{"TargetPrimary", false, "no primary component"}};
  const auto not_ready = submit(standby());
  ASSERT_FALSE(not_ready);
  EXPECT_THAT(not_ready.error().text(), HasSubstr("no primary component"));
  rules_.denied = {"alice get galerabackups "};
  EXPECT_EQ(submit(standby()).error().code, Code::kForbidden);
}

}  // namespace
}  // namespace gb::jobs::test
