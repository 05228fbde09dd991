#include <sys/resource.h>
#include <sys/stat.h>

#include <array>
#include <cstdio>

#include "base/text.h"
#include "storage/crypto/digest.h"
#include "test/unit/handlers/world.h"

namespace gb::handlers::test {
namespace {

using testing::HasSubstr;

class Discovery : public World {};

constexpr const char* kAggregatedV2 =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

std::string upper_sha512(const std::string& text) {
  std::string hash = to_hex(storage::sha512(as_bytes(text)));
  for (char& c : hash) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return hash;
}

TEST_F(Discovery, LegacyGroupListHasNoApiVersion) {
  for (const char* path : {"/apis", "/apis/"}) {
    const Reply reply = get(path);
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.header("Content-Type"), "application/json");
    EXPECT_EQ(reply.json()["kind"], "APIGroupList");
    EXPECT_FALSE(reply.json().contains("apiVersion"));
  }
}

TEST_F(Discovery, GroupAndVersionWithAndWithoutTrailingSlash) {
  for (const char* path : {"/apis/backup.rhoso.io", "/apis/backup.rhoso.io/"}) {
    EXPECT_EQ(get(path).json()["kind"], "APIGroup");
    EXPECT_EQ(get(path).json()["apiVersion"], "v1");
  }
  for (const std::string& path : {kRoot, kRoot + "/"})
    EXPECT_EQ(get(path).json()["kind"], "APIResourceList");
}

TEST_F(Discovery, CoreGroupIsAStatus404) {
  const Reply reply = get("/api");
  EXPECT_EQ(reply.status, 404);
  EXPECT_EQ(reply.json()["kind"], "Status");
}

TEST_F(Discovery, UnknownGroupListsPathsAndUnknownVersionIsAStatus) {
  const Reply group = get("/apis/other.example.com");
  EXPECT_EQ(group.status, 404);
  EXPECT_TRUE(group.json().contains("paths"));
  EXPECT_EQ(get("/apis/other.example.com/v1/things").status, 404);
  const Reply version = get("/apis/backup.rhoso.io/v9");
  EXPECT_EQ(version.status, 404);
  EXPECT_EQ(version.message(), "the server could not find the requested resource");
}

TEST_F(Discovery, AggregatedFormCarriesItsETag) {
  const Reply reply = get_as("/apis", kAggregatedV2);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.header("Content-Type"), kAggregatedV2);
  EXPECT_EQ(reply.header("Vary"), "Accept");
  EXPECT_EQ(reply.header("Cache-Control"), "public");
  EXPECT_EQ(reply.header("ETag"), "\"" + upper_sha512(reply.body) + "\"");
  EXPECT_EQ(reply.json()["apiVersion"], "apidiscovery.k8s.io/v2");

  const Reply same =
      get("/apis", {{"Accept", kAggregatedV2}, {"If-None-Match", reply.header("ETag")}});
  EXPECT_EQ(same.status, 304);
  EXPECT_EQ(same.body, "");
  EXPECT_EQ(get("/apis", {{"Accept", kAggregatedV2}, {"If-None-Match", "\"other\""}}).status, 200);
}

TEST_F(Discovery, OldClientsGetV2Beta1AndParametersComeInAnyOrder) {
  const Reply beta =
      get_as("/apis", "application/json;as=APIGroupDiscoveryList;v=v2beta1;g=apidiscovery.k8s.io");
  EXPECT_EQ(beta.json()["apiVersion"], "apidiscovery.k8s.io/v2beta1");
  EXPECT_EQ(get_as("/apis", "application/json;g=apidiscovery.k8s.io;v=v2").json()["kind"],
            "APIGroupList");
}

