// Credential plugins: small shell programs that answer, or do not.
#include "kube/exec_credential.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/text.h"
#include "kube/client.h"
#include "test/eventually.h"
#include "test/unit/http/server_fixture.h"

namespace gb::kube {
namespace {

using ::testing::HasSubstr;

constexpr const char* kV1 = "client.authentication.k8s.io/v1";

class ExecTest : public ::testing::Test {
 protected:
  ExecTest() {
    folder_ = std::filesystem::temp_directory_path() / ("gb-exec-" + std::to_string(getpid()));
    std::filesystem::create_directories(folder_);
  }
  ~ExecTest() override { std::filesystem::remove_all(folder_); }

  ExecPlugin shell(const std::string& script) {
    ExecPlugin plugin;
    plugin.api_version = kV1;
    plugin.command = "sh";
    plugin.arguments = {"-c", script};
    plugin.environment = {{"RUNS", folder_ / "runs"}, {"SAID", folder_ / "said"}};
    return plugin;
  }
  static std::string say(const std::string& status) {
    return std::string(R"(echo x >>"$RUNS"; echo '{"apiVersion": ")") + kV1 +
           R"(", "kind": "ExecCredential", "status": )" + status + "}'";
  }
  std::string error_of(const std::string& script) {
    ExecCredentials credentials(shell(script), clock_);
    const auto got = credentials.get({});
    return got ? "a credential" : got.error().text();
  }
  std::size_t runs() {
    std::ifstream file(folder_ / "runs");
    std::size_t count = 0;
    for (std::string line; std::getline(file, line);) ++count;
    return count;
  }

  std::filesystem::path folder_;
  ManualClock clock_{*from_rfc3339("2026-11-20T02:00:00Z")};
};

TEST_F(ExecTest, WhatItSaysIsKeptUntilItExpiresOrIsDropped) {
  ExecCredentials credentials(
      shell(say(R"({"token": "t", "expirationTimestamp": "2026-11-20T03:00:00Z"})")), clock_);
  for (int i = 0; i < 3; ++i) {
    const auto got = credentials.get({});
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_EQ(got->token, "t");
  }
  EXPECT_EQ(runs(), 1U);
  clock_.advance(std::chrono::hours(1));
  ASSERT_TRUE(credentials.get({}));
  EXPECT_EQ(runs(), 2U);
  credentials.drop();
  ASSERT_TRUE(credentials.get({}));
  EXPECT_EQ(runs(), 3U);
}

TEST_F(ExecTest, ItIsToldWhatItIsFor) {
  ExecPlugin plugin = shell(R"(printf %s "$KUBERNETES_EXEC_INFO" >"$SAID";)" +
                            say(R"({"clientCertificateData": "C", "clientKeyData": "K"})"));
  plugin.cluster_json = R"({"server": "https://x"})";
  ExecCredentials credentials(plugin, clock_);
  const auto got = credentials.get({});
  ASSERT_TRUE(got) << got.error().text();
  EXPECT_EQ(got->certificate_pem + got->key_pem, "CK");
  std::ifstream file(folder_ / "said");
  std::string said;
  std::getline(file, said);
  EXPECT_EQ(said,
            R"({"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","spec":)"
            R"({"cluster":{"server":"https://x"},"interactive":false}})");
}

TEST_F(ExecTest, EveryWayToFailIsSaid) {
  EXPECT_THAT(
      error_of("exit 3"),
      HasSubstr("the credential plugin \"sh\" gave no credential: it ended with exit code 3"));
  EXPECT_THAT(error_of("kill -9 $$"), HasSubstr("it was ended by signal 9"));
  EXPECT_THAT(error_of("echo hello"), HasSubstr("no ExecCredential"));
  EXPECT_THAT(error_of(say("{}")), HasSubstr("neither a token nor a certificate"));
  EXPECT_THAT(error_of(say(R"({"clientCertificateData": "C"})")), HasSubstr("without its key"));
  EXPECT_THAT(error_of(say(R"({"token": "t", "expirationTimestamp": "soon"})")),
              HasSubstr("is not a time"));
  EXPECT_THAT(error_of(R"(echo '{"apiVersion": "v0", "kind": "ExecCredential"}')"),
              HasSubstr("it answered in apiVersion \"v0\""));
  ExecPlugin missing;
  missing.command = "/not/there";
  missing.install_hint = "install it from example.org";
  ExecCredentials credentials(missing, clock_);
  EXPECT_THAT(credentials.get({}).error().text(),
              ::testing::AllOf(HasSubstr("cannot be started: No such file"),
                               HasSubstr("; install it from example.org")));
  EXPECT_EQ(credentials.get({}).error().code, Code::kUnauthenticated);
}

TEST_F(ExecTest, OneThatHangsIsEndedByAStopWithAllThatItStarted) {
  const std::string file =
      (std::filesystem::temp_directory_path() / ("gb-hangs-" + std::to_string(getpid()))).string();
  const auto child = [&] {
    pid_t pid = 0;
    std::ifstream(file) >> pid;
    return pid;
  };
  std::stop_source stop;
  const std::jthread stopper([&] {
    EXPECT_TRUE(eventually([&] { return child() != 0; })) << "it does not start its own";
    stop.request_stop();
  });
  ExecCredentials credentials(shell("sleep 600 & echo $! > " + file + "; wait"), clock_);
  EXPECT_EQ(credentials.get(stop.get_token()).error().code, Code::kCancelled);
  // One that has ended has no command line, whether anybody took note of its end or not.
  const std::string command = "/proc/" + std::to_string(child()) + "/cmdline";
  const auto lives = [&] { return std::ifstream(command).get() != EOF; };
  EXPECT_TRUE(eventually([&] { return !lives(); })) << "sleep is still there";
  std::filesystem::remove(file);
}

class ExecClient : public http::test::ServerTest {};

TEST_F(ExecClient, ACredentialThatIsNotBelievedIsAskedForOnceMore) {
  start();
  const std::string counter =
      (std::filesystem::temp_directory_path() / ("gb-count-" + std::to_string(getpid()))).string();
  std::filesystem::remove(counter);
  service.on_handle = [](http::Request& request, const auto&) {
    const std::string token(request.head.headers.get("Authorization").value_or(""));
    return http::test::text_response(token == "Bearer t2" ? 200 : 401,
                                     "{\"said\": \"" + token + "\"}");
  };
  ClusterAccess access;
  access.host = "127.0.0.1";
  access.port = port();
  access.ca_pem = pair.certificate_pem;
  access.headers = {{"Impersonate-User", "bob"}};
  access.exec = ExecPlugin{};
  access.exec->api_version = kV1;
  access.exec->command = "sh";
  access.exec->arguments = {"-c",
                            "echo x >>" + counter +
                                R"(; echo '{"apiVersion": "client.authentication.k8s.io/v1",)"
                                R"( "kind": "ExecCredential", "status": {"token": "t'$(wc -l <)" +
                                counter + R"()'"}}')"};
  const auto client = *KubeClient::make(access, "test");
  const auto answer = client->call({.path = "/x"}, {});
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ((*answer)["said"], "Bearer t2");
  std::filesystem::remove(counter);
}

}  // namespace
}  // namespace gb::kube
