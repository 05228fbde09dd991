// The scratch server and what is fed to it, with the mariadbd that is installed. No cluster is
// needed: it is the only server here.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "galera/connection.h"
#include "galera/engine.h"
#include "galera/introspect.h"
#include "galera/programs.h"
#include "galera/sandbox.h"
#include "galera/scratch_server.h"
#include "galera/server_version.h"
#include "galera/snapshot.h"
#include "galera/sql_script.h"
#include "test/unit/galera/memory_source.h"

namespace gb::galera {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

Schema& add_schema(InstanceModel& model) {
  Schema& schema = model.schemas.emplace_back();
  schema.name = "s";
  schema.character_set = "utf8mb4";
  schema.collation = "utf8mb4_general_ci";
  return schema;
}

class ScratchServerTest : public testing::Test {
 protected:
  ScratchServerTest() {
    std::string name = (fs::temp_directory_path() / "gb-place-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    place_ = name;
  }
  ~ScratchServerTest() override {
    std::error_code ignored;
    fs::remove_all(place_, ignored);
  }
  [[nodiscard]] Result<std::unique_ptr<ScratchServer>> start(std::stop_token stop = {},
                                                             ScratchOptions options = {}) const {
    GB_TRY_ASSIGN(const ServerPrograms programs, find_server_programs("", stop));
    options.place = place_;
    return ScratchServer::start(programs, options, stop);
  }
  [[nodiscard]] static Connection connect(const ScratchServer& server) {
    const Endpoint endpoint = server.endpoint("i");
    auto connection = Connection::open(endpoint, endpoint.nodes.front(), {}, {});
    if (!connection) throw std::runtime_error(connection.error().text());
    return std::move(*connection);
  }
  [[nodiscard]] std::vector<std::string> folders() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(place_))
      names.push_back(entry.path().filename().string());
    return names;
  }
  [[nodiscard]] pid_t server_pid() const {
    std::ifstream file(place_ / folders().at(0) / "pid");
    pid_t pid = 0;
    file >> pid;
    return pid;
  }
  [[nodiscard]] static Result<ScriptReport> feed(Connection& connection, std::string text,
                                                 const std::vector<unsigned>& tolerated = {}) {
    SqlScript script([text = std::move(text),
                      at = std::size_t{0}](std::span<char> into) mutable -> Result<std::size_t> {
      const std::size_t size = std::min(into.size(), text.size() - at);
      std::memcpy(into.data(), text.data() + at, size);
      at += size;
      return size;
    });
    return run_script(connection, script, {.tolerated = tolerated});
  }
  fs::path place_;
};

