#include "kube/client.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "kube/cluster_namespaces.h"
#include "kube/delegating_authenticator.h"
#include "kube/sar_authorizer.h"
#include "test/unit/http/server_fixture.h"

namespace gb::kube {
namespace {

using api::Json;
using http::test::text_response;
using ::testing::HasSubstr;

// A kube-apiserver over real TLS that answers as a test scripts it.
class ClientTest : public http::test::ServerTest {
 protected:
  void SetUp() override {
    start();
    access_.host = "127.0.0.1";
    access_.port = port();
    access_.ca_pem = pair.certificate_pem;
    access_.token = "secret";
  }
  std::unique_ptr<KubeClient> client() {
    auto made = KubeClient::make(access_);
    EXPECT_TRUE(made) << made.error().text();
    return std::move(*made);
  }
  void answer(int status, std::string body) {
    service.on_handle = [status, body](http::Request&, const auto&) {
      return text_response(status, body);
    };
  }
  Error call_error(int status, std::string body) {
    answer(status, std::move(body));
    const auto result = client()->call({.path = "/api/v1/x"}, {});
    EXPECT_FALSE(result);
    return result.error();
  }

  ClusterAccess access_;
};

TEST_F(ClientTest, RequestsCarryTheIdentityOfThisServer) {
  std::string seen;
  access_.base_path = "/k8s/clusters/c-1";
  service.on_handle = [&](http::Request& request, const auto&) {
    seen = request.head.method + " " + request.head.target + " " +
           std::string(request.head.headers.get("Authorization").value_or("")) + " " +
           std::string(request.head.headers.get("Content-Type").value_or("")) + " " + request.body;
    return text_response(201, R"({"a":1})");
  };
  const auto result = client()->call({.method = "POST", .path = "/api/v1/x", .body = "{}"}, {});
  ASSERT_TRUE(result) << result.error().text();
  EXPECT_EQ((*result)["a"], 1);
  EXPECT_EQ(seen, "POST /k8s/clusters/c-1/api/v1/x Bearer secret application/json {}");
}

TEST_F(ClientTest, AnswersBecomeErrorsByTheirCode) {
  const std::string status = R"({"kind":"Status","message":"why","reason":"AlreadyExists"})";
  EXPECT_EQ(call_error(401, status).code, Code::kUnauthenticated);
  EXPECT_EQ(call_error(403, status).code, Code::kForbidden);
  EXPECT_EQ(call_error(404, status).code, Code::kNotFound);
  EXPECT_EQ(call_error(409, status).code, Code::kAlreadyExists);
  EXPECT_EQ(call_error(409, "{}").code, Code::kConflict);
  EXPECT_EQ(call_error(410, status).code, Code::kExpired);
  EXPECT_EQ(call_error(422, status).code, Code::kInvalid);
  EXPECT_EQ(call_error(429, status).code, Code::kExhausted);
  EXPECT_EQ(call_error(503, "not json").code, Code::kUnavailable);
  EXPECT_EQ(call_error(302, "").code, Code::kUnavailable) << "redirects are never followed";
  EXPECT_EQ(call_error(200, "not json").code, Code::kUnavailable);
  EXPECT_THAT(call_error(403, status).text(), HasSubstr("answered 403 to GET /api/v1/x: why"));
}

TEST_F(ClientTest, AStrangersCertificateIsRefused) {
  access_.ca_pem = http::make_self_signed({"127.0.0.1"}, http::test::wall_now())->certificate_pem;
  const auto result = client()->call({.path = "/"}, {});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kUnavailable);
}

TEST_F(ClientTest, ATokenFileIsReadAgainWhenItChanges) {
  const auto file =
      std::filesystem::temp_directory_path() / ("gb-token-" + std::to_string(getpid()));
  std::ofstream(file) << "one\n";
  access_.token.clear();
  access_.token_file = file;
  std::string seen;
  service.on_handle = [&](http::Request& request, const auto&) {
    seen = std::string(request.head.headers.get("Authorization").value_or(""));
    return text_response(200, "{}");
  };
  auto made = client();
  ASSERT_TRUE(made->call({.path = "/"}, {}));
  EXPECT_EQ(seen, "Bearer one");
  std::ofstream(file) << "second\n";
  ASSERT_TRUE(made->call({.path = "/"}, {}));
  EXPECT_EQ(seen, "Bearer second");
  std::filesystem::remove(file);
  EXPECT_EQ(made->call({.path = "/"}, {}).error().code, Code::kInvalid);
}

TEST_F(ClientTest, AWatchDeliversEventsUntilTheServerEndsIt) {
  const auto watch = [&](const std::string& body, std::vector<std::string>* types) {
    answer(200, body);
    return client()->watch("/w",
                           [&](const Json& event) {
                             types->push_back(event["type"]);
                             return true;
                           },
                           {});
  };
  std::vector<std::string> types;
  EXPECT_TRUE(
      watch("{\"type\":\"ADDED\",\"object\":{}}\n{\"type\":\"DELETED\",\"object\":{}}\n", &types));
  EXPECT_THAT(types, ::testing::ElementsAre("ADDED", "DELETED"));
  const auto expired =
      watch("{\"type\":\"ERROR\",\"object\":{\"code\":410,\"message\":\"too old\"}}\n", &types);
  EXPECT_EQ(expired.error().code, Code::kExpired);
  EXPECT_EQ(watch("garbage\n", &types).error().code, Code::kUnavailable);
  answer(403, R"({"message":"no"})");
  EXPECT_EQ(client()->watch("/w", [](const Json&) { return true; }, {}).error().code,
            Code::kForbidden);
}

TEST_F(ClientTest, ADeadServerHoldsNobodyLongerThanTheDeadline) {
  // It accepts and never answers.
  std::mutex mutex;
  std::condition_variable changed;
  bool release = false;
  service.on_handle = [&](http::Request&, const auto&) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return release; });
    return text_response(200, "{}");
  };
  auto made = client();
  const auto slow = made->call({.path = "/", .timeout = std::chrono::milliseconds(100)}, {});
  ASSERT_FALSE(slow);
  EXPECT_EQ(slow.error().code, Code::kUnavailable);

  ManualClock clock{http::test::wall_now()};
  const Backoff backoff{std::chrono::milliseconds(10), 1.0, 5, std::chrono::milliseconds(200)};
  SarAuthorizer authorizer(*made, clock, backoff);
  Attributes attributes;
  attributes.verb = "get";
  attributes.path = "/metrics";
  EXPECT_EQ(authorizer.authorize({"a", "", {}, {}}, attributes).error().code, Code::kUnavailable);

  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_FALSE(made->call({.path = "/", .timeout = std::chrono::hours(1)}, stop.get_token()));
  {
    const std::lock_guard lock(mutex);
    release = true;
  }
  changed.notify_all();
  server.reset();  // its handlers still use what this test owns
}

