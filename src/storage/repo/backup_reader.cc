#include "storage/repo/backup_reader.h"

#include <algorithm>
#include <list>
#include <mutex>
#include <thread>
#include <utility>

#include "base/guarded.h"

namespace gb::storage {
namespace repo {
namespace {

std::string name_of(const TableId& id) {
  return "table " + id.schema + "." + id.table + " of instance " + id.instance;
}

Error damaged_backup(std::string what) {
  return Error{Code::kCorruption, std::move(what), "restore from another backup", {}, {}};
}

Status cancelled() {
  return fail(Code::kCancelled, "reading the backup was called off");
}

// The few pages that the threads of a restore are at.
constexpr std::size_t kPagesHeld = 16;

class StoredTable final : public TableReader {
 public:
  StoredTable(std::shared_ptr<const StoredBackup> backup, const Manifest::Table& table,
              TableObject object)
      : backup_(std::move(backup)), table_(table), object_(std::move(object)) {
    std::uint64_t before = 0;
    for (const Slice& slice : object_.slices) {
      starts_.push_back(before);
      before += slice.count;
    }
    count_ = before;
  }

  [[nodiscard]] const Manifest::Table& table() const override { return table_; }
  [[nodiscard]] std::size_t chunk_count() const override { return count_; }

  Result<ChunkData> chunk(std::size_t index) override {
    if (index >= count_)
      return fail(Code::kInvalid, name_of(table_.id) + " has no chunk " + std::to_string(index));
    auto data = read(index);
    if (!data)
      return wrap(name_of(table_.id) + ", chunk " + std::to_string(index), std::move(data).error());
    return data;
  }

 private:
  Result<ChunkData> read(std::size_t index) {
    const std::size_t at =
        static_cast<std::size_t>(std::ranges::upper_bound(starts_, index) - starts_.begin() - 1);
    const Slice& slice = object_.slices[at];
    GB_TRY_ASSIGN(const auto page, page_at(slice.page));
    const std::uint64_t position = slice.first + (index - starts_[at]);
    if (position >= page->chunks())
      return fail(damaged_backup("the table object names a chunk that its page does not have"));
    const ChunkEntry entry = page->chunk(static_cast<std::uint32_t>(position));

    ChunkData data;
    data.rows = entry.rows;
    data.columns.resize(entry.columns.size());
    std::uint64_t plain = 0;
    std::vector<PackSource::Wanted> wanted;
    for (std::size_t i = 0; i < entry.columns.size(); ++i) {
      const ColumnEntry& column = entry.columns[i];
      std::uint64_t size = column.blobs.empty() ? column.plain : 0;
      for (const Ref& ref : column.blobs) {
        GB_TRY_ASSIGN(const PackBlob blob, backup_->packs().find(ref, BlobKind::kColumn));
        size += blob.plain;
        wanted.push_back({ref, &data.columns[i]});
      }
      plain += size;
      if (plain > kMaxChunkPlain)
        return fail(damaged_backup("the chunk is larger than any can be"));
      // Blobs grow their column by exactly what the footers say, inline bytes as they are unfolded.
      if (!column.blobs.empty()) data.columns[i].reserve(size);
    }
    const auto decompressor = decompressors_.take();
    for (std::size_t i = 0; i < entry.columns.size(); ++i) {
      const ColumnEntry& column = entry.columns[i];
      if (column.blobs.empty())
        GB_TRY(decompressor->append(column.codec, as_bytes(column.bytes), column.plain,
                                    data.columns[i]));
    }
    GB_TRY(backup_->packs().read(wanted, BlobKind::kColumn));
    return data;
  }

  Result<std::shared_ptr<const Page>> page_at(std::uint32_t index) {
    {
      const std::lock_guard lock(mutex_);
      for (auto it = pages_.begin(); it != pages_.end(); ++it) {
        if (it->first != index) continue;
        pages_.splice(pages_.begin(), pages_, it);
        return pages_.front().second;
      }
    }
    GB_TRY_ASSIGN(Page loaded, backup_->page(object_.pages[index], object_.columns));
    auto page = std::make_shared<const Page>(std::move(loaded));
    const std::lock_guard lock(mutex_);
    pages_.emplace_front(index, page);
    if (pages_.size() > kPagesHeld) pages_.pop_back();
    return page;
  }

