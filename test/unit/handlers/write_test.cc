#include <algorithm>
#include <atomic>
#include <barrier>
#include <thread>

#include "test/unit/handlers/world.h"

namespace gb::handlers::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Create : public World {
 protected:
  Reply create(const Json& object, const std::string& query = "") {
    return ask("POST", kCollection + query, object.dump(), {{"Content-Type", "application/json"}});
  }
};

TEST_F(Create, WaitsForTheJobAndAnswersItsEnd) {
  jobs->ends_with = "Completed";
  const Reply reply = create(backup("a"));
  EXPECT_EQ(reply.status, 201);
  const Json object = reply.json();
  EXPECT_EQ(object["status"]["phase"], "Completed");
  EXPECT_EQ(object["metadata"]["namespace"], "openstack");
  EXPECT_EQ(object["metadata"]["generation"], 1);
  EXPECT_EQ(object["metadata"]["creationTimestamp"], "2026-11-20T03:00:00Z");
  EXPECT_EQ(object["metadata"]["uid"].get<std::string>().size(), 36U);
  EXPECT_EQ(object["spec"]["threads"], 4) << "defaulted";
  EXPECT_EQ(reply.header("Warning"), "(none)");
  EXPECT_EQ(jobs->submitter.name, "alice");
}

TEST_F(Create, WaitsThirtySecondsAsAskedAndNeverAMinute) {
  create(backup("a"));
  create(backup("b"), "?timeout=5s");
  create(backup("c"), "?timeout=10m");
  create(backup("d"), "?timeout=0s");
  using std::chrono::milliseconds;
  // A proxied request's ?timeout= is kube-apiserver's too: the answer comes a little before it.
  EXPECT_THAT(jobs->waited, ElementsAre(milliseconds(30000), milliseconds(4000),
                                        milliseconds(48000), milliseconds(28000)));
}

TEST_F(Create, AJobThatGoesOnIsAnswered201Running) {
  const Reply reply = create(backup("a"));
  EXPECT_EQ(reply.status, 201);
  EXPECT_EQ(reply.json()["status"]["phase"], "Running");
}

TEST_F(Create, WhenTooManyWaitTheRestAreAnsweredAtOnce) {
  start({.waiting_creates = 0});
  EXPECT_EQ(create(backup("a")).status, 201);
  EXPECT_TRUE(jobs->waited.empty());
}

TEST_F(Create, AJobThatFailedIs201WithAWarning) {
  jobs->ends_with = "Failed";
  const Reply reply = create(backup("a"));
  EXPECT_EQ(reply.status, 201);
  EXPECT_EQ(reply.header("Warning"),
            "299 - \"GaleraBackup a failed: the node \\\"n1\\\" went away\"");
}

TEST_F(Create, WhatTheJobsRefuseIsNotRecorded) {
  jobs->submit_error = {
      Code::kNotFound, "there is no instance \"openstack\"", "instances here: other", {}, {}};
  const Reply reply = create(backup("a"));
  EXPECT_EQ(reply.status, 404);
  EXPECT_THAT(reply.message(), HasSubstr("there is no instance"));
  EXPECT_THAT(reply.message(), HasSubstr("instances here: other"));
  EXPECT_EQ(get(kCollection + "/a").status, 404);
  jobs->submit_error = {Code::kUnavailable, "no node answers", "", {}, {}};
  EXPECT_EQ(create(backup("a")).status, 503);
}

// By labels, finalizers or owners: annotations have a bound of their own.
Json with_finalizers(Json object, std::size_t bytes) {
  const std::string one = "example.com/" + std::string(50, 'f');
  Json& list = object["metadata"]["finalizers"] = Json::array();
  while (bytes > list.size() * (one.size() + 11))
    list.push_back(one + std::to_string(10000000 + list.size()));
  return object;
}

