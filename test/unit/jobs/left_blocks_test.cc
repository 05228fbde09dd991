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
  while (!api::is_terminal_phase(api::phase_of((*catalog_->get(key))->dom())))
    std::this_thread::yield();
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

TEST_F(JobsTest, AGateThatCanNotBeOpenedIsSaidOnce) {
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

TEST_F(JobsTest, TheServerLooksForGatesWhenItStarts) {
  jobs_.reset();
  api::Json ended = restore("ended", {{"backup", "a"}});
  ended["status"] = {{"phase", "Failed"}};
  ASSERT_TRUE(catalog_->create(api::kRestores, ended));
  gates_.held = {{"openstack", "main", "ended", ended["metadata"]["uid"]}};
  start();
  while (gates_.count() > 0) std::this_thread::yield();
}

}  // namespace
}  // namespace gb::jobs::test
