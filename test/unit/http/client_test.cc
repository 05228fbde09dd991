// Our client of kube-apiserver, against our own server and against servers that misbehave.
#include "http/client.h"

#include <netdb.h>

#include <algorithm>
#include <array>
#include <latch>

#include "http/client_authorities.h"
#include "http/client_connection.h"
#include "test/unit/http/server_fixture.h"

namespace gb::http::test {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;

class ClientTest : public ServerTest {
 protected:
  ClientOptions options() {
    return {.host = "127.0.0.1",
            .port = port(),
            .server_name = "localhost",
            .ca_pem = pair.certificate_pem};
  }
  std::unique_ptr<Client> client() { return client(options()); }
  static std::unique_ptr<Client> client(ClientOptions options) {
    auto made = Client::make(std::move(options));
    EXPECT_TRUE(made) << made.error().text();
    return std::move(*made);
  }
};

TEST_F(ClientTest, SendsARequestAndReturnsAnyStatus) {
  service.on_handle = [](Request& request, const auto&) {
    auto response = text_response(409, request.head.method + request.head.target + request.body);
    response.headers.add("X-Echo", std::string(*request.head.headers.get("Authorization")));
    response.headers.add("X-Type", std::string(*request.head.headers.get("Content-Type")));
    return response;
  };
  start();
  const auto response = client()->send({.method = "POST",
                                        .target = "/apis?x=1",
                                        .headers = {{"Authorization", "Bearer t"}},
                                        .body = "{}",
                                        .content_type = "application/json"},
                                       {});
  ASSERT_TRUE(response) << response.error().text();
  EXPECT_EQ(response->status, 409);
  EXPECT_EQ(response->body, "POST/apis?x=1{}");
  EXPECT_THAT(response->headers, testing::Contains(testing::Pair("X-Echo", "Bearer t")));
  EXPECT_THAT(response->headers, testing::Contains(testing::Pair("X-Type", "application/json")));
}

TEST_F(ClientTest, KeepsConnectionsAndReplacesThoseThatTheServerClosed) {
  start();
  const auto c = client();
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(c->send({.target = "/"}, {}));
  EXPECT_EQ(server->stats().connections, 1U);
  service.on_handle = [](Request&, const auto&) {
    auto response = text_response(200, "x");
    response.close = true;
    return response;
  };
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(c->send({.method = "POST", .target = "/"}, {}));
}

TEST_F(ClientTest, UsesAConnectionThatDiedWhileIdleForNothing) {
  start();
  const auto c = client();
  ASSERT_TRUE(c->send({.target = "/"}, {}));
  const auto old_port = port();
  server.reset();
  start({.port = old_port});
  const auto response = c->send({.method = "POST", .target = "/again", .body = "b"}, {});
  ASSERT_TRUE(response) << response.error().text();
  EXPECT_EQ(response->body, "POST /again b");
}

TEST_F(ClientTest, ShowsItsCertificate) {
  const Authority ca("ca");
  std::string name;
  service.on_handle = [&](Request& request, const auto&) {
    const auto subject = ClientAuthorities::parse(ca.pem()).value()->verify(
        request.head.peer_certificate, wall_now());
    name = subject ? subject->common_name : "";
    return text_response(200, "");
  };
  start();
  auto with = options();
  with.certificate = ca.issue({.common_name = "server-of-ours"});
  ASSERT_TRUE(client(with)->send({.target = "/"}, {}));
  EXPECT_EQ(name, "server-of-ours");
}

TEST_F(ClientTest, RefusesAServerThatItCannotVerify) {
  start();
  const Authority other("other");
  auto stranger = options();
  stranger.ca_pem = other.pem();
  auto response = client(stranger)->send({.target = "/"}, {});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Code::kUnavailable);
  EXPECT_THAT(response.error().text(), HasSubstr("certificate is not accepted"));

  auto misnamed = options();
  misnamed.server_name = "kubernetes.default.svc";
  response = client(misnamed)->send({.target = "/"}, {});
  ASSERT_FALSE(response);
  EXPECT_THAT(response.error().text(), HasSubstr("ostname mismatch"));