TEST_F(ScratchServerTest, ItAnswersOnASocketOfItsOwnAloneAndLeavesNothing) {
  auto server = start();
  ASSERT_TRUE(server) << server.error().text();
  ASSERT_EQ(folders().size(), 1U);
  struct stat about{};
  ASSERT_EQ(::stat((place_ / folders()[0]).c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0700U);
  const pid_t pid = server_pid();
  ASSERT_GT(pid, 1);
  {
    Connection connection = connect(**server);
    EXPECT_EQ(*connection.scalar("SELECT @@skip_networking"), Cell("1"));
    EXPECT_EQ(*connection.scalar("SELECT @@wsrep_on"), Cell("0"));
    // Neither reads nor writes files of the machine.
    EXPECT_FALSE(connection.exec("SELECT 1 INTO OUTFILE '/tmp/gb-out-of-scratch'"));
    EXPECT_FALSE(connection.scalar("SELECT LENGTH(LOAD_FILE('/etc/hostname'))")->has_value());
  }
  EXPECT_GT((*server)->free_bytes(), 0U);
  server->reset();
  EXPECT_THAT(folders(), IsEmpty());
  EXPECT_NE(::kill(pid, 0), 0) << "the server runs on";
}

// Neither what an account of its own may set, nor where a table says that it lies.
TEST_F(ScratchServerTest, WhateverItIsToldNothingComesToBeOutsideOfItsFolder) {
  const auto sandbox = Sandbox::make(place_.string());
  ASSERT_TRUE(sandbox) << sandbox.error().text();
  auto server = start();
  ASSERT_TRUE(server) << server.error().text();
  const fs::path outside = place_ / "outside";
  fs::create_directory(outside);
  fs::permissions(outside, fs::perms::all);
  Connection connection = connect(**server);
  ASSERT_TRUE(connection.exec("CREATE DATABASE s"));
  const std::string directory = " DATA DIRECTORY='" + outside.string() + "'";
  for (const std::string& sql :
       {"CREATE TABLE s.i (a int) ENGINE=InnoDB" + directory,
        "CREATE TABLE s.m (a int) ENGINE=MyISAM" + directory + " INDEX DIRECTORY='" +
            outside.string() + "'",
        "CREATE TABLE s.p (a int) PARTITION BY RANGE (a) (PARTITION p VALUES LESS THAN (1)" +
            directory + ")"}) {
    const Status made = connection.exec(sql);
    EXPECT_TRUE(made) << sql << ": " << made.error().text();
  }
  EXPECT_TRUE(fs::is_empty(outside));
  if (!sandbox->lacking().empty()) GTEST_SKIP() << sandbox->lacking();
  (void)connection.exec("SET GLOBAL general_log_file = '" + (outside / "x").string() + "'");
  (void)connection.exec("SET GLOBAL general_log = ON");
  (void)connection.exec("SET GLOBAL slow_query_log_file = '" + (outside / "y").string() + "'");
  (void)connection.exec("SET GLOBAL slow_query_log = ON");
  EXPECT_TRUE(connection.exec("DO 1"));
  EXPECT_TRUE(fs::is_empty(outside));
}

// No folder of the source is here, and what is compared is the table, not where it lies.
TEST_F(ScratchServerTest, ATableOfAnotherFolderIsRestoredIntoItsOwn) {
  auto server = start();
  ASSERT_TRUE(server) << server.error().text();
  InstanceModel model;
  Schema& schema = add_schema(model);
  const auto add = [&](const std::string& name, const std::string& options) {
    Table& table = schema.tables.emplace_back();
    table.name = name;
    table.engine = "InnoDB";
    table.columns.emplace_back().name = "a";
    table.columns[0].kind = ValueKind::kSigned;
    table.columns[0].data_type = "int";
    table.columns[0].column_type = "int(11)";
    table.primary_key = {"a"};
    table.create_sql = "CREATE TABLE `" + name +
                       "` (\n  `a` int(11) NOT NULL,\n  PRIMARY KEY (`a`)\n) ENGINE=InnoDB "
                       "DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci" +
                       options;
  };
  add("whole", " COMMENT='DATA DIRECTORY' DATA DIRECTORY='/no/such/'");
  add("parts",
      "\n PARTITION BY RANGE (`a`)\n(PARTITION `p` VALUES LESS THAN (1) DATA DIRECTORY = "
      "'/no/such' ENGINE = InnoDB)");
  MemorySource source;
  Progress progress;
  const auto restore = Restore::make((*server)->endpoint("i"), {}, model, {});
  const auto report = restore->run(source, progress, {});
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_THAT(report->mismatches, IsEmpty());
  EXPECT_EQ(*(*server)->compare_definitions(model, {}), "");
}

TEST_F(ScratchServerTest, ATextThatMakesSomethingElseStandsInTheWayBeforeAnythingIsMade) {
  auto server = start();
  ASSERT_TRUE(server) << server.error().text();
  InstanceModel model;
  Schema& schema = add_schema(model);
  Program& trigger = schema.programs.emplace_back();
  trigger.kind = Program::Kind::kTrigger;
  trigger.name = "t";
  trigger.table = "x";
  trigger.create_sql = "CREATE USER evil";
  MemorySource source;
  Progress progress;
  const auto restore = Restore::make((*server)->endpoint("i"), {}, model, {});
  const auto report = restore->run(source, progress, {});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Code::kCorruption);
  EXPECT_THAT(report.error().message,
              AllOf(HasSubstr("nothing was changed"), HasSubstr("trigger `s`.`t` (CREATE)")));
  Connection connection = connect(**server);
  EXPECT_EQ(*connection.scalar("SELECT COUNT(*) FROM mysql.user WHERE User = 'evil'"), Cell("0"));
  EXPECT_EQ(*connection.scalar("SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE "
                               "SCHEMA_NAME = 's'"),
            Cell("0"));
}

