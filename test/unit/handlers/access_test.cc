// Who may ask what, and where a path leads: everything that is decided before the body.
#include "handlers/request_info.h"
#include "test/unit/handlers/world.h"

namespace gb::handlers::test {
namespace {

using testing::HasSubstr;

class Access : public World {
 protected:
  void deny(const std::string& reason = "") {
    authorizer.rule = [reason](const kube::User&, const kube::Attributes&) {
      return kube::Decision{false, reason};
    };
  }
};

TEST_F(Access, BadCredentialsAre401AlsoOnHealthPages) {
  for (const std::string& path : {std::string("/livez"), kCollection}) {
    const Reply reply = get(path, {{"X-User", "bad"}});
    EXPECT_EQ(reply.status, 401);
    EXPECT_EQ(reply.message(), "Unauthorized");
    EXPECT_EQ(reply.reason(), "Unauthorized");
  }
}

TEST_F(Access, ForbiddenIsToldInKubernetesWordsBeforeTheBody) {
  deny();
  const Reply one = get(kCollection + "/a");
  EXPECT_EQ(one.status, 403);
  EXPECT_TRUE(one.before_body);
  EXPECT_EQ(one.header("X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(one.message(),
            "galerabackups.backup.rhoso.io \"a\" is forbidden: User \"alice\" cannot get resource "
            "\"galerabackups\" in API group \"backup.rhoso.io\" in the namespace \"openstack\"");
  EXPECT_EQ(get(kRoot + "/galerabackups").message(),
            "galerabackups.backup.rhoso.io is forbidden: User \"alice\" cannot list resource "
            "\"galerabackups\" in API group \"backup.rhoso.io\" at the cluster scope");
  EXPECT_EQ(get("/metrics").message(), "forbidden: User \"alice\" cannot get path \"/metrics\"");
  // Not what is there, nor what was sent, only that it is forbidden.
  EXPECT_EQ(ask("POST", kCollection, "nonsense", {{"Content-Type", "x/y"}}).status, 403);
  EXPECT_EQ(get(kRoot + "/namespaces/openstack/unknown/x").status, 403);
}

TEST_F(Access, TheAuthorizersReasonIsAdded) {
  deny("no role binds");
  EXPECT_THAT(get(kCollection).message(),
              testing::EndsWith("in the namespace \"openstack\": no role binds"));
  EXPECT_THAT(get(kCollection, {{"X-User", "<b>"}}).message(),
              HasSubstr("User \"&lt;b&gt;\" cannot"));
}

TEST_F(Access, HealthPagesAreAlwaysAllowedTheirChecksAndMetricsAreNot) {
  deny();
  for (const char* path : {"/healthz", "/livez", "/readyz", "/readyz?verbose"})
    EXPECT_EQ(get(path).status, 200) << path;
  for (const char* path : {"/readyz/ping", "/metrics", "/apis", "/version", "/healthz/"})
    EXPECT_EQ(get(path).status, 403) << path;
}

TEST_F(Access, NobodyToAskIsAnInternalErrorAndNeverAllowed) {
  authorizer.rule = [](const kube::User&, const kube::Attributes&) -> Result<kube::Decision> {
    return fail(Code::kUnavailable, "kube-apiserver does not answer");
  };
  const Reply reply = get(kCollection);
  EXPECT_EQ(reply.status, 500);
  EXPECT_EQ(reply.body,
            "Internal Server Error: \"" + kCollection + "\": kube-apiserver does not answer\n");
}

TEST_F(Access, AuthorizationIsAskedWhatIsServed) {
  put("a");
  struct Row {
    const char* method;
    std::string target;
    const char* verb;
    const char* ns;
    const char* name;
    const char* subresource;
  };
  const std::string all = kRoot + "/galerabackups";
  for (const Row& row : std::vector<Row>{
           {"GET", kCollection, "list", "openstack", "", ""},
           {"GET", kCollection + "?watch=true&timeoutSeconds=1", "watch", "openstack", "", ""},
           {"GET", kCollection + "?watch=0", "list", "openstack", "", ""},
           {"GET", kCollection + "?fieldSelector=metadata.name%3Da", "list", "openstack", "a", ""},
           {"GET", kCollection + "/a?watch=true", "get", "openstack", "a", ""},
           {"HEAD", kCollection + "/a", "get", "openstack", "a", ""},
           {"POST", kCollection, "create", "openstack", "", ""},
           {"PUT", kCollection + "/a", "update", "openstack", "a", ""},
           {"PATCH", kCollection + "/a", "patch", "openstack", "a", ""},
           {"DELETE", kCollection + "/a?dryRun=All", "delete", "openstack", "a", ""},
           {"DELETE", kCollection + "?dryRun=All", "deletecollection", "openstack", "", ""},
           {"GET", kCollection + "/a/status", "get", "openstack", "a", "status"},
           {"GET", kCollection + "/a/log", "get", "openstack", "a", "log"},
           {"GET", all, "list", "", "", ""},
       }) {
    ask(row.method, row.target);
    const kube::Attributes asked = authorizer.asked().back();
    EXPECT_EQ(asked.verb, row.verb) << row.method << " " << row.target;
    EXPECT_EQ(asked.ns, row.ns) << row.target;
    EXPECT_EQ(asked.name, row.name) << row.target;
    EXPECT_EQ(asked.subresource, row.subresource) << row.target;
    EXPECT_EQ(asked.resource, "galerabackups") << row.target;
    EXPECT_EQ(asked.group, "backup.rhoso.io");
    EXPECT_EQ(asked.version, "v1beta1");
  }
  get(kCollection + "?labelSelector=a%3Db&fieldSelector=status.phase%3DFailed");
  EXPECT_EQ(authorizer.asked().back().label_selector, "a=b");
  EXPECT_EQ(authorizer.asked().back().field_selector, "status.phase=Failed");
}

TEST_F(Access, ImpersonationIsAuthorizedThenHonoured) {
  get(kCollection, {{"X-User", "admin"},
                    {"Impersonate-User", "bob"},
                    {"Impersonate-Group", "devs"},
                    {"Impersonate-Uid", "u1"},
                    {"Impersonate-Extra-Acme%2Fteam", "blue"}});
  const auto asked = authorizer.asked();
  ASSERT_EQ(asked.size(), 5U);
  EXPECT_EQ(asked[0].verb, "impersonate");
  EXPECT_EQ(asked[0].resource, "users");
  EXPECT_EQ(asked[0].name, "bob");
  EXPECT_EQ(asked[1].resource, "groups");
  EXPECT_EQ(asked[2].resource, "userextras");
  EXPECT_EQ(asked[2].subresource, "acme/team");
  EXPECT_EQ(asked[2].group, "authentication.k8s.io");
  EXPECT_EQ(asked[3].resource, "uids");
  const kube::User user = authorizer.last_user();
  EXPECT_EQ(user.name, "bob");
  EXPECT_EQ(user.uid, "u1");
  EXPECT_THAT(user.groups, testing::ElementsAre("devs", "system:authenticated"));
  EXPECT_THAT(user.extra.at("acme/team"), testing::ElementsAre("blue"));
}

TEST_F(Access, ImpersonatedServiceAccountsHaveTheirGroups) {
  get(kCollection, {{"Impersonate-User", "system:serviceaccount:ns1:robot"}});
  EXPECT_EQ(authorizer.asked()[0].resource, "serviceaccounts");
  EXPECT_EQ(authorizer.asked()[0].ns, "ns1");
  EXPECT_THAT(authorizer.last_user().groups,
              testing::ElementsAre("system:serviceaccounts", "system:serviceaccounts:ns1",
                                   "system:authenticated"));
  get(kCollection, {{"Impersonate-User", "system:anonymous"}});
  EXPECT_THAT(authorizer.last_user().groups, testing::ElementsAre("system:unauthenticated"));
}

TEST_F(Access, ImpersonationThatIsNotAllowedIs403AndWithoutAUserAnError) {
  authorizer.rule = [](const kube::User&, const kube::Attributes& asked) {
    return kube::Decision{asked.verb != "impersonate", ""};
  };
  const Reply refused = get(kCollection, {{"Impersonate-User", "root"}});
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.message(),
            "users \"root\" is forbidden: User \"alice\" cannot impersonate resource \"users\" in "
            "API group \"\" at the cluster scope");
  EXPECT_EQ(get(kCollection, {{"Impersonate-Group", "system:masters"}}).status, 500);
}

TEST_F(Access, TooManyAtOnceAre429ButWatchesAndHealthPagesPass) {
  start({.in_flight_reads = 1, .in_flight_writes = 1});
  const auto held = service->arrive(head("GET", kCollection, {}));
  ASSERT_TRUE(held);
  const Reply refused = get(kCollection);
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.body, "Too many requests, please try again later.\n");
  EXPECT_EQ(refused.header("Retry-After"), "1");
  EXPECT_NE(refused.header("Audit-Id"), "(none)");
  EXPECT_TRUE(authorizer.asked().empty()) << "nobody is asked about what is refused";
  EXPECT_EQ(get("/livez").status, 200);
  EXPECT_EQ(get(kCollection + "?watch=1").status, 200);
  EXPECT_EQ(ask("POST", kCollection, backup("x").dump()).status, 201) << "writes count apart";
}

// A 429 to kube-aggregator makes the APIService stale, and that blocks namespaces everywhere.
TEST_F(Access, DiscoveryIsAnsweredAtTheLimitToo) {
  start({.in_flight_reads = 1, .in_flight_writes = 1});
  const auto held = service->arrive(head("GET", kCollection, {}));
  ASSERT_TRUE(held);
  for (const std::string& target :
       {std::string("/apis"), std::string("/apis/"), std::string("/apis/backup.rhoso.io"), kRoot,
        std::string("/openapi/v3"), "/openapi/v3" + kRoot})
    EXPECT_EQ(get(target).status, 200) << target;
  for (const std::string& target : {std::string("/version"), std::string("/metrics"),
                                    kCollection + "/a", std::string("/apis//backup.rhoso.io")})
    EXPECT_EQ(get(target).status, 429) << target;
}

TEST_F(Access, OnlyWritesToResourcesMeanSomethingByABody) {
  for (const char* method : {"GET", "HEAD"})
    for (const std::string& target : {kCollection, kCollection + "?watch=1", kCollection + "/a"})
      EXPECT_FALSE(service->arrive(head(method, target, {}))->takes_body) << method << target;
  for (const char* method : {"POST", "PUT", "PATCH", "DELETE", "FROB"}) {
    for (const char* target : {"/livez", "/readyz/ping", "/version", "/apis", "/openapi/v3", "*",
                               "/", "/metrics", "/apis/backup.rhoso.io/v1beta1", "/nope"})
      EXPECT_FALSE(service->arrive(head(method, target, {}))->takes_body) << method << target;
    EXPECT_TRUE(service->arrive(head(method, kCollection, {}))->takes_body) << method;
  }
}

TEST_F(Access, AFinishedRequestGivesItsPlaceBack) {
  start({.in_flight_reads = 1, .in_flight_writes = 1});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(get(kCollection).status, 200);
}

TEST_F(Access, WhatMayWaitHasALaneOfItsOwn) {
  using http::Lane;
  struct Row {
    const char* method;
    std::string target;
    Fields fields;
    Lane lane;
  };
  for (const Row& row :
       std::vector<Row>{{"GET", "/livez", {}, Lane::kHealth},
                        {"GET", "/readyz?verbose", {}, Lane::kHealth},
                        {"GET", "/readyz", {{"Authorization", "Bearer t"}}, Lane::kQuick},
                        {"GET", "/readyz/ping", {}, Lane::kQuick},
                        {"GET", "/apis", {}, Lane::kQuick},
                        {"GET", kCollection, {}, Lane::kQuick},
                        {"GET", kCollection + "?watch=1", {}, Lane::kQuick},
                        {"GET", kCollection + "/a", {}, Lane::kQuick},
                        {"GET", kCollection + "/a/log", {}, Lane::kSlow},
                        {"GET", kCollection + "/a/log?follow=true", {}, Lane::kSlow},
                        {"POST", kCollection + "?dryRun=All", {}, Lane::kSlow},
                        {"DELETE", kCollection + "/a", {}, Lane::kSlow},
                        {"PATCH", kCollection + "/a", {}, Lane::kSlow}}) {
    const auto arrival = service->arrive(head(row.method, row.target, row.fields));
    ASSERT_TRUE(arrival) << row.target;
    EXPECT_EQ(arrival->lane, row.lane) << row.method << " " << row.target;
  }
}

TEST_F(Access, TheAuditTellsHowLongTheAnswerWas) {
  testing::internal::CaptureStderr();
  const Reply created = ask("POST", kCollection, backup("x").dump());
  const std::string said = testing::internal::GetCapturedStderr();
  ASSERT_EQ(created.status, 201);
  EXPECT_TRUE(created.pieces);
  EXPECT_THAT(said, HasSubstr(" bytes=" + std::to_string(created.body.size()) + " "));
}

TEST_F(Access, ABadTimeoutIs400BeforeAnythingElse) {
  const Reply reply = get(kCollection + "?timeout=abc", {{"X-User", "bad"}});
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(reply.message(),
            "invalid timeout specified in the request URL - time: invalid duration \"abc\"");
  EXPECT_EQ(get(kCollection + "?timeout=abc&watch=1").status, 200) << "watches do not read it";
}

TEST_F(Access, ClusterAndNamespacePathsDoNotCross) {
  put("a");
  // CVE-2019-11247: an object of a namespace through the cluster's path, and the reverse.
  EXPECT_EQ(get(kRoot + "/galerabackups/a").status, 404);
  EXPECT_EQ(ask("DELETE", kRoot + "/galerabackups/a").status, 404);
  EXPECT_EQ(get(kRoot + "/namespaces/openstack/galerabackupstores/default").status, 404);
  EXPECT_EQ(get(kRoot + "/namespaces/openstack/galerabackupstores").status, 404);
  // Encoded slashes and empty or dotted segments make no path of ours.
  for (const std::string& target :
       {kRoot + "/namespaces/other%2F..%2Fopenstack/galerabackups/a",
        kRoot + "/namespaces//galerabackups", kRoot + "/namespaces/openstack/galerabackups//a",
        kRoot + "/namespaces/openstack/galerabackups/..%2Fa",
        kRoot + "/namespaces/x/../openstack/galerabackups/a", std::string("//apis"),
        std::string("*"), kRoot + "/namespaces/openstack/galerabackups/a%00"})
    EXPECT_EQ(get(target).status, 404) << target;
  EXPECT_EQ(get("/apis/%zz").status, 400);
}

TEST_F(Access, WhatIsNotThereIs404AndWhatIsNotDoneIs405) {
  put("a");
  for (const std::string& target :
       {kRoot + "/namespaces/openstack/unknown", kCollection + "/a/unknown",
        kCollection + "/a/log/deeper", kRoot + "/watch/galerabackups",
        kRoot + "/namespaces/openstack", kRoot + "/namespaces"}) {
    const Reply reply = get(target);
    EXPECT_EQ(reply.status, 404) << target;
    EXPECT_EQ(reply.message(), "the server could not find the requested resource") << target;
  }
  struct Row {
    const char* method;
    std::string target;
  };
  for (const Row& row : std::vector<Row>{{"POST", kCollection + "/a"},
                                         {"HEAD", kCollection + "/a"},
                                         {"HEAD", kCollection},
                                         {"OPTIONS", kCollection},
                                         {"TRACE", kCollection + "/a"},
                                         {"PUT", kCollection},
                                         {"PATCH", kCollection},
                                         {"POST", kRoot + "/galerabackups"},
                                         {"DELETE", kRoot + "/galerabackups"},
                                         {"PUT", kCollection + "/a/status"},
                                         {"POST", kCollection + "/a/log"},
                                         {"POST", kRoot + "/galerabackupstores"},
                                         {"DELETE", kRoot + "/galerabackupstores/default"}}) {
    const Reply reply = ask(row.method, row.target, "{}");
    EXPECT_EQ(reply.status, 405) << row.method << " " << row.target;
    EXPECT_EQ(reply.message(), "the server does not allow this method on the requested resource");
  }
  EXPECT_EQ(ask("POST", kCollection + "/a").header("Allow"), "DELETE, GET, PATCH, PUT");
}

TEST_F(Access, RandomTargetsNeverCrashAndAlwaysGetAStatus) {
  put("a");
  const std::vector<std::string> bits{"/",
                                      "apis",
                                      "backup.rhoso.io",
                                      "v1beta1",
                                      "namespaces",
                                      "x",
                                      "%2F",
                                      "%",
                                      "?",
                                      "&watch=1",
                                      "=",
                                      ";",
                                      "galerabackups",
                                      "status",
                                      "log",
                                      "..",
                                      "%00",
                                      "limit=-1",
                                      "a",
                                      "openapi",
                                      "?continue=e30",
                                      "\xff",
                                      "+",
                                      "healthz",
                                      "galerabackupstores",
                                      "&fieldSelector=metadata.name%3Da",
                                      "&resourceVersion=1&"};
  const std::vector<std::string> methods{"GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "BREW"};
  for (int i = 0; i < 20000; ++i) {
    std::string target = rng.next() % 2 == 0 ? kCollection : "/";
    for (std::uint64_t n = rng.next() % 9; n > 0; --n) target += bits[rng.next() % bits.size()];
    const Reply reply =
        ask(methods[rng.next() % methods.size()], target, "{}", {{"X-Group", "system:masters"}});
    ASSERT_GE(reply.status, 200) << target;
    ASSERT_LE(reply.status, 504) << target;
    ASSERT_NE(reply.status, 500) << target << " " << reply.body;
    // kube-apiserver's proxy makes a 502 of a redirect; 304 alone is none.
    ASSERT_TRUE(reply.status < 300 || reply.status >= 400 || reply.status == 304) << target;
  }
}

TEST(QueryFlag, ReadsBooleansAsGoDoes) {
  const auto flag = [](const std::string& query) {
    return query_flag(parse_target("/x?" + query)->query, "watch");
  };
  EXPECT_TRUE(flag("watch=true"));
  EXPECT_TRUE(flag("watch=1"));
  EXPECT_TRUE(flag("watch"));
  EXPECT_TRUE(flag("watch=anything"));
  EXPECT_FALSE(flag("watch=False"));
  EXPECT_FALSE(flag("watch=0"));
  EXPECT_FALSE(flag("other=1"));
  EXPECT_FALSE(flag("watch=%zz")) << "a pair that cannot be decoded is no pair";
}

}  // namespace
}  // namespace gb::handlers::test
