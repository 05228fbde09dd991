// What was put into a column comes out of it, whatever the values; damaged bytes are refused.
#include <gtest/gtest.h>

#include <bit>
#include <limits>
#include <optional>
#include <random>

#include "galera/column_codec.h"

namespace gb::galera {
namespace {

using Number = std::optional<std::uint64_t>;
using Text = std::optional<std::string>;

std::string encode_numbers(ValueKind kind, const std::vector<Number>& rows) {
  ColumnEncoder encoder(kind);
  for (const Number& n : rows) n ? encoder.add_number(*n) : encoder.add_null();
  return std::string(as_text(encoder.encode()));
}

std::string encode_texts(const std::vector<Text>& rows) {
  ColumnEncoder encoder(ValueKind::kBytes);
  for (const Text& t : rows) t ? encoder.add_bytes(*t) : encoder.add_null();
  return std::string(as_text(encoder.encode()));
}

void expect_numbers(ValueKind kind, const std::vector<Number>& rows) {
  const std::string encoded = encode_numbers(kind, rows);
  const auto decoded = decode_column(kind, rows.size(), encoded);
  ASSERT_TRUE(decoded) << decoded.error().text();
  ASSERT_EQ(decoded->numbers.size(), rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(decoded->null[i] != 0, !rows[i]) << "row " << i;
    EXPECT_EQ(decoded->numbers[i], rows[i].value_or(0)) << "row " << i;
  }
}

void expect_texts(const std::vector<Text>& rows) {
  const std::string encoded = encode_texts(rows);
  const auto decoded = decode_column(ValueKind::kBytes, rows.size(), encoded);
  ASSERT_TRUE(decoded) << decoded.error().text();
  ASSERT_EQ(decoded->values.size(), rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(decoded->null[i] != 0, !rows[i]) << "row " << i;
    EXPECT_EQ(decoded->values[i], rows[i].value_or("")) << "row " << i;
  }
}

std::uint64_t number(std::int64_t value) {
  return static_cast<std::uint64_t>(value);
}

TEST(ColumnCodec, KeepsIntegersOfEverySizeAndSign) {
  using Limits = std::numeric_limits<std::int64_t>;
  expect_numbers(ValueKind::kSigned,
                 {number(Limits::min()), number(Limits::max()), number(0), number(-1)});
  expect_numbers(ValueKind::kSigned, {number(-128), number(127)});
  expect_numbers(ValueKind::kUnsigned, {~std::uint64_t{0}, 0, 1});
  expect_numbers(ValueKind::kUnsigned, {7});
  expect_numbers(ValueKind::kUnsigned, {});
}

TEST(ColumnCodec, KeepsNullsWhereverTheyStand) {
  expect_numbers(ValueKind::kSigned,
                 {std::nullopt, number(5), std::nullopt, std::nullopt, number(-5)});
  expect_numbers(ValueKind::kSigned, std::vector<Number>(17, std::nullopt));
  expect_texts({std::nullopt, "a", std::nullopt, "", "bc", std::nullopt});
  expect_texts(std::vector<Text>(9, std::nullopt));
}

TEST(ColumnCodec, KeepsTheBitsOfFloatingPoint) {
  expect_numbers(ValueKind::kFloat,
                 {std::bit_cast<std::uint32_t>(0.1F), std::bit_cast<std::uint32_t>(-0.0F),
                  std::bit_cast<std::uint32_t>(3.4e38F), 1});
  expect_numbers(ValueKind::kDouble, {std::bit_cast<std::uint64_t>(0.1),
                                      std::bit_cast<std::uint64_t>(-1e308), 1, std::nullopt});
}

TEST(ColumnCodec, KeepsTextAsItsBytes) {
  expect_texts({"", "a", std::string("\0\xff", 2), std::string(100'000, 'x'), "ünï"});
}

TEST(ColumnCodec, KeepsUuidsAndHexadecimalExactly) {
  const std::string uuid = "6f9619ff-8b86-d011-b42d-00cf4fc964ff";
  expect_texts({uuid, uuid, std::nullopt});
  expect_texts({uuid, "6F9619FF-8B86-D011-B42D-00CF4FC964FF"});  // upper case is not the same text
  expect_texts({uuid, "6f9619ff-8b86-d011-b42d-00cf4fc964fg"});
  expect_texts({uuid, "6f9619ff08b86-d011-b42d-00cf4fc964ff"});
  expect_texts({"00ff", "", "deadbeef"});
  expect_texts({"00ff", "DEADBEEF"});
  expect_texts({"00f", "f"});
}

TEST(ColumnCodec, StoresAUuidInSixteenBytes) {
  std::vector<Text> rows;
  std::mt19937_64 random(1);
  constexpr std::string_view digits = "0123456789abcdef";
  for (int i = 0; i < 1000; ++i) {
    std::string uuid = "00000000-0000-0000-0000-000000000000";
    for (char& c : uuid)
      if (c != '-') c = digits[random() % 16];
    rows.emplace_back(uuid);
  }
  EXPECT_LE(encode_texts(rows).size(), 16U * rows.size() + 16);
  expect_texts(rows);
}

TEST(ColumnCodec, StoresAscendingIdsInOneByteEach) {
  std::vector<Number> rows;
  for (std::uint64_t i = 0; i < 5000; ++i) rows.emplace_back(1'000'000'000'000 + 3 * i);
  EXPECT_LE(encode_numbers(ValueKind::kUnsigned, rows).size(), rows.size() + 16);
}

TEST(ColumnCodec, StoresAConstantColumnInAFewBytes) {
  EXPECT_LE(encode_numbers(ValueKind::kSigned, std::vector<Number>(5000, number(-3))).size(), 16U);
}

// A backup keeps a column as what differs from the one of the day before: a row that changes must
// not move or turn the bytes of the others.
std::size_t bytes_changed(std::vector<Number> rows, std::size_t row, std::uint64_t value) {
  const std::string before = encode_numbers(ValueKind::kDateTime, rows);
  rows[row] = value;
  const std::string after = encode_numbers(ValueKind::kDateTime, rows);
  expect_numbers(ValueKind::kDateTime, rows);
  std::size_t changed = 0;
  for (std::size_t i = 0; i < std::min(before.size(), after.size()); ++i)
    changed += before[i] != after[i] ? 1 : 0;
  return changed;
}

TEST(ColumnCodec, OneChangedRowLeavesTheBytesOfTheOthersAsTheyAre) {
  constexpr std::uint64_t kBegin = 1'700'000'000'000'000;
  std::mt19937_64 random(1);
  std::vector<Number> near_their_order;  // updated_at of rows that came one after the other
  std::vector<Number> in_no_order;       // created_at by a random key
  for (std::uint64_t i = 0; i < 5000; ++i) {
    near_their_order.emplace_back(kBegin + (i * 10'000 + random() % 5'000'000) * 1'000'000);
    in_no_order.emplace_back(kBegin + random() % 50'000'000'000'000);
  }
  for (const auto& rows : {near_their_order, in_no_order}) {
    EXPECT_LE(bytes_changed(rows, 2500, kBegin + 200'000'000'000'000), 20U) << "above all others";
    EXPECT_LE(bytes_changed(rows, 2500, kBegin - 1'000'000'000'000), 20U) << "below all others";
    EXPECT_LE(bytes_changed(rows, 2500, *rows[17]), 20U) << "among the others";
    EXPECT_LE(bytes_changed(rows, 0, *rows[17]), 20U) << "the first";
  }
}

TEST(ColumnCodec, GivesTheSameBytesForTheSameValues) {
  ColumnEncoder encoder(ValueKind::kDateTime);
  const auto fill = [&] {
    for (std::uint64_t i = 0; i < 100; ++i) encoder.add_number(i * 1'000'000);
    const std::string out(as_text(encoder.encode()));
    encoder.clear();
    return out;
  };
  const std::string once = fill();
  EXPECT_EQ(fill(), once);
}

TEST(ColumnCodec, DatesSortAsTheirNumbersAndComeBack) {
  const std::vector<DateTime> dates = {
      {},                                  // 0000-00-00 00:00:00
      {0, 0, 1, 0, 0, 0, 0},               // 0000-00-01
      {1000, 1, 1, 0, 0, 0, 1},            //
      {2024, 2, 0, 0, 0, 0, 0},            // 2024-02-00
      {2024, 2, 29, 23, 59, 59, 999'999},  //
      {2024, 3, 0, 0, 0, 0, 0},            //
      {9999, 12, 31, 23, 59, 59, 999'999},
  };
  std::vector<Number> rows;
  for (std::size_t i = 0; i < dates.size(); ++i) {
    rows.emplace_back(pack_date_time(dates[i]));
    EXPECT_EQ(unpack_date_time(*rows.back()), dates[i]);
    if (i > 0) {
      EXPECT_LT(*rows[i - 1], *rows[i]);
    }
  }
  expect_numbers(ValueKind::kDateTime, rows);
  expect_numbers(ValueKind::kTime,
                 {number(-3'020'399'999'999), number(3'020'399'999'999), number(-1'000'000)});
  expect_numbers(ValueKind::kTime, {number(-3'020'399'000'000), number(1'000'000), number(0)});
}

TEST(ColumnCodec, KeepsRandomColumns) {
  std::mt19937_64 random(20);
  for (int round = 0; round < 300; ++round) {
    const auto kind = static_cast<ValueKind>(random() % 8);
    const std::size_t rows = random() % 200;
    const unsigned shift = random() % 64;
    std::vector<Number> numbers;
    std::vector<Text> texts;
    for (std::size_t i = 0; i < rows; ++i) {
      const bool null = random() % 5 == 0;
      numbers.push_back(null ? Number{} : Number{random() >> shift});
      texts.push_back(null ? Text{}
                           : Text{std::string(random() % 40, static_cast<char>(random()))});
    }
    kind == ValueKind::kBytes ? expect_texts(texts) : expect_numbers(kind, numbers);
  }
}

TEST(ColumnCodec, RefusesBytesThatWereCutOrDamaged) {
  const std::string good = encode_texts({"abc", std::nullopt, "def", "xyzzy"});
  for (std::size_t length = 0; length < good.size(); ++length) {
    const auto cut = decode_column(ValueKind::kBytes, 4, std::string_view(good).substr(0, length));
    ASSERT_FALSE(cut) << length;
    EXPECT_EQ(cut.error().code, Code::kCorruption);
  }
  EXPECT_FALSE(decode_column(ValueKind::kBytes, 4, good + "x"));
  EXPECT_FALSE(decode_column(ValueKind::kSigned, 4, good));
  EXPECT_FALSE(decode_column(ValueKind::kBytes, 400, good));
  EXPECT_FALSE(decode_column(ValueKind::kBytes, kMaxChunkRows + 1, good));
}

TEST(ColumnCodec, NeverReadsOutsideWhateverTheBytes) {
  std::mt19937_64 random(21);
  const std::string uuids =
      encode_texts(std::vector<Text>(5, "6f9619ff-8b86-d011-b42d-00cf4fc964ff"));
  const std::string hex = encode_texts({"00ff", std::nullopt, "deadbeef"});
  const std::string numbers =
      encode_numbers(ValueKind::kTime, {1'000'000, std::nullopt, 5'000'000});
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = round % 3 == 0 ? uuids : round % 3 == 1 ? hex : numbers;
    for (std::uint64_t flips = 1 + random() % 4; flips > 0; --flips)
      bytes[random() % bytes.size()] ^= static_cast<char>(1 + random() % 255);
    for (int kind = 0; kind < 8; ++kind)
      (void)decode_column(static_cast<ValueKind>(kind), 1 + random() % 6, bytes);
  }
}

}  // namespace
}  // namespace gb::galera
