// What SUPER stands for, by version.
#include "galera/privileges.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "galera/server_version.h"

namespace gb::galera {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

TEST(Super, MeansLessSince10_11And11) {
  EXPECT_TRUE(super_includes("SET USER", "10.11.19-MariaDB-log"));
  EXPECT_FALSE(super_includes("SET USER", "11.4.2-MariaDB"));
  EXPECT_TRUE(super_includes("READ_ONLY ADMIN", "10.5.23-MariaDB"));
  EXPECT_FALSE(super_includes("READ_ONLY ADMIN", "10.11.19-MariaDB"));
  EXPECT_FALSE(super_includes("RELOAD", "10.5.23-MariaDB")) << "never a part of it";
}

TEST(Super, LosesWhatWasTakenBetweenTwoVersions) {
  EXPECT_THAT(taken_from_super("10.5.23", "10.6.1"), IsEmpty());
  EXPECT_THAT(taken_from_super("10.5.23", "10.11.1"), ElementsAre("READ_ONLY ADMIN"));
  EXPECT_THAT(taken_from_super("10.11.1", "11.8.1"), Contains("CONNECTION ADMIN"));
  EXPECT_THAT(taken_from_super("10.11.1", "11.8.1"), Not(Contains("READ_ONLY ADMIN")));
  EXPECT_THAT(taken_from_super("11.4.1", "11.8.1"), IsEmpty());
}

TEST(ServerVersion, IsComparedToItsThirdNumber) {
  EXPECT_TRUE(is_older_version("10.5.8-MariaDB-log", "10.5.9"));
  EXPECT_FALSE(is_older_version("10.5.9-MariaDB", "10.5.9"));
  EXPECT_FALSE(is_older_version("10.11.2-MariaDB-1:10.11.2+maria~deb12", "10.5.9"));
  EXPECT_TRUE(is_older_version("10.4.99", "10.5.9"));
  EXPECT_TRUE(is_older_version("", "10.5.9"));
}

}  // namespace
}  // namespace gb::galera