  auto by_address = options();
  by_address.server_name = "";
  EXPECT_TRUE(client(by_address)->send({.target = "/"}, {})) << "the certificate names 127.0.0.1";

  auto system = options();
  system.ca_pem = "";
  EXPECT_FALSE(client(system)->send({.target = "/"}, {}));
  EXPECT_EQ(service.admitted(), 1);
}

// Client redirects leak credentials (CVE-2026-33745).
TEST_F(ClientTest, NeverFollowsARedirect) {
  service.on_handle = [](Request&, const auto&) {
    auto response = text_response(302, "");
    response.headers.add("Location", "/elsewhere");
    return response;
  };
  start();
  const auto response = client()->send({.target = "/"}, {});
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 302);
  EXPECT_EQ(service.admitted(), 1);
}

TEST_F(ClientTest, SaysThatNobodyListens) {
  start();
  auto nobody = options();
  server.reset();
  const auto response = client(nobody)->send({.target = "/"}, {});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, Code::kUnavailable);
  EXPECT_THAT(response.error().text(), HasSubstr("Connection refused"));
}

// A socket that listens and whose queue is full: who connects hears nothing.
class SilentListener {
 public:
  SilentListener() {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* any = reinterpret_cast<sockaddr*>(&address_);
    socklen_t size = sizeof address_;
    EXPECT_EQ(::bind(listener_, any, size), 0);
    EXPECT_EQ(::listen(listener_, 0), 0);
    ::getsockname(listener_, any, &size);
    for (int& fd : waiting_) {
      fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      (void)::connect(fd, any, size);
    }
  }
  ~SilentListener() {
    for (const int fd : waiting_) ::close(fd);
    ::close(listener_);
  }
  SilentListener(const SilentListener&) = delete;
  SilentListener& operator=(const SilentListener&) = delete;
  [[nodiscard]] sockaddr_in address() const { return address_; }

 private:
  int listener_;
  sockaddr_in address_{};
  std::array<int, 4> waiting_{};
};

TEST_F(ClientTest, AnAddressThatIsSilentLeavesTimeToTheNext) {
  start();
  const SilentListener silent;
  std::array<sockaddr_in, 2> where{silent.address(), silent.address()};
  where[1].sin_port = htons(port());
  std::array<addrinfo, 2> list{};
  for (std::size_t i = 0; i < list.size(); ++i) {
    list[i].ai_family = AF_INET;
    list[i].ai_addr = reinterpret_cast<sockaddr*>(&where[i]);
    list[i].ai_addrlen = sizeof where[i];
  }
  const Waker waker{std::stop_token()};
  const auto soon = [] { return std::chrono::steady_clock::now() + milliseconds(1000); };
  EXPECT_FALSE(connect_any(list.data(), soon(), waker)) << "the first alone";
  list[0].ai_next = &list[1];
  const auto connected = connect_any(list.data(), soon(), waker);
  ASSERT_TRUE(connected) << connected.error().text();
  ::close(*connected);
}

TEST_F(ClientTest, RefusesInputThatWouldForgeARequest) {
  start();
  const auto c = client();
  EXPECT_EQ(c->send({.target = "/ HTTP/1.1\r\nX: y"}, {}).error().code, Code::kInvalid);
  EXPECT_EQ(c->send({.target = "relative"}, {}).error().code, Code::kInvalid);
  EXPECT_EQ(c->send({.target = "/", .headers = {{"A", "b\r\nc: d"}}}, {}).error().code,
            Code::kInvalid);
  EXPECT_FALSE(Client::make({}));
  EXPECT_FALSE(Client::make({.host = "a", .ca_pem = "no PEM"}));
}

TEST_F(ClientTest, EndsAtItsDeadlineAndWhenCalledOff) {
  std::latch release(1);
  service.on_handle = [&](Request&, const auto&) {
    release.wait();
    return text_response(200, "");
  };
  start();
  const auto c = client();
  const auto late = c->send({.target = "/", .timeout = milliseconds(100)}, {});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::kUnavailable);

  std::stop_source stop;
  Result<ClientResponse> answer = fail(Code::kInternal, "");
  {
    const std::jthread asking([&] { answer = c->send({.target = "/"}, stop.get_token()); });
    ASSERT_TRUE(service.wait_admitted(2));
    stop.request_stop();
  }
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::kCancelled);
  release.count_down();
  server.reset();  // a handler may still be on its way to the latch
}

