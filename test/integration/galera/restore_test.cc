// What a user of restores relies on, proven on two real clusters: "openstack" is backed up,
// "openstack-dr" is restored onto.
#include <gmock/gmock.h>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "galera/sql_text.h"
#include "test/eventually.h"
#include "test/integration/galera/restore_support.h"

namespace gb::galera::test {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

TEST_F(RestoreTest, AnOpenStackComesBackOnAnEmptyCluster) {
  make_openstack();
  const Backup backup = back_up(from_);
  const auto report = restore(onto_, backup);
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_THAT(report->mismatches, IsEmpty());
  EXPECT_EQ(report->tables, 4U);
  EXPECT_EQ(report->rows, 3U + 11'990U + 99U);
  expect_same(from_, onto_);
  // Foreign keys hold again.
  EXPECT_THAT(ask(onto_, "INSERT INTO nova.block_device_mapping (instance_uuid) VALUES ('nobody')"),
              HasSubstr("foreign key constraint fails"));
}

TEST_F(RestoreTest, EveryNodeOfTheTargetHasIt) {
  make_openstack();
  ASSERT_TRUE(restore(onto_, back_up(from_)));
  for (const Address& node : onto_.nodes) {
    Endpoint one = onto_;
    one.nodes = {node};
    EXPECT_EQ(ask(one, "SELECT COUNT(*) FROM nova.instances"), "11990") << node.text();
  }
}

// Large enough that each goes its own way: in one transaction where nobody else is, in small ones
// where the cluster is in use, with the secondary keys afterwards or from the start.
TEST_F(RestoreTest, LargeTablesComeBackOnAQuietAndOnALiveCluster) {
  std::vector<std::string> statements{"CREATE DATABASE big"};
  for (int i = 0; i < 6; ++i) {
    const std::string name = "big.t" + std::to_string(i);
    statements.push_back(
        "CREATE TABLE " + name +
        " (id int PRIMARY KEY AUTO_INCREMENT, a varchar(64), b varchar(200), c datetime, "
        "UNIQUE KEY (a), KEY (c, a), KEY (b(10))) ENGINE=InnoDB");
    statements.push_back(
        "INSERT INTO " + name +
        " SELECT seq, CONCAT('é', SHA1(seq)), REPEAT(CHAR(33 + seq % 90), seq % 200), "
        "'2026-01-01' + INTERVAL seq MINUTE FROM big.seq_1_to_20000");
  }
  run(from_, statements);
  const Backup backup = back_up(from_);
  const auto expected = contents(backup.model);
  ASSERT_GT(backup.model.schemas[0].tables[0].totals.bytes, 1U << 20);

  const auto quiet = restore(onto_, backup);
  ASSERT_TRUE(quiet) << quiet.error().text();
  EXPECT_EQ(contents(back_up(onto_).model), expected);
  // The optimizer of every node knows the new tables, and InnoDB looks after them again.
  for (const Address& node : onto_.nodes) {
    Endpoint one = onto_;
    one.nodes = {node};
    EXPECT_EQ(ask(one,
                  "SELECT COUNT(*) FROM mysql.innodb_table_stats WHERE database_name = 'big' AND "
                  "n_rows BETWEEN 15000 AND 25000"),
              "6")
        << node.text();
  }
  EXPECT_THAT(ask(onto_,
                  "SELECT GROUP_CONCAT(create_options) FROM information_schema.tables WHERE "
                  "table_schema = 'big'"),
              testing::Not(HasSubstr("stats_auto_recalc")));

  const auto live = restore(onto_, backup, {.existing = Existing::kReplace});
  ASSERT_TRUE(live) << live.error().text();
  EXPECT_EQ(contents(back_up(onto_).model), expected);
}

TEST_F(RestoreTest, EveryKindOfProgramComesBack) {
  make_openstack();
  run(from_,
      {"USE nova",
       "SET NAMES utf8mb4",
       "CREATE VIEW z_all AS SELECT i.id, i.uuid, p.name FROM instances i LEFT JOIN "
       "keystone.project p ON p.id = i.project_id WHERE i.vm_state <> 'Zürich' OR 1",
       "CREATE FUNCTION f_twice(x bigint) RETURNS bigint DETERMINISTIC COMMENT 'doppelt' RETURN "
       "x * 2",
       "CREATE VIEW a_active AS SELECT z.id, f_twice(z.id) AS twice FROM z_all z",
       "CREATE TABLE audit (id int AUTO_INCREMENT PRIMARY KEY, what varchar(100))",
       "CREATE TRIGGER t_second BEFORE INSERT ON empty_one FOR EACH ROW INSERT INTO audit (what) "
       "VALUES ('second')",
       "CREATE TRIGGER t_first BEFORE INSERT ON empty_one FOR EACH ROW PRECEDES t_second BEGIN "
       "INSERT INTO nova.audit (what) VALUES ('first; */ -- it''s'); END",
       "CREATE PROCEDURE p_all(IN how int, OUT n int) MODIFIES SQL DATA SQL SECURITY INVOKER "
       "BEGIN DECLARE CONTINUE HANDLER FOR NOT FOUND SET n = -1; SELECT COUNT(*) INTO n FROM "
       "nova.instances /* of nova.instances */; END",
       "SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'",
       "CREATE PROCEDURE \"p \"\" ansi\"() SELECT \"id\", 'a\\' FROM \"nova\".\"instances\"",
       "SET sql_mode = 'ORACLE'",
       "CREATE PACKAGE pk AS FUNCTION one RETURN int; END",
       "CREATE PACKAGE BODY pk AS FUNCTION one RETURN int AS BEGIN RETURN 1; END; END",
       "SET sql_mode = DEFAULT, NAMES latin1",
       "CREATE PROCEDURE p_latin1() SELECT 'caf\xe9' AS c",
       "CREATE VIEW v_latin1 AS SELECT 'caf\xe9' AS c, 1 AS `\xe9t\xe9`",
       "SET NAMES utf8mb4",
       "SET time_zone = '+05:30'",
       "CREATE EVENT e_purge ON SCHEDULE EVERY 1 DAY STARTS '2020-01-01 00:00:00' DISABLE COMMENT "
       "'ab' DO DELETE FROM nova.audit",
       "CREATE EVENT e_once ON SCHEDULE AT '2037-01-01 00:00:00' ON COMPLETION PRESERVE DO DELETE "
       "FROM audit"});
  // A node lists what another node created as disabled there; for the cluster it is enabled.
  Endpoint other_node = from_;
  std::swap(other_node.nodes[0], other_node.nodes[1]);
  run(other_node, {"CREATE EVENT nova.e_other ON SCHEDULE EVERY 1 YEAR DO DELETE FROM nova.audit"});
  const Backup backup = back_up(from_);
  const auto report = restore(onto_, backup);
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_THAT(report->notes, Contains(HasSubstr("event_scheduler is OFF")));
  EXPECT_EQ(ask(onto_, "SELECT STATUS FROM information_schema.EVENTS WHERE EVENT_NAME = 'e_other'"),
            "ENABLED");
  run(from_, {"DROP EVENT nova.e_other"});
  run(onto_, {"DROP EVENT nova.e_other"});
  expect_same(from_, onto_);
  run(onto_, {"INSERT INTO nova.empty_one (x) VALUES (1)"});
  EXPECT_EQ(ask(onto_, "SELECT GROUP_CONCAT(what ORDER BY id SEPARATOR '|') FROM nova.audit"),
            "first; */ -- it's|second");
  EXPECT_EQ(ask(onto_, "SELECT HEX(c) FROM nova.v_latin1"),
            ask(from_, "SELECT HEX(c) FROM nova.v_latin1"));
}

TEST_F(RestoreTest, EveryTypeOfColumnKeepsItsEdgeValues) {
  run(from_,
      {"SET NAMES utf8mb4",
       "SET sql_mode = 'ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO', time_zone = '+00:00'",
       "CREATE DATABASE types",
       "USE types",
       "CREATE TABLE numbers (id int PRIMARY KEY AUTO_INCREMENT, t tinyint, tu tinyint unsigned, s "
       "smallint, m "
       "mediumint, b bigint, bu bigint unsigned zerofill, d decimal(65,30), f float, g double, y "
       "year, b1 "
       "bit(1), b64 bit(64), bo bool)",
       "INSERT INTO numbers VALUES (0,-128,0,-32768,-8388608,-9223372036854775808,0,"
       "-99999999999999999999999999999999999.999999999999999999999999999999,-3.4028234e38,"
       "-1.7976931348623157e308,0,b'0',0,0), (2,127,255,32767,8388607,9223372036854775807,"
       "18446744073709551615,0.000000000000000000000000000001,1.1754944e-38,5e-324,2155,b'1',"
       "18446744073709551615,1), "
       "(3,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL), "
       "(4,0,0,0,0,0,0,0,0.1,-0.0,1901,0,1,1)",
       "CREATE TABLE times (id int PRIMARY KEY, d date, dt datetime, d6 datetime(6), ts timestamp "
       "NULL, t6 "
       "timestamp(6) NULL, t time, tt time(6))",
       "INSERT INTO times VALUES "
       "(1,'0000-00-00','0000-00-00','0000-00-00',0,0,'00:00:00','00:00:00'), "
       "(2,'2024-02-00','2024-00-00 00:00:01','9999-12-31 23:59:59.999999','2038-01-19 03:14:07',"
       "'2038-01-19 03:14:07.999999','-838:59:59','-838:59:59.999999'), "
       "(3,'2021-02-31','0000-01-01',"
       "'1000-01-01 00:00:00.000001','1970-01-01 00:00:01','1970-01-01 "
       "00:00:01.000001','838:59:59',"
       "'-00:00:00.000001'), (4,NULL,NULL,NULL,NULL,NULL,NULL,NULL)",
       "CREATE TABLE texts (id int PRIMARY KEY, l varchar(100) CHARACTER SET latin1, u2 "
       "varchar(100) CHARACTER "
       "SET ucs2, u16 text CHARACTER SET utf16, u32 varchar(50) CHARACTER SET utf32, sj "
       "varchar(50) CHARACTER "
       "SET sjis, gb varchar(50) CHARACTER SET gbk, cy varchar(50) CHARACTER SET koi8r, c char(10) "
       "CHARACTER "
       "SET utf8mb4, bi binary(8), vb varbinary(300), tb tinyblob, lb longblob, tt tinytext, lt "
       "longtext, j "
       "json, e enum('a','b','ü') CHARACTER SET utf8mb4, st set('x','y','z'), i6 inet6, i4 inet4, "
       "u uuid)",
       "INSERT INTO texts VALUES (1,'é\\'\\\\\\0\\n\"','aé','😀x','😀','ソ','啊','привет','a  "
       "',X'00FF00',"
       "X'000102',X'',REPEAT(X'00FF',70000),'','ü','{\"a\": [1, null]}','ü','x,z','::1','1.2.3.4',"
       "'12345678-1234-5678-9abc-123456789abc'), "
       "(2,'','','','','','','','','','','','','','','[]','a','',"
       "'ffff::','0.0.0.0','00000000-0000-0000-0000-000000000000'), "
       "(3,NULL,NULL,NULL,NULL,NULL,NULL,NULL,"
       "NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL)",
       "INSERT INTO texts (id, e, st) VALUES (4, 'not a member', 'nor this'), (5, 0, 7)",
       "CREATE TABLE shapes (id int PRIMARY KEY, g geometry NOT NULL, p point, SPATIAL KEY (g))",
       "INSERT INTO shapes VALUES (1, ST_GeomFromText('POINT(1 2)', 4326), POINT(0, 0)), (2, "
       "ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 1))'), NULL)",
       "CREATE TABLE made (a int PRIMARY KEY, b int GENERATED ALWAYS AS (a * 2) STORED, c int "
       "GENERATED ALWAYS "
       "AS (a + 1) VIRTUAL, h int INVISIBLE DEFAULT 7, KEY (c), UNIQUE KEY (b))",
       "INSERT INTO made (a, h) VALUES (1, 1), (2, NULL)",
       "CREATE TABLE nothing_unique (a int, b varchar(10), KEY (a))",
       "INSERT INTO nothing_unique VALUES (1,'x'),(1,'x'),(NULL,NULL)",
       "CREATE TABLE `we``ird .table` (`co``l\"umn` int PRIMARY KEY, `sel ect` varchar(5) COMMENT "
       "'it''s, (ok')",
       "INSERT INTO `we``ird .table` VALUES (1, ''), (-1, 'ü')",
       "CREATE TABLE checked (a int PRIMARY KEY, b int CHECK (b > 0), CONSTRAINT both_ CHECK (a < "
       "b))",
       "SET check_constraint_checks = 0",
       "INSERT INTO checked VALUES (5, -1)",
       "CREATE TABLE searched (id int PRIMARY KEY, t text, u text, FULLTEXT KEY (t), FULLTEXT KEY "
       "ut (u, t))",
       "INSERT INTO searched VALUES (1, 'the quick fox', 'jumps')",
       "CREATE TABLE parts (id int NOT NULL, d date NOT NULL, PRIMARY KEY (id, d), KEY (d)) "
       "PARTITION BY RANGE "
       "(YEAR(d)) (PARTITION p0 VALUES LESS THAN (2020), PARTITION p1 VALUES LESS THAN MAXVALUE)",
       "INSERT INTO parts VALUES (1,'2019-01-01'),(2,'2026-01-01')",
       "CREATE TABLE second_counter (b int PRIMARY KEY, a int NOT NULL AUTO_INCREMENT, KEY k (a))",
       "INSERT INTO second_counter VALUES (9, 5)",
       "CREATE TABLE unique_only (a int NOT NULL, b int NOT NULL, UNIQUE KEY b (b), UNIQUE KEY a "
       "(a))",
       "INSERT INTO unique_only VALUES (1,2),(2,1)"});
  const auto report = restore(onto_, back_up(from_));
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_THAT(report->mismatches, IsEmpty());
  expect_same(from_, onto_);
  for (const char* table : {"numbers", "times", "texts", "shapes", "made"})
    EXPECT_EQ(ask(from_, std::string("CHECKSUM TABLE types.") + table + " EXTENDED"),
              ask(onto_, std::string("CHECKSUM TABLE types.") + table + " EXTENDED"));
}

TEST_F(RestoreTest, SequencesGoOnWhereTheyWere) {
  run(from_, {"CREATE DATABASE s",
              "CREATE SEQUENCE s.up START WITH 5 INCREMENT BY 3 MAXVALUE 1000 NOCACHE CYCLE",
              "DO NEXTVAL(s.up), NEXTVAL(s.up)",
              "CREATE TABLE s.t (id bigint NOT NULL DEFAULT NEXTVAL(s.up) PRIMARY KEY, x int)",
              "INSERT INTO s.t (x) VALUES (1)"});
  const auto report = restore(onto_, back_up(from_), {.rename = {{"s", "s 2"}}});
  ASSERT_TRUE(report) << report.error().text();
  run(onto_, {"INSERT INTO `s 2`.t (x) VALUES (2)"});
  EXPECT_EQ(ask(onto_, "SELECT GROUP_CONCAT(id) FROM `s 2`.t"), "11,14");
}

TEST_F(RestoreTest, WhatIsThereIsNeverOverwrittenUnasked) {
  make_openstack();
  const Backup backup = back_up(from_);
  run(onto_, {"CREATE DATABASE nova", "CREATE TABLE nova.precious (a int PRIMARY KEY)"});
  const auto refused = restore(onto_, backup);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kAlreadyExists);
  EXPECT_THAT(refused.error().text(),
              AllOf(HasSubstr("nova"), HasSubstr("Replace"), HasSubstr("rename")));
  EXPECT_EQ(
      ask(onto_, "SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = 'keystone'"),
      "0");
  EXPECT_EQ(ask(onto_, "SELECT COUNT(*) FROM nova.precious"), "0");
}

TEST_F(RestoreTest, ReplaceDropsTheSelectedSchemasOnly) {
  make_openstack();
  const auto nova = contents(back_up(from_, {"nova"}).model);
  const Backup backup = back_up(from_);
  run(from_, {"DROP TABLE nova.block_device_mapping", "CREATE TABLE nova.later (a int PRIMARY KEY)",
              "DELETE FROM nova.instances", "CREATE TABLE keystone.later (a int PRIMARY KEY)"});
  RestoreOptions options{.databases = {"nova"}, .existing = Existing::kReplace};
  const auto restorer = Restore::make(from_, options, backup.model, {});
  const auto plan = restorer->plan({});
  ASSERT_TRUE(plan && plan->ready());
  ASSERT_THAT(plan->schemas, SizeIs(1));
  EXPECT_EQ(plan->schemas[0].action, "Replace");
  EXPECT_THAT(plan->schemas[0].only_in_target, ::testing::ElementsAre("later"));
  EXPECT_THAT(plan->schemas[0].only_in_backup, ::testing::ElementsAre("block_device_mapping"));
  Progress progress;
  const auto report = restorer->run(*backup.rows, progress, {});
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_EQ(contents(back_up(from_, {"nova"}).model), nova);
  EXPECT_EQ(ask(from_, "SELECT COUNT(*) FROM nova.instances"), "11990");
  EXPECT_EQ(ask(from_, "SELECT COUNT(*) FROM keystone.later"), "0");
}

TEST_F(RestoreTest, TwiceGivesTheSame) {
  make_openstack();
  const Backup backup = back_up(from_);
  ASSERT_TRUE(restore(onto_, backup));
  const auto first = contents(back_up(onto_).model);
  const auto again = restore(onto_, backup, {.existing = Existing::kReplace});
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(contents(back_up(onto_).model), first);
}

TEST_F(RestoreTest, BesideTheLiveSchemaUnderAnotherName) {
  make_openstack();
  run(from_,
      {"USE nova", "CREATE VIEW v AS SELECT nova.id FROM instances AS nova JOIN keystone.project",
       "CREATE PROCEDURE p() SELECT 'nova.instances', COUNT(*) FROM nova.instances",
       "CREATE TRIGGER t BEFORE INSERT ON nova.empty_one FOR EACH ROW SET NEW.x = (SELECT COUNT(*) "
       "FROM nova.instances)"});
  const auto before = contents(back_up(from_).model);
  const Backup backup = back_up(from_, {"nova"});
  const auto report = restore(from_, backup, {.rename = {{"nova", "nova_restored"}}});
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_THAT(report->notes, Contains(HasSubstr("procedure")));
  run(from_, {"DELETE FROM nova.instances", "INSERT INTO nova_restored.empty_one (x) VALUES (0)"});
  EXPECT_EQ(ask(from_, "SELECT x FROM nova_restored.empty_one"), "11990");
  EXPECT_EQ(ask(from_, "SELECT COUNT(*) > 0 FROM nova_restored.v"), "1");
  run(from_, {"DROP DATABASE nova"});
  EXPECT_EQ(ask(from_, "SELECT COUNT(*) FROM nova_restored.v"), "35970");
}

TEST_F(RestoreTest, AccountsComeWithTheirPasswordsRolesAndGrants) {
  make_openstack();
  run(from_, {"CREATE ROLE reader", "CREATE ROLE auditor", "GRANT SELECT ON nova.* TO reader",
              "GRANT reader TO auditor", "CREATE USER nova_ab12@'%' IDENTIFIED BY 'secret'",
              "GRANT ALL ON nova.* TO nova_ab12@'%'",
              "CREATE USER boss@localhost IDENTIFIED BY 'x' REQUIRE SSL",
              "GRANT auditor TO boss@localhost WITH ADMIN OPTION",
              "SET DEFAULT ROLE auditor FOR boss@localhost",
              "GRANT SELECT (name) ON keystone.project TO reader",
              "CREATE DEFINER=nova_ab12@'%' VIEW nova.v AS SELECT id FROM nova.instances"});
  const Backup backup = back_up(from_, {}, Content::kAll);

  const auto refused = restore(onto_, backup);
  ASSERT_FALSE(refused) << "the view's definer is not there";
  EXPECT_THAT(refused.error().text(), AllOf(HasSubstr("nova_ab12@%"), HasSubstr("content: All")));

  const auto report = restore(onto_, backup, {.content = Content::kAll});
  ASSERT_TRUE(report) << report.error().text();
  // The bed's own account has another password on each cluster.
  auto expected = contents(backup.model);
  auto found = contents(back_up(onto_, {}, Content::kAll).model);
  expected.erase("account `sst`@`localhost`");
  found.erase("account `sst`@`localhost`");
  EXPECT_EQ(found, expected);
  EXPECT_THAT(report->notes, Contains(HasSubstr("accounts that exist keep their passwords")));
  Endpoint user = onto_;
  user.user = "nova_ab12";
  user.password = "secret";
  EXPECT_EQ(ask(user, "SELECT COUNT(*) FROM nova.v"), "11990");
}

TEST_F(RestoreTest, AccountsThatAreMadeInPartAreSaid) {
  run(from_, {"CREATE DATABASE app", "CREATE USER first@'%' IDENTIFIED BY 'x'"});
  Backup backup = back_up(from_, {"app"}, Content::kAll);
  std::erase_if(backup.model.accounts, [](const Account& a) { return a.name != "`first`@`%`"; });
  backup.model.accounts.push_back(
      {"`second`@`%`", false, {"CREATE USER `second`@`%` nothing of the kind"}, {}});
  for (const auto& [content, next] :
       {std::pair{Content::kAll, "run the restore again with existing: Replace"},
        std::pair{Content::kGrants, "run the restore again"}}) {
    const auto report = restore(onto_, backup, {.content = content});
    ASSERT_FALSE(report);
    EXPECT_THAT(report.error().text(),
                AllOf(HasSubstr("failed while making accounts; in place: accounts made in part"),
                      HasSubstr("cannot create the account `second`@`%`"), EndsWith(next)));
    EXPECT_EQ(ask(onto_, "SELECT COUNT(*) FROM mysql.global_priv WHERE User = 'first'"), "1");
  }
}

TEST_F(RestoreTest, AWarningFailsItAndNamesTheTable) {
  make_openstack();
  Backup backup = back_up(from_);
  for (Schema& schema : backup.model.schemas)
    for (Table& table : schema.tables)
      if (table.name == "project") {
        const std::string wide = "`name` varchar(64)";
        table.create_sql.replace(table.create_sql.find(wide), wide.size(), "`name` varchar(3)");
      }
  const auto report = restore(onto_, backup);
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().text(),
              AllOf(HasSubstr("a row of `keystone`.`project` was not taken as it is"),
                    HasSubstr("1265"), HasSubstr("in place:"), HasSubstr("2 of 2 schemas made")));
}

