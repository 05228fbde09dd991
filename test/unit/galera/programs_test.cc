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
                     view("b", "select 1 AS `x` from `s`.`c`"), view("c", "select 2 AS `x`")},
                    "s"),
              ElementsAre("c", "b", "a"));
}

TEST(ViewOrder, AnAliasIsNoView) {
  // `status` is a column of a, and a view that reads it.
  EXPECT_THAT(order({view("a", "select `s`.`t`.`state` AS `status` from `s`.`t`"),
                     view("status", "select `s`.`a`.`status` AS `status` from `s`.`a`")},
                    "s"),
              ElementsAre("a", "status"));
}

TEST(ViewOrder, ACircleOfMereLikenessIsNoObstacle) {
  // `s`.`b` is a column of an alias in a.
  EXPECT_THAT(order({view("a", "select `s`.`b` AS `x` from `t` `s`"),
                     view("b", "select `s`.`a`.`x` AS `x` from `s`.`a`")},
                    "s"),
              ElementsAre("b", "a"));
}

TEST(Programs, ViewsAreReadWithoutTheQuotesOfTheirAuthor) {
  Program p = view("v", "select 1");
  p.sql_mode = "ANSI_QUOTES";
  EXPECT_FALSE(quoting_of(p).ansi_quotes);
  p.kind = Program::Kind::kProcedure;
  EXPECT_TRUE(quoting_of(p).ansi_quotes);
}

// Each node of a cluster says something else of it.
TEST(Programs, AnEventIsTheSameInEveryState) {
  const auto event = [](const std::string& state) {
    Program p;
    p.kind = Program::Kind::kEvent;
    p.create_sql =
        "CREATE DEFINER=`enable`@`%` EVENT `disable` ON SCHEDULE EVERY 1 DAY ON COMPLETION NOT "
        "PRESERVE " +
        state + " COMMENT 'DISABLE ON SLAVE' DO SET @enable = 1";
    return without_state(p).value_or("");
  };
  EXPECT_EQ(event("ENABLE"),
            "CREATE DEFINER=`enable`@`%` EVENT `disable` ON SCHEDULE EVERY 1 DAY ON COMPLETION NOT "
            "PRESERVE "
            " COMMENT 'DISABLE ON SLAVE' DO SET @enable = 1");
  EXPECT_EQ(event("DISABLE"), event("ENABLE"));
  EXPECT_EQ(event("DISABLE ON SLAVE"), event("ENABLE"));
}

}  // namespace
}  // namespace gb::galera
