// Chunks have the size that is promised, and most of them survive what happens to a table in a day.
#include "galera/chunker.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <vector>

#include "galera/row_digest.h"

namespace gb::galera {
namespace {

struct TestRow {
  std::uint64_t key;
  std::uint64_t bytes;
};

std::uint64_t hash_of(std::uint64_t key) {
  RowEncoding encoding;
  encoding.number(ValueKind::kUnsigned, key);
  return key_hash(encoding.view());
}

// The chunks as (first key, last key).
std::vector<std::pair<std::uint64_t, std::uint64_t>> chunks_of(const std::vector<TestRow>& rows) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> out;
  Chunker chunker;
  bool open = false;
  for (const TestRow& row : rows) {
    if (!open) out.emplace_back(row.key, row.key);
    out.back().second = row.key;
    open = !chunker.add(hash_of(row.key), row.bytes);
  }
  return out;
}

std::vector<TestRow> rows_of(std::uint64_t count, std::uint64_t bytes) {
  std::vector<TestRow> rows;
  for (std::uint64_t i = 0; i < count; ++i) rows.push_back({2 * i, bytes});
  return rows;
}

TEST(Chunker, ChunksHaveOneToTwoMegabytesOnAverageAndFourAtMost) {
  for (const std::uint64_t bytes : {30U, 200U, 1500U, 70'000U}) {
    const std::uint64_t total = std::uint64_t{400} << 20;
    const auto chunks = chunks_of(rows_of(total / bytes, bytes));
    const double mean = static_cast<double>(total) / static_cast<double>(chunks.size());
    EXPECT_GT(mean, 0.75 * (1 << 20)) << bytes;
    EXPECT_LT(mean, 2.25 * (1 << 20)) << bytes;
    for (const auto& [first, last] : chunks)
      EXPECT_LE(((last - first) / 2) * bytes, kMaxChunkBytes) << bytes;
  }
}

TEST(Chunker, ARowAsLargeAsAChunkIsAChunk) {
  EXPECT_EQ(chunks_of(rows_of(5, 20 << 20)).size(), 5U);
}

TEST(Chunker, AnInsertOrADeleteChangesOnlyTheChunksNearIt) {
  std::vector<TestRow> rows = rows_of(600'000, 300);
  const auto before = chunks_of(rows);
  std::mt19937_64 random(5);
  constexpr std::size_t kChanges = 10;
  for (std::size_t i = 0; i < kChanges; ++i) {
    const std::size_t at = random() % rows.size();
    if (i % 2 == 0)
      rows.erase(rows.begin() + static_cast<std::ptrdiff_t>(at));
    else
      rows.insert(rows.begin() + static_cast<std::ptrdiff_t>(at), {rows[at].key - 1, 300});
  }
  const auto after = chunks_of(rows);
  const std::set<std::pair<std::uint64_t, std::uint64_t>> known(before.begin(), before.end());
  std::size_t fresh = 0;
  for (const auto& chunk : after) fresh += known.contains(chunk) ? 0 : 1;
  EXPECT_GT(before.size(), 80U);
  EXPECT_LE(fresh, 4 * kChanges);
}

TEST(Chunker, AnUpdateOfSimilarSizeMovesNoBoundary) {
  std::vector<TestRow> rows = rows_of(200'000, 300);
  const auto before = chunks_of(rows);
  for (std::size_t i = 0; i < rows.size(); i += 50) rows[i].bytes = 310;
  std::size_t moved = 0;
  const auto after = chunks_of(rows);
  const std::set<std::pair<std::uint64_t, std::uint64_t>> known(before.begin(), before.end());
  for (const auto& chunk : after) moved += known.contains(chunk) ? 0 : 1;
  // Only where a chunk ran into the 4 MiB limit.
  EXPECT_LE(moved, before.size() / 8);
}

TEST(Chunker, RangesThatMeetAtACutGiveTheChunksOfTheWholeTable) {
  const std::vector<TestRow> rows = rows_of(300'000, 300);
  const auto whole = chunks_of(rows);
  std::size_t cut = 100'000;
  while (!is_cut(hash_of(rows[cut].key), rows[cut].bytes)) ++cut;
  const auto middle = rows.begin() + static_cast<std::ptrdiff_t>(cut) + 1;
  auto parts = chunks_of({rows.begin(), middle});
  const auto second = chunks_of({middle, rows.end()});
  parts.insert(parts.end(), second.begin(), second.end());
  EXPECT_EQ(whole, parts);
}

}  // namespace
}  // namespace gb::galera
