// The writer of one table: chunks come in, pages and a table object go out.
//
// Each range gathers the records of its chunks into groups. A group whose chunks are all the base's
// becomes slices of the base's pages; in a group with a few changed chunks only those get a page; a
// group that would fall into many slices is written anew as one page. So memory is bounded by a
// group a range, and a table object by a few slices a group.
//
// Thread safety: add_chunk from any thread, for one range from one; finish after the last of them.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "storage/repo/base_table.h"
#include "storage/repo/blob_batch.h"
#include "storage/repo/pack_writer.h"
#include "storage/repo/repo.h"
#include "storage/repo/tree_format.h"

namespace gb::storage::repo {

// What all tables of a backup share while it is written.
struct Session {
  Session(BlobStore& store, const std::string& ns, const std::vector<std::string>& backups,
          std::uint32_t own_index, std::uint32_t number, std::uint64_t pack_bytes)
      : packs(store, ns, backups, own_index, number, pack_bytes), own(own_index) {}

  struct Entry {
    Manifest::Table table;
    std::optional<Ref> object;
    bool finished = false;
  };

  PackWriter packs;
  const std::uint32_t own;  // PackId::backup of the packs written here
  Pool<BlobBatch> batches;
  std::atomic<std::uint64_t> logical{0};
  std::atomic<std::uint64_t> stored{0};

  std::mutex mutex;
  std::map<TableId, Entry> tables;
  std::set<PackId> used;  // packs of other backups
};

class StoredTableWriter final : public TableWriter {
 public:
  // `base` may be null. The table's entry in the session was made by the caller.
  StoredTableWriter(std::shared_ptr<Session> session, TableId id, std::size_t columns,
                    std::unique_ptr<BaseTable> base);

  Status add_chunk(unsigned range, std::uint64_t cut, std::uint64_t rows,
                   std::span<const Bytes> columns) override;
  Status finish(const TableTotals& totals) override;

 private:
  // Chunks of a page wherever it lies.
  struct Run {
    Ref page;
    std::uint32_t first = 0;
    std::uint32_t count = 0;
  };
  // A chunk of the group that is being gathered.
  struct Item {
    std::optional<BaseTable::Place> base;  // absent: changed
    std::size_t end = 0;                   // of its record in Range::records
  };
  struct Range {
    std::vector<Item> items;
    std::string records;
    std::vector<Run> runs;
    std::optional<BaseTable::Place> last_base;
    std::set<PackId> used;
    std::uint64_t chunks = 0;
    std::uint64_t rows = 0;
    std::uint64_t plain = 0;
  };

  Range& range_of(unsigned number);
  Result<std::optional<BaseTable::Chunk>> base_chunk(unsigned number, const Range& range,
                                                     std::uint64_t cut) const;
  Result<bool> put_column(Range& range, BlobBatch& batch, Bytes plain, const ColumnEntry* base,
                          ColumnEntry& out) const;
  Result<bool> put_piece(Range& range, BlobBatch& batch, Bytes plain, const Ref* base,
                         std::size_t index, ColumnEntry& out) const;
  Result<bool> put_delta(Range& range, BlobBatch& batch, Bytes plain, const Sha256& digest,
                         const Ref& against, Ref* place) const;
  Status flush_batch(BlobBatch& batch) const;
  Status flush_group(Range& range);
  Result<Ref> write_blob(BlobKind kind, std::string_view plain) const;
  Result<std::optional<Ref>> write_object(const std::vector<Run>& runs, std::uint64_t chunks,
                                          std::uint64_t rows, std::uint64_t plain,
                                          std::set<PackId>& used);

  const std::shared_ptr<Session> session_;
  const TableId id_;
  const std::size_t columns_;
  const std::unique_ptr<BaseTable> base_;
  bool finished_ = false;

  std::mutex mutex_;
  std::map<unsigned, Range> ranges_;
};

}  // namespace gb::storage::repo
