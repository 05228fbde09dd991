#include "galera/definitions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "galera/exact_create.h"

namespace gb::galera {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;

// As 10.11 prints it: quotes in names, commas and parentheses in strings, every kind of entry.
constexpr const char* kServers = R"(CREATE TABLE `servers` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `we``ird, (name` varchar(255) CHARACTER SET utf8mb3 DEFAULT 'it''s \\ a, "test") \n' COMMENT 'c''om, ment (',
  `e` enum('a,b','c''d') DEFAULT 'c''d',
  `g` int(11) GENERATED ALWAYS AS (`id` + 1) STORED,
  `nv` bigint(20) DEFAULT nextval(`nova`.`s1`),
  `d` decimal(10,2) DEFAULT 1.50,
  `j` longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL CHECK (json_valid(`j`)),
  `ref` varchar(36) DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `u1` (`ref`,`d` DESC),
  KEY `k1` (`j`(20)),
  FULLTEXT KEY `ft` (`we``ird, (name`),
  FULLTEXT KEY `ft2` (`j`),
  CONSTRAINT `fk1` FOREIGN KEY (`ref`) REFERENCES `p` (`u`) ON DELETE CASCADE,
  CONSTRAINT `fk2` FOREIGN KEY (`d`) REFERENCES `cell`.`c` (`a`) ON UPDATE SET NULL,
  CONSTRAINT `chk` CHECK (`d` > 0 and `e` <> 'x,y')
) ENGINE=InnoDB AUTO_INCREMENT=77 DEFAULT CHARSET=utf8mb4 COMMENT='cell.c, ('
 PARTITION BY RANGE (`id`)
(PARTITION `p0` VALUES LESS THAN (10) ENGINE = InnoDB))";

TableDefinition parsed(const char* sql) {
  auto table = parse_table(sql);
  EXPECT_TRUE(table) << table.error().text();
  return table ? *table : TableDefinition{};
}

TEST(TableDefinition, TakesEveryEntryApart) {
  const TableDefinition t = parsed(kServers);
  EXPECT_EQ(t.name, "servers");
  EXPECT_EQ(t.engine, "InnoDB");
  ASSERT_EQ(t.items.size(), 16U);
  EXPECT_TRUE(t.items[0].auto_increment);
  EXPECT_TRUE(t.items[0].not_null);
  EXPECT_EQ(t.items[1].name, "we`ird, (name");
  EXPECT_FALSE(t.items[1].not_null);
  EXPECT_EQ(t.items[8].kind, TableItem::Kind::kPrimary);
  EXPECT_EQ(t.items[9].parts.size(), 2U);
  EXPECT_TRUE(t.items[10].parts.at(0).prefix);
  EXPECT_EQ(t.items[11].parts.at(0).column, "we`ird, (name");
  EXPECT_EQ(t.items[13].kind, TableItem::Kind::kForeignKey);
  EXPECT_EQ(t.items[15].kind, TableItem::Kind::kCheck);
}

TEST(TableDefinition, RowsComeIntoATableWithItsPrimaryKeyOnly) {
  const std::string sql = *create_table_sql(parsed(kServers), "nova", Keys::kFirst, {});
  EXPECT_THAT(sql, HasSubstr("CREATE TABLE `nova`.`servers` ("));
  EXPECT_THAT(sql, HasSubstr("PRIMARY KEY (`id`)"));
  EXPECT_THAT(sql, HasSubstr("CONSTRAINT `chk` CHECK (`d` > 0 and `e` <> 'x,y')"));
  EXPECT_THAT(sql, HasSubstr("AUTO_INCREMENT=77"));
  EXPECT_THAT(sql, HasSubstr("PARTITION `p0`"));
  EXPECT_THAT(sql, Not(HasSubstr("`u1`")));
  EXPECT_THAT(sql, Not(HasSubstr("`k1`")));
  EXPECT_THAT(sql, Not(HasSubstr("FULLTEXT")));
  EXPECT_THAT(sql, Not(HasSubstr("FOREIGN KEY")));
}

TEST(TableDefinition, TheOtherKeysComeAfterwards) {
  EXPECT_THAT(complete_table_sql(parsed(kServers), "nova"),
              ElementsAre("ALTER TABLE `nova`.`servers` ADD UNIQUE KEY `u1` (`ref`,`d` DESC), "
                          "ADD KEY `k1` (`j`(20)), STATS_AUTO_RECALC=DEFAULT",
                          "ALTER TABLE `nova`.`servers` ADD FULLTEXT KEY `ft` (`we``ird, (name`)",
                          "ALTER TABLE `nova`.`servers` ADD FULLTEXT KEY `ft2` (`j`)"));
}

