#include "jobs/repo_streams.h"

#include <utility>

namespace gb::jobs {
namespace {

class RepoTableSink final : public galera::TableSink {
 public:
  explicit RepoTableSink(std::unique_ptr<storage::TableWriter> writer)
      : writer_(std::move(writer)) {}

  Status chunk(unsigned range, std::uint64_t cut, std::uint64_t rows,
               std::span<const Bytes> columns) override {
    return writer_->add_chunk(range, cut, rows, columns);
  }

  Status finish(const galera::TableTotals& totals) override {
    return writer_->finish({totals.rows, totals.bytes, totals.digest});
  }

 private:
  std::unique_ptr<storage::TableWriter> writer_;
};

class RepoTableSource final : public galera::TableSource {
 public:
  explicit RepoTableSource(std::unique_ptr<storage::TableReader> reader)
      : reader_(std::move(reader)) {}

  [[nodiscard]] std::size_t chunk_count() const override { return reader_->chunk_count(); }

  Result<galera::Chunk> chunk(std::size_t index) override {
    GB_TRY_ASSIGN(storage::ChunkData data, reader_->chunk(index));
    return galera::Chunk{data.rows, std::move(data.columns)};
  }

 private:
  std::unique_ptr<storage::TableReader> reader_;
};

}  // namespace

Result<std::unique_ptr<galera::TableSink>> RepoSink::table(
    const std::string& schema, const std::string& table, const std::vector<std::string>& columns) {
  GB_TRY_ASSIGN(auto writer, writer_.table({instance_, schema, table}, columns));
  return std::make_unique<RepoTableSink>(std::move(writer));
}

Result<std::unique_ptr<galera::TableSource>> RepoSource::table(const std::string& schema,
                                                               const std::string& table) {
  GB_TRY_ASSIGN(auto reader, reader_->table({instance_, schema, table}));
  return std::make_unique<RepoTableSource>(std::move(reader));
}

}  // namespace gb::jobs
