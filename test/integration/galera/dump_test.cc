// Dumps of a real cluster hold what the cluster holds: every type, every table, one moment.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "base/text.h"
#include "base/wait.h"
#include "galera/column_codec.h"
#include "galera/sql_text.h"
#include "test/integration/galera/dump_support.h"

namespace gb::galera::test {
namespace {

using testing::Contains;
using testing::HasSubstr;

class DumpTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!bed_has("GB_TEST_NODES"))
      GTEST_SKIP() << "no test bed: run through test/harness/bed galera";
    sql({"DROP DATABASE IF EXISTS d1", "DROP DATABASE IF EXISTS d2",
         "CREATE DATABASE d1 CHARACTER SET utf8mb4", "CREATE DATABASE d2"});
  }
  static DumpOptions only(std::vector<std::string> databases) {
    DumpOptions options;
    options.databases = std::move(databases);
    options.content = Content::kData;
    return options;
  }
  static Value number(std::int64_t value) { return {false, static_cast<std::uint64_t>(value), ""}; }
  static Value bytes(std::string value) { return {false, 0, std::move(value)}; }
};

TEST_F(DumpTest, EveryTypeArrivesExactly) {
  sql({"SET sql_mode=''", "SET time_zone='+05:00'",
       "CREATE TABLE d1.types (id INT PRIMARY KEY, t1 TINYINT, t2 SMALLINT UNSIGNED, t3 MEDIUMINT, "
       "t8 BIGINT UNSIGNED, f FLOAT, d DOUBLE, de DECIMAL(40,10), b1 BIT(64), y YEAR, dt DATE, "
       "ts TIMESTAMP(6) NULL, dtm DATETIME(3), tm TIME(6), e ENUM('a','b'), s SET('x','y'), "
       "u UUID, i6 INET6, i4 INET4, j JSON, g POINT, lb LONGBLOB, l1 VARCHAR(20) CHARACTER SET "
       "latin1, "
       "inv INT INVISIBLE DEFAULT 7, gen INT GENERATED ALWAYS AS (id * 2) STORED, "
       "bn BINARY(4), `odd ``name` INT)",
       "INSERT INTO d1.types "
       "(id,t1,t2,t3,t8,f,d,de,b1,y,dt,ts,dtm,tm,e,s,u,i6,i4,j,g,lb,l1,bn,`odd ``name`) VALUES "
       "(1,-128,65535,-8388608,18446744073709551615,0.1,1e-308,"
       "'-123456789012345678901234567890.0123456789',b'1',2155,'0000-00-00','2026-01-01 "
       "05:00:00.000001',"
       "'2024-02-00 "
       "00:00:00','-838:59:59.999999','nonsense','x,y',CONVERT('6ccd780c-baba-1026-9564-"
       "5b8c656024db' USING utf8mb4),"
       "CONVERT('::ff' USING utf8mb4),CONVERT('10.0.0.1' USING utf8mb4),'{\"a\": "
       "1}',POINT(1,2),REPEAT(X'00FF',3000000),_latin1 X'E9',X'0100',5),"
       "(2,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,"
       "NULL,"
       "NULL,NULL,NULL,NULL,NULL,NULL)"});
  const Dumped dumped = dump(only({"d1"}));
  const auto rows = dumped.rows("d1", "types");
  ASSERT_EQ(rows.size(), 2U);
  const auto& row = rows[0];
  EXPECT_EQ(row.at("t1"), number(-128));
  EXPECT_EQ(row.at("t2"), number(65535));
  EXPECT_EQ(row.at("t3"), number(-8388608));
  EXPECT_EQ(row.at("t8"), number(-1));
  EXPECT_EQ(row.at("f"), number(std::bit_cast<std::uint32_t>(0.1F)));
  EXPECT_EQ(row.at("d"), number(std::bit_cast<std::int64_t>(1e-308)));
  EXPECT_EQ(row.at("de"), bytes("-123456789012345678901234567890.0123456789"));
  EXPECT_EQ(row.at("b1"), bytes(std::string("\0\0\0\0\0\0\0\1", 8)));
  EXPECT_EQ(row.at("y"), number(2155));
  EXPECT_EQ(row.at("dt"), number(0));
  EXPECT_EQ(unpack_date_time(row.at("ts").number), (DateTime{2026, 1, 1, 0, 0, 0, 1}));
  EXPECT_EQ(unpack_date_time(row.at("dtm").number), (DateTime{2024, 2, 0, 0, 0, 0, 0}));
  EXPECT_EQ(row.at("tm"), number(-3'020'399'999'999));
  EXPECT_EQ(row.at("e"), number(0));  // the error value
  EXPECT_EQ(row.at("s"), number(3));
  EXPECT_EQ(row.at("u").bytes.size(), 16U);
  EXPECT_EQ(row.at("u").bytes.substr(0, 2), "\x6c\xcd");
  EXPECT_EQ(row.at("i6"), bytes(std::string(15, '\0') + "\xff"));
  EXPECT_EQ(row.at("i4"), bytes(std::string("\x0a\0\0\x01", 4)));
  EXPECT_EQ(row.at("j"), bytes("{\"a\": 1}"));
  EXPECT_EQ(row.at("g").bytes.size(), 25U);
  EXPECT_EQ(row.at("lb").bytes.size(), 6'000'000U);
  EXPECT_EQ(row.at("l1"), bytes("\xe9"));
  EXPECT_EQ(row.at("inv"), number(7));
  EXPECT_EQ(row.at("bn"), bytes(std::string("\1\0\0\0", 4)));
  EXPECT_EQ(row.at("odd `name"), number(5));
  EXPECT_FALSE(row.contains("gen"));
  for (const auto& [name, value] : rows[1])
    EXPECT_EQ(value.null, name != "id" && name != "inv") << name;
}

