// The names that adopted backups get.
#include "cli/adopt.h"

#include <gtest/gtest.h>

namespace gb::cli {
namespace {

constexpr const char* kTime = "2026-11-20T02:00:07Z";

TEST(AdoptedNameTest, IsThatOfTheInstanceAndTheTime) {
  EXPECT_EQ(adopted_name("openstack-cell1", "2026-11-20_02-00-07", true, kTime),
            "openstack-cell1-20261120020007");
}

TEST(AdoptedNameTest, HoldsWhatTheUserCalledTheDumpAsKubernetesTakesIt) {
  EXPECT_EQ(adopted_name("openstack", "before-update", false, kTime), "openstack-before-update");
  EXPECT_EQ(adopted_name("openstack", "_Before Update!_2", false, kTime),
            "openstack-before-update--2");
  EXPECT_EQ(adopted_name("openstack", "___", false, kTime), "openstack-20261120020007");
}

TEST(AdoptedNameTest, IsNeverTooLong) {
  const std::string name = adopted_name("openstack", std::string(400, 'x'), false, kTime);
  EXPECT_EQ(name.size(), 253U);
  EXPECT_EQ(adopted_name(std::string(252, 'i'), "x", false, kTime), std::string(252, 'i'));
}

}  // namespace
}  // namespace gb::cli
