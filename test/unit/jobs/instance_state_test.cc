#include "jobs/instance_state.h"

#include "test/unit/jobs/jobs_fixture.h"

namespace gb::jobs::test {
namespace {

class InstanceStateTest : public testing::Test {
 protected:
  InstanceStateTest() {
    environment_.instances = &instances_;
    instances_.uid = "uid-1";
    endpoint_.name = "main";
    endpoint_.uid = "uid-1";
  }
  std::string explained(Code code = Code::kUnavailable) {
    return explained_by_instances(environment_, "openstack", {&endpoint_},
                                  Error{code, "the connection was lost", "look", {}, {}})
        .text();
  }

  Instances instances_;
  Environment environment_;
  galera::Endpoint endpoint_;
};

TEST_F(InstanceStateTest, AnInstanceThatIsStillTheSameExplainsNothing) {
  EXPECT_EQ(explained(), "the connection was lost; look");
}

TEST_F(InstanceStateTest, AnObjectThatIsAnotherByNowIsTheReason) {
  instances_.uid = "uid-2";
  EXPECT_EQ(explained(),
            "Galera object \"main\" was deleted and created again while this ran: the connection "
            "was lost; create this again once the cluster is there");
  EXPECT_EQ(explained(Code::kCancelled), "the connection was lost; look");
}

TEST_F(InstanceStateTest, AnObjectThatIsGoneIsTheReason) {
  instances_.uid.clear();  // what is left is one of the configuration
  EXPECT_THAT(explained(), testing::HasSubstr("Galera object \"main\" was deleted while this ran"));
  instances_.gone = true;
  EXPECT_THAT(explained(), testing::HasSubstr("Galera object \"main\" was deleted while this ran"));
}

TEST_F(InstanceStateTest, AConfiguredInstanceIsNotAskedFor) {
  endpoint_.uid.clear();
  EXPECT_EQ(explained(), "the connection was lost; look");
  EXPECT_EQ(instances_.asked, 0);
}

TEST_F(JobsTest, ABackupThatWaitedForItsTurnLooksForItsInstanceAgain) {
  cluster_.block_runs = true;
  const auto first = submit(backup("first"));
  const auto second = submit(backup("second", {{"databaseInstances", {"cell1"}}}));
  ASSERT_TRUE(second);
  const int before = instances_.asked;
  {
    const std::scoped_lock lock(cluster_.mutex);
    cluster_.block_runs = false;
  }
  jobs_->deleted(**first);
  finish(second);
  EXPECT_EQ(instances_.asked, before + 1);
}

}  // namespace
}  // namespace gb::jobs::test
