#include <gmock/gmock.h>

#include "kube/cluster_namespaces.h"
#include "test/unit/kube/fake_client.h"

namespace gb::kube {
namespace {

using test::FakeClient;
using test::Json;

Json ns(const std::string& name, const std::string& phase = "Active") {
  return {{"metadata", {{"name", name}, {"resourceVersion", "11"}}},
          {"status", {{"phase", phase}}}};
}

class NamespacesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    client_.on_call = [this](const Call& call) -> Result<Json> {
      if (call.path == "/api/v1/namespaces")
        return test::list_of({ns("openstack"), ns("old", "Terminating")});
      if (dead_) return fail(Code::kUnavailable, "dead");
      if (call.path == "/api/v1/namespaces/new") return ns("new");
      return fail(Code::kNotFound, "namespaces \"x\" not found");
    };
    namespaces_ = std::make_unique<ClusterNamespaces>(
        client_,
        ClusterNamespaces::Options{std::chrono::milliseconds(1000), std::chrono::milliseconds(1)});
    ASSERT_TRUE(namespaces_->wait_ready(std::chrono::seconds(30)));
    client_.wait_watches(1);
  }

  std::atomic<bool> dead_{false};
  FakeClient client_;
  std::unique_ptr<ClusterNamespaces> namespaces_;
};

TEST_F(NamespacesTest, KnownOnesAreAnsweredFromMemory) {
  dead_ = true;
  EXPECT_EQ(*namespaces_->state("openstack"), NamespaceState::kActive);
  EXPECT_EQ(*namespaces_->state("old"), NamespaceState::kTerminating);
  EXPECT_EQ(client_.calls().size(), 1U) << "the list only";
}

TEST_F(NamespacesTest, UnknownOnesAreLookedUp) {
  EXPECT_EQ(*namespaces_->state("new"), NamespaceState::kActive);
  EXPECT_EQ(*namespaces_->state("x"), NamespaceState::kMissing);
  dead_ = true;
  EXPECT_EQ(namespaces_->state("x").error().code, Code::kUnavailable);
}

TEST_F(NamespacesTest, ChangesAreFollowed) {
  client_.push("MODIFIED", ns("openstack", "Terminating"));
  EXPECT_EQ(*namespaces_->state("openstack"), NamespaceState::kTerminating);
  client_.push("DELETED", ns("openstack", "Terminating"));
  EXPECT_EQ(*namespaces_->state("openstack"), NamespaceState::kMissing);
  client_.push("ADDED", ns("fresh"));
  EXPECT_EQ(*namespaces_->state("fresh"), NamespaceState::kActive);
}

}  // namespace
}  // namespace gb::kube
