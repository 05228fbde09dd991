// Responses that go on, and the end of the server: watches, slow readers, drains.
#include <latch>

#include "http/client.h"
#include "test/unit/http/server_fixture.h"

namespace gb::http::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kWatch = "GET /watch HTTP/1.1\r\nHost: a\r\n\r\n";
FrameQueue::Frame frame(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

// /watch opens a stream; everything else is echoed.
class StreamsTest : public ServerTest {
 protected:
  StreamsTest() {
    service.on_handle = [this](Request& request, const auto&) {
      if (!request.head.target.starts_with("/watch"))
        return text_response(200, request.head.method + " " + request.head.target);
      Response response;
      response.headers.add("Content-Type", "application/json");
      auto queue = std::make_shared<FrameQueue>(queue_bytes);
      if (setup) setup(*queue);
      {
        const std::lock_guard lock(mutex);
        queues.push_back(queue);
      }
      response.body = std::move(queue);
      return response;
    };
  }
  std::shared_ptr<FrameQueue> queue(std::size_t index) {
    EXPECT_TRUE(eventually([&] {
      const std::lock_guard lock(mutex);
      return queues.size() > index;
    }));
    const std::lock_guard lock(mutex);
    return queues.at(index);
  }
  std::size_t queue_bytes = 1 << 20;
  std::function<void(FrameQueue&)> setup;
  std::mutex mutex;
  std::vector<std::shared_ptr<FrameQueue>> queues;
};

TEST_F(StreamsTest, HeadersComeAtOnceAndEachFrameAsItIsPushed) {
  start();
  RawClient client(port());
  ASSERT_TRUE(client.send(kWatch));
  const auto head = client.head();
  ASSERT_TRUE(head) << "the head waits for no frame";
  EXPECT_EQ(head->status, 200);
  EXPECT_EQ(head->header("transfer-encoding"), "chunked");
  EXPECT_EQ(head->header("content-length"), "");
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(queue(0)->push(frame("event " + std::to_string(i) + "\n")));
    EXPECT_EQ(client.chunk(), "event " + std::to_string(i) + "\n");
  }
  EXPECT_EQ(server->stats().streams, 1U);
}

TEST_F(StreamsTest, AStreamEndsCleanlyAndItsConnectionServesOn) {
  setup = [](FrameQueue& queue) {
    queue.push(frame("a\n"));
    queue.push(frame(""));
    queue.push(frame("b\n"));
    queue.close();
  };
  start();
  RawClient client(port());
  for (int i = 0; i < 5; ++i) {
    const auto response = client.request(kWatch);
    ASSERT_TRUE(response);
    EXPECT_EQ(response->body, "a\nb\n");
  }
  const auto next = client.request(kGet);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->body, "GET /next");
  EXPECT_TRUE(in_flight_becomes(0));
  EXPECT_EQ(server->stats().streams, 0U);
}

TEST_F(StreamsTest, ARequestSentDuringAStreamIsServedAfterIt) {
  start();
  RawClient client(port());
  ASSERT_TRUE(client.send(std::string(kWatch) + std::string(kGet)));
  ASSERT_TRUE(client.head());
  ASSERT_TRUE(client.send(kGet));
  queue(0)->push(frame("x"));
  EXPECT_EQ(client.chunk(), "x");
  queue(0)->close();
  EXPECT_EQ(client.chunk(), "");
  for (int i = 0; i < 2; ++i) {
    const auto next = client.response();
    ASSERT_TRUE(next);
    EXPECT_EQ(next->body, "GET /next");
  }
}