TEST_F(ScratchServerTest, ItsPagesAreAsLargeAsThoseOfTheSource) {
  for (const std::uint64_t size : {4096, 65536}) {
    ScratchOptions options;
    options.page_size = size;
    auto server = start({}, options);
    ASSERT_TRUE(server) << server.error().text();
    Connection connection = connect(**server);
    EXPECT_EQ(*connection.scalar("SELECT @@innodb_page_size"), Cell(std::to_string(size)));
  }
}

TEST_F(ScratchServerTest, WhatKilledProcessesLeftGoesWithTheNextAndWhatLivesStays) {
  const auto make = [&](const char* name) {
    fs::create_directories(place_ / name / "data");
    std::ofstream(place_ / name / "lock") << "";
  };
  make("gb-scratch-dead00");
  make("gb-scratch-alive0");
  make("another");
  const int lock = ::open((place_ / "gb-scratch-alive0" / "lock").c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_EQ(::flock(lock, LOCK_EX | LOCK_NB), 0);
  {
    auto server = start();
    ASSERT_TRUE(server) << server.error().text();
  }
  EXPECT_THAT(folders(), testing::UnorderedElementsAre("gb-scratch-alive0", "another"));
  ::close(lock);
}

TEST_F(ScratchServerTest, StartingCanBeStoppedAndLeavesNothing) {
  std::stop_source stop;
  const std::jthread soon([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(150));
    stop.request_stop();
  });
  const auto server = start(stop.get_token());
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().code, Code::kCancelled) << server.error().text();
  EXPECT_THAT(folders(), IsEmpty());
}

// Its account may come with the backup, or be one that the backup does not hold.
TEST_F(ScratchServerTest, ARoleThatProgramsRunAsIsMadeAsARole) {
  auto server = start();
  ASSERT_TRUE(server) << server.error().text();
  InstanceModel model;
  model.accounts.push_back({"`brought`", true, {"CREATE ROLE `brought`"}, {}});
  Schema& schema = model.schemas.emplace_back();
  for (const char* definer : {"brought@", "missing@", "user@%"}) {
    Program& view = schema.programs.emplace_back();
    view.definer = definer;
  }
  const Status ready = (*server)->make_ready(model, {});
  ASSERT_TRUE(ready) << ready.error().text();
  Connection connection = connect(**server);
  const Status brought = connection.exec(model.accounts.front().create.front());
  EXPECT_TRUE(brought) << brought.error().text();
  EXPECT_EQ(*connection.scalar("SELECT GROUP_CONCAT(User, Host, is_role ORDER BY User) FROM "
                               "mysql.user WHERE User IN ('brought', 'missing', 'user')"),
            Cell("broughtY,missingY,user%N"));
}

