#include "api/meta.h"

#include <gmock/gmock.h>

#include "test/unit/api/fixture.h"

namespace gb::api {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Answer {
  int code = 0;
  std::string message;
};

Answer create(Json& object, std::string_view ns = "ns1") {
  apply_defaults(backup_type(), object);
  SeededRng rng(7);
  std::vector<std::string> warnings;
  const auto done = prepare_create(backup_type(), ns, object, test_now(), rng, warnings);
  return done ? Answer{} : Answer{done.error().code, done.error().message};
}

Answer update(Json& updated, UpdateKind kind = UpdateKind::kPut,
              const Json& old = stored_backup()) {
  std::vector<std::string> warnings;
  const auto done = prepare_update(backup_type(), kind, "ns1", "a", old, updated, warnings);
  return done ? Answer{} : Answer{done.error().code, done.error().message};
}

TEST(Create, SystemFieldsAreTheServersOwn) {
  Json object = backup();
  object["metadata"]["uid"] = "mine";
  object["metadata"]["generation"] = 9;
  object["metadata"]["deletionTimestamp"] = "2020-01-01T00:00:00Z";
  object["metadata"]["managedFields"] = Json::array({Json::object()});
  object["status"] = {{"phase", "Completed"}};
  EXPECT_EQ(create(object).message, "");
  const Json& metadata = object["metadata"];
  EXPECT_EQ(metadata["uid"].get<std::string>().size(), 36U);
  EXPECT_EQ(metadata["creationTimestamp"], "2026-11-20T10:00:00Z");
  EXPECT_EQ(metadata["generation"], 1);
  EXPECT_EQ(metadata["namespace"], "ns1");
  EXPECT_FALSE(metadata.contains("deletionTimestamp"));
  EXPECT_FALSE(metadata.contains("managedFields"));
  EXPECT_FALSE(object.contains("status"));
}

TEST(Create, AnotherNamespaceIsRefused) {
  Json object = backup();
  object["metadata"]["namespace"] = "other";
  const Answer answer = create(object);
  EXPECT_EQ(answer.code, 400);
  EXPECT_EQ(
      answer.message,
      "the namespace of the provided object does not match the namespace sent on the request");
}

TEST(Create, ANameIsNeeded) {
  Json object = backup();
  object["metadata"].erase("name");
  const Answer answer = create(object);
  EXPECT_EQ(answer.code, 422);
  EXPECT_EQ(answer.message,
            "GaleraBackup.backup.rhoso.io \"\" is invalid: metadata.name: Required value: name or "
            "generateName is required");
}

TEST(Create, AResourceVersionIsRefused) {
  Json object = backup();
  object["metadata"]["resourceVersion"] = "5";
  const Answer answer = create(object);
  EXPECT_EQ(answer.code, 500);
  EXPECT_EQ(answer.message, "resourceVersion should not be set on objects to be created");
}

TEST(Create, NamesAreGeneratedFromAPrefixCutTo58) {
  Json object = backup();
  object["metadata"].erase("name");
  object["metadata"]["generateName"] = std::string(70, 'x');
  EXPECT_EQ(create(object).message, "");
  const std::string first = object["metadata"]["name"];
  EXPECT_EQ(first.size(), 63U);
  EXPECT_EQ(first.substr(0, 58), std::string(58, 'x'));
  SeededRng rng(9);
  EXPECT_TRUE(regenerate_name(object, rng));
  EXPECT_NE(object["metadata"]["name"], first);
  Json named = backup();
  named["metadata"]["generateName"] = "nightly-";
  EXPECT_FALSE(regenerate_name(named, rng)) << "the user chose the name";
}

TEST(Create, MetadataIsValidated) {
  const auto message = [](const char* field, Json value) {
    Json object = backup();
    object["metadata"][field] = std::move(value);
    return create(object).message;
  };
  EXPECT_THAT(message("name", "Upper"), HasSubstr("metadata.name: Invalid value: \"Upper\": a "
                                                  "lowercase RFC 1123 subdomain"));
  EXPECT_THAT(message("labels", {{"a b", "c"}}),
              HasSubstr("metadata.labels: Invalid value: \"a b\": name part must consist of"));
  EXPECT_THAT(message("labels", {{"a", "-"}}), HasSubstr("a valid label must be an empty string"));
  EXPECT_THAT(message("annotations", {{"a", std::string(300000, 'x')}}),
              HasSubstr("metadata.annotations: Too long: may not be more than 262144 bytes"));
  EXPECT_THAT(message("finalizers", {"a/b/c"}), HasSubstr("metadata.finalizers"));
  EXPECT_THAT(message("finalizers", {"orphan", "foregroundDeletion"}),
              HasSubstr("cannot be both set"));
  EXPECT_THAT(message("ownerReferences", {{{"apiVersion", "v1"}, {"kind", "Pod"}, {"name", "p"}}}),
              HasSubstr("metadata.ownerReferences.uid: Invalid value: \"\": must not be empty"));
}

TEST(Create, WhatTheServerSaysOfAnObjectNobodyElseDoes) {
  for (const char* field : {"labels", "annotations"}) {
    Json object = backup();
    object["metadata"][field] = {{"backup.rhoso.io/schedule", "nightly"}, {"team", "a"}};
    const Answer answer = create(object);
    EXPECT_EQ(answer.code, 422);
    EXPECT_EQ(answer.message,
              std::string("GaleraBackup.backup.rhoso.io \"a\" is invalid: metadata.") + field +
                  "[backup.rhoso.io/schedule]: Forbidden: only the server itself "
                  "writes what begins with backup.rhoso.io/");
  }
}

TEST(Update, WhatTheServerSaysOfAnObjectStays) {
  Json old = stored_backup();
  old["metadata"]["labels"] = {{"backup.rhoso.io/schedule", "nightly"}};
  const auto answer_to = [&](Json labels) {
    Json updated = old;
    updated["metadata"]["labels"] = std::move(labels);
    return update(updated, UpdateKind::kPut, old).code;
  };
  EXPECT_EQ(answer_to({{"backup.rhoso.io/schedule", "nightly"}, {"team", "a"}}), 0);
  EXPECT_EQ(answer_to({{"backup.rhoso.io/schedule", "weekly"}}), 422);
  EXPECT_EQ(answer_to(Json::object()), 422);
  EXPECT_EQ(answer_to({{"backup.rhoso.io/schedule", "nightly"}, {"backup.rhoso.io/follow", "x"}}),
            422);
}

TEST(Create, DoubleOwnersAreFoldedWithAWarning) {
  Json object = backup();
  const Json owner = {{"apiVersion", "v1"}, {"kind", "Pod"}, {"name", "p"}, {"uid", "u"}};
  object["metadata"]["ownerReferences"] = {owner, owner};
  SeededRng rng(1);
  std::vector<std::string> warnings;
  ASSERT_TRUE(prepare_create(backup_type(), "ns1", object, test_now(), rng, warnings));
  EXPECT_EQ(object["metadata"]["ownerReferences"].size(), 1U);
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_THAT(warnings[0], HasSubstr("duplicate UID(s) observed: [u]"));
}

TEST(Update, StatusAndSystemFieldsStayAsTheyAre) {
  Json updated = stored_backup();
  updated["status"] = {{"phase", "Completed"}};
  updated["metadata"]["creationTimestamp"] = "2020-01-01T00:00:00Z";
  updated["metadata"]["generation"] = 40;
  EXPECT_EQ(update(updated).message, "");
  EXPECT_TRUE(same_content(updated, stored_backup())) << updated.dump();
}

TEST(Update, ADeletionIsNotBegunByHand) {
  Json updated = stored_backup();
  updated["metadata"]["deletionTimestamp"] = "2020-01-01T00:00:00Z";
  Answer answer = update(updated);
  EXPECT_EQ(answer.code, 422);
  EXPECT_THAT(answer.message, HasSubstr("metadata.deletionTimestamp: Invalid value: "
                                        "\"2020-01-01T00:00:00Z\": field is immutable"));
  updated = stored_backup();
  updated["metadata"]["deletionGracePeriodSeconds"] = 5;
  answer = update(updated);
  EXPECT_EQ(answer.code, 422);
  EXPECT_THAT(answer.message, HasSubstr("metadata.deletionGracePeriodSeconds: Invalid value: 5: "
                                        "field is immutable"));
  // Of what is being deleted its time stays, whatever is sent.
  Json old = stored_backup();
  old["metadata"]["deletionTimestamp"] = "2026-11-20T10:00:00Z";
  old["metadata"]["deletionGracePeriodSeconds"] = 0;
  old["metadata"]["finalizers"] = {"example.com/a"};
  updated = old;
  updated["metadata"]["deletionTimestamp"] = "2020-01-01T00:00:00Z";
  updated["metadata"].erase("deletionGracePeriodSeconds");
  EXPECT_EQ(update(updated, UpdateKind::kPut, old).message, "");
  EXPECT_EQ(updated["metadata"], old["metadata"]);
}

TEST(Update, TheGenerationMovesWithTheSpecOnly) {
  Json updated = stored_backup();
  updated["metadata"]["labels"] = {{"a", "b"}};
  EXPECT_EQ(update(updated).message, "");
  EXPECT_EQ(updated["metadata"]["generation"], 1);
  updated = stored_backup();
  updated["spec"]["hold"] = true;
  updated["spec"]["ttl"] = "24h";
  EXPECT_EQ(update(updated).message, "");
  EXPECT_EQ(updated["metadata"]["generation"], 2);
  EXPECT_FALSE(same_content(updated, stored_backup()));
}

TEST(Update, OnlyTtlAndHoldMayChange) {
  Json updated = stored_backup();
  updated["spec"]["threads"] = 8;
  const Answer answer = update(updated);
  EXPECT_EQ(answer.code, 422);
  EXPECT_EQ(answer.message,
            "GaleraBackup.backup.rhoso.io \"a\" is invalid: spec.threads: Invalid value: 8: field "
            "is immutable");
}

TEST(Update, TheStoreThatTheServerChoseNeedsNoRepeating) {
  Json old = stored_backup();
  old["spec"]["store"] = "default";
  Json updated = stored_backup();
  EXPECT_EQ(update(updated, UpdateKind::kPut, old).message, "");
  EXPECT_EQ(updated["spec"]["store"], "default");
  updated["spec"]["store"] = "other";
  EXPECT_THAT(update(updated, UpdateKind::kPut, old).message, HasSubstr("spec.store"));
}

TEST(Update, AnObjectStoredWithoutDefaultsCanStillBeLabelled) {
  Json old = stored_backup();
  old["spec"] = {{"databaseInstances", {"openstack"}}};
  Json updated = stored_backup();
  updated["metadata"]["labels"] = {{"a", "b"}};
  EXPECT_EQ(update(updated, UpdateKind::kPut, old).message, "");
  EXPECT_EQ(updated["metadata"]["generation"], 1);
}

TEST(Update, NamesAndVersionsMustFit) {
  Json updated = stored_backup();
  updated["metadata"]["name"] = "b";
  EXPECT_EQ(update(updated).message,
            "the name of the object (b) does not match the name on the URL (a)");
  updated["metadata"].erase("name");
  EXPECT_EQ(update(updated).message,
            "the name of the object (a based on URL) was undeterminable: name must be provided");
  updated = stored_backup();
  updated["metadata"]["namespace"] = "x";
  EXPECT_EQ(update(updated).message,
            "the namespace of the object (x) does not match the namespace on the request (ns1)");
  updated = stored_backup();
  updated["metadata"].erase("resourceVersion");
  EXPECT_EQ(update(updated).message,
            "GaleraBackup.backup.rhoso.io \"a\" is invalid: metadata.resourceVersion: Invalid "
            "value: 0: must be specified for an update");
  updated["metadata"]["resourceVersion"] = "6";
  const Answer stale = update(updated);
  EXPECT_EQ(stale.code, 409);
  EXPECT_EQ(stale.message,
            "Operation cannot be fulfilled on galerabackups.backup.rhoso.io \"a\": the object has "
            "been modified; please apply your changes to the latest version and try again");
}

TEST(Update, AWrongUidIsAConflictInPutAndInvalidInPatch) {
  Json updated = stored_backup();
  updated["metadata"]["uid"] = "q";
  const Answer put = update(updated);
  EXPECT_EQ(put.code, 409);
  EXPECT_THAT(put.message, HasSubstr("Precondition failed: UID in precondition: q, UID in object "
                                     "meta: "));
  const Answer patch = update(updated, UpdateKind::kPatch);
  EXPECT_EQ(patch.code, 422);
  EXPECT_THAT(patch.message, HasSubstr("metadata.uid: Invalid value: \"q\": field is immutable"));
}

TEST(Update, ADeletedObjectGetsNoNewFinalizer) {
  Json old = stored_backup();
  old["metadata"]["deletionTimestamp"] = "2026-11-20T10:00:00Z";
  old["metadata"]["finalizers"] = {"example.com/a"};
  Json updated = old;
  updated["metadata"]["finalizers"] = {"example.com/a", "example.com/c"};
  EXPECT_THAT(update(updated, UpdateKind::kPut, old).message,
              HasSubstr("metadata.finalizers: Forbidden: no new finalizers can be added if the "
                        "object is being deleted, found new finalizers "
                        "[]string{\"example.com/c\"}"));
  updated["metadata"].erase("finalizers");
  EXPECT_EQ(update(updated, UpdateKind::kPut, old).message, "");
  EXPECT_TRUE(finalized(updated));
  EXPECT_FALSE(finalized(old));
}

DeleteOptions options(std::string_view body, const Query& query = {}) {
  return *parse_delete_options(body, BodyFormat::kJson, query);
}

TEST(Delete, TheBodyWinsAndTheQueryIsThenNotRead) {
  EXPECT_TRUE(options("", {{"dryRun", "All"}}).dry_run);
  EXPECT_FALSE(options("{}", {{"dryRun", "All"}}).dry_run);
  EXPECT_EQ(options(R"({"propagationPolicy":"Foreground"})").propagation, Propagation::kForeground);
  EXPECT_EQ(options("", {{"orphanDependents", "true"}}).propagation, Propagation::kOrphan);
  EXPECT_EQ(*options(R"({"preconditions":{"uid":"u"}})").uid, "u");
}

TEST(Delete, WrongOptionsAreNamed) {
  const auto dry = parse_delete_options("", BodyFormat::kJson, {{"dryRun", "Some"}});
  ASSERT_FALSE(dry);
  EXPECT_EQ(dry.error().message,
            "DeleteOptions.meta.k8s.io \"\" is invalid: dryRun: Unsupported value: [\"Some\"]: "
            "supported values: \"All\"");
  const auto policy = parse_delete_options(R"({"propagationPolicy":"x"})", BodyFormat::kJson, {});
  ASSERT_FALSE(policy);
  EXPECT_THAT(policy.error().message,
              HasSubstr("propagationPolicy: Unsupported value: \"x\": supported values: "
                        "\"Foreground\", \"Background\", \"Orphan\", \"nil\""));
  EXPECT_EQ(parse_delete_options("[]", BodyFormat::kJson, {}).error().code, 400);
  EXPECT_EQ(parse_delete_options(R"({"kind":"Pod"})", BodyFormat::kJson, {}).error().code, 400);
}

TEST(Delete, PreconditionsNameTheKind) {
  const auto object = Object::make(kBackups, 7, stored_backup());
  DeleteOptions wrong;
  wrong.uid = "bad";
  const auto refused = check_preconditions(backup_type(), wrong, **object);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, 409);
  EXPECT_EQ(refused.error().kind, "GaleraBackup");
  EXPECT_EQ(refused.error().message,
            "Operation cannot be fulfilled on GaleraBackup.backup.rhoso.io \"a\": the UID in the "
            "precondition (bad) does not match the UID in record (" +
                (*object)->uid() + "). The object might have been deleted and then recreated");
  DeleteOptions stale;
  stale.resource_version = "6";
  EXPECT_THAT(check_preconditions(backup_type(), stale, **object).error().message,
              HasSubstr("the ResourceVersion in the precondition (6) does not match the "
                        "ResourceVersion in record (7). The object might have been modified"));
  DeleteOptions right;
  right.resource_version = "7";
  EXPECT_TRUE(check_preconditions(backup_type(), right, **object));
}