TEST_F(Create, AnObjectHasAMegabyteAtMost) {
  const auto too_large = [](const Reply& reply) {
    EXPECT_EQ(reply.status, 413);
    EXPECT_EQ(reply.reason(), "RequestEntityTooLarge");
    EXPECT_THAT(reply.message(),
                testing::MatchesRegex("Request entity too large: the object has [0-9]+ bytes as "
                                      "JSON, limit is 1048576"));
  };
  too_large(create(with_finalizers(backup("a"), 1048576)));
  too_large(create(with_finalizers(backup("a"), 1048576), "?dryRun=All"));
  EXPECT_TRUE(jobs->submitted.empty());
  EXPECT_EQ(create(with_finalizers(backup("a"), 1000000)).status, 201);

  put("b");
  const Json large = {{"metadata", with_finalizers(backup("b"), 1048576)["metadata"]}};
  too_large(patch(kCollection + "/b", large.dump()));
  too_large(patch(kCollection + "/b?dryRun=All", large.dump()));
  Json whole = get(kCollection + "/b").json();
  whole["metadata"]["finalizers"] = large["metadata"]["finalizers"];
  too_large(ask("PUT", kCollection + "/b", whole.dump(), {{"Content-Type", "application/json"}}));
  // What has become larger by what its job said can be changed as long as it does not grow.
  change("b", [](Json& dom) { dom["status"]["message"] = std::string(1100000, 'x'); });
  EXPECT_EQ(patch(kCollection + "/b", R"({"spec":{"hold":true}})").status, 200);
  too_large(patch(kCollection + "/b", R"({"metadata":{"labels":{"a":"b"}}})"));
}

TEST_F(Create, DryRunStoresNothing) {
  const Reply reply = create(backup("a"), "?dryRun=All");
  EXPECT_EQ(reply.status, 201);
  EXPECT_FALSE(reply.json()["metadata"].contains("resourceVersion"));
  EXPECT_TRUE(reply.json()["metadata"].contains("uid"));
  EXPECT_EQ(get(kCollection + "/a").status, 404);
  EXPECT_TRUE(jobs->waited.empty());
  put("b");
  EXPECT_EQ(create(backup("b"), "?dryRun=All").status, 409);
  const Reply bad = create(backup("c"), "?dryRun=Some");
  EXPECT_EQ(bad.status, 422);
  EXPECT_EQ(bad.message(),
            "CreateOptions.meta.k8s.io \"\" is invalid: dryRun: Unsupported value: [\"Some\"]: "
            "supported values: \"All\"");
}

TEST_F(Create, ATakenNameIs409BeforeAnyWork) {
  put("a");
  const Reply reply = create(backup("a"));
  EXPECT_EQ(reply.status, 409);
  EXPECT_EQ(reply.reason(), "AlreadyExists");
  EXPECT_EQ(reply.message(), "galerabackups.backup.rhoso.io \"a\" already exists");
  EXPECT_TRUE(jobs->submitted.empty());
  change("a", [](Json& dom) {
    dom["metadata"]["deletionTimestamp"] = "2026-11-20T02:30:00Z";
    dom["metadata"]["finalizers"] = {"example.com/f"};
  });
  EXPECT_EQ(create(backup("a")).message(),
            "object is being deleted: galerabackups.backup.rhoso.io \"a\" already exists");
}

TEST_F(Create, GeneratedNamesAreTriedEightTimes) {
  Json object = backup("x");
  object["metadata"] = {{"generateName", "nightly-"}};
  jobs->taken_names = 7;
  const Reply reply = create(object);
  EXPECT_EQ(reply.status, 201);
  EXPECT_EQ(jobs->submitted.size(), 8U);
  EXPECT_THAT(reply.json()["metadata"]["name"].get<std::string>(),
              testing::MatchesRegex("nightly-[a-z0-9]{5}"));
  jobs->taken_names = 8;
  const Reply refused = create(object);
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(refused.json()["details"]["retryAfterSeconds"], 1);
  EXPECT_EQ(refused.header("Retry-After"), "1");
}

