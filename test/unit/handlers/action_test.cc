// cancel, undelete and verify over HTTP: who is asked, what is answered.
#include "test/unit/handlers/world.h"

namespace gb::handlers::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Action : public World {
 protected:
  Reply post(const std::string& path, const std::string& body = "", const Fields& fields = {}) {
    return ask("POST", kCollection + path, body, fields);
  }
  void running(const std::string& name) {
    put(name);
    change(name, [](Json& dom) { dom["status"] = {{"phase", "Running"}}; });
  }
};

TEST_F(Action, CancelIsAuthorizedAsItsSubresourceAndAnswersTheObject) {
  running("a");
  jobs->ends_with = "Cancelled";
  const Reply reply = post("/a/cancel", "", {{"X-User", "erin"}});
  EXPECT_EQ(reply.status, 201) << reply.body;
  EXPECT_EQ(reply.json()["status"]["phase"], "Cancelled");
  EXPECT_EQ(reply.header("Warning"), "(none)");
  EXPECT_THAT(jobs->asked_for, ElementsAre("cancel a by erin"));
  const kube::Attributes asked = authorizer.asked().back();
  EXPECT_EQ(asked.verb + " " + asked.resource + " " + asked.subresource + " " + asked.name,
            "create galerabackups cancel a");
}

TEST_F(Action, WhoMayNotIsRefusedBeforeTheBody) {
  running("a");
  authorizer.rule = [](const auto&, const kube::Attributes& asked) -> Result<kube::Decision> {
    return kube::Decision{asked.subresource.empty(), ""};
  };
  const Reply reply = post("/a/cancel");
  EXPECT_EQ(reply.status, 403);
  EXPECT_TRUE(reply.before_body);
  EXPECT_THAT(reply.message(), HasSubstr("cannot create resource \"galerabackups/cancel\""));
  EXPECT_EQ(post("/a/undelete").status, 403);
  EXPECT_TRUE(jobs->asked_for.empty());
}

TEST_F(Action, AJobThatDoesNotEndInTimeIsAWarning) {
  running("a");
  const Reply reply = post("/a/cancel");
  EXPECT_EQ(reply.status, 201);
  EXPECT_EQ(reply.json()["status"]["phase"], "Running");
  EXPECT_THAT(reply.header("Warning"), HasSubstr("has not ended yet"));
  ASSERT_EQ(jobs->waited.size(), 1U);
  EXPECT_LE(jobs->waited.front(), std::chrono::seconds(15));
}

TEST_F(Action, OneThatEndedFirstIsAConflict) {
  running("a");
  jobs->ends_with = "Completed";
  const Reply reply = post("/a/cancel");
  EXPECT_EQ(reply.status, 409);
  EXPECT_EQ(reply.message(),
            "Operation cannot be fulfilled on galerabackups.backup.rhoso.io \"a\": it ended before "
            "it could be cancelled: it is Completed");
  jobs->action_error = Error{Code::kConflict, "backup \"a\" is Completed", "delete it", {}, {}};
  const Reply again = post("/a/cancel");
  EXPECT_EQ(again.status, 409);
  EXPECT_EQ(again.reason(), "Conflict");
  EXPECT_THAT(again.message(), HasSubstr("backup \"a\" is Completed; delete it"));
}

TEST_F(Action, WhatIsNotThereIsNotFoundInKubernetesWords) {
  const Reply reply = post("/none/cancel");
  EXPECT_EQ(reply.status, 404);
  EXPECT_EQ(reply.message(), "galerabackups.backup.rhoso.io \"none\" not found");
}

TEST_F(Action, UndeleteHandsOnTheUidAndTellsWhatIsToBeDone) {
  put("a");
  const Reply reply = post("/a/undelete", R"({"uid": "u-1"})");
  EXPECT_EQ(reply.status, 201) << reply.body;
  EXPECT_EQ(reply.json()["metadata"]["name"], "a");
  EXPECT_THAT(jobs->asked_for, ElementsAre("undelete a u-1"));
  EXPECT_EQ(reply.header("Warning"), "(none)");
  change("a", [](Json& dom) { dom["spec"]["hold"] = true; });
  EXPECT_THAT(post("/a/undelete").header("Warning"), HasSubstr("it came back with spec.hold"));
  jobs->action_error = Error{Code::kNotFound, "the trash holds no backup", "there is: b", {}, {}};
  const Reply none = post("/x/undelete");
  EXPECT_EQ(none.status, 404);
  EXPECT_EQ(none.message(), "the trash holds no backup; there is: b");
}

