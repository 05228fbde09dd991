// What is said before a restore touches anything: what stands in its way, and what is not known.
#include <gmock/gmock.h>

#include <cstdlib>
#include <thread>

#include "test/eventually.h"
#include "test/integration/galera/restore_support.h"

namespace gb::galera::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// "passed: …" or "failed: …", as the plan has it.
std::string check_of(const std::string& name, const Endpoint& target, const Backup& backup,
                     RestoreOptions options = {}) {
  const auto plan = Restore::make(target, std::move(options), backup.model, {})->plan({});
  EXPECT_TRUE(plan) << plan.error().text();
  for (const PreflightCheck& check : plan->preflight)
    if (check.check == name)
      return std::string(check.passed ? "passed" : "failed") + ": " + check.message;
  return "not made";
}

TEST_F(RestoreTest, ThePlanSaysEverythingThatStandsInTheWay) {
  make_openstack();
  run(from_, {"CREATE DEFINER=gone@'%' VIEW nova.v AS SELECT 1 AS a"});
  Backup backup = back_up(from_);
  backup.model.facts.server_version = "99.1.0-MariaDB";
  Schema& nova = backup.model.schemas.back();
  nova.sequences.push_back(
      {"q",
       "CREATE SEQUENCE `q` start with 1 minvalue 1 maxvalue 9 increment by 1 cache 1000 "
       "nocycle ENGINE=InnoDB",
       {"1", "1", "9", "1", "1", "1000", "0", "0"}});
  Program& event = nova.programs.emplace_back();
  event.kind = Program::Kind::kEvent;
  event.name = "e";
  event.time_zone = "Mars/Olympus";
  const auto failed = [](const Result<RestorePlan>& plan) {
    std::string out;
    for (const PreflightCheck& check : plan->preflight)
      if (!check.passed) out += check.check + ": " + check.message + "\n";
    return out;
  };
  const auto plan_of = [&](const Endpoint& target, RestoreOptions options = {}) {
    auto plan = Restore::make(target, std::move(options), backup.model, {})->plan({});
    EXPECT_TRUE(plan) << plan.error().text();
    return failed(plan);
  };
  EXPECT_THAT(plan_of(onto_), HasSubstr("ServerVersion: the target runs MariaDB"));
  backup.model.facts.server_version = "10.5.1-MariaDB";
  const std::string found = plan_of(from_);
  EXPECT_THAT(found, AllOf(HasSubstr("Schemas: the target already has keystone, nova"),
                           HasSubstr("Definers: "), HasSubstr("gone@% (view nova.v)"),
                           HasSubstr("SequenceCache: "), HasSubstr("`nova`.`q`"),
                           HasSubstr("TimeZones: the target does not know time zones"),
                           HasSubstr("Mars/Olympus (event `nova`.`e`)")));
  EXPECT_THAT(plan_of(onto_, {.databases = {"glance"}}),
              HasSubstr("the backup has no schema \"glance\""));
  EXPECT_THAT(plan_of(onto_, {.rename = {{"nova", "keystone"}}}),
              HasSubstr("would both become \"keystone\""));
  EXPECT_THAT(plan_of(onto_, {.rename = {{"nova", "mysql"}}}), HasSubstr("belongs to the server"));
  Endpoint wrong = onto_;
  wrong.password = "no";
  EXPECT_THAT(plan_of(wrong), HasSubstr("TargetReachable: "));
  EXPECT_EQ(restore(wrong, backup).error().code, Code::kForbidden);
  run(onto_,
      {"CREATE USER weak@'%' IDENTIFIED BY 'weak'", "GRANT SELECT, CREATE ON *.* TO weak@'%'"});
  Endpoint weak = onto_;
  weak.user = weak.password = "weak";
  EXPECT_THAT(plan_of(weak),
              AllOf(HasSubstr("Privileges: "), HasSubstr("weak@%"), HasSubstr("INSERT on")));
  EXPECT_EQ(ask(onto_,
                "SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME IN ('nova', "
                "'keystone')"),
            "0");
}

