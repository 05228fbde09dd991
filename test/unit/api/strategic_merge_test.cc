// The cases are those of k8s.io/apimachinery/pkg/util/strategicpatch/patch_test.go that our types
// can have, in our fields.
#include "api/strategic_merge.h"

#include <gmock/gmock.h>

#include "test/unit/api/fixture.h"

namespace gb::api {
namespace {

using ::testing::HasSubstr;

Json json_of(std::string_view text) {
  return Json::parse(text);
}

Outcome<Json> strategic(std::string_view current, std::string_view patch) {
  return strategic_merge(backup_type().schema, json_of(current), json_of(patch));
}

// What becomes of metadata.
Json merged_metadata(std::string_view current, std::string_view patch) {
  const Outcome<Json> done =
      strategic_merge(backup_type().schema, Json{{"metadata", json_of(current)}},
                      Json{{"metadata", json_of(patch)}});
  return done ? done->at("metadata") : Json(done.error().message);
}

ApiError patch_error(std::string_view patch) {
  const Outcome<Json> done = strategic(
      R"({"metadata":{"finalizers":["a/a"],"ownerReferences":[{"uid":"1"}]},"spec":{}})", patch);
  return done ? ApiError{} : done.error();
}

TEST(StrategicMerge, FieldsMergeAndListsOfSpecAreReplaced) {
  EXPECT_EQ(*strategic(R"({"spec":{"hold":false,"ttl":"1h","databaseInstances":["a","b"]}})",
                       R"({"spec":{"hold":true,"ttl":null,"databaseInstances":["c"]}})"),
            json_of(R"({"spec":{"hold":true,"databaseInstances":["c"]}})"));
  EXPECT_EQ(*strategic(R"({"metadata":{"labels":{"a":"1","b":"2"}}})",
                       R"({"metadata":{"labels":{"a":null,"c":"3"},"annotations":{"x":"y"}}})"),
            json_of(R"({"metadata":{"labels":{"b":"2","c":"3"},"annotations":{"x":"y"}}})"));
  EXPECT_EQ(*strategic("{}", R"({"spec":{"a":null,"b":{"c":null,"d":1}}})"),
            json_of(R"({"spec":{"b":{"d":1}}})"))
      << "nulls that meet nothing are nothing";
  EXPECT_EQ(*strategic(R"({"spec":{"executor":1}})", R"({"spec":{"executor":{"a":1}}})"),
            json_of(R"({"spec":{"executor":{"a":1}}})"))
      << "another type replaces";
}

TEST(StrategicMerge, FinalizersAreASet) {
  EXPECT_EQ(merged_metadata(R"({"finalizers":["a/a","b/b"]})", R"({"finalizers":["c/c","a/a"]})"),
            json_of(R"({"finalizers":["c/c","a/a","b/b"]})"));
  EXPECT_EQ(merged_metadata(R"({})", R"({"finalizers":["c/c"]})"),
            json_of(R"({"finalizers":["c/c"]})"));
  EXPECT_EQ(merged_metadata(R"({"finalizers":["a/a","b/b"]})",
                            R"({"$deleteFromPrimitiveList/finalizers":["a/a","x/x"]})"),
            json_of(R"({"finalizers":["b/b"]})"));
  EXPECT_EQ(merged_metadata(R"({"finalizers":["a/a"]})", R"({"finalizers":null})"), json_of("{}"));
  // What kubectl apply sends: a is new, b goes, c stays, d is another's.
  EXPECT_EQ(merged_metadata(R"({"finalizers":["b/b","c/c","d/d"]})",
                            R"({"$deleteFromPrimitiveList/finalizers":["b/b"],
                       "$setElementOrder/finalizers":["c/c","a/a"],"finalizers":["a/a"]})"),
            json_of(R"({"finalizers":["c/c","a/a","d/d"]})"));
  EXPECT_EQ(merged_metadata(R"({"finalizers":["b/b","c/c"]})",
                            R"({"$setElementOrder/finalizers":["c/c","b/b"]})"),
            json_of(R"({"finalizers":["c/c","b/b"]})"))
      << "the order alone";
}

// {"$patch":"delete"} by uid is how the garbage collector lets go of an owner.
TEST(StrategicMerge, OwnersAreToldApartByTheirUid) {
  constexpr std::string_view kTwo =
      R"({"uid":"d","ownerReferences":[{"uid":"1","name":"a"},{"uid":"2","name":"b"}]})";
  EXPECT_EQ(
      merged_metadata(kTwo, R"({"uid":"d","ownerReferences":[{"$patch":"delete","uid":"1"}]})"),
      json_of(R"({"uid":"d","ownerReferences":[{"uid":"2","name":"b"}]})"));
  EXPECT_EQ(merged_metadata(kTwo, R"({"ownerReferences":[{"$patch":"delete","uid":"1"},
                                                {"$patch":"delete","uid":"2"}]})"),
            json_of(R"({"uid":"d","ownerReferences":[]})"));
  EXPECT_EQ(merged_metadata(R"({})", R"({"ownerReferences":[{"$patch":"delete","uid":"1"}]})"),
            json_of(R"({"ownerReferences":[]})"));
  EXPECT_EQ(
      merged_metadata(kTwo, R"({"ownerReferences":[{"uid":"2","controller":true},{"uid":"3"}]})"),
      json_of(R"({"uid":"d","ownerReferences":[{"uid":"1","name":"a"},
                       {"uid":"2","name":"b","controller":true},{"uid":"3"}]})"));
  EXPECT_EQ(merged_metadata(kTwo, R"({"ownerReferences":[{"$patch":"replace"},{"uid":"3"}]})"),
            json_of(R"({"uid":"d","ownerReferences":[{"uid":"3"}]})"));
  EXPECT_EQ(merged_metadata(kTwo, R"({"$setElementOrder/ownerReferences":[{"uid":"3"},{"uid":"1"}],
                             "ownerReferences":[{"uid":"3"},{"$patch":"delete","uid":"2"}]})"),
            json_of(R"({"uid":"d","ownerReferences":[{"uid":"3"},{"uid":"1","name":"a"}]})"));
}

