// Two sides of a table, counted: whatever was added, changed and removed, wherever chunks end.
#include "galera/live_diff.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "galera/chunker.h"
#include "galera/row_digest.h"

namespace gb::galera {
namespace {

using Side = RowDifference::Side;
using Row = RowDifference::Row;
using Rows = std::map<std::uint64_t, std::uint64_t>;  // by key: the row's hash

std::uint64_t key_of(std::uint64_t key) {
  RowEncoding encoding;
  encoding.number(ValueKind::kUnsigned, key);
  return key_hash(encoding.view());
}

struct TestChunk {
  std::uint64_t cut = 0;
  std::vector<Row> rows;
};

std::vector<TestChunk> chunks_of(const Rows& rows) {
  constexpr std::uint64_t kRowBytes = 8192;  // a chunk of some hundred rows
  std::vector<TestChunk> out(1);
  Chunker chunker;
  for (const auto& [key, hash] : rows) {
    out.back().rows.push_back({key_of(key), hash});
    out.back().cut = key_of(key);
    if (chunker.add(key_of(key), kRowBytes)) out.emplace_back();
  }
  if (out.back().rows.empty()) out.pop_back();
  return out;
}

// As diff_live() feeds it: what lives sets the pace.
struct Counted {
  std::uint64_t added = 0, changed = 0, removed = 0;
  std::size_t most_held = 0;
  bool operator==(const Counted& other) const {
    return added == other.added && changed == other.changed && removed == other.removed;
  }
};

Counted count(const Rows& backup, const Rows& live, bool ordered = true) {
  RowDifference difference(ordered);
  Counted out;
  const auto theirs = chunks_of(backup);
  const auto ours = chunks_of(live);
  std::size_t next = 0;
  const auto read_backup = [&] {
    difference.add(Side::kBackup, theirs[next].cut, theirs[next].rows);
    ++next;
  };
  for (const TestChunk& chunk : ours) {
    difference.add(Side::kLive, chunk.cut, chunk.rows);
    while (difference.wants_backup() && next < theirs.size()) read_backup();
    out.most_held = std::max(out.most_held, difference.held_chunks());
  }
  while (next < theirs.size()) read_backup();
  difference.finish();
  EXPECT_TRUE(difference.level());
  out.added = difference.added();
  out.changed = difference.changed();
  out.removed = difference.removed();
  return out;
}

Rows make_rows(std::mt19937_64& rng, std::uint64_t count) {
  Rows rows;
  for (std::uint64_t key = 0; key < count; ++key) rows[key * 10] = rng();
  return rows;
}

TEST(RowDifference, CountsWhatWasDone) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    std::mt19937_64 rng(seed);
    const Rows backup = make_rows(rng, 20'000);
    Rows live = backup;
    Counted expected;
    for (const auto& [key, hash] : backup) {
      const auto dice = rng() % 100;
      if (dice < seed) {
        live.erase(key);
        ++expected.removed;
      } else if (dice < 2 * seed) {
        live[key] = hash + 1;
        ++expected.changed;
      } else if (dice < 3 * seed) {
        live[key + 1 + rng() % 9] = rng();
        ++expected.added;
      }
    }
    EXPECT_EQ(count(backup, live), expected) << "seed " << seed;
    EXPECT_EQ(count(backup, live, false), expected) << "seed " << seed;
  }
}

TEST(RowDifference, AFewChangesHoldAFewChunks) {
  std::mt19937_64 rng(3);
  const Rows backup = make_rows(rng, 100'000);
  Rows live = backup;
  for (int i = 0; i < 200; ++i) {
    live.erase(rng() % 100'000 * 10);
    live[rng() % 1'000'000] = rng();
  }
  EXPECT_LT(count(backup, live).most_held, 12U) << "of " << chunks_of(backup).size() << " chunks";
}

TEST(RowDifference, ABlockThatIsGoneIsCountedOnce) {
  std::mt19937_64 rng(4);
  const Rows backup = make_rows(rng, 30'000);
  Rows live = backup;
  live.erase(live.lower_bound(50'000), live.lower_bound(150'000));
  Counted expected;
  expected.removed = 10'000;
  EXPECT_EQ(count(backup, live), expected);
  std::swap(expected.added, expected.removed);
  EXPECT_EQ(count(live, backup), expected);
  EXPECT_EQ(count({}, live), (Counted{live.size(), 0, 0, 0}));
  EXPECT_EQ(count(backup, {}), (Counted{0, 0, backup.size(), 0}));
}

TEST(RowDifference, WithoutAKeyEqualRowsAreCountedAsOftenAsTheyAre) {
  RowDifference difference(false);
  difference.add(Side::kBackup, 1, {{1, 1}, {1, 1}, {2, 2}});
  difference.add(Side::kLive, 2, {{2, 2}, {1, 1}, {3, 3}});
  difference.finish();
  EXPECT_EQ(difference.removed(), 1U);
  EXPECT_EQ(difference.added(), 1U);
  EXPECT_EQ(difference.changed(), 0U);
}

TEST(RowDifference, HoldsNoMoreRowsThanItMayAndThenCountsNone) {
  for (const bool ordered : {false, true}) {
    RowDifference difference(ordered, 5);
    difference.add(Side::kBackup, 1, {{1, 1}, {2, 2}, {3, 3}});
    difference.add(Side::kLive, 2, {{2, 2}, {5, 5}});
    EXPECT_TRUE(difference.counted());
    difference.add(Side::kLive, 3, {{6, 6}});
    EXPECT_FALSE(difference.counted());
    EXPECT_EQ(difference.held_chunks(), 0U);
    difference.add(Side::kBackup, 4, {{6, 6}});
    EXPECT_EQ(difference.held_chunks(), 0U);
    difference.finish();
    EXPECT_FALSE(difference.counted());
  }
  // What was settled is held no more.
  RowDifference meets(true, 5);
  for (std::uint64_t cut = 1; cut < 10; ++cut) {
    meets.add(Side::kBackup, cut, {{cut, cut}, {cut + 100, 1}});
    meets.add(Side::kLive, cut, {{cut, cut}, {cut + 100, 2}});
  }
  meets.finish();
  EXPECT_TRUE(meets.counted());
  EXPECT_EQ(meets.changed(), 9U);
}

}  // namespace
}  // namespace gb::galera