TEST_F(RestoreTest, WhatTheServerDoesNotTellIsSaidToBeUnknown) {
  run(from_, {"CREATE DATABASE app", "CREATE TABLE app.t (id INT PRIMARY KEY)"});
  Backup backup = back_up(from_);
  onto_.active_node = onto_.nodes[0].text();
  EXPECT_EQ(check_of("FreeSpace", onto_, backup),
            "passed: not known: the plugin DISKS is not loaded on the target");
  EXPECT_EQ(check_of("PageSize", onto_, backup), "passed: ");
  backup.model.facts.innodb_page_size = 65536;
  EXPECT_THAT(check_of("PageSize", onto_, backup),
              HasSubstr("passed: not known: the target has innodb_page_size 16384, the source"));
  EXPECT_EQ(check_of("Accounts", onto_, backup), "not made");
  EXPECT_THAT(check_of("Accounts", onto_, backup, {.content = Content::kGrants}),
              AllOf(HasSubstr("failed: the backup has no accounts"), HasSubstr("content: Data")));

  Endpoint one = onto_;  // the node that is asked
  one.nodes.resize(1);
  run(one, {"INSTALL SONAME 'disks'"});
  EXPECT_EQ(check_of("FreeSpace", onto_, backup), "passed: ");
  std::uint64_t& bytes = backup.model.schemas.front().tables.front().totals.bytes;
  bytes = std::uint64_t{1} << 60;
  EXPECT_THAT(check_of("FreeSpace", onto_, backup),
              AllOf(HasSubstr("failed: the target has "), HasSubstr("enlarge")));
  // What it replaces makes room for it.
  run(one,
      {"CREATE DATABASE app", "CREATE TABLE app.t (id INT PRIMARY KEY, b LONGTEXT)", "USE app",
       "INSERT INTO t SELECT seq, REPEAT('x', 1000000) FROM seq_1_to_60", "ANALYZE TABLE app.t"});
  // Who else writes to the disk in that moment is no matter of this test.
  std::string beside;
  std::string instead;
  for (int i = 0; i < 20 && (!beside.starts_with("failed: ") || instead != "passed: "); ++i) {
    bytes = std::stoull(ask(one,
                            "SELECT Available FROM information_schema.DISKS WHERE LOCATE(Path, "
                            "@@datadir) = 1 ORDER BY LENGTH(Path) DESC LIMIT 1")) *
                1024 +
            20'000'000;
    beside = check_of("FreeSpace", onto_, backup, {.rename = {{"app", "beside"}}});
    instead = check_of("FreeSpace", onto_, backup, {.existing = Existing::kReplace});
  }
  EXPECT_THAT(beside, HasSubstr("failed: the target has "));
  EXPECT_EQ(instead, "passed: ");
  bytes = std::uint64_t{1} << 60;
  EXPECT_THAT(check_of("FreeSpace", onto_, backup, {.existing = Existing::kReplace}),
              HasSubstr("free, the schemas that are replaced take "));
  run(one, {"DROP DATABASE app"});
  run(one, {"UNINSTALL SONAME 'disks'"});

  run(onto_, {"CREATE USER blind@'%' IDENTIFIED BY 'blind'", "GRANT ALL ON *.* TO blind@'%'",
              "REVOKE PROCESS ON *.* FROM blind@'%'"});
  onto_.user = onto_.password = "blind";
  EXPECT_THAT(check_of("SchemaChanges", onto_, backup),
              HasSubstr("passed: not known: without the privilege"));
}