TEST_F(Discovery, OpenApiRootNamesDocumentsByTheirHash) {
  const Reply root = get("/openapi/v3");
  EXPECT_EQ(root.status, 200);
  const Json paths = root.json()["paths"];
  EXPECT_EQ(paths.size(), 2U);
  const std::string url = paths["apis/backup.rhoso.io/v1beta1"]["serverRelativeURL"];
  EXPECT_THAT(url, testing::StartsWith("/openapi/v3/apis/backup.rhoso.io/v1beta1?hash="));

  const Reply right = get(url);
  EXPECT_EQ(right.status, 200);
  EXPECT_EQ(right.header("Cache-Control"), "public, immutable");
  EXPECT_THAT(url, testing::EndsWith("=" + upper_sha512(right.body)));
  EXPECT_EQ(get(url, {{"If-None-Match", right.header("ETag")}}).status, 304);

  // A redirect would become an error behind the aggregator.
  const Reply wrong = get("/openapi/v3/apis/backup.rhoso.io/v1beta1?hash=ABC");
  EXPECT_EQ(wrong.status, 200);
  EXPECT_EQ(wrong.body, right.body);
  EXPECT_EQ(wrong.header("Cache-Control"), "no-cache, private");
  EXPECT_EQ(get("/openapi/v3/apis/backup.rhoso.io").status, 200);
  EXPECT_EQ(get("/openapi/v3/apis/backup.rhoso.io/v9").status, 404);
  EXPECT_EQ(
      get_as("/openapi/v3", "application/com.github.proto-openapi.spec.v3.v1.0+protobuf").status,
      406);
}

TEST_F(Discovery, OpenApiV2IsNotServedYet) {
  EXPECT_EQ(get("/openapi/v2").status, 404);
}

TEST_F(Discovery, Version) {
  const Json version = get("/version").json();
  EXPECT_EQ(version["major"], "1");
  EXPECT_EQ(version["minor"], "2");
  EXPECT_EQ(version["gitVersion"], "v1.2.3");
  for (const char* field : {"gitCommit", "gitTreeState", "buildDate", "compiler", "platform"})
    EXPECT_TRUE(version.contains(field)) << field;
  EXPECT_EQ(version["gitTreeState"], "") << "nothing is said that is not known";
}

TEST_F(Discovery, OtherMethodsAreNotAllowed) {
  for (const char* path : {"/apis", "/apis/backup.rhoso.io", "/version", "/openapi/v3"}) {
    EXPECT_EQ(ask("POST", path).status, 405) << path;
    EXPECT_EQ(ask("HEAD", path).status, 405) << path;
  }
}

TEST_F(Discovery, RootListsPathsAndUnknownPathsDoToo) {
  EXPECT_EQ(get("/").status, 200);
  const Reply reply = get("/nowhere");
  EXPECT_EQ(reply.status, 404);
  EXPECT_THAT(reply.json()["paths"], testing::Contains("/openapi/v3"));
}

TEST_F(Discovery, EveryAnswerHasAnAuditIdAndIsNotCached) {
  const Reply made = get("/apis");
  EXPECT_EQ(made.header("Audit-Id").size(), 36U);
  EXPECT_EQ(made.header("Cache-Control"), "no-cache, private");
  EXPECT_EQ(get("/apis", {{"Audit-Id", "given-1"}}).header("Audit-Id"), "given-1");
  EXPECT_NE(get("/apis", {{"Audit-Id", "a b"}}).header("Audit-Id"), "a b");
  EXPECT_EQ(get("/nowhere", {{"X-User", "bad"}, {"Audit-Id", "x"}}).header("Audit-Id"), "x");
}

TEST_F(Discovery, AnswersWhileTheStoreIsDown) {
  // Nothing of it asks the store: the blobs are emptied under the server's feet.
  const auto all = blobs.list("");
  for (const auto& blob : *all) ASSERT_TRUE(blobs.remove(blob.key));
  EXPECT_EQ(get("/apis").status, 200);
  EXPECT_EQ(get(kRoot).status, 200);
  EXPECT_EQ(get(kCollection).status, 200);
}

class HealthPages : public World {
 protected:
  // The value of one series of a text for Prometheus.
  static std::string sample(const std::string& text, const std::string& series) {
    for (const std::string& line : split(text, '\n'))
      if (line.starts_with(series + " ")) return line.substr(series.size() + 1);
    return "(none)";
  }
};

TEST_F(HealthPages, SayOkAndListTheirChecks) {
  for (const char* path : {"/healthz", "/livez", "/readyz"}) {
    EXPECT_EQ(get(path).body, "ok") << path;
    EXPECT_EQ(get(path).header("Content-Type"), "text/plain; charset=utf-8");
  }
  EXPECT_EQ(get("/readyz?verbose").body, "[+]ping ok\n[+]shutdown ok\nreadyz check passed\n");
  EXPECT_EQ(get("/livez?verbose").body, "[+]ping ok\nlivez check passed\n");
  EXPECT_EQ(get("/readyz?verbose&exclude=shutdown").body,
            "[+]ping ok\n[+]shutdown excluded: ok\nreadyz check passed\n");
  EXPECT_THAT(get("/readyz?verbose&exclude=what").body,
              HasSubstr("warn: some health checks cannot be excluded: no matches for \"what\"\n"));
  EXPECT_EQ(get("/readyz/ping").body, "ok");
  EXPECT_EQ(get("/readyz/what").status, 404);
}