TEST_F(ClientTest, TheDoorsWorkOverRealConnectionsAndSurviveALostServer) {
  service.on_handle = [&](http::Request& request, const auto&) {
    const std::string& target = request.head.target;
    if (target.find("watch=true") != std::string::npos) {
      http::Response response;
      auto queue = std::make_shared<http::FrameQueue>();
      queue->push(std::make_shared<const std::string>(
          R"({"type":"ADDED","object":{"metadata":{"name":"late","resourceVersion":"12"}}})"
          "\n"));
      response.body = queue;
      return response;
    }
    if (target.find("/api/v1/namespaces/") == 0) return text_response(404, "{}");
    return text_response(
        200, R"({"metadata":{"resourceVersion":"10"},"items":[{"metadata":{"name":"a"}}]})");
  };
  auto made = client();
  ClusterNamespaces namespaces(*made,
                               {std::chrono::milliseconds(500), std::chrono::milliseconds(1)});
  ASSERT_TRUE(namespaces.wait_ready(std::chrono::seconds(30)));
  EXPECT_TRUE(eventually([&] {
    const auto state = namespaces.state("late");
    return state && *state == NamespaceState::kActive;
  }));
  EXPECT_EQ(*namespaces.state("missing"), NamespaceState::kMissing);
  server.reset();
  EXPECT_EQ(*namespaces.state("a"), NamespaceState::kActive) << "memory outlives the server";
  EXPECT_EQ(namespaces.state("missing").error().code, Code::kUnavailable);
}

}  // namespace
}  // namespace gb::kube