TEST(TableDefinition, AKeyOfVectorsIsOneOfTheOthers) {
  const TableDefinition t = parsed(
      "CREATE TABLE `t` (\n  `id` int(11) NOT NULL,\n  `v` vector(3) NOT NULL,\n  PRIMARY KEY "
      "(`id`),\n  VECTOR KEY `v` (`v`) `M`=6 `DISTANCE`=cosine\n) ENGINE=InnoDB");
  EXPECT_THAT(complete_table_sql(t, "s"),
              ElementsAre("ALTER TABLE `s`.`t` ADD VECTOR KEY `v` (`v`) `M`=6 `DISTANCE`=cosine, "
                          "STATS_AUTO_RECALC=DEFAULT"));
}

TEST(TableDefinition, TheNameOfAForeignKeyKeepsItsBackquote) {
  const std::string before = "CREATE TABLE `t` (\n  `a` int,\n  CONSTRAINT `";
  const std::string after = "` FOREIGN KEY (`a`) REFERENCES `p` (`id`)\n)";
  const std::string rightly = before + "it``s" + after;
  EXPECT_EQ(with_quoted_foreign_keys(before + "it`s" + after, {"it`s"}), rightly);
  EXPECT_EQ(with_quoted_foreign_keys(rightly, {"it`s"}), rightly);
}

TEST(TableDefinition, ALiveTargetGetsEveryKeyAtOnceButNoForeignKey) {
  const std::string sql = *create_table_sql(parsed(kServers), "nova", Keys::kAll, {});
  EXPECT_THAT(sql, HasSubstr("UNIQUE KEY `u1`"));
  EXPECT_THAT(sql, Not(HasSubstr("FOREIGN KEY")));
}

TEST(TableDefinition, RenamesWhatRefersToASchemaAndNoString) {
  const SchemaNames names{{"cell", "cell`2"}, {"nova", "nova2"}};
  const TableDefinition t = parsed(kServers);
  const std::string create = *create_table_sql(t, "nova2", Keys::kAll, names);
  EXPECT_THAT(create, HasSubstr("nextval(`nova2`.`s1`)"));
  EXPECT_THAT(create, HasSubstr("COMMENT='cell.c, ('"));
  EXPECT_EQ(*add_foreign_keys_sql(t, "nova2", names),
            "ALTER TABLE `nova2`.`servers` ADD CONSTRAINT `fk1` FOREIGN KEY (`ref`) REFERENCES `p` "
            "(`u`) ON DELETE CASCADE, ADD CONSTRAINT `fk2` FOREIGN KEY (`d`) REFERENCES "
            "`cell``2`.`c` (`a`) ON UPDATE SET NULL");
}

TEST(TableDefinition, WithoutAPrimaryKeyTheFirstUniqueKeyWithoutNullStays) {
  const TableDefinition t = parsed(
      "CREATE TABLE `n` (\n  `a` int(11) DEFAULT NULL,\n  `b` int(11) NOT NULL,\n  UNIQUE KEY `a` "
      "(`a`),\n  UNIQUE KEY `b` (`b`),\n  KEY `ab` (`a`,`b`)\n) ENGINE=InnoDB");
  EXPECT_THAT(*create_table_sql(t, "s", Keys::kFirst, {}), HasSubstr("UNIQUE KEY `b`"));
  EXPECT_THAT(*create_table_sql(t, "s", Keys::kFirst, {}), Not(HasSubstr("UNIQUE KEY `a`")));
  EXPECT_THAT(complete_table_sql(t, "s"),
              ElementsAre("ALTER TABLE `s`.`n` ADD UNIQUE KEY `a` (`a`), ADD KEY `ab` (`a`,`b`), "
                          "STATS_AUTO_RECALC=DEFAULT"));
}

TEST(TableDefinition, AutoIncrementOnAnotherKeyKeepsAllKeys) {
  const TableDefinition t = parsed(
      "CREATE TABLE `ai` (\n  `a` int(11) NOT NULL AUTO_INCREMENT,\n  `b` int(11) NOT NULL,\n"
      "  PRIMARY KEY (`b`),\n  KEY `a` (`a`)\n) ENGINE=InnoDB");
  EXPECT_THAT(*create_table_sql(t, "s", Keys::kFirst, {}), HasSubstr("KEY `a` (`a`)"));
  EXPECT_THAT(complete_table_sql(t, "s"),
              ElementsAre("ALTER TABLE `s`.`ai` STATS_AUTO_RECALC=DEFAULT"));
}

TEST(TableDefinition, OtherEnginesKeepAllKeys) {
  const TableDefinition t = parsed(
      "CREATE TABLE `m` (\n  `a` int(11) NOT NULL,\n  PRIMARY KEY (`a`),\n  KEY `k` (`a`)\n) "
      "ENGINE=Aria");
  EXPECT_THAT(complete_table_sql(t, "s"), IsEmpty());
}