TEST_F(ClientTest, StreamsLinesUntilTheAnswerEnds) {
  service.on_handle = [](Request&, const auto&) {
    Response response;
    auto queue = std::make_shared<FrameQueue>();
    for (const char* part : {"one\ntw", "o\n", "three\nrest"})
      queue->push(std::make_shared<const std::string>(part));
    queue->close();
    response.body = std::move(queue);
    return response;
  };
  start();
  std::vector<std::string> lines;
  const auto response = client()->stream({.target = "/watch"}, milliseconds(10000),
                                         [&](std::string_view line) {
                                           lines.emplace_back(line);
                                           return true;
                                         },
                                         {});
  ASSERT_TRUE(response) << response.error().text();
  EXPECT_EQ(response->status, 200);
  EXPECT_THAT(lines, ElementsAre("one", "two", "three", "rest"));
}

TEST_F(ClientTest, AStreamEndsWhenItsReaderOrItsOwnerWantsIt) {
  std::mutex mutex;
  std::vector<std::shared_ptr<FrameQueue>> queues;
  service.on_handle = [&](Request&, const auto&) {
    Response response;
    auto queue = std::make_shared<FrameQueue>();
    queue->push(std::make_shared<const std::string>("line\n"));
    const std::lock_guard lock(mutex);
    queues.push_back(queue);
    response.body = std::move(queue);
    return response;
  };
  start();
  const auto c = client();
  const auto enough =
      c->stream({.target = "/"}, milliseconds(10000), [](std::string_view) { return false; }, {});
  ASSERT_TRUE(enough);
  std::stop_source stop;
  const auto stopped = c->stream(
      {.target = "/"}, milliseconds(10000),
      [&](std::string_view) {
        stop.request_stop();
        return true;
      },
      stop.get_token());
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Code::kCancelled);
  EXPECT_TRUE(eventually([&] {
    const std::lock_guard lock(mutex);
    return queues.size() == 2 && std::ranges::all_of(queues, &FrameQueue::closed);
  })) << "the server is told";
  const auto silent =
      c->stream({.target = "/"}, milliseconds(50), [](std::string_view) { return true; }, {});
  ASSERT_FALSE(silent);
  EXPECT_EQ(silent.error().code, Code::kUnavailable);
  server.reset();  // the last request may only now reach the handler, and its stream ends now
}

TEST_F(ClientTest, AStreamThatIsRefusedComesBackWithItsBody) {
  service.on_handle = [](Request&, const auto&) { return text_response(410, "too old\n"); };
  start();
  int lines = 0;
  const auto response = client()->stream({.target = "/"}, milliseconds(10000),
                                         [&](std::string_view) {
                                           ++lines;
                                           return true;
                                         },
                                         {});
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 410);
  EXPECT_EQ(response->body, "too old\n");
  EXPECT_EQ(lines, 0);
}

TEST_F(ClientTest, AnAnswerThatIsTooLargeIsRefused) {
  service.on_handle = [](Request&, const auto&) {
    return text_response(200, std::string(5000, 'x'));
  };
  start();
  auto small = options();
  small.max_body = 4999;
  const auto response = client(small)->send({.target = "/"}, {});
  ASSERT_FALSE(response);
  EXPECT_THAT(response.error().message, HasSubstr("larger than"));
}

TEST_F(ClientTest, ManyThreadsShareOneClient) {
  start();
  const auto c = client();
  std::atomic<int> wrong{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 6; ++t)
      threads.emplace_back([&, t] {
        for (int i = 0; i < 50; ++i) {
          const std::string target = "/" + std::to_string(t * 1000 + i);
          const auto response = c->send({.target = target}, {});
          if (!response || response->body != "GET " + target + " ") ++wrong;
        }
      });
  }
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace gb::http::test
