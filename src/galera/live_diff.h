// How a running cluster differs from a backup of it: which tables, by how many rows, and which
// definitions. Reads by SELECT alone, in one snapshot (snapshot.h: without a binary log commits
// wait for the milliseconds that opening it takes); no table is locked, nothing is written.
//
// Every table is read once, for its digest. One whose digest differs is read again in the same
// snapshot, beside its rows in the backup: both come in the order of their key and end their chunks
// at the same keys, so 16 bytes are held for each row between two such ends (for all rows of a
// table without a key). No more than kMostHeldRows are held for a table; where that is not enough,
// its rows are not counted.
//
// Not compared: accounts, the state of sequences, whether an event is enabled, tables whose data
// the backup left out.
//
// Errors: those of Dump and of the source.
// Thread safety: diff_live() uses threads of its own; the source's methods are called by any of
// them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "galera/engine.h"
#include "galera/model.h"
#include "galera/stream.h"

namespace gb::galera {

struct TableDifference {
  enum class State {
    kEqual,
    kRows,          // the same columns, other rows
    kNotCounted,    // the same, but too many rows would have had to be held to count them
    kColumns,       // other columns or another key: rows are counted only
    kOnlyInBackup,  // the cluster has no such table any more
    kOnlyLive,      // came after the backup
  };
  std::string schema;
  std::string table;
  State state = State::kEqual;
  std::uint64_t backup_rows = 0;
  std::uint64_t live_rows = 0;
  // kRows: by key where there is one. Without a key a changed row is one added and one removed.
  std::uint64_t added = 0;    // only the cluster has them
  std::uint64_t changed = 0;  // both have the key, with other values
  std::uint64_t removed = 0;  // only the backup has them
};

// 64 MiB of both sides together, and as much again for the moment in which they are counted.
inline constexpr std::size_t kMostHeldRows = std::size_t{4} << 20;

struct LiveDifference {
  Facts facts;                           // of the snapshot that was compared
  std::vector<TableDifference> tables;   // all that were looked at, by schema and name
  std::vector<std::string> definitions;  // one phrase each: "view `a`.`b` was altered"
  [[nodiscard]] bool equal() const {
    if (!definitions.empty()) return false;
    for (const TableDifference& t : tables)
      if (t.state != TableDifference::State::kEqual) return false;
    return true;
  }
};

// `options` as the backup was made with: what it left out is no difference.
Result<LiveDifference> diff_live(const Endpoint& endpoint, const DumpOptions& options,
                                 const InstanceModel& model, DumpSource& source, Progress& progress,
                                 std::stop_token stop);

// The rows of one table on both sides, as they come in the order of the table's key.
class RowDifference {
 public:
  struct Row {
    std::uint64_t key = 0;   // key_hash() of the key, or what identifies the whole row
    std::uint64_t hash = 0;  // of the whole row
    auto operator<=>(const Row&) const = default;
  };
  enum class Side { kBackup, kLive };

  // `ordered`: the rows of both sides come in the order of the same key.
  explicit RowDifference(bool ordered, std::size_t most_held = kMostHeldRows)
      : ordered_(ordered), most_held_(most_held) {}
  // One chunk of a side; `cut` is the hash of its last key. Where more rows would be held than may
  // be, all are forgotten, and nothing is counted from then on.
  void add(Side side, std::uint64_t cut, std::vector<Row> rows);
  // Both sides stand behind the same row, and nothing is held.
  [[nodiscard]] bool level() const { return backup_.empty() && live_.empty(); }
  // Whether a chunk of the backup is more likely to bring both sides together than one that lives.
  [[nodiscard]] bool wants_backup() const { return backup_.size() < live_.size(); }
  [[nodiscard]] std::size_t held_chunks() const { return backup_.size() + live_.size(); }
  // After the last chunk of both: counts what is left.
  void finish();
  // False: what follows says nothing.
  [[nodiscard]] bool counted() const { return counted_; }

  [[nodiscard]] std::uint64_t added() const { return added_; }
  [[nodiscard]] std::uint64_t changed() const { return changed_; }
  [[nodiscard]] std::uint64_t removed() const { return removed_; }

 private:
  struct Held {
    std::uint64_t cut = 0;
    std::vector<Row> rows;
  };
  void settle(std::size_t backup_chunks, std::size_t live_chunks);

  const bool ordered_;
  const std::size_t most_held_;
  bool counted_ = true;
  std::size_t held_rows_ = 0;
  std::vector<Held> backup_;
  std::vector<Held> live_;
  std::uint64_t added_ = 0;
  std::uint64_t changed_ = 0;
  std::uint64_t removed_ = 0;
};

}  // namespace gb::galera
