#include <gmock/gmock.h>

#include "test/unit/api/fixture.h"

namespace gb::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> backup_wrongs(Json spec) {
  spec.emplace("databaseInstances", Json::array({"openstack"}));
  return wrongs(backup_type(), backup(std::move(spec)));
}

TEST(Validate, TheExamplesOfTheDesignAreValid) {
  EXPECT_THAT(backup_wrongs({{"databaseInstances", {"openstack", "openstack-cell1"}},
                             {"databases", {"keystone", "nova"}},
                             {"excludeTables", {"nova.shadow_*"}},
                             {"content", "All"},
                             {"store", "default"},
                             {"ttl", "720h"},
                             {"verification", "Checksum"},
                             {"activeDeadline", "6h"},
                             {"threads", 4}}),
              IsEmpty());
  EXPECT_THAT(wrongs(restore_type(), restore({{"backup", "latest"},
                                              {"databaseInstances", {"openstack"}},
                                              {"targets", {{"openstack", "openstack-dr"}}},
                                              {"databases", {"nova"}},
                                              {"rename", {{"nova", "nova_restored"}}},
                                              {"existing", "Replace"}})),
              IsEmpty());
}

TEST(Validate, WhatIsRequiredIsNamed) {
  EXPECT_THAT(wrongs(backup_type(), {{"metadata", {{"name", "a"}}}}),
              ElementsAre("spec: Required value"));
  EXPECT_THAT(wrongs(backup_type(), backup(Json::object())),
              ElementsAre("spec.databaseInstances: Required value"));
  EXPECT_THAT(backup_wrongs({{"databaseInstances", Json::array()}}),
              ElementsAre("spec.databaseInstances: Invalid value: 0: spec.databaseInstances in "
                          "body should have at least 1 items"));
}

TEST(Validate, TypesEnumerationsAndBounds) {
  EXPECT_THAT(backup_wrongs({{"threads", "many"}}),
              ElementsAre("spec.threads: Invalid value: \"string\": spec.threads in body must be "
                          "of type integer: \"string\""));
  EXPECT_THAT(backup_wrongs({{"threads", 0}}),
              ElementsAre("spec.threads: Invalid value: 0: spec.threads in body should be greater "
                          "than or equal to 1"));
  EXPECT_THAT(backup_wrongs({{"threads", 1.5}}), ElementsAre(HasSubstr("of type integer")));
  EXPECT_THAT(backup_wrongs({{"threads", 18446744073709551615ULL}}),
              ElementsAre(HasSubstr("less than or equal to 64")));
  EXPECT_THAT(backup_wrongs({{"content", "Some"}}),
              ElementsAre("spec.content: Unsupported value: \"Some\": supported values: \"All\", "
                          "\"Data\", \"Grants\""));
  EXPECT_THAT(backup_wrongs({{"databaseInstances", {"a", "a"}}}),
              ElementsAre("spec.databaseInstances[1]: Duplicate value: \"a\""));
}

TEST(Validate, StringsHaveTheFormTheyMustHave) {
  EXPECT_THAT(backup_wrongs({{"ttl", "7 days"}}),
              ElementsAre("spec.ttl: Invalid value: \"7 days\": must be a duration such as 30m, 6h "
                          "or 720h"));
  EXPECT_THAT(backup_wrongs({{"ttl", "0s"}}), ElementsAre(HasSubstr("longer than zero")));
  EXPECT_THAT(backup_wrongs({{"excludeTables", {"nova"}}}),
              ElementsAre("spec.excludeTables[0]: Invalid value: \"nova\": must be a glob on "
                          "schema.table, such as nova.shadow_*"));
  EXPECT_THAT(backup_wrongs({{"databases", {"MySQL"}}}), ElementsAre(HasSubstr("system schema")));
  EXPECT_THAT(
      backup_wrongs({{"databaseInstances", {"Open_Stack"}}}),
      ElementsAre("spec.databaseInstances[0]: Invalid value: \"Open_Stack\": a lowercase RFC 1123 "
                  "subdomain must consist of lower case alphanumeric characters, '-' or '.', and "
                  "must start and end with an alphanumeric character (e.g. 'example.com', regex "
                  "used for validation is "
                  "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"));
  EXPECT_THAT(wrongs(restore_type(), restore({{"asOf", "yesterday"}})),
              ElementsAre(HasSubstr("RFC 3339")));
}

TEST(Validate, WhatThisReleaseDoesNotDoIsRefusedNotIgnored) {
  EXPECT_THAT(backup_wrongs({{"resources", "All"}}),
              ElementsAre("spec.resources: Forbidden: the value \"All\" is not available in this "
                          "release; use \"None\""));
  EXPECT_THAT(backup_wrongs({{"verification", "Restore"}}), IsEmpty());
  EXPECT_THAT(backup_wrongs({{"copyTo", {"offsite"}}}),
              ElementsAre("spec.copyTo: Forbidden: copyTo is not available in this release; leave "
                          "it out"));
  EXPECT_THAT(backup_wrongs({{"copyTo", Json::array()}}), IsEmpty());
  EXPECT_THAT(backup_wrongs({{"resources", ""}}), ElementsAre(HasSubstr("Unsupported value")));
  EXPECT_THAT(wrongs(restore_type(), restore({{"backup", "a"}, {"fromStore", "x"}})),
              ElementsAre(HasSubstr("spec.fromStore: Forbidden")));
}

