// What a backup says of an instance survives being written down and read.
#include "galera/model.h"

#include <gtest/gtest.h>

#include <random>

namespace gb::galera {
namespace {

InstanceModel sample() {
  InstanceModel model;
  model.facts = {"10.0.0.2:3306",
                 "10.11.19-MariaDB-log",
                 "STRICT_TRANS_TABLES",
                 "utf8mb4",
                 "utf8mb4_general_ci",
                 "UTC",
                 1,
                 "11111111-2222-3333-4444-555555555555",
                 ~std::uint64_t{0},
                 "7-7-42",
                 WallTime(std::chrono::microseconds(1'700'000'000'123'456)),
                 "Optimistic",
                 65536};
  Table table;
  table.name = "odd `name` \xf0\x9f\x98\x80";
  table.engine = "Aria";
  table.transactional = false;
  table.create_sql = "CREATE TABLE `t` (\n  `a` int COMMENT '\xff\xfe')";  // no UTF-8
  table.columns = {
      {"a", ValueKind::kSigned, "int", "int(11)", "", "", false, false, false, false},
      {"b", ValueKind::kBytes, "text", "text", "latin1", "latin1_bin", true, true, true, true}};
  table.primary_key = {"a"};
  table.auto_increment = 7;
  table.data_excluded = true;
  table.history = true;
  table.totals.rows = 3;
  table.totals.bytes = 99;
  for (std::size_t i = 0; i < 16; ++i) table.totals.digest[i] = static_cast<std::byte>(255 - i);
  Schema schema{"s", "utf8mb4", "utf8mb4_bin", "a comment", {table, Table{}}, {}, {}};
  schema.sequences.push_back({"q", "CREATE SEQUENCE q", {"1", "1", "9", "1", "1", "0", "0", "0"}});
  Program program;
  program.kind = Program::Kind::kTrigger;
  program.name = "tr";
  program.table = "t";
  program.create_sql = "CREATE TRIGGER …";
  program.view_columns = {"x", "y"};
  program.order = 2;
  schema.programs.push_back(program);
  model.schemas.push_back(schema);
  model.accounts.push_back({"'u'@'%'", false, {"CREATE USER …"}, {"GRANT …", "GRANT …"}});
  model.foreign_servers.push_back({"far'away", "CREATE SERVER …"});
  model.library_functions.push_back({"f", "CREATE FUNCTION …"});
  model.notes = {"table s.t is of engine Aria"};
  return model;
}

TEST(ModelJson, EverythingComesBack) {
  const InstanceModel before = sample();
  const std::string text = to_json(before);
  const auto after = from_json(text);
  ASSERT_TRUE(after) << after.error().text();
  EXPECT_EQ(to_json(*after), text);
  const Table& table = after->schemas.at(0).tables.at(0);
  EXPECT_EQ(table.name, before.schemas[0].tables[0].name);
  EXPECT_EQ(table.create_sql, before.schemas[0].tables[0].create_sql);
  EXPECT_FALSE(table.transactional);
  EXPECT_TRUE(after->schemas[0].tables[1].transactional);
  EXPECT_EQ(table.totals, before.schemas[0].tables[0].totals);
  EXPECT_EQ(table.columns.at(1).kind, ValueKind::kBytes);
  EXPECT_TRUE(table.columns.at(1).period);
  EXPECT_EQ(after->facts.snapshot_time, before.facts.snapshot_time);
  EXPECT_EQ(after->facts.seqno, before.facts.seqno);
  EXPECT_EQ(after->facts.innodb_page_size, 65536U);
  EXPECT_EQ(after->schemas[0].programs.at(0).kind, Program::Kind::kTrigger);
  EXPECT_EQ(after->accounts.at(0).grants.size(), 2U);
  EXPECT_EQ(after->foreign_servers.at(0).create_sql, "CREATE SERVER …");
  EXPECT_EQ(after->library_functions.at(0).name, "f");
}

TEST(ModelJson, WhatOlderBackupsDoNotTellIsAsByDefault) {
  std::string text = to_json(sample());
  const std::string told = "\"innodbPageSize\":65536";
  ASSERT_NE(text.find(told), std::string::npos) << text;
  text.replace(text.find(told), told.size(), "\"later\":1");
  const auto model = from_json(text);
  ASSERT_TRUE(model) << model.error().text();
  EXPECT_EQ(model->facts.innodb_page_size, 16384U);
}

TEST(ModelJson, RefusesWhatIsNoModelAndSaysWhy) {
  for (const char* text :
       {"", "[]", "{}", "{\"facts\":1}", "{\"facts\":{\"snapshotTime\":\"yesterday\"}}"}) {
    const auto result = from_json(text);
    ASSERT_FALSE(result) << text;
    EXPECT_EQ(result.error().code, Code::kCorruption);
    EXPECT_FALSE(result.error().message.empty());
  }
  EXPECT_FALSE(from_json(std::string(100'000, '[')));
}

TEST(ModelJson, NeverBreaksOnDamagedText) {
  const std::string good = to_json(sample());
  std::mt19937_64 random(9);
  for (int round = 0; round < 3000; ++round) {
    std::string bad = good;
    for (std::uint64_t n = 1 + random() % 3; n > 0; --n)
      bad[random() % bad.size()] = static_cast<char>(random());
    (void)from_json(bad);
  }
}

}  // namespace
}  // namespace gb::galera