TEST(TableDefinition, StatisticsWaitForTheRowsUnlessTheTableSaysOtherwise) {
  const TableDefinition plain =
      parsed("CREATE TABLE `t` (\n  `a` int(11) DEFAULT NULL\n) ENGINE=InnoDB COMMENT='x'");
  EXPECT_THAT(*create_table_sql(plain, "s", Keys::kFirst, {}),
              HasSubstr(") STATS_AUTO_RECALC=0 ENGINE=InnoDB COMMENT='x'"));
  EXPECT_THAT(*create_table_sql(plain, "s", Keys::kAll, {}), Not(HasSubstr("STATS_AUTO_RECALC")));
  const TableDefinition own =
      parsed("CREATE TABLE `t` (\n  `a` int(11) DEFAULT NULL\n) ENGINE=InnoDB STATS_AUTO_RECALC=1");
  EXPECT_THAT(*create_table_sql(own, "s", Keys::kFirst, {}), Not(HasSubstr("STATS_AUTO_RECALC=0")));
  EXPECT_THAT(complete_table_sql(own, "s"), IsEmpty());
}

TEST(TableDefinition, KnowsPeriodsOfApplicationTime) {
  const TableDefinition t = parsed(
      "CREATE TABLE `app` (\n  `a` int(11) DEFAULT NULL,\n  `s` date NOT NULL,\n  `e` date NOT "
      "NULL,\n"
      "  PERIOD FOR `p` (`s`, `e`),\n  UNIQUE KEY `a` (`a`,`p` WITHOUT OVERLAPS)\n) ENGINE=InnoDB");
  EXPECT_EQ(t.items[3].kind, TableItem::Kind::kPeriod);
  EXPECT_THAT(*create_table_sql(t, "s", Keys::kFirst, {}), HasSubstr("PERIOD FOR `p` (`s`, `e`)"));
}

TEST(TableDefinition, ATextThatIsNotATableIsCorruption) {
  for (const char* text :
       {"", "DROP TABLE `t`", "CREATE TABLE `t` (", "CREATE TABLE `t` (`a` int",
        "CREATE TABLE `t` (`a` int DEFAULT 'x)", "CREATE TABLE `t` (\n  NONSENSE (`a`)\n)"}) {
    const auto table = parse_table(text);
    ASSERT_FALSE(table) << text;
    EXPECT_EQ(table.error().code, Code::kCorruption);
  }
}

TEST(Tokens, JoinedAreTheTextAgain) {
  const std::string sql =
      "SELECT `a``b`, 'it''s \\' x', \"q\"\"\" -- c\n, /* c */ /*!50001 x */ @v.w @@sql_mode # e\n "
      "1.5";
  std::string again;
  const auto tokens = tokenize(sql);
  ASSERT_TRUE(tokens);
  for (const Token& t : *tokens) again += t.text;
  EXPECT_EQ(again, sql);
}

TEST(Tokens, QuotesFollowTheSqlMode) {
  EXPECT_EQ(tokenize("\"a\"", quoting_of("ANSI_QUOTES,STRICT_ALL_TABLES"))->at(0).kind,
            TokenKind::kName);
  EXPECT_EQ(tokenize("\"a\"")->at(0).kind, TokenKind::kString);
  EXPECT_FALSE(tokenize("'a\\'"));
  EXPECT_TRUE(tokenize("'a\\'", quoting_of("NO_BACKSLASH_ESCAPES")));
  EXPECT_EQ(string_of(tokenize("'it''s \\n \\\\'")->at(0)), "it's \n \\");
}

TEST(Tokens, ASecondByteIsNoBackslashAndNoBackquote) {
  // Of sjis: the last byte of the text is 0x5C, that of the name 0x60.
  const std::string text = "'\x83\x5C'";
  const std::string name = "`\x83\x60`.t";
  const SqlQuoting sjis = quoting_of("", "sjis");
  EXPECT_FALSE(tokenize(text));
  ASSERT_TRUE(tokenize(text, sjis));
  EXPECT_EQ(string_of(tokenize(text, sjis)->at(0), sjis), "\x83\x5C");
  const auto tokens = tokenize(name, sjis);
  ASSERT_TRUE(tokens);
  EXPECT_EQ(name_of(tokens->at(0), sjis), "\x83\x60");
  EXPECT_EQ(tokens->at(1).text, ".");
  // A letter of one byte there (0xB1) leaves the backslash what it is, of big5 it does not.
  EXPECT_FALSE(tokenize("'\xB1\x5C'", sjis));
  EXPECT_TRUE(tokenize("'\xB1\x5C'", quoting_of("", "big5")));
  // A word ends behind its last letter: \x83\x5B is one.
  EXPECT_EQ(tokenize("a\x83\x5B(", sjis)->at(0).text, "a\x83\x5B");
}

