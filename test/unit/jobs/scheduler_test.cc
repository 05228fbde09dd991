// Schedules over days that pass in seconds: runs, failures, clocks that jump, servers that die.
#include <chrono>

#include "jobs/schedule.h"
#include "test/unit/jobs/jobs_fixture.h"

namespace gb::jobs::test {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;

class SchedulerTest : public JobsTest {
 protected:
  void SetUp() override {
    catalog_ = *storage::Catalog::open({std::shared_ptr<void>(), &faulty_}, clock(), rng_,
                                       {.tail_interval = std::chrono::milliseconds(20)});
    start_quick();
  }
  void start_quick(std::vector<NamespaceQuota> quotas = {}) {
    Dependencies d = dependencies(*catalog_);
    d.metrics = &registry_;
    d.quotas = std::move(quotas);
    d.look_every = std::chrono::milliseconds(20);
    jobs_ = *Jobs::start(std::move(d));
  }
  Clock& clock() override { return manual_; }
  // As eventually(), while time goes by.
  bool in_time(const std::function<bool()>& is_so) {
    return eventually([&] {
      manual_.advance(std::chrono::seconds(1));
      return is_so();
    });
  }

  api::Json nightly(api::Json extra = api::Json::object()) {
    api::Json spec = {{"schedule", "0 2 * * *"},
                      {"template", {{"spec", {{"databaseInstances", {"main"}}}}}}};
    spec.update(extra);
    return object(api::kSchedules, "nightly", spec);
  }
  api::Json create(const api::Json& schedule) {
    const auto created = jobs_->submit_schedule(schedule, alice_, false);
    EXPECT_TRUE(created) << created.error().text();
    return created ? (*created)->dom() : api::Json();
  }
  api::Json schedule() {
    return (*catalog_->get({api::kSchedules, "openstack", "nightly"}))->dom();
  }
  std::string status(const char* field) { return schedule()["status"].value(field, ""); }
  Result<api::ObjectPtr> backup_named(const std::string& name) {
    return catalog_->get({api::kBackups, "openstack", name});
  }
  std::string phase_of_backup(const std::string& name) {
    const auto found = backup_named(name);
    return found ? api::phase_of((*found)->dom()) : "";
  }
  std::size_t backups() { return catalog_->list(api::kBackups, "openstack").objects.size(); }
  // The run of 21 November has come to this phase, and the schedule knows.
  bool first_run_is(const std::string& phase) {
    return eventually([&] {
      return phase_of_backup("nightly-20261121020000") == phase && status("active").empty();
    });
  }
  // Every schedule is looked at once more, at the time that it is now. A look takes all of them in
  // the order of their namespaces: the one that sees the second of two schedules which are made one
  // after the other began after the first was seen, and came to those of "openstack" before.
  void until_looked_at() {
    for (int i = 0; i < 2; ++i) {
      api::Json dom = nightly({{"suspend", true}});
      dom["metadata"]["namespace"] = "sentinel";
      dom["status"] = {{"phase", "Enabled"}};
      const auto made = catalog_->create(api::kSchedules, dom);
      ASSERT_TRUE(made) << made.error().text();
      const api::ObjectKey key = (*made)->key();
      ASSERT_TRUE(eventually([&] { return phase_at(key) == "Suspended"; })) << "nobody looks";
      ASSERT_TRUE(catalog_->remove(key, (*catalog_->get(key))->revision()));
    }
  }