TEST_F(Create, RefusalsOfTheBody) {
  const auto message = [&](Json object, int status, const std::string& query = "") {
    const Reply reply = create(object, query);
    EXPECT_EQ(reply.status, status) << reply.body;
    return reply.message();
  };
  Json elsewhere = backup("a");
  elsewhere["metadata"]["namespace"] = "other";
  EXPECT_EQ(
      message(elsewhere, 400),
      "the namespace of the provided object does not match the namespace sent on the request");
  Json nameless = backup("a");
  nameless["metadata"] = Json::object();
  EXPECT_THAT(message(nameless, 422),
              HasSubstr("metadata.name: Required value: name or generateName is required"));
  Json versioned = backup("a");
  versioned["metadata"]["resourceVersion"] = "5";
  EXPECT_THAT(message(versioned, 500),
              HasSubstr("resourceVersion should not be set on objects to be created"));
  Json wrong = backup("a");
  wrong["kind"] = "Other";
  EXPECT_THAT(message(wrong, 400), HasSubstr("cannot be handled as a GaleraBackup"));
  Json bogus = backup("a");
  bogus["spec"]["foo"] = 1;
  EXPECT_THAT(message(bogus, 400, "?fieldValidation=Strict"),
              HasSubstr("strict decoding error: unknown field \"spec.foo\""));
  EXPECT_EQ(ask("POST", kCollection, "{").status, 400);
  EXPECT_EQ(ask("POST", kCollection, "{}", {{"Content-Type", "text/plain"}}).status, 415);
  EXPECT_TRUE(jobs->submitted.empty());
}

TEST_F(Create, UnknownFieldsWarnByDefaultAndCanBeIgnored) {
  Json bogus = backup("a");
  bogus["spec"]["foo"] = 1;
  const Reply warned = create(bogus);
  EXPECT_EQ(warned.status, 201);
  EXPECT_EQ(warned.header("Warning"), "299 - \"unknown field \\\"spec.foo\\\"\"");
  bogus["metadata"]["name"] = "b";
  EXPECT_EQ(create(bogus, "?fieldValidation=Ignore").header("Warning"), "(none)");
}

TEST_F(Create, YamlInAndOut) {
  const Reply reply =
      ask("POST", kCollection, "metadata: {name: a}\nspec: {databaseInstances: [openstack]}\n",
          {{"Content-Type", "application/yaml"}, {"Accept", "application/yaml"}});
  EXPECT_EQ(reply.status, 201) << reply.body;
  EXPECT_THAT(reply.body, HasSubstr("kind: GaleraBackup"));
}

TEST_F(Create, NeedsANamespaceThatLives) {
  namespaces.states["gone"] = kube::NamespaceState::kMissing;
  namespaces.states["going"] = kube::NamespaceState::kTerminating;
  const Reply missing = ask("POST", kRoot + "/namespaces/gone/galerabackups", backup("a").dump());
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.message(), "namespaces \"gone\" not found");
  const Reply terminating =
      ask("POST", kRoot + "/namespaces/going/galerabackups", backup("a").dump());
  EXPECT_EQ(terminating.status, 403);
  EXPECT_EQ(terminating.message(),
            "galerabackups.backup.rhoso.io \"a\" is forbidden: unable to create new content in "
            "namespace going because it is being terminated");
  EXPECT_EQ(terminating.json()["details"]["causes"][0]["reason"], "NamespaceTerminating");
}

TEST_F(Create, RestoresGoToTheirOwnJob) {
  const Json restore{{"metadata", {{"name", "r"}}}, {"spec", {{"backup", "a"}}}};
  const Reply reply = ask("POST", kRoot + "/namespaces/openstack/galerarestores", restore.dump());
  EXPECT_EQ(reply.status, 201) << reply.body;
  EXPECT_EQ(reply.json()["kind"], "GaleraRestore");
}

class Change : public World {
 protected:
  void SetUp() override {
    World::SetUp();
    put("a", {{"app", "x"}});
  }
  Json read() { return get(kCollection + "/a").json(); }
  Reply replace(const Json& object, const std::string& query = "") {
    return ask("PUT", kCollection + "/a" + query, object.dump());
  }
};

