// What may block, over a real server: it never takes the workers of what must not wait.
#include <atomic>
#include <latch>
#include <thread>

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
  static std::string create(const std::string& name) {
    const std::string body = backup(name).dump();
    return "POST " + kCollection +
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
  const auto again = client.request(create("x"));
  ASSERT_TRUE(again) << "the connection was kept";
  EXPECT_EQ(again->status, 201) << "the places were given back";
}

}  // namespace
}  // namespace gb::handlers::test