  ManualClock manual_{*from_rfc3339("2026-11-20T10:00:00Z")};
  metrics::Registry registry_;
};

TEST_F(SchedulerTest, ARunIsStartedWhenItIsDueAsWhoCreatedTheSchedule) {
  const api::Json created = create(nightly());
  EXPECT_EQ(created["status"]["phase"], "Enabled");
  EXPECT_EQ(created["status"]["nextScheduleTime"], "2026-11-21T02:00:00Z");
  EXPECT_EQ(created["status"]["runAs"]["username"], "alice");
  until_looked_at();
  EXPECT_EQ(backups(), 0U);
  manual_.advance(hours(16));
  until_looked_at();
  EXPECT_EQ(backups(), 1U) << "one look is enough";
  ASSERT_TRUE(first_run_is("Completed"));
  EXPECT_EQ(status("lastBackup"), "nightly-20261121020000");
  EXPECT_EQ(status("lastScheduleTime"), "2026-11-21T02:00:00Z");
  EXPECT_EQ(status("lastSuccessfulTime"), "2026-11-21T02:00:00Z");
  EXPECT_EQ(status("nextScheduleTime"), "2026-11-22T02:00:00Z");
  EXPECT_EQ(condition(schedule(), "Healthy"), "True LastRunCompleted");
  until_looked_at();
  EXPECT_EQ(backups(), 1U);
  EXPECT_THAT(events_.all(),
              Contains("nightly Completed: backup nightly-20261121020000 completed"));
}

TEST_F(SchedulerTest, AfterAnOutageOfDaysOneRunIsMadeUpForAndTheOthersAreSaid) {
  create(nightly());
  jobs_.reset();
  manual_.advance(hours(24) * 4);
  start_quick();
  ASSERT_TRUE(eventually([&] { return !status("lastSuccessfulTime").empty(); }));
  EXPECT_EQ(status("lastScheduleTime"), "2026-11-24T02:00:00Z");
  EXPECT_THAT(events_.all(),
              Contains("nightly Started: backup nightly-20261124020000 for the run due at "
                       "2026-11-24T02:00:00Z; 3 earlier runs were missed, too"));
  EXPECT_TRUE(eventually([&] {
    return registry_.text().find(
               "galera_backup_schedule_missed_runs_total{namespace=\"openstack\","
               "schedule=\"nightly\"} 3\n") != std::string::npos;
  }));
  EXPECT_THAT(events_.all(),
              Contains("nightly RunMissed: 3 earlier runs were missed: of several that could not "
                       "begin in time only the last, due at 2026-11-24T02:00:00Z, is made up for"));
  until_looked_at();
  EXPECT_EQ(backups(), 1U);
}

TEST_F(SchedulerTest, AScheduleWhoseTimeZoneIsKnownNoMoreSaysSo) {
  api::Json left = nightly({{"timeZone", "Nowhere/City"}});
  left["status"] = {{"phase", "Enabled"},
                    {"settledTime", "2026-11-20T10:00:00Z"},
                    {"nextScheduleTime", "2026-11-21T02:00:00Z"}};
  ASSERT_TRUE(catalog_->create(api::kSchedules, left));
  manual_.advance(hours(16));
  ASSERT_TRUE(eventually([&] { return status("phase") == "Failed"; }));
  EXPECT_THAT(status("message"), AllOf(HasSubstr("it does not run"), HasSubstr("Nowhere/City")));
  EXPECT_EQ(status("nextScheduleTime"), "");
  EXPECT_EQ(schedule()["status"]["conditions"][0]["status"], "False");
  EXPECT_EQ(schedule()["status"]["conditions"][0]["reason"], "NotUnderstood");
  EXPECT_TRUE(eventually([&] { return events_.has("nightly NotUnderstood"); }));
  manual_.advance(hours(1));
  until_looked_at();
  EXPECT_EQ(std::ranges::count(events_.all(), "nightly NotUnderstood: " + status("message")), 1)
      << "said once";
  // Given one that is known, it runs.
  ASSERT_TRUE(catalog_->modify({api::kSchedules, "openstack", "nightly"},
                               [](const api::Object& object) -> Result<api::Json> {
                                 api::Json dom = object.dom();
                                 dom["spec"]["timeZone"] = "UTC";
                                 return dom;
                               }));
  ASSERT_TRUE(first_run_is("Completed"));
  EXPECT_EQ(status("phase"), "Enabled");
}

TEST_F(SchedulerTest, ARunThatMissedItsDeadlineIsSkippedAndSaidSo) {
  create(nightly({{"startingDeadline", "1h"}}));
  manual_.advance(hours(20));
  ASSERT_TRUE(eventually([&] { return !status("message").empty(); }));
  EXPECT_THAT(status("message"), HasSubstr("the run due at 2026-11-21T02:00:00Z could not begin"));
  EXPECT_EQ(backups(), 0U);
  EXPECT_EQ(condition(schedule(), "Healthy"), "False RunMissed");
  EXPECT_TRUE(eventually([&] { return events_.has("nightly RunMissed"); }));
}

TEST_F(SchedulerTest, ARunThatFailsIsTriedAgainUntilItSucceeds) {
  cluster_.run_results = {fail(Code::kUnavailable, "the node went away")};
  create(nightly());
  manual_.advance(hours(16));
  ASSERT_TRUE(first_run_is("Failed"));
  EXPECT_EQ(schedule()["status"]["consecutiveFailures"], 1);
  EXPECT_THAT(status("message"), HasSubstr("the node went away"));
  EXPECT_EQ(condition(schedule(), "Healthy"), "False LastRunFailed");
  EXPECT_TRUE(eventually([&] { return events_.has("nightly LastRunFailed"); }));
  EXPECT_EQ(status("lastBackup"), "nightly-20261121020000");
  until_looked_at();
  EXPECT_EQ(backups(), 1U) << "not before its time";
  manual_.advance(minutes(1));
  ASSERT_TRUE(eventually([&] {
    return phase_of_backup("nightly-20261121020000-try2") == "Completed" &&
           status("active").empty();
  }));
  EXPECT_EQ(schedule()["status"]["consecutiveFailures"], 0);
  EXPECT_EQ(status("lastScheduleTime"), "2026-11-21T02:00:00Z");
}

TEST_F(SchedulerTest, ANameThatSomebodyTookCostsNoRun) {
  create(nightly());
  const Schedule read = *read_schedule(schedule());
  const auto due = read.next_after(read.settled).value();
  // Who may see the schedule can tell its next name, too; the one after that is free.
  const std::string usual = "nightly-20261121020000";
  finish(submit(backup(usual)));
  finish(submit(backup(other_name_of_run(read, due, 1, 1))));
  finish(submit(backup(usual + "-try2")));
  cluster_.run_results = {fail(Code::kUnavailable, "the node went away")};
  manual_.advance(hours(16));
  const std::string name = other_name_of_run(read, due, 1, 2);
  ASSERT_TRUE(
      eventually([&] { return phase_of_backup(name) == "Failed" && status("active").empty(); }));
  EXPECT_EQ(status("lastBackup"), name);
  EXPECT_THAT(
      events_.all(),
      Contains(AllOf(HasSubstr("nightly NameTaken: the run due at 2026-11-21T02:00:00Z is "
                               "backup " +
                               name + ", because backup " + usual + " is not of this schedule"),
                     HasSubstr("delete it"))));
  // Nor does the name of a try.
  manual_.advance(minutes(1));
  ASSERT_TRUE(
      eventually([&] { return condition(schedule(), "Healthy") == "True LastRunCompleted"; }));
  EXPECT_EQ(status("lastBackup"), other_name_of_run(read, due, 2, 1));
  EXPECT_EQ(schedule_of(**backup_named(status("lastBackup"))), "nightly");
  until_looked_at();
  EXPECT_EQ(backups(), 5U) << "three of theirs, two of ours";
}

TEST_F(SchedulerTest, ADatabaseThatIsAwayIsSeenAsAFailedBackup) {
  cluster_.connect_error = fail(Code::kUnavailable, "no node answers");
  create(nightly());
  manual_.advance(hours(16));
  ASSERT_TRUE(first_run_is("Failed"));
  EXPECT_THAT(status("message"), HasSubstr("no node answers"));
}

TEST_F(SchedulerTest, ACreatorWhoLostTheRightRunsNothing) {
  create(nightly());
  rules_.denied = {"alice get galeras main"};
  manual_.advance(hours(16));
  ASSERT_TRUE(eventually([&] { return status("phase") == "Failed"; }));
  EXPECT_THAT(status("message"),
              AllOf(HasSubstr("the run due at 2026-11-21T02:00:00Z could not begin: "),
                    HasSubstr("\"main\" is forbidden: User \"alice\" cannot get resource")));
  EXPECT_EQ(condition(schedule(), "Healthy"), "False RunNotStarted");
  EXPECT_EQ(backups(), 0U);
  // Given back, the next run goes.
  rules_.denied.clear();
  manual_.advance(hours(24));
  ASSERT_TRUE(eventually([&] { return status("phase") == "Enabled"; }));
  ASSERT_TRUE(eventually([&] { return backups() == 1; }));
}

TEST_F(SchedulerTest, ARunThatFindsNoRoomIsSaid) {
  jobs_.reset();
  start_quick({{"openstack", 1, 0, 0}});
  const api::ObjectPtr by_hand = *submit(backup("by-hand"));
  finish(by_hand);
  create(nightly());
  manual_.advance(hours(16));
  ASSERT_TRUE(eventually([&] { return status("phase") == "Failed"; }));
  EXPECT_THAT(status("message"),
              AllOf(HasSubstr("could not begin: exceeded quota of namespace \"openstack\""),
                    HasSubstr("delete a backup")));
  EXPECT_EQ(condition(schedule(), "Healthy"), "False RunNotStarted");
  EXPECT_TRUE(eventually([&] { return events_.has("nightly RunNotStarted"); }));
  EXPECT_EQ(backups(), 1U);
  // With room again the next run goes.
  const api::ObjectPtr ended = *backup_named("by-hand");
  ASSERT_TRUE(jobs_->before_deletion(*ended));
  ASSERT_TRUE(catalog_->remove(ended->key(), ended->revision()));
  manual_.advance(hours(24));
  ASSERT_TRUE(eventually([&] { return phase_of_backup("nightly-20261122020000") == "Completed"; }));
}

TEST_F(SchedulerTest, RunsThatFailDoNotTakeTheRoomOfThoseThatWouldNot) {
  jobs_.reset();
  start_quick({{"openstack", 1, 0, 0}});
  cluster_.run_results = {fail(Code::kUnavailable, "the node went away")};
  create(nightly());
  manual_.advance(hours(16));
  ASSERT_TRUE(first_run_is("Failed"));
  manual_.advance(minutes(1));
  ASSERT_TRUE(
      eventually([&] { return phase_of_backup("nightly-20261121020000-try2") == "Completed"; }));
}

TEST_F(SchedulerTest, AScheduleDoesNotOverlapItself) {
  cluster_.block_runs = true;
  create(nightly({{"schedule", "0 * * * *"}}));
  manual_.advance(hours(1));
  ASSERT_TRUE(eventually([&] { return !status("active").empty(); }));
  manual_.advance(hours(2));
  until_looked_at();
  EXPECT_EQ(backups(), 1U);
  // The run that was due meanwhile is made up for when the long one has ended.
  {
    const std::scoped_lock lock(cluster_.mutex);
    cluster_.block_runs = false;
  }
  const api::ObjectPtr running = *backup_named("nightly-20261120110000");
  ASSERT_TRUE(jobs_->cancel(running->key(), alice_, false));
  ASSERT_TRUE(in_time([&] { return phase_of_backup("nightly-20261120130000") == "Completed"; }));
  EXPECT_EQ(backups(), 2U);
  EXPECT_THAT(events_.all(),
              Contains("nightly Cancelled: backup nightly-20261120110000 was cancelled"));
}

TEST_F(SchedulerTest, WhatIsSuspendedIsNotMadeUpFor) {
  create(nightly({{"suspend", true}}));
  manual_.advance(hours(40));
  until_looked_at();
  EXPECT_EQ(backups(), 0U);
  EXPECT_EQ(status("phase"), "Suspended");
  ASSERT_TRUE(catalog_->modify({api::kSchedules, "openstack", "nightly"},
                               [](const api::Object& object) -> Result<api::Json> {
                                 api::Json dom = object.dom();
                                 dom["spec"]["suspend"] = false;
                                 return dom;
                               }));
  ASSERT_TRUE(eventually([&] { return status("phase") == "Enabled"; }));
  until_looked_at();
  EXPECT_EQ(backups(), 0U);
  EXPECT_EQ(status("nextScheduleTime"), "2026-11-23T02:00:00Z");
  EXPECT_EQ(status("enabledTime"), "2026-11-22T02:00:00Z") << "when it was resumed";
}

TEST_F(SchedulerTest, TheCommandLineRunsNobodysSchedules) {
  create(nightly());
  jobs_.reset();
  manual_.advance(hours(40));
  Dependencies d = dependencies(*catalog_);
  d.look_every = std::chrono::milliseconds(20);
  d.keeps_house = false;
  jobs_ = *Jobs::start(std::move(d));
  finish(submit(backup("by-hand")));
  jobs_.reset();  // a scheduler would have looked once at least
  EXPECT_EQ(backups(), 1U);
  start_quick();
  EXPECT_TRUE(eventually([&] { return backups() == 2U; })) << "a run was due";
}

TEST_F(SchedulerTest, RunsAtOnceWhenAskedTo) {
  create(nightly({{"runOnCreate", true}}));
  ASSERT_TRUE(eventually([&] { return phase_of_backup("nightly-20261120100000") == "Completed"; }));
}

TEST_F(SchedulerTest, AClockThatIsSetBackRunsNothingTwice) {
  create(nightly());
  manual_.step_wall(hours(24) + hours(16));
  ASSERT_TRUE(eventually([&] { return phase_of_backup("nightly-20261122020000") == "Completed"; }));
  manual_.step_wall(-hours(24));
  ASSERT_TRUE(eventually([&] { return status("settledTime") == "2026-11-21T02:00:00Z"; }));
  EXPECT_THAT(status("message"), HasSubstr("the clock was set back; runs are counted from now on"));
  EXPECT_EQ(status("enabledTime"), "2026-11-21T02:00:00Z");
  manual_.advance(hours(24));
  ASSERT_TRUE(eventually([&] { return status("settledTime") == "2026-11-22T02:00:00Z"; }));
  until_looked_at();
  EXPECT_EQ(backups(), 1U);
  manual_.advance(hours(24));
  ASSERT_TRUE(eventually([&] { return phase_of_backup("nightly-20261123020000") == "Completed"; }));
}

TEST_F(SchedulerTest, AClockThatIsAnHourOffRunsEachRunOnce) {
  create(nightly());
  manual_.advance(hours(15) + minutes(30));
  manual_.step_wall(hours(1));
  ASSERT_TRUE(first_run_is("Completed"));
  manual_.step_wall(-hours(1));
  until_looked_at();
  manual_.advance(hours(1));
  until_looked_at();
  EXPECT_EQ(backups(), 1U);
}

TEST_F(SchedulerTest, AServerThatDiesInARunIsFollowedByOneThatTriesAgain) {
  cluster_.block_runs = true;
  create(nightly());
  manual_.advance(hours(16));
  ASSERT_TRUE(eventually([&] { return phase_of_backup("nightly-20261121020000") == "Running"; }));
  jobs_.reset();  // its end is recorded: ServerStopped
  cluster_.block_runs = false;
  start_quick();
  ASSERT_TRUE(first_run_is("Failed"));
  manual_.advance(minutes(2));
  ASSERT_TRUE(
      eventually([&] { return phase_of_backup("nightly-20261121020000-try2") == "Completed"; }));
}

// What a server that was killed in a scheduled run left: the phase, whether the dump was whole.
struct Left {
  const char* phase;
  bool whole;
};

class ServerThatWasKilled : public SchedulerTest, public testing::WithParamInterface<Left> {
 protected:
  // A run that completed, taken back to the moment when its server was killed.
  void leave(const Left& left) {
    create(nightly());
    manual_.advance(hours(16));
    ASSERT_TRUE(first_run_is("Completed"));
    jobs_.reset();
    const api::ObjectPtr object = *backup_named(kRun);
    api::Json dom = object->dom();
    api::Json& status = dom["status"];
    Executor dead = Executor::self("an-older-life");
    dead.process_start = "1";  // the pid lives, but as another process
    status["executor"] = dead.to_json();
    status["phase"] = left.phase;
    if (std::string_view(left.phase) != "Completed")
      for (const char* later : {"completionTime", "conditions", "verification"})
        status.erase(later);
    if (!left.whole) {
      status.erase("digest");
      const std::string data = "data/openstack/" + object->uid() + "/";
      ASSERT_TRUE(blobs_->remove(data + "manifest"));
    }
    ASSERT_TRUE(catalog_->update(object->key(), object->revision(), dom));
    ASSERT_TRUE(catalog_->modify({api::kSchedules, "openstack", "nightly"},
                                 [](const api::Object& current) -> Result<api::Json> {
                                   api::Json moved = current.dom();
                                   moved["status"]["active"] = kRun;
                                   moved["status"].erase("lastSuccessfulTime");
                                   moved["status"].erase("conditions");
                                   return moved;
                                 }));
  }
  std::size_t completed() {
    std::size_t count = 0;
    for (const auto& object : catalog_->list(api::kBackups, "openstack").objects)
      count += api::phase_of(object->dom()) == "Completed" ? 1U : 0U;
    return count;
  }
  static constexpr const char* kRun = "nightly-20261121020000";
};

TEST_P(ServerThatWasKilled, ItsRunIsDoneOnceByTheNextOne) {
  leave(GetParam());
  start_quick();
  ASSERT_TRUE(in_time([&] { return !status("lastSuccessfulTime").empty(); }));
  manual_.advance(minutes(10));
  until_looked_at();
  EXPECT_EQ(completed(), 1U);
  EXPECT_EQ(status("active"), "");
  EXPECT_EQ(status("lastScheduleTime"), "2026-11-21T02:00:00Z");
  EXPECT_EQ(schedule()["status"]["consecutiveFailures"], 0);
  EXPECT_EQ(schedule()["status"]["conditions"][0]["status"], "True");
  // What is whole is not taken again, and what is not has failed.
  EXPECT_EQ(backups(), GetParam().whole ? 1U : 2U);
  EXPECT_EQ(phase_of_backup(kRun), GetParam().whole ? "Completed" : "Failed");
}

INSTANTIATE_TEST_SUITE_P(All, ServerThatWasKilled,
                         testing::Values(Left{"Pending", false}, Left{"Running", false},
                                         Left{"Verifying", false}, Left{"Verifying", true},
                                         Left{"Completed", true}),
                         [](const auto& left) {
                           return std::string(left.param.phase) + (left.param.whole ? "Whole" : "");
                         });

// The run is recorded, but who recorded it does not know.
class AnswerOfTheStoreThatIsLost : public SchedulerTest,
                                   public testing::WithParamInterface<Lost> {};

TEST_P(AnswerOfTheStoreThatIsLost, MakesARunLateNotDoneTwiceOrNever) {
  create(nightly());
  lose_next_answer(GetParam());
  manual_.advance(hours(16));
  ASSERT_TRUE(in_time([&] { return !status("lastSuccessfulTime").empty(); }));
  EXPECT_EQ(status("active"), "");
  EXPECT_EQ(status("lastScheduleTime"), "2026-11-21T02:00:00Z");
  EXPECT_EQ(phase_of_backup("nightly-20261121020000"), "Failed");
  EXPECT_EQ(phase_of_backup("nightly-20261121020000-try2"), "Completed");
  EXPECT_THAT((*backup_named("nightly-20261121020000"))->dom()["status"]["message"],
              HasSubstr("was recorded while the store did not answer, and not begun"));
  manual_.advance(minutes(10));
  until_looked_at();
  EXPECT_EQ(backups(), 2U);
  const std::scoped_lock lock(cluster_.mutex);
  EXPECT_EQ(cluster_.runs, 1);
}

INSTANTIATE_TEST_SUITE_P(All, AnswerOfTheStoreThatIsLost,
                         testing::Values(Lost::kPut, Lost::kReadBack, Lost::kBoundary),
                         name_of_lost);

TEST_F(SchedulerTest, TwoReplicasRunADueScheduleOnce) {
  const auto other_catalog =
      *storage::Catalog::open({std::shared_ptr<void>(), &faulty_}, clock(), rng_,
                              {.writer = "other", .tail_interval = std::chrono::milliseconds(20)});
  Dependencies d = dependencies(*other_catalog);
  d.look_every = std::chrono::milliseconds(20);
  const auto other = *Jobs::start(std::move(d));
  create(nightly({{"schedule", "0 * * * *"}}));
  for (std::size_t i = 1; i <= 3; ++i) {
    manual_.advance(hours(1));
    // Who was second waits a second.
    ASSERT_TRUE(in_time([&] { return backups() == i && status("active").empty(); }));
    until_looked_at();
    EXPECT_EQ(backups(), i);
  }
  // Nor does the one that looks alone.
  jobs_.reset();
  until_looked_at();
  EXPECT_EQ(backups(), 3U);
}

TEST_F(SchedulerTest, TheTemplateIsAuthorizedWhenTheScheduleIsMadeAndChanged) {
  rules_.denied = {"alice use galerabackupstores default"};
  const auto refused = jobs_->submit_schedule(nightly(), alice_, false);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kForbidden);
  rules_.denied = {"alice update galerabackups "};
  const api::Json holding =
      nightly({{"template", {{"spec", {{"databaseInstances", {"main"}}, {"hold", true}}}}}});
  EXPECT_EQ(jobs_->submit_schedule(holding, alice_, false).error().code, Code::kForbidden);
  rules_.denied.clear();
  const api::Json old = create(nightly());
  api::Json updated = old;
  updated["spec"]["template"]["spec"]["databaseInstances"] = {"cell1"};
  rules_.denied = {"bob get galeras cell1"};
  const kube::User bob{"bob", "", {}, {}};
  const auto review = jobs_->review_schedule(old, updated, bob);
  ASSERT_FALSE(review);
  EXPECT_EQ(review.error().code, Code::kForbidden);
  updated = old;
  updated["spec"]["template"]["spec"]["databaseInstances"] = {"nowhere"};
  EXPECT_EQ(jobs_->review_schedule(old, updated, bob).error().code, Code::kNotFound);
}

