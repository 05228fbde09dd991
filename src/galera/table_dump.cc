#include "galera/table_dump.h"

#include <mysqld_error.h>

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <queue>
#include <thread>
#include <utility>

#include "base/guarded.h"
#include "base/text.h"
#include "galera/chunker.h"
#include "galera/column_codec.h"
#include "galera/row_digest.h"
#include "galera/row_reader.h"
#include "galera/sql_text.h"
#include "galera/table_sql.h"

namespace gb::galera {
namespace {

// Below this a range is not worth a connection of its own.
constexpr std::uint64_t kLeastRange = 16U << 20;

struct Work {
  TableToRead source;
  TableLayout layout;
  std::uint64_t seed = 0;
  std::unique_ptr<TableSink> sink;

  std::mutex mutex;  // for what follows
  unsigned open_ranges = 0;
  bool ended_empty = false;  // the last range, which may be all of it, has no row
  DigestSum digest;
  TableTotals totals;
};

struct Unit {
  Work* work = nullptr;
  bool split = false;  // parts the table into ranges first
  unsigned range = 0;
  KeyLiterals after;
  KeyLiterals upto;
  std::uint64_t weight = 0;
};

struct Lighter {
  bool operator()(const Unit& a, const Unit& b) const { return a.weight < b.weight; }
};

// What is left to do, largest first, and the first error.
class Queue {
 public:
  void push(Unit unit) {
    {
      const std::lock_guard lock(mutex_);
      units_.push(std::move(unit));
      ++open_;
    }
    wake_.notify_one();
  }
  // Nothing when all is done or something failed.
  std::optional<Unit> pop() {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [&] { return error_ || !units_.empty() || open_ == 0; });
    if (error_ || units_.empty()) return std::nullopt;
    Unit unit = units_.top();
    units_.pop();
    return unit;
  }
  void done() {
    const std::lock_guard lock(mutex_);
    if (--open_ == 0) wake_.notify_all();
  }
  void failed(Error error) {
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = std::move(error);
    wake_.notify_all();
  }
  std::optional<Error> error() {
    const std::lock_guard lock(mutex_);
    return error_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  std::priority_queue<Unit, std::vector<Unit>, Lighter> units_;
  std::size_t open_ = 0;
  std::optional<Error> error_;
};

class TableReader {
 public:
  TableReader(Connection& connection, unsigned index, unsigned readers, Queue& queue,
              Progress& progress, Turns* turns, std::stop_token stop)
      : connection_(connection),
        index_(index),
        readers_(readers),
        queue_(queue),
        progress_(progress),
        turns_(turns),
        stop_(std::move(stop)) {}

  void run() {
    while (std::optional<Unit> unit = queue_.pop()) {
      wait_turn();
      Status status = unit->split ? split(*unit) : dump(*unit);
      // Gives back the metadata locks of the table; the snapshot stays.
      if (status) status = connection_.exec("ROLLBACK TO SAVEPOINT gb_snapshot");
      if (turns_ != nullptr) turns_->rest(index_);
      if (!status) {
        queue_.failed(explain(*unit, std::move(status).error()));
        return;
      }
      queue_.done();
    }
  }

 private:
  void wait_turn() {
    if (turns_ != nullptr) turns_->wait(index_, stop_);
  }

  Error explain(const Unit& unit, Error error) const {
    const std::string table =
        "table " + quote_table(unit.work->source.schema, unit.work->source.table->name);
    switch (connection_.last_errno()) {
      case ER_NO_SUCH_TABLE:
      case ER_NO_SUCH_TABLE_IN_ENGINE:
      case ER_TABLE_DEF_CHANGED:
      case ER_BAD_FIELD_ERROR:
      case ER_KEY_DOES_NOT_EXISTS:
      case ER_LOCK_DEADLOCK:
      case ER_LOCK_WAIT_TIMEOUT:
        error.code = Code::kConflict;
        return wrap(table + " was changed after the snapshot was opened", std::move(error)).value();
      default:
        return wrap("reading " + table, std::move(error)).value();
    }
  }