TEST_F(RestoreTest, WhatTheTargetDoesNotHaveStandsInTheWay) {
  run(from_, {"CREATE DATABASE app", "CREATE TABLE app.t (id INT PRIMARY KEY) ENGINE=Aria",
              "CREATE USER here@'%' IDENTIFIED VIA mysql_native_password USING PASSWORD('x') OR "
              "unix_socket"});
  Backup backup = back_up(from_, {"app"}, Content::kAll);
  EXPECT_EQ(check_of("Engines", onto_, backup), "passed: ");
  EXPECT_EQ(check_of("TableNames", onto_, backup), "passed: ");
  EXPECT_EQ(check_of("LoginPlugins", onto_, backup), "not made") << "accounts are not restored";
  EXPECT_EQ(check_of("LoginPlugins", onto_, backup, {.content = Content::kAll}), "passed: ");
  backup.model.schemas.front().tables.front().totals.rows = 1;
  const auto plan = Restore::make(onto_, {}, backup.model, {})->plan({});
  ASSERT_TRUE(plan) << plan.error().text();
  EXPECT_THAT(plan->notes, testing::ElementsAre(HasSubstr("table app.t is of engine Aria"),
                                                AllOf(HasSubstr("alone"), HasSubstr("(Aria)"))));
  backup.model.schemas.front().tables.front().engine = "ROCKSDB";
  EXPECT_THAT(check_of("Engines", onto_, backup), HasSubstr("failed: the target does not have the "
                                                            "engines of tables of the backup: "
                                                            "`app`.`t` (ROCKSDB)"));
  EXPECT_EQ(check_of("Engines", onto_, backup, {.content = Content::kGrants}), "passed: ");
  backup.model.accounts.push_back(
      {"`far`@`%`", false, {"CREATE USER `far`@`%` IDENTIFIED VIA gssapi USING 'a'"}, {}});
  const RestoreOptions grants{.content = Content::kGrants};
  EXPECT_THAT(check_of("LoginPlugins", onto_, backup, grants),
              HasSubstr("failed: the target does not have the plugins by which accounts of the "
                        "backup log in: `far`@`%` (gssapi); load them there"));
  run(onto_, {"CREATE USER far@'%'"});
  EXPECT_EQ(check_of("LoginPlugins", onto_, backup, grants), "passed: ") << "it stays as it is";
}