TEST_F(Action, VerifyHandsOnTheMethodAndWarnsOfWhatWasFound) {
  put("a");
  change("a", [](Json& dom) {
    dom["status"] = {{"phase", "Completed"},
                     {"check", {{"phase", "Failed"}, {"message", "the backup is damaged: x"}}}};
  });
  const Reply reply = post("/a/verify", R"({"method": "Restore"})", {{"X-User", "erin"}});
  EXPECT_EQ(reply.status, 201) << reply.body;
  EXPECT_THAT(reply.header("Warning"), HasSubstr("the backup is damaged: x"));
  EXPECT_EQ(post("/a/verify?timeout=3s").status, 201);
  EXPECT_EQ(post("/a/verify?dryRun=All").status, 201);
  EXPECT_THAT(jobs->asked_for, ElementsAre("verify a Restore by erin", "verify a Checksum by alice",
                                           "verify a Checksum by alice (dry run)"));
  const kube::Attributes asked = authorizer.asked().back();
  EXPECT_EQ(asked.verb + " " + asked.resource + " " + asked.subresource,
            "create galerabackups verify");
  EXPECT_EQ(jobs->waited.size(), 2U);
  EXPECT_LE(jobs->waited.back(), std::chrono::seconds(3));
  EXPECT_EQ(post("/a/verify", R"({"how": "well"})").status, 400);
}

TEST_F(Action, OfACheckTheCancellationIsMeant) {
  put("a");
  change("a", [](Json& dom) {
    dom["status"] = {{"phase", "Completed"}, {"check", {{"phase", "Running"}}}};
  });
  EXPECT_THAT(post("/a/cancel").header("Warning"), HasSubstr("has not ended yet"));
  jobs->ends_check_with = "Cancelled";
  EXPECT_EQ(post("/a/cancel").status, 201);
  change("a", [](Json& dom) { dom["status"]["check"]["phase"] = "Running"; });
  jobs->ends_check_with = "Passed";
  EXPECT_THAT(post("/a/cancel").message(), HasSubstr("before it could be cancelled: it is Passed"));
}

TEST_F(Action, WhatEndsAtOnceWhenItIsCancelledIsCancelled) {
  put("standby");  // between two restores
  change("standby", [](Json& dom) { dom["status"] = {{"phase", "Cancelled"}}; });
  EXPECT_EQ(post("/standby/cancel").status, 201);
}

TEST_F(Action, NothingComesBackIntoANamespaceThatGoes) {
  namespaces.states["openstack"] = kube::NamespaceState::kTerminating;
  const Reply reply = post("/a/undelete");
  EXPECT_EQ(reply.status, 403);
  EXPECT_THAT(reply.message(), HasSubstr("because it is being terminated"));
  EXPECT_TRUE(jobs->asked_for.empty());
}

TEST_F(Action, BodiesAreReadStrictly) {
  put("a");
  EXPECT_EQ(post("/a/undelete", "{}").status, 201);
  EXPECT_EQ(post("/a/undelete", "uid: u-2\n", {{"Content-Type", "application/yaml"}}).status, 201);
  EXPECT_THAT(post("/a/undelete", R"({"name": "b"})").message(),
              HasSubstr("unknown field \"name\""));
  EXPECT_THAT(post("/a/undelete", R"({"uid": 1})").message(),
              HasSubstr("\"uid\" must be a string"));
  EXPECT_EQ(post("/a/undelete", "[]").status, 400);
  EXPECT_EQ(post("/a/undelete", "{").status, 400);
  EXPECT_EQ(post("/a/undelete", "x", {{"Content-Type", "text/plain"}}).status, 415);
  EXPECT_EQ(post("/a/cancel", R"({"uid": "u"})").status, 400);
}

TEST_F(Action, ADryRunSaysSo) {
  running("a");
  EXPECT_EQ(post("/a/cancel?dryRun=All").status, 201);
  EXPECT_EQ(post("/a/undelete?dryRun=All").status, 201);
  EXPECT_THAT(jobs->asked_for, ElementsAre("cancel a by alice (dry run)", "undelete a  (dry run)"));
  EXPECT_TRUE(jobs->waited.empty());
  EXPECT_EQ(post("/a/cancel?dryRun=Some").status, 422);
}

TEST_F(Action, OtherMethodsAndResourcesHaveNone) {
  running("a");
  const Reply get_it = get(kCollection + "/a/cancel");
  EXPECT_EQ(get_it.status, 405);
  EXPECT_EQ(get_it.header("Allow"), "POST");
  EXPECT_EQ(ask("POST", kCollection + "/a/log").status, 405);
  EXPECT_EQ(ask("POST", kRoot + "/namespaces/openstack/galerarestores/a/undelete").status, 404);
}

TEST_F(Action, WhoPrefersItIsAnsweredBeforeTheJobHasEnded) {
  const std::string body = backup("quick").dump();
  ask("POST", kCollection, body, {{"Prefer", "handling=strict, Respond-Async; foo"}});
  EXPECT_TRUE(jobs->waited.empty());
  ask("POST", kCollection, backup("slow").dump(), {{"Prefer", "wait=3"}});
  EXPECT_EQ(jobs->waited.size(), 1U);
}

}  // namespace
}  // namespace gb::handlers::test
