#include "galera/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "galera/target_fit.h"

namespace gb::galera {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

InstanceModel backup_of(const std::vector<std::string>& schemas) {
  InstanceModel model;
  for (const std::string& name : schemas) model.schemas.emplace_back().name = name;
  model.facts.server_version = "10.6.12-MariaDB";
  return model;
}

std::string refusal(const RestoreOptions& options) {
  const InstanceModel model = backup_of({"keystone", "nova"});
  const auto selection = select_for_restore(model, options);
  if (selection) return "accepted";
  EXPECT_EQ(selection.error().code, Code::kInvalid);
  return selection.error().text();
}

TEST(Selection, IsTheWholeBackupUnlessSchemasAreNamed) {
  const InstanceModel model = backup_of({"keystone", "nova"});
  EXPECT_THAT(select_for_restore(model, {})->sources(), ElementsAre("keystone", "nova"));
  EXPECT_THAT(select_for_restore(model, {.databases = {"nova"}})->sources(), ElementsAre("nova"));
}

TEST(Selection, KnowsWhichSchemasChangeTheirName) {
  const InstanceModel model = backup_of({"keystone", "nova"});
  const auto selection =
      select_for_restore(model, {.rename = {{"nova", "nova_restored"}, {"keystone", "keystone"}}});
  ASSERT_TRUE(selection);
  EXPECT_EQ(selection->schemas[1].target, "nova_restored");
  EXPECT_EQ(selection->names, (SchemaNames{{"nova", "nova_restored"}}));
}

TEST(Selection, RefusesWhatCannotBe) {
  EXPECT_THAT(refusal({.databases = {"glance"}}),
              AllOf(HasSubstr("glance"), HasSubstr("keystone, nova")));
  EXPECT_THAT(refusal({.rename = {{"glance", "x"}}}), HasSubstr("which is not restored"));
  EXPECT_THAT(refusal({.databases = {"nova"}, .rename = {{"keystone", "x"}}}),
              HasSubstr("which is not restored"));
  EXPECT_THAT(refusal({.rename = {{"nova", "keystone"}}}), HasSubstr("would both become"));
  for (const char* name : {"", "ends "})
    EXPECT_THAT(refusal({.rename = {{"nova", name}}}), HasSubstr("cannot be the name")) << name;
  EXPECT_THAT(refusal({.rename = {{"nova", std::string(65, 'x')}}}), HasSubstr("64 characters"));
  EXPECT_THAT(refusal({.rename = {{"nova", "MySQL"}}}), HasSubstr("belongs to the server"));
  std::string umlauts;
  for (int i = 0; i < 64; ++i) umlauts += "ü";
  EXPECT_EQ(refusal({.rename = {{"nova", umlauts}}}), "accepted");
  // The server takes them, and encodes them in the name of its folder.
  for (const char* name : {"a/b", "a.b", "a\\b"})
    EXPECT_EQ(refusal({.rename = {{"nova", name}}}), "accepted") << name;
}

NodeState node(const std::string& host, const std::string& state = "Synced") {
  NodeState out;
  out.address = {host, 3306};
  out.version = "10.11.6-MariaDB";
  out.galera = out.primary = true;
  out.state = state;
  return out;
}

std::string first_failure(const Result<Topology>& topology,
                          const std::string& backup_version = "10.6.12",
                          bool not_the_source = false) {
  InstanceModel model = backup_of({});
  model.facts.cluster_uuid = "8a1f";
  model.facts.server_version = backup_version;
  Endpoint target;
  target.name = "openstack";
  const CheckedPlan plan = check_target(target, topology, model, not_the_source);
  const Status status = ready(plan, target.name);
  return status ? "ready" : status.error().text();
}

TEST(TargetCheck, TakesASyncedNode) {
  EXPECT_EQ(first_failure(Topology{{node("a", "Donor/Desynced"), node("b")}}), "ready");
}

TEST(TargetCheck, TheSourceItselfIsRefusedToWhoFollowsIt) {
  NodeState same = node("a");
  same.cluster_uuid = "8a1f";
  EXPECT_EQ(first_failure(Topology{{same}}), "ready");
  EXPECT_THAT(first_failure(Topology{{same}}, "10.6.12", true),
              AllOf(HasSubstr("NotTheSource"), HasSubstr("spec.targets")));
  NodeState other = node("a");
  other.cluster_uuid = "77aa";
  EXPECT_EQ(first_failure(Topology{{other}}, "10.6.12", true), "ready");
}

TEST(TargetCheck, NamesWhatIsWrongFirst) {
  EXPECT_THAT(first_failure(fail(Code::kForbidden, "user \"root\" was refused")),
              AllOf(HasSubstr("TargetReachable"), HasSubstr("was refused"),
                    HasSubstr("nothing was changed")));
  NodeState alone = node("a");
  alone.primary = false;
  EXPECT_THAT(first_failure(Topology{{alone}}),
              AllOf(HasSubstr("TargetPrimary"), HasSubstr("bootstrap")));
  EXPECT_THAT(first_failure(Topology{{node("a", "Joining: receiving State Transfer")}}),
              AllOf(HasSubstr("TargetSynced"), HasSubstr("Joining")));
}

TEST(TargetCheck, AnOlderServerIsRefused) {
  EXPECT_THAT(first_failure(Topology{{node("a")}}, "11.4.2-MariaDB"),
              AllOf(HasSubstr("ServerVersion"), HasSubstr("10.11.6"), HasSubstr("11.4.2")));
  EXPECT_EQ(first_failure(Topology{{node("a")}}, "10.11.99-MariaDB"), "ready");
  EXPECT_EQ(first_failure(Topology{{node("a")}}, "10.5.23-MariaDB"), "ready");
}

class TargetFit : public testing::Test {
 protected:
  TargetFit() {
    model_ = backup_of({"nova"});
    add_table("instances", "InnoDB");
    selection_ = *select_for_restore(model_, {});
  }
  void add_table(const std::string& name, const std::string& engine) {
    Table& table = model_.schemas.front().tables.emplace_back();
    table.name = name;
    table.engine = engine;
  }
  std::string names(int lower_case_table_names) {
    const auto fit = fit_table_names(lower_case_table_names, model_.facts, selection_);
    return fit ? "passed: " + *fit : fit.error().text();
  }
  InstanceModel model_;
  Selection selection_;
};

TEST_F(TargetFit, NamesEachTableWhoseEngineIsNotThere) {
  EXPECT_TRUE(fit_engines({"innodb", "aria"}, selection_));
  add_table("metrics", "ROCKSDB");
  EXPECT_TRUE(fit_engines({"innodb", "rocksdb"}, selection_));
  EXPECT_THAT(fit_engines({"innodb"}, selection_).error().text(),
              AllOf(HasSubstr("`nova`.`metrics` (ROCKSDB)"), HasSubstr("INSTALL SONAME")));
}

TEST_F(TargetFit, TellsWhatTheBackupCouldNotHold) {
  model_.notes = {"table nova.log keeps its history by transaction numbers",
                  "table nova_api.log keeps its history by transaction numbers",
                  "node 10.0.0.2:3306 is left out of its cluster's flow control"};
  const std::string of_nova = model_.notes.front();
  EXPECT_THAT(known_losses(model_, selection_, "10.0.0.1:3306"), ElementsAre(of_nova));
  add_table("cache", "Aria");
  Table& aria = model_.schemas.front().tables.back();
  aria.transactional = false;
  EXPECT_THAT(known_losses(model_, selection_, "10.0.0.1:3306"), ElementsAre(of_nova));
  aria.totals.rows = 3;
  EXPECT_THAT(known_losses(model_, selection_, "10.0.0.1:3306"),
              ElementsAre(of_nova, AllOf(HasSubstr("on node 10.0.0.1:3306 alone"),
                                         HasSubstr("`nova`.`cache` (Aria)"))));
  EXPECT_THAT(known_losses(model_, selection_, ""), ElementsAre(of_nova)) << "a server alone";
}

TEST_F(TargetFit, NamesWhatATargetWouldWriteInLowerCase) {
  EXPECT_EQ(names(0), "passed: ");
  EXPECT_EQ(names(1), "passed: ");
  add_table("Instances", "InnoDB");
  EXPECT_EQ(names(0), "passed: ");
  EXPECT_THAT(names(1), AllOf(HasSubstr("the target (lower_case_table_names 1) does not keep names "
                                        "as they are: `nova`.`instances`, `nova`.`Instances`"),
                              HasSubstr("spec.databases")));
  EXPECT_THAT(names(2), HasSubstr("`nova`.`instances`, `nova`.`Instances`"));
  model_.schemas.front().tables.erase(model_.schemas.front().tables.begin());
  EXPECT_THAT(names(1), HasSubstr("names as they are: `nova`.`Instances`"));
  EXPECT_EQ(names(2), "passed: ") << "kept as it is written";
  selection_ = *select_for_restore(model_, {.rename = {{"nova", "Nova"}}});
  EXPECT_THAT(names(1), HasSubstr("names as they are: `Nova`, `Nova`.`Instances`"));
  model_.facts.lower_case_table_names = 1;
  EXPECT_THAT(names(0), HasSubstr("passed: not known: the source took the names of tables"));
}

}  // namespace
}  // namespace gb::galera
