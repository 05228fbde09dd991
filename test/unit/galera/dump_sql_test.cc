// The SELECTs that read tables: every column by name, in an order that does not depend on the
// table's history, between keys that are right for every type.
#include <gtest/gtest.h>

#include "galera/introspect.h"
#include "galera/sql_text.h"
#include "galera/table_sql.h"
#include "galera/topology.h"

namespace gb::galera {
namespace {

Column column(std::string name, std::string data_type, std::string column_type = {},
              std::string character_set = {}) {
  Column out;
  out.name = std::move(name);
  out.data_type = std::move(data_type);
  out.column_type = column_type.empty() ? out.data_type : std::move(column_type);
  out.character_set = std::move(character_set);
  out.kind = kind_of_column(out.data_type, out.column_type);
  return out;
}

TEST(SqlText, QuotesWhateverANameHolds) {
  EXPECT_EQ(quote_name("a`b"), "`a``b`");
  EXPECT_EQ(quote_table("s", "t"), "`s`.`t`");
  EXPECT_EQ(quote_text(std::string("it's \\ \0", 8)), "'it\\'s \\\\ \\0'");
  EXPECT_EQ(hex_literal("\xff\x01"), "X'ff01'");
}

TEST(TableSql, ReadsColumnsByNameInByteOrderAndLeavesGeneratedOnesOut) {
  Table table;
  table.name = "t";
  table.columns = {column("b", "uuid"), column("a", "enum", "enum('x')"), column("g", "int"),
                   column("i", "inet4")};
  table.columns[2].generated = true;
  const TableLayout layout = layout_of("s", table);
  EXPECT_EQ(layout.names, (std::vector<std::string>{"a", "b", "i"}));
  EXPECT_EQ(
      layout.select,
      "SELECT CAST(`a` AS UNSIGNED), CAST(`b` AS BINARY(16)), CAST(`i` AS BINARY(4)) FROM `s`.`t`");
  EXPECT_EQ(layout.order, "");
}

TEST(TableSql, ReadsTheLastMomentOfEveryVersionAlike) {
  Table table;
  table.name = "t";
  table.history = true;
  table.columns = {column("row_end", "timestamp")};
  table.columns[0].period = true;
  EXPECT_EQ(layout_of("s", table).select,
            "SELECT IF(`row_end` = TIMESTAMP'2106-02-07 06:28:15.999999', "
            "TIMESTAMP'2038-01-19 03:14:07.999999', `row_end`) FROM `s`.`t` FOR SYSTEM_TIME ALL");
}

TEST(TableSql, OrdersByThePrimaryKeyInItsOwnOrder) {
  Table table;
  table.name = "t";
  table.columns = {column("a", "int"), column("z", "varchar", "varchar(9)", "latin1")};
  table.primary_key = {"z", "a"};
  const TableLayout layout = layout_of("s", table);
  EXPECT_EQ(layout.order, " ORDER BY `z`, `a`");
  EXPECT_EQ(layout.key, (std::vector<std::size_t>{1, 0}));
  EXPECT_EQ(layout.key_literal_prefixes.size(), 2U);
  EXPECT_EQ(between(layout, {"_latin1 X'61'", "5"}, {}),
            " WHERE (`z` > _latin1 X'61' OR (`z` = _latin1 X'61' AND `a` > 5))");
  EXPECT_EQ(between(layout, {}, {"_latin1 X'61'", "5"}),
            " WHERE (`z` < _latin1 X'61' OR (`z` = _latin1 X'61' AND `a` <= 5))");
  EXPECT_EQ(between(layout, {}, {}), "");
}

TEST(TableSql, PartsNumbersAndHexadecimalTextEvenly) {
  Table table;
  table.name = "t";
  table.columns = {column("id", "bigint", "bigint(20)")};
  table.primary_key = {"id"};
  EXPECT_EQ(part_evenly(layout_of("s", table), "-100", "300", 4),
            (std::vector<std::string>{"0", "100", "200"}));
  EXPECT_TRUE(part_evenly(layout_of("s", table), "5", "5", 4).empty());
  table.columns = {column("id", "varchar", "varchar(36)", "utf8mb3")};
  const TableLayout layout = layout_of("s", table);
  EXPECT_EQ(part_evenly(layout, "00000000-…", "80000000-…", 2),
            (std::vector<std::string>{"_utf8mb3 X'3430303030303030'"}));
  EXPECT_TRUE(part_evenly(layout, "alice", "zoe", 2).empty());
}

TEST(TableSql, DoesNotSplitByKeysThatNoLiteralNamesExactly) {
  for (const char* type : {"enum", "float", "datetime", "decimal", "uuid"}) {
    Table table;
    table.name = "t";
    table.columns = {column("id", type)};
    table.primary_key = {"id"};
    EXPECT_TRUE(layout_of("s", table).key_literal_prefixes.empty()) << type;
  }
}

TEST(Definitions, CountersAreNoChangeEverythingElseIs) {
  Schema schema{"s", "utf8mb4", "utf8mb4_bin", "", {}, {}, {}};
  Table table;
  table.name = "t";
  table.create_sql =
      "CREATE TABLE `t` (\n  `a` int\n) ENGINE=InnoDB AUTO_INCREMENT=5 DEFAULT CHARSET=utf8mb4";
  schema.tables = {table};
  std::vector<Schema> before{schema};
  std::vector<Schema> after{schema};
  after[0].tables[0].create_sql =
      "CREATE TABLE `t` (\n  `a` int\n) ENGINE=InnoDB AUTO_INCREMENT=99 DEFAULT CHARSET=utf8mb4";
  EXPECT_EQ(definitions_changed(before, after), "");
  after[0].tables[0].create_sql = "CREATE TABLE `t` (\n  `a` bigint\n) ENGINE=InnoDB";
  EXPECT_EQ(definitions_changed(before, after), "table `s`.`t` was altered");
  after[0].tables.clear();
  EXPECT_EQ(definitions_changed(before, after), "table `s`.`t` was dropped");
  EXPECT_EQ(definitions_changed(after, before), "table `s`.`t` was created");
}

TEST(Definitions, AViewThatIsGoneChangesNoneThatStoodBehindIt) {
  Schema before;
  before.name = "s";
  for (const char* name : {"a", "b"}) {
    Program& view = before.programs.emplace_back();
    view.name = name;
    view.create_sql = "CREATE VIEW";
    view.order = static_cast<int>(before.programs.size());
  }
  Schema after = before;
  after.programs.erase(after.programs.begin());
  after.programs[0].order = 1;
  EXPECT_EQ(definition_changes({before}, {after}),
            std::vector<std::string>{"view `s`.`a` was dropped"});
  // Of triggers it is the order in which they act.
  for (Schema* schema : {&before, &after}) {
    schema->programs.erase(schema->programs.begin(), schema->programs.end() - 1);
    schema->programs[0].kind = Program::Kind::kTrigger;
  }
  EXPECT_EQ(definition_changes({before}, {after}),
            std::vector<std::string>{"trigger `s`.`b` was altered"});
}

TEST(Definitions, AProgramThatWasChangedWhileItsTablesWereReadIsAChange) {
  std::vector<Schema> before(1);
  before[0].name = "s";
  before[0].programs.resize(1);
  before[0].programs[0].kind = Program::Kind::kTrigger;
  before[0].programs[0].name = "g";
  before[0].programs[0].create_sql =
      "CREATE TRIGGER `g` BEFORE INSERT ON `t` FOR EACH ROW SET @a = 1";
  auto after = before;
  EXPECT_EQ(definitions_changed(before, after), "");
  after[0].programs[0].definer = "'other'@'%'";
  EXPECT_EQ(definitions_changed(before, after), "trigger `s`.`g` was altered");
  after[0].programs[0].kind = Program::Kind::kProcedure;
  EXPECT_EQ(definitions_changed(before, after), "trigger `s`.`g` was dropped");
  after[0].programs.clear();
  EXPECT_EQ(definitions_changed(after, before), "trigger `s`.`g` was created");
}

TEST(Donor, IsSyncedAndNotTheOneThatApplicationsUse) {
  const auto node = [](const char* host, const char* state, std::uint64_t queue) {
    NodeState out;
    out.address = {host, 3306};
    out.galera = true;
    out.primary = true;
    out.state = state;
    out.receive_queue = queue;
    return out;
  };
  Endpoint endpoint;
  endpoint.name = "openstack";
  endpoint.active_node = "a:3306";
  Topology topology;
  topology.nodes = {node("a", "Synced", 0), node("b", "Synced", 9), node("c", "Synced", 2),
                    node("d", "Donor/Desynced", 0)};
  const auto ranked = rank_donors(endpoint, topology);
  ASSERT_TRUE(ranked);
  ASSERT_EQ(ranked->size(), 3U);
  EXPECT_EQ(ranked->at(0).address.host, "c");
  EXPECT_EQ(ranked->at(1).address.host, "b");
  EXPECT_EQ(ranked->at(2).address.host, "a");

  topology.nodes = {node("d", "Donor/Desynced", 0), node("e", "Synced", 0)};
  topology.nodes[1].primary = false;
  const auto none = rank_donors(endpoint, topology);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::kUnavailable);
  EXPECT_NE(none.error().message.find("is Primary and Synced"), std::string::npos);
  EXPECT_NE(none.error().message.find("d:3306: in state Donor/Desynced"), std::string::npos);
  EXPECT_NE(none.error().message.find("e:3306: not part of the primary component"),
            std::string::npos);
}

TEST(Selection, NamesWhatIsNotThereAndWhatIs) {
  DumpOptions options;
  options.databases = {"nova", "nowhere"};
  const auto selected = select_schemas({"keystone", "nova"}, options);
  ASSERT_FALSE(selected);
  EXPECT_EQ(selected.error().code, Code::kInvalid);
  EXPECT_NE(selected.error().message.find("there is no schema \"nowhere\""), std::string::npos);
  EXPECT_NE(selected.error().message.find("keystone, nova"), std::string::npos);
  options.databases.clear();
  options.exclude_databases = {"nova"};
  EXPECT_EQ(select_schemas({"keystone", "nova"}, options).value(),
            std::vector<std::string>{"keystone"});
}

}  // namespace
}  // namespace gb::galera
