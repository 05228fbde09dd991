// The trash: what is deleted can be had back, and no crash on the way loses it.
#include "jobs/trash.h"

#include "test/unit/jobs/jobs_fixture.h"

namespace gb::jobs::test {
namespace {

using testing::HasSubstr;

class NamedNamespaces final : public kube::Namespaces {
 public:
  Result<kube::NamespaceState> state(std::string_view /*name*/) override {
    return kube::NamespaceState::kActive;
  }
  Result<std::string> uid(std::string_view /*name*/) override {
    if (now.empty()) return fail(Code::kUnavailable, "kube-apiserver does not answer");
    return now;
  }
  std::string now = "first";
};

class TrashTest : public JobsTest {
 protected:
  static api::ObjectKey key(const std::string& name) { return {api::kBackups, "openstack", name}; }
  // As the handlers delete: the mark, then the object.
  api::Json deleted(const std::string& name, const api::Json& spec = api::Json::object(),
                    const api::Json& metadata = api::Json::object()) {
    api::Json object = backup(name, spec);
    object["metadata"].update(metadata);
    finish(submit(std::move(object)));
    const auto there = *catalog_->get(key(name));
    EXPECT_TRUE(jobs_->before_deletion(*there));
    EXPECT_TRUE(catalog_->remove(key(name), there->revision()));
    return there->dom();
  }
  std::size_t marks() { return blobs_->list("trash/openstack/")->size(); }
  void change_mark(const std::string& uid, const std::function<void(api::Json&)>& how) {
    const std::string at = "trash/openstack/" + uid;
    api::Json mark = api::Json::parse(*blobs_->get(at));
    how(mark);
    ASSERT_TRUE(storage::put(*blobs_, at, as_bytes(mark.dump())));
  }
  // Moves the time of a mark back.
  void age(const std::string& uid, std::chrono::hours by) {
    change_mark(uid, [&](api::Json& mark) { mark["deleted"] = to_rfc3339(clock_.now() - by); });
  }
  Result<api::ObjectPtr> undelete(const std::string& name, const std::string& uid = "") {
    return jobs_->undelete(key(name), uid, alice_, false);
  }
};

TEST_F(TrashTest, ADeletedBackupComesBackAsItWas) {
  const api::Json was = deleted("a");
  const auto back = undelete("a");
  ASSERT_TRUE(back) << back.error().text();
  const api::Json is = (*back)->dom();
  EXPECT_EQ(is["metadata"]["uid"], was["metadata"]["uid"]);
  EXPECT_EQ(is["metadata"]["creationTimestamp"], was["metadata"]["creationTimestamp"]);
  EXPECT_EQ(is["spec"], was["spec"]);
  EXPECT_EQ(is["status"], was["status"]);
  EXPECT_EQ(marks(), 0U);
  EXPECT_THAT(events_.told, testing::Contains("a Undeleted"));
  EXPECT_EQ(finish(submit(restore("r", {{"backup", "a"}})))["status"]["phase"], "Completed");
}

TEST_F(TrashTest, WhatBelongedToAnEarlierNamespaceIsNotForTheNextOneOfItsName) {
  NamedNamespaces namespaces;
  Environment environment;
  static_cast<Dependencies&>(environment) = dependencies(*catalog_);
  environment.namespaces = &namespaces;
  const auto bring_back = [&](const std::string& name) {
    return jobs::undelete(environment, key(name), "", alice_, true);
  };
  const auto remove = [&](const std::string& name) {
    finish(submit(backup(name)));
    const auto there = *catalog_->get(key(name));
    EXPECT_TRUE(put_into_trash(environment, *there));
    EXPECT_TRUE(catalog_->remove(key(name), there->revision()));
  };
  remove("theirs");
  EXPECT_TRUE(bring_back("theirs"));

  namespaces.now = "second";
  rules_.denied.insert("alice create galerabackups ");
  const Error refused = bring_back("theirs").error();
  EXPECT_EQ(refused.code, Code::kNotFound);
  EXPECT_THAT(refused.text(), HasSubstr("there is none at all"));
  remove("ours");
  EXPECT_TRUE(bring_back("ours"));
  EXPECT_THAT(bring_back("guessed").error().text(), testing::Not(HasSubstr("theirs")));
  rules_.denied.clear();
  EXPECT_TRUE(bring_back("theirs")) << "an administrator of all namespaces";

  namespaces.now.clear();
  EXPECT_EQ(bring_back("ours").error().code, Code::kUnavailable) << "whose it is cannot be told";
}

TEST_F(TrashTest, ANameThatLivesIsNotGivenTwice) {
  deleted("a");
  finish(submit(backup("a")));
  const auto refused = undelete("a");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kAlreadyExists);
  EXPECT_THAT(refused.error().text(), HasSubstr("delete that one first"));
  EXPECT_EQ(marks(), 1U) << "the deleted one is still to be had";
}

TEST_F(TrashTest, OfSeveralTheNewestOrTheOneWithTheUid) {
  const api::Json older = deleted("a");
  const api::Json newer = deleted("a");
  age(older["metadata"]["uid"], std::chrono::hours(2));
  const auto newest = undelete("a");
  ASSERT_TRUE(newest) << newest.error().text();
  EXPECT_EQ((*newest)->uid(), newer["metadata"]["uid"].get<std::string>());
  ASSERT_TRUE(jobs_->before_deletion(**newest));
  ASSERT_TRUE(catalog_->remove(key("a"), (*newest)->revision()));
  const auto exact = undelete("a", older["metadata"]["uid"]);
  ASSERT_TRUE(exact) << exact.error().text();
  EXPECT_EQ((*exact)->uid(), older["metadata"]["uid"].get<std::string>());
}

TEST_F(TrashTest, WhatIsNotThereIsSaidWithWhatThereIs) {
  EXPECT_THAT(undelete("a").error().text(), HasSubstr("there is none at all"));
  deleted("b");
  const Error error = undelete("a").error();
  EXPECT_EQ(error.code, Code::kNotFound);
  EXPECT_THAT(error.text(), HasSubstr("the trash of namespace \"openstack\" holds no backup "
                                      "\"a\"; only a backup that was Completed is kept"));
  EXPECT_THAT(error.text(), HasSubstr("there is: b"));
  EXPECT_THAT(undelete("b", "no-such-uid").error().text(), HasSubstr("with the uid no-such-uid"));
}

TEST_F(TrashTest, NothingIsBroughtBackThatMayBeBeingFreed) {
  const api::Json was = deleted("a");
  age(was["metadata"]["uid"], std::chrono::hours(72));  // trashRetention
  const Error error = undelete("a").error();
  EXPECT_EQ(error.code, Code::kNotFound);
  EXPECT_THAT(error.text(), HasSubstr("was kept in the trash until"));
  EXPECT_FALSE(catalog_->get(key("a")));
}

TEST_F(TrashTest, DataThatIsGoneIsNotPromised) {
  deleted("a");
  const auto data = *blobs_->list("data/openstack/");
  for (const auto& blob : data) ASSERT_TRUE(blobs_->remove(blob.key));
  EXPECT_THAT(undelete("a").error().text(),
              HasSubstr("is in the trash, but its data cannot be read"));
  EXPECT_FALSE(catalog_->get(key("a")));
}

TEST_F(TrashTest, WhatWouldBeDeletedAgainAtOnceIsHeld) {
  const std::string owner_uid = make_uuid(rng_);
  deleted(
      "owned", api::Json::object(),
      {{"ownerReferences",
        {{{"apiVersion", "v1"}, {"kind", "ConfigMap"}, {"name", "gone"}, {"uid", owner_uid}}}}});
  EXPECT_FALSE((*undelete("owned"))->dom()["metadata"].contains("ownerReferences"))
      << "the garbage collector would take it with its owner";
  EXPECT_FALSE((*catalog_->get(key("owned")))->dom()["spec"]["hold"].get<bool>());

  const api::Json expired = deleted("expired", {{"ttl", "1h"}});
  change_mark(expired["metadata"]["uid"], [](api::Json& mark) {
    mark["object"]["status"]["expirationTime"] = "2026-11-20T02:00:00Z";
  });
  EXPECT_TRUE((*undelete("expired"))->dom()["spec"]["hold"].get<bool>());
  deleted("scheduled", api::Json::object(),
          {{"labels", {{"backup.rhoso.io/schedule", "nightly"}}}});
  EXPECT_TRUE((*undelete("scheduled"))->dom()["spec"]["hold"].get<bool>());
}

TEST_F(TrashTest, ADryRunLeavesItWhereItIs) {
  deleted("a");
  const auto shown = jobs_->undelete(key("a"), "", alice_, true);
  ASSERT_TRUE(shown);
  EXPECT_EQ(shown->get()->key().name, "a");
  EXPECT_EQ(marks(), 1U);
  EXPECT_FALSE(catalog_->get(key("a")));
}

// The process ends, or the store goes away, between the two writes.
TEST_F(TrashTest, BetweenTheTwoWritesItIsInBothPlacesAndTheLiveOneCounts) {
  const api::Json was = deleted("a");
  const std::string at = "trash/openstack/" + was["metadata"]["uid"].get<std::string>();
  const std::string mark = *blobs_->get(at);
  ASSERT_TRUE(undelete("a"));
  ASSERT_TRUE(storage::put(*blobs_, at, as_bytes(mark)));  // as if it had not been removed
  EXPECT_EQ(undelete("a").error().code, Code::kAlreadyExists);
  const auto live = *catalog_->get(key("a"));
  ASSERT_TRUE(jobs_->before_deletion(*live));
  ASSERT_TRUE(catalog_->remove(key("a"), live->revision()));
  EXPECT_EQ(marks(), 1U) << "one mark for one backup, however often";
  EXPECT_TRUE(undelete("a"));
}

// Between the look of the janitor and its mark somebody brought the backup back, and deleted it
// again.
TEST_F(TrashTest, WhatWasDeletedAnewIsNotFreedInPlaceOfWhatItWas) {
  const api::Json was = deleted("a");
  const std::string at = "trash/openstack/" + was["metadata"]["uid"].get<std::string>();
  const Store store{"default", "file:///backups", blobs_};
  age(was["metadata"]["uid"], std::chrono::hours(100));
  const auto seen = read_mark(store, at);
  ASSERT_TRUE(seen);
  age(was["metadata"]["uid"], std::chrono::hours(0));
  EXPECT_EQ(begin_freeing(*seen).error().code, Code::kConflict);
  const auto now = read_mark(store, at);
  EXPECT_FALSE(now->freeing);
  EXPECT_TRUE(begin_freeing(*now));
  EXPECT_TRUE(read_mark(store, at)->freeing);
}

TEST_F(TrashTest, AMarkThatCannotBeReadDoesNotHideTheOthers) {
  deleted("a");
  ASSERT_TRUE(storage::put(*blobs_, "trash/openstack/broken", as_bytes("{")));
  EXPECT_TRUE(undelete("a"));
}

}  // namespace
}  // namespace gb::jobs::test
