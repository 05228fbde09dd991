#include "api/decode.h"
#include "base/text.h"
#include "handlers/list_options.h"
#include "test/unit/handlers/world.h"

namespace gb::handlers::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Get : public World {};

TEST_F(Get, AnswersTheObjectAsItIsStored) {
  const auto object = put("a");
  const Reply reply = get(kCollection + "/a");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.header("Content-Type"), "application/json");
  EXPECT_EQ(reply.body, object->json() + "\n");
  EXPECT_TRUE(reply.pieces) << "what was serialised once is not serialised again";
  EXPECT_EQ(get(kCollection + "/a/status").body, reply.body);
}

TEST_F(Get, WatchOnANameIsAPlainGet) {
  put("a");
  EXPECT_EQ(get(kCollection + "/a?watch=true").json()["kind"], "GaleraBackup");
}

TEST_F(Get, NotFound) {
  const Reply reply = get(kCollection + "/nope");
  EXPECT_EQ(reply.status, 404);
  EXPECT_EQ(reply.message(), "galerabackups.backup.rhoso.io \"nope\" not found");
  EXPECT_EQ(reply.json()["details"]["kind"], "galerabackups");
  EXPECT_EQ(reply.json()["details"]["name"], "nope");
  put("a");
  EXPECT_EQ(get(kRoot + "/namespaces/other/galerabackups/a").status, 404);
}

TEST_F(Get, InOtherShapes) {
  put("a");
  const Reply table = get_as(kCollection + "/a", "application/json;as=Table;v=v1;g=meta.k8s.io");
  EXPECT_EQ(table.json()["kind"], "Table");
  EXPECT_EQ(table.json()["rows"].size(), 1U);
  EXPECT_EQ(table.json()["rows"][0]["object"]["kind"], "PartialObjectMetadata");
  EXPECT_EQ(get_as(kCollection + "/a?includeObject=Object",
                   "application/json;as=Table;v=v1;g=meta.k8s.io")
                .json()["rows"][0]["object"]["kind"],
            "GaleraBackup");
  EXPECT_EQ(
      get_as(kCollection + "/a?includeObject=All", "application/json;as=Table;v=v1;g=meta.k8s.io")
          .status,
      400);
  EXPECT_EQ(
      get_as(kCollection + "/a", "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io")
          .json()["kind"],
      "PartialObjectMetadata");
  const Reply yaml = get_as(kCollection + "/a", "application/yaml");
  EXPECT_EQ(yaml.header("Content-Type"), "application/yaml");
  EXPECT_THAT(yaml.body, HasSubstr("kind: GaleraBackup"));
  EXPECT_THAT(get(kCollection + "/a?pretty=true").body, HasSubstr("{\n  \""));
  EXPECT_EQ(
      get_as(kCollection + "/a", "application/vnd.kubernetes.protobuf, application/json").status,
      200);
}

TEST_F(Get, ListsForPeopleAreTheSameLists) {
  for (const bool empty : {true, false}) {
    if (!empty)
      for (const char* name : {"a", "b", "c"}) put(name);
    for (const char* shape :
         {"", ";as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", ";as=Table;v=v1;g=meta.k8s.io"}) {
      const std::string json = std::string("application/json") + shape;
      const std::string compact = get_as(kCollection, json).body;
      EXPECT_EQ(get_as(kCollection + "?pretty=1", json).body,
                nlohmann::ordered_json::parse(compact).dump(2) + "\n")
          << shape;
      EXPECT_EQ(get_as(kCollection, std::string("application/yaml") + shape).body,
                api::json_to_yaml(compact))
          << shape;
    }
  }
}

TEST_F(Get, ErrorsSpeakYamlToo) {
  const Reply reply = get_as(kCollection + "/nope", "application/yaml");
  EXPECT_EQ(reply.status, 404);
  EXPECT_THAT(reply.body, HasSubstr("kind: Status"));
}

TEST_F(Get, AcceptThatNothingFits) {
  put("a");
  const Reply text = get_as(kCollection + "/a", "text/html");
  EXPECT_EQ(text.status, 406);
  EXPECT_THAT(text.body, HasSubstr("406: Not Acceptable\n\nAvailable representations: "
                                   "application/json"));
  const Reply shape = get_as(kCollection + "/a", "application/json;as=Other;v=v1;g=meta.k8s.io");
  EXPECT_EQ(shape.status, 406);
  EXPECT_EQ(shape.message(),
            "only the following media types are accepted: application/json, application/yaml, "
            "application/vnd.kubernetes.protobuf");
}

TEST_F(Get, OfARevisionThatIsNotThereYetTimesOut) {
  put("a");
  service->begin_shutdown();  // the wait ends at once, not after its seconds
  const Reply reply = get(kCollection + "/a?resourceVersion=999");
  EXPECT_EQ(reply.status, 504);
  EXPECT_EQ(reply.message(), "Timeout: Too large resource version: 999, current: " +
                                 std::to_string(catalog->revision()));
}

