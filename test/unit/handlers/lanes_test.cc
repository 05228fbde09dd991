// What may block, over a real server: it never takes the workers of what must not wait.
#include <atomic>
#include <latch>
#include <thread>

#include "base/wait.h"
#include "test/unit/handlers/world.h"
#include "test/unit/http/certificates.h"
#include "test/unit/http/raw_client.h"

namespace gb::handlers::test {
namespace {

using http::test::RawClient;
using http::test::wall_now;

class Lanes : public World {
 protected:
  ~Lanes() override {
    if (!release.try_wait()) release.count_down();  // also when a test gives up half-way
  }
  void listen(http::ServerOptions options) {
    const auto pair = http::make_self_signed({"localhost"}, wall_now());
    ASSERT_TRUE(pair) << pair.error().text();
    const auto tls = http::TlsContext::server(*pair);
    ASSERT_TRUE(tls) << tls.error().text();
    auto started = http::Server::start(std::move(options), *tls, *service);
    ASSERT_TRUE(started) << started.error().text();
    server = std::move(*started);
    jobs->on_submit = [this] {
      ++blocked;
      release.wait();
    };
  }
  static std::string create(const std::string& name, const std::string& collection = kCollection) {
    const std::string body = backup(name).dump();
    return "POST " + collection +
           " HTTP/1.1\r\nHost: a\r\nPrefer: respond-async\r\nContent-Type: application/json\r\n"
           "Content-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  // So many creates, of which `running` wait for their job's nodes and the others for a worker.
  void block(int count, int running) {
    for (int i = 0; i < count; ++i) {
      creates.push_back(std::make_unique<RawClient>(server->port()));
      ASSERT_TRUE(creates.back()->send(create("b" + std::to_string(i))));
    }
    for (int i = 0; i < 3000 && (blocked < running ||
                                 server->stats().in_flight < static_cast<std::size_t>(count));
         ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    ASSERT_EQ(blocked, running);
  }
  int status_of(const std::string& request) {
    RawClient client(server->port());
    if (!client.send(request)) return 0;
    const auto head = client.head();  // a watch goes on
    return head ? head->status : 0;
  }
  static std::string read(const std::string& target) {
    return "GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n";
  }

  std::latch release{1};
  std::atomic<int> blocked{0};
  std::vector<std::unique_ptr<RawClient>> creates;
  std::unique_ptr<http::Server> server;  // ends before the service
};

TEST_F(Lanes, HungWritesTakeNeitherReadsNorDiscoveryNorHealthDown) {
  listen({.workers = 4, .slow_workers = 2, .health_workers = 1});
  block(8, 2);
  for (int i = 0; i < 3; ++i)
    for (const std::string& target : {std::string("/livez"), std::string("/apis"), kRoot,
                                      kCollection, kCollection + "?watch=1&timeoutSeconds=1"})
      EXPECT_EQ(status_of(read(target)), 200) << target;
  EXPECT_EQ(blocked, 2);
  release.count_down();
  for (auto& client : creates) {
    const auto response = client->response();
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, 201) << "who waited is served in turn";
  }
}

TEST_F(Lanes, WhatWaitsIsBoundedToo) {
  start({.in_flight_writes = 4});
  listen({.workers = 4, .slow_workers = 2, .health_workers = 1});
  block(4, 2);
  RawClient client(server->port());
  const auto refused = client.request(create("x"));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 429);
  EXPECT_EQ(refused->header("retry-after"), "1");
  EXPECT_EQ(refused->body, "Too many requests, please try again later.\n");
  EXPECT_EQ(status_of(read(kCollection)), 200) << "reads count apart";
  release.count_down();
  for (auto& waiting : creates) {
    const auto response = waiting->response();
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, 201);
  }
  // A client has its answer a moment before its place is free.
  for (int i = 0; i < 3000 && server->stats().in_flight > 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  const auto again = client.request(create("x"));
  ASSERT_TRUE(again) << "the connection was kept";
  EXPECT_EQ(again->status, 201) << "the places were given back";
}

// A database that takes connections and says nothing: as many creates as there are workers for
// them.
TEST_F(Lanes, SilentDatabasesOfOneNamespaceHoldFewWorkersAndNotForEver) {
  start({.start_wait = std::chrono::milliseconds(1500)});
  listen({});
  std::atomic<int> asked{0};
  std::atomic<bool> over{false};
  jobs->on_submit = nullptr;
  jobs->on_admission = [&](const std::stop_token& stop) -> Status {
    ++asked;
    wait_for_stop(stop);
    over = true;
    return fail(Code::kCancelled, "instance \"main\": stopped while talking to 10.0.0.5:3306");
  };
  put("mine", Json::object(), "other");
  for (int i = 0; i < 16; ++i) {
    creates.push_back(std::make_unique<RawClient>(server->port()));
    ASSERT_TRUE(creates.back()->send(
        create("b" + std::to_string(i), kCollection + (i % 2 == 0 ? "?dryRun=All" : ""))));
  }
  EXPECT_EQ(status_of("DELETE " + kRoot +
                      "/namespaces/other/galerabackups/mine HTTP/1.1\r\nHost: a\r\n\r\n"),
            200);
  EXPECT_FALSE(over) << "it did not wait for them";
  int refused = 0;
  int given_up = 0;
  for (auto& client : creates) {
    const auto response = client->response();
    ASSERT_TRUE(response);
    const Json status = Json::parse(response->body);
    if (response->status == 429) {
      ++refused;
      EXPECT_EQ(response->header("retry-after"), "1");
      EXPECT_EQ(status["reason"], "TooManyRequests");
      EXPECT_EQ(status["message"],
                "4 requests to start a job in namespace \"openstack\" wait for databases already, "
                "and no more may at once; try again in a moment; if it stays so, one of them does "
                "not answer");
    } else {
      ++given_up;
      EXPECT_EQ(response->status, 504) << response->body;
      EXPECT_EQ(status["reason"], "Timeout");
      EXPECT_EQ(status["message"],
                "Timeout: no answer within 1.5 s: instance \"main\": stopped while talking to "
                "10.0.0.5:3306; nothing was begun: see that the database takes connections and "
                "answers queries, then try again");
    }
  }
  EXPECT_EQ(given_up, 4);
  EXPECT_EQ(refused, 12);
  EXPECT_EQ(asked, 4);
  // The places were given back; and what starts a job in another way waits no longer.
  put("done");
  const std::string done = kCollection + "/done/verify";
  EXPECT_EQ(ask("POST", done).status, 504);
  EXPECT_EQ(ask("POST", kRoot + "/namespaces/openstack/galerabackupschedules/s/trigger").status,
            404);
}

// Whoever is asked to end says so; what fails by itself is told as it is.
TEST_F(Lanes, WhatFailsBeforeTheTimeIsOverIsToldAsItIs) {
  jobs->on_admission = [](const std::stop_token&) -> Status {
    return fail(Code::kUnavailable, "no node answers");
  };
  const Reply reply = ask("POST", kCollection, backup("a").dump());
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.message(), "no node answers");
  jobs->on_admission = [this](const std::stop_token& stop) -> Status {
    service->begin_shutdown();
    wait_for_stop(stop);
    return fail(Code::kCancelled, "stopped");
  };
  EXPECT_EQ(ask("POST", kCollection, backup("a").dump()).status, 503) << "the server stops";
}

}  // namespace
}  // namespace gb::handlers::test
