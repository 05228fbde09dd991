#include "galera/programs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gb::galera {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> order(const std::vector<Program>& views, const std::string& schema) {
  std::vector<PlacedProgram> placed;
  for (const Program& view : views) placed.push_back({&view, schema, schema});
  const auto ordered = in_order_of_use(placed);
  EXPECT_TRUE(ordered);
  std::vector<std::string> out;
  for (const PlacedProgram& p : *ordered) out.push_back(p.program->name);
  return out;
}

Program view(const std::string& name, const std::string& text) {
  Program p;
  p.name = name;
  p.create_sql =
      "CREATE ALGORITHM=UNDEFINED DEFINER=`root`@`localhost` SQL SECURITY DEFINER VIEW `" + name +
      "` AS " + text;
  return p;
}

TEST(ViewOrder, AViewComesAfterThoseItSelectsFrom) {
  EXPECT_THAT(order({view("a", "select `s`.`b`.`x` AS `x` from `s`.`b`"),
                     view("b", "select 1 AS `x` from `c`"), view("c", "select 2 AS `x`")},
                    "s"),
              ElementsAre("c", "b", "a"));
}

TEST(ViewOrder, ACircleOfMereLikenessIsNoObstacle) {
  // `b` is an alias in a, `a` a column in b.
  EXPECT_THAT(order({view("a", "select 1 AS `b`"), view("b", "select 1 AS `a`")}, "s"),
              ElementsAre("b", "a"));
}

TEST(Programs, ViewsAreReadWithoutTheQuotesOfTheirAuthor) {
  Program p = view("v", "select 1");
  p.sql_mode = "ANSI_QUOTES";
  EXPECT_FALSE(quoting_of(p).ansi_quotes);
  p.kind = Program::Kind::kProcedure;
  EXPECT_TRUE(quoting_of(p).ansi_quotes);
}

}  // namespace
}  // namespace gb::galera
