// What OSK's backup job left: which files are a dump, of what and when, and which are whole.
#include "galera/left_dumps.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gzip_support.h"

namespace gb::galera {
namespace {

using test::Files;
using test::gzip;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string kHead =
    "-- MariaDB dump 10.19  Distrib 10.11.6-MariaDB, for Linux (x86_64)\n--\n"
    "-- Server version\t10.11.6-MariaDB\n\nSET NAMES utf8mb4;\n";
const std::string kEnd = "-- Dump completed on 2026-11-20  2:00:07\n";

WallTime time(const char* text) {
  return *from_rfc3339(text);
}

class LeftDumpsTest : public testing::Test {
 protected:
  Status check(const std::string& bytes) {
    const auto facts = check_dump(files_.write("d.sql.gz", bytes), {}, {});
    if (!facts) return fail(facts.error());
    return {};
  }
  Status grants(const std::string& text) {
    return check_grants(files_.write("g.sql.gz", gzip(text)), {});
  }
  Files files_;
};

TEST_F(LeftDumpsTest, OnlyATimeIsReadAsATime) {
  EXPECT_EQ(time_of_stamp("2026-11-20_02-03-04"), time("2026-11-20T02:03:04Z"));
  for (const char* text : {"", "nightly", "2026-11-20", "2026-11-20_02-03-0",
                           "2026-11-20_02-03-04x", "2026-13-20_02-03-04", "2026-02-30_02-03-04",
                           "2026-11-20_24-03-04", "2026-11-20 02-03-04", "2026-1a-20_02-03-04"})
    EXPECT_FALSE(time_of_stamp(text)) << text;
}

TEST_F(LeftDumpsTest, DumpsAreFoundByTheirNamesWithTheirGrantsOldestFirst) {
  for (const char* name :
       {"openstack-cell1_backup_2026-11-20_02-00-00.sql.gz",
        "openstack_backup_2026-11-19_02-00-00.sql.gz",
        "openstack_backup-grants_2026-11-19_02-00-00.sql.gz",
        "openstack_backup_before-update.sql.gz", "openstack_backup_2026-11-21_02-00-00.sql.gz.tmp",
        "openstack_backup-grants_2026-11-18_02-00-00.sql.gz", "openstack_backup_.sql.gz",
        "_backup_2026-11-19_02-00-00.sql.gz", "a_b_backup_2026-11-19_02-00-00.sql.gz",
        "openstack_backup_2026-11-20_02-00-00.sql", "notes.tmp", "lost+found.sql.gz"})
    files_.write(name, "12345");
  const auto found = find_left_dumps(files_.folder());
  ASSERT_TRUE(found) << found.error().text();
  std::vector<std::string> names;
  for (const LeftDump& dump : found->dumps) names.push_back(dump.file);
  EXPECT_THAT(names, ElementsAre("openstack_backup_before-update.sql.gz",
                                 "openstack_backup_2026-11-19_02-00-00.sql.gz",
                                 "openstack-cell1_backup_2026-11-20_02-00-00.sql.gz"));
  EXPECT_THAT(found->unfinished, ElementsAre("openstack_backup_2026-11-21_02-00-00.sql.gz.tmp"));
  EXPECT_THAT(found->lone_grants,
              ElementsAre("openstack_backup-grants_2026-11-18_02-00-00.sql.gz"));
  const LeftDump& first = found->dumps[0];
  EXPECT_FALSE(first.time);
  EXPECT_EQ(first.stamp, "before-update");
  EXPECT_EQ(first.bytes, 5U);
  EXPECT_THAT(first.grants_path, IsEmpty());
  EXPECT_THAT(found->dumps[1].grants_path,
              testing::EndsWith("openstack_backup-grants_2026-11-19_02-00-00.sql.gz"));
  EXPECT_EQ(found->dumps[2].word, "openstack-cell1");
  EXPECT_EQ(found->dumps[2].time, time("2026-11-20T02:00:00Z"));
  // Newer releases call every instance so.
  EXPECT_TRUE(word_says_nothing(first.word));
  EXPECT_FALSE(word_says_nothing(found->dumps[2].word));
}

TEST_F(LeftDumpsTest, AFolderThatIsNotThereIsSaid) {
  const auto none = find_left_dumps(files_.path("none"));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::kNotFound);
  EXPECT_THAT(none.error().message, HasSubstr(files_.path("none")));
  EXPECT_EQ(find_left_dumps(files_.write("file", "")).error().code, Code::kNotFound);
  EXPECT_THAT(find_left_dumps(files_.folder())->dumps, IsEmpty());
}

TEST_F(LeftDumpsTest, AWholeDumpTellsItsServerAndItsEnd) {
  std::uint64_t seen = 0;
  const std::string bytes = gzip(kHead + kEnd);
  const auto facts =
      check_dump(files_.write("d.sql.gz", bytes), [&](Bytes part) { seen += part.size(); }, {});
  ASSERT_TRUE(facts) << facts.error().text();
  EXPECT_EQ(facts->server_version, "10.11.6-MariaDB");
  EXPECT_EQ(facts->ended, time("2026-11-20T02:00:07Z"));
  EXPECT_EQ(facts->sql_bytes, kHead.size() + kEnd.size());
  EXPECT_EQ(seen, bytes.size());
}

TEST_F(LeftDumpsTest, ADumpWithoutADateInItsLastLineIsWholeToo) {
  const auto facts =
      check_dump(files_.write("d.sql.gz", gzip(kHead + "-- Dump completed\n\n")), {}, {});
  ASSERT_TRUE(facts) << facts.error().text();
  EXPECT_FALSE(facts->ended);
}

// What OSK's job kept when mariadb-dump failed in the middle: gzip was content.
TEST_F(LeftDumpsTest, AWholeGzipOfADumpThatBrokeOffIsBad) {
  const Status got = check(gzip(kHead + "INSERT INTO t VALUES ('-- Dump completed on"));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, Code::kCorruption);
  EXPECT_THAT(got.error().message, HasSubstr("Dump completed"));
}

