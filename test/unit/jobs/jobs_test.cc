// What all jobs have in common: who may, what is named, what becomes of them when servers end,
// their logs, the stores.
#include <future>

#include "jobs/block_marks.h"
#include "jobs/store_status.h"
#include "test/unit/jobs/jobs_fixture.h"

namespace gb::jobs::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// A site that is set up anew may give the same directory another name.
TEST_F(JobsTest, ABackupIsFoundUnderWhateverNameItsStoreHas) {
  finish(submit(backup("one")));
  const auto renamed = catalog_->modify({api::kBackups, "openstack", "one"},
                                        [](const api::Object& object) -> Result<api::Json> {
                                          api::Json dom = object.dom();
                                          dom["spec"]["store"] = "of-the-old-site";
                                          return dom;
                                        });
  ASSERT_TRUE(renamed);
  rules_.denied = {"alice use galerabackupstores default"};
  EXPECT_EQ(submit(restore("r", {{"backup", "one"}})).error().code, Code::kForbidden);
  rules_.denied.clear();
  EXPECT_EQ(finish(submit(restore("r", {{"backup", "one"}})))["status"]["phase"], "Completed");
  EXPECT_THAT(log_of(finish(submit(backup("two")))), HasSubstr("base: backup \"one\""));
  ASSERT_TRUE(jobs_->before_deletion(**renamed));
  EXPECT_EQ(blobs_->list("trash/openstack/")->size(), 1U);
}

TEST_F(JobsTest, ABackupThatIsInNoStoreSaysSoAndCanBeDeleted) {
  finish(submit(backup("one")));
  const auto lost = catalog_->modify({api::kBackups, "openstack", "one"},
                                     [this](const api::Object& object) -> Result<api::Json> {
                                       api::Json dom = object.dom();
                                       dom["spec"]["store"] = "tape";
                                       const auto data = *blobs_->list("data/");
                                       for (const auto& blob : data)
                                         EXPECT_TRUE(blobs_->remove(blob.key));
                                       return dom;
                                     });
  ASSERT_TRUE(lost);
  EXPECT_EQ(submit(restore("r", {{"backup", "one"}})).error().text(),
            "the store \"tape\" of backup \"one\" is not configured, and it is in none that is: "
            "default; add its directory to the stores of the server's configuration, under any "
            "name");
  EXPECT_TRUE(jobs_->before_deletion(**lost));
  EXPECT_TRUE(blobs_->list("trash/")->empty());
}

TEST_F(JobsTest, UnknownInstanceStoreAndTakenNameAreToldApart) {
  EXPECT_EQ(submit(backup("a", {{"databaseInstances", {"none"}}})).error().code, Code::kNotFound);
  const auto store = submit(backup("a", {{"store", "tape"}}));
  EXPECT_EQ(store.error().text(), "there is no GaleraBackupStore \"tape\"; use one of: default");
  finish(submit(backup("a")));
  EXPECT_EQ(submit(backup("a")).error().code, Code::kAlreadyExists);
}

