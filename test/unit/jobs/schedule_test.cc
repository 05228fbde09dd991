#include "jobs/schedule.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "base/text.h"

namespace gb::jobs::test {
namespace {

using What = Decision::What;

WallSeconds at(const char* time) {
  return std::chrono::floor<std::chrono::seconds>(*from_rfc3339(time));
}

api::Json daily() {
  return {{"metadata",
           {{"name", "nightly"},
            {"namespace", "openstack"},
            {"uid", "11111111-2222-4333-8444-555555555555"},
            {"creationTimestamp", "2026-11-20T10:00:00Z"}}},
          {"spec",
           {{"schedule", "0 2 * * *"},
            {"template",
             {{"metadata", {{"labels", {{"team", "blue"}}}}},
              {"spec", {{"databaseInstances", {"main"}}}}}}}},
          {"status", {{"settledTime", "2026-11-20T10:00:00Z"}}}};
}

Decision decided(const api::Json& object, const char* now, const char* failed = nullptr) {
  return decide(*read_schedule(object), failed ? std::optional(at(failed)) : std::nullopt, at(now));
}

TEST(ScheduleDecision, WaitsUntilItIsDue) {
  const Decision decision = decided(daily(), "2026-11-21T01:59:59Z");
  EXPECT_EQ(decision.what, What::kWait);
  EXPECT_EQ(decision.wake, at("2026-11-21T02:00:00Z"));
}

TEST(ScheduleDecision, RunsWhenDue) {
  const Decision decision = decided(daily(), "2026-11-21T02:00:00Z");
  EXPECT_EQ(decision.what, What::kRun);
  EXPECT_EQ(decision.due, at("2026-11-21T02:00:00Z"));
  EXPECT_EQ(decision.missed, 0U);
  EXPECT_EQ(decision.attempt, 1U);
}

TEST(ScheduleDecision, AfterAnOutageOnlyTheLastRunIsMadeUpFor) {
  const Decision decision = decided(daily(), "2026-11-24T12:00:00Z");
  EXPECT_EQ(decision.what, What::kRun);
  EXPECT_EQ(decision.due, at("2026-11-24T02:00:00Z"));
  EXPECT_EQ(decision.missed, 3U);
}

TEST(ScheduleDecision, ARunThatIsTooLateIsSkipped) {
  api::Json object = daily();
  object["spec"]["startingDeadline"] = "1h";
  EXPECT_EQ(decided(object, "2026-11-21T03:00:00Z").what, What::kRun);
  const Decision late = decided(object, "2026-11-21T03:00:01Z");
  EXPECT_EQ(late.what, What::kSkip);
  EXPECT_EQ(late.due, at("2026-11-21T02:00:00Z"));
}

TEST(ScheduleDecision, AnOutageOfYearsIsCountedToAHundred) {
  api::Json object = daily();
  object["spec"]["schedule"] = "* * * * *";
  const Decision decision = decided(object, "2031-11-24T12:00:30Z");
  EXPECT_EQ(decision.due, at("2031-11-24T12:00:00Z"));
  EXPECT_EQ(decision.missed, 100U);
}

TEST(ScheduleDecision, JitterIsTheSameForTheSameRun) {
  api::Json object = daily();
  object["spec"]["jitter"] = "30m";
  const Schedule schedule = *read_schedule(object);
  const auto jitter = jitter_of(schedule, at("2026-11-21T02:00:00Z"));
  EXPECT_EQ(jitter, jitter_of(schedule, at("2026-11-21T02:00:00Z")));
  EXPECT_NE(jitter, jitter_of(schedule, at("2026-11-22T02:00:00Z")));
  EXPECT_LT(jitter, std::chrono::minutes(30));
  const Decision early = decide(schedule, {}, at("2026-11-21T02:00:00Z"));
  EXPECT_EQ(early.what, What::kWait);
  EXPECT_EQ(early.wake, at("2026-11-21T02:00:00Z") + jitter);
  EXPECT_EQ(decide(schedule, {}, *early.wake).what, What::kRun);
}

TEST(ScheduleDecision, NoJitterIsSoLongThatItCostsARun) {
  api::Json object = daily();
  object["spec"]["schedule"] = "*/5 * * * *";
  object["spec"]["jitter"] = "30m";
  Schedule schedule = *read_schedule(object);
  std::set<std::chrono::seconds> jitters;
  int runs = 0;
  for (WallSeconds now = schedule.settled; now < at("2026-11-21T10:00:00Z");) {
    const Decision decision = decide(schedule, {}, now);
    if (decision.what == What::kWait) {
      now = *decision.wake;
      continue;
    }
    EXPECT_EQ(decision.missed, 0U) << "before " << to_rfc3339(decision.due);
    jitters.insert(now - decision.due);
    schedule.settled = decision.due;
    ++runs;
  }
  EXPECT_EQ(runs, 24 * 12 - 1) << "the first is due at 10:05, the last at 9:55";
  EXPECT_GT(jitters.size(), 100U) << "spread over the time that there is";
  EXPECT_LT(*jitters.rbegin(), std::chrono::minutes(5));
}

TEST(ScheduleDecision, ARunThatHasWaitedIsBegunThoughTheNextOneIsDueByNow) {
  api::Json object = daily();
  object["spec"]["jitter"] = "12h";
  const Schedule schedule = *read_schedule(object);
  const WallSeconds next = at("2026-11-22T02:00:00Z");
  ASSERT_GT(jitter_of(schedule, next), std::chrono::seconds(0));
  const Decision late = decide(schedule, {}, next);
  EXPECT_EQ(late.what, What::kRun);
  EXPECT_EQ(late.due, at("2026-11-21T02:00:00Z"));
  EXPECT_EQ(late.missed, 0U);
  // But when that has waited long enough, too, it is the last one that is made up for.
  const Decision later = decide(schedule, {}, next + jitter_of(schedule, next));
  EXPECT_EQ(later.what, What::kRun);
  EXPECT_EQ(later.due, next);
  EXPECT_EQ(later.missed, 1U);
}

TEST(ScheduleDecision, TheFirstRunIsAtOnceWhenAsked) {
  api::Json object = daily();
  object["spec"]["runOnCreate"] = true;
  object["status"].erase("settledTime");
  const Decision decision = decided(object, "2026-11-20T10:00:01Z");
  EXPECT_EQ(decision.what, What::kRun);
  EXPECT_EQ(decision.due, at("2026-11-20T10:00:00Z"));
}

TEST(ScheduleDecision, AFailedRunIsTriedAgainLaterAndLater) {
  api::Json object = daily();
  object["status"] = {{"settledTime", "2026-11-21T02:00:00Z"},
                      {"lastScheduleTime", "2026-11-21T02:00:00Z"},
                      {"attempt", 3U}};
  const Decision waits = decided(object, "2026-11-21T02:13:59Z", "2026-11-21T02:10:00Z");
  EXPECT_EQ(waits.what, What::kWait);
  EXPECT_EQ(waits.wake, at("2026-11-21T02:14:00Z"));
  const Decision again = decided(object, "2026-11-21T02:14:00Z", "2026-11-21T02:10:00Z");
  EXPECT_EQ(again.what, What::kRun);
  EXPECT_EQ(again.due, at("2026-11-21T02:00:00Z"));
  EXPECT_EQ(again.attempt, 4U);
  // Not for ever, not past the deadline, and a new run comes before an old one.
  object["status"]["attempt"] = kTriesOfARun;
  EXPECT_EQ(decided(object, "2026-11-21T22:00:00Z", "2026-11-21T02:10:00Z").what, What::kWait);
  object["status"]["attempt"] = 3U;
  object["spec"]["startingDeadline"] = "12m";
  EXPECT_EQ(decided(object, "2026-11-21T02:14:00Z", "2026-11-21T02:10:00Z").what, What::kWait);
  const Decision next = decided(object, "2026-11-22T02:00:00Z", "2026-11-21T02:10:00Z");
  EXPECT_EQ(next.attempt, 1U);
  EXPECT_EQ(next.due, at("2026-11-22T02:00:00Z"));
}

TEST(ScheduleDecision, AfterAnOutageNothingIsTriedAgainThatIsTooLateByNow) {
  api::Json object = daily();
  object["spec"]["startingDeadline"] = "10m";
  object["status"] = {{"settledTime", "2026-11-21T02:00:00Z"},
                      {"lastScheduleTime", "2026-11-21T02:00:00Z"},
                      {"attempt", 1U}};
  const char* failed = "2026-11-21T02:02:00Z";
  EXPECT_EQ(decided(object, "2026-11-21T02:10:00Z", failed).what, What::kRun);
  const Decision late = decided(object, "2026-11-21T02:10:01Z", failed);
  EXPECT_EQ(late.what, What::kWait);
  EXPECT_EQ(late.wake, at("2026-11-22T02:00:00Z"));
}

TEST(ScheduleDecision, WithoutAFailureNothingIsTriedAgain) {
  api::Json object = daily();
  object["status"] = {{"settledTime", "2026-11-21T02:00:00Z"},
                      {"lastScheduleTime", "2026-11-21T02:00:00Z"},
                      {"attempt", 1U}};
  EXPECT_EQ(decided(object, "2026-11-21T09:00:00Z").wake, at("2026-11-22T02:00:00Z"));
}

TEST(ScheduledBackup, CarriesTheTemplateAndWhereItComesFrom) {
  const api::Json backup = backup_of_run(
      daily(), name_of_run("nightly", at("2026-11-21T02:00:00Z"), 1), at("2026-11-21T02:00:00Z"));
  EXPECT_EQ(backup["metadata"]["name"], "nightly-20261121020000");
  EXPECT_EQ(backup["metadata"]["namespace"], "openstack");
  EXPECT_EQ(backup["metadata"]["labels"]["team"], "blue");
  EXPECT_EQ(backup["metadata"]["labels"][kScheduleLabel], "nightly");
  EXPECT_EQ(backup["metadata"]["annotations"][kScheduledAtAnnotation], "2026-11-21T02:00:00Z");
  EXPECT_EQ(backup["spec"]["verification"], "Checksum");
  EXPECT_EQ(name_of_run("nightly", at("2026-11-21T02:00:00Z"), 2), "nightly-20261121020000-try2");
}

TEST(ScheduledBackup, ActsAsWhoCreatedTheSchedule) {
  const kube::User user{"alice", "u1", {"blue", "system:authenticated"}, {{"scopes", {"a", "b"}}}};
  const kube::User read = creator_of({{"status", {{"runAs", to_json(user)}}}});
  EXPECT_EQ(read.name, user.name);
  EXPECT_EQ(read.uid, user.uid);
  EXPECT_EQ(read.groups, user.groups);
  EXPECT_EQ(read.extra, user.extra);
}

}  // namespace
}  // namespace gb::jobs::test
