#include <gmock/gmock.h>
#include <malloc.h>

#include "kube/sar_authorizer.h"
#include "test/unit/kube/fake_client.h"

namespace gb::kube {
namespace {

using test::FakeClient;
using test::Json;

std::size_t heap_in_use() {
  const auto now = ::mallinfo2();
  return now.uordblks + now.hblkhd;
}

class Authorization : public ::testing::Test {
 protected:
  Authorization() { answer({{"allowed", true}, {"reason", "RBAC: allowed"}}); }
  void answer(Json status) {
    client_.on_call = [status](const Call&) -> Result<Json> { return Json{{"status", status}}; };
  }
  static Attributes get_backup() {
    Attributes attributes;
    attributes.verb = "get";
    attributes.group = "backup.rhoso.io";
    attributes.version = "v1beta1";
    attributes.resource = "galerabackups";
    attributes.subresource = "log";
    attributes.ns = "ns1";
    attributes.name = "a";
    attributes.path = "/apis/…";
    attributes.field_selector = "metadata.name=a";
    return attributes;
  }

  const User alice_{"alice", "u", {"dev"}, {{"k", {"v"}}}};
  ManualClock clock_{WallTime{}};
  FakeClient client_;
  SarAuthorizer authorizer_{
      client_, clock_, {std::chrono::milliseconds(1), 1.0, 3, std::chrono::milliseconds(5000)}};
};

TEST_F(Authorization, EverythingThatIsKnownIsAsked) {
  const auto decision = authorizer_.authorize(alice_, get_backup());
  ASSERT_TRUE(decision);
  EXPECT_TRUE(decision->allowed);
  EXPECT_EQ(decision->reason, "RBAC: allowed");
  const Call call = client_.calls().at(0);
  EXPECT_EQ(call.path, "/apis/authorization.k8s.io/v1/subjectaccessreviews");
  EXPECT_EQ(Json::parse(call.body)["spec"],
            Json({{"user", "alice"},
                  {"uid", "u"},
                  {"groups", {"dev"}},
                  {"extra", {{"k", {"v"}}}},
                  {"resourceAttributes",
                   {{"verb", "get"},
                    {"group", "backup.rhoso.io"},
                    {"version", "v1beta1"},
                    {"resource", "galerabackups"},
                    {"subresource", "log"},
                    {"namespace", "ns1"},
                    {"name", "a"},
                    {"fieldSelector", {{"rawSelector", "metadata.name=a"}}}}}}));
}

TEST_F(Authorization, PathsAreAskedAsPaths) {
  Attributes attributes;
  attributes.verb = "get";
  attributes.path = "/metrics";
  ASSERT_TRUE(authorizer_.authorize(alice_, attributes));
  EXPECT_EQ(Json::parse(client_.calls().at(0).body)["spec"]["nonResourceAttributes"],
            Json({{"path", "/metrics"}, {"verb", "get"}}));
}

TEST_F(Authorization, MastersAndHealthAreAlwaysAllowed) {
  answer({{"allowed", false}});
  EXPECT_TRUE(authorizer_.authorize({"root", "", {kMastersGroup}, {}}, get_backup())->allowed);
  Attributes path;
  path.verb = "get";
  for (const char* open : {"/healthz", "/livez", "/readyz"}) {
    path.path = open;
    EXPECT_TRUE(authorizer_.authorize(alice_, path)->allowed) << open;
  }
  EXPECT_TRUE(client_.calls().empty());
  for (const char* closed : {"/readyz/x", "/metrics", "/healthz/", "/"}) {
    path.path = closed;
    EXPECT_FALSE(authorizer_.authorize(alice_, path)->allowed) << closed;
  }
}

TEST_F(Authorization, AnswersAreKeptForTenSeconds) {
  authorizer_.authorize(alice_, get_backup()).value();
  answer({{"allowed", false}, {"reason", "no"}});
  EXPECT_TRUE(authorizer_.authorize(alice_, get_backup())->allowed) << "kept";
  Attributes other = get_backup();
  other.name = "b";
  EXPECT_FALSE(authorizer_.authorize(alice_, other)->allowed) << "another question";
  clock_.advance(std::chrono::seconds(11));
  EXPECT_FALSE(authorizer_.authorize(alice_, get_backup())->allowed);
  EXPECT_EQ(client_.calls().size(), 3U);
}

// Any pod may ask for paths of 30 KB, each of whose bytes is six in JSON.
TEST_F(Authorization, LongQuestionsTakeNoMoreMemoryThanShortOnes) {
  constexpr std::size_t kQuestions = 100;
  Attributes attributes;
  const auto ask_all = [&](const char* verb) {
    attributes.verb = verb;
    for (std::size_t i = 0; i < kQuestions; ++i) {
      attributes.path = "/" + std::string(30000, '\x01') + std::to_string(i);
      ASSERT_TRUE(authorizer_.authorize(alice_, attributes));
      client_.forget_calls();
    }
  };
  ask_all("get");
  const std::size_t before = heap_in_use();
  ask_all("put");
  EXPECT_EQ(authorizer_.kept(), 2 * kQuestions) << "they are kept like every other";
  EXPECT_LT(heap_in_use(), before + 1000000) << "of 18 MB of questions";
  clock_.advance(std::chrono::seconds(11));
  ask_all("post");
  EXPECT_EQ(authorizer_.kept(), kQuestions) << "what is over goes when new ones come";
}

TEST_F(Authorization, LongReasonsAreNotKept) {
  answer({{"allowed", true}, {"reason", std::string(20000, 'x')}});
  EXPECT_TRUE(authorizer_.authorize(alice_, get_backup()));
  EXPECT_TRUE(authorizer_.authorize(alice_, get_backup()));
  EXPECT_EQ(client_.calls().size(), 2U);
}

TEST_F(Authorization, DeniedWinsOverAllowed) {
  answer({{"allowed", true}, {"denied", true}});
  EXPECT_FALSE(authorizer_.authorize(alice_, get_backup())->allowed);
}

TEST_F(Authorization, WhenNobodyCanBeAskedNothingIsAllowedNorKept) {
  client_.on_call = [](const Call&) -> Result<Json> { return fail(Code::kUnavailable, "dead"); };
  EXPECT_EQ(authorizer_.authorize(alice_, get_backup()).error().code, Code::kUnavailable);
  EXPECT_EQ(client_.calls().size(), 3U) << "three attempts, as the test's backoff says";
  client_.on_call = [](const Call&) -> Result<Json> { return Json{{"status", Json::object()}}; };
  EXPECT_FALSE(authorizer_.authorize(alice_, get_backup())) << "no decision is no permission";
  client_.on_call = [](const Call&) -> Result<Json> { return fail(Code::kForbidden, "no RBAC"); };
  EXPECT_EQ(authorizer_.authorize(alice_, get_backup()).error().code, Code::kForbidden);
  answer({{"allowed", true}});
  EXPECT_TRUE(authorizer_.authorize(alice_, get_backup())->allowed);
}

TEST(ExpiringCache, TheLeastUsedGoes) {
  ManualClock clock{WallTime{}};
  ExpiringCache<int> cache(2, clock);
  cache.put("a", 1, std::chrono::seconds(10));
  cache.put("b", 2, std::chrono::seconds(10));
  EXPECT_EQ(cache.get("a"), 1);
  cache.put("c", 3, std::chrono::seconds(10));
  EXPECT_EQ(cache.get("b"), std::nullopt);
  EXPECT_EQ(cache.get("a"), 1);
  EXPECT_EQ(cache.get("c"), 3);
  clock.step_wall(std::chrono::hours(1));
  EXPECT_EQ(cache.get("a"), 1) << "the wall clock does not count";
  clock.advance(std::chrono::seconds(10));
  EXPECT_EQ(cache.get("a"), std::nullopt);
}

TEST(ExpiringCache, WhatIsOverGoesWhenNewOnesCome) {
  ManualClock clock{WallTime{}};
  ExpiringCache<int> cache(100, clock);
  for (int i = 0; i < 50; ++i) cache.put("old" + std::to_string(i), i, std::chrono::seconds(10));
  clock.advance(std::chrono::seconds(5));
  cache.put("young", 1, std::chrono::seconds(10));
  EXPECT_EQ(cache.size(), 51U);
  clock.advance(std::chrono::seconds(5));
  cache.put("new", 2, std::chrono::seconds(10));
  EXPECT_EQ(cache.size(), 2U);
  EXPECT_EQ(cache.get("young"), 1);
  EXPECT_EQ(cache.get("new"), 2);
  cache.put("new", 3, std::chrono::seconds(10));
  EXPECT_EQ(cache.get("new"), 3);
  EXPECT_EQ(cache.size(), 2U);
}

}  // namespace
}  // namespace gb::kube