TEST(StrategicMerge, ConditionsMergeByTheirType) {
  EXPECT_EQ(*strategic(R"({"status":{"conditions":[{"type":"A","status":"True"}]}})",
                       R"({"status":{"conditions":[{"type":"B"},{"type":"A","status":"False"}]}})"),
            json_of(R"({"status":{"conditions":[{"type":"B"},{"type":"A","status":"False"}]}})"));
}

TEST(StrategicMerge, ObjectsCanBeReplacedDeletedAndCutDown) {
  EXPECT_EQ(
      merged_metadata(R"({"labels":{"a":"1"}})", R"({"labels":{"$patch":"replace","b":"2"}})"),
      json_of(R"({"labels":{"b":"2"}})"));
  EXPECT_EQ(merged_metadata(R"({"labels":{"a":"1"}})", R"({"labels":{"$patch":"delete"}})"),
            json_of(R"({"labels":{}})"));
  EXPECT_EQ(merged_metadata(R"({"name":"x"})", R"({"labels":{"$patch":"delete"}})"),
            json_of(R"({"name":"x"})"));
  EXPECT_EQ(merged_metadata(R"({"labels":{"a":"1","b":"2"}})",
                            R"({"labels":{"$retainKeys":["b","c"],"c":"3","a":null}})"),
            json_of(R"({"labels":{"b":"2","c":"3"}})"));
  EXPECT_EQ(merged_metadata(R"({"labels":{"a":"1"}})", R"({"labels":{"$x":"2"}})"),
            json_of(R"({"labels":{"a":"1","$x":"2"}})"))
      << "the keys of a map are data";
}

TEST(StrategicMerge, WhatIsNoDirectiveIs400) {
  for (const char* patch :
       {R"({"$patch":"merge"})", R"({"$patch":1})", R"({"spec":{"$patch":"bogus"}})",
        R"({"spec":{"$bogus":1}})", R"({"spec":{"$retainKeys":"hold"}})",
        R"({"spec":{"$retainKeys":["hold"],"ttl":"1h"}})",
        R"({"metadata":{"$deleteFromPrimitiveList":["a/a"]}})",
        R"({"metadata":{"$deleteFromPrimitiveList/finalizers":"a/a"}})",
        R"({"metadata":{"$setElementOrder":["a/a"]}})",
        R"({"metadata":{"$setElementOrder/finalizers":"a/a"}})",
        R"({"metadata":{"$setElementOrder/finalizers":["a/a"],"finalizers":["b/b"]}})",
        R"({"metadata":{"$setElementOrder/finalizers":["a/a"],"finalizers":"b/b"}})",
        R"({"metadata":{"finalizers":[{"x":1}]}})", R"({"metadata":{"finalizers":[null]}})",
        R"({"metadata":{"ownerReferences":["1"]}})",
        R"({"metadata":{"ownerReferences":[{"name":"a"}]}})",
        R"({"metadata":{"ownerReferences":[{"$patch":"delete"}]}})",
        R"({"metadata":{"ownerReferences":[{"$patch":"merge","uid":"1"}]}})",
        R"({"metadata":{"ownerReferences":[{"$patch":"x","uid":"1"}]}})"})
    EXPECT_EQ(patch_error(patch).code, 400) << patch;
  EXPECT_EQ(patch_error(R"({"metadata":{"finalizers":[["a/a"]]}})").code, 422);
  EXPECT_THAT(patch_error(R"({"metadata":{"ownerReferences":[{"$patch":"delete"}]}})").message,
              HasSubstr("does not contain declared merge key: uid"));
  EXPECT_THAT(patch_error(R"({"spec":{"$bogus":1}})").message, HasSubstr("\"$bogus\""));
}

TEST(StrategicMerge, LongListsTakeNoQuadraticTime) {
  std::string list;
  for (int i = 0; i < 100000; ++i) list += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\"";
  const std::string finalizers = "{\"finalizers\":[" + list + "]}";
  EXPECT_EQ(merged_metadata(finalizers, finalizers)["finalizers"].size(), 100000U);
}

}  // namespace
}  // namespace gb::api
