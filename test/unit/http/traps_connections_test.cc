// Connections that are slow, silent, too many or torn: the traps of the transport that no request
// is needed for (docs/adr/0001-transport.md).
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <latch>
#include <vector>

#include "test/unit/http/server_fixture.h"

namespace gb::http::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class ConnectionTrapsTest : public ServerTest {};

TEST_F(ConnectionTrapsTest, SlowHeadsAndBodiesAreCut) {
  const auto clock = manual_clock();
  using std::chrono::milliseconds;
  start({.head_deadline = milliseconds(1000),
         .body_deadline = milliseconds(5000),
         .idle_deadline = milliseconds(100000),
         .clock = clock});
  RawClient half_head(port());
  ASSERT_TRUE(half_head.send("GET / HTTP/1.1\r\nHost:"));
  RawClient half_body(port());
  ASSERT_TRUE(half_body.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe"));
  ASSERT_TRUE(service.wait_admitted(1));
  const RawClient no_handshake(port(), {.tls = false});
  ASSERT_TRUE(eventually([&] { return server->stats().connections == 3; }));
  ASSERT_TRUE(
      pass_time(*clock, milliseconds(500), [&] { return server->stats().connections == 0; }));
  EXPECT_FALSE(half_head.response());
  EXPECT_FALSE(half_body.response());
  EXPECT_TRUE(in_flight_becomes(0)) << "what was lost is over";
}

TEST_F(ConnectionTrapsTest, AClientThatTricklesItsHeadIsCutToo) {
  const auto clock = manual_clock();
  using std::chrono::milliseconds;
  start({.head_deadline = milliseconds(1000), .clock = clock});
  RawClient client(port());
  ASSERT_TRUE(client.send("GET / HTTP/1.1\r\n"));
  ASSERT_TRUE(pass_time(*clock, milliseconds(50), [&] {
    client.send("X");
    return server->stats().connections == 0;
  })) << "each byte must not buy more time";
}

TEST_F(ConnectionTrapsTest, IdleConnectionsEndCleanlyAfterTheirTime) {
  const auto clock = manual_clock();
  using std::chrono::milliseconds;
  start({.head_deadline = milliseconds(1000), .clock = clock});
  RawClient client(port());
  ASSERT_TRUE(client.request(kGet));
  clock->advance(std::chrono::seconds(599));
  ASSERT_TRUE(client.request(kGet)) << "longer than the 90 s of kube-apiserver";
  std::jthread time([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      clock->advance(std::chrono::seconds(100));
      std::this_thread::sleep_for(milliseconds(10));
    }
  });
  EXPECT_TRUE(client.ended());
  EXPECT_TRUE(client.clean_end());
}

TEST_F(ConnectionTrapsTest, AConnectionThatNeverAsksForAnythingEndsSoon) {
  const auto clock = manual_clock();
  using std::chrono::milliseconds;
  start({.head_deadline = milliseconds(1000), .clock = clock});
  RawClient asked(port());
  ASSERT_TRUE(asked.request(kGet));
  RawClient silent(port());
  ASSERT_TRUE(silent.connected());
  ASSERT_TRUE(
      pass_time(*clock, milliseconds(100), [&] { return server->stats().connections == 1; }));
  EXPECT_TRUE(silent.ended());
  EXPECT_TRUE(asked.request(kGet)) << "who has asked may be idle for ten minutes";
}

TEST_F(ConnectionTrapsTest, AReaderThatTakesNothingIsCut) {
  const auto clock = manual_clock();
  using std::chrono::milliseconds;
  service.on_handle = [](Request&, const auto&) {
    return text_response(200, std::string(64 << 20, 'x'));
  };
  start({.write_deadline = milliseconds(1000), .clock = clock});
  RawClient client(port(), {.receive_buffer = 4096});
  ASSERT_TRUE(client.send(kGet));
  ASSERT_TRUE(client.head());
  ASSERT_TRUE(
      pass_time(*clock, milliseconds(100), [&] { return server->stats().connections == 0; }));
  EXPECT_TRUE(in_flight_becomes(0));
}

// Who reads steadily, but without end, is cut as well: the answer and its place are held until
// then.
TEST_F(ConnectionTrapsTest, AReaderThatTakesForeverIsCut) {
  const auto clock = manual_clock();
  using std::chrono::seconds;
  const auto begun = clock->steady_now();
  std::atomic<int> places{0};
  service.on_arrive = [&](const RequestHead&) -> std::optional<Service::Arrival> {
    ++places;
    return Service::Arrival{Lane::kQuick, std::shared_ptr<void>(&places, [&](void*) { --places; })};
  };
  service.on_handle = [](Request&, const auto&) {
    return text_response(200, std::string(64 << 20, 'x'));
  };
  start({.write_deadline = seconds(100), .clock = clock});
  RawClient client(port(), {.receive_buffer = 4096});
  ASSERT_TRUE(client.send(kGet));
  ASSERT_TRUE(client.head());
  EXPECT_EQ(places, 1) << "the answer is made, but has not left";
  ASSERT_TRUE(pass_time(*clock, seconds(1), [&] {
    for (int i = 0; i < 4; ++i) client.receive();
    return server->stats().connections == 0;
  }));
  // 100 s, and a second for each of its 256 quarters of a megabyte.
  EXPECT_GE(clock->steady_now() - begun, seconds(356));
  EXPECT_TRUE(eventually([&] { return places == 0; }));
}

