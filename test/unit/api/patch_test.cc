#include "api/patch.h"

#include <gmock/gmock.h>

#include "test/unit/api/fixture.h"

namespace gb::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

Outcome<Json> merge(std::string_view body, FieldValidation validation = FieldValidation::kWarn) {
  std::vector<std::string> warnings;
  return apply_patch(backup_type(), PatchType::kMerge, body, stored_backup(), validation, warnings);
}

Outcome<Json> json(std::string_view body, FieldValidation validation = FieldValidation::kWarn) {
  std::vector<std::string> warnings;
  return apply_patch(backup_type(), PatchType::kJson, body, stored_backup(), validation, warnings);
}

TEST(Patch, AllButApplyPatchesAreTaken) {
  EXPECT_EQ(*patch_type("application/merge-patch+json"), PatchType::kMerge);
  EXPECT_EQ(*patch_type("application/json-patch+json; charset=utf-8"), PatchType::kJson);
  EXPECT_EQ(*patch_type("application/strategic-merge-patch+json"), PatchType::kStrategic);
  for (const char* other : {"application/apply-patch+yaml", "application/json", ""}) {
    const auto refused = patch_type(other);
    ASSERT_FALSE(refused) << other;
    EXPECT_EQ(refused.error().code, 415);
  }
  EXPECT_EQ(patch_type("x").error().message,
            "the body of the request was in an unknown format - accepted media types include: "
            "application/json-patch+json, application/merge-patch+json, "
            "application/strategic-merge-patch+json");
}

TEST(Patch, AMergePatchChangesAndRemoves) {
  const auto patched =
      merge(R"({"spec":{"hold":true,"ttl":"24h"},"metadata":{"labels":{"a":"b"}}})");
  ASSERT_TRUE(patched);
  EXPECT_EQ((*patched)["spec"]["hold"], true);
  EXPECT_EQ((*patched)["metadata"]["labels"]["a"], "b");
  EXPECT_EQ((*merge(R"({"spec":{"threads":null}})"))["spec"]["threads"], 4) << "defaulted again";
}

TEST(Patch, AStrategicMergePatchIsDecodedAsTheOthersAre) {
  std::vector<std::string> warnings;
  const auto strategic = [&](std::string_view body, FieldValidation validation) {
    return apply_patch(backup_type(), PatchType::kStrategic, body, stored_backup(), validation,
                       warnings);
  };
  const auto patched =
      strategic(R"({"spec":{"hold":true,"threads":null,"bogus":1}})", FieldValidation::kWarn);
  ASSERT_TRUE(patched) << patched.error().message;
  EXPECT_EQ((*patched)["spec"]["hold"], true);
  EXPECT_EQ((*patched)["spec"]["threads"], 4) << "defaulted again";
  EXPECT_EQ((*patched)["status"]["phase"], "Running");
  EXPECT_THAT(warnings, ElementsAre("unknown field \"spec.bogus\""));
  for (const char* body : {"[]", "1", "{"})
    EXPECT_EQ(strategic(body, FieldValidation::kWarn).error().code, 400) << body;
  EXPECT_EQ(strategic(R"({"spec":{"bogus":1}})", FieldValidation::kStrict).error().code, 422);
  EXPECT_EQ(strategic(R"({"kind":"Pod"})", FieldValidation::kWarn).error().code, 422);
  EXPECT_EQ(strategic(R"({"$patch":"?"})", FieldValidation::kWarn).error().code, 400);
}

TEST(Patch, AJsonPatchIsApplied) {
  const auto patched = json(
      R"([{"op":"test","path":"/spec/hold","value":false},
          {"op":"replace","path":"/spec/hold","value":true},
          {"op":"add","path":"/metadata/labels","value":{"a~b":"1"}},
          {"op":"remove","path":"/metadata/labels/a~0b"}])");
  ASSERT_TRUE(patched) << patched.error().message;
  EXPECT_EQ((*patched)["spec"]["hold"], true);
}

