// What goes by itself, what stays whatever the rules say, and clocks that lie.
#include "jobs/janitor.h"

#include <atomic>
#include <set>

#include "jobs/environment.h"
#include "storage/repo/repo.h"
#include "test/unit/jobs/jobs_fixture.h"

namespace gb::jobs::test {
namespace {

using std::chrono::hours;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class JanitorTest : public JobsTest {
 protected:
  Clock& clock() override { return manual_; }
  void SetUp() override {
    JobsTest::SetUp();
    static_cast<Dependencies&>(environment_) = dependencies(*catalog_);
    janitor_ = std::make_unique<Janitor>(environment_);
  }

  void TearDown() override {
    janitor_.reset();
    JobsTest::TearDown();
  }

  void take(const std::string& name, api::Json extra = api::Json::object(),
            const char* schedule = nullptr) {
    api::Json dom = backup(name, std::move(extra));
    if (schedule != nullptr) dom["metadata"]["labels"] = {{"backup.rhoso.io/schedule", schedule}};
    EXPECT_EQ(api::phase_of(finish(submit(std::move(dom)))), "Completed");
    // Snapshots of the fake engine have no time of their own.
    manual_.advance(hours(1));
  }
  std::set<std::string> names() {
    std::set<std::string> names;
    for (const auto& object : catalog_->list(api::kBackups, "openstack").objects)
      names.insert(object->key().name);
    return names;
  }
  std::size_t blobs(const std::string& prefix) { return blobs_->list(prefix)->size(); }
  void look() { janitor_->look({}); }
  // The server goes, and another one comes.
  void restart() {
    janitor_.reset();
    jobs_.reset();
    catalog_ = *storage::Catalog::open(blobs_, clock(), rng_, {});
    start();
    static_cast<Dependencies&>(environment_) = dependencies(*catalog_);
    janitor_ = std::make_unique<Janitor>(environment_);
  }
  void make_schedule(api::Json extra) {
    api::Json spec = {{"schedule", "0 2 * * *"},
                      {"suspend", true},
                      {"template", {{"spec", {{"databaseInstances", {"main"}}}}}}};
    spec.update(extra);
    ASSERT_TRUE(jobs_->submit_schedule(object(api::kSchedules, "nightly", spec), alice_, false));
  }
  // The schedule's run has ended.
  bool has_run() {
    return eventually([&] {
      const api::Json dom = (*catalog_->get({api::kSchedules, "openstack", "nightly"}))->dom();
      return dom["status"].contains("lastSuccessfulTime");
    });
  }
  void remove(const std::string& name) {
    const api::ObjectPtr object = *catalog_->get({api::kBackups, "openstack", name});
    EXPECT_TRUE(jobs_->before_deletion(*object));
    EXPECT_TRUE(catalog_->remove(object->key(), object->revision()));
  }
  // The clock goes ten years ahead of a store with a backup in its trash and one with a ttl.
  void jump_with_something_to_lose() {
    take("deleted");
    take("a", {{"ttl", "24h"}});
    take("b");
    remove("deleted");
    make_schedule({{"suspend", false}});
    manual_.step_wall(hours(24 * 3650));
  }
  // Everything that is left in the store reads back.
  void expect_sound() {
    const auto findings = storage::check_repository(*blobs_, {.read_data = true}, {});
    ASSERT_TRUE(findings) << findings.error().text();
    for (const storage::Finding& finding : *findings)
      EXPECT_FALSE(finding.damage) << finding.key << ": " << finding.message;
  }

  ManualClock manual_{*from_rfc3339("2026-11-20T10:00:00Z")};
  Environment environment_;
  std::unique_ptr<Janitor> janitor_;
};

TEST_F(JanitorTest, ABackupGoesToTheTrashWhenItsTtlEnds) {
  take("a", {{"ttl", "24h"}});
  take("b");
  look();
  EXPECT_THAT(names(), UnorderedElementsAre("a", "b"));
  manual_.advance(hours(23));
  look();
  EXPECT_THAT(names(), ElementsAre("b"));
  EXPECT_EQ(blobs("trash/openstack/"), 1U);
  EXPECT_TRUE(eventually([&] { return events_.has("a Expired"); }));
}

TEST_F(JanitorTest, WhatIsHeldOrTheLastVerifiedStays) {
  take("held", {{"ttl", "1h"}, {"hold", true}});
  take("last", {{"ttl", "1h"}});
  take("unverified", {{"ttl", "1h"}, {"verification", "None"}});
  take("other", {{"ttl", "1h"}, {"databaseInstances", {"cell1"}}});
  manual_.advance(hours(48));
  look();
  EXPECT_THAT(names(), UnorderedElementsAre("held", "last", "other"));
}

// What holds a part only is no answer to the loss of everything.
TEST_F(JanitorTest, TheLastVerifiedOneOfEverythingStaysThoughPartsAreNewer) {
  take("older", {{"ttl", "1h"}});
  take("whole", {{"ttl", "1h"}});
  take("some", {{"ttl", "1h"}, {"databases", {"keystone"}}});
  take("all-but", {{"ttl", "1h"}, {"excludeDatabases", {"nova"}}});
  take("no-rows", {{"ttl", "1h"}, {"excludeTables", {"nova.shadow_*"}}});
  take("grants", {{"ttl", "1h"}, {"content", "Grants"}});
  api::Json safety = backup("safety", {{"databases", {"keystone", "nova"}}});
  safety["metadata"]["labels"] = {{"backup.rhoso.io/safety-of", "restore-1"}};
  finish(submit(std::move(safety)));
  manual_.advance(hours(48));
  look();
  EXPECT_THAT(names(), UnorderedElementsAre("whole", "safety"));
}

TEST_F(JanitorTest, WhereThereAreOnlyPartsTheLastOfThemStays) {
  take("a", {{"ttl", "1h"}, {"databases", {"keystone"}}});
  take("b", {{"ttl", "1h"}, {"databases", {"nova"}}});
  manual_.advance(hours(48));
  look();
  EXPECT_THAT(names(), ElementsAre("b"));
}

TEST_F(JanitorTest, TheRulesOfAScheduleLeaveTheLastOneOfEverything) {
  make_schedule({{"retention", {{"keepLast", 2U}}}});
  take("old", api::Json::object(), "nightly");
  take("whole", api::Json::object(), "nightly");
  // Its template was changed.
  for (const char* name : {"p1", "p2", "p3"}) take(name, {{"databases", {"keystone"}}}, "nightly");
  look();
  EXPECT_THAT(names(), UnorderedElementsAre("whole", "p2", "p3"));
}

TEST_F(JanitorTest, NothingExpiresBecauseTheClockJumped) {
  take("a", {{"ttl", "24h"}});
  take("b");
  look();
  manual_.step_wall(hours(24 * 30));
  look();
  EXPECT_THAT(names(), UnorderedElementsAre("a", "b"));
  manual_.step_wall(-hours(24 * 30));
  manual_.advance(hours(23));
  look();
  EXPECT_THAT(names(), ElementsAre("b"));
}

// The scheduler of the server that comes under a wrong clock is quicker than its janitor.
TEST_F(JanitorTest, AClockThatJumpedWhileNoServerRanRemovesNothing) {
  jump_with_something_to_lose();
  restart();
  ASSERT_TRUE(has_run());
  look();
  look();
  EXPECT_THAT(names(), testing::IsSupersetOf({"a", "b"}));
  EXPECT_EQ(blobs("trash/"), 1U);
}

TEST_F(JanitorTest, AClockThatJumpedWhileAServerRanRemovesNothingAfterARestart) {
  jump_with_something_to_lose();
  ASSERT_TRUE(has_run());
  for (int i = 0; i < 3; ++i) {
    restart();
    look();
    look();
  }
  EXPECT_THAT(names(), testing::IsSupersetOf({"a", "b"}));
  EXPECT_EQ(blobs("trash/"), 1U);
}

TEST_F(JanitorTest, WhatIsKnownOfTheTimeOutlivesTheServer) {
  take("a", {{"ttl", "50h"}});
  take("b");
  manual_.advance(hours(47));
  look();
  EXPECT_THAT(names(), UnorderedElementsAre("a", "b"));
  restart();  // no object tells of a time so late
  manual_.advance(hours(2));
  look();
  EXPECT_THAT(names(), ElementsAre("b"));
  expect_sound();
}

TEST_F(JanitorTest, WhereItCannotBeReadTheObjectsTellTheTime) {
  take("a", {{"ttl", "24h"}});
  take("b");
  ASSERT_TRUE(storage::put(*blobs_, "clock.json", as_bytes("garbage")));
  manual_.step_wall(hours(24 * 30));
  testing::internal::CaptureStderr();
  restart();
  EXPECT_THAT(testing::internal::GetCapturedStderr(), testing::HasSubstr("clock.json"));
  look();
  EXPECT_THAT(names(), UnorderedElementsAre("a", "b"));
  EXPECT_NE(*blobs_->get("clock.json"), "garbage");
}

// What is taken while the clock is ahead costs no backup that was taken while it was right.
class ClockThatWasAhead : public JanitorTest, public testing::WithParamInterface<api::Json> {};

TEST_P(ClockThatWasAhead, TheRulesOfAScheduleRemoveNothingForIt) {
  make_schedule(GetParam());
  for (int i = 0; i < 5; ++i) take("before" + std::to_string(i), api::Json::object(), "nightly");
  manual_.step_wall(hours(24 * 30));
  take("meanwhile", api::Json::object(), "nightly");
  look();
  manual_.step_wall(-hours(24 * 30));
  take("after", api::Json::object(), "nightly");
  look();
  EXPECT_EQ(names().size(), 7U) << testing::PrintToString(names());
}

INSTANTIATE_TEST_SUITE_P(All, ClockThatWasAhead,
                         testing::Values(api::Json{{"retention", {{"keepWithin", "72h"}}}},
                                         api::Json{{"retention", {{"keepLast", 6U}}}},
                                         api::Json{{"maxBackups", 6U}}));

TEST_F(JanitorTest, WhatWasRecordedLastStaysHoweverOldItSeems) {
  make_schedule({{"retention", {{"keepLast", 1U}}}});
  take("a", api::Json::object(), "nightly");
  take("b", api::Json::object(), "nightly");
  manual_.step_wall(-hours(24));
  take("c", api::Json::object(), "nightly");
  look();
  EXPECT_THAT(names(), UnorderedElementsAre("a", "b", "c"));
  manual_.step_wall(hours(24));
  look();
  manual_.advance(hours(24));  // from here on it is believed
  look();
  EXPECT_THAT(names(), UnorderedElementsAre("b", "c"));
}

// The same for a clock that is set back: what it dates seems older than what it is newer than.
class ClockThatIsSetBack : public JanitorTest, public testing::WithParamInterface<hours> {};

TEST_P(ClockThatIsSetBack, TheRulesOfAScheduleRemoveNothingForIt) {
  make_schedule({{"retention", {{"keepDaily", 9U}}}, {"maxBackups", 6U}});
  for (int day = 0; day < 5; ++day) {
    take("before" + std::to_string(day), api::Json::object(), "nightly");
    manual_.advance(hours(23));
  }
  look();
  EXPECT_EQ(names().size(), 5U);
  manual_.step_wall(-GetParam());
  for (int i = 0; i < 4; ++i) {
    take("meanwhile" + std::to_string(i), api::Json::object(), "nightly");
    look();
    restart();  // no server forgets it
    look();
  }
  EXPECT_EQ(names().size(), 9U) << testing::PrintToString(names());
  // As soon as it is right again the rules go on.
  manual_.step_wall(GetParam());
  take("after", api::Json::object(), "nightly");
  look();
  EXPECT_LE(names().size(), 6U) << testing::PrintToString(names());
  EXPECT_TRUE(names().contains("after"));
}

INSTANTIATE_TEST_SUITE_P(All, ClockThatIsSetBack,
                         testing::Values(hours(1), hours(24), hours(24 * 3)));

TEST_F(JanitorTest, WhatAClockThatWasAheadDatedIsJudgedWhenItsTimeHasCome) {
  make_schedule({{"retention", {{"keepLast", 1U}}}});
  take("now", api::Json::object(), "nightly");
  manual_.step_wall(hours(5));
  take("ahead", api::Json::object(), "nightly");
  manual_.step_wall(-hours(5));
  look();
  EXPECT_THAT(names(), UnorderedElementsAre("now", "ahead"));
  manual_.advance(hours(5));
  look();
  EXPECT_THAT(names(), ElementsAre("ahead"));
}

TEST_F(JanitorTest, AScheduleKeepsItsVerifiedOnesPastTheirTtl) {
  make_schedule({{"retention", {{"minVerified", 3U}}}});
  for (int i = 0; i < 5; ++i) take("n" + std::to_string(i), {{"ttl", "24h"}}, "nightly");
  take("mine", {{"ttl", "24h"}});
  manual_.advance(hours(48));
  look();
  EXPECT_THAT(names(), UnorderedElementsAre("n2", "n3", "n4", "mine"));
}

TEST_F(JanitorTest, AScheduleKeepsWhatItsRulesSay) {
  for (int i = 0; i < 6; ++i) take("n" + std::to_string(i), api::Json::object(), "nightly");
  take("mine");
  const api::Json schedule = object(api::kSchedules, "nightly",
                                    {{"schedule", "0 2 * * *"},
                                     {"retention", {{"keepLast", 2U}}},
                                     {"template", {{"spec", {{"databaseInstances", {"main"}}}}}}});
  api::Json before = schedule;
  before["spec"]["retention"] = {{"keepLast", 5U}};
  const auto warned = jobs_->review_schedule(before, before = schedule, alice_);
  ASSERT_TRUE(warned);
  ASSERT_EQ(warned->size(), 1U);
  EXPECT_THAT(warned->front(), testing::HasSubstr("4 backups go to the trash: n3, n2, n1, n0"));
  EXPECT_EQ(jobs_->review_retention(schedule), *warned) << "so it is when it is made";
  ASSERT_TRUE(jobs_->submit_schedule(schedule, alice_, false));
  look();
  EXPECT_THAT(names(), UnorderedElementsAre("mine", "n4", "n5"));
}

TEST_F(JanitorTest, TheTrashIsFreedAfterItsRetentionAndWhatOthersNeedStays) {
  take("base");
  take("derived");  // refers to everything of base: nothing changed
  remove("base");
  const std::size_t packs = blobs("data/");
  look();
  EXPECT_EQ(blobs("trash/"), 1U);
  manual_.advance(hours(71));
  look();
  look();
  EXPECT_EQ(blobs("data/"), packs) << "not before its time";
  manual_.advance(hours(2));
  look();
  EXPECT_EQ(blobs("data/"), packs) << "the first look only marks";
  look();
  EXPECT_EQ(blobs("data/"), packs - 1) << "the manifest is gone, the packs are needed";
  expect_sound();
  EXPECT_EQ(blobs("trash/"), 1U);
  remove("derived");
  manual_.advance(hours(73));
  look();
  look();
  EXPECT_EQ(blobs("data/"), 0U);
  EXPECT_EQ(blobs("trash/"), 0U);
  EXPECT_EQ(blobs("joblog/"), 0U);
}

// What newer backups refer to lies there for as long as they do: all the life of a chain.
TEST_F(JanitorTest, WhatOthersNeedIsNotLookedForAtEveryLook) {
  take("base");
  take("derived");
  remove("base");
  manual_.advance(hours(73));
  for (int i = 0; i < 3; ++i) look();
  std::atomic<int> manifests{0};
  std::atomic<int> marks{0};
  faulty_.set_observer([&](storage::BlobCall call, const std::string& key) {
    if (call != storage::BlobCall::kGet) return;
    if (key.ends_with("/manifest")) ++manifests;
    if (key.starts_with("trash/")) ++marks;
  });
  for (int i = 0; i < 20; ++i) {
    manual_.advance(std::chrono::seconds(30));
    look();
  }
  EXPECT_EQ(manifests, 0);
  EXPECT_EQ(marks, 0);
  manual_.advance(hours(1));
  look();
  EXPECT_EQ(manifests, 1) << "of the one that stays, once an hour";
}

TEST_F(JanitorTest, ADamagedManifestKeepsNothingOfOtherNamespaces) {
  take("a");
  remove("a");
  ASSERT_TRUE(storage::put(*blobs_, "data/elsewhere/1/manifest", as_bytes("broken")));
  manual_.advance(hours(73));
  look();
  look();
  EXPECT_EQ(blobs("data/openstack/"), 0U);
  EXPECT_EQ(blobs("trash/"), 0U);
}

TEST_F(JanitorTest, FreeingWaitsForTheRestoresThatRead) {
  take("a");
  api::Json dom = restore("r", {{"backup", "a"}});
  dom["status"] = {{"phase", "Restoring"}};
  const auto reading = *catalog_->create(api::kRestores, dom);
  remove("a");
  look();
  manual_.advance(hours(73));
  look();
  look();
  EXPECT_GT(blobs("data/"), 0U) << "its rows are still being read";
  ASSERT_TRUE(catalog_->remove(reading->key(), reading->revision()));
  look();
  EXPECT_EQ(blobs("data/"), 0U);
}

// Its server, or the store, was away when it should have been removed.
TEST_F(JanitorTest, WhatAFailedBackupHasLeftIsRemovedLater) {
  take("good");
  api::Json dom = backup("failed");
  dom["status"] = {{"phase", "Failed"}};
  const auto failed = *catalog_->create(api::kBackups, dom);
  const std::string left = "data/openstack/" + failed->uid() + "/0.0.pack";
  ASSERT_TRUE(storage::put(*blobs_, left, as_bytes("rows")));
  ASSERT_TRUE(storage::put(*blobs_, "data/openstack/of-another-server/0.0.pack", as_bytes("rows")));
  look();
  EXPECT_FALSE(blobs_->get(left));
  EXPECT_EQ(blobs("data/openstack/of-another-server/"), 1U) << "nobody here knows whose that is";
  expect_sound();
}

TEST_F(JanitorTest, WhatIsBroughtBackIsNotFreed) {
  take("a");
  const api::ObjectKey key{api::kBackups, "openstack", "a"};
  remove("a");
  manual_.advance(hours(70));
  ASSERT_TRUE(jobs_->undelete(key, "", alice_, false));
  manual_.advance(hours(10));
  look();
  look();
  EXPECT_THAT(names(), ElementsAre("a"));
  expect_sound();
}

TEST_F(JanitorTest, WhatIsBeingFreedIsNotBroughtBack) {
  take("a");
  remove("a");
  manual_.advance(hours(73));
  look();
  manual_.step_wall(-hours(24));
  const auto back = jobs_->undelete({api::kBackups, "openstack", "a"}, "", alice_, false);
  ASSERT_FALSE(back);
  EXPECT_THAT(back.error().text(), testing::HasSubstr("is being freed"));
  look();
  EXPECT_EQ(blobs("data/"), 0U) << "what was begun is finished";
}

TEST_F(JanitorTest, FreeingWaitsForTheDumpsThatRan) {
  take("a");
  cluster_.block_runs = true;
  const auto running = submit(backup("running"));
  ASSERT_TRUE(running);
  until_running((*running)->key());
  remove("a");
  look();  // the time is known from here on
  manual_.advance(hours(73));
  look();
  look();
  EXPECT_GT(blobs("data/"), 0U) << "it may be the base of the dump that runs";
  ASSERT_TRUE(jobs_->cancel((*running)->key(), alice_, false));
  finish(running);
  look();
  EXPECT_EQ(blobs("data/"), 0U);
}

TEST_F(JanitorTest, AMarkBesideALiveObjectFreesNothing) {
  take("a");
  const api::ObjectPtr object = *catalog_->get({api::kBackups, "openstack", "a"});
  ASSERT_TRUE(jobs_->before_deletion(*object));  // and then the removal failed
  manual_.advance(hours(100));
  look();
  look();
  look();
  EXPECT_THAT(names(), ElementsAre("a"));
  expect_sound();
}

TEST_F(JanitorTest, WhatWasDeletedAgainIsKeptForAsLongAgain) {
  take("a");
  const api::ObjectKey key{api::kBackups, "openstack", "a"};
  remove("a");
  look();  // the janitor knows from here on when it is due
  manual_.advance(hours(50));
  ASSERT_TRUE(jobs_->undelete(key, "", alice_, false));
  remove("a");
  manual_.advance(hours(50));
  look();
  look();
  EXPECT_EQ(blobs("trash/"), 1U);
  expect_sound();
  ASSERT_TRUE(jobs_->undelete(key, "", alice_, false));
}

TEST_F(JanitorTest, LogsOfJobsThatAreKnownNoMoreGo) {
  take("kept");
  take("in-the-trash");
  cluster_.run_results = {fail(Code::kUnavailable, "no")};
  finish(submit(backup("failed")));
  finish(submit(restore("r", {{"backup", "kept"}, {"existing", "Replace"}})));
  remove("in-the-trash");
  remove("failed");
  const api::ObjectPtr r = *catalog_->get({api::kRestores, "openstack", "r"});
  ASSERT_TRUE(catalog_->remove(r->key(), r->revision()));
  EXPECT_EQ(blobs("joblog/"), 4U);
  look();
  look();
  EXPECT_EQ(blobs("joblog/"), 4U) << "a job may be about to be recorded";
  manual_.advance(hours(1));
  look();
  EXPECT_EQ(blobs("joblog/"), 2U);
  EXPECT_THAT(log_of((*catalog_->get({api::kBackups, "openstack", "kept"}))->dom()),
              testing::HasSubstr("Completed"));
  ASSERT_TRUE(jobs_->undelete({api::kBackups, "openstack", "in-the-trash"}, "", alice_, false));
  EXPECT_THAT(log_of((*catalog_->get({api::kBackups, "openstack", "in-the-trash"}))->dom()),
              testing::HasSubstr("Completed"));
}

TEST_F(JanitorTest, AMarkThatCannotBeReadStopsNoOther) {
  take("a");
  remove("a");
  ASSERT_TRUE(storage::put(*blobs_, "trash/openstack/x", as_bytes("garbage")));
  manual_.advance(hours(73));
  look();
  look();
  EXPECT_EQ(blobs("trash/openstack/"), 1U);
  EXPECT_EQ(blobs("data/"), 0U);
}

TEST_F(JanitorTest, NothingIsFreedWhileABackupCannotBeRead) {
  take("a");
  take("b");
  remove("a");
  const std::string uid = (*catalog_->get({api::kBackups, "openstack", "b"}))->uid();
  ASSERT_TRUE(storage::put(*blobs_, "data/openstack/" + uid + "/manifest", as_bytes("garbage")));
  const std::size_t before = blobs("data/");
  manual_.advance(hours(73));
  look();
  look();
  EXPECT_EQ(blobs("data/"), before);
}

}  // namespace
}  // namespace gb::jobs::test