class List : public World {
 protected:
  void SetUp() override {
    World::SetUp();
    for (const char* name : {"a", "b", "c", "d", "e"}) put(name, {{"app", name}});
    put("a", {}, "other");
  }
  std::string version() { return get(kCollection).json()["metadata"]["resourceVersion"]; }
};

TEST_F(List, OfANamespaceAndOfAll) {
  const Reply one = get(kCollection);
  EXPECT_EQ(one.json()["kind"], "GaleraBackupList");
  EXPECT_EQ(one.json()["apiVersion"], "backup.rhoso.io/v1beta1");
  EXPECT_EQ(one.json()["metadata"]["resourceVersion"], std::to_string(catalog->revision()));
  EXPECT_THAT(names(one), ElementsAre("a", "b", "c", "d", "e"));
  EXPECT_TRUE(one.pieces);
  EXPECT_EQ(names(get(kRoot + "/galerabackups")).size(), 6U);
  EXPECT_EQ(get(kRoot + "/namespaces/none/galerabackups").json()["items"], Json::array());
}

TEST_F(List, BySelectors) {
  EXPECT_THAT(names(get(kCollection + "?labelSelector=app+in+(a,c)")), ElementsAre("a", "c"));
  EXPECT_THAT(names(get(kCollection + "?fieldSelector=metadata.name%3Db")), ElementsAre("b"));
  EXPECT_THAT(names(get(kCollection + "?fieldSelector=status.phase%21%3DCompleted")),
              ElementsAre());
  const Reply unknown = get(kCollection + "?fieldSelector=spec.x%3D1");
  EXPECT_EQ(unknown.status, 400);
  EXPECT_THAT(unknown.message(), HasSubstr("\"spec.x\" is not a known field selector: only "));
  EXPECT_EQ(get(kCollection + "?labelSelector=a+in+").status, 400);
}

