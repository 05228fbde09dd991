// Which backup a restore means: by name, latest, asOf, schedule; and what is said of it.
#include "test/unit/jobs/jobs_fixture.h"

namespace gb::jobs::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// Backups over days, which are named, or told by what they are to be.
class ChoiceTest : public JobsTest {
 protected:
  Clock& clock() override { return manual_; }
  void take(const std::string& name, const char* schedule, const char* ns = "openstack",
            const api::Json& extra = api::Json::object()) {
    api::Json dom = backup(name, extra);
    dom["metadata"]["labels"] = {{"backup.rhoso.io/schedule", schedule}};
    dom["metadata"]["namespace"] = ns;
    EXPECT_EQ(api::phase_of(finish(submit(std::move(dom)))), "Completed");
    manual_.advance(std::chrono::hours(24));
  }
  // The backup of a restore that completes.
  std::string chosen(api::Json spec) {
    const api::Json done =
        finish(submit(restore("r" + std::to_string(++restores_), std::move(spec))));
    EXPECT_EQ(done["status"]["phase"], "Completed") << done.dump(1);
    told_ = done["status"].value("message", "");
    return done["status"].value("backup", "");
  }

  std::string told_;  // of the last restore
  ManualClock manual_{*from_rfc3339("2026-11-20T10:00:00Z")};
  int restores_ = 0;
};

TEST_F(ChoiceTest, EachWayToNameABackupChoosesThatOne) {
  take("first", "nightly");  // of 20 November
  take("second", "weekly");  // 21
  take("third", "nightly");  // 22
  take("theirs", "nightly", "elsewhere");
  take("last", "weekly");  // 24
  EXPECT_EQ(chosen({{"backup", "first"}}), "first");
  EXPECT_EQ(chosen({{"backup", "latest"}}), "last");
  EXPECT_EQ(chosen({{"schedule", "nightly"}}), "third");
  EXPECT_EQ(chosen({{"schedule", "weekly"}}), "last");
  EXPECT_EQ(chosen({{"asOf", "2026-11-22T10:00:00Z"}}), "third");
  EXPECT_EQ(chosen({{"asOf", "2026-11-22T09:59:59Z"}}), "second");
  EXPECT_EQ(chosen({{"backup", "theirs"}, {"sourceNamespace", "elsewhere"}}), "theirs");
  EXPECT_EQ(chosen({{"backup", "latest"}, {"sourceNamespace", "elsewhere"}}), "theirs");
  const auto before_all = submit(restore("none", {{"asOf", "2026-11-20T09:59:59Z"}}));
  ASSERT_FALSE(before_all);
  EXPECT_EQ(before_all.error().code, Code::kNotFound);
  EXPECT_THAT(before_all.error().text(),
              HasSubstr("whose snapshot is not later than 2026-11-20T09:59:59Z"));
  EXPECT_EQ(submit(restore("none", {{"schedule", "yearly"}})).error().code, Code::kNotFound);
  EXPECT_EQ(submit(restore("none", {{"backup", "theirs"}})).error().code, Code::kNotFound);
}

TEST_F(ChoiceTest, AllOfItGoesBeforeANewerPartUnlessThatIsAllThatIsAskedFor) {
  take("part", "nightly", "openstack", {{"excludeTables", {"nova.*"}}});
  EXPECT_EQ(chosen({{"backup", "latest"}}), "part") << "there is nothing else";
  EXPECT_THAT(told_, HasSubstr("backup \"part\" holds only a part of what was there"));
  EXPECT_EQ(chosen({{"backup", "part"}}), "part");
  EXPECT_EQ(told_, "") << "who names it knows it";
  take("whole", "nightly");
  take("nova", "weekly", "openstack", {{"databases", {"nova"}}});
  take("grants", "weekly", "openstack", {{"content", "Grants"}});
  EXPECT_EQ(chosen({{"backup", "latest"}}), "whole");
  EXPECT_EQ(told_, "");
  EXPECT_EQ(chosen({{"asOf", to_rfc3339(manual_.now())}}), "whole");
  EXPECT_EQ(chosen({{"asOf", "2026-11-20T10:00:00Z"}}), "part");
  EXPECT_EQ(chosen({{"backup", "latest"}, {"databases", {"nova"}}}), "nova");
  EXPECT_EQ(told_, "");
  EXPECT_EQ(chosen({{"backup", "latest"}, {"databases", {"nova", "keystone"}}}), "whole");
  EXPECT_EQ(chosen({{"schedule", "weekly"}}), "grants") << "a schedule is asked for by its name";
  EXPECT_THAT(told_, HasSubstr("backup \"grants\" holds only a part"));
}

