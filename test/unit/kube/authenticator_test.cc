#include <gmock/gmock.h>

#include "kube/delegating_authenticator.h"
#include "test/unit/http/certificates.h"
#include "test/unit/kube/fake_client.h"

namespace gb::kube {
namespace {

using http::test::as_peer;
using http::test::Authority;
using test::FakeClient;
using test::Json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Authentication : public ::testing::Test {
 protected:
  Authentication() {
    set_answer([](const std::string&) { return Json{{"authenticated", false}}; });
  }

  Json config_map(Json data) {
    return {
        {"metadata", {{"name", "extension-apiserver-authentication"}, {"resourceVersion", "5"}}},
        {"data", std::move(data)}};
  }
  Json trust() {
    return config_map({{"client-ca-file", client_ca_.pem()},
                       {"requestheader-client-ca-file", proxy_ca_.pem()},
                       {"requestheader-username-headers", R"(["X-Remote-User"])"},
                       {"requestheader-group-headers", R"(["X-Remote-Group"])"},
                       {"requestheader-extra-headers-prefix", R"(["X-Remote-Extra-"])"},
                       {"requestheader-uid-headers", R"(["X-Remote-Uid"])"},
                       {"requestheader-allowed-names", R"(["front-proxy-client"])"}});
  }

  // How TokenReviews are answered; the ConfigMap is `map_`.
  void set_answer(std::function<Json(const std::string&)> review) {
    client_.on_call = [this, review = std::move(review)](const Call& call) -> Result<Json> {
      if (call.path.find("tokenreviews") != std::string::npos) {
        const Json body = Json::parse(call.body);
        return Json{{"status", review(body["spec"]["token"])}};
      }
      return test::list_of(map_.is_null() ? Json::array() : Json::array({map_}));
    };
  }
  void start() {
    DelegatingAuthenticator::Options options;
    options.first_pause = std::chrono::milliseconds(1);
    options.backoff = {std::chrono::milliseconds(1), 1.0, 2, std::chrono::milliseconds(5000)};
    authenticator_ = std::make_unique<DelegatingAuthenticator>(client_, clock_, rng_, options);
    ASSERT_TRUE(authenticator_->wait_ready(std::chrono::seconds(30)));
  }
  void start_trusting() {
    map_ = trust();
    start();
  }

  static http::RequestHead head(std::vector<std::pair<std::string, std::string>> headers) {
    http::RequestHead result;
    for (auto& [name, value] : headers) result.headers.add(name, value);
    return result;
  }
  http::RequestHead proxied(std::vector<std::pair<std::string, std::string>> headers) {
    http::RequestHead result = head(std::move(headers));
    result.peer_certificate =
        as_peer(proxy_ca_.issue({.common_name = "front-proxy-client"}).certificate_pem);
    return result;
  }
  User user(const http::RequestHead& head) {
    auto result = authenticator_->authenticate(head);
    EXPECT_TRUE(result) << result.error().text();
    return result ? *result : User{};
  }
  Code refused(const http::RequestHead& head) {
    const auto result = authenticator_->authenticate(head);
    EXPECT_FALSE(result) << result->name;
    return result ? Code::kInternal : result.error().code;
  }
  std::size_t reviews() const {
    std::size_t count = 0;
    for (const Call& call : client_.calls())
      count += call.path.find("tokenreviews") != std::string::npos ? 1 : 0;
    return count;
  }

  Authority client_ca_{"client-ca"};
  Authority proxy_ca_{"proxy-ca"};
  ManualClock clock_{http::test::wall_now()};
  SeededRng rng_{1};
  Json map_;
  FakeClient client_;
  std::unique_ptr<DelegatingAuthenticator> authenticator_;
};

TEST_F(Authentication, TheFrontProxySpeaksForItsUsers) {
  start_trusting();
  const User one = user(proxied({{"X-Remote-User", "alice"},
                                 {"X-Remote-Group", "a,b"},
                                 {"x-remote-group", "c"},
                                 {"X-Remote-Uid", "u-1"},
                                 {"X-Remote-Extra-Acme.Com%2fProject", "one"},
                                 {"X-Remote-Extra-acme.com%2fproject", "t%77o"}}));
  EXPECT_EQ(one.name, "alice");
  EXPECT_EQ(one.uid, "u-1");
  EXPECT_THAT(one.groups, ElementsAre("a,b", "c", "system:authenticated")) << "commas not split";
  EXPECT_THAT(one.extra.at("acme.com/project"), ElementsAre("one", "t%77o"))
      << "only keys are decoded";
}

TEST_F(Authentication, EncodedNamesStayAsTheyAre) {
  start_trusting();
  EXPECT_EQ(user(proxied({{"X-Remote-User", "system%3Amasters"}})).name, "system%3Amasters");
}

TEST_F(Authentication, TheFirstUserCountsAndAnEmptyFirstOneIs401) {
  start_trusting();
  EXPECT_EQ(user(proxied({{"X-Remote-User", "a"}, {"X-Remote-User", "b"}})).name, "a");
  EXPECT_EQ(refused(proxied({{"X-Remote-User", ""}, {"X-Remote-User", "b"}})),
            Code::kUnauthenticated);
}

TEST_F(Authentication, AProxyWithoutAUserIsNeverAnonymous) {
  start_trusting();
  EXPECT_EQ(refused(proxied({})), Code::kUnauthenticated);
}

TEST_F(Authentication, HeadersWithoutTheProxysCertificateSayNothing) {
  start_trusting();
  EXPECT_EQ(user(head({{"X-Remote-User", "admin"}, {"X-Remote-Group", "system:masters"}})).name,
            kAnonymous);
  http::RequestHead client = head({{"X-Remote-User", "admin"}});
  client.peer_certificate = as_peer(client_ca_.issue({.common_name = "bob"}).certificate_pem);
  EXPECT_EQ(user(client).name, "bob") << "the certificate's, not the header's";
}

TEST_F(Authentication, OnlyTheAllowedNamesAreProxies) {
  start_trusting();
  http::RequestHead other = head({{"X-Remote-User", "admin"}});
  other.peer_certificate = as_peer(proxy_ca_.issue({.common_name = "else"}).certificate_pem);
  EXPECT_EQ(refused(other), Code::kUnauthenticated);
  http::RequestHead server = head({{"X-Remote-User", "admin"}});
  server.peer_certificate =
      as_peer(proxy_ca_.issue({.common_name = "front-proxy-client", .usages = "serverAuth"})
                  .certificate_pem);
  EXPECT_EQ(refused(server), Code::kUnauthenticated) << "clientAuth is needed";
}

TEST_F(Authentication, EmptyAllowedNamesMeanAnyName) {
  map_ = trust();
  map_["data"]["requestheader-allowed-names"] = "[]";
  start();
  http::RequestHead other = head({{"X-Remote-User", "alice"}});
  other.peer_certificate = as_peer(proxy_ca_.issue({.common_name = "else"}).certificate_pem);
  EXPECT_EQ(user(other).name, "alice");
}

TEST_F(Authentication, UidsAreBelievedOnlyWhenTheConfigMapNamesTheirHeader) {
  map_ = trust();
  map_["data"].erase("requestheader-uid-headers");
  start();
  EXPECT_EQ(user(proxied({{"X-Remote-User", "a"}, {"X-Remote-Uid", "u"}})).uid, "");
}

TEST_F(Authentication, ClientCertificatesNameUserAndGroups) {
  start_trusting();
  http::RequestHead request;
  request.peer_certificate = as_peer(
      client_ca_.issue({.common_name = "bob", .organizations = {"dev", "ops"}}).certificate_pem);
  const User bob = user(request);
  EXPECT_EQ(bob.name, "bob");
  EXPECT_THAT(bob.groups, ElementsAre("dev", "ops", "system:authenticated"));
  EXPECT_THAT(bob.extra.at("authentication.kubernetes.io/credential-id").at(0),
              ::testing::MatchesRegex("X509SHA256=[0-9a-f]{64}"));
  const Authority stranger("stranger");
  request.peer_certificate = as_peer(stranger.issue({.common_name = "eve"}).certificate_pem);
  EXPECT_EQ(refused(request), Code::kUnauthenticated) << "never anonymous";
}

TEST_F(Authentication, NoCredentialsAreTheAnonymousUser) {
  start_trusting();
  for (const char* header : {"", "Bearer", "Bearer  x", "Basic YTpi"}) {
    const User nobody = user(head({{"Authorization", header}}));
    EXPECT_EQ(nobody.name, kAnonymous) << header;
    EXPECT_THAT(nobody.groups, ElementsAre("system:unauthenticated"));
  }
  EXPECT_EQ(reviews(), 0U);
}

TEST_F(Authentication, AnAnonymousUserOfTheProxyStaysAnonymous) {
  start_trusting();
  EXPECT_THAT(user(proxied({{"X-Remote-User", "system:anonymous"},
                            {"X-Remote-Group", "system:unauthenticated"}}))
                  .groups,
              ElementsAre("system:unauthenticated"));
}

TEST_F(Authentication, TokensAreReviewedAndKeptForTenSeconds) {
  set_answer([](const std::string& token) -> Json {
    if (token != "good") return {{"authenticated", false}, {"error", "no such token"}};
    return {{"authenticated", true},
            {"user",
             {{"username", "robot"}, {"uid", "7"}, {"groups", {"g"}}, {"extra", {{"k", {"v"}}}}}}};
  });
  start_trusting();
  const auto good = head({{"Authorization", "bearer good"}});
  EXPECT_EQ(user(good).name, "robot");
  EXPECT_THAT(user(good).groups, ElementsAre("g", "system:authenticated"));
  EXPECT_THAT(user(good).extra.at("k"), ElementsAre("v"));
  EXPECT_EQ(reviews(), 1U);
  const auto bad = head({{"Authorization", "Bearer bad"}});
  EXPECT_EQ(refused(bad), Code::kUnauthenticated);
  EXPECT_EQ(refused(bad), Code::kUnauthenticated);
  EXPECT_EQ(reviews(), 2U) << "failures are kept too";
  clock_.advance(std::chrono::seconds(11));
  user(good);
  EXPECT_EQ(reviews(), 3U);
}

TEST_F(Authentication, AProxysUserWinsOverABadToken) {
  start_trusting();
  EXPECT_EQ(user(proxied({{"X-Remote-User", "alice"}, {"Authorization", "Bearer bad"}})).name,
            "alice");
}

TEST_F(Authentication, WhenNobodyCanBeAskedItIs401AndNotKept) {
  start_trusting();
  client_.on_call = [](const Call&) -> Result<Json> { return fail(Code::kUnavailable, "dead"); };
  const auto request = head({{"Authorization", "Bearer good"}});
  EXPECT_EQ(refused(request), Code::kUnauthenticated);
  const std::size_t before = reviews();
  EXPECT_EQ(before, 2U) << "tried again once, as the test's backoff says";
  EXPECT_EQ(refused(request), Code::kUnauthenticated);
  EXPECT_EQ(reviews(), before + 2);
}

TEST_F(Authentication, ItFailsClosedWithoutTheConfigMap) {
  start();
  EXPECT_EQ(user(proxied({{"X-Remote-User", "admin"}})).name, kAnonymous);
}

TEST_F(Authentication, AChangedConfigMapIsTakenWithoutARestart) {
  start();
  client_.wait_watches(1);
  client_.push("ADDED", trust());
  EXPECT_EQ(user(proxied({{"X-Remote-User", "alice"}})).name, "alice");
  Json broken = trust();
  broken["data"]["requestheader-username-headers"] = "not json";
  client_.push("MODIFIED", broken);
  EXPECT_EQ(user(proxied({{"X-Remote-User", "alice"}})).name, "alice") << "what was there stays";
  client_.push("DELETED", trust());
  EXPECT_EQ(user(proxied({{"X-Remote-User", "alice"}})).name, kAnonymous);
}

}  // namespace
}  // namespace gb::kube