  const std::shared_ptr<const StoredBackup> backup_;
  const Manifest::Table& table_;  // of backup_
  const TableObject object_;
  std::vector<std::uint64_t> starts_;  // the index of each slice's first chunk
  std::uint64_t count_ = 0;
  Pool<Decompressor> decompressors_;
  std::mutex mutex_;
  std::list<std::pair<std::uint32_t, std::shared_ptr<const Page>>> pages_;
};

// The chunks of all tables, for threads that take them one by one. After a failure there are none.
class ChunkQueue {
 public:
  struct Next {
    std::shared_ptr<TableReader> table;  // null: nothing is left
    std::size_t index = 0;
  };

  explicit ChunkQueue(const BackupReader& backup) : backup_(backup) {}

  Result<Next> take() {
    const std::lock_guard lock(mutex_);
    if (failure_) return Next{};
    const auto& tables = backup_.manifest().tables;
    while (table_ == nullptr || chunk_ == table_->chunk_count()) {
      if (next_table_ == tables.size()) return Next{};
      GB_TRY_ASSIGN(table_, backup_.table(tables[next_table_++].id));
      chunk_ = 0;
    }
    return Next{table_, chunk_++};
  }
  void fail_with(Error error) {
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = std::move(error);
  }
  Status outcome() {
    const std::lock_guard lock(mutex_);
    if (failure_) return fail(*failure_);
    return {};
  }

