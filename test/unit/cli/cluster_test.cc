// What the cluster says, as a person reads it.
#include "cli/cluster.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/output.h"

namespace gb::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class Answers final : public kube::KubeClient {
 public:
  explicit Answers(http::ClientResponse response) : response_(std::move(response)) {}
  Result<api::Json> call(const kube::Call& /*call*/, std::stop_token /*stop*/) override {
    return fail(Code::kInternal, "not used");
  }
  Status watch(const std::string& /*path*/, const std::function<bool(const api::Json&)>& /*on*/,
               std::stop_token /*stop*/) override {
    return fail(Code::kInternal, "not used");
  }
  Result<http::ClientResponse> send(const kube::Call& call, std::stop_token /*stop*/) override {
    last = call;
    return response_;
  }
  Result<http::ClientResponse> lines(const std::string& /*path*/,
                                     const std::function<bool(std::string_view)>& on_line,
                                     std::stop_token /*stop*/) override {
    if (response_.status == 200) on_line("one");
    return response_;
  }
  kube::Call last;

 private:
  http::ClientResponse response_;
};

Error error_of(int status, const std::string& body) {
  const Cluster cluster(std::make_unique<Answers>(http::ClientResponse{status, {}, body}), "ns");
  const auto answer = cluster.get("/x", {});
  EXPECT_FALSE(answer);
  return answer ? Error{} : answer.error();
}

TEST(ClusterTest, PathsAreEncoded) {
  const Cluster cluster(std::make_unique<Answers>(http::ClientResponse{}), "open/stack");
  EXPECT_EQ(cluster.path("galerabackups", "a?b", "log"),
            "/apis/backup.rhoso.io/v1beta1/namespaces/open%2Fstack/galerabackups/a%3Fb/log");
  EXPECT_EQ(Cluster(std::make_unique<Answers>(http::ClientResponse{}), "ns").path("galerabackups"),
            "/apis/backup.rhoso.io/v1beta1/namespaces/ns/galerabackups");
}

TEST(ClusterTest, TheServersWordsAreTheMessage) {
  const Error taken =
      error_of(409, R"({"kind": "Status", "reason": "AlreadyExists", "details": {"name": "a"},
                                       "message": "galerabackups.backup.rhoso.io \"a\" already exists"})");
  EXPECT_EQ(taken.code, Code::kAlreadyExists);
  EXPECT_EQ(taken.text(), "galerabackups.backup.rhoso.io \"a\" already exists");
  const Error missing = error_of(
      404, R"({"kind": "Status", "details": {"name": "a"}, "message": "\"a\" not found"})");
  EXPECT_EQ(missing.code, Code::kNotFound);
  EXPECT_EQ(missing.hint, "");
}

TEST(ClusterTest, WhatTheServersWordsDoNotTellIsHinted) {
  EXPECT_THAT(
      error_of(404, "404 page not found\n").text(),
      AllOf(HasSubstr("404 page not found"), HasSubstr("does not serve galera-backup's API"),
            HasSubstr("kubectl get apiservice v1beta1.backup.rhoso.io")));
  EXPECT_THAT(error_of(503, "service unavailable\n").text(),
              AllOf(HasSubstr("galera-backup's server does not answer: service unavailable"),
                    HasSubstr("kubectl get pods -n galera-backup")));
  EXPECT_THAT(error_of(401, R"({"message": "Unauthorized"})").text(),
              HasSubstr("you are not logged in to the cluster (Unauthorized)"));
  EXPECT_EQ(error_of(500, "").message, "the server answered 500");
  EXPECT_THAT(error_of(200, "<html>").text(), HasSubstr("no JSON object"));
}

TEST(ClusterTest, AnAnswerThatIsPreferredAtOnceIsAskedForAsSuch) {
  auto client = std::make_unique<Answers>(http::ClientResponse{201, {}, "{}"});
  const Answers& sent = *client;
  const Cluster cluster(std::move(client), "ns");
  Request request;
  request.method = "POST";
  request.respond_async = true;
  ASSERT_TRUE(cluster.ask(request, {}));
  EXPECT_EQ(sent.last.headers.front().second, "respond-async");
}

TEST(ClusterTest, WarningsGoToTheStandardErrorWithoutTheirQuotes) {
  const Cluster cluster(std::make_unique<Answers>(http::ClientResponse{
                            200, {{"warning", R"(299 - "say \"so\"")"}}, "{}"}),
                        "ns");
  testing::internal::CaptureStderr();
  ASSERT_TRUE(cluster.get("/x", {}));
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "Warning: say \"so\"\n");
}

// A schema may be called anything, and messages name schemas.
TEST(Printable, WhatATerminalWouldObeyIsShown) {
  EXPECT_EQ(printable("a\x1b[2Jb\x7f\r\nc\td"), "a^[[2Jb^?  c d");
  EXPECT_EQ(printable("größer"), "größer");
  EXPECT_EQ(table_text({"A"}, {{"x\ny"}}), "A\nx y\n");
}

TEST(ObjectNames, EveryFormOfKubectlAndOurOwn) {
  for (const char* text : {"backup/x", "backups/x", "galerabackup/x", "GaleraBackup/x", "gbk/x",
                           "galerabackups.backup.rhoso.io/x", "galerabackup.backup.rhoso.io/x"}) {
    const auto parsed = parse_object_name(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(short_form(*parsed->type, parsed->name), "backup/x") << text;
  }
  EXPECT_EQ(parse_object_name("grs/a.b")->type->plural, "galerarestores");
  for (const char* text : {"x", "", "/", "backup", "backup/", "/x", "pod/x", "store/x"})
    EXPECT_EQ(parse_object_name(text).error().code, Code::kInvalid) << text;
}

}  // namespace
}  // namespace gb::cli
