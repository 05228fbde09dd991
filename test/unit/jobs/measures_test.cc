#include "jobs/measures.h"

#include <chrono>

#include "jobs/facts.h"
#include "jobs/schedule.h"
#include "test/unit/jobs/jobs_fixture.h"

namespace gb::jobs::test {
namespace {

using testing::HasSubstr;
using testing::Not;

double seconds_at(const char* time) {
  return std::chrono::duration<double>(from_rfc3339(time)->time_since_epoch()).count();
}

class MeasuresTest : public JobsTest {
 protected:
  void SetUp() override {
    JobsTest::SetUp();
    jobs_.reset();
    environment_.catalog = catalog_.get();
    environment_.clock = &manual_;
    environment_.metrics = &registry_;
    measures_ = std::make_unique<Measures>(
        environment_, [this] { return stores_; }, [this] { return shut_; });
  }
  void TearDown() override {
    measures_.reset();
    JobsTest::TearDown();
  }
  Clock& clock() override { return manual_; }

  void add(const char* resource, api::Json dom, api::Json status) {
    dom["status"] = std::move(status);
    const auto made = catalog_->create(resource, std::move(dom));
    EXPECT_TRUE(made) << made.error().text();
  }
  // Of `main`, 1000 bytes of rows, completed at 10:01 on this day, 60 s after it began.
  static api::Json completed(const std::string& day) {
    api::Json status = {
        {"phase", "Completed"},
        {"startTime", day + "T10:00:00Z"},
        {"completionTime", day + "T10:01:00Z"},
        {"verification", {{"time", day + "T10:01:00Z"}}},
        {"size", {{"logical", "1000"}, {"stored", "600"}, {"added", "40"}}},
        {"instances",
         {{{"name", "main"},
           {"snapshotTime", day + "T10:00:05Z"},
           {"databases",
            {{{"name", "nova"}, {"bytes", 700}}, {{"name", "glance"}, {"bytes", 300}}}}}}}};
    api::set_condition(status, "Verified", "True", "Checksum", "",
                       *from_rfc3339(day + "T10:01:00Z"));
    return status;
  }
  // The value of a series; nothing when there is none.
  std::optional<double> value(const std::string& name, const metrics::Labels& labels) {
    for (const metrics::Gauges& family : measures_->collect())
      if (family.name == "galera_backup_" + name)
        for (const auto& [has, value] : family.series)
          if (has == labels) return value;
    return std::nullopt;
  }
  std::optional<double> of_main(const std::string& name) {
    return value(name, {{"namespace", "openstack"}, {"database_instance", "main"}});
  }

