#include "galera/live_diff.h"

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/guarded.h"
#include "galera/column_codec.h"
#include "galera/introspect.h"
#include "galera/live_view.h"
#include "galera/programs.h"
#include "galera/stored_rows.h"
#include "galera/table_dump.h"
#include "galera/table_sql.h"

namespace gb::galera {
namespace {

using State = TableDifference::State;

// Receives a live table, chunk by chunk and by one connection, and reads the backup's beside it.
class TableDiff final : public TableSink {
 public:
  TableDiff(const std::string& schema, const Table& table, std::unique_ptr<TableSource> source,
            TableDifference& out)
      : rows_(layout_of(schema, table)),
        difference_(!table.primary_key.empty()),
        source_(std::move(source)),
        out_(out) {}

  Status chunk(unsigned /*range*/, std::uint64_t cut, std::uint64_t rows,
               std::span<const Bytes> columns) override {
    if (!difference_.counted()) return {};
    std::vector<std::string_view> ours;
    for (const Bytes column : columns) ours.push_back(as_text(column));
    if (difference_.level() && next_ < source_->chunk_count()) {
      GB_TRY_ASSIGN(const Chunk theirs, source_->chunk(next_++));
      if (theirs.rows == rows && std::ranges::equal(theirs.columns, ours)) return {};
      GB_TRY(add_backup(theirs));
    }
    GB_TRY_ASSIGN(auto live, hashes_of(rows, ours));
    difference_.add(RowDifference::Side::kLive, cut, std::move(live));
    while (difference_.wants_backup() && next_ < source_->chunk_count()) GB_TRY(read_backup());
    return {};
  }

  Status finish(const TableTotals& /*totals*/) override {
    while (difference_.counted() && next_ < source_->chunk_count()) GB_TRY(read_backup());
    difference_.finish();
    if (!difference_.counted()) {
      out_.state = State::kNotCounted;
      return {};
    }
    out_.added = difference_.added();
    out_.changed = difference_.changed();
    out_.removed = difference_.removed();
    return {};
  }

 private:
  Status read_backup() {
    GB_TRY_ASSIGN(const Chunk chunk, source_->chunk(next_++));
    return add_backup(chunk);
  }

  Status add_backup(const Chunk& chunk) {
    const std::vector<std::string_view> columns(chunk.columns.begin(), chunk.columns.end());
    GB_TRY_ASSIGN(auto rows, hashes_of(chunk.rows, columns));
    const std::uint64_t cut = rows.empty() ? 0 : rows.back().key;
    difference_.add(RowDifference::Side::kBackup, cut, std::move(rows));
    return {};
  }

  Result<std::vector<RowDifference::Row>> hashes_of(std::uint64_t rows,
                                                    const std::vector<std::string_view>& columns) {
    std::vector<RowDifference::Row> out;
    out.reserve(std::min(rows, kMaxChunkRows));
    GB_TRY(rows_.each(rows, columns,
                      [&](const RowHash& hash) { out.push_back({rows_.key(), hash.low}); }));
    return out;
  }

  StoredRows rows_;
  RowDifference difference_;
  const std::unique_ptr<TableSource> source_;
  std::size_t next_ = 0;  // chunk of the backup
  TableDifference& out_;
};

// A table whose digests differ, and where it is counted.
struct Differing {
  TableToRead read;
  TableDifference* difference = nullptr;
};

class DiffSink final : public DumpSink {
 public:
  DiffSink(const Differing& table, DumpSource& source) : table_(table), source_(source) {}
  Result<std::unique_ptr<TableSink>> table(const std::string& schema, const std::string& table,
                                           const std::vector<std::string>& /*columns*/) override {
    GB_TRY_ASSIGN(auto rows, source_.table(schema, table));
    return std::make_unique<TableDiff>(schema, *table_.read.table, std::move(rows),
                                       *table_.difference);
  }