TEST_F(StreamsTest, Http10GetsItsStreamUntilTheConnectionEnds) {
  setup = [](FrameQueue& queue) {
    queue.push(frame("whole"));
    queue.close();
  };
  start();
  RawClient client(port());
  ASSERT_TRUE(client.send("GET /watch HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
  const auto head = client.head();
  ASSERT_TRUE(head);
  EXPECT_EQ(head->header("transfer-encoding"), "");
  EXPECT_EQ(head->header("connection"), "close");
  while (client.receive()) {
  }
  EXPECT_EQ(client.buffered(), "whole");
  EXPECT_TRUE(client.clean_end());
}

TEST_F(StreamsTest, AHeadOfAStreamHasNoBodyAndEndsTheProducer) {
  start();
  RawClient client(port());
  ASSERT_TRUE(client.send("HEAD /watch HTTP/1.1\r\nHost: a\r\n\r\n"));
  ASSERT_TRUE(client.response(false));
  EXPECT_TRUE(eventually([&] { return queue(0)->closed(); }));
  EXPECT_TRUE(client.request(kGet));
}

TEST_F(StreamsTest, LargeFramesArriveWhole) {
  queue_bytes = 64 << 20;
  start();
  RawClient client(port());
  ASSERT_TRUE(client.send(kWatch));
  ASSERT_TRUE(client.head());
  std::string sent;
  std::jthread producer([&] {
    for (int i = 0; i < 40; ++i) {
      const auto large = frame(
          std::string(static_cast<std::size_t>(i) * 5000 + 1, static_cast<char>('a' + i % 26)));
      sent += *large;
      EXPECT_TRUE(queue(0)->push(large));
    }
    queue(0)->close();
  });
  std::string received;
  while (auto chunk = client.chunk()) {
    if (chunk->empty()) break;
    received += *chunk;
  }
  producer.join();
  EXPECT_TRUE(received == sent);
}

TEST_F(StreamsTest, TheProducerLearnsThatTheClientHasGone) {
  start();
  for (const bool politely : {true, false}) {
    RawClient client(port());
    ASSERT_TRUE(client.send(kWatch));
    ASSERT_TRUE(client.head());
    if (politely) SSL_shutdown(client.ssl());
  }
  for (const std::size_t i : {0, 1}) {
    EXPECT_TRUE(eventually([&] { return queue(i)->closed(); }));
    EXPECT_FALSE(queue(i)->push(frame("late")));
  }
  EXPECT_TRUE(eventually([&] { return server->stats().connections == 0; }));
  EXPECT_TRUE(in_flight_becomes(0));
}

TEST_F(StreamsTest, ASlowReaderIsDroppedWithLastWordsAndHoldsNobodyUp) {
  queue_bytes = 256 << 10;
  setup = [](FrameQueue& queue) { queue.set_last_words(frame("TOO SLOW\n")); };
  start();
  RawClient slow(port(), {.receive_buffer = 4096});
  ASSERT_TRUE(slow.send(kWatch));
  ASSERT_TRUE(slow.head());
  RawClient quick(port());
  ASSERT_TRUE(quick.send("GET /watch-quick HTTP/1.1\r\nHost: a\r\n\r\n"));
  ASSERT_TRUE(quick.head());
  const auto event = frame(std::string(1000, 'e') + "\n");
  int pushed = 0;
  while (queue(0)->push(event)) {
    ++pushed;
    queue(1)->push(event);
    std::size_t received = 0;
    while (received < event->size()) {
      const auto chunk = quick.chunk();
      ASSERT_TRUE(chunk) << "the quick reader waited for the slow one";
      received += chunk->size();
    }
    ASSERT_LT(pushed, 1000000);
  }
  EXPECT_TRUE(queue(0)->closed());
  std::string received;
  while (auto chunk = slow.chunk()) {
    if (chunk->empty()) break;
    received += *chunk;
  }
  EXPECT_EQ(received.size(), static_cast<std::size_t>(pushed) * event->size() + 9);
  EXPECT_TRUE(received.ends_with("\nTOO SLOW\n")) << "nothing is lost without a word";
}

TEST_F(StreamsTest, AReaderThatTakesNothingAtAllIsCutButAQuietStreamIsNot) {
  const auto clock = manual_clock();
  using std::chrono::milliseconds;
  queue_bytes = 64 << 20;
  start(
      {.write_deadline = milliseconds(1000), .idle_deadline = milliseconds(1000), .clock = clock});
  RawClient quiet(port());
  ASSERT_TRUE(quiet.send(kWatch));
  ASSERT_TRUE(quiet.head());
  RawClient stuck(port(), {.receive_buffer = 4096});
  ASSERT_TRUE(stuck.send(kWatch));
  ASSERT_TRUE(stuck.head());
  for (int i = 0; i < 32; ++i) queue(1)->push(frame(std::string(1 << 20, 'x')));
  ASSERT_TRUE(pass_time(*clock, milliseconds(200), [&] { return server->stats().streams == 1; }));
  EXPECT_FALSE(queue(1)->push(frame("late")));
  queue(0)->push(frame("still here"));
  EXPECT_EQ(quiet.chunk(), "still here") << "silence is no fault";
}

TEST_F(StreamsTest, OneFrameReachesAThousandWatchersBesideIdleConnections) {
  start({.workers = 2, .health_workers = 0});
  constexpr std::size_t kIdle = 500;
  constexpr std::size_t kWatchers = 1000;
  std::vector<std::unique_ptr<RawClient>> idle;
  for (std::size_t i = 0; i < kIdle; ++i) {
    idle.push_back(std::make_unique<RawClient>(port()));
    ASSERT_TRUE(idle.back()->request(kGet)) << i;
  }
  std::vector<std::unique_ptr<RawClient>> clients;
  for (std::size_t i = 0; i < kWatchers; ++i) {
    clients.push_back(std::make_unique<RawClient>(port()));
    ASSERT_TRUE(clients.back()->connected()) << i;
    ASSERT_TRUE(clients.back()->send(kWatch));
    ASSERT_TRUE(clients.back()->head()) << i;
  }
  EXPECT_EQ(server->stats().streams, kWatchers);
  const auto event = frame("{\"type\":\"ADDED\"}\n");
  for (std::size_t i = 0; i < kWatchers; ++i) ASSERT_TRUE(queue(i)->push(event));
  for (auto& client : clients) ASSERT_EQ(client->chunk(), *event);
  EXPECT_EQ(server->stats().connections, kIdle + kWatchers);
  for (auto& client : idle) ASSERT_TRUE(client->request(kGet)) << "served beside the watches";
}

TEST_F(StreamsTest, DrainEndsStreamsCleanlyAndLetsRequestsFinish) {
  std::latch release(1);
  auto inner = service.on_handle;
  service.on_handle = [&](Request& request, const Service::Admitted& admitted) {
    if (request.head.target == "/slow") release.wait();
    return inner(request, admitted);
  };
  start();
  RawClient idle(port());
  ASSERT_TRUE(idle.request(kGet));
  RawClient watch(port());
  ASSERT_TRUE(watch.send(kWatch));
  ASSERT_TRUE(watch.head());
  queue(0)->push(frame("last event"));
  RawClient busy(port());
  ASSERT_TRUE(busy.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"));
  ASSERT_TRUE(service.wait_admitted(3));

  std::jthread drain([&] { server->drain(std::chrono::seconds(20)); });
  EXPECT_EQ(watch.chunk(), "last event");
  EXPECT_EQ(watch.chunk(), "") << "0 CRLF CRLF: the client knows that nothing was cut off";
  EXPECT_TRUE(watch.ended());
  EXPECT_TRUE(watch.clean_end());
  EXPECT_FALSE(queue(0)->push(frame("late")));
  EXPECT_TRUE(idle.ended());
  EXPECT_TRUE(idle.clean_end());
  EXPECT_TRUE(eventually([&] { return !RawClient(port(), {.tls = false}).connected(); }))
      << "nobody is accepted any more";
  release.count_down();
  const auto response = busy.response();
  ASSERT_TRUE(response) << "a request that had begun is finished";
  EXPECT_EQ(response->body, "GET /slow");
  EXPECT_EQ(response->header("connection"), "close");
}

TEST_F(StreamsTest, ALongAnswerIsWholeThoughTheServerDrains) {
  constexpr std::size_t kBytes = 32 << 20;
  std::string body(kBytes, '\0');
  for (std::size_t i = 0; i < kBytes; ++i) body[i] = static_cast<char>('a' + i * 31 % 26);
  service.on_handle = [&](Request&, const auto&) { return text_response(200, body); };
  start();
  RawClient client(port(), {.receive_buffer = 65536});
  ASSERT_TRUE(client.send("GET /long HTTP/1.1\r\nHost: a\r\n\r\n"));
  ASSERT_TRUE(client.receive());
  ASSERT_EQ(server->stats().in_flight, 1U) << "it is half sent";
  std::jthread drain([&] { server->drain(std::chrono::seconds(30)); });
  EXPECT_TRUE(eventually([&] { return !RawClient(port(), {.tls = false}).connected(); }));
  const auto response = client.response();
  ASSERT_TRUE(response) << "it was cut off";
  EXPECT_EQ(response->header("content-length"), std::to_string(kBytes));
  EXPECT_TRUE(response->body == body);
  EXPECT_TRUE(client.ended());
  EXPECT_TRUE(client.clean_end());
}

TEST_F(StreamsTest, DrainCutsWhatDoesNotEndInTime) {
  queue_bytes = 64 << 20;
  start();
  RawClient stuck(port(), {.receive_buffer = 4096});
  ASSERT_TRUE(stuck.send(kWatch));
  ASSERT_TRUE(stuck.head());
  for (int i = 0; i < 32; ++i) queue(0)->push(frame(std::string(1 << 20, 'x')));
  server->drain(std::chrono::milliseconds(100));
  EXPECT_EQ(server->stats().connections, 0U);
  EXPECT_FALSE(queue(0)->push(frame("late")));
}

TEST_F(StreamsTest, AStreamThatBeginsAfterTheDrainEndsAtOnce) {
  std::latch release(1);
  setup = [&](FrameQueue&) { release.wait(); };
  start();
  RawClient client(port());
  ASSERT_TRUE(client.send(kWatch));
  ASSERT_TRUE(service.wait_admitted(1));
  std::jthread drain([&] { server->drain(std::chrono::seconds(20)); });
  EXPECT_TRUE(eventually([&] { return !RawClient(port(), {.tls = false}).connected(); }));
  release.count_down();
  const auto response = client.response();
  ASSERT_TRUE(response);
  EXPECT_EQ(response->body, "");
}

TEST_F(StreamsTest, TheServerCanBeDestroyedWithEverythingOpen) {
  start();
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(std::make_unique<RawClient>(port()));
    ASSERT_TRUE(clients.back()->send(i % 2 == 0 ? kWatch : std::string_view("GET /half")));
    if (i % 2 == 0) {
      ASSERT_TRUE(clients.back()->head());
    }
  }
  server.reset();
  for (auto& client : clients) EXPECT_TRUE(client->ended());
  for (auto& each : queues) EXPECT_FALSE(each->push(frame("late")));
}

TEST_F(StreamsTest, TheServerCanBeDestroyedWhileStreamsBegin) {
  constexpr int kClients = 16;
  for (int round = 0; round < 20; ++round) {
    std::latch release(kClients + 1);
    setup = [&](FrameQueue&) { release.arrive_and_wait(); };
    queues.clear();
    start({.workers = kClients, .health_workers = 0});
    std::vector<std::unique_ptr<RawClient>> clients;
    for (int i = 0; i < kClients; ++i) {
      clients.push_back(std::make_unique<RawClient>(port()));
      ASSERT_TRUE(clients.back()->send(kWatch));
    }
    release.arrive_and_wait();  // every worker is about to hand its connection over
    server.reset();
    for (auto& each : queues) EXPECT_FALSE(each->push(frame("late"))) << "its producer was told";
  }
}

}  // namespace
}  // namespace gb::http::test
