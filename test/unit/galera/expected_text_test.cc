// The texts of a backup: what servers print passes, and whatever else stands in its place does not.
#include "galera/expected_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "galera/export.h"
#include "test/unit/galera/memory_source.h"

namespace gb::galera {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Kind = Program::Kind;

class ExpectedText : public testing::Test {
 protected:
  ExpectedText() {
    schema().name = "nova";
    schema().character_set = "utf8mb4";
    schema().collation = "utf8mb4_general_ci";
  }
  Schema& schema() {
    return model_.schemas.empty() ? model_.schemas.emplace_back() : model_.schemas[0];
  }

  // The finding about one program, or "".
  std::string program(Kind kind, const std::string& name, const std::string& sql,
                      const std::string& sql_mode = {}, const std::string& client = "utf8mb4") {
    schema().programs.clear();
    Program& p = schema().programs.emplace_back();
    p.kind = kind;
    p.name = name;
    p.table = "t";
    p.create_sql = sql;
    p.sql_mode = sql_mode;
    p.character_set_client = client;
    p.view_columns = {"a"};
    return found();
  }
  std::string account(const std::vector<std::string>& create,
                      const std::vector<std::string>& grants = {}) {
    model_.accounts = {{"`r`", true, {"CREATE ROLE `r`"}, {}}, {"`u`@`%`", false, create, grants}};
    return found();
  }
  std::string server(const std::string& sql) {
    model_.foreign_servers = {{"s", sql}};
    return found();
  }
  std::string found() {
    const auto all = unexpected_texts(model_, {&schema()}, true);
    EXPECT_LE(all.size(), 1U);
    return all.empty() ? "" : all[0];
  }

