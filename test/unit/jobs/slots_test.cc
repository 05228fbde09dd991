#include "jobs/slots.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace gb::jobs::test {
namespace {

bool runs(const std::unique_ptr<Slots::Place>& place) {
  return place->wait(std::chrono::milliseconds(0), {});
}

TEST(Slots, NoMoreThanSoManyAtOnce) {
  Slots slots(2);
  auto a = slots.enter("one");
  auto b = slots.enter("one");
  auto c = slots.enter("one");
  EXPECT_TRUE(runs(a));
  EXPECT_TRUE(runs(b));
  EXPECT_FALSE(runs(c));
  a.reset();
  EXPECT_TRUE(runs(c));
}

TEST(Slots, WhoLeavesTheLineMakesRoomForTheNext) {
  Slots slots(1);
  auto a = slots.enter("one");
  auto b = slots.enter("one");
  auto c = slots.enter("one");
  b.reset();
  EXPECT_FALSE(runs(c));
  a.reset();
  EXPECT_TRUE(runs(c));
}

TEST(Slots, ManyOfOneTenantDoNotHoldUpAnother) {
  Slots slots(1);
  std::vector<std::unique_ptr<Slots::Place>> many;
  for (int i = 0; i < 10; ++i) many.push_back(slots.enter("many"));
  auto single = slots.enter("single");
  ASSERT_TRUE(runs(many[0]));
  many[0].reset();
  EXPECT_TRUE(runs(single));
  EXPECT_FALSE(runs(many[1]));
  single.reset();
  EXPECT_TRUE(runs(many[1]));
}

TEST(Slots, WithinATenantTheOrderIsThatOfAsking) {
  Slots slots(1);
  auto a = slots.enter("one");
  auto b = slots.enter("one");
  auto c = slots.enter("one");
  a.reset();
  EXPECT_TRUE(runs(b));
  EXPECT_FALSE(runs(c));
}

TEST(Slots, WhoHasAllThatItMayHaveIsPassedOver) {
  Slots slots(3, [](const std::string& ns) { return ns == "small" ? 1U : 0U; });
  auto a = slots.enter("small");
  auto b = slots.enter("small");
  auto c = slots.enter("large");
  auto d = slots.enter("large");
  EXPECT_TRUE(runs(a));
  EXPECT_FALSE(runs(b));
  EXPECT_TRUE(runs(c));
  EXPECT_TRUE(runs(d));
  c.reset();
  EXPECT_FALSE(runs(b)) << "there is a slot, but not for it";
  a.reset();
  EXPECT_TRUE(runs(b));
}

TEST(Slots, AWaitThatIsCalledOffEnds) {
  Slots slots(1);
  const auto a = slots.enter("one");
  const auto b = slots.enter("one");
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(b->wait(std::chrono::hours(1), stop.get_token()));
}

}  // namespace
}  // namespace gb::jobs::test
