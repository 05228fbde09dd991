#include "jobs/left_blocks.h"

#include "test/unit/jobs/jobs_fixture.h"

namespace gb::jobs::test {
namespace {

TEST_F(JobsTest, AGateThatADeadProcessHeldIsOpenedBeforeItsRestoreHasEnded) {
  jobs_.reset();
  api::Json dom = restore("r", {{"backup", "a"}});
  Executor dead = Executor::self("an-older-life");
  dead.process_start = "1";
  dom["status"] = {{"phase", "Restoring"}, {"executor", dead.to_json()}};
  ASSERT_TRUE(catalog_->create(api::kRestores, dom));
  gates_.held = {{"openstack", "main", "r", dom["metadata"]["uid"]}};
  gates_.failures = 1;
  start();
  const api::ObjectKey key{api::kRestores, "openstack", "r"};
  until_ended(key);
  EXPECT_EQ(gates_.count(), 0U) << "the first try failed, and was not the last";
}

TEST_F(JobsTest, AGateWhoseRestoreHasEndedOrIsGoneIsOpened) {
  jobs_.reset();
  api::Json ended = restore("ended", {{"backup", "a"}});
  ended["status"] = {{"phase", "Failed"}};
  api::Json running = restore("running", {{"backup", "a"}});
  running["status"] = {{"phase", "Restoring"}};
  ASSERT_TRUE(catalog_->create(api::kRestores, ended));
  ASSERT_TRUE(catalog_->create(api::kRestores, running));
  const auto uid = [](const api::Json& dom) { return dom["metadata"]["uid"].get<std::string>(); };
  gates_.held = {{"openstack", "main", "ended", uid(ended)},
                 {"openstack", "cell1", "running", uid(running)},
                 {"openstack", "dr", "running", "of-one-before"},
                 {"openstack", "x", "gone", "of-one-gone"}};
  Environment environment;
  environment.catalog = catalog_.get();
  environment.gates = &gates_;
  LeftBlocks left(environment);
  left.look({});
  EXPECT_EQ(gates_.count(), 3U) << "one that is not known may have been made in this moment";
  left.look({});
  ASSERT_EQ(gates_.count(), 1U);
  EXPECT_EQ(gates_.held.front().instance, "cell1") << "its restore runs";
  gates_.failures = 1;
  left.look({});
  EXPECT_EQ(gates_.count(), 1U);
}

TEST_F(JobsTest, AGateThatCannotBeOpenedIsSaidOnce) {
  jobs_.reset();
  gates_.held = {{"openstack", "x", "gone", "of-one-gone"}};
  gates_.stuck = true;
  Environment environment;
  environment.catalog = catalog_.get();
  environment.gates = &gates_;
  environment.events = &events_;
  LeftBlocks left(environment);
  for (int i = 0; i < 4; ++i) left.look({});
  EXPECT_EQ(left.last_seen().size(), 1U);
  EXPECT_THAT(events_.told, testing::ElementsAre("gone TrafficLeftBlocked"));
  gates_.stuck = false;
  left.look({});
  EXPECT_TRUE(left.last_seen().empty());
}

// A Service has no node of which a mark would tell: kubectl galera status reads the restore's own.
TEST_F(JobsTest, AGateThatIsLeftIsToldUntilItIsOpen) {
  jobs_.reset();
  api::Json dom = restore("ended", {{"backup", "a"}});
  dom["status"] = {{"phase", "Failed"}};
  const auto object = catalog_->create(api::kRestores, dom);
  ASSERT_TRUE(object);
  const auto told = [&] {
    return (*catalog_->get((*object)->key()))
        ->dom()["status"]
        .value("trafficLeftBlocked", api::Json());
  };
  Environment environment;
  static_cast<Dependencies&>(environment) = dependencies(*catalog_);
  LeftBlocks left(environment);
  const GateHolder gate{"openstack", "main", "ended", (*object)->uid()};
  gates_.held = {gate};
  gates_.stuck = true;
  for (int i = 0; i < 3; ++i) left.look({});
  EXPECT_EQ(told(), api::Json({"main"}));
  const std::uint64_t revision = (*catalog_->get((*object)->key()))->revision();
  left.look({});
  EXPECT_EQ((*catalog_->get((*object)->key()))->revision(), revision) << "nothing new, no commit";
  gates_.stuck = false;
  left.look({});
  EXPECT_EQ(told(), api::Json());

  gates_.held = {gate};
  gates_.stuck = true;
  left.look({});
  EXPECT_EQ(told(), api::Json({"main"}));
  gates_.held.clear();  // somebody gave the Service its selector back by hand
  left.look({});
  EXPECT_EQ(told(), api::Json());
}

TEST_F(JobsTest, TheServerLooksForGatesWhenItStarts) {
  jobs_.reset();
  api::Json ended = restore("ended", {{"backup", "a"}});
  ended["status"] = {{"phase", "Failed"}};
  ASSERT_TRUE(catalog_->create(api::kRestores, ended));
  gates_.held = {{"openstack", "main", "ended", ended["metadata"]["uid"]}};
  start();
  EXPECT_TRUE(eventually([&] { return gates_.count() == 0; }));
}

// Nodes of a configured instance say nothing of who made them read_only: a mark in the store does.
class LeftNodesTest : public QuickLooksTest {
 protected:
  void SetUp() override {
    QuickLooksTest::SetUp();
    finish(submit(backup("a")));
  }
  // A restore onto "main" that has blocked it and is at work until it is stopped.
  api::ObjectPtr at_work() {
    cluster_.block_restores = true;
    const auto submitted = submit(restore("r", {{"backup", "a"}}));
    EXPECT_TRUE(submitted);
    EXPECT_TRUE(eventually([&] {
      const std::scoped_lock lock(cluster_.mutex);
      return cluster_.restores == 1;
    }));
    return *catalog_->get((*submitted)->key());
  }
  // Its job may be writing to it.
  void remove(const api::ObjectKey& key) {
    EXPECT_TRUE(eventually([&] {
      const auto now = catalog_->get(key);
      return !now || catalog_->remove(key, (*now)->revision());
    }));
  }
  void nodes_answer(const Status& answer) {
    const std::scoped_lock lock(cluster_.mutex);
    cluster_.give_back_error = answer;
  }
  bool is_given_back() {
    return eventually([&] {
      const std::scoped_lock lock(cluster_.mutex);
      return cluster_.traffic_given_back == std::vector<std::string>{"main"};
    });
  }
  const Status hangs_ = fail(Code::kUnavailable, "10.0.0.3:3306 does not answer");
};

TEST_F(LeftNodesTest, NodesAreMarkedForAsLongAsTheyAreBlocked) {
  const api::ObjectPtr running = at_work();
  const auto mark = read_block_mark(*blobs_, "openstack", running->uid());
  ASSERT_TRUE(mark) << mark.error().text();
  EXPECT_EQ(mark->restore, "r");
  EXPECT_THAT(mark->instances, testing::ElementsAre("main"));
  ASSERT_TRUE(jobs_->cancel(running->key(), alice_, false));
  EXPECT_EQ(api::phase_of(finish(running)), "Cancelled");
  EXPECT_TRUE(blobs_->list("blocked/")->empty());
}

TEST_F(LeftNodesTest, ANodeThatHangsWhenItsRestoreIsDeletedIsGivenBackLater) {
  const api::ObjectPtr running = at_work();
  nodes_answer(hangs_);
  jobs_->deleted(*running);
  remove(running->key());
  EXPECT_TRUE(eventually([&] { return events_.has("r TrafficLeftBlocked"); }));
  nodes_answer({});
  EXPECT_TRUE(is_given_back());
}

TEST_F(LeftNodesTest, ARestoreIsDeletedAndItsServerKilledBeforeItGivesBack) {
  remove(at_work()->key());
  // What is in the store in this moment is all that the next server finds.
  storage::MemoryBlobStore left;
  const auto all = *blobs_->list("");
  for (const storage::BlobInfo& blob : all)
    ASSERT_TRUE(storage::put(left, blob.key, as_bytes(*blobs_->get(blob.key))));
  jobs_.reset();
  const auto catalog = *storage::Catalog::open({std::shared_ptr<void>(), &left}, clock(), rng_, {});
  Dependencies d = dependencies(*catalog);
  d.stores.front().blobs = {std::shared_ptr<void>(), &left};
  d.look_every = std::chrono::milliseconds(20);
  const auto next = *Jobs::start(std::move(d));
  EXPECT_TRUE(is_given_back());
}

TEST_F(LeftNodesTest, ANodeThatWasReadOnlyBeforeStaysSo) {
  cluster_.read_only = {"10.0.0.3:3306"};
  nodes_answer(hangs_);
  const auto ended = submit(restore("r", {{"backup", "a"}}));
  finish(ended);
  const auto mark = read_block_mark(*blobs_, "openstack", (*ended)->uid());
  ASSERT_TRUE(mark) << mark.error().text();
  EXPECT_THAT(mark->read_only_before_on("main"), testing::ElementsAre("10.0.0.3:3306"));
  EXPECT_THAT(mark->read_only_before_on("cell1"), testing::IsEmpty());
  nodes_answer({});
  EXPECT_TRUE(is_given_back());
  EXPECT_THAT(cluster_.kept_read_only, testing::ElementsAre("10.0.0.3:3306"));
}

TEST_F(LeftNodesTest, WhatARestoreLeftIsKnownAfterItsDeletionAndANewStart) {
  nodes_answer(hangs_);
  const auto ended = submit(restore("r", {{"backup", "a"}}));
  EXPECT_EQ(finish(ended)["status"]["trafficLeftBlocked"], api::Json({"main"}));
  jobs_.reset();
  remove((*ended)->key());
  start_quick();
  EXPECT_TRUE(eventually([&] { return events_.has("r TrafficLeftBlocked"); }));
  nodes_answer({});
  EXPECT_TRUE(is_given_back());
}

TEST_F(LeftNodesTest, WhatCannotBeMarkedIsNotBlocked) {
  faulty_.inject({.keys = "blocked/*", .times = -1});
  const api::Json done = finish(submit(restore("r", {{"backup", "a"}})));
  EXPECT_EQ(done["status"]["phase"], "Failed");
  EXPECT_THAT(
      done["status"]["message"].get<std::string>(),
      testing::AllOf(
          testing::HasSubstr("it could not be recorded that nodes are going to be read_only, so "
                             "that nothing was changed on the target: "),
          testing::HasSubstr("injected: ")));
  EXPECT_THAT(cluster_.steps, testing::Not(testing::Contains("block main")));
}

}  // namespace
}  // namespace gb::jobs::test
