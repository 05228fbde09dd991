// Clocks that lie, and what is believed of them.
#include "jobs/prudent_clock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"

namespace gb::jobs::test {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

TEST(PrudentClock, GoesWithTheWallWhileThatIsSteady) {
  ManualClock clock(*from_rfc3339("2026-11-20T10:00:00Z"));
  PrudentClock prudent(clock, clock.now());
  clock.advance(hours(5));
  EXPECT_EQ(prudent.now(), clock.now());
  clock.step_wall(minutes(4));
  EXPECT_EQ(prudent.now(), clock.now());
  clock.step_wall(-minutes(4));
  EXPECT_EQ(prudent.now(), clock.now());
  EXPECT_FALSE(prudent.set_back());
}

TEST(PrudentClock, ASetBackIsBelievedAfterADay) {
  ManualClock clock(*from_rfc3339("2026-11-20T10:00:00Z"));
  PrudentClock prudent(clock, clock.now());
  clock.step_wall(-hours(48));
  testing::internal::CaptureStderr();
  EXPECT_EQ(prudent.now(), clock.now()) << "what expires by it is kept longer";
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              testing::HasSubstr("the clock is behind what is known here"));
  EXPECT_TRUE(prudent.set_back());
  EXPECT_EQ(prudent.believed(), clock.now() + hours(48));
  clock.advance(hours(23));
  EXPECT_EQ(prudent.now(), clock.now());
  EXPECT_TRUE(prudent.set_back());
  clock.advance(hours(1));
  EXPECT_EQ(prudent.now(), clock.now());
  EXPECT_FALSE(prudent.set_back());
  EXPECT_EQ(prudent.believed(), clock.now());
}

TEST(PrudentClock, ASetBackThatIsTakenBackNeverWas) {
  ManualClock clock(*from_rfc3339("2026-11-20T10:00:00Z"));
  PrudentClock prudent(clock, clock.now());
  clock.step_wall(-hours(1));
  (void)prudent.now();
  clock.advance(hours(20));
  clock.step_wall(hours(1));
  EXPECT_EQ(prudent.now(), clock.now()) << "as late as it was known to be";
  EXPECT_FALSE(prudent.set_back());
}

TEST(PrudentClock, ASetBackWhileNoServerRanIsOne) {
  ManualClock clock(*from_rfc3339("2026-11-20T10:00:00Z"));
  PrudentClock prudent(clock, clock.now() + hours(1));
  EXPECT_EQ(prudent.now(), clock.now());
  EXPECT_TRUE(prudent.set_back());
}

TEST(PrudentClock, AJumpAheadIsBelievedAfterADay) {
  ManualClock clock(*from_rfc3339("2026-11-20T10:00:00Z"));
  PrudentClock prudent(clock, clock.now());
  clock.step_wall(hours(24));
  testing::internal::CaptureStderr();
  EXPECT_EQ(prudent.now(), clock.now() - hours(24));
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              testing::HasSubstr("the clock is ahead of what is known here"));
  clock.advance(hours(23));
  EXPECT_EQ(prudent.now(), clock.now() - hours(24));
  clock.advance(hours(1));
  EXPECT_EQ(prudent.now(), clock.now());
}

TEST(PrudentClock, AJumpThatIsTakenBackNeverWas) {
  ManualClock clock(*from_rfc3339("2026-11-20T10:00:00Z"));
  PrudentClock prudent(clock, clock.now());
  clock.step_wall(hours(24));
  (void)prudent.now();
  clock.advance(hours(20));
  clock.step_wall(-hours(24));
  EXPECT_EQ(prudent.now(), clock.now());
  clock.step_wall(hours(24));
  clock.advance(hours(10));
  EXPECT_EQ(prudent.now(), clock.now() - hours(24));
}

TEST(PrudentClock, AtTheStartTheStoreKnowsBetter) {
  ManualClock clock(*from_rfc3339("2036-11-20T10:00:00Z"));
  PrudentClock prudent(clock, *from_rfc3339("2026-11-20T10:00:00Z"));
  EXPECT_EQ(prudent.now(), *from_rfc3339("2026-11-20T10:00:00Z"));
  clock.advance(minutes(10));
  EXPECT_EQ(prudent.now(), *from_rfc3339("2026-11-20T10:10:00Z"));
}

TEST(PrudentClock, AnHourWithoutAnySignOfTheTimeIsNoJump) {
  ManualClock clock(*from_rfc3339("2026-11-20T10:59:00Z"));
  PrudentClock prudent(clock, *from_rfc3339("2026-11-20T10:00:00Z"));
  EXPECT_EQ(prudent.now(), clock.now());
}

}  // namespace
}  // namespace gb::jobs::test