TEST_F(RestoreTest, ATableThatDiffersAfterwardsIsReported) {
  make_openstack();
  Backup backup = back_up(from_);
  for (Schema& schema : backup.model.schemas)
    for (Table& table : schema.tables)
      if (table.name == "instances") table.totals.digest[0] ^= std::byte{1};
  const auto report = restore(onto_, backup);
  ASSERT_TRUE(report) << report.error().text();
  ASSERT_THAT(report->mismatches, SizeIs(1));
  EXPECT_EQ(report->mismatches[0].table, "instances");
}

// One that another node fetches its state from, or that was taken out of flow control: it is read
// all the same, once it has applied what was committed.
TEST_F(RestoreTest, ATargetThatIsASyncedOneNoMoreIsComparedAllTheSame) {
  make_openstack();
  const Backup backup = back_up(from_);
  const auto everywhere = [&](const char* statement) {
    for (const Address& node : onto_.nodes) {
      Endpoint one = onto_;
      one.nodes = {node};
      run(one, {statement});
    }
  };
  Progress progress;
  progress.on_compare = [&] { everywhere("SET GLOBAL wsrep_desync = ON"); };
  const auto restorer = Restore::make(onto_, {}, backup.model, {});
  ASSERT_TRUE(restorer->block({}));
  const auto report = restorer->run(*backup.rows, progress, {});
  everywhere("SET GLOBAL wsrep_desync = OFF");
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_THAT(report->mismatches, IsEmpty());
}

