// What tables and programs need of a server beside schemas, read from their texts.
#include "galera/server_objects.h"

#include <gtest/gtest.h>

namespace gb::galera {
namespace {

std::string server_of(const std::string& engine, const std::string& connection) {
  Table table;
  table.engine = engine;
  table.create_sql = "CREATE TABLE `t` (\n  `connection` int(11) DEFAULT NULL\n) ENGINE=" + engine +
                     " CONNECTION='" + connection + "'";
  const auto server = foreign_server_of(table);
  EXPECT_TRUE(server) << server.error().text();
  return server.value_or("");
}

TEST(ForeignServer, IsWhatTheConnectionOfAFederatedTableNames) {
  EXPECT_EQ(server_of("FEDERATED", "far/t"), "far");
  EXPECT_EQ(server_of("FEDERATED", "far"), "far");
  EXPECT_EQ(server_of("FEDERATED", "it''s"), "it's");
  EXPECT_EQ(server_of("FEDERATED", "mysql://u:p@10.0.0.1:3306/d/t"), "");
  EXPECT_EQ(server_of("FEDERATED", "u@10.0.0.1/d/t"), "");
  EXPECT_EQ(server_of("CONNECT", "DSN=a data source;DBQ=C:"), "") << "no server of CREATE SERVER";
  EXPECT_EQ(server_of("InnoDB", "far/t"), "");
}

std::string calls(const std::string& sql, const std::string& name = "v",
                  const std::string& sql_mode = "") {
  Program program;
  program.kind = sql.starts_with("CREATE VIEW") ? Program::Kind::kView : Program::Kind::kProcedure;
  program.name = name;
  program.create_sql = sql;
  program.sql_mode = sql_mode;
  const auto called =
      called_by(program, {{"metaphon", "CREATE FUNCTION a"}, {"other", "CREATE FUNCTION b"}});
  EXPECT_TRUE(called) << called.error().text();
  std::string out;
  for (const ServerObject& function : *called) out += (out.empty() ? "" : ",") + function.name;
  return out;
}

TEST(LibraryFunctions, AreCalledByTheirBareName) {
  EXPECT_EQ(calls("CREATE VIEW `v` AS select metaphon(`t`.`a`) AS `m` from `t`"), "metaphon");
  EXPECT_EQ(calls("CREATE VIEW `v` AS select `Other` (METAPHON (1)) AS `m`"), "metaphon,other");
  EXPECT_EQ(calls("CREATE VIEW `v` AS select `app`.`metaphon`(1) AS `m`"), "")
      << "a function of a schema";
  EXPECT_EQ(calls("CREATE VIEW `v` AS select 'metaphon(1)' AS `metaphon`"), "");
  EXPECT_EQ(calls("CREATE PROCEDURE `metaphon`(a int) select other(a)", "metaphon"), "other");
  EXPECT_EQ(calls("CREATE PROCEDURE `p`() select \"metaphon\"(1)", "p", "ANSI_QUOTES"), "metaphon");
}

}  // namespace
}  // namespace gb::galera