TEST_F(DumpTest, ASetOfSixtyFourMembersKeepsEveryBit) {
  std::string members;
  for (int i = 0; i < 64; ++i) members += (i > 0 ? ",'m" : "'m") + std::to_string(i) + "'";
  sql({"CREATE TABLE d1.s (id INT PRIMARY KEY, s SET(" + members + "))",
       "INSERT INTO d1.s VALUES (1, 18446744073709551615), (2, 9223372036854775809)"});
  const auto rows = dump(only({"d1"})).rows("d1", "s");
  EXPECT_EQ(rows.at(0).at("s").number, ~std::uint64_t{0});
  EXPECT_EQ(rows.at(1).at("s").number, (std::uint64_t{1} << 63) + 1);
}

void fill_large_tables() {
  sql({"CREATE TABLE d1.ints (id BIGINT AUTO_INCREMENT PRIMARY KEY, a INT, t TEXT)",
       "CREATE TABLE d1.uuids (id VARCHAR(36) PRIMARY KEY, t TEXT)",
       "CREATE TABLE d1.pairs (a INT, b VARCHAR(20), t TEXT, PRIMARY KEY (a, b))",
       "CREATE TABLE d1.keyless (a INT, t TEXT)", "CREATE TABLE d2.empty (id INT PRIMARY KEY)"});
  const std::string text = "CONCAT(REPEAT(MD5(seq), 32), seq)";
  for (int part = 0; part < 4; ++part) {
    const std::string from =
        "seq_" + std::to_string(part * 10'000 + 1) + "_to_" + std::to_string((part + 1) * 10'000);
    sql({"USE d1", "INSERT INTO ints SELECT seq * 3, seq, " + text + " FROM " + from,
         "INSERT INTO uuids SELECT CONCAT_WS('-', LEFT(MD5(seq), 8), SUBSTR(MD5(seq), 9, 4), "
         "SUBSTR(MD5(seq), 13, 4), SUBSTR(MD5(seq), 17, 4), SUBSTR(MD5(seq), 21)), " +
             text + " FROM " + from,
         "INSERT INTO pairs SELECT seq DIV 100, seq MOD 100, " + text + " FROM " + from,
         "INSERT INTO keyless SELECT seq MOD 50, " + text + " FROM " + from});
  }
  sql({"USE d1", "ANALYZE TABLE ints", "ANALYZE TABLE uuids", "ANALYZE TABLE pairs"});
}