TEST_F(RestoreTest, AStopEndsItSoonAndSaysWhatIsInPlace) {
  make_openstack();
  const Backup backup = back_up(from_);
  std::stop_source stop;
  backup.rows->before_chunk = [&]() -> Status {
    stop.request_stop();
    return {};
  };
  const auto report = restore(onto_, backup, {}, {}, stop.get_token());
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Code::kCancelled);
  EXPECT_THAT(report.error().text(),
              AllOf(HasSubstr("in place: 2 of 2 schemas made"), HasSubstr("Replace")));
}

TEST_F(RestoreTest, DamageInTheBackupIsCorruptionAndNotABrokenTable) {
  make_openstack();
  const Backup backup = back_up(from_);
  backup.rows->before_chunk = []() -> Status {
    return fail(Code::kCorruption, "pack 7 is damaged");
  };
  const auto report = restore(onto_, backup);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Code::kCorruption);
  EXPECT_THAT(report.error().text(), HasSubstr("pack 7 is damaged"));
}

TEST_F(RestoreTest, BlockedTrafficIsGivenBackAlsoAfterAFailure) {
  make_openstack();
  run(onto_, {"CREATE DATABASE app", "CREATE TABLE app.t (a int PRIMARY KEY)",
              "CREATE USER app@'%' IDENTIFIED BY 'app'", "GRANT ALL ON app.* TO app@'%'"});
  Endpoint app = onto_;
  app.user = "app";
  app.password = "app";
  const Backup backup = back_up(from_);
  Connection before = connect(app);
  std::string during;
  bool connection_ended = false;
  std::atomic<int> calls = 0;
  backup.rows->before_chunk = [&]() -> Status {
    if (calls++ > 0) return {};
    connection_ended = !before.exec("SELECT 1");
    for (const Address& node : onto_.nodes) {
      Endpoint one = app;
      one.nodes = {node};
      during += ask(one, "INSERT INTO app.t VALUES (1)") + "\n";
    }
    return fail(Code::kCorruption, "enough seen");
  };
  ASSERT_FALSE(restore(onto_, backup, {.block_traffic = true, .threads = 1}));
  EXPECT_TRUE(connection_ended);
  EXPECT_EQ(std::count(during.begin(), during.end(), '\n'), static_cast<int>(onto_.nodes.size()));
  EXPECT_THAT(during, HasSubstr("--read-only"));
  EXPECT_EQ(ask(onto_, "SELECT COUNT(*) FROM app.t"), "0");
  for (const Address& node : onto_.nodes) {
    Endpoint one = app;
    one.nodes = {node};
    EXPECT_EQ(ask(one, "SELECT @@GLOBAL.read_only"), "0");
  }
  backup.rows->before_chunk = {};
  const auto report =
      restore(onto_, backup, {.existing = Existing::kReplace, .block_traffic = true});
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_EQ(ask(onto_, "SELECT @@GLOBAL.read_only"), "0");
}