TEST_F(Change, HoldAndTtlCanBeSetAndTheExpirationFollows) {
  Json object = read();
  object["spec"]["ttl"] = "24h";
  object["spec"]["hold"] = true;
  const Reply reply = replace(object);
  EXPECT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(reply.json()["metadata"]["generation"], 2);
  EXPECT_EQ(reply.json()["status"]["expirationTime"], "2026-11-21T02:01:00Z");
  EXPECT_EQ(patch(kCollection + "/a", R"({"spec":{"ttl":null}})")
                .json()["status"]
                .count("expirationTime"),
            0U);
}

TEST_F(Change, WhatIsImmutableStays) {
  const Reply reply = patch(kCollection + "/a", R"({"spec":{"threads":8}})");
  EXPECT_EQ(reply.status, 422);
  EXPECT_EQ(reply.json()["details"]["kind"], "GaleraBackup");
  EXPECT_THAT(reply.message(), HasSubstr("spec.threads"));
}

TEST_F(Change, StatusBelongsToTheServer) {
  Json object = read();
  object["status"]["phase"] = "Failed";
  const std::uint64_t before = catalog->revision();
  EXPECT_EQ(replace(object).json()["status"]["phase"], "Completed");
  EXPECT_EQ(patch(kCollection + "/a", R"({"status":{"phase":"Failed"}})").json()["status"]["phase"],
            "Completed");
  EXPECT_EQ(catalog->revision(), before) << "nothing changed, so nothing was written";
}

TEST_F(Change, PutNeedsThePresentVersion) {
  Json object = read();
  const Json old = object;
  object["metadata"].erase("resourceVersion");
  const Reply without = replace(object);
  EXPECT_EQ(without.status, 422);
  EXPECT_THAT(
      without.message(),
      HasSubstr("metadata.resourceVersion: Invalid value: 0: must be specified for an update"));
  change("a", [](Json& dom) { dom["status"]["message"] = "the job says something"; });
  const Reply stale = replace(old);
  EXPECT_EQ(stale.status, 409);
  EXPECT_EQ(stale.message(),
            "Operation cannot be fulfilled on galerabackups.backup.rhoso.io \"a\": the object has "
            "been modified; please apply your changes to the latest version and try again");
  EXPECT_EQ(ask("PUT", kCollection + "/b", old.dump()).status, 404);
}

TEST_F(Change, ANameThatIsAnothersIs400) {
  put("b");
  Json object = read();
  const Reply reply = ask("PUT", kCollection + "/b", object.dump());
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(reply.message(), "the name of the object (a) does not match the name on the URL (b)");
}

TEST_F(Change, ANoOpKeepsTheVersion) {
  const Json before = read();
  EXPECT_EQ(replace(before).json(), before);
  EXPECT_EQ(patch(kCollection + "/a", "{}").json(), before);
}

TEST_F(Change, DryRunShowsTheOldVersionAndStoresNothing) {
  const Json before = read();
  const Reply reply = patch(kCollection + "/a?dryRun=All", R"({"spec":{"hold":true}})");
  EXPECT_EQ(reply.json()["spec"]["hold"], true);
  EXPECT_EQ(reply.json()["metadata"]["resourceVersion"], before["metadata"]["resourceVersion"]);
  EXPECT_EQ(read(), before);
}

TEST_F(Change, ByJsonPatch) {
  const char* type = "application/json-patch+json";
  const Reply done =
      patch(kCollection + "/a", R"([{"op":"add","path":"/metadata/labels/x","value":"1"}])", type);
  EXPECT_EQ(done.status, 200) << done.body;
  EXPECT_EQ(read()["metadata"]["labels"]["x"], "1");
  const Reply failed =
      patch(kCollection + "/a", R"([{"op":"test","path":"/metadata/name","value":"z"}])", type);
  EXPECT_EQ(failed.status, 422);
  EXPECT_EQ(failed.message(), "the server rejected our request due to an error in our request");
  std::string many = "[";
  for (int i = 0; i <= 10000; ++i)
    many +=
        std::string(i == 0 ? "" : ",") + R"({"op":"test","path":"/kind","value":"GaleraBackup"})";
  const Reply over = patch(kCollection + "/a", many + "]", type);
  EXPECT_EQ(over.status, 413);
  EXPECT_EQ(over.message(),
            "Request entity too large: The allowed maximum operations in a JSON patch is 10000, "
            "got 10001");
}