TEST_F(ChoiceTest, InstancesThatTheLatestDoesNotHoldAreTold) {
  take("both", "nightly", "openstack", {{"databaseInstances", {"main", "cell1"}}});
  take("main-alone", "hourly");
  EXPECT_EQ(chosen({{"backup", "latest"}}), "main-alone");
  EXPECT_THAT(told_, HasSubstr("backup \"main-alone\" holds nothing of cell1"));
  EXPECT_THAT(told_, HasSubstr("name them in spec.databaseInstances"));
  EXPECT_EQ(chosen({{"backup", "latest"}, {"databaseInstances", {"main", "cell1"}}}), "both");
  EXPECT_EQ(told_, "");
  rules_.denied = {"alice get galerabackups "};
  EXPECT_EQ(chosen({{"backup", "latest"}}), "main-alone");
  EXPECT_EQ(told_, "") << "what else there is, is not for everybody";
}

TEST_F(ChoiceTest, WhatARestoreReplacedIsChosenByItsNameAlone) {
  take("good", "nightly");
  cluster_.plan_action = "Replace";
  finish(submit(restore("fix", {{"backup", "good"}, {"existing", "Replace"}})));
  manual_.advance(std::chrono::hours(24));
  ASSERT_TRUE(catalog_->get({api::kBackups, "openstack", "fix-safety"}));
  EXPECT_EQ(chosen({{"backup", "latest"}}), "good");
  EXPECT_EQ(chosen({{"asOf", to_rfc3339(manual_.now())}}), "good");
  EXPECT_EQ(chosen({{"backup", "fix-safety"}}), "fix-safety");
}

TEST_F(ChoiceTest, ASafetyBackupThatCouldNotBeNamedIsToldBeforeAnythingIsTouched) {
  take("good", "nightly");
  take("fix-safety", "nightly");
  cluster_.plan_action = "Replace";
  const auto spec = [](bool safety) {
    return api::Json{{"backup", "good"},
                     {"databases", {"nova"}},
                     {"existing", "Replace"},
                     {"safetyBackup", safety}};
  };
  const auto checked = [&](const std::string& name) {
    const auto planned = submit(restore(name, spec(true)), /*dry_run=*/true);
    EXPECT_TRUE(planned) << planned.error().text();
    const api::Json dom = (*planned)->dom();
    for (const api::Json& check : dom["status"]["preflight"])
      if (check["check"] == "SafetyBackup") return check;
    return api::Json::object();
  };
  EXPECT_EQ(checked("mend")["passed"], true);
  EXPECT_THAT(checked("fix")["message"].get<std::string>(),
              AllOf(HasSubstr("the name of backup \"fix-safety\""), HasSubstr("another name")));
  EXPECT_EQ(checked(std::string(250, 'a'))["passed"], true) << "its name is cut";
  const auto refused = submit(restore("fix", spec(true)));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().text(),
              HasSubstr("nothing was changed: instance \"main\": SafetyBackup: "));
  EXPECT_FALSE(catalog_->get({api::kRestores, "openstack", "fix"}));
  EXPECT_EQ(api::phase_of(finish(submit(restore("fix", spec(false))))), "Completed");
}

TEST_F(ChoiceTest, WhichBackupsThereAreIsNotToldToWhoMayNotKnow) {
  take("secret-name", "nightly", "elsewhere");
  rules_.denied = {"alice get galerabackups secret-name", "alice get galerabackups "};
  const auto refusal = [&](api::Json spec) {
    spec["sourceNamespace"] = "elsewhere";
    const auto refused = submit(restore("r", std::move(spec)));
    EXPECT_FALSE(refused);
    return refused ? std::string() : refused.error().text();
  };
  const std::string told = refusal({{"backup", "latest"}});
  EXPECT_THAT(told, HasSubstr("galerabackups.backup.rhoso.io \"\" is forbidden"));
  EXPECT_EQ(refusal({{"schedule", "nightly"}}), told);
  EXPECT_EQ(refusal({{"schedule", "there-is-none"}}), told);
  EXPECT_EQ(refusal({{"asOf", to_rfc3339(manual_.now())}}), told);
  EXPECT_EQ(refusal({{"asOf", "2001-01-01T00:00:00Z"}}), told);
}

TEST_F(ChoiceTest, WhatAClockThatWasAheadDatedIsTheLatestOnlyWhereThereIsNoOther) {
  manual_.step_wall(std::chrono::hours(24 * 30));
  take("ahead", "nightly");
  EXPECT_EQ(chosen({{"backup", "latest"}}), "ahead");
  manual_.step_wall(-std::chrono::hours(24 * 30));
  EXPECT_EQ(chosen({{"backup", "latest"}}), "ahead");
  take("now", "nightly");
  EXPECT_EQ(chosen({{"backup", "latest"}}), "now");
  EXPECT_EQ(chosen({{"schedule", "nightly"}}), "now");
  take("derived", "nightly");
  EXPECT_THAT(log_of((*catalog_->get({api::kBackups, "openstack", "derived"}))->dom()),
              HasSubstr("base: backup \"now\""));
}

}  // namespace
}  // namespace gb::jobs::test