TEST_F(LeftDumpsTest, ADumpCutAnywhereIsBad) {
  const std::string text = kHead + test::noise(200) + "\n" + kEnd;
  const std::string whole = gzip(text);
  ASSERT_TRUE(check(whole));
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(check(whole.substr(0, size))) << size;
  for (std::size_t size = 0; size + kEnd.size() <= text.size(); ++size)
    EXPECT_FALSE(check(gzip(text.substr(0, size)))) << size;
}

TEST_F(LeftDumpsTest, AnEmptyDumpIsBad) {
  EXPECT_THAT(check(gzip("")).error().message, HasSubstr("holds nothing"));
  EXPECT_THAT(check("").error().message, HasSubstr("empty"));
}

TEST_F(LeftDumpsTest, GrantsAreWholeLines) {
  const std::string one = "GRANT ALL PRIVILEGES ON `glance`.* TO `glance`@`%`;\n";
  EXPECT_TRUE(grants(""));
  EXPECT_TRUE(grants(one + one + "SET DEFAULT ROLE `r` FOR `glance`@`%`;\n"));
  EXPECT_TRUE(grants(one + one.substr(0, one.size() - 1)));
  for (const std::string& text : {one + "GRANT ALL", one + one.substr(0, one.size() - 2) + "\n",
                                  "ERROR 1141 (42000);\n" + one}) {
    const Status got = grants(text);
    ASSERT_FALSE(got) << text;
    EXPECT_EQ(got.error().code, Code::kCorruption);
  }
  EXPECT_FALSE(check_grants(files_.write("g.sql.gz", gzip(one).substr(0, 30)), {}));
}

TEST_F(LeftDumpsTest, GrantsAreUnescapedAsTheClientEscapedThem) {
  auto file = GzipFile::open(
      files_.write("g.sql.gz", gzip("GRANT ALL ON `nova\\\\_api`.* TO `a\\tb`@`%`;\n")));
  ASSERT_TRUE(file);
  SqlScript script(grants_text_of(std::move(*file)));
  const auto statement = script.next(true);
  ASSERT_TRUE(statement && *statement);
  EXPECT_EQ((*statement)->text, "GRANT ALL ON `nova\\_api`.* TO `a\tb`@`%`");
}

TEST_F(LeftDumpsTest, CheckingCanBeStopped) {
  std::stop_source stop;
  stop.request_stop();
  const auto got = check_dump(files_.write("d.sql.gz", gzip(kHead + kEnd)), {}, stop.get_token());
  EXPECT_EQ(got.error().code, Code::kCancelled);
}

}  // namespace
}  // namespace gb::galera