TEST(Patch, WhatDoesNotApplyIs422) {
  for (const char* body :
       {R"([{"op":"test","path":"/spec/hold","value":true}])", R"([{"op":"bogus","path":"/a"}])",
        R"([{"op":"remove","path":"/spec/nope"}])", R"([{"op":"add","path":"a","value":1}])",
        R"([{"op":"copy","from":"/nope","path":"/a"}])", R"([{"op":"add"}])", R"([{}])"}) {
    const auto refused = json(body);
    ASSERT_FALSE(refused) << body;
    EXPECT_EQ(refused.error().code, 422) << body;
    EXPECT_EQ(refused.error().message,
              "the server rejected our request due to an error in our request");
  }
}

TEST(Patch, WhatCannotBeReadIs400) {
  EXPECT_THAT(json("[").error().message, HasSubstr("error decoding patch: "));
  EXPECT_EQ(json("{}").error().code, 400);
  EXPECT_EQ(json("[1]").error().code, 400);
  EXPECT_EQ(merge("[]").error().code, 400);
  EXPECT_EQ(merge("null").error().code, 400);
}

TEST(Patch, TooManyOperationsAre413) {
  std::string body = "[";
  for (int i = 0; i < 10001; ++i)
    body += (i == 0 ? "" : ",") + std::string(R"({"op":"test","path":"","value":1})");
  const auto refused = json(body + "]");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, 413);
  EXPECT_EQ(refused.error().message,
            "Request entity too large: The allowed maximum operations in a JSON patch is 10000, "
            "got 10001");
}

TEST(Patch, CopiesCannotBlowADocumentUp) {
  std::string doubling = R"([{"op":"add","path":"/metadata/annotations","value":{"a":["x","x"]}})";
  std::string nesting = doubling;
  for (int i = 0; i < 5000; ++i) {
    doubling +=
        R"(,{"op":"copy","from":"/metadata/annotations/a","path":"/metadata/annotations/a/0"})";
    nesting += R"(,{"op":"move","from":"/metadata/annotations","path":"/metadata/b"})"
               R"(,{"op":"add","path":"/metadata/annotations","value":{}})"
               R"(,{"op":"move","from":"/metadata/b","path":"/metadata/annotations/a"})";
  }
  EXPECT_EQ(json(doubling + "]").error().code, 422);
  EXPECT_EQ(json(nesting.substr(0, 900000) + "").error().code, 400) << "cut off";
  EXPECT_NE(json(nesting + "]").error().code, 0);
}

TEST(Patch, StrictRefusesWhatIsUnknown) {
  const auto refused = merge(R"({"bogus":1})", FieldValidation::kStrict);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, 422);
  EXPECT_THAT(refused.error().message, StartsWith(" \"\" is invalid: patch: Invalid value: "));
  EXPECT_THAT(refused.error().message, HasSubstr("strict decoding error: unknown field \"bogus\""));
  EXPECT_THAT(
      json(R"([{"op":"test","path":"/spec/hold","value":false,"x":1}])", FieldValidation::kStrict)
          .error()
          .message,
      HasSubstr("json patch unknown field \"[0].x\""));
  std::vector<std::string> warnings;
  ASSERT_TRUE(apply_patch(backup_type(), PatchType::kMerge, R"({"bogus":1,"spec":{},"spec":{}})",
                          stored_backup(), FieldValidation::kWarn, warnings));
  EXPECT_THAT(warnings, ElementsAre("duplicate field \"spec\"", "unknown field \"bogus\""));
}

TEST(Patch, AStatusOfALaterReleaseIsNoFaultOfThePatch) {
  Json stored = stored_backup();
  stored["status"]["later"] = 1;
  std::vector<std::string> warnings;
  const auto patched = apply_patch(backup_type(), PatchType::kMerge, R"({"spec":{"hold":true}})",
                                   stored, FieldValidation::kStrict, warnings);
  ASSERT_TRUE(patched) << patched.error().message;
  EXPECT_EQ((*patched)["status"]["later"], 1);
}

TEST(Patch, KindAndVersionCannotBePatchedAway) {
  EXPECT_EQ(merge(R"({"kind":"Pod"})").error().code, 422);
  EXPECT_EQ(json(R"([{"op":"replace","path":"","value":3}])").error().code, 422);
}

}  // namespace
}  // namespace gb::api