TEST_F(RestoreTest, SettingsOfTheTargetThatRefuseWhatTheBackupHoldsStandInTheWay) {
  const auto everywhere = [&](const std::string& statement) {
    for (const Address& node : onto_.nodes) {
      Endpoint one = onto_;
      one.nodes = {node};
      run(one, {statement});
    }
  };
  run(from_,
      {"SET GLOBAL log_bin_trust_function_creators = 1", "CREATE DATABASE app",
       "CREATE TABLE app.keyless (i INT, UNIQUE KEY (i))", "CREATE TABLE app.t (i INT PRIMARY KEY)",
       "CREATE TABLE app.unique_key (i INT NOT NULL, UNIQUE KEY (i))",
       "CREATE FUNCTION app.odd() RETURNS INT RETURN 1",
       "CREATE FUNCTION app.even() RETURNS INT NO SQL RETURN 1",
       "CREATE TRIGGER app.tr BEFORE INSERT ON app.t FOR EACH ROW SET @a = 1",
       "CREATE USER judged@'%' IDENTIFIED BY 'judged'"});
  Backup backup = back_up(from_, {"app"}, Content::kAll);
  run(from_, {"SET GLOBAL log_bin_trust_function_creators = 0"});
  const RestoreOptions all{.content = Content::kAll};
  if (ask(onto_, "SELECT @@GLOBAL.log_bin") == "1") {
    EXPECT_THAT(check_of("Functions", onto_, backup),
                AllOf(HasSubstr("failed: the target writes a binary log"),
                      HasSubstr("READS SQL DATA: `app`.`odd`; SET GLOBAL")));
    EXPECT_EQ(restore(onto_, backup).error().code, Code::kInvalid);
    everywhere("SET GLOBAL log_bin_trust_function_creators = 1");
  }
  EXPECT_EQ(check_of("Functions", onto_, backup), "passed: ");

  EXPECT_EQ(check_of("PrimaryKeys", onto_, backup), "passed: ");
  everywhere("SET GLOBAL innodb_force_primary_key = ON");
  EXPECT_THAT(check_of("PrimaryKeys", onto_, backup),
              HasSubstr("failed: the target takes no tables without a primary key "
                        "(innodb_force_primary_key): `app`.`keyless`; SET GLOBAL"));
  everywhere("SET GLOBAL innodb_force_primary_key = OFF");

  EXPECT_EQ(check_of("Encryption", onto_, backup), "passed: ");
  std::string& create = backup.model.schemas.front().tables.front().create_sql;
  const std::string plain = create;
  for (const char* option : {" `ENCRYPTED`=YES", " `encrypted`='yes'"}) {
    create = plain + option;
    EXPECT_THAT(check_of("Encryption", onto_, backup),
                HasSubstr("failed: the target has no plugin with keys for tables that are "
                          "encrypted: `app`.`keyless`"));
  }
  create = plain;

  EXPECT_EQ(check_of("Passwords", onto_, backup, all), "passed: ");
  everywhere("INSTALL PLUGIN IF NOT EXISTS simple_password_check SONAME 'simple_password_check'");
  EXPECT_THAT(check_of("Passwords", onto_, backup, all),
              AllOf(HasSubstr("failed: the target's simple_password_check judges passwords"),
                    HasSubstr("`judged`@`%`")));
  everywhere("SET GLOBAL strict_password_validation = OFF");
  EXPECT_EQ(check_of("Passwords", onto_, backup, all), "passed: ");
  everywhere("UNINSTALL PLUGIN IF EXISTS simple_password_check");
  everywhere("SET GLOBAL strict_password_validation = ON");

  // Of an account with everything but SUPER: BINLOG ADMIN makes no triggers.
  run(onto_, {"CREATE USER admin@'%' IDENTIFIED BY 'admin'",
              "GRANT ALL ON *.* TO admin@'%' WITH GRANT OPTION"});
  Endpoint admin = onto_;
  admin.user = admin.password = "admin";
  everywhere("SET GLOBAL log_bin_trust_function_creators = 0");
  run(onto_, {"REVOKE SUPER ON *.* FROM admin@'%'"});
  EXPECT_THAT(check_of("Privileges", admin, backup), HasSubstr("on the target: SUPER on *.*;"));
  everywhere("SET GLOBAL log_bin_trust_function_creators = 1");
  EXPECT_EQ(check_of("Privileges", admin, backup), "passed: ");
  run(onto_, {"REVOKE SET USER ON *.* FROM admin@'%'"});
  EXPECT_THAT(check_of("Privileges", admin, backup), HasSubstr("on the target: SET USER on *.*;"));
  run(onto_, {"GRANT SUPER ON *.* TO admin@'%'"});
  EXPECT_EQ(check_of("Privileges", admin, backup), "passed: ") << "up to 10.11 it stands for that";

  EXPECT_EQ(check_of("Proxies", onto_, backup), "not made") << "accounts are not restored";
  for (Account& account : backup.model.accounts)
    if (account.name == "`judged`@`%`")
      account.grants.emplace_back("GRANT PROXY ON 'here'@'%' TO 'judged'@'%'");
  EXPECT_THAT(check_of("Proxies", admin, backup, all),
              AllOf(HasSubstr("failed: the user admin@% may not make accounts proxies"),
                    HasSubstr("`judged`@`%`")));
  const auto proxy_from = [](const std::string& host) {
    return "INSERT INTO mysql.proxies_priv (Host, User, Proxied_host, Proxied_user, With_grant, "
           "Grantor) VALUES ('" +
           host + "', 'admin', '', '', 1, '')";
  };
  everywhere(proxy_from("192.0.2.1"));
  EXPECT_THAT(check_of("Proxies", admin, backup, all), HasSubstr("failed: ")) << "from elsewhere";
  everywhere(proxy_from("%"));
  EXPECT_EQ(check_of("Proxies", admin, backup, all), "passed: ");
  everywhere("DELETE FROM mysql.proxies_priv WHERE User = 'admin'");
  run(from_, {"DROP USER judged@'%'"});
  everywhere("SET GLOBAL log_bin_trust_function_creators = 0");
}

