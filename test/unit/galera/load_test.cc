#include "galera/load.h"

#include <gtest/gtest.h>

#include <bit>

#include "galera/load_writer.h"

namespace gb::galera {
namespace {

Table table_of(std::uint64_t bytes, std::uint64_t rows = 1000) {
  Table out;
  out.engine = "InnoDB";
  out.totals.bytes = bytes;
  out.totals.rows = rows;
  return out;
}

constexpr std::uint64_t kMiB = 1U << 20;

LoadPath path(const Table& table, std::uint64_t all, bool quiet = true, unsigned threads = 4) {
  TargetLimits limits;
  limits.galera = true;
  return choose_path(table, all, {.quiet = quiet, .threads = threads, .names = {}}, limits);
}

TEST(LoadPath, ALiveTargetNeverGetsALargeTransactionOrAnAlter) {
  EXPECT_EQ(path(table_of(100 * kMiB), 400 * kMiB, false), LoadPath::kAllKeysFirst);
}

TEST(LoadPath, SmallTablesAreMadeWithAllTheirKeys) {
  EXPECT_EQ(path(table_of(100'000), 400 * kMiB), LoadPath::kAllKeysFirst);
}

TEST(LoadPath, OneOfManyTablesGoesInOneTransaction) {
  EXPECT_EQ(path(table_of(50 * kMiB), 400 * kMiB), LoadPath::kBulk);
}

TEST(LoadPath, ATableThatIsMostOfTheWorkIsSharedByAllConnections) {
  EXPECT_EQ(path(table_of(300 * kMiB), 400 * kMiB), LoadPath::kByRows);
  EXPECT_EQ(path(table_of(300 * kMiB), 400 * kMiB, true, 1), LoadPath::kBulk);
}

TEST(LoadPath, AWriteSetIsNeverLargerThanTheClusterTakes) {
  Table table = table_of(300 * kMiB);
  TargetLimits limits;
  limits.galera = true;
  limits.max_write_set = 256 * kMiB;
  const LoadOptions options{.quiet = true, .threads = 1, .names = {}};
  EXPECT_EQ(choose_path(table, 10'000 * kMiB, options, limits), LoadPath::kByRows);
  limits.galera = false;
  EXPECT_EQ(choose_path(table, 10'000 * kMiB, options, limits), LoadPath::kBulk);
  limits = {};
  limits.galera = true;
  limits.max_write_set_rows = 999;
  EXPECT_EQ(choose_path(table, 10'000 * kMiB, options, limits), LoadPath::kByRows);
}

TEST(LoadPath, OtherEnginesKnowNoBulkPath) {
  Table table = table_of(50 * kMiB);
  table.engine = "Aria";
  EXPECT_EQ(path(table, 400 * kMiB), LoadPath::kAllKeysFirst);
}

Column column(const std::string& name, ValueKind kind, bool generated = false) {
  Column out;
  out.name = name;
  out.kind = kind;
  out.generated = generated;
  return out;
}

std::string encoded(ValueKind kind, const std::vector<std::uint64_t>& numbers) {
  ColumnEncoder encoder(kind);
  for (const std::uint64_t n : numbers) encoder.add_number(n);
  return std::string(as_text(encoder.encode()));
}

TEST(DecodeChunk, ColumnsComeInTheOrderOfTheirNamesWithoutGeneratedOnes) {
  Table table;
  table.name = "t";
  table.columns = {column("z", ValueKind::kUnsigned), column("g", ValueKind::kUnsigned, true),
                   column("a", ValueKind::kSigned)};
  Chunk chunk;
  chunk.rows = 2;
  chunk.columns = {encoded(ValueKind::kSigned, {1, 2}), encoded(ValueKind::kUnsigned, {3, 4})};
  const auto decoded = decode_chunk(table, chunk, false);
  ASSERT_TRUE(decoded) << decoded.error().text();
  EXPECT_EQ(decoded->columns[0].numbers, (std::vector<std::uint64_t>{1, 2}));
  EXPECT_EQ(decoded->columns[1].numbers, (std::vector<std::uint64_t>{3, 4}));
}

TEST(DecodeChunk, TheEndOfThePresentIsThatOfTheTarget) {
  Table table = table_of(1);
  Column end;
  end.name = "row_end";
  end.data_type = "timestamp";
  end.kind = ValueKind::kDateTime;
  table.columns = {end};
  const std::uint64_t early = pack_date_time({2038, 1, 19, 3, 14, 7, 999'999});
  const std::uint64_t late = pack_date_time({2106, 2, 7, 6, 28, 15, 999'999});
  Chunk chunk;
  chunk.rows = 2;
  chunk.columns = {encoded(ValueKind::kDateTime, {early, early - 1})};
  const auto of = [&](bool late_timestamps) {
    return decode_chunk(table, chunk, late_timestamps)->columns[0].numbers;
  };
  EXPECT_EQ(of(true), (std::vector<std::uint64_t>{early, early - 1}));  // no period
  table.columns[0].period = true;
  EXPECT_EQ(of(true), (std::vector<std::uint64_t>{late, early - 1}));
  EXPECT_EQ(of(false), (std::vector<std::uint64_t>{early, early - 1}));
}

TEST(Loading, AFloatMayLieBeyondTheLimitOfItsColumn) {
  const auto bits = [](float value) { return std::uint64_t{std::bit_cast<std::uint32_t>(value)}; };
  EXPECT_TRUE(is_beyond_its_limit("float(9,3)", bits(1e6F)));
  EXPECT_TRUE(is_beyond_its_limit("float(9,3) unsigned", bits(1e6F)));
  EXPECT_TRUE(is_beyond_its_limit("float(9,3)", bits(-1e6F)));
  EXPECT_FALSE(is_beyond_its_limit("float(9,3)", bits(1.1e6F)));
  EXPECT_FALSE(is_beyond_its_limit("float(9,3)", bits(999999)));
  EXPECT_FALSE(is_beyond_its_limit("float", bits(1e6F)));
}

TEST(Loading, AWarningOfAnExpressionIsToldFromThatOfAValue) {
  Table table = table_of(1);
  Column value;
  value.name = "a";
  Column made;
  made.name = "g";
  made.generated = true;
  table.columns = {value, made};
  const auto warns = [&](const char* text) {
    return is_of_expression(table, {.level = "Warning", .number = 1366, .message = text});
  };
  EXPECT_TRUE(warns("Incorrect string value: '\\xFF' for column `s`.`t`.`g` at row 1"));
  EXPECT_TRUE(warns("Truncated incorrect DOUBLE value: 'x'"));
  EXPECT_FALSE(warns("Incorrect string value: '\\xFF' for column `s`.`t`.`a` at row 1"));
  EXPECT_FALSE(warns("Out of range value for column 'a' at row 1"));
  table.columns.pop_back();
  EXPECT_FALSE(warns("Truncated incorrect DOUBLE value: 'x'"));
}

TEST(DecodeChunk, AnotherTablesChunkIsCorruption) {
  Table table;
  table.name = "t";
  table.columns = {column("a", ValueKind::kSigned)};
  Chunk chunk;
  chunk.rows = 1;
  EXPECT_EQ(decode_chunk(table, chunk, false).error().code, Code::kCorruption);
  chunk.columns = {encoded(ValueKind::kUnsigned, {3})};
  const auto wrong = decode_chunk(table, chunk, false);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, Code::kCorruption);
  EXPECT_NE(wrong.error().text().find("`a` of the table `t`"), std::string::npos);
}

}  // namespace
}  // namespace gb::galera
