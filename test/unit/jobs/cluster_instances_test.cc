#include "jobs/cluster_instances.h"

#include <gmock/gmock.h>

#include "jobs/configured_instances.h"
#include "test/unit/kube/fake_cluster.h"

namespace gb::jobs {
namespace {

using kube::test::Json;
using testing::HasSubstr;

// What the configuration has: "openstack" and "by-hand".
class Configured final : public InstanceResolver {
 public:
  Result<galera::Endpoint> resolve(std::string_view ns, std::string_view name) override {
    if (ns != "openstack" || (name != "openstack" && name != "by-hand"))
      return fail(Code::kNotFound, "there is no database instance \"" + std::string(name) + "\"",
                  "known there: by-hand");
    galera::Endpoint endpoint;
    endpoint.name = name;
    endpoint.nodes = {{"192.0.2.1"}};
    return endpoint;
  }
};

class ClusterInstancesTest : public ::testing::Test {
 protected:
  kube::test::FakeCluster cluster_;
  Configured configured_;
  ClusterInstances instances_{cluster_.client, "repository-1", configured_};
  const GateHolder holder_{"openstack", "openstack", "undo", "uid-r"};
};

TEST_F(ClusterInstancesTest, AGaleraObjectComesFirst) {
  cluster_.put_galera("openstack");
  const auto endpoint = instances_.resolve("openstack", "openstack");
  ASSERT_TRUE(endpoint) << endpoint.error().text();
  EXPECT_EQ(endpoint->uid, "uid-1");
  ASSERT_EQ(endpoint->nodes.size(), 3U);
  const galera::Address& node = endpoint->nodes[2];
  EXPECT_EQ(node.text(), "openstack-galera-2") << "what people know it as";
  EXPECT_EQ(node.host, "openstack-galera-2.openstack-galera.openstack.svc");
  EXPECT_EQ(node.ips, std::vector<std::string>{"10.0.0.12"});
  EXPECT_EQ(endpoint->active_node, endpoint->nodes[0].text());
  EXPECT_EQ(endpoint->user, "root");
  EXPECT_EQ(endpoint->tls, galera::TlsMode::kDisabled);
}

TEST_F(ClusterInstancesTest, TlsIsRequiredWhereTheObjectHasIt) {
  cluster_.put_galera("openstack");
  cluster_.at("galeras", "openstack")["spec"]["tls"] = {{"secretName", "cert"},
                                                        {"caBundleSecretName", "bundle"}};
  cluster_.put_secret("bundle", "tls-ca-bundle.pem", "PEM");
  const auto endpoint = instances_.resolve("openstack", "openstack");
  ASSERT_TRUE(endpoint) << endpoint.error().text();
  EXPECT_EQ(endpoint->tls, galera::TlsMode::kRequired);
  EXPECT_EQ(endpoint->tls_ca_pem, "PEM");
}

TEST_F(ClusterInstancesTest, WithoutTheKindThereIsTheConfiguration) {
  const auto endpoint = instances_.resolve("openstack", "openstack");
  ASSERT_TRUE(endpoint) << endpoint.error().text();
  EXPECT_EQ(endpoint->nodes[0].host, "192.0.2.1");
  EXPECT_EQ(instances_.gate(*endpoint, holder_), nullptr) << "its nodes become read_only";
}

TEST_F(ClusterInstancesTest, WhatIsNotThereIsToldWithWhatIs) {
  auto none = instances_.resolve("openstack", "typo");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::kNotFound);
  EXPECT_EQ(none.error().hint, "there is no Galera object there; known there: by-hand");
  cluster_.put_galera("openstack");
  cluster_.put_galera("openstack-cell1");
  none = instances_.resolve("openstack", "typo");
  EXPECT_EQ(none.error().hint,
            "Galera objects there: openstack, openstack-cell1; known there: by-hand");
}

TEST_F(ClusterInstancesTest, WithoutTheRightToReadObjectsOnlyTheConfigurationCounts) {
  cluster_.errors[kube::test::FakeCluster::path("galeras", "by-hand")] =
      cluster_.errors[kube::test::FakeCluster::path("galeras", "typo")] =
          Error{Code::kForbidden, "not allowed", "give it the rules", {}, {}};
  EXPECT_TRUE(instances_.resolve("openstack", "by-hand"));
  const auto refused = instances_.resolve("openstack", "typo");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kForbidden);
}

TEST_F(ClusterInstancesTest, WhenKubeApiserverDoesNotAnswerNothingIsGuessed) {
  cluster_.errors[kube::test::FakeCluster::path("galeras", "openstack")] =
      Error{Code::kUnavailable, "no answer", "", {}, {}};
  EXPECT_EQ(instances_.resolve("openstack", "openstack").error().code, Code::kUnavailable)
      << "the configuration has one of that name, but it may be another";
}

TEST_F(ClusterInstancesTest, APasswordThatIsChangedIsFoundByWhatWasResolvedBefore) {
  cluster_.put_galera("openstack");
  const auto endpoint = instances_.resolve("openstack", "openstack");
  ASSERT_TRUE(endpoint) << endpoint.error().text();
  EXPECT_EQ(endpoint->rotation->value(), "12345678");
  cluster_.put_secret("openstack-db-root", "DatabasePassword", "new");
  const auto now = endpoint->rotation->read_again();
  ASSERT_TRUE(now) << now.error().text();
  EXPECT_EQ(now->front(), "new");
}

TEST_F(ClusterInstancesTest, TheGateIsTheServiceOfThatName) {
  cluster_.put_galera("openstack");
  const auto endpoint = instances_.resolve("openstack", "openstack");
  const auto gate = instances_.gate(*endpoint, holder_);
  ASSERT_NE(gate, nullptr);
  ASSERT_TRUE(gate->may_shut({}));
  ASSERT_TRUE(gate->shut({}));
  EXPECT_FALSE(*gate->keep_shut({}));
  const auto shut = instances_.shut({});
  ASSERT_EQ(shut->size(), 1U);
  EXPECT_EQ(shut->front().restore, "undo");
  EXPECT_EQ(shut->front().uid, "uid-r");
  ASSERT_TRUE(instances_.open(shut->front(), {})) << "by whoever finds it";
  EXPECT_TRUE(instances_.shut({})->empty());
  EXPECT_TRUE(gate->open()) << "there is nothing left to do";
}

}  // namespace
}  // namespace gb::jobs