// A gate that a test opens behind our back.
class TestGate final : public TrafficGate {
 public:
  Status may_shut(std::stop_token /*stop*/) override { return allowed; }
  Status shut(std::stop_token /*stop*/) override {
    is_shut = true;
    return {};
  }
  Result<bool> keep_shut(std::stop_token /*stop*/) override { return !is_shut.exchange(true); }
  Status open() override {
    is_shut = false;
    ++opened;
    return {};
  }
  Status allowed;
  std::atomic<bool> is_shut{false};
  std::atomic<int> opened{0};
};

TEST_F(RestoreTest, WhereThereIsAGateItIsKeptShutAndNoNodeBecomesReadOnly) {
  run(from_, {"CREATE DATABASE app", "CREATE TABLE app.t (id INT PRIMARY KEY)",
              "INSERT INTO app.t VALUES (1)"});
  Backup backup = back_up(from_);
  run(onto_, {"CREATE OR REPLACE USER app IDENTIFIED BY 'app'"});
  Endpoint app = onto_;
  app.user = app.password = "app";
  Connection before = connect(app);
  const auto gate = std::make_shared<TestGate>();
  RestoreOptions options;
  options.block_traffic = true;
  options.gate = gate;
  std::atomic<int> calls = 0;
  bool ended = false;
  bool ended_again = false;
  std::string read_only;
  backup.rows->before_chunk = [&]() -> Status {
    if (calls++ > 0) return {};
    ended = !before.exec("SELECT 1");
    read_only = ask(onto_, "SELECT @@GLOBAL.read_only");
    gate->is_shut = false;
    Connection quick = connect(app);  // in the moment in which it stood open
    ended_again = eventually([&] { return !quick.exec("SELECT 1"); });
    EXPECT_TRUE(eventually([&] { return gate->is_shut.load(); })) << "it stays open";
    return fail(Code::kCorruption, "enough seen");
  };
  ASSERT_FALSE(restore(onto_, backup, options));
  EXPECT_TRUE(ended);
  EXPECT_TRUE(ended_again);
  EXPECT_EQ(read_only, "0");
  EXPECT_FALSE(gate->is_shut) << "also after a failure";
  EXPECT_EQ(gate->opened, 1);

  gate->allowed = fail(Code::kForbidden, "may not", "ask for it");
  options.existing = Existing::kReplace;
  const auto refused = restore(onto_, backup, options);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().text(), HasSubstr("the check Traffic failed: may not; ask for it"));
  EXPECT_EQ(gate->opened, 1) << "it was never shut";
}