TEST_F(DumpTest, LargeTablesReadInRangesAreTheSameAsReadAtOnce) {
  fill_large_tables();
  DumpOptions options = only({"d1", "d2"});
  options.threads = 4;
  const Dumped parallel = dump(options);
  options.threads = 1;
  const Dumped single = dump(options);
  for (const char* name : {"ints", "uuids", "pairs", "keyless"}) {
    EXPECT_EQ(parallel.table("d1", name).totals.rows, 40'000U) << name;
    EXPECT_EQ(parallel.table("d1", name).totals, single.table("d1", name).totals) << name;
    const TableSeen& seen = parallel.sink->tables.at({"d1", name});
    if (std::string(name) != "keyless") {
      EXPECT_GT(seen.ranges.size(), 1U) << name << " was not read in ranges";
    }
    // The same chunks: who dumps with more threads tomorrow stores nothing again.
    EXPECT_EQ(seen.cuts(), single.sink->tables.at({"d1", name}).cuts()) << name;
  }
  EXPECT_EQ(parallel.table("d2", "empty").totals.rows, 0U);

  const auto live = compare_live(bed_endpoint(), parallel.model, 4, {});
  ASSERT_TRUE(live) << live.error().text();
  EXPECT_EQ(live->size(), 5U);
  for (const TableComparison& t : *live) EXPECT_TRUE(t.equal()) << t.table;

  sql({"UPDATE d1.pairs SET t = 'changed' WHERE a = 77 AND b = '7'", "DROP TABLE d2.empty"});
  const auto changed = compare_live(bed_endpoint(), parallel.model, 2, {});
  ASSERT_TRUE(changed) << changed.error().text();
  for (const TableComparison& t : *changed)
    EXPECT_EQ(t.equal(), t.table != "pairs" && t.table != "empty") << t.table;
}

TEST_F(DumpTest, ADumpUnderTransfersHoldsOneMoment) {
  sql({"CREATE TABLE d1.a (id INT PRIMARY KEY, balance INT)",
       "CREATE TABLE d2.b (id INT PRIMARY KEY, balance INT)", "USE d1",
       "INSERT INTO d1.a SELECT seq, 100 FROM seq_1_to_500",
       "INSERT INTO d2.b SELECT seq, 100 FROM seq_1_to_500"});
  std::vector<std::jthread> clerks;
  const Endpoint endpoint = bed_endpoint();
  for (unsigned n = 0; n < 3; ++n) {
    clerks.emplace_back([&endpoint, n](const std::stop_token& stop) {
      Connection connection = connect_to(endpoint, endpoint.nodes[n % endpoint.nodes.size()]);
      // The rows may not have come to this node yet: half a transfer would find its row.
      EXPECT_TRUE(connection.exec("SET wsrep_sync_wait = 1"));
      EXPECT_EQ(*connection.scalar("SELECT COUNT(*) FROM d2.b"), Cell("500"));
      for (unsigned i = n; !stop.stop_requested(); i += 7) {
        const std::string from = std::to_string(1 + i % 500);
        const std::string to = std::to_string(1 + (i * 31) % 500);
        // A certification failure rolls back whole: the sum stays what it is.
        const bool done =
            connection.exec("START TRANSACTION") &&
            connection.exec("UPDATE d1.a SET balance = balance - 1 WHERE id = " + from) &&
            connection.exec("UPDATE d2.b SET balance = balance + 1 WHERE id = " + to);
        (void)connection.exec(done ? "COMMIT" : "ROLLBACK");
      }
    });
  }
  // GB_TEST_ROUNDS: as many as it takes to find what happens once in a thousand dumps.
  const char* rounds = std::getenv("GB_TEST_ROUNDS");
  for (int round = 0; round < (rounds == nullptr ? 20 : std::atoi(rounds)); ++round) {
    const Dumped dumped = dump(only({"d1", "d2"}));
    std::int64_t sum = 0;
    for (const auto& [schema, table] : {std::pair{"d1", "a"}, std::pair{"d2", "b"}})
      for (const auto& row : dumped.rows(schema, table))
        sum += static_cast<std::int64_t>(row.at("balance").number);
    EXPECT_EQ(sum, 100'000) << "round " << round << ", " << dumped.model.facts.snapshot_method;
  }
  clerks.clear();
  EXPECT_EQ(value_of("SELECT (SELECT SUM(balance) FROM d1.a) + (SELECT SUM(balance) FROM d2.b)"),
            "100000")
      << "the transfers themselves lost something";
}

TEST_F(DumpTest, TheSnapshotSaysHowAndWhere) {
  const Dumped dumped = dump(only({"d1"}));
  const Facts& facts = dumped.model.facts;
  if (value_of("SELECT @@log_bin") == "1") {
    EXPECT_EQ(facts.snapshot_method, "Optimistic");
    EXPECT_THAT(facts.gtid, HasSubstr("-"));
    const Endpoint endpoint = bed_endpoint();
    const auto donor = std::ranges::find(endpoint.nodes, facts.node, &Address::text);
    ASSERT_NE(donor, endpoint.nodes.end());
    Connection connection = connect_to(endpoint, *donor);
    const Rows end = *connection.query("SHOW MASTER STATUS");
    const Cell gtid = *connection.scalar("SELECT BINLOG_GTID_POS('" + *end.rows[0][0] + "', " +
                                         *end.rows[0][1] + ")");
    EXPECT_THAT(split(facts.gtid, ','), testing::UnorderedElementsAreArray(split(*gtid, ',')))
        << "nothing was written since";
  } else {
    EXPECT_EQ(facts.snapshot_method, "BackupStage");
  }
  EXPECT_EQ(facts.cluster_uuid.size(), 36U);
  EXPECT_GT(facts.seqno, 0U);
  EXPECT_THAT(facts.server_version, HasSubstr("MariaDB"));
}

// For longer than a server waits for a lock: of the stages of a backup without a binary log, and of
// all tables with one, where only a strict dump takes a lock.
TEST_F(DumpTest, TheSnapshotIsOpenedWhenWhoHoldsTheLockLetsIt) {
  const bool binlog = value_of("SELECT @@log_bin") == "1";
  const std::string hold = binlog ? "LOCK TABLES d1.held WRITE" : "BACKUP STAGE START";
  const std::string let = binlog ? "UNLOCK TABLES" : "BACKUP STAGE END";
  sql({"CREATE TABLE d1.held (id INT PRIMARY KEY)"});
  Endpoint endpoint = bed_endpoint();
  ASSERT_GE(endpoint.nodes.size(), 2U);
  endpoint.nodes.resize(2);
  endpoint.active_node = endpoint.nodes.front().text();
  Connection other = connect_to(endpoint, endpoint.nodes.back());
  ASSERT_TRUE(other.exec(hold));
  static const SystemClock clock;
  std::stop_source told;
  const auto dump = Dump::make(endpoint, only({"d1"}), clock, [&](const std::string& line) {
    if (line.find("another backup: waiting for it") != std::string::npos) told.request_stop();
  });
  dump->set_strict(binlog);
  ASSERT_TRUE(dump->connect({}));
  ASSERT_EQ(dump->facts().node, endpoint.nodes.back().text());
  std::jthread end([&] {
    EXPECT_FALSE(sleep_for(told.get_token(), std::chrono::seconds(90))) << "it was not told";
    EXPECT_TRUE(other.exec(let));
  });
  const Status opened = dump->open_snapshot({});
  end.join();
  ASSERT_TRUE(opened) << opened.error().text();
  EXPECT_EQ(dump->facts().snapshot_method, binlog ? "Strict" : "BackupStage");
}

TEST_F(DumpTest, SelectsSchemasAndTables) {
  sql({"CREATE TABLE d1.keep (id INT PRIMARY KEY)", "CREATE TABLE d1.cache_a (id INT PRIMARY KEY)",
       "INSERT INTO d1.cache_a VALUES (1)"});
  DumpOptions options;
  options.exclude_databases = {"d2", "f1"};
  options.exclude_tables = {"d1.cache_*"};
  const Dumped dumped = dump(options);
  ASSERT_EQ(dumped.model.schemas.size(), 1U);
  EXPECT_TRUE(dumped.table("d1", "cache_a").data_excluded);
  EXPECT_FALSE(dumped.table("d1", "cache_a").create_sql.empty());
  EXPECT_FALSE(dumped.sink->tables.contains({"d1", "cache_a"}));
  EXPECT_TRUE(dumped.sink->tables.contains({"d1", "keep"}));
  EXPECT_FALSE(dumped.model.accounts.empty() &&
               value_of("SELECT COUNT(*) FROM mysql.user WHERE "
                        "user NOT IN ('root','mariadb.sys')") != "0");

  DumpOptions grants;
  grants.content = Content::kGrants;
  EXPECT_TRUE(dump(grants).model.schemas.empty());
}

TEST_F(DumpTest, ASchemaThatIsNotThereIsNamedWithThoseThatAre) {
  Dumped dumped;
  const Status status = dump_into(dumped, only({"d1", "nowhere"}));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kInvalid);
  EXPECT_THAT(status.error().message, HasSubstr("\"nowhere\""));
  EXPECT_THAT(status.error().message, HasSubstr("d1, d2"));
  EXPECT_EQ(dump_into(dumped, only({"mysql"})).error().code, Code::kInvalid);
}

TEST_F(DumpTest, SequencesHistoryAndOtherEnginesAreThere) {
  sql({"CREATE SEQUENCE d1.seq START WITH 5 INCREMENT BY 0 NOCACHE", "SET @x = NEXTVAL(d1.seq)",
       "CREATE TABLE d1.v (id INT PRIMARY KEY, x INT) WITH SYSTEM VERSIONING",
       "INSERT INTO d1.v VALUES (1, 1)", "UPDATE d1.v SET x = 2", "UPDATE d1.v SET x = 3",
       "CREATE TABLE d1.aria (id INT PRIMARY KEY) ENGINE=Aria"});
  const Dumped dumped = dump(only({"d1"}));
  ASSERT_EQ(dumped.model.schemas.at(0).sequences.size(), 1U);
  EXPECT_EQ(dumped.model.schemas[0].sequences[0].state.size(), 8U);
  EXPECT_EQ(dumped.rows("d1", "v").size(), 3U);
  EXPECT_TRUE(dumped.table("d1", "v").history);
  EXPECT_THAT(dumped.model.notes, Contains(HasSubstr("d1.aria is of engine Aria")));
}

TEST_F(DumpTest, AFolderThatIsNoSchemaIsNotedAndSkipped) {
  const Endpoint endpoint = bed_endpoint();
  for (const Address& node : endpoint.nodes)
    std::filesystem::create_directory(bed_folder_of(node.text()) + "/data/lost+found");
  const Dumped dumped = dump();
  for (const Address& node : endpoint.nodes)
    std::filesystem::remove(bed_folder_of(node.text()) + "/data/lost+found");
  EXPECT_THAT(dumped.model.notes, Contains(HasSubstr("lost+found")));
}

TEST_F(DumpTest, TheNodeThatApplicationsUseIsLeftAlone) {
  Endpoint endpoint = bed_endpoint();
  if (endpoint.nodes.size() < 2) GTEST_SKIP();
  for (const Address& active : endpoint.nodes) {
    endpoint.active_node = active.text();
    Dumped dumped;
    const Status status = dump_into(dumped, only({"d1"}), {}, endpoint);
    ASSERT_TRUE(status) << status.error().text();
    EXPECT_NE(dumped.model.facts.node, active.text());
  }
}

}  // namespace
}  // namespace gb::galera::test
