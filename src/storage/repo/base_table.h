// One table of the base, as the writer of a derived backup needs it: chunks found by their cut, or
// by what they follow.
//
// Held in memory: 16 bytes a chunk, and a few pages. Thread safety: all methods, from any thread.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "storage/repo/backup_reader.h"

namespace gb::storage::repo {

class BaseTable {
 public:
  // The table at `index` of `base`, for a table with these columns. Reads every page once.
  static Result<std::unique_ptr<BaseTable>> open(std::shared_ptr<const StoredBackup> base,
                                                 std::size_t index,
                                                 const std::vector<std::string>& columns);

  struct Chunk {
    Ref page;
    std::uint32_t position = 0;
    ChunkEntry entry;
    std::string record;  // the entry as the page has it
  };
  using Place = std::pair<Ref, std::uint32_t>;  // of a chunk: its page, and where in it
  // The chunk that ends at `cut`; where several do, the one that follows `after`.
  Result<std::optional<Chunk>> find(std::uint64_t cut, const std::optional<Place>& after);
  // The chunk that follows `after`; the first of the table when that is absent.
  Result<std::optional<Chunk>> following(const std::optional<Place>& after);

  // The base's column of the same name; absent for one that is new.
  [[nodiscard]] std::optional<std::size_t> column(std::size_t ours) const { return columns_[ours]; }
  // Whether names and order are the base's, so that its records and pages can be taken over.
  [[nodiscard]] bool same_columns() const { return same_columns_; }
  [[nodiscard]] const PackSource& packs() const { return base_->packs(); }
  [[nodiscard]] const std::optional<Ref>& object() const { return base_->stored().objects[index_]; }

 private:
  struct Cut {
    std::uint64_t cut = 0;
    std::uint32_t page = 0;
    std::uint32_t position = 0;
    auto operator<=>(const Cut&) const = default;
  };

  BaseTable(std::shared_ptr<const StoredBackup> base, std::size_t index)
      : base_(std::move(base)), index_(index) {}
  Status load();
  Result<std::shared_ptr<const Page>> page(std::uint32_t index);
  Result<Chunk> chunk(std::uint32_t page_index, std::uint32_t position);

  const std::shared_ptr<const StoredBackup> base_;
  const std::size_t index_;
  TableObject object_;
  std::vector<std::optional<std::size_t>> columns_;
  bool same_columns_ = false;
  std::vector<Cut> cuts_;  // sorted

  std::mutex mutex_;
  std::list<std::pair<std::uint32_t, std::shared_ptr<const Page>>> pages_;
};

}  // namespace gb::storage::repo