TEST_F(ConnectionTrapsTest, PlainHttpIsToldSo) {
  start();
  RawClient client(port(), {.tls = false});
  ASSERT_TRUE(client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
  const auto response = client.head();
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 400);
  EXPECT_EQ(service.admitted(), 0);
}

TEST_F(ConnectionTrapsTest, GarbageInsteadOfAHandshakeHarmsNobody) {
  start();
  RawClient garbage(port(), {.tls = false});
  ASSERT_TRUE(garbage.send(std::string(1000, '\x16')));
  RawClient gone(port(), {.tls = false});
  EXPECT_TRUE(RawClient(port()).request(kGet));
  while (garbage.receive()) {
  }
}

TEST_F(ConnectionTrapsTest, ConnectionsBeyondTheCapAreClosedAtOnce) {
  start({.max_connections = 3});
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(std::make_unique<RawClient>(port()));
    ASSERT_TRUE(clients.back()->request(kGet));
  }
  testing::internal::CaptureStderr();
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(RawClient(port()).connected());
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_EQ(said.find("connections were refused"), said.rfind("connections were refused"))
      << "one line, not one for each";
  EXPECT_THAT(said, HasSubstr("connections were refused count=1 peer=\"127.0.0.1:"));
  clients.pop_back();
  EXPECT_TRUE(eventually([&] { return RawClient(port()).connected(); }));
  EXPECT_TRUE(clients[0]->request(kGet));
}

// A pod needs no credentials to open connections, and no handshake: kubelet's probes and
// kube-apiserver come through all the same.
TEST_F(ConnectionTrapsTest, ConnectionsOfNobodyKnownMakeRoomForNewOnes) {
  service.on_admit = [](const RequestHead& head) -> std::variant<Service::Admitted, Response> {
    return Service::Admitted(std::make_shared<bool>(head.target != "/livez"));
  };
  service.on_is_known = [](const Service::Admitted& admitted) {
    return *std::static_pointer_cast<bool>(admitted);
  };
  start({.max_connections = 4});
  RawClient known(port());
  ASSERT_TRUE(known.request(kGet));
  std::vector<std::unique_ptr<RawClient>> silent;
  testing::internal::CaptureStderr();
  for (int i = 0; i < 10; ++i) {
    silent.push_back(std::make_unique<RawClient>(port(), RawClient::Options{.tls = false}));
    ASSERT_TRUE(eventually([&] {
      return server->stats().connections ==
             std::min<std::size_t>(4, 2 + static_cast<std::size_t>(i));
    }));
  }
  RawClient probe(port());
  const auto alive = probe.request("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
  const std::string said = testing::internal::GetCapturedStderr();
  ASSERT_TRUE(alive);
  EXPECT_EQ(alive->status, 200);
  EXPECT_TRUE(silent.front()->ended()) << "the oldest goes first";
  EXPECT_TRUE(known.request(kGet)) << "who is known stays";
  EXPECT_EQ(server->stats().connections, 4U);
  EXPECT_THAT(said,
              HasSubstr("connections of nobody known were closed for newer ones count=1 peer="));
  EXPECT_THAT(said, Not(HasSubstr("refused")));
  // Who has shaken hands and asked for what is open to everybody is nobody known either.
  std::vector<std::unique_ptr<RawClient>> others;
  for (int i = 0; i < 3; ++i) {
    others.push_back(std::make_unique<RawClient>(port()));
    ASSERT_TRUE(others.back()->request(kGet)) << i;
  }
  EXPECT_TRUE(probe.ended());
  EXPECT_FALSE(RawClient(port()).connected()) << "all are known now";
}

TEST_F(ConnectionTrapsTest, WhatAWorkerWorksForIsNotClosedForNewOnes) {
  std::latch go_on{1};
  service.on_is_known = [](const Service::Admitted&) { return false; };
  service.on_handle = [&](Request& request, const auto&) {
    if (request.head.target == "/slow") go_on.wait();
    return text_response(200, "");
  };
  start({.max_connections = 2});
  RawClient slow(port());
  ASSERT_TRUE(slow.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"));
  ASSERT_TRUE(service.wait_admitted(1));
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(RawClient(port()).request(kGet));
  go_on.count_down();
  const auto response = slow.response();
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 200);
}

// Trap: accept errors end the server.
TEST_F(ConnectionTrapsTest, WithoutADescriptorLeftItServesOnAndAcceptsLater) {
  start();
  RawClient old(port());
  ASSERT_TRUE(old.request(kGet));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const int lowest = ::dup(old.fd());  // the next that is given out
  ::close(lowest);
  const rlimit one_more{static_cast<rlim_t>(lowest) + 1, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &one_more), 0);
  const RawClient late(port(), {.tls = false});
  EXPECT_TRUE(late.connected());
  // The thread that tells of these requests meets the one who waits on the way.
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(old.request(kGet));
  EXPECT_EQ(server->stats().connections, 1U);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_TRUE(eventually([&] { return server->stats().connections == 2; })) << "who waited is lost";
  EXPECT_TRUE(RawClient(port()).request(kGet));
}

// Trap: SIGPIPE, by which SSL_write to a peer that has gone would end the process.
TEST_F(ConnectionTrapsTest, SigpipeIsIgnored) {
  std::signal(SIGPIPE, SIG_DFL);
  start();
  struct sigaction now{};
  ASSERT_EQ(::sigaction(SIGPIPE, nullptr, &now), 0);
  EXPECT_EQ(now.sa_handler, SIG_IGN);
}

}  // namespace
}  // namespace gb::http::test
