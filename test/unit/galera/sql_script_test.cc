// A script's statements are those that a client would send, however the script comes in.
#include "galera/sql_script.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

namespace gb::galera {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

SqlScript::Reader by(std::string text, std::size_t piece) {
  return [text = std::move(text), at = std::size_t{0},
          piece](std::span<char> into) mutable -> Result<std::size_t> {
    const std::size_t size = std::min({into.size(), piece, text.size() - at});
    std::memcpy(into.data(), text.data() + at, size);
    at += size;
    return size;
  };
}

struct Split {
  std::vector<std::string> texts;
  std::vector<std::uint64_t> lines;
  std::string error;
};

Split split_once(const std::string& text, std::size_t piece, bool escapes) {
  SqlScript script(by(text, piece));
  Split out;
  while (true) {
    const auto next = script.next(escapes);
    if (!next) {
      out.error = next.error().message;
      return out;
    }
    if (!*next) return out;
    out.texts.emplace_back((*next)->text);
    out.lines.push_back((*next)->line);
    EXPECT_EQ((*next)->number, out.texts.size());
  }
}

// The same whatever the pieces are that it is read in.
Split split_script(const std::string& text, bool escapes = true) {
  const Split whole = split_once(text, text.size() + 1, escapes);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{7}}) {
    const Split again = split_once(text, piece, escapes);
    EXPECT_EQ(again.texts, whole.texts) << "in pieces of " << piece;
    EXPECT_EQ(again.lines, whole.lines) << "in pieces of " << piece;
    EXPECT_EQ(again.error, whole.error) << "in pieces of " << piece;
  }
  return whole;
}

TEST(SqlScriptTest, StatementsEndAtSemicolonsOutsideOfQuotesAndComments) {
  const Split got = split_script(
      "SET a = 1;\nINSERT INTO `a;b` VALUES ('x;y', \"z;\", 'it''s; so', '\\';');\n"
      "SELECT 1 /* ; ' */ + 2; -- ; ' \"\nSELECT 3; # ; '\nSELECT 4;");
  EXPECT_THAT(
      got.texts,
      ElementsAre("SET a = 1", "INSERT INTO `a;b` VALUES ('x;y', \"z;\", 'it''s; so', '\\';')",
                  "SELECT 1 /* ; ' */ + 2", "-- ; ' \"\nSELECT 3", "# ; '\nSELECT 4"));
  EXPECT_THAT(got.error, IsEmpty());
}

TEST(SqlScriptTest, LinesAreCountedFromOneAndThoseOfStatementsBeforeCount) {
  const Split got =
      split_script("\n\nSELECT\n1;\n\nSELECT 2; SELECT 3;\nDELIMITER ;;\nSELECT 4;;\n");
  EXPECT_THAT(got.texts, ElementsAre("SELECT\n1", "SELECT 2", "SELECT 3", "SELECT 4"));
  EXPECT_THAT(got.lines, ElementsAre(3, 6, 6, 8));
}

TEST(SqlScriptTest, ABackslashTakesTheNextCharacterAlongOnlyWhereTheServerReadsItSo) {
  EXPECT_THAT(split_script("SELECT '\\\\';SELECT 2;").texts,
              ElementsAre("SELECT '\\\\'", "SELECT 2"));
  EXPECT_THAT(split_script("SELECT 'C:\\';SELECT 2;", false).texts,
              ElementsAre("SELECT 'C:\\'", "SELECT 2"));
  EXPECT_THAT(split_script("SELECT `a\\`;SELECT 2;").texts,
              ElementsAre("SELECT `a\\`", "SELECT 2"));
}

TEST(SqlScriptTest, WhatADumpOfATriggerLooksLike) {
  const Split got = split_script(
      "/*!50003 SET sql_mode = '' */ ;\nDELIMITER ;;\n"
      "/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`%`*/ /*!50003 TRIGGER t BEFORE INSERT ON a FOR "
      "EACH "
      "ROW BEGIN SET @x = 'it; is */ ;'; -- ;; ' not this\n SET @y = 1; END */;;\nDELIMITER ;\n"
      "SELECT 1;\n");
  ASSERT_EQ(got.texts.size(), 3U) << got.error;
  EXPECT_EQ(got.texts[0], "/*!50003 SET sql_mode = '' */ ");
  EXPECT_THAT(got.texts[1], testing::StartsWith("/*!50003 CREATE*/"));
  EXPECT_THAT(got.texts[1], testing::EndsWith("END */"));
  EXPECT_EQ(got.texts[2], "SELECT 1");
}

TEST(SqlScriptTest, TheFirstLineOfNewerDumpsIsAComment) {
  const Split got = split_script(
      "/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19-11.4 it's\n--\n"
      "/*!40101 SET NAMES utf8mb4 */;\n-- Dump completed on 2026-11-20  2:00:07\n");
  ASSERT_EQ(got.texts.size(), 1U);
  EXPECT_THAT(got.texts[0], testing::EndsWith("SET NAMES utf8mb4 */"));
  EXPECT_THAT(got.error, IsEmpty());
}

TEST(SqlScriptTest, CommentsAndBlanksAloneAreNoStatement) {
  EXPECT_THAT(split_script("-- a\n\n/* b */\n;;\n# c").texts, IsEmpty());
  EXPECT_THAT(split_script("").texts, IsEmpty());
  EXPECT_THAT(split_script("SELECT 5--1;").texts, ElementsAre("SELECT 5--1"));
}

TEST(SqlScriptTest, AScriptThatEndsWithinAStatementIsNotWhole) {
  for (const char* text : {"SELECT 1;\nSELECT 2", "SELECT 1;\nSELECT 'a;", "SELECT 1;\n/* ;",
                           "SELECT 1;\nINSERT INTO t VALUES (1,'x\\"}) {
    const Split got = split_script(text);
    EXPECT_THAT(got.texts, ElementsAre("SELECT 1")) << text;
    EXPECT_THAT(got.error, HasSubstr("ends within a statement")) << text;
  }
}

TEST(SqlScriptTest, AnErrorOfTheReaderIsTheErrorOfTheScript) {
  SqlScript script([](std::span<char>) -> Result<std::size_t> {
    return fail(Code::kCorruption, "it is truncated");
  });
  EXPECT_EQ(script.next(true).error().message, "it is truncated");
}

TEST(SqlScriptTest, AStatementIsNamedWithoutItsData) {
  EXPECT_EQ(statement_kind("INSERT INTO `users` VALUES ('secret')"), "INSERT INTO `users`");
  EXPECT_EQ(statement_kind("/*!40000 ALTER TABLE `a``b` DISABLE KEYS */"), "ALTER TABLE `a``b`");
  EXPECT_EQ(statement_kind("CREATE DATABASE /*!32312 IF NOT EXISTS*/ `x` /*!40100 y */"),
            "CREATE DATABASE IF NOT EXISTS `x`");
  EXPECT_EQ(statement_kind("-- it's\nGRANT ALL ON a TO 'b' IDENTIFIED BY 'secret'"), "GRANT");
  EXPECT_EQ(statement_kind("SET PASSWORD = 'secret'"), "SET");
  EXPECT_EQ(statement_kind("'secret'"), "a statement");
}

}  // namespace
}  // namespace gb::galera
