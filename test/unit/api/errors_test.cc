#include "api/errors.h"

#include <gmock/gmock.h>

#include "test/unit/api/fixture.h"

namespace gb::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Errors, AStatusIsWrittenAsKubernetesWritesIt) {
  EXPECT_EQ(not_found(backup_type(), "a").json(),
            R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":)"
            R"("galerabackups.backup.rhoso.io \"a\" not found","reason":"NotFound","details":)"
            R"({"name":"a","group":"backup.rhoso.io","kind":"galerabackups"},"code":404})"
            "\n");
  EXPECT_EQ(unauthorized().json(),
            R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":)"
            R"("Unauthorized","reason":"Unauthorized","code":401})"
            "\n");
}

TEST(Errors, TheTextsOfTheTables) {
  EXPECT_EQ(already_exists(backup_type(), "a").message,
            "galerabackups.backup.rhoso.io \"a\" already exists");
  EXPECT_EQ(already_exists(backup_type(), "a", true).message,
            "object is being deleted: galerabackups.backup.rhoso.io \"a\" already exists");
  EXPECT_EQ(generate_name_conflict(backup_type(), "a").retry_after_seconds, 1);
  EXPECT_EQ(method_not_allowed().message,
            "the server does not allow this method on the requested resource");
  EXPECT_EQ(namespace_not_found("x").message, "namespaces \"x\" not found");
  const ApiError terminating = namespace_terminating(backup_type(), "a", "x");
  EXPECT_EQ(terminating.code, 403);
  EXPECT_THAT(terminating.message,
              HasSubstr("unable to create new content in namespace x because it is being "
                        "terminated"));
  EXPECT_EQ(terminating.causes[0].reason, "NamespaceTerminating");
  EXPECT_EQ(resource_version_too_old(1, 5).message, "too old resource version: 1 (5)");
  const ApiError large = resource_version_too_large(9, 5);
  EXPECT_EQ(large.code, 504);
  EXPECT_EQ(large.message, "Timeout: Too large resource version: 9, current: 5");
  EXPECT_EQ(large.causes[0].reason, "ResourceVersionTooLarge");
  EXPECT_EQ(forbidden(kGroup, kBackups, "", "no").message,
            "galerabackups.backup.rhoso.io is forbidden: no");
  EXPECT_TRUE(too_many_requests().plain_text);
}

TEST(Errors, SeveralFieldErrorsAreAListAndSaidOnce) {
  const ApiError error = invalid_object(
      backup_type(), "a",
      {required_field("x", "why"), required_field("x", "why"), invalid_text("y", "v", "bad")});
  EXPECT_EQ(error.message,
            "GaleraBackup.backup.rhoso.io \"a\" is invalid: [x: Required value: why, y: Invalid "
            "value: \"v\": bad]");
  EXPECT_EQ(error.kind, "GaleraBackup");
  EXPECT_EQ(error.causes.size(), 3U);
}

TEST(Errors, OneFileMapsCodesToStatus) {
  const auto code = [](Code value) {
    return from_error({value, "m", "h", {}, {}}, &backup_type(), "a").code;
  };
  EXPECT_EQ(code(Code::kNotFound), 404);
  EXPECT_EQ(code(Code::kAlreadyExists), 409);
  EXPECT_EQ(code(Code::kConflict), 409);
  EXPECT_EQ(code(Code::kInvalid), 422);
  EXPECT_EQ(code(Code::kUnauthenticated), 401);
  EXPECT_EQ(code(Code::kForbidden), 403);
  EXPECT_EQ(code(Code::kExhausted), 429);
  EXPECT_EQ(code(Code::kUnavailable), 503);
  EXPECT_EQ(code(Code::kAmbiguous), 504);
  EXPECT_EQ(code(Code::kNoSpace), 507);
  EXPECT_EQ(code(Code::kCancelled), 503);
  EXPECT_EQ(code(Code::kExpired), 410);
  EXPECT_EQ(code(Code::kCorruption), 500);
  EXPECT_EQ(code(Code::kInternal), 500);
  const ApiError error =
      from_error({Code::kUnavailable, "no node answers", "start one", {}, {}}, nullptr, "");
  EXPECT_THAT(error.message, HasSubstr("no node answers"));
  EXPECT_THAT(error.message, HasSubstr("start one")) << "the hint is what a person needs";
}

TEST(Errors, WarningsAreCutDedupedAndEscaped) {
  EXPECT_THAT(warning_headers({"unknown field \"spec.foo\"", "unknown field \"spec.foo\""}),
              ElementsAre("299 - \"unknown field \\\"spec.foo\\\"\""));
  EXPECT_EQ(warning_headers({std::string(300, 'x')})[0].size(), 256U + 8U);
  std::vector<std::string> many;
  for (int i = 0; i < 100; ++i) many.push_back(std::string(250, 'x') + std::to_string(i));
  EXPECT_EQ(warning_headers(many).size(), 16U);
  EXPECT_THAT(warning_headers({"a\r\nb"}), ElementsAre("299 - \"ab\""));
}

}  // namespace
}  // namespace gb::api