  // Finds the cuts nearest to evenly spread keys, and makes a unit of each range between them.
  Status split(const Unit& unit) {
    Work& work = *unit.work;
    const TableLayout& layout = work.layout;
    const std::uint64_t bytes = work.source.size.bytes;
    const auto parts = static_cast<unsigned>(
        std::clamp<std::uint64_t>(bytes / kLeastRange, 1, std::uint64_t{readers_} * 3));
    const std::string first = quote_name(layout.names[layout.key[0]]);
    const std::string table = quote_table(work.source.schema, work.source.table->name);
    GB_TRY_ASSIGN(const Rows ends,
                  connection_.query("SELECT MIN(" + first + "), MAX(" + first + ") FROM " + table));
    std::vector<KeyLiterals> cuts;
    if (!ends.rows.empty() && ends.rows[0].at(0) && ends.rows[0].at(1)) {
      for (const std::string& from :
           part_evenly(layout, *ends.rows[0][0], *ends.rows[0][1], parts)) {
        GB_TRY_ASSIGN(auto cut, find_cut(work, " WHERE " + first + " >= " + from));
        if (cut && (cuts.empty() || cuts.back() != *cut)) cuts.push_back(*std::move(cut));
      }
    }
    {
      const std::lock_guard lock(work.mutex);
      work.open_ranges = static_cast<unsigned>(cuts.size()) + 1;
    }
    for (std::size_t i = 0; i <= cuts.size(); ++i) {
      Unit part;
      part.work = &work;
      part.range = static_cast<unsigned>(i);
      if (i > 0) part.after = cuts[i - 1];
      if (i < cuts.size()) part.upto = cuts[i];
      part.weight = unit.weight / (cuts.size() + 1);
      queue_.push(std::move(part));
    }
    return {};
  }

  // The first cut in the order of the key; nothing when there is none in the next 8 MiB. What is
  // read here is read again by a range, so it is asked for in small steps.
  Result<std::optional<KeyLiterals>> find_cut(const Work& work, std::string where) {
    const TableLayout& layout = work.layout;
    const TableSize& size = work.source.size;
    const std::uint64_t row =
        std::max<std::uint64_t>(size.bytes / std::max<std::uint64_t>(size.rows, 1), 64);
    RowReader reader(connection_, layout.kinds);
    for (std::uint64_t step = 512U << 10; step <= 4U << 20; step *= 2) {
      const std::uint64_t limit = std::max<std::uint64_t>(step / row, 16);
      GB_TRY(
          reader.start(layout.select + where + layout.order + " LIMIT " + std::to_string(limit)));
      std::optional<KeyLiterals> cut;
      KeyLiterals last;
      std::uint64_t rows = 0;
      while (true) {
        GB_TRY_ASSIGN(const bool row_is_there, reader.next());
        if (!row_is_there) break;
        ++rows;
        if (!cut && is_cut(hash_of(work, reader), reader.row().size()))
          cut = key_literals(layout, reader);
        else if (rows == limit)
          last = key_literals(layout, reader);
      }
      if (cut || rows < limit) return cut;
      where = between(layout, last, {});
    }
    return std::nullopt;
  }

  std::uint64_t hash_of(const Work& work, const RowReader& reader) {
    if (work.layout.key.empty()) return reader.row().hash(work.seed).low;
    if (work.layout.key.size() == 1) return key_hash(reader.cell(work.layout.key[0]));
    key_.clear();
    for (const std::size_t column : work.layout.key) key_.append(reader.cell(column));
    return key_hash(key_.view());
  }

  Status dump(const Unit& unit) {
    Work& work = *unit.work;
    encoders_.clear();
    if (work.sink)
      for (const ValueKind kind : work.layout.kinds) encoders_.emplace_back(kind);
    RowReader reader(connection_, work.layout.kinds, encoders_);
    GB_TRY(reader.start(work.layout.select + between(work.layout, unit.after, unit.upto) +
                        work.layout.order));
    Chunker chunker;
    DigestSum digest;
    TableTotals totals;
    std::uint64_t rows = 0;  // of the chunk
    std::uint64_t cut = 0;
    while (true) {
      GB_TRY_ASSIGN(const bool row_is_there, reader.next());
      if (!row_is_there) break;
      const RowHash hash = reader.row().hash(work.seed);
      digest.add(hash);
      ++rows;
      cut = work.layout.key.empty() ? hash.low : hash_of(work, reader);
      if (chunker.add(cut, reader.row().size())) GB_TRY(flush(unit, rows, cut, totals));
    }
    if (rows > 0) GB_TRY(flush(unit, rows, cut, totals));
    if (totals.rows == 0 && work.source.table->engine == "InnoDB") GB_TRY(found_empty(unit));
    return finish_range(work, digest, totals);
  }