TEST_F(SchedulerTest, ANewTimetableCountsFromNow) {
  const api::Json old = create(nightly());
  manual_.advance(hours(3));
  api::Json updated = old;
  updated["spec"]["schedule"] = "0 11 * * *";  // would have been due since
  ASSERT_TRUE(jobs_->review_schedule(old, updated, alice_));
  EXPECT_EQ(old["status"]["enabledTime"], "2026-11-20T10:00:00Z");
  EXPECT_EQ(updated["status"]["settledTime"], "2026-11-20T13:00:00Z");
  EXPECT_EQ(updated["status"]["enabledTime"], "2026-11-20T13:00:00Z");
  EXPECT_EQ(updated["status"]["nextScheduleTime"], "2026-11-21T11:00:00Z");
  updated["spec"]["suspend"] = true;
  ASSERT_TRUE(jobs_->review_schedule(old, updated, alice_));
  EXPECT_FALSE(updated["status"].contains("nextScheduleTime")) << "suspended, it has none";
}

TEST_F(SchedulerTest, ATriggeredRunIsOutOfTurnAndAlone) {
  create(nightly());
  cluster_.block_runs = true;
  const api::ObjectKey key{api::kSchedules, "openstack", "nightly"};
  const auto tried = jobs_->trigger(key, true, {});
  ASSERT_TRUE(tried) << tried.error().text();
  EXPECT_EQ(backups(), 0U);
  const auto triggered = jobs_->trigger(key, false, {});
  ASSERT_TRUE(triggered) << triggered.error().text();
  EXPECT_EQ((*triggered)->key().name, "nightly-manual-20261120100000");
  const auto again = jobs_->trigger(key, false, {});
  ASSERT_FALSE(again);
  EXPECT_THAT(again.error().text(), HasSubstr("is running"));
  EXPECT_EQ(status("nextScheduleTime"), "2026-11-21T02:00:00Z");
  ASSERT_TRUE(jobs_->cancel((*triggered)->key(), alice_, false));
  ASSERT_TRUE(in_time([&] { return status("active").empty(); }));
}

