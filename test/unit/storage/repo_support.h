// What the tests of the repository share: backups described in a few lines, written and read back.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "storage/blob/memory_blob_store.h"
#include "storage/repo/inventory.h"
#include "storage/repo/repo.h"

namespace gb::storage::repo_test {

inline const TableId kNova{"openstack", "nova", "instances"};
inline const TableId kGlance{"openstack", "glance", "images"};

struct TestChunk {
  std::uint64_t cut = 0;
  std::uint64_t rows = 0;
  std::vector<std::string> columns;
  bool operator==(const TestChunk&) const = default;
};

struct TestTable {
  std::vector<std::string> columns;
  std::vector<TestChunk> chunks;
  std::vector<std::size_t> range_starts = {0};  // the first chunk of each range

  [[nodiscard]] TableTotals totals() const {
    TableTotals out;
    for (const TestChunk& chunk : chunks) {
      out.rows += chunk.rows;
      for (const std::string& column : chunk.columns) out.bytes += column.size();
    }
    out.digest[0] = std::byte{7};
    return out;
  }
};

using TestBackup = std::map<TableId, TestTable>;

// Text that zstd shrinks about as it shrinks a table's columns.
inline std::string compressible(std::mt19937_64& rng, std::size_t size) {
  std::string out;
  while (out.size() < size) out += "value-" + std::to_string(rng() % 1000) + ";";
  out.resize(size);
  return out;
}

inline std::string incompressible(std::mt19937_64& rng, std::size_t size) {
  std::string out(size, '\0');
  for (char& c : out) c = static_cast<char>(rng());
  return out;
}

// A table of every kind of column: constant, empty, text, random bytes.
inline TestTable make_table(std::mt19937_64& rng, std::size_t chunks, std::size_t columns,
                            std::size_t column_size) {
  TestTable table;
  for (std::size_t i = 0; i < columns; ++i) table.columns.push_back("c" + std::to_string(i));
  for (std::size_t i = 0; i < chunks; ++i) {
    TestChunk chunk{rng(), 1 + rng() % 1000, {}};
    for (std::size_t j = 0; j < columns; ++j) {
      const std::size_t size = column_size / 2 + rng() % (column_size + 1);
      switch (j % 4) {
        case 0:
          chunk.columns.push_back(compressible(rng, size));
          break;
        case 1:
          chunk.columns.emplace_back(size, 'x');
          break;
        case 2:
          chunk.columns.push_back(incompressible(rng, size));
          break;
        default:
          chunk.columns.emplace_back(rng() % 3 == 0 ? size : 0, 'e');
      }
    }
    table.chunks.push_back(std::move(chunk));
  }
  return table;
}

inline void split_into_ranges(TestTable& table, std::size_t ranges) {
  table.range_starts.clear();
  for (std::size_t i = 0; i < ranges; ++i)
    table.range_starts.push_back(i * table.chunks.size() / ranges);
}

inline Status write_range(TableWriter& writer, const TestTable& table, std::size_t range) {
  const std::size_t end =
      range + 1 < table.range_starts.size() ? table.range_starts[range + 1] : table.chunks.size();
  for (std::size_t i = table.range_starts[range]; i < end; ++i) {
    const TestChunk& chunk = table.chunks[i];
    std::vector<Bytes> columns;
    for (const std::string& column : chunk.columns) columns.push_back(as_bytes(column));
    GB_TRY(writer.add_chunk(static_cast<unsigned>(range), chunk.cut, chunk.rows, columns));
  }
  return {};
}

inline Status write_table(BackupWriter& backup, const TableId& id, const TestTable& table,
                          bool threads = false) {
  GB_TRY_ASSIGN(const auto writer, backup.table(id, table.columns));
  std::vector<Status> done(table.range_starts.size());
  if (threads) {
    std::vector<std::jthread> running;
    for (std::size_t r = 0; r < done.size(); ++r)
      running.emplace_back([&, r] { done[r] = write_range(*writer, table, r); });
  } else {
    for (std::size_t r = 0; r < done.size(); ++r) done[r] = write_range(*writer, table, r);
  }
  for (auto& each : done) GB_TRY(std::move(each));
  return writer->finish(table.totals());
}

inline ManifestContent content() {
  return {R"({"kind":"GaleraBackup"})", {{"openstack", R"({"facts":"…"})"}}};
}

inline Result<FinishedBackup> write_backup(BlobStore& store, const std::string& uid,
                                           const TestBackup& tables,
                                           std::shared_ptr<const BackupReader> base = nullptr,
                                           bool threads = false,
                                           const WriterOptions& options = {}) {
  GB_TRY_ASSIGN(const auto writer,
                BackupWriter::create(store, "ns", uid, std::move(base), options));
  for (const auto& [id, table] : tables) GB_TRY(write_table(*writer, id, table, threads));
  return writer->finish(content());
}

// The completed backups of a repository: those with a manifest.
inline Result<std::vector<BackupName>> list_manifests(BlobStore& store) {
  GB_TRY_ASSIGN(const auto inventory, repo::take_inventory(store, "data/"));
  return std::vector<BackupName>(inventory.manifests.begin(), inventory.manifests.end());
}

inline std::shared_ptr<const BackupReader> open_backup(BlobStore& store, const std::string& uid) {
  auto reader = BackupReader::open(store, "ns", uid, std::nullopt);
  EXPECT_TRUE(reader) << (reader ? "" : reader.error().text());
  return reader ? *reader : nullptr;
}

// Reads everything that `tables` holds; false when a byte differs, an error when one cannot be
// read.
inline Result<bool> read_back(const BackupReader& backup, const TestBackup& tables) {
  if (backup.manifest().tables.size() != tables.size()) return false;
  for (const auto& [id, table] : tables) {
    GB_TRY_ASSIGN(const auto reader, backup.table(id));
    if (reader->chunk_count() != table.chunks.size() || reader->table().columns != table.columns ||
        reader->table().totals.rows != table.totals().rows)
      return false;
    for (std::size_t i = 0; i < table.chunks.size(); ++i) {
      GB_TRY_ASSIGN(const ChunkData data, reader->chunk(i));
      if (data.rows != table.chunks[i].rows || data.columns != table.chunks[i].columns)
        return false;
    }
  }
  return true;
}

// For EXPECT_TRUE(ok(…)): the error's text on failure.
template <typename T>
testing::AssertionResult ok(const Result<T>& result) {
  if (result) return testing::AssertionSuccess();
  return testing::AssertionFailure()
         << to_string(result.error().code) << ": " << result.error().text();
}

inline testing::AssertionResult holds(BlobStore& store, const std::string& uid,
                                      const TestBackup& tables) {
  const auto reader = BackupReader::open(store, "ns", uid, std::nullopt);
  if (!reader) return testing::AssertionFailure() << reader.error().text();
  const auto same = read_back(**reader, tables);
  if (!same) return testing::AssertionFailure() << same.error().text();
  if (!*same) return testing::AssertionFailure() << "what was read differs from what was written";
  const auto verified = (*reader)->verify(4, {});
  if (!verified) return testing::AssertionFailure() << "verify: " << verified.error().text();
  return testing::AssertionSuccess();
}

}  // namespace gb::storage::repo_test