  // The snapshot has the row that ends a range, since it was found there.
  static Status found_empty(const Unit& unit) {
    if (!unit.upto.empty())
      return fail(Code::kConflict, "rows that were there are there no more: the table was emptied",
                  "the dump starts again; make no schema changes for its duration");
    const std::lock_guard lock(unit.work->mutex);
    unit.work->ended_empty = true;
    return {};
  }

  Status flush(const Unit& unit, std::uint64_t& rows, std::uint64_t cut, TableTotals& totals) {
    std::uint64_t bytes = 0;
    if (unit.work->sink) {
      blobs_.clear();
      for (ColumnEncoder& encoder : encoders_) {
        blobs_.push_back(encoder.encode());
        bytes += blobs_.back().size();
      }
      GB_TRY(unit.work->sink->chunk(unit.range, cut, rows, blobs_));
      for (ColumnEncoder& encoder : encoders_) encoder.clear();
    }
    totals.rows += rows;
    totals.bytes += bytes;
    progress_.rows += rows;
    progress_.bytes += bytes;
    rows = 0;
    wait_turn();
    return {};
  }

  Status finish_range(Work& work, const DigestSum& digest, const TableTotals& totals) {
    {
      const std::lock_guard lock(work.mutex);
      work.digest.add(digest);
      work.totals.rows += totals.rows;
      work.totals.bytes += totals.bytes;
      if (--work.open_ranges > 0) return {};
    }
    // The last range of the table: nobody else touches it any more.
    work.totals.digest = work.digest.digest();
    if (work.sink) GB_TRY(work.sink->finish(work.totals));
    work.source.table->totals = work.totals;
    ++progress_.tables_done;
    return {};
  }

  Connection& connection_;
  unsigned index_;
  unsigned readers_;
  Queue& queue_;
  Progress& progress_;
  Turns* turns_;
  std::stop_token stop_;
  std::vector<ColumnEncoder> encoders_;
  std::vector<Bytes> blobs_;
  RowEncoding key_;
};

}  // namespace

Result<std::vector<TableName>> dump_tables(std::vector<Connection>& connections,
                                           const std::vector<TableToRead>& tables, DumpSink* sink,
                                           Progress& progress, Turns* turns, std::stop_token stop) {
  std::vector<std::unique_ptr<Work>> works;
  Queue queue;
  std::uint64_t rows_expected = 0;
  for (const TableToRead& source : tables) {
    auto work = std::make_unique<Work>();
    work->source = source;
    work->layout = layout_of(source.schema, *source.table);
    work->seed = row_seed(work->layout.names);
    work->open_ranges = 1;
    if (sink != nullptr) {
      GB_TRY_ASSIGN(work->sink, sink->table(source.schema, source.table->name, work->layout.names));
    }
    rows_expected += source.size.rows;
    Unit unit;
    unit.work = work.get();
    unit.weight = source.size.bytes;
    unit.split = connections.size() > 1 && source.size.bytes >= 2 * kLeastRange &&
                 !work->layout.key_literal_prefixes.empty();
    queue.push(std::move(unit));
    works.push_back(std::move(work));
  }
  progress.tables_total += tables.size();
  progress.rows_expected += rows_expected;

  // The first failure ends the other readers too.
  std::stop_source halt;
  const std::stop_callback halt_on_stop(stop, [&] { halt.request_stop(); });
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < connections.size(); ++i) {
      connections[i].use_stop(halt.get_token());
      threads.emplace_back([&, i] {
        Status read = guarded("reading tables", [&] {
          TableReader(connections[i], static_cast<unsigned>(i),
                      static_cast<unsigned>(connections.size()), queue, progress, turns,
                      halt.get_token())
              .run();
        });
        if (!read) queue.failed(std::move(read).error());
        if (queue.error()) halt.request_stop();
      });
    }
  }
  if (stop.stop_requested()) return fail(Code::kCancelled, "the dump was stopped");
  if (auto error = queue.error()) return fail(std::move(*error));
  for (Connection& connection : connections) connection.use_stop(stop);
  std::vector<TableName> ended_empty;
  for (const auto& work : works)
    if (work->ended_empty) ended_empty.emplace_back(work->source.schema, work->source.table->name);
  return ended_empty;
}

}  // namespace gb::galera