TEST(Validate, ARestoreNamesExactlyOneSource) {
  EXPECT_THAT(wrongs(restore_type(), restore(Json::object())),
              ElementsAre("spec.backup: Required value: set backup (the name of a GaleraBackup, or "
                          "latest), schedule (its newest backup) or asOf (a time)"));
  EXPECT_THAT(wrongs(restore_type(), restore({{"schedule", "nightly"}})), IsEmpty());
  EXPECT_THAT(
      wrongs(restore_type(), restore({{"backup", "a"}, {"schedule", "nightly"}})),
      ElementsAre("spec.schedule: Forbidden: may not be set together with backup; leave one out"));
  EXPECT_THAT(
      wrongs(restore_type(), restore({{"backup", "a"}, {"asOf", "2026-11-20T02:00:00Z"}})),
      ElementsAre("spec.asOf: Forbidden: may not be set together with backup; leave one out"));
}

TEST(Validate, WhatFollowsFollowsAScheduleAndReplaces) {
  EXPECT_THAT(wrongs(restore_type(),
                     restore({{"schedule", "nightly"}, {"follow", true}, {"existing", "Replace"}})),
              IsEmpty());
  EXPECT_THAT(
      wrongs(restore_type(), restore({{"backup", "latest"}, {"follow", true}})),
      ElementsAre("spec.schedule: Required value: follow restores the backups of a schedule",
                  HasSubstr("spec.existing: Invalid value: \"Fail\": must be Replace")));
}

TEST(Validate, RenamesMayNotCollide) {
  const auto check = [](Json spec) {
    spec["backup"] = "a";
    return wrongs(restore_type(), restore(std::move(spec)));
  };
  EXPECT_THAT(
      check({{"rename", {{"a", "c"}, {"b", "c"}}}}),
      ElementsAre("spec.rename[b]: Invalid value: \"c\": is where \"a\" is restored to; use "
                  "another name"));
  EXPECT_THAT(check({{"databases", {"a", "b"}}, {"rename", {{"a", "b"}}}}),
              ElementsAre(HasSubstr("is where \"b\" is restored to")));
  EXPECT_THAT(check({{"databases", {"a", "b"}}, {"rename", {{"a", "b"}, {"b", "a"}}}}), IsEmpty())
      << "a swap is no collision";
  EXPECT_THAT(check({{"databases", {"a"}}, {"rename", {{"x", "y"}}}}),
              ElementsAre("spec.rename: Invalid value: \"x\": is not in spec.databases"));
  EXPECT_THAT(check({{"rename", {{"a", "mysql"}}}}), ElementsAre(HasSubstr("system schema")));
  EXPECT_THAT(check({{"targets", {{"a", "t"}, {"b", "t"}}}}),
              ElementsAre(HasSubstr("spec.targets[b]: Invalid value: \"t\"")));
}

TEST(Validate, ABackupIsNotCalledLatest) {
  Json object = backup();
  object["metadata"]["name"] = "latest";
  EXPECT_THAT(wrongs(backup_type(), object), ElementsAre(HasSubstr("metadata.name")));
}

TEST(Validate, AHostileObjectGetsABoundedAnswer) {
  Json names = Json::array();
  for (int i = 0; i < 5000; ++i) names.push_back(i);
  EXPECT_LE(backup_wrongs({{"databases", names}}).size(), 100U);
  EXPECT_THAT(backup_wrongs({{"databaseInstances", Json(Json::array_t(65, "a"))}}),
              ElementsAre("spec.databaseInstances: Too many: 65: must have at most 64 items"));
}

TEST(Types, SpecsAreReadAsTheyWereDefaulted) {
  Json object = backup({{"databaseInstances", {"a", "b"}}, {"ttl", "90m"}, {"hold", true}});
  apply_defaults(backup_type(), object);
  const BackupSpec spec = read_backup_spec(object);
  EXPECT_THAT(spec.database_instances, ElementsAre("a", "b"));
  EXPECT_EQ(spec.ttl, std::chrono::seconds(5400));
  EXPECT_EQ(spec.active_deadline, std::chrono::hours(6));
  EXPECT_TRUE(spec.hold);
  EXPECT_EQ(spec.threads, 4U);

  Json other = restore({{"asOf", "2026-11-20T02:00:00Z"}, {"rename", {{"a", "b"}}}});
  apply_defaults(restore_type(), other);
  const RestoreSpec read = read_restore_spec(other);
  EXPECT_EQ(read.as_of, *from_rfc3339("2026-11-20T02:00:00Z"));
  EXPECT_EQ(read.rename.at("a"), "b");
  EXPECT_EQ(read.existing, "Fail");
  EXPECT_TRUE(read.safety_backup);
}

TEST(Types, AConditionKeepsItsTimeUntilItsStatusChanges) {
  Json status;
  set_condition(status, "Completed", "False", "Running", "goes on", test_now());
  set_condition(status, "Verified", "Unknown", "Waiting", "", test_now());
  set_condition(status, "Completed", "False", "Running", "60%", test_now() + std::chrono::hours(1));
  ASSERT_EQ(status["conditions"].size(), 2U);
  EXPECT_EQ(status["conditions"][0]["lastTransitionTime"], "2026-11-20T10:00:00Z");
  EXPECT_EQ(status["conditions"][0]["message"], "60%");
  set_condition(status, "Completed", "True", "Done", "", test_now() + std::chrono::hours(2));
  EXPECT_EQ(status["conditions"][0]["lastTransitionTime"], "2026-11-20T12:00:00Z");
}

}  // namespace
}  // namespace gb::api
