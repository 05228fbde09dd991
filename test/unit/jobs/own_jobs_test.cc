#include "jobs/own_jobs.h"

#include <gtest/gtest.h>

namespace gb::jobs::test {
namespace {

// A backup whose thread is about to end is verified: both have claimed it.
TEST(OwnJobsTest, AnObjectIsOursUntilTheLastClaimOnItIsGivenBack) {
  OwnJobs own;
  auto made = own.claim("a");
  auto checked = own.claim("a");
  made.reset();
  EXPECT_TRUE(own.has("a"));
  checked.reset();
  EXPECT_FALSE(own.has("a"));
}

}  // namespace
}  // namespace gb::jobs::test
