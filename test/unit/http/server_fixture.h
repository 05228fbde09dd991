// A server on a free port of loopback with a service that tests shape.
#pragma once

#include <gmock/gmock.h>

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "http/server.h"
#include "test/eventually.h"
#include "test/unit/http/certificates.h"
#include "test/unit/http/raw_client.h"

namespace gb::http::test {

inline constexpr std::string_view kGet = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n";

inline Response text_response(int status, std::string body) {
  Response response;
  response.status = status;
  response.headers.add("Content-Type", "text/plain");
  response.body = std::move(body);
  return response;
}

// Admits everybody and echoes what it was given, unless a test says otherwise.
class TestService final : public Service {
 public:
  std::optional<Arrival> arrive(const RequestHead& head) override {
    return on_arrive ? on_arrive(head) : Arrival{};
  }
  std::variant<Admitted, Response> admit(const RequestHead& head) override {
    const std::lock_guard lock(mutex_);
    ++admitted_;
    changed_.notify_all();
    if (on_admit) return on_admit(head);
    return Admitted{};
  }
  bool is_known(const Admitted& admitted) const override {
    return on_is_known ? on_is_known(admitted) : true;
  }
  Response handle(Request request, Admitted admitted) override {
    if (on_handle) return on_handle(request, admitted);
    return text_response(200, request.head.method + " " + request.head.target + " " + request.body);
  }

  [[nodiscard]] int admitted() const {
    const std::lock_guard lock(mutex_);
    return admitted_;
  }
  bool wait_admitted(int count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(30), [&] { return admitted_ >= count; });
  }

  std::function<std::optional<Arrival>(const RequestHead&)> on_arrive;
  std::function<std::variant<Admitted, Response>(const RequestHead&)> on_admit;
  std::function<bool(const Admitted&)> on_is_known;
  std::function<Response(Request&, const Admitted&)> on_handle;

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  int admitted_ = 0;
};

// The clock that moves only by hand; deadlines come when a test says so.
inline std::shared_ptr<ManualClock> manual_clock() {
  return std::make_shared<ManualClock>(WallTime(std::chrono::seconds(784111777)));
}

class ServerTest : public testing::Test {
 protected:
  void start(ServerOptions options = {}) {
    static const KeyPair kPair = *make_self_signed({"localhost", "127.0.0.1"}, wall_now());
    pair = kPair;
    auto context = TlsContext::server(pair);
    ASSERT_TRUE(context) << context.error().text();
    tls = *context;
    auto started = Server::start(std::move(options), tls, service);
    ASSERT_TRUE(started) << started.error().text();
    server = std::move(*started);
  }
  void TearDown() override { server.reset(); }

  // Moves the clock, again and again: who looks at it late still sees time pass.
  template <typename Done>
  static bool pass_time(ManualClock& clock, std::chrono::milliseconds step, Done done) {
    for (int i = 0; i < 3000; ++i) {
      if (done()) return true;
      clock.advance(step);
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

  // A client has its answer a moment before the server is done with it.
  [[nodiscard]] bool in_flight_becomes(std::size_t count) const {
    return eventually([&] { return server->stats().in_flight == count; });
  }

  [[nodiscard]] std::uint16_t port() const { return server->port(); }

  TestService service;
  KeyPair pair;
  std::shared_ptr<TlsContext> tls;
  std::unique_ptr<Server> server;
};

}  // namespace gb::http::test
