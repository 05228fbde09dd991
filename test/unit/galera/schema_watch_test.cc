// Which changes between two sights of a server's tables mean that rows are missing.
#include "galera/schema_watch.h"

#include <gtest/gtest.h>

#include <utility>

namespace gb::galera {
namespace {

using Names = std::map<std::string, std::string>;

const Names kBefore = {{"7", "keystone/token"},
                       {"8", "nova/instances"},
                       {"9", "nova/parted#P#p0"},
                       {"10", "odd@002dname/caf@00e9"}};

// What a dump is told when these are there afterwards, and these tables had no rows.
Status compare(const Names& after, const std::vector<TableName>& ended_empty) {
  return compare_around_rows({5, 5, 5, kBefore}, {6, 5, 6, after}, ended_empty);
}

Names with(const std::string& gone, const std::string& id, const std::string& name) {
  Names out = kBefore;
  out.erase(gone);
  out[id] = name;
  return out;
}

TEST(CompareAroundRows, ATableThatWasEmptiedAndShowsNoRowsIsAConflict) {
  const Status emptied = compare(with("7", "11", "keystone/token"), {{"keystone", "token"}});
  ASSERT_FALSE(emptied);
  EXPECT_EQ(emptied.error().code, Code::kConflict);
  EXPECT_EQ(emptied.error().message,
            "table keystone.token was emptied or made anew while the dump ran");
  EXPECT_FALSE(compare(with("9", "11", "nova/parted#P#p0"), {{"nova", "parted"}}));
  EXPECT_FALSE(compare(with("10", "11", "odd@002dname/caf@00e9"), {{"odd-name", "café"}}));
}

// One that is emptied all the time ends no dump that has read it before.
TEST(CompareAroundRows, ATableThatWasEmptiedAfterItWasReadIsNone) {
  EXPECT_TRUE(compare(with("7", "11", "keystone/token"), {}));
  EXPECT_TRUE(compare(with("7", "11", "keystone/token"),
                      {{"nova", "instances"}, {"nova", "token"}, {"keystone", "tokens"}}));
}

TEST(CompareAroundRows, AnEmptyTableThatIsWhatItWasIsNone) {
  EXPECT_TRUE(compare(kBefore, {{"keystone", "token"}, {"odd-name", "café"}}));
}

TEST(CompareAroundRows, TablesThatChangedPlacesAreAConflict) {
  Names after = kBefore;
  std::swap(after["7"], after["8"]);
  EXPECT_FALSE(compare(after, {}));
}

TEST(CompareAroundRows, WithoutPROCESSTheStatementsAreCounted) {
  EXPECT_FALSE(compare({}, {{"keystone", "token"}}));
  EXPECT_TRUE(compare({}, {}));
  EXPECT_TRUE(compare_around_rows({5, 5, 5, {}}, {6, 5, 5, {}}, {{"keystone", "token"}}));
}

}  // namespace
}  // namespace gb::galera