  ManualClock manual_{*from_rfc3339("2026-11-20T12:00:00Z")};
  metrics::Registry registry_;
  Environment environment_;
  std::vector<api::ObjectPtr> stores_;
  std::vector<GateHolder> shut_;
  std::unique_ptr<Measures> measures_;
};

TEST_F(MeasuresTest, AnInstanceIsToldByItsNewestGoodBackup) {
  add(api::kBackups, backup("old"), completed("2026-11-18"));
  add(api::kBackups, backup("new"), completed("2026-11-20"));
  api::Json failed = completed("2026-11-20");
  failed["phase"] = "Failed";
  failed["startTime"] = "2026-11-20T11:00:00Z";
  failed["conditions"] = api::Json::array();
  add(api::kBackups, backup("failed"), failed);
  EXPECT_EQ(of_main("last_success_timestamp_seconds"), seconds_at("2026-11-20T10:01:00Z"));
  EXPECT_EQ(of_main("last_snapshot_timestamp_seconds"), seconds_at("2026-11-20T10:00:05Z"));
  EXPECT_EQ(of_main("last_success_partial"), 0);
  EXPECT_EQ(of_main("last_success_duration_seconds"), 60);
  EXPECT_EQ(of_main("last_success_size_bytes"), 1000);
  EXPECT_EQ(of_main("last_success_stored_bytes"), 600);
  EXPECT_EQ(of_main("last_success_added_bytes"), 40);
  EXPECT_EQ(of_main("last_verified_timestamp_seconds"), seconds_at("2026-11-20T10:01:00Z"));
  EXPECT_EQ(of_main("rpo_seconds"), 2 * 3600 - 5);
  EXPECT_EQ(of_main("rto_seconds"), 60 * facts::kRestoreToBackup) << "a guess by the backup";
  EXPECT_EQ(of_main("traffic_blocked"), 0);
}

TEST_F(MeasuresTest, WhatAClockThatWasAheadDatedDoesNotMakeAllLookWell) {
  add(api::kBackups, backup("old"), completed("2026-11-20"));
  add(api::kBackups, backup("ahead"), completed("2026-12-20"));
  EXPECT_EQ(of_main("rpo_seconds"), 2 * 3600 - 5);
}

TEST_F(MeasuresTest, ARestoreTeachesHowLongTheNextOneTakes) {
  add(api::kBackups, backup("b"), completed("2026-11-20"));
  const auto restored = [&](const char* name, const char* target, int bytes) {
    add(api::kRestores, restore(name, {{"backup", "b"}}),
        {{"phase", "Completed"},
         {"startTime", "2026-11-19T10:00:00Z"},
         {"completionTime", "2026-11-19T10:00:40Z"},
         {"plan", {{{"instance", target}, {"schema", "nova"}, {"bytes", bytes}}}}});
  };
  restored("elsewhere", "dr", 2000);
  EXPECT_EQ(of_main("rto_seconds"), 20) << "half the bytes of the namespace's last one";
  restored("own", "main", 500);
  EXPECT_EQ(of_main("rto_seconds"), 80);
}

TEST_F(MeasuresTest, APartIsNoAnswerToTheLossOfEverything) {
  add(api::kBackups, backup("part", {{"databases", {"nova"}}}), completed("2026-11-20"));
  EXPECT_EQ(of_main("last_success_partial"), 1);
  EXPECT_FALSE(of_main("rpo_seconds"));
  add(api::kBackups, backup("all-but", {{"excludeDatabases", {"nova"}}}), completed("2026-11-20"));
  add(api::kBackups, backup("no-rows", {{"excludeTables", {"*.*"}}}), completed("2026-11-20"));
  EXPECT_EQ(of_main("last_success_partial"), 1);
  EXPECT_FALSE(of_main("rpo_seconds"));
  add(api::kBackups, backup("whole"), completed("2026-11-19"));
  EXPECT_EQ(of_main("last_success_partial"), 0);
  EXPECT_EQ(of_main("last_success_timestamp_seconds"), seconds_at("2026-11-19T10:01:00Z"));
}

TEST_F(MeasuresTest, TheLastVerificationCounts) {
  const auto last = [&](const char* kind) {
    return value("last_verification_success",
                 {{"namespace", "openstack"}, {"database_instance", "main"}, {"kind", kind}});
  };
  add(api::kBackups, backup("good"), completed("2026-11-18"));
  EXPECT_EQ(last("backup"), 1);
  EXPECT_FALSE(last("restore"));
  api::Json damaged = completed("2026-11-19");
  damaged["phase"] = "Failed";
  api::set_condition(damaged, "Verified", "False", "Mismatch", "",
                     *from_rfc3339("2026-11-19T10:00:00Z"));
  add(api::kBackups, backup("damaged"), damaged);
  EXPECT_EQ(last("backup"), 0);
  EXPECT_EQ(of_main("last_verified_timestamp_seconds"), seconds_at("2026-11-18T10:01:00Z"));
  api::Json unverified = completed("2026-11-19");
  api::set_condition(unverified, "Verified", "False", "NotRequested", "",
                     *from_rfc3339("2026-11-19T11:00:00Z"));
  add(api::kBackups, backup("unverified"), unverified);
  EXPECT_EQ(last("backup"), 0) << "none was asked for: nothing is known";
  add(api::kBackups, backup("again"), completed("2026-11-20"));
  EXPECT_EQ(last("backup"), 1);
  api::Json differs = {{"phase", "Failed"},
                       {"completionTime", "2026-11-20T11:00:00Z"},
                       {"plan", {{{"instance", "main"}, {"bytes", 1}}}}};
  api::set_condition(differs, "Completed", "False", to_string(Code::kCorruption), "",
                     manual_.now());
  add(api::kRestores, restore("r", {{"backup", "again"}}), differs);
  EXPECT_EQ(last("restore"), 0);
}

TEST_F(MeasuresTest, TrafficIsBlockedByARestoreAtWorkOrAGateThatWasLeft) {
  add(api::kRestores, restore("r", {{"backup", "b"}}),
      {{"phase", "Restoring"}, {"plan", {{{"instance", "main"}, {"bytes", 1}}}}});
  EXPECT_EQ(of_main("traffic_blocked"), 1);
  EXPECT_EQ(value("running_jobs", {{"namespace", "openstack"}, {"kind", "restore"}}), 1);
  add(api::kRestores, restore("s", {{"backup", "b"}}),
      {{"phase", "SafetyBackup"}, {"plan", {{{"instance", "cell1"}, {"bytes", 1}}}}});
  EXPECT_EQ(value("traffic_blocked", {{"namespace", "openstack"}, {"database_instance", "cell1"}}),
            1);
  const metrics::Labels dr{{"namespace", "openstack"}, {"database_instance", "dr"}};
  EXPECT_FALSE(value("traffic_blocked", dr));
  add(api::kRestores, restore("v", {{"backup", "b"}}),
      {{"phase", "Verifying"}, {"plan", {{{"instance", "cell2"}, {"bytes", 1}}}}});
  EXPECT_EQ(value("traffic_blocked", {{"namespace", "openstack"}, {"database_instance", "cell2"}}),
            1);
  shut_ = {{"openstack", "dr", "gone", "u"}};
  EXPECT_EQ(value("traffic_blocked", dr), 1);
  shut_.clear();
  EXPECT_FALSE(value("traffic_blocked", dr)) << "what has gone has no series";
}

TEST_F(MeasuresTest, WhoWaitsIsInTheQueue) {
  add(api::kBackups, backup("a"), {{"phase", "Pending"}});
  add(api::kBackups, backup("b"), {{"phase", "Running"}});
  const metrics::Labels backups{{"namespace", "openstack"}, {"kind", "backup"}};
  EXPECT_EQ(value("queued_jobs", backups), 1);
  EXPECT_EQ(value("running_jobs", backups), 1);
  const api::ObjectKey key{api::kBackups, "openstack", "a"};
  ASSERT_TRUE(catalog_->remove(key, (*catalog_->get(key))->revision()));
  EXPECT_EQ(value("queued_jobs", backups), 0);
}

TEST_F(MeasuresTest, ARestoreThatFollowsTellsItsLag) {
  const metrics::Labels labels{{"namespace", "openstack"}, {"restore", "standby"}};
  api::Json standby = restore("standby", {{"schedule", "nightly"}});
  standby["spec"]["follow"] = true;
  add(api::kRestores, standby, {{"phase", "Following"}});
  EXPECT_EQ(value("follow_lag_seconds", labels), 0) << "it has just been made";
  manual_.advance(std::chrono::hours(1));
  EXPECT_EQ(value("follow_lag_seconds", labels), 3600) << "nothing has arrived";
  const auto set = [&](const char* phase) {
    ASSERT_TRUE(catalog_->modify(
        {api::kRestores, "openstack", "standby"},
        [phase](const api::Object& o) -> Result<api::Json> {
          api::Json dom = o.dom();
          dom["status"] = {
              {"phase", phase},
              {"follow", {{"snapshotTime", "2026-11-20T12:59:00Z"}, {"lagSeconds", 12}}}};
          return dom;
        }));
  };
  set("Following");
  EXPECT_EQ(value("follow_lag_seconds", labels), 60) << "it grows while nothing arrives";
  EXPECT_EQ(value("running_jobs", {{"namespace", "openstack"}, {"kind", "restore"}}), 0);
  set("Cancelled");
  EXPECT_FALSE(value("follow_lag_seconds", labels));
}

TEST_F(MeasuresTest, AScheduleTellsUntilWhenItHasToSucceed) {
  const metrics::Labels labels{{"namespace", "openstack"}, {"schedule", "nightly"}};
  api::Json schedule = object(
      api::kSchedules, "nightly",
      {{"schedule", "0 2 * * *"}, {"template", {{"spec", {{"databaseInstances", {"main"}}}}}}});
  add(api::kSchedules, schedule,
      {{"phase", "Enabled"},
       {"enabledTime", "2026-11-18T09:00:00Z"},
       {"lastSuccessfulTime", "2026-11-20T02:05:00Z"},
       {"nextScheduleTime", "2026-11-21T02:00:00Z"},
       {"consecutiveFailures", 2U}});
  EXPECT_EQ(value("schedule_last_success_timestamp_seconds", labels),
            seconds_at("2026-11-20T02:05:00Z"));
  EXPECT_EQ(value("schedule_next_run_timestamp_seconds", labels),
            seconds_at("2026-11-21T02:00:00Z"));
  EXPECT_EQ(value("schedule_success_due_timestamp_seconds", labels),
            seconds_at("2026-11-21T08:00:00Z"))
      << "the run of the next night, and the six hours that a backup may take";
  EXPECT_EQ(value("schedule_consecutive_failures", labels), 2);
  EXPECT_EQ(value("schedule_suspended", labels), 0);
  EXPECT_EQ(of_main("traffic_blocked"), 0) << "its instance is known by it";
  ASSERT_TRUE(catalog_->modify({api::kSchedules, "openstack", "nightly"},
                               [](const api::Object& o) -> Result<api::Json> {
                                 api::Json dom = o.dom();
                                 dom["spec"]["suspend"] = true;
                                 return dom;
                               }));
  EXPECT_EQ(value("schedule_suspended", labels), 1);
  EXPECT_FALSE(value("schedule_success_due_timestamp_seconds", labels));
  EXPECT_FALSE(value("schedule_next_run_timestamp_seconds", labels));
}

TEST_F(MeasuresTest, AScheduleThatCannotBeUnderstoodIsOverdue) {
  const metrics::Labels labels{{"namespace", "openstack"}, {"schedule", "nightly"}};
  add(api::kSchedules,
      object(api::kSchedules, "nightly",
             {{"schedule", "0 2 * * *"},
              {"timeZone", "Nowhere/City"},
              {"template", {{"spec", {{"databaseInstances", {"main"}}}}}}}),
      {{"phase", "Failed"},
       {"enabledTime", "2026-11-18T09:00:00Z"},
       {"lastSuccessfulTime", "2026-11-20T02:05:00Z"},
       {"consecutiveFailures", 2U}});
  EXPECT_EQ(value("schedule_success_due_timestamp_seconds", labels),
            seconds_at("2026-11-20T02:05:00Z"))
      << "since it succeeded last: there is no run to wait for";
  EXPECT_EQ(value("schedule_consecutive_failures", labels), 2);
  EXPECT_EQ(value("schedule_suspended", labels), 0);
  EXPECT_FALSE(value("schedule_next_run_timestamp_seconds", labels));
  ASSERT_TRUE(catalog_->modify({api::kSchedules, "openstack", "nightly"},
                               [](const api::Object& o) -> Result<api::Json> {
                                 api::Json dom = o.dom();
                                 dom["spec"]["suspend"] = true;
                                 return dom;
                               }));
  EXPECT_FALSE(value("schedule_success_due_timestamp_seconds", labels));
}

TEST_F(MeasuresTest, WhatWasResumedCountsFromThen) {
  const metrics::Labels labels{{"namespace", "openstack"}, {"schedule", "nightly"}};
  add(api::kSchedules,
      object(
          api::kSchedules, "nightly",
          {{"schedule", "0 2 * * *"}, {"template", {{"spec", {{"databaseInstances", {"main"}}}}}}}),
      {{"phase", "Enabled"},
       {"enabledTime", "2026-11-20T11:00:00Z"},
       {"lastSuccessfulTime", "2026-08-01T02:05:00Z"}});
  EXPECT_EQ(value("schedule_success_due_timestamp_seconds", labels),
            seconds_at("2026-11-21T08:00:00Z"));
}

TEST_F(MeasuresTest, WhatAClockThatWasAheadDatedMutesNoSchedule) {
  const auto due = [&](const std::string& name, const char* created, api::Json status) {
    api::Json schedule = object(
        api::kSchedules, name,
        {{"schedule", "0 2 * * *"}, {"template", {{"spec", {{"databaseInstances", {"main"}}}}}}});
    schedule["metadata"]["creationTimestamp"] = created;
    add(api::kSchedules, schedule, std::move(status));
    return value("schedule_success_due_timestamp_seconds",
                 {{"namespace", "openstack"}, {"schedule", name}});
  };
  EXPECT_EQ(due("success", "2026-11-18T09:00:00Z",
                {{"enabledTime", "2026-11-18T09:00:00Z"},
                 {"lastSuccessfulTime", "2027-11-20T02:05:00Z"}}),
            seconds_at("2026-11-19T08:00:00Z"))
      << "as if it had not succeeded yet";
  EXPECT_EQ(due("enabled", "2026-11-17T09:00:00Z", {{"enabledTime", "2027-11-18T09:00:00Z"}}),
            seconds_at("2026-11-18T08:00:00Z"));
  EXPECT_EQ(due("all-but-success", "2027-11-18T09:00:00Z",
                {{"enabledTime", "2027-11-18T09:00:00Z"},
                 {"lastSuccessfulTime", "2026-11-19T02:05:00Z"}}),
            seconds_at("2026-11-20T08:00:00Z"));
}

TEST_F(MeasuresTest, StoresTellTheirRoom) {
  add(api::kBackups, backup("b", {{"store", "default"}}), completed("2026-11-20"));
  stores_ = {*api::Object::make(api::kStores, 1,
                                {{"kind", "GaleraBackupStore"},
                                 {"metadata", {{"name", "default"}, {"uid", "u"}}},
                                 {"status",
                                  {{"phase", "Unavailable"},
                                   {"backups", 1U},
                                   {"storedBytes", 40U},
                                   {"freeBytes", 100U},
                                   {"capacityBytes", 1000U}}}})};
  const metrics::Labels labels{{"store", "default"}};
  EXPECT_EQ(value("store_up", labels), 0);
  EXPECT_EQ(value("store_free_bytes", labels), 100);
  EXPECT_EQ(value("store_capacity_bytes", labels), 1000);
  EXPECT_EQ(value("store_backups", labels), 1);
  EXPECT_EQ(value("store_stored_bytes", labels), 40);
  EXPECT_EQ(value("store_largest_backup_bytes", labels), 600);
}

TEST_F(MeasuresTest, AScrapeHoldsEveryFamilyAndNoNameOfABackup) {
  add(api::kBackups, backup("b-of-that-name"), completed("2026-11-20"));
  const std::string text = registry_.text();
  for (const metrics::Gauges& family : measures_->collect())
    EXPECT_THAT(text, HasSubstr("# TYPE " + family.name + " gauge\n"));
  EXPECT_THAT(text, Not(HasSubstr("b-of-that-name")));
  measures_.reset();
  EXPECT_THAT(registry_.text(), Not(HasSubstr("galera_backup_rpo_seconds")));
}

// Schedules that are within their interval and those that are not.
WallTime due_of(const std::string& cron, const char* since, std::chrono::seconds took = {}) {
  Schedule schedule;
  schedule.cron = *Cron::parse(cron);
  schedule.zone = *TimeZone::find("UTC");
  return *success_due(schedule, std::chrono::floor<std::chrono::seconds>(*from_rfc3339(since)),
                      std::chrono::hours(6), took);
}

TEST(SuccessDue, IsWithinTheIntervalAndLeavesTimeForTheBackup) {
  EXPECT_EQ(to_rfc3339(due_of("0 * * * *", "2026-11-20T10:05:00Z")), "2026-11-20T12:00:00Z");
  EXPECT_EQ(to_rfc3339(due_of("0 2 * * 0", "2026-11-20T10:05:00Z")), "2026-11-22T08:00:00Z");
  EXPECT_EQ(to_rfc3339(due_of("* * * * *", "2026-11-20T10:05:00Z")), "2026-11-20T10:21:00Z")
      << "tries may fail before one succeeds";
  EXPECT_EQ(to_rfc3339(due_of("* * * * *", "2026-11-20T10:05:00Z", std::chrono::hours(1))),
            "2026-11-20T12:06:00Z");
}

TEST_F(JobsTest, FailuresAreCountedByTheirReason) {
  metrics::Registry registry;
  jobs_.reset();
  Dependencies d = dependencies(*catalog_);
  d.metrics = &registry;
  jobs_ = *Jobs::start(std::move(d));
  cluster_.run_results = {fail(Code::kUnavailable, "the node went away")};
  finish(submit(backup("a")));
  EXPECT_THAT(registry.text(),
              HasSubstr("galera_backup_job_failures_total{kind=\"backup\",namespace=\"openstack\","
                        "reason=\"Unavailable\"} 1"));
  jobs_.reset();
  EXPECT_THAT(registry.text(), Not(HasSubstr("galera_backup_store_up")));
}

}  // namespace
}  // namespace gb::jobs::test
