#include "galera/stored_rows.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/guarded.h"
#include "galera/column_codec.h"
#include "galera/engine.h"

namespace gb::galera {
namespace {

// A table of the backup while its chunks are read by any thread.
struct Stored {
  std::string schema;
  const Table* table = nullptr;
  std::unique_ptr<TableSource> source;
  std::size_t first_chunk = 0;  // among those of all tables

  std::mutex mutex;      // for what follows
  std::size_t left = 0;  // chunks that were not read yet
  DigestSum digest;
  std::uint64_t rows = 0;
};

Status read_chunk(Stored& stored, std::size_t index) {
  GB_TRY_ASSIGN(const Chunk chunk, stored.source->chunk(index));
  const std::vector<std::string_view> columns(chunk.columns.begin(), chunk.columns.end());
  DigestSum digest;
  GB_TRY(StoredRows(layout_of(stored.schema, *stored.table))
             .each(chunk.rows, columns, [&](const RowHash& hash) { digest.add(hash); }));
  const std::lock_guard lock(stored.mutex);
  stored.digest.add(digest);
  stored.rows += chunk.rows;
  // A reader holds pages and a decompressor: too much for all of ten thousand tables.
  if (--stored.left == 0) stored.source.reset();
  return {};
}

}  // namespace

Status StoredRows::each(std::uint64_t rows, const std::vector<std::string_view>& columns,
                        const std::function<void(const RowHash&)>& tell) {
  if (columns.size() != layout_.kinds.size())
    return fail(Code::kCorruption, "a chunk has another number of columns than its table");
  std::vector<DecodedColumn> decoded;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    GB_TRY_ASSIGN(decoded.emplace_back(), decode_column(layout_.kinds[i], rows, columns[i]));
  }
  for (std::size_t row = 0; row < rows; ++row) {
    row_.clear();
    ends_.clear();
    for (std::size_t i = 0; i < decoded.size(); ++i) {
      if (decoded[i].null[row] != 0)
        row_.null();
      else if (layout_.kinds[i] == ValueKind::kBytes)
        row_.bytes(decoded[i].values[row]);
      else
        row_.number(layout_.kinds[i], decoded[i].numbers[row]);
      ends_.push_back(row_.size());
    }
    tell(row_.hash(seed_));
  }
  return {};
}

std::uint64_t StoredRows::key() {
  if (layout_.key.empty()) return row_.hash(seed_).low;
  key_.clear();
  for (const std::size_t column : layout_.key) {
    const std::size_t begin = column == 0 ? 0 : ends_[column - 1];
    key_.append(row_.view().substr(begin, ends_[column] - begin));
  }
  return key_hash(key_.view());
}

Result<std::vector<TableComparison>> compare_stored(const InstanceModel& model, DumpSource& source,
                                                    unsigned threads, std::stop_token stop) {
  std::vector<std::unique_ptr<Stored>> tables;
  std::size_t chunks = 0;
  for (const Schema& schema : model.schemas) {
    for (const Table& table : schema.tables) {
      if (table.data_excluded) continue;
      auto stored = std::make_unique<Stored>();
      stored->schema = schema.name;
      stored->table = &table;
      GB_TRY_ASSIGN(stored->source, source.table(schema.name, table.name));
      stored->first_chunk = chunks;
      stored->left = stored->source->chunk_count();
      chunks += stored->left;
      tables.push_back(std::move(stored));
    }
  }

  std::atomic<std::size_t> next = 0;
  std::mutex mutex;
  std::optional<Error> first_error;
  const auto work = [&] {
    for (std::size_t i = next++; i < chunks && !stop.stop_requested(); i = next++) {
      // The last table that begins here or before: those without chunks begin where the next does.
      const auto after = std::ranges::upper_bound(
          tables, i, {}, [](const auto& stored) { return stored->first_chunk; });
      Stored& stored = **(after - 1);
      Status read = guarded("reading a stored table",
                            [&] { return read_chunk(stored, i - stored.first_chunk); });
      if (read) continue;
      const std::lock_guard lock(mutex);
      if (!first_error)
        first_error =
            wrap("table " + stored.schema + "." + stored.table->name, std::move(read).error())
                .value();
      next = chunks;
    }
  };
  {
    std::vector<std::jthread> running;
    for (unsigned i = 1; i < threads; ++i) running.emplace_back(work);
    work();
  }
  if (first_error) return fail(std::move(*first_error));
  if (stop.stop_requested()) return fail(Code::kCancelled, "the reading was stopped");

  std::vector<TableComparison> out;
  for (const auto& stored : tables) {
    const Table& table = *stored->table;
    TableComparison comparison{stored->schema, table.name, table.totals, table.totals, false};
    comparison.found.rows = stored->rows;
    comparison.found.digest = stored->digest.digest();
    out.push_back(std::move(comparison));
  }
  return out;
}

}  // namespace gb::galera