 private:
  const Differing& table_;
  DumpSource& source_;
};

// Each connection takes the next table and reads it alone, so that its rows come in order.
Status count_rows(std::vector<Connection>& connections, const std::vector<Differing>& tables,
                  DumpSource& source, const std::stop_token& stop) {
  std::mutex mutex;  // for the next two
  std::size_t next = 0;
  std::optional<Error> first_error;
  std::stop_source halt;
  const std::stop_callback halt_on_stop(stop, [&] { halt.request_stop(); });
  const auto work = [&](Connection& connection) -> Status {
    std::vector<Connection> alone;
    alone.push_back(std::move(connection));
    while (true) {
      std::size_t mine = 0;
      {
        const std::lock_guard lock(mutex);
        if (next == tables.size() || first_error) return {};
        mine = next++;
      }
      DiffSink sink(tables[mine], source);
      Progress progress;
      GB_TRY(dump_tables(alone, {tables[mine].read}, &sink, progress, nullptr, halt.get_token()));
    }
  };
  {
    std::vector<std::jthread> threads;
    for (Connection& connection : connections)
      threads.emplace_back([&] {
        Status counted = guarded("counting rows", [&] { return work(connection); });
        if (counted) return;
        const std::lock_guard lock(mutex);
        if (!first_error) first_error = std::move(counted).error();
        halt.request_stop();
      });
  }
  if (first_error) return fail(std::move(*first_error));
  return {};
}

bool same_columns(const std::string& schema, const Table& a, const Table& b) {
  const TableLayout left = layout_of(schema, a);
  const TableLayout right = layout_of(schema, b);
  const auto facts = [](const Table& table) {
    std::vector<std::vector<std::string>> out;
    for (const Column& c : table.columns)
      if (!c.generated) out.push_back({c.name, c.column_type, c.character_set, c.collation});
    std::ranges::sort(out);
    return out;
  };
  return left.names == right.names && left.kinds == right.kinds && left.key == right.key &&
         facts(a) == facts(b);
}

}  // namespace

void RowDifference::add(Side side, std::uint64_t cut, std::vector<Row> rows) {
  if (!counted_) return;
  auto& ours = side == Side::kLive ? live_ : backup_;
  const auto& theirs = side == Side::kLive ? backup_ : live_;
  held_rows_ += rows.size();
  if (held_rows_ > most_held_) {
    counted_ = false;
    backup_.clear();
    live_.clear();
    return;
  }
  ours.push_back({cut, std::move(rows)});
  if (!ordered_) return;
  // Where both have ended a chunk at the same key, everything before is the same part of the table.
  const auto met = std::ranges::find(theirs, cut, &Held::cut);
  if (met == theirs.end()) return;
  const std::size_t their_chunks = static_cast<std::size_t>(met - theirs.begin()) + 1;
  if (side == Side::kLive)
    settle(their_chunks, live_.size());
  else
    settle(backup_.size(), their_chunks);
}

void RowDifference::finish() {
  settle(backup_.size(), live_.size());
}

void RowDifference::settle(std::size_t backup_chunks, std::size_t live_chunks) {
  const auto take = [](std::vector<Held>& held, std::size_t chunks) {
    std::vector<Row> out;
    for (std::size_t i = 0; i < chunks; ++i)
      out.insert(out.end(), held[i].rows.begin(), held[i].rows.end());
    held.erase(held.begin(), held.begin() + static_cast<std::ptrdiff_t>(chunks));
    std::ranges::sort(out);
    return out;
  };
  const std::vector<Row> backup = take(backup_, backup_chunks);
  const std::vector<Row> live = take(live_, live_chunks);
  held_rows_ -= backup.size() + live.size();
  auto b = backup.begin();
  auto l = live.begin();
  while (b != backup.end() && l != live.end()) {
    if (l->key < b->key) {
      ++added_;
      ++l;
    } else if (b->key < l->key) {
      ++removed_;
      ++b;
    } else {
      if (b->hash != l->hash) ++changed_;
      ++b;
      ++l;
    }
  }
  added_ += static_cast<std::uint64_t>(live.end() - l);
  removed_ += static_cast<std::uint64_t>(backup.end() - b);
}

Result<LiveDifference> diff_live(const Endpoint& endpoint, const DumpOptions& options,
                                 const InstanceModel& model, DumpSource& source, Progress& progress,
                                 std::stop_token stop) {
  GB_TRY_ASSIGN(LiveView view, open_live_view(endpoint, options.threads, stop));
  GB_TRY_ASSIGN(const std::vector<std::string> present,
                list_schemas(view.connections.front(), view.notes));
  DumpOptions wanted = options;
  wanted.databases_optional = true;
  GB_TRY_ASSIGN(const std::vector<std::string> selected, select_schemas(present, wanted));
  GB_TRY_ASSIGN(Definitions live, read_live_definitions(view, selected));

  LiveDifference out;
  out.facts = view.facts;
  std::map<TableName, TableDifference> tables;
  std::map<TableName, const Table*> in_backup;
  std::vector<Schema> expected = model.schemas;
  if (!options.databases.empty())
    std::erase_if(expected, [&](const Schema& schema) {
      return std::ranges::find(options.databases, schema.name) == options.databases.end();
    });
  for (const Schema& schema : expected)
    for (const Table& table : schema.tables) {
      if (table.data_excluded) continue;
      in_backup[{schema.name, table.name}] = &table;
      tables[{schema.name, table.name}] = {
          schema.name, table.name, State::kOnlyInBackup, table.totals.rows, 0, 0, 0, 0};
    }

  std::vector<TableToRead> to_read;
  for (Schema& schema : live.schemas)
    for (Table& table : schema.tables) {
      if (shows_other_rows(table)) continue;
      const TableName name(schema.name, table.name);
      const auto known = in_backup.find(name);
      const std::uint64_t about = live.sizes[name].rows;
      if (known == in_backup.end()) {
        const bool excluded =
            std::ranges::any_of(options.exclude_tables, [&](const std::string& glob) {
              return glob_match(glob, schema.name + "." + table.name);
            });
        if (!excluded)
          tables[name] = {schema.name, table.name, State::kOnlyLive, 0, about, 0, 0, 0};
      } else {
        to_read.push_back({schema.name, &table, live.sizes[name]});
      }
    }
  GB_TRY(dump_tables(view.connections, to_read, nullptr, progress, nullptr, stop));

  std::vector<Differing> differing;
  for (const TableToRead& read : to_read) {
    const TableName name(read.schema, read.table->name);
    const Table& before = *in_backup.at(name);
    TableDifference& difference = tables.at(name);
    difference.live_rows = read.table->totals.rows;
    if (!same_columns(read.schema, before, *read.table)) {
      difference.state = State::kColumns;
    } else if (before.totals.digest == read.table->totals.digest &&
               before.totals.rows == read.table->totals.rows) {
      difference.state = State::kEqual;
    } else {
      difference.state = State::kRows;
      differing.push_back({read, &difference});
    }
  }
  for (Schema& schema : live.schemas) {
    GB_TRY_ASSIGN(schema.programs, read_programs(view.connections.front(), schema.name));
  }
  GB_TRY(view.connections.front().exec("ROLLBACK TO SAVEPOINT gb_snapshot"));
  GB_TRY(forget_event_states(expected));
  GB_TRY(forget_event_states(live.schemas));
  out.definitions = definition_changes(expected, live.schemas);
  GB_TRY(count_rows(view.connections, differing, source, stop));
  for (auto& [name, difference] : tables) out.tables.push_back(std::move(difference));
  return out;
}

}  // namespace gb::galera