TEST_F(HealthPages, AFailingCheckWithholdsItsReasonOnThePageOnly) {
  start({}, {{"store", [] { return Status(fail(Code::kUnavailable, "disk gone")); }}});
  const Reply ready = get("/readyz");
  EXPECT_EQ(ready.status, 500);
  EXPECT_EQ(ready.body,
            "[+]ping ok\n[-]store failed: reason withheld\n[+]shutdown ok\nreadyz check failed\n");
  EXPECT_EQ(get("/readyz?exclude=store").status, 200);
  EXPECT_EQ(get("/livez").status, 200);
  EXPECT_THAT(get("/readyz/store").body, HasSubstr("disk gone"));
}

TEST_F(HealthPages, ShutdownMakesNotReadyButAlive) {
  service->begin_shutdown();
  EXPECT_EQ(get("/readyz").status, 500);
  EXPECT_THAT(get("/readyz").body, HasSubstr("[-]shutdown failed: reason withheld\n"));
  EXPECT_EQ(get("/livez").status, 200);
}

TEST_F(HealthPages, TheServerIsReadyWhenThePageSaysSo) {
  bool answers = false;
  start({}, {{"kube-apiserver", [&]() -> Status {
                if (answers) return {};
                return fail(Code::kUnavailable, "no answer yet");
              }}});
  EXPECT_FALSE(service->ready());
  EXPECT_EQ(get("/readyz").status, 500);
  answers = true;
  EXPECT_TRUE(service->ready());
  EXPECT_EQ(get("/readyz").status, 200);
  service->fail_readiness();
  EXPECT_FALSE(service->ready());
  EXPECT_EQ(get("/readyz").status, 500);
}

TEST_F(HealthPages, WhileOnlyReadinessFailsEverybodyIsServedInFull) {
  Lines watch(get(kCollection + "?watch=1&resourceVersion=0").stream);
  service->fail_readiness();
  EXPECT_EQ(get("/readyz").status, 500);
  EXPECT_EQ(get("/livez").status, 200);
  jobs->ends_with = "Completed";
  const Reply created = ask("POST", kCollection, backup("x").dump());
  EXPECT_EQ(created.status, 201);
  EXPECT_EQ(created.json()["status"]["phase"], "Completed") << "it waits for its job";
  EXPECT_EQ(watch.brief(), "ADDED openstack/x");
  EXPECT_EQ(watch.brief(), "MODIFIED openstack/x");
  service->begin_shutdown();
  EXPECT_EQ(watch.brief(), "(end)");
}

TEST_F(HealthPages, MetricsTellHowManyRequestsAreServedNow) {
  const auto under_way = [this] {
    const std::string text = get("/metrics").body;
    std::string said;
    for (const char* kind : {"readOnly", "mutating"})
      said += " " + sample(text, "apiserver_current_inflight_requests{request_kind=\"" +
                                     std::string(kind) + "\"}");
    return said;
  };
  EXPECT_EQ(under_way(), " 1 0") << "who asks is being served";
  auto read = service->arrive(head("GET", kCollection, {}));
  auto write = service->arrive(head("POST", kCollection, {}));
  const auto watch = service->arrive(head("GET", kCollection + "?watch=1", {}));
  EXPECT_EQ(under_way(), " 2 1") << "a watch has no place among them";
  read.reset();
  write.reset();
  EXPECT_EQ(under_way(), " 1 0");
}

