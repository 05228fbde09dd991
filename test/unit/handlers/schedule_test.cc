// Schedules as the handlers see them: what they give to the jobs, and what they tell the user.
#include <gmock/gmock.h>

#include <functional>

#include "test/unit/handlers/world.h"

namespace gb::handlers::test {
namespace {

using testing::HasSubstr;

const std::string kSchedules = kRoot + "/namespaces/openstack/galerabackupschedules";

Json nightly() {
  return {
      {"metadata", {{"name", "nightly"}}},
      {"spec",
       {{"schedule", "0 2 * * *"}, {"template", {{"spec", {{"databaseInstances", {"main"}}}}}}}}};
}

class Schedules : public World {
 protected:
  Reply create(const Json& object) { return ask("POST", kSchedules, object.dump()); }
  Reply merge(const Json& patch, const std::string& query = "", const char* user = "alice") {
    return ask("PATCH", kSchedules + "/nightly" + query, patch.dump(),
               {{"Content-Type", "application/merge-patch+json"}, {"X-User", user}});
  }
};

TEST_F(Schedules, AreCreatedWithDefaults) {
  const Reply reply = create(nightly());
  ASSERT_EQ(reply.status, 201) << reply.body;
  EXPECT_EQ(reply.json()["kind"], "GaleraBackupSchedule");
  EXPECT_EQ(reply.json()["spec"]["timeZone"], "UTC");
  EXPECT_EQ(reply.json()["spec"]["suspend"], false);
  EXPECT_EQ(get(kSchedules + "/nightly").json()["spec"]["template"]["spec"]["verification"],
            "Checksum");
}

TEST_F(Schedules, BadInputIsNamedWithItsField) {
  const auto message = [&](const std::function<void(Json&)>& spoil) {
    Json object = nightly();
    spoil(object);
    const Reply reply = create(object);
    EXPECT_EQ(reply.status, 422) << reply.body;
    return reply.message();
  };
  EXPECT_THAT(message([](Json& o) { o["spec"]["schedule"] = "0 0 30 2 *"; }),
              HasSubstr("spec.schedule: Invalid value: \"0 0 30 2 *\": no date matches"));
  EXPECT_THAT(message([](Json& o) { o["spec"]["timeZone"] = "Mars/Olympus"; }),
              HasSubstr("spec.timeZone: Invalid value: \"Mars/Olympus\": there is no time zone"));
  EXPECT_THAT(message([](Json& o) { o["spec"]["retention"] = Json::object(); }),
              HasSubstr("keeps nothing: set at least one of keepLast"));
  EXPECT_THAT(message([](Json& o) { o["spec"]["retention"] = {{"keepLast", -1}}; }),
              HasSubstr("spec.retention.keepLast"));
  EXPECT_THAT(message([](Json& o) { o["spec"].erase("template"); }),
              HasSubstr("spec.template: Required value"));
  EXPECT_THAT(message([](Json& o) { o["spec"]["template"]["spec"] = Json::object(); }),
              HasSubstr("spec.template.spec.databaseInstances: Required value"));
  EXPECT_THAT(message([](Json& o) {
                o["spec"]["template"]["spec"]["databases"] = {"nova"};
                o["spec"]["template"]["spec"]["excludeDatabases"] = {"nova"};
              }),
              HasSubstr("spec.template.spec.excludeDatabases[0]"));
  EXPECT_THAT(
      message([](Json& o) { o["spec"]["template"]["metadata"] = {{"labels", {{"a b", "c"}}}}; }),
      HasSubstr("spec.template.metadata.labels"));
  EXPECT_THAT(message([](Json& o) { o["metadata"]["name"] = std::string(64, 'a'); }),
              HasSubstr("must be no more than 63 characters"));
}

TEST_F(Schedules, EverythingMayBeChangedAndWhatGoesIsToldFirst) {
  create(nightly());
  jobs->schedule_warnings = {"by the rules of this schedule 1 backup goes to the trash: nightly-1"};
  const Json patch{{"spec", {{"retention", {{"keepLast", 1}}}}}};
  const Reply tried = merge(patch, "?dryRun=All");
  EXPECT_EQ(tried.status, 200) << tried.body;
  EXPECT_THAT(tried.header("Warning"), HasSubstr("1 backup goes to the trash: nightly-1"));
  EXPECT_FALSE(get(kSchedules + "/nightly").json()["spec"].contains("retention"));
  const Reply changed = merge(patch);
  EXPECT_EQ(changed.status, 200) << changed.body;
  EXPECT_EQ(changed.json()["metadata"]["generation"], 2);
  EXPECT_EQ(changed.json()["status"]["settledTime"], "2026-11-20T10:00:00Z");
}

TEST_F(Schedules, WhatANewOneOfAnOldNameGivesUpIsToldToWhoMakesIt) {
  jobs->schedule_warnings = {"by the rules of this schedule 1 backup goes to the trash: nightly-1"};
  const Reply tried = ask("POST", kSchedules + "?dryRun=All", nightly().dump());
  EXPECT_EQ(tried.status, 201) << tried.body;
  EXPECT_THAT(tried.header("Warning"), HasSubstr("1 backup goes to the trash: nightly-1"));
  const Reply made = create(nightly());
  EXPECT_EQ(made.status, 201) << made.body;
  EXPECT_THAT(made.header("Warning"), HasSubstr("1 backup goes to the trash: nightly-1"));
}

TEST_F(Schedules, WhoMayNotBackUpMayNotHaveItBackedUp) {
  create(nightly());
  const Reply reply = merge({{"spec", {{"suspend", true}}}}, "", "bob");
  EXPECT_EQ(reply.status, 403) << reply.body;
}

TEST_F(Schedules, TriggerAnswersWithTheBackup) {
  create(nightly());
  const Reply reply = ask("POST", kSchedules + "/nightly/trigger", "");
  ASSERT_EQ(reply.status, 201) << reply.body;
  EXPECT_EQ(reply.json()["kind"], "GaleraBackup");
  EXPECT_EQ(reply.json()["metadata"]["name"], "nightly-manual");
  EXPECT_EQ(get(kSchedules + "/nightly/trigger").status, 405);
  EXPECT_EQ(ask("POST", kSchedules + "/nightly/trigger", R"({"name": "mine"})").status, 400);
  EXPECT_EQ(ask("POST", kSchedules + "/other/trigger", "").status, 404);
}

TEST_F(Schedules, ATriggerThatIsRefusedSaysWhy) {
  create(nightly());
  jobs->refuse_trigger = true;
  const Reply reply = ask("POST", kSchedules + "/nightly/trigger", "");
  EXPECT_EQ(reply.status, 409) << reply.body;
  EXPECT_THAT(reply.message(), HasSubstr("is running"));
}

TEST_F(Schedules, ATableTellsWhatAnOperatorAsks) {
  create(nightly());
  const Json table =
      get(kSchedules, {{"Accept", "application/json;as=Table;v=v1;g=meta.k8s.io"}}).json();
  std::vector<std::string> names;
  for (const Json& column : table["columnDefinitions"])
    if (column["priority"] == 0) names.push_back(column["name"]);
  EXPECT_THAT(names, testing::ElementsAre("Name", "Schedule", "Phase", "Next", "Last Success",
                                          "Failures", "Age"));
}

}  // namespace
}  // namespace gb::handlers::test
