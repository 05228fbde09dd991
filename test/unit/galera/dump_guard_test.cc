// A dump gives way to the cluster step by step, and takes its speed back when the pressure is gone.
#include <gtest/gtest.h>

#include <mutex>
#include <thread>
#include <vector>

#include "galera/donor_guard.h"
#include "galera/reader_gate.h"

namespace gb::galera {
namespace {

using Action = GuardPolicy::Action;

TEST(GuardPolicy, LeavesAQuietDonorAlone) {
  GuardPolicy policy(4, {16, true});
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(policy.look({8, 5}), Action::kNone);  // pauses of before the dump are not ours
    EXPECT_EQ(policy.allowed(), 4U);
  }
}

TEST(GuardPolicy, ReadsOnFewerConnectionsUnderPressureAndOnMoreAgainLater) {
  GuardPolicy policy(4, {16, true});
  (void)policy.look({0, 0});
  EXPECT_EQ(policy.look({0, 1}), Action::kNone);  // the donor asked for a pause
  EXPECT_EQ(policy.allowed(), 2U);
  EXPECT_EQ(policy.look({9, 1}), Action::kNone);  // its queue is long
  EXPECT_EQ(policy.allowed(), 1U);
  for (int i = 0; i < 24; ++i) (void)policy.look({0, 1});
  EXPECT_EQ(policy.allowed(), 4U);
}

TEST(GuardPolicy, TakesTheDonorOutOnceWhenOneConnectionIsStillTooMuch) {
  GuardPolicy policy(1, {16, true});
  int desyncs = 0;
  for (std::uint64_t i = 0; i < 50; ++i)
    desyncs += policy.look({100, i}) == Action::kDesync ? 1 : 0;
  EXPECT_EQ(desyncs, 1);
}

TEST(GuardPolicy, NeverTakesOutTheOnlyNode) {
  GuardPolicy policy(1, {16, false});
  for (std::uint64_t i = 0; i < 50; ++i) EXPECT_EQ(policy.look({100, i}), Action::kNone);
}

TEST(GuardPolicy, GivesUpOnADonorThatFallsBehindWithoutEnd) {
  GuardPolicy policy(1, {16, true});
  bool gave_up = false;
  for (std::uint64_t i = 0; i < 200 && !gave_up; ++i)
    gave_up = policy.look({10'000 + i * 1000, 0}) == Action::kGiveUp;
  EXPECT_TRUE(gave_up);
}

// Flow control keeps its queue short, and the whole cluster as slow as it is.
TEST(GuardPolicy, GivesUpOnADonorThatGoesOnPausingItsClusterAndCannotBeTakenOut) {
  GuardPolicy policy(4, {16, true});
  bool gave_up = false;
  int desyncs = 0;
  for (std::uint64_t sent = 1; sent <= 100 && !gave_up; ++sent) {
    const Action action = policy.look({20, sent});
    if (action == Action::kDesync) {
      ++desyncs;
      policy.desync_failed();
    }
    gave_up = action == Action::kGiveUp;
  }
  EXPECT_EQ(desyncs, 1);
  EXPECT_TRUE(gave_up);
}

TEST(GuardPolicy, KeepsADonorThatCannotBeTakenOutAndPausesItsClusterNowAndThen) {
  GuardPolicy policy(1, {16, true});
  std::uint64_t sent = 0;
  for (int i = 0; i < 6; ++i)
    if (policy.look({20, ++sent}) == Action::kDesync) policy.desync_failed();
  for (int times = 0; times < 20; ++times) {
    for (int i = 0; i < 10; ++i) EXPECT_EQ(policy.look({20, ++sent}), Action::kNone);
    for (int i = 0; i < 10; ++i) EXPECT_EQ(policy.look({0, sent}), Action::kNone);
  }
}

TEST(GuardPolicy, KeepsADonorThatIsFarBehindButCatchesUp) {
  GuardPolicy policy(1, {16, true});
  for (std::uint64_t i = 0; i < 200; ++i)
    EXPECT_NE(policy.look({500'000 - i * 1000, 0}), Action::kGiveUp);
}

TEST(GuardPolicy, GivesUpOnADonorThatIsCutOffForASecond) {
  GuardPolicy policy(4, {16, true});
  for (int times = 0; times < 5; ++times) {  // it comes back each time
    for (int i = 0; i < 3; ++i) EXPECT_EQ(policy.look({0, 0, false}), Action::kNone);
    EXPECT_EQ(policy.look({0, 0, true}), Action::kNone);
  }
  for (int i = 0; i < 3; ++i) EXPECT_EQ(policy.look({0, 0, false}), Action::kNone);
  EXPECT_EQ(policy.look({0, 0, false}), Action::kLost);
}

// The dump itself keeps a strict donor from applying: its queue says nothing about the reading.
TEST(GuardPolicy, ReadsADonorThatIsHeldAtFullSpeedAndStillGivesItUp) {
  GuardPolicy policy(4, {16, true, true});
  bool gave_up = false;
  for (std::uint64_t i = 0; i < 200 && !gave_up; ++i) {
    const Action action = policy.look({i * 1000, i});
    EXPECT_NE(action, Action::kDesync);
    EXPECT_EQ(policy.allowed(), 4U);
    gave_up = action == Action::kGiveUp;
  }
  EXPECT_TRUE(gave_up);
}

TEST(GuardPolicy, GivesADonorThatIsHeldUpWhenItIsTheLastOfItsCluster) {
  GuardPolicy policy(4, {16, true, true});
  for (int i = 0; i < 100; ++i) EXPECT_EQ(policy.look({0, 0, true, 2}), Action::kNone);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(policy.look({0, 0, true, 1}), Action::kNone);
  EXPECT_EQ(policy.look({0, 0, true, 1}), Action::kNeeded);

  GuardPolicy not_held(4, {16, true});
  for (int i = 0; i < 100; ++i) EXPECT_EQ(not_held.look({0, 0, true, 1}), Action::kNone);
}

TEST(GuardPolicy, GivesADonorThatIsHeldUpWhenClientsWaitForItForSeconds) {
  GuardPolicy policy(4, {16, true, true});
  for (int times = 0; times < 5; ++times) {  // they do without it each time
    for (int i = 0; i < 19; ++i) EXPECT_EQ(policy.look({0, 0, true, 3, 2}), Action::kNone);
    EXPECT_EQ(policy.look({0, 0, true, 3, 0}), Action::kNone);
  }
  for (int i = 0; i < 19; ++i) EXPECT_EQ(policy.look({0, 0, true, 3, 1}), Action::kNone);
  EXPECT_EQ(policy.look({0, 0, true, 3, 1}), Action::kNeeded);
}

// Readers that tell what they have read, a chunk at a time.
class Readers {
 public:
  explicit Readers(ReaderGate& gate) : gate_(gate) {}
  // One that has `chunks` to read.
  void start(unsigned index, int chunks) {
    threads_.emplace_back([this, index, chunks](const std::stop_token& stop) {
      for (int i = 0; i < chunks; ++i) {
        gate_.wait(index, stop);
        if (stop.stop_requested()) break;
        const std::lock_guard lock(mutex_);
        read_.push_back(index);
      }
      gate_.rest(index);
    });
  }
  std::vector<unsigned> wait_for_all() {
    for (std::jthread& thread : threads_) thread.join();
    threads_.clear();
    return read_;
  }

 private:
  ReaderGate& gate_;
  std::mutex mutex_;
  std::vector<unsigned> read_;
  std::vector<std::jthread> threads_;
};

TEST(ReaderGate, ThoseHeldBackEndWhatTheyBeganWhenTheOthersHaveNothingLeft) {
  ReaderGate gate(3);
  for (const unsigned index : {2U, 1U, 0U}) gate.wait(index, {});  // all in the middle of something
  gate.allow(1);
  Readers readers(gate);
  for (const unsigned index : {2U, 1U, 0U}) readers.start(index, 2);
  const std::vector<unsigned> in_order = {0, 0, 1, 1, 2, 2};
  EXPECT_EQ(readers.wait_for_all(), in_order);
}

TEST(ReaderGate, AReaderThatNeverBeganHoldsNobodyBack) {
  ReaderGate gate(2);
  gate.allow(0);  // one always reads
  Readers readers(gate);
  readers.start(1, 3);
  EXPECT_EQ(readers.wait_for_all().size(), 3U);
}

TEST(ReaderGate, AStopEndsTheWaiting) {
  ReaderGate gate(2);
  gate.wait(0, {});
  gate.allow(1);
  std::stop_source stop;
  std::jthread waiting([&] { gate.wait(1, stop.get_token()); });
  stop.request_stop();
  waiting.join();
}

}  // namespace
}  // namespace gb::galera