TEST(Delete, FinalizersKeepAnObjectUntilTheyAreGone) {
  Json object = stored_backup();
  EXPECT_EQ(begin_delete({}, object, test_now()), DeleteAction::kRemove);
  object["metadata"]["finalizers"] = {"example.com/a"};
  DeleteOptions foreground;
  foreground.propagation = Propagation::kForeground;
  EXPECT_EQ(begin_delete(foreground, object, test_now()), DeleteAction::kMark);
  EXPECT_EQ(object["metadata"]["finalizers"], Json({"example.com/a", "foregroundDeletion"}));
  EXPECT_EQ(object["metadata"]["deletionTimestamp"], "2026-11-20T10:00:00Z");
  EXPECT_EQ(object["metadata"]["deletionGracePeriodSeconds"], 0);
  EXPECT_EQ(object["metadata"]["generation"], 2);
  const Json marked = object;
  EXPECT_EQ(begin_delete({}, object, test_now()), DeleteAction::kNothing);
  EXPECT_EQ(object, marked);
}

TEST(Delete, TheAnswerNamesThePlural) {
  EXPECT_EQ(delete_status(backup_type(), "a", "u"),
            R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success","details":)"
            R"({"name":"a","group":"backup.rhoso.io","kind":"galerabackups","uid":"u"}})"
            "\n");
}

