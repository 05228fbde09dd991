// The statements of somebody else's dump: those of mariadb-dump pass, others do not.
#include "galera/dump_statement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gb::galera {
namespace {

TEST(DumpStatement, WhatMariadbDumpWritesPasses) {
  for (const char* sql : {
           "/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19\n--\n-- Host: h\n\n"
           "/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */",
           "/*!999999\\- enable the sandbox mode */\n/*!40101 SET NAMES utf8mb4 */",
           "/*M!100616 SET @OLD_NOTE_VERBOSITY=@@NOTE_VERBOSITY, NOTE_VERBOSITY=0 */",
           "/*!40103 SET TIME_ZONE='+00:00' */",
           "/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */",
           "CREATE DATABASE /*!32312 IF NOT EXISTS*/ `a` /*!40100 DEFAULT CHARACTER SET utf8mb4 */",
           "USE `a`",
           "DROP TABLE IF EXISTS `t`",
           "/*!50001 DROP VIEW IF EXISTS `v`*/",
           "SET @saved_cs_client     = @@character_set_client",
           "SET character_set_client = @saved_cs_client",
           "SET @@SESSION.SQL_LOG_BIN= 0",
           "CREATE TABLE `t` (\n  `c` text /*M!100301 COMPRESSED*/ DEFAULT NULL\n) ENGINE=InnoDB",
           "/*!50001 CREATE TABLE `v` (\n  `a` tinyint NOT NULL\n) ENGINE=MyISAM */",
           "LOCK TABLES `t` WRITE",
           "/*!40000 ALTER TABLE `t` DISABLE KEYS */",
           "INSERT INTO `t` VALUES\n(1,'SET GLOBAL')",
           "REPLACE INTO `t` VALUES (1)",
           "INSERT  IGNORE INTO `t` VALUES (1)",
           "UNLOCK TABLES",
           "set autocommit=0",
           "commit",
           "/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 TRIGGER tr BEFORE "
           "INSERT ON t FOR EACH ROW BEGIN SET @a = 1; END */",
           "ALTER DATABASE `a` CHARACTER SET latin1 COLLATE latin1_swedish_ci",
           "/*!50001 CREATE ALGORITHM=UNDEFINED */\n/*!50013 DEFINER=`a`@`%` SQL SECURITY DEFINER "
           "*/\n/*!50001 VIEW `v` AS select 1 AS `a` */",
           "/*!50106 CREATE*/ /*!50117 DEFINER=`a`@`%`*/ /*!50106 EVENT `e` ON SCHEDULE EVERY 1 "
           "DAY "
           "DO SET GLOBAL x = 1 */",
           "CREATE DEFINER=`a`@`%` FUNCTION `f`() RETURNS int RETURN 1",
           "CREATE SEQUENCE `q` start with 1",
           "DO SETVAL(`q`, 1001, 0)",
           "SELECT SETVAL(`a`.`q`, 1001, 0)",
           "/* nothing */ -- at all",
       })
    EXPECT_TRUE(is_dump_statement(sql)) << sql;
  // However long.
  EXPECT_TRUE(is_dump_statement("INSERT INTO `t` VALUES (" + std::string(1 << 20, '1') + ")"));
}

TEST(DumpStatement, WhatItDoesNotWriteDoesNot) {
  for (const char* sql : {
           "SET GLOBAL general_log_file='/root/.bashrc'",
           "set global general_log = 1",
           "SET @@GLOBAL.general_log_file = '/x'",
           "SET @a = 1, @@global.general_log = 1",
           "SET @a = 1, GLOBAL general_log = 1",
           "SET @@`global`.general_log = 1",
           "/*!50000 SET GLOBAL general_log = 1 */",
           "/*M!100001 SET GLOBAL general_log = 1 */",
           "/*!999999 INSERT INTO t VALUES (1) */ SET GLOBAL general_log = 1",
           "/*M!999999 USE a */ GRANT ALL ON *.* TO evil",
           "CREATE /*!999999 TABLE t */ USER evil",
           "CREATE /*!80000 TABLE t */ USER evil",
           "/*!999999\\- enable the sandbox mode */ SET GLOBAL general_log = 1",
           "SET STATEMENT max_statement_time = 1 FOR INSTALL SONAME 'x'",
           "SET PASSWORD = 'x'",
           "SET ROLE x",
           "INSTALL SONAME 'x'",
           "INSTALL PLUGIN x SONAME 'x'",
           "UNINSTALL PLUGIN x",
           "LOAD DATA INFILE '/etc/passwd' INTO TABLE t",
           "LOAD XML INFILE 'x' INTO TABLE t",
           "CREATE USER evil",
           "CREATE ROLE evil",
           "GRANT ALL ON *.* TO evil",
           "SELECT 1 INTO OUTFILE '/tmp/x'",
           "SELECT SETVAL(q, 1, 0) INTO OUTFILE '/tmp/x'",
           "CREATE FUNCTION f RETURNS STRING SONAME 'x.so'",
           "CREATE AGGREGATE FUNCTION IF NOT EXISTS f RETURNS STRING SONAME 'x.so'",
           "CREATE SERVER s FOREIGN DATA WRAPPER mysql OPTIONS (HOST 'x')",
           "SHUTDOWN",
           "KILL 1",
           "CALL p()",
           "EXECUTE IMMEDIATE 'SHUTDOWN'",
           "PREPARE s FROM 'SHUTDOWN'",
           "BEGIN NOT ATOMIC SHUTDOWN; END",
           "CHANGE MASTER TO master_host = 'x'",
           "FLUSH LOGS",
           "DO SLEEP(1000)",
           "DROP USER a",
           "ALTER USER a",
           "TRUNCATE TABLE t",
           "HANDLER t OPEN",
           "\\! sh",
           "source /x",
       })
    EXPECT_FALSE(is_dump_statement(sql)) << sql;
  // So long that it is not read to its end.
  std::string many = "SET @a = 1";
  for (int i = 0; i < 1000; ++i) many += ", @a = 1";
  EXPECT_FALSE(is_dump_statement(many + ", GLOBAL general_log = 1"));
}

TEST(DumpStatement, GrantsHaveKindsOfTheirOwn) {
  EXPECT_TRUE(is_grant_statement("GRANT USAGE ON *.* TO `u`@`%` IDENTIFIED BY PASSWORD '*6BB'"));
  EXPECT_TRUE(is_grant_statement("SET DEFAULT ROLE `r` FOR `u`@`%`"));
  for (const char* sql : {"SET GLOBAL general_log = 1", "SET PASSWORD = 'x'", "INSTALL SONAME 'x'",
                          "/*!999999 GRANT */ SHUTDOWN", "USE mysql", "REVOKE ALL ON *.* FROM u"})
    EXPECT_FALSE(is_grant_statement(sql)) << sql;
}

TEST(DumpStatement, ItsBeginningIsShownWithoutSecrets) {
  EXPECT_EQ(statement_beginning("/* x */ SET  GLOBAL general_log_file='/root/secret'"),
            "SET GLOBAL general_log_file =");
  EXPECT_EQ(statement_beginning("CREATE USER `a`@`%` IDENTIFIED BY 'secret'"),
            "CREATE USER `a` @`%` IDENTIFIED BY");
  EXPECT_EQ(statement_beginning("SELECT a.b"), "SELECT a.b");
}

}  // namespace
}  // namespace gb::galera