// kubectl patch without --type, and how the garbage collector lets go of an owner.
TEST_F(Change, AStrategicMergePatchMergesWhatIsASet) {
  const char* type = "application/strategic-merge-patch+json";
  const std::string path = kCollection + "/a";
  EXPECT_EQ(patch(path, R"({"spec":{"hold":true}})", type).status, 200);
  EXPECT_EQ(read()["spec"]["hold"], true);
  const auto owner = [](const std::string& uid) {
    return R"({"apiVersion":"v1","kind":"ConfigMap","name":"o)" + uid + R"(","uid":")" + uid +
           R"("})";
  };
  for (const char* uid : {"1", "2"})
    EXPECT_EQ(patch(path, R"({"metadata":{"ownerReferences":[)" + owner(uid) + "]}}", type).status,
              200);
  EXPECT_EQ(read()["metadata"]["ownerReferences"].size(), 2U);
  const std::string uid = read()["metadata"]["uid"];
  const auto let_go = [&](const std::string& of, const std::string& dependent) {
    return patch(path,
                 R"({"metadata":{"uid":")" + dependent +
                     R"(","ownerReferences":[{"$patch":"delete","uid":")" + of + R"("}]}})",
                 type)
        .status;
  };
  EXPECT_EQ(let_go("1", "another"), 422);
  EXPECT_EQ(let_go("1", uid), 200);
  EXPECT_EQ(read()["metadata"]["ownerReferences"][0]["uid"], "2");
  EXPECT_EQ(let_go("2", uid), 200);
  EXPECT_FALSE(read()["metadata"].contains("ownerReferences"));
  EXPECT_EQ(patch(path, R"({"spec":{"$bogus":1}})", type).status, 400);
}

TEST_F(Change, PatchesThatAreNotServed) {
  for (const char* type : {"application/apply-patch+yaml", "application/json", ""})
    EXPECT_EQ(patch(kCollection + "/a", "{}", type).status, 415) << type;
  EXPECT_EQ(patch(kCollection + "/nope", "{}").status, 404);
  EXPECT_EQ(patch(kCollection + "/a?force=true", "{}").status, 422);
  EXPECT_EQ(patch(kCollection + "/a?fieldValidation=Strict", R"({"spec":{"bogus":1}})").status,
            422);
}

TEST_F(Change, ClaimingAnotherUidIsRefused) {
  Json object = read();
  object["metadata"]["uid"] = "q";
  EXPECT_EQ(replace(object).status, 409);
  EXPECT_EQ(patch(kCollection + "/a", R"({"metadata":{"uid":"q"}})").status, 422);
}

// Users patch while the job writes its progress: both get what they wrote, nobody sees a conflict
// that is not theirs.
// Fewer changes race with a patch than it has tries, so none may lose, however they interleave.
TEST_F(Change, PatchesRaceWithProgressAndBothWin) {
  constexpr int kPatches = 50;
  constexpr int kChangesBeside = 3;
  std::barrier round(2);
  std::jthread job([&] {
    for (int i = 0; i < kPatches; ++i) {
      round.arrive_and_wait();
      for (int k = 1; k <= kChangesBeside; ++k)
        change("a", [&](Json& dom) { dom["status"]["progress"] = {{"rows", i * 10 + k}}; });
      round.arrive_and_wait();
    }
  });
  for (int i = 0; i < kPatches; ++i) {
    round.arrive_and_wait();
    const Reply reply =
        patch(kCollection + "/a", R"({"metadata":{"labels":{"n":")" + std::to_string(i) + "\"}}}");
    round.arrive_and_wait();
    EXPECT_EQ(reply.status, 200) << reply.body;
    EXPECT_EQ(read()["metadata"]["labels"]["n"], std::to_string(i));
    EXPECT_EQ(read()["status"]["progress"]["rows"], i * 10 + kChangesBeside);
  }
}

class Delete : public World {
 protected:
  void SetUp() override {
    World::SetUp();
    put("a");
  }
  Reply erase_a(const std::string& query = "", const std::string& body = "") {
    return ask("DELETE", kCollection + "/a" + query, body);
  }
  void finalize(Json finalizers) {
    change("a", [&](Json& dom) { dom["metadata"]["finalizers"] = std::move(finalizers); });
  }
};