TEST(Tokens, AWordIsFoundBeforeWhatIsInAnotherCharacterSet) {
  EXPECT_EQ(*position_of_word("EVENT `DO` COMMENT 'DO' /* DO */ DO SET @a = '\x83\x5C'", "DO"), 33);
  EXPECT_EQ(*position_of_word("EVENT `DO`", "DO"), std::string::npos);
}

TEST(RenameSchemas, AViewAsTheServerPrintsIt) {
  EXPECT_EQ(*rename_schemas("select `nova`.`t`.`id` AS `id`,'nova.t' AS `x` from (`nova`.`t` join "
                            "`cell`.`c`) where `nova`.`f`(1)",
                            {{"nova", "n2"}}),
            "select `n2`.`t`.`id` AS `id`,'nova.t' AS `x` from (`n2`.`t` join `cell`.`c`) where "
            "`n2`.`f`(1)");
}

TEST(RenameSchemas, AnAliasWithTheSchemasNameStays) {
  EXPECT_EQ(*rename_schemas("select `nova`.`id` AS `id`,`nova`.`t`.`x` AS `x` from (`nova`.`v1` "
                            "`nova` join `nova`.`t`)",
                            {{"nova", "n2"}}),
            "select `nova`.`id` AS `id`,`n2`.`t`.`x` AS `x` from (`n2`.`v1` `nova` join `n2`.`t`)");
}

TEST(RenameSchemas, ARoutineAsItsAuthorWroteIt) {
  EXPECT_EQ(
      *rename_schemas("create procedure p() begin /* nova.t */ insert into nova . t(a) values "
                      "(nova.f(1)); call nova.q(@nova.x, 'nova.t'); end -- nova.t",
                      {{"nova", "n2"}}),
      "create procedure p() begin /* nova.t */ insert into `n2` . t(a) values (`n2`.f(1)); call "
      "`n2`.q(@nova.x, 'nova.t'); end -- nova.t");
  EXPECT_EQ(*rename_schemas("create procedure p(in nova int) begin select nova; select x.nova from "
                            "a, nova.b where nova.c = 1; end",
                            {{"nova", "n2"}}),
            "create procedure p(in nova int) begin select nova; select x.nova from a, `n2`.b where "
            "nova.c = 1; end");
}

TEST(RenameSchemas, ATriggersHeader) {
  EXPECT_EQ(
      *rename_schemas("CREATE DEFINER=`nova`@`%` trigger nova.tr1 before insert on nova.p for "
                      "each row set new.nova = 1",
                      {{"nova", "n2"}}),
      "CREATE DEFINER=`nova`@`%` trigger `n2`.tr1 before insert on `n2`.p for each row set "
      "new.nova = 1");
}

TEST(WithoutDirectories, WhereATableLiesIsTakenOffAndNothingElse) {
  EXPECT_EQ(*without_directories("CREATE TABLE `t` (\n  `DATA` int,\n  KEY `INDEX` (`DATA`)\n) "
                                 "ENGINE=MyISAM COMMENT=' DATA DIRECTORY=''x''' DATA "
                                 "DIRECTORY='/a/it''s/' INDEX DIRECTORY='/b/'"),
            "CREATE TABLE `t` (\n  `DATA` int,\n  KEY `INDEX` (`DATA`)\n) ENGINE=MyISAM "
            "COMMENT=' DATA DIRECTORY=''x'''");
  EXPECT_EQ(
      *without_directories("PARTITION `p` VALUES LESS THAN (1) DATA DIRECTORY = '/a' ENGINE = "
                           "InnoDB,\n PARTITION `q` VALUES LESS THAN (2) ENGINE = InnoDB)"),
      "PARTITION `p` VALUES LESS THAN (1) ENGINE = InnoDB,\n PARTITION `q` VALUES LESS THAN "
      "(2) ENGINE = InnoDB)");
}

TEST(RenameSchemas, StringsThatNameASchemaAreReported) {
  const SchemaNames names{{"nova", "n2"}, {"cell", "c2"}};
  EXPECT_THAT(*schemas_in_strings("prepare s from 'select * from `nova`.t'", names),
              ElementsAre("nova"));
  EXPECT_THAT(*schemas_in_strings("select 'nova' from cell.t", names), IsEmpty());
}

TEST(NamesIn, FindsWhatAViewStandsOn) {
  const auto names = *names_in("CREATE VIEW `v` AS select `nova`.`t`.`id` from `cell`.`c` join d");
  EXPECT_THAT(names, Contains(Pair("cell", "c")));
  EXPECT_THAT(names, Contains(Pair("nova", "t")));
  EXPECT_THAT(names, Contains(Pair("", "d")));
}

}  // namespace
}  // namespace gb::galera