TEST(Options, WrongValuesAreNamed) {
  const auto refused = parse_write_options({{"dryRun", "Some"}}, "CreateOptions");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, 422);
  EXPECT_EQ(refused.error().message,
            "CreateOptions.meta.k8s.io \"\" is invalid: dryRun: Unsupported value: [\"Some\"]: "
            "supported values: \"All\"");
  EXPECT_THAT(parse_write_options({{"fieldValidation", "x"}}, "UpdateOptions").error().message,
              HasSubstr("fieldValidation: Unsupported value: \"x\": supported values: \"\", "
                        "\"Ignore\", \"Strict\", \"Warn\""));
  EXPECT_THAT(parse_write_options({{"force", "true"}}, "PatchOptions").error().message,
              HasSubstr("force: Forbidden: may not be specified for non-apply patch"));
  EXPECT_TRUE(
      parse_write_options({{"dryRun", "All"}, {"dryRun", "All"}}, "CreateOptions")->dry_run);
}

TEST(Options, TimeoutsAreGoDurations) {
  EXPECT_EQ(*parse_timeout({{"timeout", "1m30s"}}), std::chrono::seconds(90));
  EXPECT_EQ(*parse_timeout({}), std::nullopt);
  const auto message = [](const char* text) {
    return parse_timeout({{"timeout", text}}).error().message;
  };
  EXPECT_EQ(message("abc"),
            "invalid timeout specified in the request URL - time: invalid duration \"abc\"");
  EXPECT_THAT(message("10"), HasSubstr("time: missing unit in duration \"10\""));
  EXPECT_THAT(message("10x"), HasSubstr("time: unknown unit \"x\" in duration \"10x\""));
}

}  // namespace
}  // namespace gb::api
