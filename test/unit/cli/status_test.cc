// The questions of 3 a.m., each against objects that have one answer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "api/types.h"
#include "base/text.h"
#include "cli/status_report.h"
#include "cli/status_text.h"
#include "jobs/facts.h"

namespace gb::cli {
namespace {

using api::Json;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class StatusTest : public testing::Test {
 protected:
  static constexpr const char* kNow = "2026-11-21T03:00:00Z";

  Json object(const char* resource, const std::string& name, Json spec, Json status) {
    return {
        {"kind", resource},
        {"metadata",
         {{"name", name}, {"namespace", "openstack"}, {"uid", "uid-" + std::to_string(++made_)}}},
        {"spec", std::move(spec)},
        {"status", std::move(status)}};
  }
  // One of "openstack", 100 MiB, taken at this time in 30 s.
  Json& backup(const std::string& name, const std::string& at,
               const std::string& phase = "Completed") {
    const WallTime start = *from_rfc3339(at);
    Json status = {{"phase", phase},
                   {"message", phase == "Failed" ? "the node went away" : ""},
                   {"startTime", at},
                   {"size", {{"stored", "20Mi"}}},
                   {"instances",
                    {{{"name", "openstack"},
                      {"snapshotTime", at},
                      {"databases", {{{"name", "nova"}, {"bytes", 100 << 20}}}}}}},
                   {"progress", {{"percent", 42}}},
                   {"conditions", {{{"type", "Verified"}, {"status", "True"}}}}};
    if (phase != "Running") status["completionTime"] = to_rfc3339(start + std::chrono::seconds(30));
    lists_["backups"].push_back(object("galerabackups", name,
                                       {{"databaseInstances", {"openstack"}}, {"store", "default"}},
                                       std::move(status)));
    return lists_["backups"].back();
  }
  Json& restore(const std::string& name, const std::string& at, const std::string& phase,
                std::uint64_t bytes = 50 << 20) {
    lists_["restores"].push_back(
        object("galerarestores", name, {{"backup", "b"}},
               {{"phase", phase},
                {"message", phase == "Failed" ? "no space" : ""},
                {"startTime", at},
                {"completionTime", to_rfc3339(*from_rfc3339(at) + std::chrono::seconds(60))},
                {"plan", {{{"instance", "openstack"}, {"schema", "nova"}, {"bytes", bytes}}}}}));
    return lists_["restores"].back();
  }
  Json& schedule(Json status, Json spec = Json::object()) {
    spec["template"] = {{"spec", {{"databaseInstances", {"openstack"}}}}};
    if (!lists_["schedules"].is_array()) lists_["schedules"] = Json::array();
    lists_["schedules"].push_back(
        object("galerabackupschedules", "nightly", std::move(spec), std::move(status)));
    return lists_["schedules"].back();
  }
  void store(const std::string& phase, std::uint64_t free) {
    lists_["stores"] = {{{"metadata", {{"name", "default"}}},
                         {"status", {{"phase", phase}, {"freeBytes", free}, {"message", "gone"}}}}};
  }
  Json report(const std::string& ns = "openstack") {
    return status_report(lists_, ns, *from_rfc3339(kNow));
  }
  std::vector<std::string> problems() {
    std::vector<std::string> out;
    const Json made = report();
    for (const Json& one : made["problems"])
      out.push_back(one["about"].get<std::string>() + ": " + one["message"].get<std::string>());
    return out;
  }
  std::vector<std::string> hints() {
    std::vector<std::string> out;
    const Json made = report();
    for (const Json& one : made["problems"]) out.push_back(one.value("hint", ""));
    return out;
  }
  std::string screen(const std::string& ns = "openstack") { return status_text(report(ns)); }

  Json lists_{{"backups", Json::array()},
              {"restores", Json::array()},
              {"schedules", nullptr},
              {"stores", nullptr},
              {"galeras", nullptr}};
  int made_ = 0;
};

TEST_F(StatusTest, WhatAClockThatWasAheadDatedIsNotTheLastGoodBackup) {
  backup("old", "2026-11-20T02:00:00Z");
  backup("ahead", "2026-12-20T02:00:00Z");
  EXPECT_THAT(screen(), HasSubstr("openstack   old "));
}

TEST_F(StatusTest, WhenAllIsWellItSaysSoInOneLineAndShowsWhy) {
  backup("b-1", "2026-11-20T02:00:00Z");
  backup("b-2", "2026-11-21T02:00:00Z");
  restore("r-1", "2026-11-20T10:00:00Z", "Completed");
  schedule({{"nextScheduleTime", "2026-11-22T02:00:00Z"}, {"consecutiveFailures", 0}});
  store("Available", std::uint64_t{1} << 39);
  EXPECT_EQ(
      screen(),
      "Namespace openstack at 2026-11-21T03:00:00Z: all is well\n"
      "\n"
      "INSTANCE    LAST GOOD BACKUP   AGE   VERIFIED   SIZE    RESTORE TAKES   NEXT BACKUP\n"
      "openstack   b-2                60m   yes        100Mi   ~2m             in 23h (nightly)\n"
      "\n"
      "STORE     PHASE       BACKUPS   SIZE   FREE\n"
      "default   Available   0         0      512Gi\n"
      "\n"
      "~ is an estimate, from how long the last restore took.\n");
}

TEST_F(StatusTest, WithoutARestoreTheTimeIsAGuessAndSaidToBe) {
  backup("b", "2026-11-21T02:00:00Z");
  EXPECT_EQ(report()["instances"][0]["restoreSeconds"], 30 * jobs::facts::kRestoreToBackup);
  EXPECT_THAT(screen(), AllOf(HasSubstr("~4m?"), HasSubstr("is a guess")));
}

TEST_F(StatusTest, AnInstanceWithoutAGoodBackupIsTheWorst) {
  lists_["galeras"] = {{{"metadata", {{"name", "openstack-cell1"}, {"namespace", "openstack"}}}}};
  backup("b", "2026-11-21T02:00:00Z", "Failed");
  EXPECT_THAT(problems(), testing::ElementsAre("openstack: there is no good backup of it",
                                               "openstack-cell1: there is no good backup of it",
                                               "backup/b: failed: the node went away"));
  EXPECT_THAT(screen(), AllOf(HasSubstr("3 problems"), HasSubstr("NONE"),
                              HasSubstr("  ! backup/b (59m ago): failed: the node went away\n")));
}

TEST_F(StatusTest, AFailureCountsUntilAGoodOneFollows) {
  backup("bad", "2026-11-21T01:00:00Z", "Failed");
  backup("good", "2026-11-21T02:00:00Z");
  EXPECT_THAT(problems(), IsEmpty());
  backup("worse", "2026-11-21T02:30:00Z", "Failed");
  EXPECT_THAT(problems(), testing::ElementsAre("backup/worse: failed: the node went away"));
  EXPECT_EQ(report()["instances"][0]["lastGoodBackup"]["name"], "good");
  backup("stopped", "2026-11-21T02:40:00Z", "Cancelled");
  EXPECT_EQ(problems().size(), 1U) << "who cancels it knows";
}

TEST_F(StatusTest, APartOfItIsNoBackupOfEverything) {
  backup("part", "2026-11-21T02:30:00Z")["spec"]["databases"] = {"nova"};
  EXPECT_THAT(problems(),
              testing::ElementsAre("openstack: only a part of it was ever backed up: nova"));
  EXPECT_THAT(screen(), HasSubstr("part (a part)"));
  backup("whole", "2026-11-21T01:00:00Z");
  EXPECT_EQ(report()["instances"][0]["lastGoodBackup"]["name"], "whole");
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_F(StatusTest, WhatLeavesSomethingOutIsAPart) {
  Json& part = backup("part", "2026-11-21T02:30:00Z");
  const auto leaves_out = [&](const char* field, Json what) {
    part["spec"] = {{"databaseInstances", {"openstack"}}, {field, std::move(what)}};
    return problems();
  };
  EXPECT_THAT(leaves_out("excludeDatabases", {"nova", "glance"}),
              testing::ElementsAre(
                  "openstack: only a part of it was ever backed up: all but nova, glance"));
  EXPECT_THAT(leaves_out("excludeTables", {"nova.shadow_*"}),
              testing::ElementsAre("openstack: only a part of it was ever backed up: all, "
                                   "without the rows of nova.shadow_*"));
  part["spec"]["databases"] = {"nova"};
  EXPECT_THAT(problems(), testing::ElementsAre("openstack: only a part of it was ever backed up: "
                                               "nova, without the rows of nova.shadow_*"));
  EXPECT_THAT(leaves_out("content", "Grants"),
              testing::ElementsAre("openstack: only a part of it was ever backed up: its accounts "
                                   "and their rights"));
}

TEST_F(StatusTest, WhatWasNotVerifiedIsSaid) {
  backup("b", "2026-11-21T02:00:00Z")["status"]["conditions"][0]["status"] = "False";
  EXPECT_THAT(problems(), testing::ElementsAre("openstack: its newest backup b was not verified"));
  EXPECT_THAT(screen(), HasSubstr("NO"));
}

TEST_F(StatusTest, OneThatACheckFoundDamagedIsAProblemUntilANewerOneIsGood) {
  backup("good", "2026-11-20T02:00:00Z");
  Json& bad = backup("bad", "2026-11-21T02:00:00Z");
  bad["status"]["verification"] = {{"time", "2026-11-21T02:30:00Z"}};
  bad["status"]["conditions"] = {{{"type", "Verified"},
                                  {"status", "False"},
                                  {"reason", "Mismatch"},
                                  {"message", "the backup is damaged: 3 packs"}}};
  EXPECT_THAT(problems(), testing::ElementsAre("backup/bad: it cannot be relied on: the backup is "
                                               "damaged: 3 packs"));
  EXPECT_THAT(hints(), testing::ElementsAre("make another backup now; until it is there, the "
                                            "newest to restore is good"));
  EXPECT_THAT(screen(), AllOf(HasSubstr("1 problem"), HasSubstr("! backup/bad (30m ago): it can")));
  EXPECT_EQ(report()["healthy"], false);
  EXPECT_EQ(report()["instances"][0]["lastGoodBackup"]["name"], "good");
  backup("newer", "2026-11-21T02:40:00Z");
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_F(StatusTest, WhatRunsIsShownWithWhatItWorksOn) {
  backup("b", "2026-11-21T02:00:00Z");
  backup("now", "2026-11-21T02:58:30Z", "Running");
  const Json made = report();
  EXPECT_EQ(made["running"][0]["object"], "backup/now");
  EXPECT_EQ(made["running"][0]["seconds"], 90);
  EXPECT_EQ(made["instances"][0]["running"], Json({"backup/now"}));
  EXPECT_THAT(screen(), HasSubstr("backup/now   openstack   Running   42%        90s"));
}

TEST_F(StatusTest, AFailedRestoreCountsUntilOneSucceeds) {
  backup("b", "2026-11-21T02:00:00Z");
  restore("r-1", "2026-11-21T02:10:00Z", "Failed");
  EXPECT_THAT(problems(), testing::ElementsAre("restore/r-1: failed: no space"));
  restore("r-2", "2026-11-21T02:20:00Z", "Completed");
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_F(StatusTest, WhatARestoreLeftBlockedIsTheWorstOfAll) {
  Json& left = restore("r-1", "2026-11-21T02:10:00Z", "Completed");
  left["status"]["trafficLeftBlocked"] = {"openstack", "openstack-cell1"};
  backup("part", "2026-11-21T02:00:00Z")["spec"]["databases"] = {"nova"};
  EXPECT_THAT(problems(),
              testing::ElementsAre(HasSubstr("restore/r-1: applications may be unable to write to "
                                             "openstack, openstack-cell1: "),
                                   HasSubstr("only a part")));
  EXPECT_THAT(hints(), testing::ElementsAre(
                           AllOf(HasSubstr("kubectl describe galerarestores.backup.rhoso.io r-1"),
                                 HasSubstr("start the nodes")),
                           ""));
  EXPECT_THAT(screen(), HasSubstr("\n    → it is tried again until it works"));
}

class StandbyTest : public StatusTest {
 protected:
  void SetUp() override {
    run("nightly-1", "2026-11-20T23:00:00Z");
    lists_["restores"].push_back(
        object("galerarestores", "standby",
               {{"schedule", "nightly"}, {"follow", true}, {"targets", {{"openstack", "dr"}}}},
               {{"phase", "Following"},
                {"startTime", "2026-11-20T20:00:00Z"},
                {"follow", Json::object()}}));
  }
  void run(const std::string& name, const std::string& at, const char* of = "nightly") {
    backup(name, at)["metadata"]["labels"] = {{"backup.rhoso.io/schedule", of}};
  }
  void healthy(const std::string& status, const std::string& message) {
    standby()["status"]["conditions"] = {
        {{"type", "Healthy"}, {"status", status}, {"message", message}}};
  }
  void holds(const std::string& snapshot) { follow()["snapshotTime"] = snapshot; }
  Json& standby() { return lists_["restores"][0]; }
  Json& follow() { return standby()["status"]["follow"]; }
};

TEST_F(StandbyTest, OneThatHoldsTheNewestBackupShowsItsLag) {
  holds("2026-11-20T23:00:00Z");
  healthy("True", "the target holds backup nightly-1");
  EXPECT_THAT(problems(), IsEmpty());
  EXPECT_EQ(report()["running"][0]["lagSeconds"], 4 * 3600);
  EXPECT_FALSE(report()["running"][0].contains("percent"));
  EXPECT_THAT(screen(), HasSubstr("restore/standby   dr          Following   4h behind   7h"));
}

TEST_F(StandbyTest, OneThatCannotFollowIsAProblemWithWhatToDo) {
  healthy("False", "backup nightly-1 could not be restored: the preflight failed");
  follow()["nextTryTime"] = "2026-11-21T03:04:00Z";
  EXPECT_THAT(problems(),
              testing::ElementsAre("restore/standby: it holds no backup yet, and it cannot follow: "
                                   "backup nightly-1 could not be restored: the preflight failed"));
  EXPECT_THAT(hints(), testing::ElementsAre(
                           "it is tried again by itself at 2026-11-21T03:04:00Z; more: kubectl "
                           "describe galerarestores.backup.rhoso.io standby -n openstack"));
  EXPECT_THAT(screen(),
              AllOf(HasSubstr("Following   nothing yet"), HasSubstr("\n    → it is tried again")));
  holds("2026-11-20T20:00:00Z");
  EXPECT_THAT(problems(), testing::ElementsAre(HasSubstr("its data are 7h old, and it cannot")));
}

TEST_F(StandbyTest, ABackupThatWaitsToBeRestoredIsAProblemAfterAWhile) {
  holds("2026-11-20T23:00:00Z");
  run("nightly-2", "2026-11-21T02:58:00Z");
  EXPECT_THAT(problems(), IsEmpty()) << "it has just been made";
  run("nightly-3", "2026-11-21T02:00:00Z");
  run("other", "2026-11-21T02:10:00Z", "hourly");
  EXPECT_THAT(problems(), testing::ElementsAre("restore/standby: its data are 4h old, and backup "
                                               "nightly-3 is not restored on it yet"));
  EXPECT_THAT(hints(), testing::ElementsAre(HasSubstr("kubectl describe")));
  follow()["active"] = "standby-20261121020000";
  EXPECT_THAT(problems(), IsEmpty()) << "it is on its way";
}

TEST_F(StandbyTest, OneWhoseBackupsAreNotToBeSeenIsAProblemWhenItIsOld) {
  standby()["spec"]["sourceNamespace"] = "elsewhere";
  holds("2026-11-19T04:00:00Z");
  EXPECT_THAT(problems(), IsEmpty());
  holds("2026-11-19T02:00:00Z");
  EXPECT_THAT(problems(), testing::ElementsAre("restore/standby: its data are 2d1h old"));
  EXPECT_THAT(hints(), testing::ElementsAre(HasSubstr("schedule nightly of namespace elsewhere")));
}

TEST_F(StatusTest, SchedulesThatFailOversleepOrAreSuspended) {
  backup("b", "2026-11-21T02:00:00Z");
  Json& nightly = schedule({{"consecutiveFailures", 3},
                            {"lastSuccessfulTime", "2026-11-18T02:00:00Z"},
                            {"nextScheduleTime", "2026-11-22T02:00:00Z"}});
  EXPECT_THAT(problems(), testing::ElementsAre("schedule/nightly: 3 runs in a row have failed; it "
                                               "succeeded last at 2026-11-18T02:00:00Z"));
  nightly["status"] = {{"phase", "Failed"}, {"message", "its creator may not create backups"}};
  EXPECT_THAT(problems(),
              testing::ElementsAre("schedule/nightly: its creator may not create backups"));
  nightly["status"] = {{"nextScheduleTime", "2026-11-21T02:00:00Z"}};
  EXPECT_THAT(problems(),
              testing::ElementsAre("schedule/nightly: it is overdue: a backup should have begun"));
  EXPECT_THAT(screen(), HasSubstr("due (nightly)"));
  nightly["status"] = {
      {"conditions",
       {{{"type", "Healthy"}, {"status", "False"}, {"message", "its creator lost the right"}}}}};
  EXPECT_THAT(problems(), testing::ElementsAre("schedule/nightly: its creator lost the right"));
  nightly["status"] = Json::object();
  nightly["spec"]["suspend"] = true;
  EXPECT_THAT(problems(),
              testing::ElementsAre("schedule/nightly: it is suspended: no backup will be made"));
  EXPECT_THAT(screen(), HasSubstr("SUSPENDED (nightly)"));
}

TEST_F(StatusTest, StoresThatAreAwayOrFull) {
  backup("b", "2026-11-21T02:00:00Z");
  store("Unavailable", std::uint64_t{1} << 40);
  EXPECT_THAT(problems(), testing::ElementsAre("store/default: it is Unavailable: gone"));
  store("Available", 10 << 20);
  EXPECT_THAT(problems(), testing::ElementsAre("store/default: only 10Mi are free, less than the "
                                               "largest backup takes (20Mi)"));
}

TEST_F(StatusTest, WhatIsNotServedOrNotToBeSeenIsNoError) {
  backup("b", "2026-11-21T02:00:00Z");
  EXPECT_THAT(screen(), AllOf(HasSubstr("not scheduled"), HasSubstr("backup.rhoso.io:store-viewer"),
                              Not(HasSubstr("\nSTORE "))));
  lists_["backups"].clear();
  EXPECT_THAT(screen(), HasSubstr("there is no instance, and no backup"));
}

TEST_F(StatusTest, OfAllNamespacesEachSaysItsOwn) {
  backup("b", "2026-11-21T02:00:00Z");
  backup("other", "2026-11-21T02:00:00Z", "Failed")["metadata"]["namespace"] = "tenant";
  EXPECT_THAT(screen(""), AllOf(HasSubstr("All namespaces at"), HasSubstr("NAMESPACE   INSTANCE"),
                                HasSubstr("  ! tenant openstack: there is no good backup of it")));
}

TEST_F(StatusTest, ManyProblemsStayOneScreen) {
  for (int i = 0; i < 50; ++i) {
    Json& one = backup("b" + std::to_string(i), "2026-11-21T02:00:00Z", "Failed");
    one["spec"]["databaseInstances"] = {"i" + std::to_string(i)};
    one["status"]["message"] = std::string(1000, 'x');
  }
  lists_["galeras"] = Json::array();
  EXPECT_THAT(screen(), HasSubstr("  … and 92 more; -o yaml shows them all\n"));
  EXPECT_EQ(report()["problems"].size(), 100U);
}

// What servers of other versions may send must not end in an exception.
TEST_F(StatusTest, HollowObjectsAreBorne) {
  for (const char* list : {"backups", "restores", "galeras"})
    lists_[list] = {Json::object(),
                    {{"metadata", {{"name", "x"}}}, {"spec", nullptr}, {"status", nullptr}}};
  lists_["schedules"] = lists_["stores"] = lists_["backups"];
  lists_["backups"].push_back({{"spec", {{"databaseInstances", {"a"}}}},
                               {"status", {{"phase", "Completed"}, {"instances", "x"}}}});
  lists_["restores"].push_back(
      {{"status", {{"phase", "Following"}, {"follow", 1}, {"trafficLeftBlocked", "x"}}}});
  EXPECT_FALSE(screen().empty());
}

}  // namespace
}  // namespace gb::cli
