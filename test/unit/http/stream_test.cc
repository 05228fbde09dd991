#include "http/stream.h"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

namespace gb::http {
namespace {

using testing::ElementsAre;

FrameQueue::Frame frame(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

std::vector<std::string> texts(const std::vector<FrameQueue::Frame>& frames) {
  std::vector<std::string> result;
  for (const auto& each : frames) result.push_back(*each);
  return result;
}

TEST(FrameQueue, GivesFramesInOrderUpToTheBytesAskedForButAlwaysOne) {
  FrameQueue queue;
  for (const char* text : {"aaaa", "bbbb", "cccc"}) EXPECT_TRUE(queue.push(frame(text)));
  EXPECT_THAT(texts(queue.take(8)), ElementsAre("aaaa", "bbbb"));
  EXPECT_THAT(texts(queue.take(1)), ElementsAre("cccc"));
  EXPECT_THAT(queue.take(8), testing::IsEmpty());
}

TEST(FrameQueue, ClosesAfterWhatIsQueuedWasTaken) {
  FrameQueue queue;
  queue.push(frame("a"));
  queue.close();
  EXPECT_FALSE(queue.push(frame("late")));
  EXPECT_FALSE(queue.finished());
  EXPECT_THAT(texts(queue.take(100)), ElementsAre("a"));
  EXPECT_TRUE(queue.finished());
}

TEST(FrameQueue, AReaderThatIsTooSlowGetsTheLastWordsAndNothingElse) {
  FrameQueue queue(10);
  queue.set_last_words(frame("you were too slow"));
  EXPECT_TRUE(queue.push(frame("123456")));
  EXPECT_FALSE(queue.push(frame("789012")));
  EXPECT_TRUE(queue.closed());
  EXPECT_FALSE(queue.push(frame("x")));
  EXPECT_THAT(texts(queue.take(1000)), ElementsAre("123456", "you were too slow"));
  EXPECT_TRUE(queue.finished());
}

TEST(FrameQueue, AFrameLargerThanTheQueuePassesWhenNothingWaits) {
  FrameQueue queue(4);
  EXPECT_TRUE(queue.push(frame("a large object")));
  EXPECT_FALSE(queue.push(frame("b")));
}

TEST(FrameQueue, WakesTheConsumerOnceForWhatItHasNotTakenYet) {
  FrameQueue queue;
  int woken = 0;
  queue.push(frame("early"));
  queue.set_wake([&] { ++woken; });
  EXPECT_EQ(woken, 1) << "what was queued before counts";
  queue.push(frame("b"));
  EXPECT_EQ(woken, 1);
  (void)queue.take(100);
  queue.push(frame("c"));
  EXPECT_EQ(woken, 2);
  queue.close();
  EXPECT_EQ(woken, 3);
}

TEST(FrameQueue, TellsTheProducerThatTheClientHasGone) {
  FrameQueue queue;
  int woken = 0;
  queue.set_wake([&] { ++woken; });
  queue.push(frame("a"));
  queue.gone();
  queue.gone();
  EXPECT_TRUE(queue.closed());
  EXPECT_TRUE(queue.finished()) << "what was queued is dropped";
  EXPECT_FALSE(queue.push(frame("b")));
  EXPECT_EQ(woken, 1) << "nobody is there to be woken";
}

TEST(FrameQueue, ALongStreamThatIsNeverEmptyKeepsItsOrder) {
  FrameQueue queue;
  int next = 0;
  queue.push(frame("0"));
  for (int i = 1; i < 1000; ++i) {
    queue.push(frame(std::to_string(i)));
    EXPECT_THAT(texts(queue.take(1)), ElementsAre(std::to_string(next++)));
  }
}

TEST(FrameQueue, ProducersAndConsumerMeetFromSeveralThreads) {
  FrameQueue queue(1 << 20);
  std::atomic<int> wakes{0};
  queue.set_wake([&] { ++wakes; });
  std::vector<std::jthread> producers;
  for (int p = 0; p < 3; ++p)
    producers.emplace_back([&] {
      for (int i = 0; i < 500; ++i) EXPECT_TRUE(queue.push(frame("x")));
    });
  std::size_t seen = 0;
  while (seen < 1500) seen += queue.take(64).size();
  producers.clear();
  queue.close();
  EXPECT_TRUE(queue.finished());
  EXPECT_GE(wakes.load(), 1);
}

}  // namespace
}  // namespace gb::http