TEST_F(HealthPages, MetricsTellWhatGoesOn) {
  const auto series = [](const char* verb, const char* resource, const char* subresource) {
    return std::string("apiserver_longrunning_requests{component=\"apiserver\",group=\"") +
           api::kGroup + "\",resource=\"" + resource + "\",subresource=\"" + subresource +
           "\",verb=\"" + verb + "\",version=\"v1beta1\"}";
  };
  const auto going_on = [&] {
    const std::string text = get("/metrics").body;
    return sample(text, series("WATCH", "galerabackups", "")) + " watches, " +
           sample(text, series("WATCH", "galerabackupstores", "")) + " of stores, " +
           sample(text, series("GET", "galerabackups", "log")) + " logs";
  };
  put("a");
  EXPECT_EQ(going_on(), "0 watches, 0 of stores, 0 logs");
  {
    Lines one(get(kCollection + "?watch=1").stream);
    Lines two(get(kCollection + "?watch=1").stream);
    Lines stores(get(kRoot + "/galerabackupstores?watch=1").stream);
    Lines log(get(kCollection + "/a/log?follow=true").stream);
    get(kCollection + "/a/log");
    EXPECT_EQ(going_on(), "2 watches, 1 of stores, 1 logs");
  }
  EXPECT_EQ(going_on(), "0 watches, 0 of stores, 0 logs");
}

TEST_F(HealthPages, MetricsCountTheEventsThatWatchersGot) {
  const std::string series = std::string("apiserver_watch_events_total{group=\"") + api::kGroup +
                             "\",resource=\"galerabackups\",version=\"v1beta1\"}";
  Lines one(get(kCollection + "?watch=1").stream);
  Lines two(get(kCollection + "?watch=1").stream);
  EXPECT_EQ(sample(get("/metrics").body, series), "(none)");
  put("a");
  put("elsewhere", {}, "other");
  erase("a");
  for (Lines* lines : {&one, &two}) {
    EXPECT_EQ(lines->brief(), "ADDED openstack/a");
    EXPECT_EQ(lines->brief(), "DELETED openstack/a");
  }
  // A watch begins between two dispatches: that of what was read has ended.
  const Lines after(get(kCollection + "?watch=1").stream);
  EXPECT_EQ(sample(get("/metrics").body, series), "4");
}

TEST_F(HealthPages, MetricsTellOfTheProcess) {
  const auto value = [this](const std::string& name) {
    const std::string said = sample(get("/metrics").body, name);
    return said == "(none)" ? -1 : std::stod(said);
  };
  EXPECT_GT(value("process_cpu_seconds_total"), 0);
  EXPECT_THAT(get("/metrics").body, HasSubstr("# TYPE process_cpu_seconds_total counter\n"));
  EXPECT_THAT(get("/metrics").body, HasSubstr("# TYPE process_open_fds gauge\n"));
  EXPECT_GT(value("process_resident_memory_bytes"), 1 << 20);
  EXPECT_GT(value("process_virtual_memory_bytes"), value("process_resident_memory_bytes"));
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(value("process_max_fds"), static_cast<double>(limit.rlim_cur));
  const double open_before = value("process_open_fds");
  const std::array<std::FILE*, 3> more{std::tmpfile(), std::tmpfile(), std::tmpfile()};
  EXPECT_EQ(value("process_open_fds"), open_before + 3);
  for (std::FILE* file : more) std::fclose(file);
  // The folder of the process in /proc is as old as it is; what is counted in ticks is rounded.
  struct stat folder{};
  ASSERT_EQ(::stat("/proc/self", &folder), 0);
  EXPECT_NEAR(value("process_start_time_seconds"), static_cast<double>(folder.st_mtim.tv_sec),
              3600);
}

TEST_F(HealthPages, MetricsCountRequestsWithoutNamesOfClients) {
  put("a");
  get(kCollection + "/a");
  get(kCollection);
  ask("POST", kCollection + "?dryRun=All", backup("b").dump());
  get(kRoot + "/namespaces/x/made-up-by-a-client");
  const std::string text = get("/metrics").body;
  EXPECT_THAT(text, testing::ContainsRegex(
                        "apiserver_request_total\\{.*code=\"200\".*resource=\"galerabackups\".*"
                        "scope=\"namespace\".*verb=\"LIST\".*\\} 1"));
  EXPECT_THAT(text, testing::ContainsRegex("code=\"201\".*dry_run=\"All\".*verb=\"POST\""));
  EXPECT_THAT(text, HasSubstr("apiserver_request_duration_seconds_bucket"));
  EXPECT_THAT(text, testing::Not(HasSubstr("made-up-by-a-client")));
}

}  // namespace
}  // namespace gb::handlers::test
