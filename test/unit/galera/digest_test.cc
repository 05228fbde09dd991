// A table's digest says what rows it holds, whatever their order, and tells any difference.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "galera/row_digest.h"

namespace gb::galera {
namespace {

RowHash row(std::uint64_t seed, std::int64_t id, std::string_view text) {
  RowEncoding encoding;
  encoding.number(ValueKind::kSigned, static_cast<std::uint64_t>(id));
  encoding.bytes(text);
  return encoding.hash(seed);
}

TEST(RowDigest, DoesNotDependOnTheOrderOfRowsOrThreads) {
  const std::uint64_t seed = row_seed(std::vector<std::string>{"a", "b"});
  std::vector<RowHash> rows;
  for (int i = 0; i < 1000; ++i) rows.push_back(row(seed, i, std::to_string(i)));
  DigestSum forward;
  for (const RowHash& r : rows) forward.add(r);
  std::shuffle(rows.begin(), rows.end(), std::mt19937(3));
  DigestSum left;
  DigestSum right;
  for (std::size_t i = 0; i < rows.size(); ++i) (i % 3 == 0 ? left : right).add(rows[i]);
  left.add(right);
  EXPECT_EQ(forward.digest(), left.digest());
}

TEST(RowDigest, TellsEveryKindOfDifference) {
  const std::uint64_t seed = row_seed(std::vector<std::string>{"a", "b"});
  const auto digest = [](const RowHash& hash) {
    DigestSum sum;
    sum.add(hash);
    return sum.digest();
  };
  const RowDigest one = digest(row(seed, 1, "x"));
  EXPECT_NE(one, digest(row(seed, 2, "x")));
  EXPECT_NE(one, digest(row(seed, 1, "y")));
  EXPECT_NE(one, digest(row(row_seed(std::vector<std::string>{"a", "c"}), 1, "x")));
  EXPECT_NE(row_seed(std::vector<std::string>{"ab", "c"}),
            row_seed(std::vector<std::string>{"a", "bc"}));
  RowEncoding null;
  null.null();
  RowEncoding empty;
  empty.bytes("");
  EXPECT_NE(digest(null.hash(0)), digest(empty.hash(0)));
  RowEncoding negative;
  negative.number(ValueKind::kSigned, ~std::uint64_t{0});
  RowEncoding largest;
  largest.number(ValueKind::kUnsigned, ~std::uint64_t{0});
  EXPECT_NE(digest(negative.hash(0)), digest(largest.hash(0)));
}

TEST(RowDigest, CountsARowThatIsThereTwice) {
  DigestSum once;
  once.add(row(0, 1, "x"));
  DigestSum twice = once;
  twice.add(row(0, 1, "x"));
  EXPECT_NE(once.digest(), twice.digest());
}

TEST(RowDigest, CarriesFromTheLowHalfToTheHigh) {
  DigestSum sum;
  sum.add(RowHash{~std::uint64_t{0}, 0});
  sum.add(RowHash{1, 0});
  RowDigest expected{};
  expected[8] = std::byte{1};
  EXPECT_EQ(sum.digest(), expected);
}

// The documented encoding, byte for byte: other programs compute digests from it.
TEST(RowDigest, TheCanonicalEncodingIsTheDocumentedOne) {
  RowEncoding encoding;
  encoding.number(ValueKind::kUnsigned, 258);
  encoding.null();
  encoding.bytes("ab");
  EXPECT_EQ(encoding.view(), std::string_view("\x02\x02\x01\0\0\0\0\0\0"
                                              "\0"
                                              "\x08\x02\0\0\0\0\0\0\0ab",
                                              21));
}

// A server of another version may have no other.
TEST(RowDigest, MinusZeroCountsAsZero) {
  const auto encoded = [](ValueKind kind, std::uint64_t number) {
    RowEncoding encoding;
    encoding.number(kind, number);
    return std::string(encoding.view());
  };
  EXPECT_EQ(encoded(ValueKind::kDouble, std::uint64_t{1} << 63), encoded(ValueKind::kDouble, 0));
  EXPECT_EQ(encoded(ValueKind::kFloat, std::uint64_t{1} << 31), encoded(ValueKind::kFloat, 0));
  EXPECT_NE(encoded(ValueKind::kSigned, std::uint64_t{1} << 63), encoded(ValueKind::kSigned, 0));
}

}  // namespace
}  // namespace gb::galera