TEST_F(RestoreTest, WhatIsNoSchemaAndNoAccountComesOrIsNamed) {
  // Of Debian's plugins one for FEDERATED, and one whose library holds a function, too.
  const auto install = [](const Endpoint& cluster) {
    for (const Address& node : cluster.nodes) {
      Endpoint one = cluster;
      one.nodes = {node};
      run(one, {"INSTALL PLUGIN IF NOT EXISTS FEDERATED SONAME 'ha_federatedx'"});
    }
  };
  install(from_);
  install(onto_);
  const std::string function =
      "CREATE FUNCTION `sphinx_snippets` RETURNS STRING SONAME 'ha_sphinx.so'";
  const Address& self = from_.nodes.front();
  run(from_, {function, "CREATE DATABASE app", "CREATE TABLE app.t (i INT PRIMARY KEY)",
              "INSERT INTO app.t VALUES (7)",
              "CREATE SERVER `far'away` FOREIGN DATA WRAPPER mysql OPTIONS (HOST '" + self.host +
                  "', PORT " + std::to_string(self.port) + ", USER '" + from_.user +
                  "', PASSWORD '" + from_.password + "', DATABASE 'app')",
              "CREATE TABLE app.f (i INT PRIMARY KEY) ENGINE=FEDERATED CONNECTION='far''away/t'",
              "CREATE VIEW app.v AS SELECT sphinx_snippets('a', 'b', 'c') AS s",
              "CREATE PROCEDURE app.p() SELECT Sphinx_Snippets('a', 'b', 'c')",
              "CREATE PROCEDURE app.other() SELECT app.sphinx_snippets('a')"});
  const Backup rows = back_up(from_, {"app"});
  const Backup backup = back_up(from_, {"app"}, Content::kAll);
  const RestoreOptions all{.content = Content::kAll};

  EXPECT_EQ(rows.model.foreign_servers.size(), 0) << "a password is no part of the rows";
  EXPECT_THAT(check_of("ForeignServers", onto_, rows),
              AllOf(HasSubstr("failed: the target does not have the servers (CREATE SERVER) that "
                              "tables of the backup name: `app`.`f` (far'away)"),
                    HasSubstr("content: All")));
  EXPECT_EQ(check_of("ForeignServers", onto_, backup, all), "passed: ") << "it comes with it";
  EXPECT_THAT(check_of("LibraryFunctions", onto_, rows),
              HasSubstr("failed: the target does not have functions of libraries that views of the "
                        "backup call: view `app`.`v`: " +
                        function));
  const auto plan = Restore::make(onto_, {}, rows.model, {})->plan({});
  ASSERT_TRUE(plan) << plan.error().text();
  EXPECT_THAT(plan->notes,
              testing::UnorderedElementsAre(
                  HasSubstr("table app.f is of engine FEDERATED"),
                  HasSubstr("FEDERATED table is made only while the server answers whose rows it "
                            "shows: `app`.`f`"),
                  HasSubstr("these fail until it is made there: procedure `app`.`p`")));
  EXPECT_EQ(restore(onto_, backup, all).error().code, Code::kInvalid);
  EXPECT_EQ(ask(onto_, "SELECT COUNT(*) FROM mysql.servers"), "0") << "nothing was touched";

  run(onto_, {function});
  EXPECT_EQ(check_of("LibraryFunctions", onto_, backup, all), "passed: ");
  const auto report = restore(onto_, backup, all);
  ASSERT_TRUE(report) << report.error().text();
  for (const Address& node : onto_.nodes) {
    Endpoint one = onto_;
    one.nodes = {node};
    EXPECT_EQ(ask(one, "SELECT COUNT(*) FROM mysql.servers WHERE Server_name = 'far''away'"), "1")
        << node.text();
  }
  run(from_, {"UPDATE app.t SET i = 8"});
  EXPECT_EQ(ask(onto_, "SELECT i FROM app.f"), "8") << "by the server that came";

  const auto again =
      restore(onto_, backup, {.content = Content::kAll, .existing = Existing::kReplace});
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_THAT(again->notes, testing::Contains("servers (CREATE SERVER) that exist are left as they "
                                              "are: `far'away`"));
  run(onto_, {"CREATE USER blind@'%' IDENTIFIED BY 'blind'", "GRANT ALL ON app.* TO blind@'%'"});
  Endpoint blind = onto_;
  blind.user = blind.password = "blind";
  EXPECT_THAT(check_of("ForeignServers", blind, rows), HasSubstr("passed: not known: the user"));
  EXPECT_THAT(check_of("LibraryFunctions", blind, rows), HasSubstr("passed: not known: the user"));
  run(from_, {"DROP FUNCTION sphinx_snippets"});
  run(onto_, {"DROP FUNCTION sphinx_snippets"});
}