  InstanceModel model_;
};

TEST_F(ExpectedText, ProgramsAsServersPrintThemPass) {
  struct One {
    Kind kind;
    const char* name;
    const char* sql;
    const char* mode = "";
    const char* client = "utf8mb4";
  };
  const std::string definer = "CREATE DEFINER=`root`@`localhost` ";
  for (const One& one : std::initializer_list<One>{
           {Kind::kView, "v",
            "CREATE ALGORITHM=UNDEFINED DEFINER=`o'd;d \"`@`10.%` SQL SECURITY INVOKER VIEW "
            "`nova`.`v` AS select 'a;b' AS `a`"},
           {Kind::kView, "v",
            "CREATE ALGORITHM=TEMPTABLE DEFINER=`role` SQL SECURITY DEFINER VIEW "
            "`v` AS select 1 AS `a` WITH CASCADED CHECK OPTION"},
           {Kind::kView, "v\xC3\xA4",
            "CREATE ALGORITHM=UNDEFINED DEFINER=`a`@`b` SQL SECURITY "
            "DEFINER VIEW `v\xE4` AS select 1 AS `a`",
            "", "latin1"},
           {Kind::kView, "v\xC3\xA4", "CREATE VIEW `v{` AS select 1 AS `a`", "", "swe7"},
           {Kind::kProcedure, "p `odd",
            "CREATE DEFINER=`a`@`%` PROCEDURE `p ``odd`(IN a int)\n"
            "BEGIN SELECT 1; END"},
           {Kind::kProcedure, "p",
            "CREATE DEFINER=\"root\"@\"localhost\" PROCEDURE \"p\"(a IN int)"
            " AS BEGIN NULL; END",
            "PIPES_AS_CONCAT,ANSI_QUOTES,ORACLE"},
           {Kind::kFunction, "f",
            "CREATE DEFINER=`a`@`%` AGGREGATE FUNCTION `f`(x int) RETURNS int"
            "\nBEGIN LOOP FETCH GROUP NEXT ROW; END LOOP; END"},
           {Kind::kFunction, "f", "CREATE DEFINER=`a`@`%` FUNCTION `f`() RETURNS int\nRETURN 1"},
           {Kind::kPackage, "pk", "CREATE DEFINER=\"a\"@\"%\" PACKAGE \"pk\" AS PROCEDURE x; END",
            "ANSI_QUOTES,ORACLE"},
           {Kind::kPackageBody, "pk", "CREATE DEFINER=\"a\"@\"%\" PACKAGE BODY \"pk\" AS END",
            "ANSI_QUOTES,ORACLE"},
           {Kind::kTrigger, "tr",
            "CREATE DEFINER=`a`@`%` TRIGGER /* why */ tr -- how\n"
            "BEFORE INSERT ON t FOR EACH ROW SET @a = 1"},
           {Kind::kTrigger, "tr",
            "CREATE OR REPLACE DEFINER=`a`@`%` trigger if not exists nova . "
            "`tr` after update on `nova`.t for each row set @a = ';'"},
           {Kind::kTrigger, "tr",
            "CREATE DEFINER=\"a\"@\"%\" TRIGGER \"tr\" BEFORE DELETE ON "
            "\"t\" FOR EACH ROW SET @a = 1",
            "ANSI_QUOTES"},
           {Kind::kTrigger, "tr",
            "CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW FOLLOWS x SET "
            "@a = '\xE4\x5C"},
           {Kind::kEvent, "e",
            "CREATE DEFINER=`a`@`%` EVENT `e` ON SCHEDULE EVERY 1 DAY DO SET @a "
            "= 1"}})
    EXPECT_EQ(program(one.kind, one.name, one.sql, one.mode, one.client), "") << one.sql;
}

TEST_F(ExpectedText, AnythingElseInThePlaceOfAProgramIsFound) {
  EXPECT_EQ(program(Kind::kTrigger, "tr", "GRANT ALL ON *.* TO evil@'%' WITH GRANT OPTION"),
            "trigger `nova`.`tr` (GRANT)");
  EXPECT_EQ(program(Kind::kView, "v", "SET GLOBAL general_log_file='/x'"), "view `nova`.`v` (SET)");
  struct One {
    Kind kind;
    const char* sql;
  };
  for (const One& one : std::initializer_list<One>{
           {Kind::kView, "CREATE TRIGGER `x` BEFORE INSERT ON t FOR EACH ROW SET @a = 1"},
           {Kind::kView, "CREATE VIEW `keystone`.`x` AS select 1 AS `a`"},
           {Kind::kView, "CREATE VIEW `other` AS select 1 AS `a`"},
           {Kind::kView, "CREATE VIEW `x` AS select 1 AS `a`; DROP DATABASE nova"},
           {Kind::kView, "CREATE /*!999999 VIEW `x` AS */ USER evil"},
           {Kind::kView, "/*!999999 CREATE VIEW `x` AS select 1 */ DROP DATABASE nova"},
           {Kind::kView, "CREATE VIEW `x` AS select /*! 1 */ AS `a`"},
           {Kind::kView, ""},
           {Kind::kProcedure, "CREATE USER x"},
           {Kind::kProcedure, "CREATE FUNCTION `x`() RETURNS int RETURN 1"},
           {Kind::kFunction, "CREATE FUNCTION x RETURNS STRING SONAME 'lib_mysqludf_sys.so'"},
           {Kind::kFunction, "CREATE AGGREGATE FUNCTION `x` RETURNS STRING SONAME 'a.so'"},
           {Kind::kFunction, "CREATE FUNCTION x /*!999999 ( */ RETURNS STRING SONAME 'a.so'"},
           {Kind::kPackage, "CREATE PACKAGE BODY x AS END"},
           {Kind::kPackageBody, "CREATE PACKAGE x AS END"},
           {Kind::kTrigger, "CREATE TRIGGER x BEFORE INSERT ON mysql.user FOR EACH ROW SET @a = 1"},
           {Kind::kTrigger, "CREATE TRIGGER mysql.x BEFORE INSERT ON t FOR EACH ROW SET @a = 1"},
           {Kind::kTrigger, "CREATE TRIGGER x BEFORE INSERT ON another FOR EACH ROW SET @a = 1"},
           {Kind::kTrigger, "CREATE TRIGGER x"},
           {Kind::kEvent, "CREATE EVENT mysql.x ON SCHEDULE EVERY 1 DAY DO SET @a = 1"},
           {Kind::kEvent, "ALTER EVENT x ENABLE"}})
    EXPECT_NE(program(one.kind, "x", one.sql), "") << one.sql;
  // Letters that are others in the client's character set hide no name of ASCII.
  EXPECT_NE(program(Kind::kView, "v\xC3\xA4", "CREATE VIEW `users` AS select 1", "", "latin1"), "");
  EXPECT_NE(program(Kind::kView, "v", "CREATE VIEW `v\xE4` AS select 1", "", "latin1"), "");
}

TEST_F(ExpectedText, AViewThatIsNotMadeAgainMaySayWhatItLikes) {
  program(Kind::kView, "v", "CREATE VIEW `gone` AS select 1");
  schema().programs[0].view_columns.clear();
  EXPECT_EQ(found(), "");
}

TEST_F(ExpectedText, OnlyAServerThatDoesNotTellCaseApartSaysSchemasInAnother) {
  const std::string sql = "CREATE TRIGGER Nova.x BEFORE INSERT ON NOVA.T FOR EACH ROW SET @a = 1";
  EXPECT_NE(program(Kind::kTrigger, "x", sql), "");
  model_.facts.lower_case_table_names = 1;
  EXPECT_EQ(program(Kind::kTrigger, "x", sql), "");
}

TEST_F(ExpectedText, TablesAndSequencesAreNothingButDefinitions) {
  const auto table = [&](const std::string& sql) {
    schema().tables = {{"t", "InnoDB", true, sql, {}, {}, 0, false, false, {}}};
    return found();
  };
  EXPECT_EQ(table("CREATE TABLE `t` (\n  `select` int /*!100301 COMPRESSED*/ DEFAULT ';' COMMENT "
                  "'SELECT'\n) ENGINE=InnoDB /*!50100 PARTITION BY HASH (`select`)*/"),
            "");
  EXPECT_NE(table("CREATE TABLE `t` (\n  `a` int\n) ENGINE=InnoDB SELECT * FROM keystone.user"),
            "");
  EXPECT_NE(table("CREATE TABLE `t` (\n  `a` int\n); DROP DATABASE nova"), "");
  EXPECT_NE(table("CREATE TABLE `keystone`.`t` (\n  `a` int\n)"), "");
  EXPECT_NE(table("CREATE TABLE `u` (\n  `a` int\n)"), "");
  schema().tables.clear();

  const auto sequence = [&](const std::string& sql, std::vector<std::string> state = {"1", "-5"}) {
    schema().sequences = {{"q", sql, std::move(state)}};
    return found();
  };
  const std::string good =
      "CREATE SEQUENCE `q` start with 1 minvalue 1 maxvalue 9 increment by 1 nocache cycle "
      "ENGINE=InnoDB COMMENT='a;b'";
  EXPECT_EQ(sequence(good), "");
  EXPECT_NE(sequence(good, {"1", "1); DROP DATABASE nova"}), "");
  EXPECT_NE(sequence("CREATE SEQUENCE `keystone`.`q` start with 1"), "");
  EXPECT_NE(sequence(good + "; SET GLOBAL general_log = 1"), "");
  EXPECT_NE(sequence("GRANT ALL ON *.* TO evil"), "");
  EXPECT_NE(sequence("CREATE SEQUENCE /*!999999 `q` */ `p`"), "");
}

TEST_F(ExpectedText, AnAccountIsMadeAndGrantedToAlone) {
  EXPECT_EQ(
      account({"CREATE USER `u`@`%` IDENTIFIED VIA mysql_native_password USING '*6BB' OR "
               "unix_socket REQUIRE SUBJECT '/CN=it\\'s, TO' CIPHER 'x' WITH "
               "MAX_USER_CONNECTIONS -1 MAX_STATEMENT_TIME 5.500000 ACCOUNT LOCK PASSWORD "
               "EXPIRE INTERVAL 30 DAY",
               "ALTER USER `u`@`%` PASSWORD EXPIRE"},
              {"GRANT USAGE ON *.* TO `u`@`%` IDENTIFIED BY PASSWORD '*6BB' WITH GRANT OPTION",
               "GRANT SELECT (`id`, `TO`), UPDATE (a) ON `nova`.`t` TO `u`@`%`",
               "GRANT EXECUTE ON PROCEDURE `nova`.`p` TO 'u'@'%'", "GRANT `r` TO `u`@`%`",
               "GRANT PROXY ON 'a'@'%' TO 'u'@'%' WITH GRANT OPTION",
               "SET DEFAULT ROLE `r` FOR `u`@`%`", "GRANT SELECT ON `nova`.* TO `r`"}),
      "");
  for (const char* sql :
       {"CREATE USER `evil`@`%`", "CREATE USER `u`@`%`, `evil`@`%`", "CREATE USER `u`@`localhost`",
        "DROP USER `u`@`%`", "CREATE ROLE `u`", "CREATE USER /*!50000 `u`@`%`, */ `evil`@`%`",
        "SET PASSWORD FOR `u`@`%` = ''", "CREATE USER `u`@`%` IDENTIFIED BY 'x'; DROP DATABASE a"})
    EXPECT_THAT(account({sql}), HasSubstr("account `u`@`%` (")) << sql;
  for (const char* sql :
       {"GRANT ALL ON *.* TO `evil`@`%`", "GRANT ALL ON *.* TO `u`@`%`, `evil`@`%`",
        "SET DEFAULT ROLE `r` FOR `evil`@`%`", "SET GLOBAL general_log = 1",
        "SET DEFAULT ROLE `r` FOR `u`@`%`, `evil`@`%`", "REVOKE ALL ON *.* FROM `u`@`%`",
        "GRANT SELECT ON *.* /* TO `u`@`%` */ TO `evil`@`%`", "GRANT"})
    EXPECT_THAT(account({}, {sql}), HasSubstr("grants of `u`@`%` (")) << sql;
  // Not what it says: a password may stand in it.
  EXPECT_EQ(account({"SET PASSWORD FOR x = 'secret'"}), "account `u`@`%` (SET)");
  model_.accounts = {{"PUBLIC", false, {}, {"GRANT SELECT ON `nova`.`t` TO PUBLIC"}}};
  EXPECT_EQ(found(), "");
}

TEST_F(ExpectedText, AServerIsMadeAsItIsNamed) {
  EXPECT_EQ(server("CREATE SERVER IF NOT EXISTS `s` FOREIGN DATA WRAPPER `mysql` OPTIONS (HOST "
                   "'it\\'s;', PORT 3306, `any` 'x')"),
            "");
  EXPECT_NE(server("CREATE SERVER `other` FOREIGN DATA WRAPPER `mysql` OPTIONS (HOST 'a')"), "");
  EXPECT_NE(server("CREATE USER `s`"), "");
  EXPECT_NE(server("INSTALL SONAME 'server_audit'"), "");
}

// What is not restored does not stand in the way of the rest.
TEST_F(ExpectedText, OnlyWhatIsRestoredHasToBeInOrder) {
  program(Kind::kTrigger, "tr", "GRANT ALL ON *.* TO evil");
  model_.accounts = {{"`u`@`%`", false, {"CREATE USER `evil`@`%`"}, {}}};
  model_.schemas.emplace_back().name = "glance";
  const auto check = [&](const RestoreOptions& options) -> Status {
    const auto selection = select_for_restore(model_, options);
    return check_texts(model_, *selection, options.content);
  };
  const Status refused = check({});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kCorruption);
  EXPECT_THAT(refused.error().text(),
              AllOf(HasSubstr("the backup holds statements that do not make what they should: "
                              "trigger `nova`.`tr` (GRANT)"),
                    HasSubstr("spec.databases")));
  EXPECT_TRUE(check({.databases = {"glance"}}));
  EXPECT_FALSE(check({.databases = {"glance"}, .content = Content::kAll}));
  EXPECT_FALSE(check({.content = Content::kGrants}));
}

TEST_F(ExpectedText, AnExportOfSuchATextHasNotASingleStatement) {
  program(Kind::kView, "v", "SET GLOBAL general_log_file='/x'");
  MemorySource source;
  std::string text;
  const auto exported = export_sql(model_, {{}, false, "of a test"}, source,
                                   [&](std::string_view piece) {
                                     text += piece;
                                     return Status();
                                   },
                                   {});
  ASSERT_FALSE(exported);
  EXPECT_EQ(exported.error().code, Code::kCorruption);
  EXPECT_EQ(text, "");
  // Nor do the server's words end the comment that they stand in.
  schema().programs.clear();
  model_.facts.server_version = "10.11.6\nDROP DATABASE nova;";
  ASSERT_TRUE(export_sql(model_, {{}, false, "of a test"}, source,
                         [&](std::string_view piece) {
                           text += piece;
                           return Status();
                         },
                         {}));
  EXPECT_THAT(text, HasSubstr("10.11.6?DROP DATABASE nova;, as of"));
}

}  // namespace
}  // namespace gb::galera