TEST_F(Delete, IsToldByAStatusAndToTheJobs) {
  const Reply reply = erase_a();
  EXPECT_EQ(reply.status, 200);
  const Json status = reply.json();
  EXPECT_EQ(status["kind"], "Status");
  EXPECT_EQ(status["status"], "Success");
  EXPECT_EQ(status["details"], (Json{{"name", "a"},
                                     {"group", "backup.rhoso.io"},
                                     {"kind", "galerabackups"},
                                     {"uid", "uid-a"}}));
  EXPECT_THAT(jobs->deleted_names, ElementsAre("a"));
  EXPECT_EQ(get(kCollection + "/a").status, 404);
  EXPECT_EQ(erase_a().status, 404);
}

TEST_F(Delete, WaitsForFinalizers) {
  finalize({"example.com/f"});
  const Reply first = erase_a();
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(first.json()["metadata"]["deletionTimestamp"], "2026-11-20T03:00:00Z");
  const Reply second = erase_a();
  EXPECT_EQ(second.status, 200);
  EXPECT_EQ(second.json(), first.json()) << "the same version: nothing was done";
  const Reply added =
      patch(kCollection + "/a", R"({"metadata":{"finalizers":["example.com/f","example.com/c"]}})");
  EXPECT_EQ(added.status, 422);
  EXPECT_THAT(added.message(),
              HasSubstr("no new finalizers can be added if the object is being deleted, found new "
                        "finalizers []string{\"example.com/c\"}"));
  EXPECT_EQ(patch(kCollection + "/a", R"({"metadata":{"finalizers":null}})").status, 200);
  EXPECT_EQ(get(kCollection + "/a").status, 404);
}

TEST_F(Delete, PropagationAddsItsFinalizer) {
  EXPECT_EQ(erase_a("?propagationPolicy=Foreground").json()["metadata"]["finalizers"],
            Json({"foregroundDeletion"}));
  EXPECT_EQ(erase_a("?propagationPolicy=Sideways").status, 422);
}

TEST_F(Delete, PreconditionsNameBothValuesAndTheKind) {
  const Reply uid = erase_a("", R"({"preconditions":{"uid":"bad"}})");
  EXPECT_EQ(uid.status, 409);
  EXPECT_EQ(uid.message(),
            "Operation cannot be fulfilled on GaleraBackup.backup.rhoso.io \"a\": the UID in the "
            "precondition (bad) does not match the UID in record (uid-a). The object might have "
            "been deleted and then recreated");
  EXPECT_EQ(uid.json()["details"]["kind"], "GaleraBackup");
  EXPECT_EQ(erase_a("", R"({"preconditions":{"resourceVersion":"99"}})").status, 409);
  EXPECT_EQ(erase_a("", R"({"preconditions":{"uid":"uid-a"}})").status, 200);
}

TEST_F(Delete, DryRunDeletesNothingAndABodyHidesTheQuery) {
  EXPECT_EQ(erase_a("?dryRun=All").status, 200);
  EXPECT_EQ(erase_a("", R"({"dryRun":["All"]})").status, 200);
  EXPECT_EQ(get(kCollection + "/a").status, 200);
  EXPECT_TRUE(jobs->deleted_names.empty());
  EXPECT_EQ(erase_a("?dryRun=All", "{}").status, 200);
  EXPECT_EQ(get(kCollection + "/a").status, 404) << "options in the body win";
}

TEST_F(Delete, AHeldBackupIsRefusedWithWhatToDo) {
  patch(kCollection + "/a", R"({"spec":{"hold":true}})");
  const Reply reply = erase_a();
  EXPECT_EQ(reply.status, 403);
  EXPECT_EQ(reply.message(),
            "galerabackups.backup.rhoso.io \"a\" is forbidden: it is held: spec.hold is true. To "
            "delete it, release it first: kubectl patch galerabackups.backup.rhoso.io a -n "
            "openstack --type merge -p '{\"spec\":{\"hold\":false}}'");
  put("b");
  EXPECT_EQ(ask("DELETE", kCollection).status, 403);
  EXPECT_EQ(get(kCollection + "/b").status, 200) << "nothing goes when it is known to be refused";
  namespaces.states["openstack"] = kube::NamespaceState::kTerminating;
  EXPECT_EQ(ask("DELETE", kCollection).status, 200) << "its namespace goes: it must not hang";
  EXPECT_EQ(names(get(kCollection)).size(), 0U);
}