// What a restore has made is compared in its words, whatever it is.
TEST_F(ScratchServerTest, EveryDefinitionThatIsAnotherIsNamed) {
  auto server = start();
  ASSERT_TRUE(server) << server.error().text();
  Connection connection = connect(**server);
  const auto run = [&](std::initializer_list<const char*> statements) {
    for (const char* statement : statements) {
      const Status done = connection.exec(statement);
      ASSERT_TRUE(done) << statement << ": " << done.error().text();
    }
  };
  run({"CREATE DATABASE s", "USE s", "CREATE TABLE t (i int PRIMARY KEY)",
       "CREATE TABLE gone (i int)", "CREATE SEQUENCE seq INCREMENT BY 2",
       "CREATE VIEW v AS SELECT i FROM t", "CREATE VIEW broken AS SELECT i FROM gone",
       "DROP TABLE gone", "CREATE PROCEDURE p() SELECT 1",
       "CREATE FUNCTION f() RETURNS int RETURN 1",
       "CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET @a = 1",
       "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DISABLE DO SET @a = 1"});
  InstanceModel model;
  const Endpoint endpoint = (*server)->endpoint("i");
  auto reader = open_dump_connection(endpoint, endpoint.nodes.front(), {});
  ASSERT_TRUE(reader) << reader.error().text();
  auto definitions = read_definitions(*reader, {"s"}, {});
  ASSERT_TRUE(definitions) << definitions.error().text();
  model.schemas = std::move(definitions->schemas);
  auto programs = read_programs(*reader, "s");
  ASSERT_TRUE(programs) << programs.error().text();
  model.schemas.front().programs = std::move(*programs);

  // The view that was broken then is not made again, and an event's state is each node's own.
  run({"DROP VIEW broken", "ALTER EVENT e ENABLE"});
  EXPECT_EQ(*(*server)->compare_definitions(model, {}), "");
  struct Change {
    const char* drop;
    const char* other;
    const char* back;
    const char* said;
  };
  for (const Change& change : std::initializer_list<Change>{
           {"DROP VIEW v", "CREATE VIEW v AS SELECT i + 0 FROM t",
            "CREATE VIEW v AS SELECT i FROM t", "view `s`.`v` was altered"},
           {"DROP PROCEDURE p", "CREATE PROCEDURE p() SELECT 2", "CREATE PROCEDURE p() SELECT 1",
            "procedure `s`.`p` was altered"},
           {"DROP FUNCTION f", "CREATE FUNCTION f() RETURNS int COMMENT 'c' RETURN 1",
            "CREATE FUNCTION f() RETURNS int RETURN 1", "function `s`.`f` was altered"},
           {"DROP TRIGGER tr", "CREATE TRIGGER tr AFTER INSERT ON t FOR EACH ROW SET @a = 1",
            "CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET @a = 1",
            "trigger `s`.`tr` was altered"},
           {"ALTER TABLE t COMMENT 'c'", "DO 1", "ALTER TABLE t COMMENT ''",
            "table `s`.`t` was altered"},
           {"DROP SEQUENCE seq", "DO 1", "CREATE SEQUENCE seq INCREMENT BY 2",
            "sequence `s`.`seq` was dropped"},
           {"DROP EVENT e", "CREATE EVENT e ON SCHEDULE EVERY 2 DAY DO SET @a = 1", "DO 1",
            "event `s`.`e` was altered"}}) {
    run({change.drop, change.other});
    EXPECT_THAT(*(*server)->compare_definitions(model, {}), HasSubstr(change.said));
    if (std::string_view(change.other) != "DO 1") run({change.drop});
    run({change.back});
  }
}

TEST_F(ScratchServerTest, AServerThatDiesIsExplainedByItsLog) {
  auto server = start();
  ASSERT_TRUE(server) << server.error().text();
  Connection connection = connect(**server);
  ASSERT_EQ(::kill(server_pid(), SIGABRT), 0);
  const Status lost = connection.exec("SELECT SLEEP(20)");
  ASSERT_FALSE(lost);
  const Error explained = (*server)->explain(lost.error());
  EXPECT_THAT(explained.message,
              AllOf(HasSubstr("scratch server ended with code"), HasSubstr("its log with: ")));
}

TEST_F(ScratchServerTest, WhereItCannotLieIsSaid) {
  const auto programs = find_server_programs("", {});
  ASSERT_TRUE(programs) << programs.error().text();
  ScratchOptions options;
  options.place = place_ / "none";
  EXPECT_THAT(ScratchServer::start(*programs, options, {}).error().message,
              HasSubstr("there is no folder"));
  options.place = place_ / std::string(90, 'x');
  fs::create_directory(options.place);
  EXPECT_THAT(ScratchServer::start(*programs, options, {}).error().message, HasSubstr("too long"));
  EXPECT_TRUE(fs::is_empty(options.place));
}

