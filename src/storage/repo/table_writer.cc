#include "storage/repo/table_writer.h"

#include <algorithm>

#include "base/log.h"

namespace gb::storage::repo {
namespace {

// A column that is larger is several blobs, so that no reader needs more for one of them.
constexpr std::size_t kPiece = 8U << 20;
constexpr std::size_t kFlushAt = 4U << 20;  // bytes of one chunk that wait
constexpr std::size_t kGroupChunks = 256;
constexpr std::size_t kGroupBytes = 64U << 10;
// A delta is worth its reading of another blob when it saves at least this part of the whole. Rows
// that are new often save that much, too: they look like those before them.
constexpr std::size_t kDeltaSaves = 4;
constexpr std::size_t kMaxRuns = 8;  // of a group; a group of more becomes one page

template <typename Runs, typename Run>
void add_run(Runs& runs, const Run& run) {
  if (!runs.empty() && runs.back().page == run.page &&
      runs.back().first + runs.back().count == run.first)
    runs.back().count += run.count;
  else
    runs.push_back(run);
}

}  // namespace

StoredTableWriter::StoredTableWriter(std::shared_ptr<Session> session, TableId id,
                                     std::size_t columns, std::unique_ptr<BaseTable> base)
    : session_(std::move(session)), id_(std::move(id)), columns_(columns), base_(std::move(base)) {}

StoredTableWriter::Range& StoredTableWriter::range_of(unsigned number) {
  const std::lock_guard lock(mutex_);
  return ranges_[number];
}

// What the base has for a chunk is a saving, never a need: a base that is damaged there is no base.
// Where no chunk of the base ends at the same key (the table has grown, the row that ended it is
// gone), the one in the same place holds most of the rows: where the table begins for range 0, or
// after the last that was found.
Result<std::optional<BaseTable::Chunk>> StoredTableWriter::base_chunk(unsigned number,
                                                                      const Range& range,
                                                                      std::uint64_t cut) const {
  if (base_ == nullptr) return std::nullopt;
  auto found = base_->find(cut, range.last_base);
  if (found && !*found && (number == 0 || range.last_base))
    found = base_->following(range.last_base);
  if (!found && found.error().code == Code::kCorruption) return std::nullopt;
  return found;
}

// True when the piece is kept as a delta against the base's blob at `against`.
Result<bool> StoredTableWriter::put_delta(Range& range, BlobBatch& batch, Bytes plain,
                                          const Sha256& digest, const Ref& against,
                                          Ref* place) const {
  const auto blob = base_->packs().find(against, BlobKind::kColumn);
  const auto bytes = blob ? base_->packs().read(against, BlobKind::kColumn) : fail(blob.error());
  if (!bytes && bytes.error().code != Code::kCorruption) return fail(bytes.error());
  if (!bytes) return false;
  // What the piece would take, if it shrinks as the other did.
  const std::uint64_t whole =
      std::uint64_t{blob->length} * plain.size() / std::max(blob->plain, 1U);
  const std::size_t worth = whole - whole / kDeltaSaves;
  if (!batch.add_delta(plain, digest, against, as_bytes(*bytes), worth, place)) return false;
  range.used.insert(against.pack);
  session_->stored += blob->length;
  return true;
}

// True when the bytes are those of `base`, the base's blob of this piece.
Result<bool> StoredTableWriter::put_piece(Range& range, BlobBatch& batch, Bytes plain,
                                          const Ref* base, std::size_t index,
                                          ColumnEntry& out) const {
  if (batch.waiting() >= kFlushAt) GB_TRY(flush_batch(batch));
  std::optional<Sha256> digest;
  if (base != nullptr) {
    const auto blob = base_->packs().find(*base, BlobKind::kColumn);
    // What a delta is against is what the next one is against, too: there are no chains.
    const auto theirs = blob ? base_->packs().base_of(*base) : fail(blob.error());
    if (!theirs && theirs.error().code != Code::kCorruption) return fail(theirs.error());
    if (theirs) {
      digest = sha256(plain);
      if (*digest == blob->digest && plain.size() == blob->plain) {
        out.blobs[index] = *base;
        range.used.insert(base->pack);
        session_->stored += blob->length;
        if (*theirs) {
          range.used.insert((*theirs)->pack);
          if (const auto against = base_->packs().find(**theirs, BlobKind::kColumn))
            session_->stored += against->length;
        }
        return true;
      }
      GB_TRY_ASSIGN(const bool kept, put_delta(range, batch, plain, *digest,
                                               theirs->value_or(*base), &out.blobs[index]));
      if (kept) return false;
    }
  }
  const bool whole = out.blobs.size() == 1;
  batch.add(BlobKind::kColumn, plain, digest, &out.blobs[index], whole ? BlobBatch::kInline : 0,
            whole ? &out : nullptr);
  return false;
}

// True when the column is the base's.
Result<bool> StoredTableWriter::put_column(Range& range, BlobBatch& batch, Bytes plain,
                                           const ColumnEntry* base, ColumnEntry& out) const {
  const std::size_t pieces = std::max<std::size_t>(1, (plain.size() + kPiece - 1) / kPiece);
  out.blobs.resize(pieces);
  const bool comparable = base != nullptr && base->blobs.size() == pieces;
  bool same = comparable;
  for (std::size_t i = 0; i < pieces; ++i) {
    const Bytes piece = plain.subspan(i * kPiece, std::min(kPiece, plain.size() - i * kPiece));
    GB_TRY_ASSIGN(const bool piece_same,
                  put_piece(range, batch, piece, comparable ? &base->blobs[i] : nullptr, i, out));
    same = same && piece_same;
  }
  return same;
}

Status StoredTableWriter::flush_batch(BlobBatch& batch) const {
  GB_TRY_ASSIGN(const std::uint64_t length, batch.flush(session_->packs, session_->own));
  session_->stored += length;
  return {};
}

Status StoredTableWriter::add_chunk(unsigned number, std::uint64_t cut, std::uint64_t rows,
                                    std::span<const Bytes> columns) {
  if (columns.size() != columns_)
    return fail(Code::kInvalid, "a chunk of " + id_.schema + "." + id_.table + " has " +
                                    std::to_string(columns.size()) + " columns, not " +
                                    std::to_string(columns_));
  if (finished_)
    return fail(Code::kInvalid, "table " + id_.schema + "." + id_.table + " is finished");
  Range& range = range_of(number);
  GB_TRY_ASSIGN(const auto base, base_chunk(number, range, cut));
  if (base) range.last_base = std::pair(base->page, base->position);

  ChunkEntry entry{cut, rows, {}};
  entry.columns.resize(columns_);
  bool same = base && base_->same_columns() && base->entry.cut == cut && base->entry.rows == rows;
  std::uint64_t plain = 0;
  const auto batch = session_->batches.take();
  for (std::size_t i = 0; i < columns_; ++i) {
    const auto theirs = base ? base_->column(i) : std::nullopt;
    const ColumnEntry* old = theirs ? &base->entry.columns[*theirs] : nullptr;
    ColumnEntry& column = entry.columns[i];
    auto column_same = put_column(range, *batch, columns[i], old, column);
    if (!column_same) {
      batch->drop();
      return fail(std::move(column_same).error());
    }
    plain += columns[i].size();
    if (*column_same) continue;
    if (!column.bytes.empty() || columns[i].empty()) {
      column.blobs.clear();  // it went inline
      same = same && old != nullptr && old->blobs.empty() && old->codec == column.codec &&
             old->plain == column.plain && old->bytes == column.bytes;
    } else {
      same = false;
    }
  }
  GB_TRY(flush_batch(*batch));

  Item item;
  if (same) {
    item.base = range.last_base;
    range.records.append(base->record);
  } else {
    put_chunk(entry, range.records);
  }
  item.end = range.records.size();
  range.items.push_back(item);
  ++range.chunks;
  range.rows += rows;
  range.plain += plain;
  session_->logical += plain;
  if (range.items.size() >= kGroupChunks || range.records.size() >= kGroupBytes)
    return flush_group(range);
  return {};
}

Result<Ref> StoredTableWriter::write_blob(BlobKind kind, std::string_view plain) const {
  Ref place;
  const auto batch = session_->batches.take();
  batch->add(kind, as_bytes(plain), std::nullopt, &place);
  GB_TRY(flush_batch(*batch));
  return place;
}

Status StoredTableWriter::flush_group(Range& range) {
  std::vector<Run> runs;
  std::string changed;  // records of the chunks that the base does not have
  std::uint32_t count = 0;
  const Ref to_write{{UINT32_MAX, UINT32_MAX}, UINT32_MAX};
  std::size_t begin = 0;
  for (const Item& item : range.items) {
    if (item.base) {
      add_run(runs, Run{item.base->first, item.base->second, 1});
    } else {
      add_run(runs, Run{to_write, count++, 1});
      changed.append(range.records, begin, item.end - begin);
    }
    begin = item.end;
  }
  if (count > 0) {
    if (runs.size() > kMaxRuns) {
      count = static_cast<std::uint32_t>(range.items.size());
      runs.assign(1, Run{to_write, 0, count});
      changed = range.records;
    }
    GB_TRY_ASSIGN(const Ref page,
                  write_blob(BlobKind::kPage,
                             encode_page(static_cast<std::uint32_t>(columns_), count, changed)));
    for (Run& run : runs)
      if (run.page == to_write) run.page = page;
  }
  for (const Run& run : runs) add_run(range.runs, run);
  range.items.clear();
  range.records.clear();
  return {};
}

Result<std::optional<Ref>> StoredTableWriter::write_object(const std::vector<Run>& runs,
                                                           std::uint64_t chunks, std::uint64_t rows,
                                                           std::uint64_t plain,
                                                           std::set<PackId>& used) {
  if (runs.empty()) return std::nullopt;
  if (chunks > kMaxChunks)
    return fail(Code::kInvalid, "table " + id_.schema + "." + id_.table + " is too large: it has " +
                                    std::to_string(chunks) + " chunks, and the format allows " +
                                    std::to_string(kMaxChunks));
  TableObject object{static_cast<std::uint32_t>(columns_), rows, plain, {}, {}};
  std::map<Ref, std::uint32_t> numbers;
  for (const Run& run : runs) {
    const auto [it, added] =
        numbers.try_emplace(run.page, static_cast<std::uint32_t>(object.pages.size()));
    if (added) {
      object.pages.push_back(run.page);
      if (run.page.pack.backup != session_->own) {
        used.insert(run.page.pack);
        GB_TRY_ASSIGN(const PackBlob blob, base_->packs().find(run.page, BlobKind::kPage));
        session_->stored += blob.length;
      }
    }
    object.slices.push_back({it->second, run.first, run.count});
  }
  const std::string encoded = encode_table(object);
  if (base_ != nullptr && base_->object()) {
    // Nothing changed: the base's object says the same, so it is ours too.
    GB_TRY_ASSIGN(const PackBlob blob, base_->packs().find(*base_->object(), BlobKind::kTable));
    if (blob.plain == encoded.size() && blob.digest == sha256(as_bytes(encoded))) {
      used.insert(base_->object()->pack);
      session_->stored += blob.length;
      return base_->object();
    }
  }
  GB_TRY_ASSIGN(const Ref ref, write_blob(BlobKind::kTable, encoded));
  return ref;
}

Status StoredTableWriter::finish(const TableTotals& totals) {
  if (finished_)
    return fail(Code::kInvalid, "table " + id_.schema + "." + id_.table + " is finished");
  std::vector<Run> runs;
  std::set<PackId> used;
  std::uint64_t chunks = 0;
  std::uint64_t rows = 0;
  std::uint64_t plain = 0;
  for (auto& [number, range] : ranges_) {
    GB_TRY(flush_group(range));
    for (const Run& run : range.runs) add_run(runs, run);
    used.merge(range.used);
    chunks += range.chunks;
    rows += range.rows;
    plain += range.plain;
  }
  if (rows != totals.rows)
    return fail(Code::kInternal, "table " + id_.schema + "." + id_.table + ": the chunks hold " +
                                     std::to_string(rows) + " rows, but the dump counted " +
                                     std::to_string(totals.rows));
  GB_TRY_ASSIGN(const auto object, write_object(runs, chunks, rows, plain, used));
  finished_ = true;
  ranges_.clear();
  used.erase(used.lower_bound({session_->own, 0}), used.upper_bound({session_->own, UINT32_MAX}));

  const std::lock_guard lock(session_->mutex);
  session_->used.merge(used);
  Session::Entry& entry = session_->tables.at(id_);
  entry.table.totals = totals;
  entry.table.chunks = chunks;
  entry.object = object;
  entry.finished = true;
  return {};
}

}  // namespace gb::storage::repo
