// The inner nodes of a backup's tree (docs/repository-format-data.md): pages, which list the
// columns of chunks, and table objects, which list pages.
//
// Both are blobs and authenticated as such; the parsers nevertheless bound everything that they
// read, since the repository may be hostile. Pure functions; safe from any thread.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/text.h"
#include "storage/repo/codec.h"

namespace gb::storage::repo {

inline constexpr std::uint32_t kMaxColumns = 4096;     // of a table; MariaDB allows no more
inline constexpr std::uint64_t kMaxChunks = 1U << 24;  // of a table: about 16 TiB
inline constexpr std::uint64_t kMaxPieces = 1024;      // of a column of one chunk

// Which pack: `backup` is the index in the manifest's list of backups.
struct PackId {
  std::uint32_t backup = 0;
  std::uint32_t number = 0;
  auto operator<=>(const PackId&) const = default;
};

// Which blob. What it must hold is pinned by the pack's id in the manifest.
struct Ref {
  PackId pack;
  std::uint32_t ordinal = 0;
  auto operator<=>(const Ref&) const = default;
};

// One column of one chunk: bytes that are too few for a blob, or one blob, or several in order.
struct ColumnEntry {
  std::vector<Ref> blobs;  // empty: inline
  Codec codec = Codec::kRaw;
  std::uint32_t plain = 0;  // of the inline bytes
  std::string bytes;
};

struct ChunkEntry {
  std::uint64_t cut = 0;
  std::uint64_t rows = 0;
  std::vector<ColumnEntry> columns;
};

// Appends the chunk's record. A record stands by itself: it may be copied into another page as it
// is.
void put_chunk(const ChunkEntry& chunk, std::string& out);

// A page: its records, found by position.
class Page {
 public:
  // Corruption unless every record of it can be read.
  static Result<Page> parse(std::string plain);

  [[nodiscard]] std::uint32_t columns() const { return columns_; }
  [[nodiscard]] std::uint32_t chunks() const {
    return static_cast<std::uint32_t>(offsets_.size() - 1);
  }
  [[nodiscard]] std::size_t memory() const { return plain_.size() + offsets_.size() * 4; }
  [[nodiscard]] Bytes record(std::uint32_t position) const;
  [[nodiscard]] std::uint64_t cut(std::uint32_t position) const;
  [[nodiscard]] ChunkEntry chunk(std::uint32_t position) const;

 private:
  std::uint32_t columns_ = 0;
  std::string plain_;
  std::vector<std::uint32_t> offsets_;  // of each record, and the end
};

// `records` are `chunks` records one after the other.
[[nodiscard]] std::string encode_page(std::uint32_t columns, std::uint32_t chunks,
                                      std::string_view records);

// `count` chunks of a page, from `first` on.
struct Slice {
  std::uint32_t page = 0;  // index in TableObject::pages
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  bool operator==(const Slice&) const = default;
};

// A table's chunks in order: slices of pages, which other backups may have written.
struct TableObject {
  std::uint32_t columns = 0;
  std::uint64_t rows = 0;
  std::uint64_t plain = 0;  // encoded column bytes of all chunks
  std::vector<Ref> pages;
  std::vector<Slice> slices;

  [[nodiscard]] std::uint64_t chunks() const;
};
[[nodiscard]] std::string encode_table(const TableObject& table);
Result<TableObject> parse_table(Bytes plain);

}  // namespace gb::storage::repo
