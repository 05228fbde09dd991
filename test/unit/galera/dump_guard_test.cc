// A dump gives way to the cluster step by step, and takes its speed back when the pressure is gone.
#include <gtest/gtest.h>

#include "galera/donor_guard.h"

namespace gb::galera {
namespace {

using Action = GuardPolicy::Action;

TEST(GuardPolicy, LeavesAQuietDonorAlone) {
  GuardPolicy policy(4, 16, true);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(policy.look({8, 5}), Action::kNone);  // pauses of before the dump are not ours
    EXPECT_EQ(policy.allowed(), 4U);
  }
}

TEST(GuardPolicy, ReadsOnFewerConnectionsUnderPressureAndOnMoreAgainLater) {
  GuardPolicy policy(4, 16, true);
  (void)policy.look({0, 0});
  EXPECT_EQ(policy.look({0, 1}), Action::kNone);  // the donor asked for a pause
  EXPECT_EQ(policy.allowed(), 2U);
  EXPECT_EQ(policy.look({9, 1}), Action::kNone);  // its queue is long
  EXPECT_EQ(policy.allowed(), 1U);
  for (int i = 0; i < 24; ++i) (void)policy.look({0, 1});
  EXPECT_EQ(policy.allowed(), 4U);
}

TEST(GuardPolicy, TakesTheDonorOutOnceWhenOneConnectionIsStillTooMuch) {
  GuardPolicy policy(1, 16, true);
  int desyncs = 0;
  for (std::uint64_t i = 0; i < 50; ++i)
    desyncs += policy.look({100, i}) == Action::kDesync ? 1 : 0;
  EXPECT_EQ(desyncs, 1);
}

TEST(GuardPolicy, NeverTakesOutTheOnlyNode) {
  GuardPolicy policy(1, 16, false);
  for (std::uint64_t i = 0; i < 50; ++i) EXPECT_EQ(policy.look({100, i}), Action::kNone);
}

TEST(GuardPolicy, GivesUpOnADonorThatFallsBehindWithoutEnd) {
  GuardPolicy policy(1, 16, true);
  bool gave_up = false;
  for (std::uint64_t i = 0; i < 200 && !gave_up; ++i)
    gave_up = policy.look({10'000 + i * 1000, 0}) == Action::kGiveUp;
  EXPECT_TRUE(gave_up);
}

TEST(GuardPolicy, KeepsADonorThatIsFarBehindButCatchesUp) {
  GuardPolicy policy(1, 16, true);
  for (std::uint64_t i = 0; i < 200; ++i)
    EXPECT_NE(policy.look({500'000 - i * 1000, 0}), Action::kGiveUp);
}

}  // namespace
}  // namespace gb::galera