// Without its checks a server lets go of the key that a foreign key refers to.
TEST_F(RestoreTest, AForeignKeyThatNoServerMakesAgainIsSaidAndLeftOut) {
  run(from_,
      {"CREATE DATABASE app", "USE app",
       "CREATE TABLE parent (i INT PRIMARY KEY, k INT, l INT, KEY k (k), KEY l (l))",
       "CREATE TABLE child (i INT PRIMARY KEY, k INT, l INT, CONSTRAINT lost FOREIGN KEY (k) "
       "REFERENCES parent (k), CONSTRAINT kept FOREIGN KEY (l) REFERENCES parent (l), "
       "CONSTRAINT nowhere FOREIGN KEY (l) REFERENCES parent (l) ON DELETE CASCADE)",
       "INSERT INTO parent VALUES (1, 1, 1)", "INSERT INTO child VALUES (1, 1, 1)",
       "SET foreign_key_checks = 0", "ALTER TABLE parent DROP KEY k"});
  const Backup backup = back_up(from_);
  const auto plan = Restore::make(onto_, {}, backup.model, {})->plan({});
  ASSERT_TRUE(plan) << plan.error().text();
  EXPECT_THAT(plan->notes,
              testing::ElementsAre(HasSubstr("the foreign key `lost` of `app`.`child` refers")));
  const auto report = restore(onto_, backup);
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_THAT(
      report->notes,
      testing::Contains(HasSubstr("the foreign key `lost` of `app`.`child` was not made: ")));
  EXPECT_EQ(ask(onto_,
                "SELECT GROUP_CONCAT(CONSTRAINT_NAME ORDER BY 1) FROM "
                "information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = 'app'"),
            "kept,nowhere");
}

// MariaDB 10.11 and 11.0 took rights out of SUPER.
TEST_F(RestoreTest, WhatSuperMeansNoMoreIsSaid) {
  run(from_,
      {"CREATE DATABASE app", "CREATE USER dba@'%'", "GRANT SUPER, PROCESS ON *.* TO dba@'%'"});
  Backup backup = back_up(from_, {"app"}, Content::kAll);
  run(from_, {"DROP USER dba@'%'"});
  const auto notes = [&] {
    const auto plan = Restore::make(onto_, {.content = Content::kAll}, backup.model, {})->plan({});
    EXPECT_TRUE(plan) << plan.error().text();
    return plan->notes;
  };
  EXPECT_THAT(notes(), testing::Not(testing::Contains(HasSubstr("SUPER means less"))));
  backup.model.facts.server_version = "10.5.23-MariaDB";
  EXPECT_THAT(notes(), testing::Contains(AllOf(HasSubstr("SUPER means less on MariaDB"),
                                               HasSubstr("READ_ONLY ADMIN: `dba`@`%`"))));
}

TEST_F(RestoreTest, ATargetWithoutAPrimaryNodeStandsInTheWay) {
  run(from_, {"CREATE DATABASE app"});
  const Backup backup = back_up(from_);
  Endpoint isolated = onto_;
  isolated.nodes = {onto_.nodes[2]};
  const std::string tool = std::getenv("GB_TEST_BED_TOOL");
  ASSERT_EQ(std::system((tool + " node second/3 isolate").c_str()), 0);
  EXPECT_EQ(check_of("TargetPrimary", isolated, backup),
            "failed: no node of \"openstack-dr\" is part of a primary component; wait until the "
            "cluster has a quorum, or bootstrap it");
  EXPECT_EQ(check_of("TargetSynced", isolated, backup), "not made") << "the rest is not looked at";
  const auto refused = restore(isolated, backup);
  // One of several is no hindrance: it is restored through another.
  EXPECT_EQ(check_of("TargetPrimary", onto_, backup), "passed: ");
  EXPECT_EQ(check_of("TargetSynced", onto_, backup), "passed: ");
  EXPECT_EQ(std::system((tool + " node second/3 rejoin").c_str()), 0);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kUnavailable);
  EXPECT_THAT(refused.error().text(), HasSubstr("nothing was changed"));
}

