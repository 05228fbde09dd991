// A backup as SQL text: its order, and what a server or the stock client would not take.
#include "galera/export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "galera/column_codec.h"
#include "test/unit/galera/memory_source.h"

namespace gb::galera {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Export : public testing::Test {
 protected:
  Export() {
    Schema& schema = model_.schemas.emplace_back();
    schema.name = "nova";
    schema.character_set = "utf8mb4";
    schema.collation = "utf8mb4_general_ci";
  }

  std::string text(bool grants = false) {
    std::string out;
    const auto exported = export_sql(model_, {{}, grants, "of a test"}, source_,
                                     [&](std::string_view piece) {
                                       out += piece;
                                       return Status();
                                     },
                                     {});
    EXPECT_TRUE(exported) << (exported ? "" : exported.error().text());
    if (exported) notes_ = exported->notes;
    return out;
  }

  InstanceModel model_;
  MemorySource source_;
  std::vector<std::string> notes_;
};

TEST_F(Export, GrantsComeBeforeViewsAndOnceMoreAtTheEnd) {
  Program& view = model_.schemas[0].programs.emplace_back();
  view.name = "v";
  view.create_sql = "CREATE VIEW `v` AS select 1 AS `a`";
  view.view_columns = {"a"};
  model_.accounts.push_back(
      {"`u`@`%`", false, {"CREATE USER `u`@`%`"}, {"GRANT SELECT ON `nova`.`v` TO `u`@`%`"}});
  const std::string sql = text(true);
  const std::size_t made = sql.find("CREATE VIEW");
  const std::size_t first = sql.find("GRANT SELECT ON `nova`.`v`");
  ASSERT_NE(made, std::string::npos);
  EXPECT_LT(first, made) << sql;
  EXPECT_GT(sql.rfind("GRANT SELECT ON `nova`.`v`"), made) << sql;
  // What is not there (yet) does not end the loading.
  EXPECT_THAT(sql, HasSubstr("DECLARE CONTINUE HANDLER FOR 1054, 1146, 1305 BEGIN END;\n"));
  EXPECT_THAT(sql, HasSubstr("SELECT @gb_missing AS `a grant is left out`"));
}

TEST_F(Export, WhatIsNotInItIsTold) {
  model_.notes = {"table nova.t keeps its history by transaction numbers"};
  model_.accounts.push_back({"`u`@`%`", false, {}, {"GRANT SELECT ON `glance`.* TO `u`@`%`"}});
  text(true);
  EXPECT_THAT(notes_, ElementsAre(model_.notes[0],
                                  "a grant on what is not exported is left out: "
                                  "GRANT SELECT ON `glance`.* TO `u`@`%`"));
}

// The stock client sends no more than 16 MiB at once, and few servers take more.
TEST_F(Export, ALargeValueIsPutTogetherFromPiecesAndItsSizeChecked) {
  Table& table = model_.schemas[0].tables.emplace_back();
  table.name = "t";
  table.create_sql = "CREATE TABLE `t` (\n  `b` longblob DEFAULT NULL\n) ENGINE=InnoDB";
  table.columns.emplace_back().name = "b";
  table.columns.back().kind = ValueKind::kBytes;
  const std::string large(std::size_t{21} << 20, '\xFF');
  ColumnEncoder column(ValueKind::kBytes);
  for (const std::string& value : {std::string("small"), large, std::string("last")})
    column.add_bytes(value);
  source_.chunks["t"].push_back({3, {std::string(as_text(column.encode()))}});
  table.totals.rows = 3;

  std::istringstream lines(text());
  std::size_t longest = 0;
  std::vector<std::string> short_ones;
  for (std::string line; std::getline(lines, line);) {
    longest = std::max(longest, line.size());
    if (line.find("@gb_value_0") != std::string::npos || line.starts_with('('))
      short_ones.push_back(line.substr(0, 40));
  }
  EXPECT_LT(longest, std::size_t{16} << 20);
  EXPECT_THAT(short_ones,
              ElementsAre(HasSubstr("SET @gb_value_0 = X'ffff"),
                          HasSubstr("SET @gb_value_0 = CONCAT(@gb_value_0, X'"),
                          HasSubstr("SET @gb_value_0 = CONCAT(@gb_value_0, X'"),
                          HasSubstr("SET @gb_value_0 = CONCAT(@gb_value_0, X'"),
                          HasSubstr("SET @gb_value_0 = CONCAT(@gb_value_0, X'"),
                          HasSubstr("SET @gb_value_0 = CONCAT(@gb_value_0, X'"),
                          HasSubstr("IF COALESCE(OCTET_LENGTH(@gb_value_0)"), "('small'),",
                          "(@gb_value_0);", "SET @gb_value_0 = NULL;", "('last');"));
}

}  // namespace
}  // namespace gb::galera
