#include "kube/galera_objects.h"

#include <gmock/gmock.h>

#include "test/unit/kube/fake_cluster.h"

namespace gb::kube {
namespace {

using test::Json;
using testing::ElementsAre;
using testing::HasSubstr;

class GaleraObjectsTest : public ::testing::Test {
 protected:
  GaleraObjectsTest() { cluster_.put_galera("openstack"); }

  Json& galera() { return cluster_.at("galeras", "openstack"); }
  Error error_of_read() {
    auto object = objects_.read("openstack", "openstack");
    EXPECT_FALSE(object);
    return object ? Error{} : object.error();
  }
  Result<std::vector<std::string>> passwords() {
    return objects_.root_passwords("openstack", "openstack", "uid-1");
  }

  test::FakeCluster cluster_;
  GaleraObjects objects_{cluster_.client};
};

TEST_F(GaleraObjectsTest, EverythingIsFound) {
  const auto object = objects_.read("openstack", "openstack");
  ASSERT_TRUE(object) << object.error().text();
  EXPECT_EQ(object->uid, "uid-1");
  ASSERT_EQ(object->pods.size(), 3U);
  EXPECT_EQ(object->pods[1].name, "openstack-galera-1");
  EXPECT_EQ(object->pods[1].ips, std::vector<std::string>{"10.0.0.11"});
  EXPECT_EQ(object->pods[1].port, 3306);
  EXPECT_EQ(object->active_pod, "openstack-galera-0");
  EXPECT_EQ(object->root_password, "12345678") << "without the end of the line";
  EXPECT_FALSE(object->tls);
}

TEST_F(GaleraObjectsTest, PodsOfTheOperatorsJobsAreNotServers) {
  cluster_.put_pod("openstack-galera-3", "10.0.0.66", true, "Job");
  cluster_.put_pod("openstack-galera-x", "10.0.0.66");
  cluster_.put_pod("openstack-galera-2", "10.0.0.12");
  cluster_.at("pods", "openstack-galera-2")["metadata"]["deletionTimestamp"] =
      "2026-11-21T00:00:00Z";
  Json& other = cluster_.at("pods", "openstack-galera-1");
  other["metadata"]["ownerReferences"][0]["name"] = "something-else";
  const auto object = objects_.read("openstack", "openstack");
  ASSERT_TRUE(object) << object.error().text();
  ASSERT_EQ(object->pods.size(), 1U);
  EXPECT_EQ(object->pods[0].name, "openstack-galera-0");
}

TEST_F(GaleraObjectsTest, AnAddressThatNoPodHasIsNone) {
  cluster_.put_pod("openstack-galera-1", "169.254.169.254");
  cluster_.put_pod("openstack-galera-2", "FE80::1");
  const auto object = objects_.read("openstack", "openstack");
  ASSERT_EQ(object->pods.size(), 1U);
  EXPECT_EQ(object->pods[0].name, "openstack-galera-0");
}

TEST_F(GaleraObjectsTest, ThePortIsTheContainers) {
  cluster_.at("pods", "openstack-galera-0")["spec"]["containers"] = {
      {{"name", "log"}},
      {{"name", "galera"},
       {"ports",
        {{{"name", "galera"}, {"containerPort", 4567}},
         {{"name", "mysql"}, {"containerPort", 13306}}}}}};
  EXPECT_EQ(objects_.read("openstack", "openstack")->pods[0].port, 13306);
}

TEST_F(GaleraObjectsTest, AnOlderObjectNamesTheSecretInItsSpec) {
  galera().erase("status");
  EXPECT_EQ(objects_.read("openstack", "openstack")->root_password, "older");
}

TEST_F(GaleraObjectsTest, TheAuthorityIsTheBundleElseBesideTheCertificate) {
  galera()["spec"]["tls"] = {{"secretName", "cert-galera"}, {"caBundleSecretName", "bundle"}};
  cluster_.put_secret("bundle", "tls-ca-bundle.pem", "BUNDLE");
  cluster_.put_secret("cert-galera", "ca.crt", "BESIDE");
  const auto with_bundle = objects_.read("openstack", "openstack");
  ASSERT_TRUE(with_bundle) << with_bundle.error().text();
  EXPECT_TRUE(with_bundle->tls);
  EXPECT_EQ(with_bundle->ca_pem, "BUNDLE");
  galera()["spec"]["tls"].erase("caBundleSecretName");
  EXPECT_EQ(objects_.read("openstack", "openstack")->ca_pem, "BESIDE");
  cluster_.put_secret("cert-galera", "tls.crt", "x");
  EXPECT_THAT(error_of_read().text(), HasSubstr("set its spec.tls.caBundleSecretName"));
}

TEST_F(GaleraObjectsTest, WhatIsMissingIsSaid) {
  cluster_.remove("secrets", "openstack-db-root");
  Error error = error_of_read();
  EXPECT_EQ(error.code, Code::kUnavailable);
  EXPECT_EQ(error.text(),
            "Secret \"openstack-db-root\", which Galera object \"openstack\" "
            "(status.rootDatabaseSecret) names, does not exist in namespace \"openstack\"; create "
            "it again with the key DatabasePassword, or correct the object that names it");
  cluster_.put_secret("openstack-db-root", "password", "x");
  error = error_of_read();
  EXPECT_EQ(error.code, Code::kInvalid);
  EXPECT_THAT(error.text(), HasSubstr("has no key \"DatabasePassword\""));
  for (int i = 0; i < 3; ++i)
    cluster_.put_pod("openstack-galera-" + std::to_string(i), i == 2 ? "" : "10.0.0.1", false);
  error = error_of_read();
  EXPECT_EQ(error.code, Code::kUnavailable);
  EXPECT_THAT(error.text(), HasSubstr("openstack-galera-1: not ready, openstack-galera-2: no "
                                      "address yet"));
  for (int i = 0; i < 3; ++i) cluster_.remove("pods", "openstack-galera-" + std::to_string(i));
  EXPECT_THAT(error_of_read().text(), HasSubstr("its StatefulSet openstack-galera has no pods"));
  galera()["spec"]["replicas"] = 0;
  EXPECT_THAT(error_of_read().text(), HasSubstr("scaled to 0 replicas"));
  galera()["metadata"]["deletionTimestamp"] = "2026-11-21T00:00:00Z";
  EXPECT_EQ(error_of_read().code, Code::kConflict);
  cluster_.remove("galeras", "openstack");
  EXPECT_EQ(error_of_read().code, Code::kNotFound);
}

TEST_F(GaleraObjectsTest, OneReadyPodIsEnoughAndTheOthersAreNotHidden) {
  cluster_.put_pod("openstack-galera-0", "10.0.0.10", false);
  cluster_.put_pod("openstack-galera-2", "", false);
  const auto object = objects_.read("openstack", "openstack");
  ASSERT_TRUE(object) << object.error().text();
  EXPECT_EQ(object->pods.size(), 2U);
}

TEST_F(GaleraObjectsTest, WithoutAServiceNobodyIsActive) {
  cluster_.remove("services", "openstack");
  EXPECT_EQ(objects_.read("openstack", "openstack")->active_pod, "");
}

TEST_F(GaleraObjectsTest, WhileRootsPasswordChangesBothMayBeRight) {
  EXPECT_THAT(*passwords(), ElementsAre("12345678"));
  cluster_.put("mariadbaccounts", "openstack-mariadb-root", {{"spec", {{"secret", "new-root"}}}});
  cluster_.put_secret("new-root", "DatabasePassword", "87654321\n");
  EXPECT_THAT(*passwords(), ElementsAre("12345678", "87654321"));
  galera()["spec"]["rootDatabaseAccount"] = "other";
  EXPECT_THAT(*passwords(), ElementsAre("12345678"));
  cluster_.put("mariadbaccounts", "other", {{"spec", {{"secret", "new-root"}}}});
  cluster_.remove("secrets", "openstack-db-root");
  EXPECT_THAT(*passwords(), ElementsAre("87654321"));
  cluster_.remove("secrets", "new-root");
  EXPECT_THAT(passwords().error().text(), HasSubstr("\"openstack-db-root\""));
}

TEST_F(GaleraObjectsTest, AnotherObjectOfTheSameNameIsNotAsked) {
  galera()["metadata"]["uid"] = "uid-2";
  EXPECT_EQ(passwords().error().code, Code::kConflict);
  EXPECT_THAT(passwords().error().text(), HasSubstr("deleted and created again"));
  cluster_.remove("galeras", "openstack");
  EXPECT_EQ(passwords().error().code, Code::kConflict);
  EXPECT_THAT(passwords().error().text(), HasSubstr("was deleted"));
}

TEST_F(GaleraObjectsTest, NamesAreListedAndAMissingKindHasNone) {
  cluster_.put_galera("openstack-cell1");
  EXPECT_THAT(*objects_.names("openstack"), ElementsAre("openstack", "openstack-cell1"));
  EXPECT_THAT(*objects_.names("elsewhere"), ElementsAre());
}

}  // namespace
}  // namespace gb::kube