TEST_F(JobsTest, WhatASpecNamesIsAuthorizedForTheUser) {
  rules_.denied = {"alice get galeras main"};
  const auto refused = submit(backup("a"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kForbidden);
  EXPECT_EQ(
      refused.error().message,
      "galeras.mariadb.openstack.org \"main\" is forbidden: User \"alice\" cannot get resource "
      "\"galeras\" in API group \"mariadb.openstack.org\" in the namespace \"openstack\"");
  rules_.denied = {"alice use galerabackupstores default"};
  EXPECT_EQ(submit(backup("a")).error().code, Code::kForbidden);
  rules_.denied = {"alice update galerabackups "};
  const auto held = submit(backup("a", {{"hold", true}}));
  ASSERT_FALSE(held) << "what nobody else can delete is not for everybody who may create";
  EXPECT_EQ(held.error().code, Code::kForbidden);
  EXPECT_THAT(held.error().text(), AllOf(HasSubstr("cannot update resource \"galerabackups\""),
                                         HasSubstr("spec.hold: true needs that right")));
  finish(submit(backup("a")));
  rules_.denied = {"alice get galerabackups a"};
  EXPECT_EQ(submit(restore("r", {{"backup", "a"}})).error().code, Code::kForbidden);
}

TEST_F(JobsTest, ADryRunLeavesNoTrace) {
  const auto shown = submit(backup("a"), true);
  ASSERT_TRUE(shown);
  EXPECT_EQ(api::phase_of((*shown)->dom()), "Pending");
  EXPECT_TRUE(catalog_->list(api::kBackups, "").objects.empty());
  EXPECT_EQ(cluster_.runs, 0);
}

TEST_F(JobsTest, AStoppedServerSaysSoOnWhatItRan) {
  cluster_.block_runs = true;
  const auto submitted = submit(backup("a"));
  until_running((*submitted)->key());
  jobs_.reset();
  const api::Json left = (*catalog_->get((*submitted)->key()))->dom();
  EXPECT_EQ(left["status"]["phase"], "Failed");
  EXPECT_THAT(left["status"]["message"].get<std::string>(),
              HasSubstr("the server was stopped while the backup ran"));
  EXPECT_EQ(condition(left, "Completed"), "False ServerStopped");
}

TEST_F(JobsTest, TheJobOfADeadProcessIsFailedAtTheNextStart) {
  jobs_.reset();
  api::Json dom = backup("a");
  Executor dead = Executor::self("an-older-life");
  dead.process_start = "1";  // the pid lives, but as another process
  dom["status"] = {{"phase", "Running"},
                   {"instances", {{{"name", "main"}, {"node", "10.0.0.2:3306"}}}},
                   {"executor", dead.to_json()}};
  const std::string uid = dom["metadata"]["uid"];
  ASSERT_TRUE(catalog_->create(api::kBackups, dom));
  ASSERT_TRUE(storage::put(*blobs_, "data/openstack/" + uid + "/0.0.pack", as_bytes("half")));
  start();
  const api::ObjectKey key{api::kBackups, "openstack", "a"};
  until_ended(key);
  jobs_.reset();  // waits for the takeover's last steps
  const api::Json left = (*catalog_->get(key))->dom();
  EXPECT_EQ(left["status"]["phase"], "Failed");
  EXPECT_THAT(left["status"]["message"].get<std::string>(),
              HasSubstr("the server that ran this backup ended while it was Running"));
  EXPECT_EQ(condition(left, "Completed"), "False ServerDied");
  EXPECT_THAT(cluster_.recovered, ::testing::ElementsAre("10.0.0.2:3306"));
  EXPECT_TRUE(blobs_->list("data/openstack/" + uid)->empty());
}

TEST_F(JobsTest, ARestoreWhoseProcessDiedGivesTheTrafficBack) {
  jobs_.reset();
  api::Json dom = restore("r", {{"backup", "a"}});
  Executor dead = Executor::self("an-older-life");
  dead.process_start = "1";
  dom["status"] = {{"phase", "Restoring"},
                   {"plan", {{{"instance", "main"}, {"schema", "nova"}}}},
                   {"safetyBackup", "r-safety"},
                   {"executor", dead.to_json()}};
  ASSERT_TRUE(catalog_->create(api::kRestores, dom));
  ASSERT_TRUE(write_block_mark(*blobs_, {"openstack", uid_of(dom), "r", {"main"}}));
  start();
  const api::ObjectKey key{api::kRestores, "openstack", "r"};
  until_ended(key);
  jobs_.reset();
  EXPECT_THAT(cluster_.traffic_given_back, testing::ElementsAre("main"));
  EXPECT_THAT((*catalog_->get(key))->dom()["status"]["message"].get<std::string>(),
              AllOf(HasSubstr("the server that ran this restore ended while it was Restoring"),
                    HasSubstr("go back by restoring the safety backup \"r-safety\"")));
}

// A command of kubectl-galera that reaches no cluster, or only another one.
TEST_F(JobsTest, AToolThatDoesNotKnowTheClusterLeavesDeadJobsToAServer) {
  jobs_.reset();
  Executor dead = Executor::self("an-older-life");
  dead.process_start = "1";
  api::Json held = restore("r", {{"backup", "a"}});
  held["status"] = {{"phase", "Restoring"},
                    {"plan", {{{"instance", "main"}, {"schema", "nova"}}}},
                    {"executor", dead.to_json()}};
  api::Json desynced = backup("a");
  desynced["status"] = {{"phase", "Running"},
                        {"instances", {{{"name", "main"}, {"node", "10.0.0.2:3306"}}}},
                        {"executor", dead.to_json()}};
  api::Json adopted = backup("from-a-scratch-server");
  adopted["status"] = {{"phase", "Running"},
                       {"instances", {{{"name", "main"}, {"node", "scratch-server"}}}},
                       {"executor", dead.to_json()}};
  ASSERT_TRUE(catalog_->create(api::kRestores, held));
  ASSERT_TRUE(write_block_mark(*blobs_, {"openstack", uid_of(held), "r", {"main"}}));
  ASSERT_TRUE(catalog_->create(api::kBackups, desynced));
  ASSERT_TRUE(catalog_->create(api::kBackups, adopted));
  const auto phase = [&](const char* resource, const char* name) {
    return api::phase_of((*catalog_->get({resource, "openstack", name}))->dom());
  };
  instances_.gone = true;
  Dependencies tool = dependencies(*catalog_);
  tool.keeps_house = false;
  jobs_ = *Jobs::start(std::move(tool));
  EXPECT_TRUE(
      eventually([&] { return phase(api::kBackups, "from-a-scratch-server") == "Failed"; }));
  EXPECT_TRUE(eventually([&] { return instances_.asked >= 2; }));
  jobs_.reset();
  EXPECT_EQ(phase(api::kRestores, "r"), "Restoring");
  EXPECT_EQ(phase(api::kBackups, "a"), "Running");

  instances_.gone = false;
  start();
  EXPECT_TRUE(eventually([&] {
    return phase(api::kRestores, "r") == "Failed" && phase(api::kBackups, "a") == "Failed";
  }));
  jobs_.reset();
  EXPECT_THAT(cluster_.traffic_given_back, testing::ElementsAre("main"));
  EXPECT_THAT(cluster_.recovered, ::testing::ElementsAre("10.0.0.2:3306"));
}

TEST_F(JobsTest, AToolHeedsOnlyJobsWhoseProcessesLiveOnItsMachine) {
  finish(submit(backup("a")));
  jobs_.reset();
  api::Json other = restore("other", {{"backup", "a"}});
  other["status"] = {{"phase", "Restoring"},
                     {"plan", {{{"instance", "main"}, {"schema", "nova"}}}},
                     {"executor", Executor::self("a-neighbour").to_json()}};
  const auto recorded = catalog_->create(api::kRestores, other);
  ASSERT_TRUE(recorded);
  Dependencies tool = dependencies(*catalog_);
  tool.keeps_house = false;
  jobs_ = *Jobs::start(std::move(tool));
  EXPECT_EQ(submit(restore("r", {{"backup", "a"}})).error().text(),
            "restore \"other\" is running on instance \"main\"; wait until it has ended, or delete "
            "it to cancel it");
  ASSERT_TRUE(catalog_->modify((*recorded)->key(), [](const api::Object& object) {
    api::Json dom = object.dom();
    dom["status"]["executor"]["host"] = "the-server-that-is-lost";
    return Result<api::Json>(std::move(dom));
  }));
  EXPECT_EQ(finish(submit(restore("r", {{"backup", "a"}})))["status"]["phase"], "Completed");
}

TEST_F(JobsTest, TheJobOfALivingProcessIsLeftAlone) {
  jobs_.reset();
  api::Json dom = backup("a");
  dom["status"] = {{"phase", "Running"}, {"executor", Executor::self("a-neighbour").to_json()}};
  ASSERT_TRUE(catalog_->create(api::kBackups, dom));
  start();
  finish(submit(backup("b", {{"databaseInstances", {"cell1"}}})));  // a while passes
  EXPECT_EQ(api::phase_of((*catalog_->get({api::kBackups, "openstack", "a"}))->dom()), "Running");
}

TEST_F(JobsTest, AFollowedLogTellsWhatComesAndThenEnds) {
  cluster_.block_runs = true;
  const auto submitted = submit(backup("a"));
  std::mutex mutex;
  std::string text;
  std::promise<void> ended;
  const auto reader = jobs_->follow_log(
      **submitted, true,
      [&](std::string_view t) {
        const std::scoped_lock lock(mutex);
        text += t;
      },
      [&] { ended.set_value(); });
  ASSERT_TRUE(reader);
  until_running((*submitted)->key());
  jobs_->deleted(**submitted);
  ended.get_future().wait();
  const std::scoped_lock lock(mutex);
  EXPECT_THAT(text, HasSubstr("donor chosen"));
  EXPECT_THAT(text, HasSubstr("Cancelled: the backup was deleted while it ran"));
}

TEST_F(JobsTest, ALogIsFollowedAlsoThroughAServerThatDoesNotRunTheJob) {
  const auto catalog = *storage::Catalog::open(blobs_, clock(), rng_, {});
  const auto other = *Jobs::start(dependencies(*catalog));
  cluster_.block_runs = true;
  const auto submitted = submit(backup("a"));
  until_running((*submitted)->key());
  catalog->refresh(std::chrono::minutes(1));
  std::mutex mutex;
  std::string text;
  std::promise<void> ended;
  const auto reader = other->follow_log(
      **submitted, true,
      [&](std::string_view t) {
        const std::scoped_lock lock(mutex);
        text += t;
      },
      [&] { ended.set_value(); });
  ASSERT_TRUE(reader);
  ASSERT_TRUE(jobs_->cancel((*submitted)->key(), alice_, false));
  ended.get_future().wait();
  EXPECT_EQ(text, log_of(finish(submitted)));
  EXPECT_THAT(text, HasSubstr("Cancelled: the backup was cancelled by alice"));
}

TEST_F(JobsTest, StoresTellWhatTheyHold) {
  finish(submit(backup("a")));
  jobs_.reset();
  start();
  const auto stores = jobs_->store_objects();
  ASSERT_EQ(stores.size(), 1U);
  const api::Json dom = stores[0]->dom();
  EXPECT_EQ(dom["status"]["phase"], "Available");
  EXPECT_EQ(dom["status"]["trashRetention"], "72h");
  EXPECT_EQ(dom["status"]["backups"], 1);
}

TEST_F(JobsTest, AStoreIsAsOldAsItsRepositoryWhoeverTells) {
  ManualClock later(catalog_->repository_created() + std::chrono::hours(5));
  Environment environment;
  environment.catalog = catalog_.get();
  environment.clock = &later;
  environment.stores = dependencies(*catalog_).stores;
  EXPECT_EQ(StoreStatus(environment).objects().at(0)->dom()["metadata"]["creationTimestamp"],
            to_rfc3339(catalog_->repository_created()));
}

TEST_F(JobsTest, AStoreThatDoesNotAnswerIsUnavailableUntilItDoes) {
  Environment environment;
  environment.catalog = catalog_.get();
  environment.clock = &clock_;
  environment.stores = dependencies(*catalog_).stores;
  const auto now = [&] { return StoreStatus(environment).objects().at(0)->dom()["status"]; };
  EXPECT_EQ(now()["phase"], "Available");
  faulty_.inject({.calls = {storage::BlobCall::kList}, .times = -1});
  EXPECT_EQ(now()["phase"], "Unavailable");
  EXPECT_NE(now()["message"], "");
  faulty_.clear();
  EXPECT_EQ(now()["phase"], "Available");
  EXPECT_EQ(now()["message"], "");
}

}  // namespace
}  // namespace gb::jobs::test