TEST_F(SchedulerTest, ATriggeredRunLeavesTheTriesOfTheFailedOneAloneUnlessItSucceeds) {
  const api::ObjectKey key{api::kSchedules, "openstack", "nightly"};
  const auto away = fail(Code::kUnavailable, "the node went away");
  cluster_.run_results = {away, away};
  create(nightly());
  manual_.advance(hours(16));
  ASSERT_TRUE(first_run_is("Failed"));
  ASSERT_TRUE(jobs_->trigger(key, false, {}));
  ASSERT_TRUE(eventually([&] {
    return status("active").empty() && schedule()["status"]["consecutiveFailures"] == 2;
  }));
  EXPECT_EQ(status("lastBackup"), "nightly-20261121020000");
  manual_.advance(minutes(2));
  ASSERT_TRUE(eventually([&] {
    return phase_of_backup("nightly-20261121020000-try2") == "Completed" &&
           status("active").empty();
  }));
  // And on the next day.
  {
    const std::scoped_lock lock(cluster_.mutex);
    cluster_.run_results = {away};
  }
  manual_.advance(hours(24));
  ASSERT_TRUE(eventually([&] {
    return phase_of_backup("nightly-20261122020000") == "Failed" && status("active").empty();
  }));
  ASSERT_TRUE(jobs_->trigger(key, false, {}));
  ASSERT_TRUE(
      eventually([&] { return condition(schedule(), "Healthy") == "True LastRunCompleted"; }));
  manual_.advance(minutes(10));
  until_looked_at();
  EXPECT_EQ(backups(), 5U) << "nothing is tried again that has been made up for";
}