 private:
  const BackupReader& backup_;
  std::mutex mutex_;
  std::size_t next_table_ = 0;
  std::shared_ptr<TableReader> table_;
  std::size_t chunk_ = 0;
  std::optional<Error> failure_;
};

}  // namespace

Result<std::shared_ptr<const StoredBackup>> StoredBackup::open(BlobStore& store,
                                                               std::string_view ns,
                                                               std::string_view uid,
                                                               std::optional<Sha256> expected) {
  GB_TRY(check_backup_name(ns, uid));
  const std::string key = manifest_key(ns, uid);
  auto stored = store.get(key);
  if (!stored && stored.error().code == Code::kNotFound)
    return fail(
        Code::kNotFound,
        "the repository holds no completed backup " + std::string(ns) + "/" + std::string(uid),
        "list the backups that are there; one whose dump did not complete has no manifest");
  if (!stored) return wrap("reading " + key, std::move(stored).error());
  if (expected && sha256(as_bytes(*stored)) != *expected)
    return fail(Code::kCorruption, key + " is not the manifest that the backup's status names",
                "restore from another backup");
  auto manifest = parse_manifest(as_bytes(*stored));
  if (!manifest) return wrap(key, std::move(manifest).error());
  if (manifest->manifest.ns != ns || manifest->manifest.uid != uid)
    return fail(Code::kCorruption,
                key + " is the manifest of another backup, " + manifest->manifest.ns + "/" +
                    manifest->manifest.uid,
                "restore from another backup");
  return std::make_shared<const StoredBackup>(store, std::move(*manifest));
}

StoredBackup::StoredBackup(BlobStore& store, StoredManifest manifest)
    : stored_(std::move(manifest)),
      packs_(store, stored_.manifest.ns, stored_.backups, stored_.pins) {}

std::optional<std::size_t> StoredBackup::find(const TableId& id) const {
  const auto& tables = stored_.manifest.tables;
  const auto it = std::ranges::lower_bound(tables, id, {}, &Manifest::Table::id);
  if (it == tables.end() || it->id != id) return std::nullopt;
  return static_cast<std::size_t>(it - tables.begin());
}

Result<TableObject> StoredBackup::object(std::size_t index) const {
  const Manifest::Table& table = stored_.manifest.tables[index];
  const auto& ref = stored_.objects[index];
  if (!ref) return TableObject{static_cast<std::uint32_t>(table.columns.size()), 0, 0, {}, {}};
  GB_TRY_ASSIGN(const std::string plain, packs_.read(*ref, BlobKind::kTable));
  auto object = parse_table(as_bytes(plain));
  if (!object) return wrap(packs_.describe(*ref), std::move(object).error());
  if (object->columns != table.columns.size() || object->chunks() != table.chunks ||
      object->rows != table.totals.rows)
    return fail(damaged_backup(name_of(table.id) + " is not what the manifest says of it"));
  return object;
}

Result<Page> StoredBackup::page(const Ref& ref, std::uint32_t columns) const {
  GB_TRY_ASSIGN(std::string plain, packs_.read(ref, BlobKind::kPage));
  auto page = Page::parse(std::move(plain));
  if (!page) return wrap(packs_.describe(ref), std::move(page).error());
  if (page->columns() != columns)
    return fail(damaged_backup(packs_.describe(ref) + ": the page has another number of columns"));
  return page;
}

Result<std::unique_ptr<TableReader>> StoredBackup::table(const TableId& id) const {
  const auto index = find(id);
  if (!index)
    return fail(Code::kNotFound, name_of(id) + " is not in the backup",
                "'describe' lists the schemas and tables of a backup");
  auto table = object(*index);
  if (!table) return wrap(name_of(id), std::move(table).error());
  return std::make_unique<StoredTable>(shared_from_this(), stored_.manifest.tables[*index],
                                       std::move(*table));
}

Status StoredBackup::walk(std::size_t index, const std::stop_token& stop,
                          const Visit& visit) const {
  if (const auto& ref = stored_.objects[index]) GB_TRY(visit(*ref, BlobKind::kTable));
  GB_TRY_ASSIGN(const TableObject table, object(index));
  std::optional<std::uint32_t> at;
  std::optional<Page> current;
  std::uint64_t rows = 0;
  for (const Slice& slice : table.slices) {
    if (stop.stop_requested()) return cancelled();
    if (at != slice.page) {
      GB_TRY(visit(table.pages[slice.page], BlobKind::kPage));
      GB_TRY_ASSIGN(current, page(table.pages[slice.page], table.columns));
      at = slice.page;
    }
    if (std::uint64_t{slice.first} + slice.count > current->chunks())
      return fail(damaged_backup("the table object names a chunk that its page does not have"));
    for (std::uint32_t i = slice.first; i < slice.first + slice.count; ++i) {
      const ChunkEntry chunk = current->chunk(i);
      rows += chunk.rows;
      for (const ColumnEntry& column : chunk.columns)
        for (const Ref& ref : column.blobs) {
          GB_TRY(visit(ref, BlobKind::kColumn));
          // A blob that is not there is what the visit was told of.
          if (!packs_.find(ref, BlobKind::kColumn)) continue;
          GB_TRY_ASSIGN(const auto base, packs_.base_of(ref));
          if (!base) continue;
          GB_TRY(visit(*base, BlobKind::kColumn));
          if (const auto blob = packs_.find(*base, BlobKind::kColumn); blob)
            GB_TRY(packs_.check_base(ref, *blob));
        }
    }
  }
  if (rows != table.rows) return fail(damaged_backup("the chunks hold another number of rows"));
  return {};
}

Status StoredBackup::verify_structure(std::stop_token stop) const {
  for (const auto& [id, digest] : stored_.pins) {
    if (stop.stop_requested()) return cancelled();
    GB_TRY(packs_.pack(id));
  }
  const auto exists = [this](const Ref& ref, BlobKind kind) -> Status {
    GB_TRY(packs_.find(ref, kind));
    return {};
  };
  for (std::size_t i = 0; i < stored_.manifest.tables.size(); ++i) {
    if (auto checked = walk(i, stop, exists); !checked)
      return wrap(name_of(stored_.manifest.tables[i].id), std::move(checked).error());
  }
  return {};
}

Status StoredBackup::verify(unsigned threads, std::stop_token stop) const {
  GB_TRY(verify_structure(stop));
  ChunkQueue queue(*this);
  const auto read_all = [&]() -> Status {
    for (;;) {
      if (stop.stop_requested()) return cancelled();
      GB_TRY_ASSIGN(const auto next, queue.take());
      if (next.table == nullptr) return {};
      GB_TRY(next.table->chunk(next.index));
    }
  };
  {
    std::vector<std::jthread> workers;
    for (unsigned i = 0; i < std::max(1U, threads); ++i)
      workers.emplace_back([&] {
        if (Status read = guarded("reading a backup whole", read_all); !read)
          queue.fail_with(std::move(read).error());
      });
  }
  return queue.outcome();
}

}  // namespace repo

Result<std::shared_ptr<const BackupReader>> BackupReader::open(BlobStore& store,
                                                               std::string_view ns,
                                                               std::string_view uid,
                                                               std::optional<Sha256> expected) {
  return repo::StoredBackup::open(store, ns, uid, expected);
}

}  // namespace gb::storage
