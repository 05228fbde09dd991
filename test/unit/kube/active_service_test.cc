#include "kube/active_service.h"

#include <gmock/gmock.h>

#include "test/unit/kube/fake_cluster.h"

namespace gb::kube {
namespace {

using test::Json;
using testing::HasSubstr;

constexpr const char* kKey = "statefulset.kubernetes.io/pod-name";

class ActiveServicesTest : public ::testing::Test {
 protected:
  ActiveServicesTest() { cluster_.put_galera("openstack"); }

  Json& service() { return cluster_.at("services", "openstack"); }
  std::string leads_to() { return service()["spec"]["selector"][kKey]; }
  void lead_to(const std::string& pod) {
    Json changed = service();
    changed["spec"]["selector"][kKey] = pod;
    cluster_.put("services", "openstack", changed);
  }

  test::FakeCluster cluster_;
  ActiveServices services_{cluster_.client, "repository-1"};
  const BlockedService who_{"openstack", "openstack", "undo", "uid-r"};
};

TEST_F(ActiveServicesTest, WhatWasThereIsGivenBackAndNoTraceIsLeft) {
  Json before = service();
  ASSERT_TRUE(services_.block(who_, {}));
  EXPECT_EQ(leads_to(), "");
  EXPECT_EQ(service()["spec"]["selector"]["app"], "galera") << "the rest of the selector stays";
  ASSERT_TRUE(services_.give_back(who_, {}));
  Json after = service();
  for (Json* one : {&before, &after}) (*one)["metadata"].erase("resourceVersion");
  after["metadata"].erase("labels");
  after["metadata"].erase("annotations");
  EXPECT_EQ(after, before);
  EXPECT_TRUE(services_.blocked({})->empty());
}

TEST_F(ActiveServicesTest, WhatTheClusterFillsInIsBlockedAgainAndRemembered) {
  ASSERT_TRUE(services_.block(who_, {}));
  EXPECT_FALSE(*services_.keep_blocked(who_, {}));
  lead_to("openstack-galera-2");
  EXPECT_TRUE(*services_.keep_blocked(who_, {}));
  EXPECT_EQ(leads_to(), "");
  EXPECT_FALSE(*services_.keep_blocked(who_, {}));
  ASSERT_TRUE(services_.give_back(who_, {}));
  EXPECT_EQ(leads_to(), "openstack-galera-2");
}

TEST_F(ActiveServicesTest, WhatTheClusterFilledInLastStands) {
  ASSERT_TRUE(services_.block(who_, {}));
  lead_to("openstack-galera-1");
  ASSERT_TRUE(services_.give_back(who_, {}));
  EXPECT_EQ(leads_to(), "openstack-galera-1");
  EXPECT_TRUE(services_.blocked({})->empty());
}

TEST_F(ActiveServicesTest, BlockingTwiceForgetsNothing) {
  ASSERT_TRUE(services_.block(who_, {}));
  ASSERT_TRUE(services_.block(who_, {})) << "the answer to the first may have been lost";
  ASSERT_TRUE(services_.give_back(who_, {}));
  EXPECT_EQ(leads_to(), "openstack-galera-0");
}

TEST_F(ActiveServicesTest, APodThatIsGoneIsNotLedTo) {
  ASSERT_TRUE(services_.block(who_, {}));
  cluster_.put_pod("openstack-galera-0", "10.0.0.10", false);
  cluster_.remove("pods", "openstack-galera-1");
  ASSERT_TRUE(services_.give_back(who_, {}));
  EXPECT_EQ(leads_to(), "openstack-galera-2");
}

TEST_F(ActiveServicesTest, WhereNoPodIsReadyTheOldOneIsWritten) {
  ASSERT_TRUE(services_.block(who_, {}));
  for (int i = 0; i < 3; ++i)
    cluster_.put_pod("openstack-galera-" + std::to_string(i), "10.0.0.1", false);
  ASSERT_TRUE(services_.give_back(who_, {}));
  EXPECT_EQ(leads_to(), "openstack-galera-0");
}

TEST_F(ActiveServicesTest, WhatLedNowhereBeforeDoesSoAfterwards) {
  lead_to("");
  ASSERT_TRUE(services_.block(who_, {}));
  ASSERT_TRUE(services_.give_back(who_, {}));
  EXPECT_EQ(leads_to(), "");
}

TEST_F(ActiveServicesTest, AnotherRestoresBlockIsLeftAlone) {
  ASSERT_TRUE(services_.block(who_, {}));
  const BlockedService other{"openstack", "openstack", "second", "uid-2"};
  const Status refused = services_.block(other, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kConflict);
  EXPECT_THAT(refused.error().text(), HasSubstr("blocked by restore \"undo\""));
  ASSERT_TRUE(services_.give_back(other, {}));
  EXPECT_EQ(leads_to(), "");
}

TEST_F(ActiveServicesTest, AMarkThatAPersonTookOffIsNotPutBack) {
  ASSERT_TRUE(services_.block(who_, {}));
  service()["metadata"].erase("labels");
  EXPECT_THAT(services_.keep_blocked(who_, {}).error().text(), HasSubstr("took the marks"));
  ASSERT_TRUE(services_.give_back(who_, {}));
  EXPECT_EQ(leads_to(), "") << "it is that person's now";
  cluster_.put_galera("openstack");  // the operator made it anew
  EXPECT_TRUE(*services_.keep_blocked(who_, {}));
  ASSERT_TRUE(services_.give_back(who_, {}));
  EXPECT_EQ(leads_to(), "openstack-galera-0");
}

TEST_F(ActiveServicesTest, OnlyBlocksOfOurRepositoryAreOurs) {
  ASSERT_TRUE(services_.block(who_, {}));
  const auto ours = services_.blocked({});
  ASSERT_EQ(ours->size(), 1U);
  EXPECT_EQ(ours->front().restore, "undo");
  EXPECT_EQ(ours->front().uid, "uid-r");
  EXPECT_EQ(ours->front().ns, "openstack");
  ActiveServices others(cluster_.client, "repository-2");
  EXPECT_TRUE(others.blocked({})->empty());
}

TEST_F(ActiveServicesTest, AServiceThatCannotBeBlockedIsSaid) {
  service()["spec"]["selector"].erase(kKey);
  EXPECT_THAT(services_.block(who_, {}).error().text(), HasSubstr("does not lead to one pod"));
  cluster_.put_galera("openstack");
  EXPECT_TRUE(services_.may_block(who_, {}));
  EXPECT_EQ(leads_to(), "openstack-galera-0") << "it was only asked";
  cluster_.remove("services", "openstack");
  EXPECT_THAT(services_.may_block(who_, {}).error().text(), HasSubstr("there is no Service"));
  EXPECT_TRUE(services_.give_back(who_, {})) << "nothing is left to give back";
}

TEST_F(ActiveServicesTest, AChangeInBetweenIsNotWrittenOver) {
  const auto answer = cluster_.client.on_call;
  int patches = 0;
  cluster_.client.on_call = [&](const Call& call) {
    if (call.method == "PATCH" && ++patches == 1) lead_to("openstack-galera-1");
    return answer(call);
  };
  ASSERT_TRUE(services_.block(who_, {}));
  EXPECT_EQ(patches, 2);
  ASSERT_TRUE(services_.give_back(who_, {}));
  EXPECT_EQ(leads_to(), "openstack-galera-1");
}

TEST_F(ActiveServicesTest, AnErrorOfTheClusterIsTold) {
  cluster_.errors[test::FakeCluster::path("services", "openstack")] =
      Error{Code::kUnavailable, "etcd is away", "", {}, {}};
  EXPECT_EQ(services_.block(who_, {}).error().code, Code::kUnavailable);
  EXPECT_FALSE(services_.keep_blocked(who_, {}));
  EXPECT_THAT(services_.give_back(who_, {}).error().text(), HasSubstr("cannot be given back"));
}

}  // namespace
}  // namespace gb::kube