TEST_F(ScratchServerTest, ProgramsThatAreNotThereAreSaid) {
  EXPECT_EQ(find_server_programs("/no/mariadbd", {}).error().code, Code::kNotFound);
  const auto other = find_server_programs("/bin/true", {});
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error().message, HasSubstr("/bin/true"));
  EXPECT_TRUE(is_newer_series("11.4.1-MariaDB", "10.11.19-MariaDB-log"));
  EXPECT_TRUE(is_newer_series("10.11.1", "10.5.23-MariaDB"));
  EXPECT_FALSE(is_newer_series("10.11.30-MariaDB", "10.11.2-MariaDB"));
  EXPECT_FALSE(is_newer_series("", "10.11.2-MariaDB"));
}

TEST_F(ScratchServerTest, AScriptEndsAtTheFirstStatementThatIsRefusedWhichIsNamedWithoutData) {
  auto server = start();
  ASSERT_TRUE(server) << server.error().text();
  Connection connection = connect(**server);
  const auto refused = feed(connection,
                            "CREATE DATABASE a; USE a;\nCREATE TABLE t (i int PRIMARY KEY);\n"
                            "INSERT INTO `t` VALUES (4711);\n\nINSERT INTO `t` VALUES (4711);\n"
                            "INSERT INTO `t` VALUES (2);");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kInvalid);
  EXPECT_EQ(refused.error().message,
            "statement 5 (line 5, INSERT INTO `t`) was refused by the server with error 1062");
  EXPECT_EQ(*connection.scalar("SELECT COUNT(*) FROM a.t"), Cell("1"));

  const auto tolerated = feed(connection, "SELECT * FROM a.nowhere; SELECT 1;", {1146});
  ASSERT_TRUE(tolerated) << tolerated.error().text();
  EXPECT_EQ(tolerated->statements, 2U);
  EXPECT_THAT(tolerated->notes, ElementsAre(HasSubstr("error 1146")));
}

TEST_F(ScratchServerTest, AScriptThatChangesTheSqlModeIsSplitAsTheServerReadsIt) {
  auto server = start();
  ASSERT_TRUE(server) << server.error().text();
  Connection connection = connect(**server);
  const auto report =
      feed(connection,
           "CREATE DATABASE a; USE a; CREATE TABLE t (v text);\n"
           "/*!50003 SET sql_mode = 'NO_BACKSLASH_ESCAPES' */ ;\nDELIMITER ;;\n"
           "/*!50003 CREATE*/ /*!50003 TRIGGER g BEFORE INSERT ON t FOR EACH ROW BEGIN SET NEW.v = "
           "CONCAT(NEW.v, 'C:\\'); END */;;\nDELIMITER ;\n"
           "/*!50003 SET sql_mode = '' */ ;\nINSERT INTO t VALUES ('it\\'s; so ');\n");
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_THAT(report->notes, IsEmpty());
  EXPECT_EQ(*connection.scalar("SELECT v FROM a.t"), Cell("it's; so C:\\"));
}

TEST_F(ScratchServerTest, AWarningIsANote) {
  auto server = start();
  ASSERT_TRUE(server) << server.error().text();
  Connection connection = connect(**server);
  const auto report = feed(connection,
                           "CREATE DATABASE a; USE a; CREATE TABLE t (v varchar(2));\n"
                           "SET sql_mode = ''; INSERT INTO t VALUES ('secret');");
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_THAT(report->notes, ElementsAre(AllOf(HasSubstr("INSERT INTO"), HasSubstr("warning 1265"),
                                               Not(HasSubstr("secret")))));
}

}  // namespace
}  // namespace gb::galera