TEST_F(SchedulerTest, AScheduleThatIsDeletedLeavesItsRunningBackupAlone) {
  cluster_.block_runs = true;
  create(nightly());
  manual_.advance(hours(16));
  ASSERT_TRUE(eventually([&] { return phase_of_backup("nightly-20261121020000") == "Running"; }));
  const api::ObjectPtr gone = *catalog_->get({api::kSchedules, "openstack", "nightly"});
  ASSERT_TRUE(catalog_->remove(gone->key(), gone->revision()));
  until_looked_at();
  EXPECT_EQ(phase_of_backup("nightly-20261121020000"), "Running");
}

TEST_F(SchedulerTest, ARunThatHasToWaitSaysForWhat) {
  create(nightly());
  instances_.no_secret = true;
  manual_.advance(hours(16));
  ASSERT_TRUE(eventually([&] { return !status("message").empty(); }));
  EXPECT_THAT(status("message"), HasSubstr("the run due at 2026-11-21T02:00:00Z waits: Secret"));
  EXPECT_EQ(condition(schedule(), "Healthy"), "False RunWaits");
  const std::string revision = schedule()["metadata"]["resourceVersion"];
  const int asked = instances_.asked;
  for (int i = 0; i < 3; ++i) {
    manual_.advance(minutes(1));
    until_looked_at();
  }
  EXPECT_GE(instances_.asked, asked + 3) << "it is tried again";
  EXPECT_EQ(schedule()["metadata"]["resourceVersion"], revision) << "said once";
  instances_.no_secret = false;
  ASSERT_TRUE(in_time([&] { return phase_of_backup("nightly-20261121020000") == "Completed"; }));
}