TEST_F(List, InPagesThatAllShowTheFirstPagesState) {
  const Json first = get(kCollection + "?limit=2").json();
  EXPECT_EQ(first["items"].size(), 2U);
  EXPECT_EQ(first["metadata"]["remainingItemCount"], 3);
  const std::string token = first["metadata"]["continue"];
  erase("c");
  put("ba");

  const Json second = get(kCollection + "?limit=2&continue=" + token).json();
  EXPECT_EQ(second["items"][0]["metadata"]["name"], "c") << "still there in the first page's state";
  EXPECT_EQ(second["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
  const std::string last_token = second["metadata"]["continue"];
  const Json last = get(kCollection + "?limit=2&continue=" + last_token).json();
  EXPECT_EQ(last["items"].size(), 1U);
  EXPECT_FALSE(last["metadata"].contains("continue"));
  EXPECT_FALSE(last["metadata"].contains("remainingItemCount"));
}

TEST_F(List, PagesOfASelectionDoNotCountWhatRemains) {
  const Json first = get(kCollection + "?limit=1&labelSelector=app+notin+(b)").json();
  EXPECT_EQ(first["items"][0]["metadata"]["name"], "a");
  EXPECT_FALSE(first["metadata"].contains("remainingItemCount"));
  const std::string token = first["metadata"]["continue"];
  EXPECT_THAT(names(get(kCollection + "?limit=1&labelSelector=app+notin+(b)&continue=" + token)),
              ElementsAre("c"));
}

TEST_F(List, AllNamespacesInPages) {
  const Json first = get(kRoot + "/galerabackups?limit=5").json();
  const std::string token = first["metadata"]["continue"];
  const Json rest = get(kRoot + "/galerabackups?continue=" + token).json();
  ASSERT_EQ(rest["items"].size(), 1U);
  EXPECT_EQ(rest["items"][0]["metadata"]["namespace"], "other");
}

TEST_F(List, BadTokens) {
  for (const std::string& token :
       {std::string("garbage!"), to_base64(as_bytes("{}"), Base64::kUrlUnpadded),
        to_base64(as_bytes(R"({"v":"meta.k8s.io/v1","rv":0,"start":"a"})"), Base64::kUrlUnpadded),
        to_base64(as_bytes(R"({"v":"meta.k8s.io/v1","rv":5,"start":""})"), Base64::kUrlUnpadded),
        to_base64(as_bytes(R"({"v":"other","rv":5,"start":"a"})"), Base64::kUrlUnpadded)}) {
    const Reply reply = get(kCollection + "?continue=" + token);
    EXPECT_EQ(reply.status, 400) << token;
    EXPECT_THAT(reply.message(), testing::StartsWith("invalid continue token: ")) << token;
  }
  const std::string token = get(kCollection + "?limit=1").json()["metadata"]["continue"];
  EXPECT_EQ(get(kCollection + "?resourceVersion=3&continue=" + token).message(),
            "specifying resource version is not allowed when using continue");
}

TEST_F(List, ResourceVersionTable) {
  const std::string old = version();
  erase("a");
  const std::string now = version();
  EXPECT_EQ(names(get(kCollection + "?resourceVersion=0")).size(), 4U);
  EXPECT_EQ(names(get(kCollection + "?resourceVersion=" + old)).size(), 4U) << "not older than";
  EXPECT_EQ(
      names(get(kCollection + "?resourceVersion=" + old + "&resourceVersionMatch=NotOlderThan"))
          .size(),
      4U);
  const Reply exact = get(kCollection + "?resourceVersion=" + old + "&resourceVersionMatch=Exact");
  EXPECT_EQ(names(exact).size(), 5U);
  EXPECT_EQ(exact.json()["metadata"]["resourceVersion"], old);
  EXPECT_EQ(names(get(kCollection + "?limit=10&resourceVersion=" + old)).size(), 5U)
      << "with a limit it is exact";
  EXPECT_EQ(get(kCollection + "?resourceVersionMatch=Exact").status, 422);
  EXPECT_EQ(get(kCollection + "?resourceVersion=0&resourceVersionMatch=Exact").status, 422);
  EXPECT_EQ(get(kCollection + "?resourceVersion=1&resourceVersionMatch=Other").status, 422);
  EXPECT_EQ(get(kCollection + "?sendInitialEvents=true").status, 422);
  const Reply bad = get(kCollection + "?resourceVersion=abc");
  EXPECT_EQ(bad.status, 400);
  EXPECT_EQ(bad.message(),
            "invalid resource version: resourceVersion: Invalid value: \"abc\": strconv.ParseUint: "
            "parsing \"abc\": invalid syntax");
  EXPECT_EQ(get(kCollection + "?limit=x").message(),
            "strconv.ParseInt: parsing \"x\": invalid syntax");
}

TEST_F(List, OfTheFutureTimesOut) {
  service->begin_shutdown();  // the wait ends at once, not after its seconds
  const Reply reply = get(kCollection + "?resourceVersion=1000");
  EXPECT_EQ(reply.status, 504);
  EXPECT_EQ(reply.message(), "Timeout: Too large resource version: 1000, current: " +
                                 std::to_string(catalog->revision()));
  EXPECT_EQ(reply.header("Retry-After"), "1");
  EXPECT_EQ(reply.json()["details"]["causes"][0]["reason"], "ResourceVersionTooLarge");
}

TEST_F(List, OfARevisionThatIsToComeIsRefusedAtOnceWhenEnoughWaitForOne) {
  start({.waiting_reads = 0});
  const auto began = std::chrono::steady_clock::now();
  const Reply reply = get(kCollection + "?resourceVersion=1000");
  EXPECT_EQ(reply.status, 504);
  EXPECT_EQ(reply.header("Retry-After"), "1");
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(2));
  EXPECT_EQ(get(kCollection + "?resourceVersion=" + version()).status, 200) << "it is there";
}

class ForgetfulList : public World {
 protected:
  void SetUp() override {
    storage::Catalog::Options options;
    options.history_revisions = 2;
    start({}, {}, options);
  }
};

TEST_F(ForgetfulList, ExpiredStatesAre410WithAFreshToken) {
  for (const char* name : {"a", "b", "c"}) put(name);
  const Json first = get(kCollection + "?limit=1").json();
  const std::string version = first["metadata"]["resourceVersion"];
  for (const char* name : {"d", "e", "f", "g"}) put(name);

  const Reply exact =
      get(kCollection + "?resourceVersion=" + version + "&resourceVersionMatch=Exact");
  EXPECT_EQ(exact.status, 410);
  EXPECT_EQ(exact.reason(), "Expired");
  EXPECT_EQ(exact.message(), "The resourceVersion for the provided list is too old.");

  const std::string token = first["metadata"]["continue"];
  const Reply paged = get(kCollection + "?limit=1&continue=" + token);
  EXPECT_EQ(paged.status, 410);
  EXPECT_THAT(paged.message(), testing::StartsWith("The provided continue parameter is too old"));
  const std::string fresh = paged.json()["metadata"]["continue"];
  EXPECT_EQ(decode_continue(fresh)->revision, -1);
  EXPECT_THAT(names(get(kCollection + "?continue=" + fresh)),
              ElementsAre("b", "c", "d", "e", "f", "g"));
}

TEST_F(List, Tables) {
  const char* accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
  const Json table = get_as(kCollection, accept).json();
  EXPECT_EQ(table["kind"], "Table");
  EXPECT_EQ(table["apiVersion"], "meta.k8s.io/v1");
  EXPECT_EQ(table["rows"].size(), 5U);
  EXPECT_EQ(table["rows"][0]["cells"][0], "a");
  EXPECT_EQ(table["rows"][0]["cells"][6], "60m");
  const Json empty = get_as(kRoot + "/namespaces/none/galerabackups", accept).json();
  EXPECT_TRUE(empty["rows"].is_null());
  EXPECT_FALSE(empty["columnDefinitions"].empty());
}

TEST_F(List, MetadataOnly) {
  const Json list =
      get_as(kCollection, "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io")
          .json();
  EXPECT_EQ(list["kind"], "PartialObjectMetadataList");
  EXPECT_EQ(list["items"].size(), 5U);
  EXPECT_FALSE(list["items"][0].contains("spec"));
}

}  // namespace
}  // namespace gb::handlers::test
