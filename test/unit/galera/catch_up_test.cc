// When a node that was taken out of flow control may come back into it.
#include <gtest/gtest.h>

#include <string>

#include "galera/desync.h"

namespace gb::galera {
namespace {

constexpr int kHalfAMinute = 310;  // looks

TEST(CatchUp, ANodeWithoutAQueueComesBackAtOnce) {
  CatchUp quiet;
  EXPECT_TRUE(quiet.look(0, 100));
  CatchUp busy;
  EXPECT_FALSE(busy.look(3, 100)) << "whether it moves is not known yet";
  EXPECT_TRUE(busy.look(3, 101));
}

// The lock that a dead process left: its queue may be short, and it will pause everybody.
TEST(CatchUp, ALockedNodeStaysOutsideHoweverShortItsQueue) {
  CatchUp locked;
  for (int i = 0; i < kHalfAMinute; ++i) EXPECT_FALSE(locked.look(1, 100));
  EXPECT_TRUE(locked.stands_still());
  const std::string why = locked.why_left_outside({"10.0.0.2"}).text();
  EXPECT_TRUE(why.starts_with("node 10.0.0.2:3306 stands still: write-sets wait (1 of them"))
      << why;
  EXPECT_TRUE(locked.look(1, 105)) << "it was let go";
  EXPECT_FALSE(locked.stands_still());
}

TEST(CatchUp, ALockedNodeWhoseQueueGrowsStandsStill) {
  CatchUp locked;
  for (std::uint64_t i = 1; i < kHalfAMinute; ++i) EXPECT_FALSE(locked.look(10 * i, 100));
  EXPECT_TRUE(locked.stands_still());
}

// What its appliers have taken, and cannot commit, is in no queue.
TEST(CatchUp, ALockedNodeWithoutAQueueIsFoundByWhoWaitsForIt) {
  CatchUp locked;
  EXPECT_TRUE(locked.look(0, 100));
  locked.does_not_get_through();
  for (int i = 0; i < kHalfAMinute; ++i) EXPECT_FALSE(locked.look(0, 100));
  EXPECT_TRUE(locked.stands_still());
  EXPECT_TRUE(locked.look(0, 102)) << "it was let go";
}

TEST(CatchUp, OneThatAppliesAndComesNoCloserComesBackAfterAWhile) {
  CatchUp slow;
  std::uint64_t looks = 0;
  while (!slow.look(500 + looks, 100 + looks) && looks < 1000) ++looks;
  EXPECT_GT(looks, 40U);
  EXPECT_LT(looks, 60U);
  EXPECT_FALSE(slow.stands_still());
}

TEST(CatchUp, OneThatComesCloserIsWaitedFor) {
  CatchUp slow;
  for (std::uint64_t i = 0; i < 1000; ++i) EXPECT_FALSE(slow.look(2000 - i, 100 + i));
  EXPECT_FALSE(slow.stands_still());
}

}  // namespace
}  // namespace gb::galera