TEST_F(SchedulerTest, ARunWaitsForAnInstanceThatIsNotThere) {
  create(nightly());
  instances_.gone = true;
  manual_.advance(hours(16));
  ASSERT_TRUE(eventually([&] { return !status("message").empty(); }));
  EXPECT_EQ(status("message"), "the run due at 2026-11-21T02:00:00Z waits: it is gone");
  EXPECT_EQ(condition(schedule(), "Healthy"), "False RunWaits");
  EXPECT_TRUE(eventually([&] { return events_.has("nightly RunWaits"); }));
  // It is there again, but for its password.
  instances_.no_key = true;
  instances_.gone = false;
  const int asked = instances_.asked;
  for (int i = 0; i < 3; ++i) {
    manual_.advance(minutes(1));
    until_looked_at();
  }
  EXPECT_GE(instances_.asked, asked + 3) << "it is tried again";
  EXPECT_EQ(backups(), 0U);
  EXPECT_EQ(schedule()["status"]["consecutiveFailures"], 0);
  // Who asks for a run now is told what is wrong.
  const auto now = jobs_->trigger({api::kSchedules, "openstack", "nightly"}, false, {});
  ASSERT_FALSE(now);
  EXPECT_EQ(now.error().code, Code::kInvalid);
  instances_.no_key = false;
  ASSERT_TRUE(in_time([&] { return phase_of_backup("nightly-20261121020000") == "Completed"; }));
}

TEST_F(SchedulerTest, ARunWaitsForAnInstanceNoLongerThanItsDeadline) {
  create(nightly({{"startingDeadline", "1h"}}));
  instances_.gone = true;
  manual_.advance(hours(16));
  ASSERT_TRUE(eventually([&] { return condition(schedule(), "Healthy") == "False RunWaits"; }));
  manual_.advance(hours(1) + minutes(1));
  ASSERT_TRUE(in_time([&] { return condition(schedule(), "Healthy") == "False RunMissed"; }));
  EXPECT_EQ(backups(), 0U);
}

TEST_F(SchedulerTest, AStoreThatIsAwayWhenARunIsDueDelaysIt) {
  create(nightly());
  const int before = instances_.asked;
  faulty_.inject({.times = -1});
  manual_.advance(hours(16));
  // Each try asks for the instance before it writes.
  ASSERT_TRUE(in_time([&] { return instances_.asked >= before + 5; })) << "it is not tried";
  EXPECT_EQ(backups(), 0U);
  faulty_.clear();
  ASSERT_TRUE(in_time([&] {
    return phase_of_backup("nightly-20261121020000") == "Completed" && status("active").empty();
  }));
}

}  // namespace
}  // namespace gb::jobs::test