TEST_F(RestoreTest, ATargetThatIsBehindStandsInTheWay) {
  run(from_, {"CREATE DATABASE app"});
  const Backup backup = back_up(from_);
  Endpoint donor = onto_;
  donor.nodes = {onto_.nodes[1]};
  const std::string name = donor.nodes.front().text();
  run(donor, {"SET GLOBAL wsrep_desync = ON"});
  EXPECT_EQ(
      check_of("TargetSynced", donor, backup),
      "failed: no node of instance \"openstack-dr\" is Primary and Synced (" + name +
          ": in state Donor/Desynced); wait until one of them is Synced: a donor is, when it has "
          "caught up; one that was taken out by hand comes back by SET GLOBAL wsrep_desync = "
          "OFF");
  EXPECT_EQ(check_of("ServerVersion", donor, backup), "not made");
  EXPECT_EQ(check_of("TargetSynced", onto_, backup), "passed: ");
  run(donor, {"SET GLOBAL wsrep_desync = OFF"});
  EXPECT_TRUE(eventually([&] { return check_of("TargetSynced", donor, backup) == "passed: "; }));
}

TEST_F(RestoreTest, WhatFollowsIsNotRestoredOntoItsSource) {
  run(from_, {"CREATE DATABASE app"});
  const Backup backup = back_up(from_);
  const RestoreOptions following{.existing = Existing::kReplace, .not_the_source = true};
  EXPECT_EQ(check_of("NotTheSource", from_, backup, following),
            "failed: \"openstack\" is the cluster that the backup was taken from (" +
                backup.model.facts.cluster_uuid + "); name another cluster in spec.targets");
  EXPECT_EQ(check_of("NotTheSource", onto_, backup, following), "passed: ");
  EXPECT_EQ(check_of("NotTheSource", from_, backup, {.existing = Existing::kReplace}), "not made")
      << "who restores once may take a cluster back";
  const auto refused = restore(from_, backup, following);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kInvalid);
}

TEST_F(RestoreTest, HistoryIsNoHindranceWhereItCanBeWritten) {
  run(from_, {"CREATE DATABASE app",
              "CREATE TABLE app.t (id INT PRIMARY KEY) WITH SYSTEM "
              "VERSIONING",
              "INSERT INTO app.t VALUES (1)", "DELETE FROM app.t"});
  // Where it cannot, test/integration/fidelity/versions tells.
  EXPECT_EQ(check_of("History", onto_, back_up(from_)), "passed: ");
}

TEST_F(RestoreTest, ASchemaChangeOnAnyNodeStandsInTheWay) {
  run(from_, {"CREATE DATABASE app", "CREATE TABLE app.t (id INT PRIMARY KEY)"});
  const Backup backup = back_up(from_);
  run(onto_, {"CREATE DATABASE busy", "CREATE TABLE busy.t (a int PRIMARY KEY)"});
  Endpoint through = onto_;  // the node that the restore would write through
  through.active_node = onto_.nodes[0].text();
  const auto changes = [&] {
    const auto plan = Restore::make(through, {}, backup.model, {})->plan({});
    EXPECT_TRUE(plan) << plan.error().text();
    for (const PreflightCheck& check : plan->preflight)
      if (check.check == "SchemaChanges") return check;
    return PreflightCheck{};
  };
  EXPECT_TRUE(changes().passed);
  Endpoint other = onto_;
  other.nodes = {onto_.nodes[1]};
  std::jthread changer;  // ends after the lock that it waits for, whatever fails
  Connection holder = connect(onto_);
  ASSERT_TRUE(holder.exec("LOCK TABLES busy.t READ"));
  changer = std::jthread(
      [&] { run(other, {"/* expand */ ALTER TABLE busy.t ADD COLUMN b int, ALGORITHM=COPY"}); });
  PreflightCheck check;
  ASSERT_TRUE(eventually([&] {  // it has come to this node
    check = changes();
    return !check.passed;
  }));
  EXPECT_EQ(check.message,
            "the target's schemas are being changed: /* expand */ ALTER TABLE busy.t ADD COLUMN b "
            "int, ALGORITHM=COPY (system user); wait until that has ended, or end it (KILL)");
  const auto refused = restore(onto_, backup);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kConflict);
  ASSERT_TRUE(holder.exec("UNLOCK TABLES"));
  changer.join();
  EXPECT_TRUE(changes().passed);
}

}  // namespace
}  // namespace gb::galera::test