TEST_F(Delete, WhatTheStoreCannotTakeBackIsKept) {
  jobs->refuse_deletion = true;
  EXPECT_EQ(erase_a().status, 503);
  EXPECT_EQ(get(kCollection + "/a").status, 200);
}

// A job ends by a deletion that was written, not by one that was refused.
TEST_F(Delete, WhatIsRefusedLeavesItsJobAlone) {
  jobs->refuse_deletion = true;
  EXPECT_EQ(erase_a().status, 503);
  jobs->refuse_deletion = false;
  jobs->on_deletion = [&, n = 0]() mutable {
    change("a", [&](Json& dom) { dom["status"]["progress"] = ++n; });
  };
  EXPECT_EQ(erase_a().status, 409) << "somebody else always writes first";
  EXPECT_THAT(jobs->deleted_names, testing::IsEmpty());
  jobs->on_deletion = {};
  EXPECT_EQ(erase_a().status, 200);
  EXPECT_THAT(jobs->deleted_names, ElementsAre("a"));
}

TEST_F(Delete, ACollectionBySelector) {
  put("b", {{"x", "1"}});
  put("c", {{"x", "1"}});
  put("d", {{"x", "1"}}, "other");
  const Reply reply = ask("DELETE", kCollection + "?labelSelector=x%3D1");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.json()["kind"], "GaleraBackupList");
  EXPECT_THAT(names(reply), ElementsAre("b", "c"));
  EXPECT_THAT(names(get(kRoot + "/galerabackups")), ElementsAre("a", "d"));
  EXPECT_THAT(jobs->deleted_names, ElementsAre("b", "c"));
}

TEST_F(Delete, RacesWithProgressAndWins) {
  int left = 19;
  jobs->on_deletion = [&] {
    if (left-- > 0) change("a", [&](Json& dom) { dom["status"]["progress"] = left; });
  };
  const Reply won = erase_a();
  EXPECT_EQ(won.status, 200) << won.body;
  EXPECT_EQ(get(kCollection + "/a").status, 404);

  put("a");
  left = 1000;
  const Reply lost = erase_a();
  EXPECT_EQ(lost.status, 409);
  EXPECT_THAT(lost.message(), HasSubstr("the object has been modified"));
  EXPECT_EQ(get(kCollection + "/a").status, 200);
}

class StoreDown : public World {};

TEST_F(StoreDown, WritesAre503AndSayWhenToComeBackReadsGoOn) {
  put("a");
  const auto writes = [this] {
    return std::vector<Reply>{
        ask("POST", kCollection, backup("b").dump()),
        patch(kCollection + "/a", R"({"metadata":{"labels":{"tier":"gold"}}})"),
        ask("DELETE", kCollection + "/a"),
    };
  };
  store.inject({.keys = "log/*", .times = -1});
  for (const Reply& refused : writes()) {
    EXPECT_EQ(refused.status, 503) << refused.body;
    EXPECT_EQ(refused.reason(), "ServiceUnavailable");
    EXPECT_EQ(refused.header("Retry-After"), "5");
    EXPECT_EQ(refused.json()["details"]["retryAfterSeconds"], 5);
  }
  EXPECT_EQ(get(kCollection + "/a").status, 200);
  EXPECT_THAT(names(get(kCollection)), ElementsAre("a"));
  EXPECT_EQ(get(kRoot).status, 200);
  EXPECT_EQ(get("/readyz").status, 200);
  store.clear();
  for (const Reply& done : writes()) EXPECT_LT(done.status, 300) << done.body;
}

}  // namespace
}  // namespace gb::handlers::test