// What a restore left whose process was killed.
TEST_F(RestoreTest, NodesThatWereLeftReadOnlyAreGivenBackAllButThoseThatWereSoBefore) {
  const auto read_only = [&](std::size_t i) {
    Endpoint one = onto_;
    one.nodes = {onto_.nodes[i]};
    return ask(one, "SELECT @@GLOBAL.read_only");
  };
  for (const Address& node : onto_.nodes) {
    Endpoint one = onto_;
    one.nodes = {node};
    run(one, {"SET GLOBAL read_only = 1"});
  }
  const std::string tool = std::getenv("GB_TEST_BED_TOOL");
  ASSERT_TRUE(give_back_traffic(onto_, {onto_.nodes[0].text(), onto_.nodes[2].text()}, {}));
  EXPECT_EQ(read_only(0), "1") << "it was so before the restore";
  EXPECT_EQ(read_only(1), "0");
  EXPECT_EQ(read_only(2), "1");
  ASSERT_EQ(std::system((tool + " node second/3 stop").c_str()), 0);
  const Status first = give_back_traffic(onto_, {}, {});
  EXPECT_EQ(std::system((tool + " node second/3 cont").c_str()), 0);
  ASSERT_FALSE(first) << "one that does not answer is not given back";
  EXPECT_EQ(first.error().code, Code::kUnavailable);
  EXPECT_THAT(first.error().text(), AllOf(HasSubstr("taken back on " + onto_.nodes[2].text() + ":"),
                                          HasSubstr("SET GLOBAL read_only = 0")));
  EXPECT_EQ(read_only(0), "0");
  EXPECT_EQ(read_only(1), "0");
  // It comes back into the group first.
  EXPECT_TRUE(eventually([&] { return give_back_traffic(onto_, {}, {}).has_value(); }));
  EXPECT_TRUE(eventually([&] { return read_only(2) == "0"; }));
}

// The last one, since tests run as they stand here: a node is killed, and brought back.
TEST_F(RestoreTest, TheTargetNodeDies) {
  make_openstack();
  const Backup backup = back_up(from_);
  const std::string tool = std::getenv("GB_TEST_BED_TOOL");
  Endpoint one = onto_;
  one.nodes.resize(1);
  std::atomic<int> calls = 0;
  backup.rows->before_chunk = [&]() -> Status {
    if (calls++ > 0) return {};
    EXPECT_EQ(std::system((tool + " node second/1 kill").c_str()), 0);
    return {};
  };
  const auto report = restore(one, backup);
  EXPECT_EQ(std::system((tool + " node second/1 start").c_str()), 0);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Code::kUnavailable);
  EXPECT_THAT(report.error().text(), AllOf(HasSubstr(one.nodes[0].text()), HasSubstr("in place:")));
}

}  // namespace
}  // namespace gb::galera::test
