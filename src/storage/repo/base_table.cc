#include "storage/repo/base_table.h"

#include <algorithm>

namespace gb::storage::repo {
namespace {

constexpr std::size_t kBasePagesHeld = 16;

}  // namespace

Result<std::unique_ptr<BaseTable>> BaseTable::open(std::shared_ptr<const StoredBackup> base,
                                                   std::size_t index,
                                                   const std::vector<std::string>& columns) {
  std::unique_ptr<BaseTable> table(new BaseTable(std::move(base), index));
  const auto& theirs = table->base_->manifest().tables[index].columns;
  for (const std::string& column : columns) {
    const auto it = std::ranges::find(theirs, column);
    table->columns_.push_back(
        it == theirs.end()
            ? std::nullopt
            : std::optional<std::size_t>(static_cast<std::size_t>(it - theirs.begin())));
  }
  table->same_columns_ = theirs == columns;
  GB_TRY(table->load());
  return table;
}

Status BaseTable::load() {
  GB_TRY_ASSIGN(object_, base_->object(index_));
  std::optional<std::uint32_t> at;
  std::shared_ptr<const Page> loaded;
  cuts_.reserve(std::min<std::uint64_t>(object_.chunks(), 1U << 20));
  for (const Slice& slice : object_.slices) {
    if (at != slice.page) {
      GB_TRY_ASSIGN(loaded, page(slice.page));
      at = slice.page;
    }
    if (std::uint64_t{slice.first} + slice.count > loaded->chunks())
      return fail(Code::kCorruption, "a table object names a chunk that its page does not have");
    for (std::uint32_t i = slice.first; i < slice.first + slice.count; ++i)
      cuts_.push_back({loaded->cut(i), slice.page, i});
  }
  std::ranges::sort(cuts_);
  return {};
}

Result<std::shared_ptr<const Page>> BaseTable::page(std::uint32_t index) {
  {
    const std::lock_guard lock(mutex_);
    for (auto it = pages_.begin(); it != pages_.end(); ++it) {
      if (it->first != index) continue;
      pages_.splice(pages_.begin(), pages_, it);
      return pages_.front().second;
    }
  }
  GB_TRY_ASSIGN(Page loaded, base_->page(object_.pages[index], object_.columns));
  auto page = std::make_shared<const Page>(std::move(loaded));
  const std::lock_guard lock(mutex_);
  pages_.emplace_front(index, page);
  if (pages_.size() > kBasePagesHeld) pages_.pop_back();
  return page;
}

Result<BaseTable::Chunk> BaseTable::chunk(std::uint32_t page_index, std::uint32_t position) {
  GB_TRY_ASSIGN(const auto found, page(page_index));
  return Chunk{object_.pages[page_index], position, found->chunk(position),
               std::string(as_text(found->record(position)))};
}

Result<std::optional<BaseTable::Chunk>> BaseTable::find(std::uint64_t cut,
                                                        const std::optional<Place>& after) {
  const auto [first, last] = std::ranges::equal_range(cuts_, cut, {}, &Cut::cut);
  if (first == last) return std::nullopt;
  auto chosen = first;
  for (auto it = first; after && it != last; ++it) {
    if (object_.pages[it->page] == after->first && it->position == after->second + 1) {
      chosen = it;
      break;
    }
  }
  return chunk(chosen->page, chosen->position);
}

Result<std::optional<BaseTable::Chunk>> BaseTable::following(const std::optional<Place>& after) {
  bool found = !after.has_value();
  for (const Slice& slice : object_.slices) {
    if (found) return chunk(slice.page, slice.first);
    if (object_.pages[slice.page] != after->first || after->second < slice.first ||
        after->second >= slice.first + slice.count)
      continue;
    if (after->second + 1 < slice.first + slice.count) return chunk(slice.page, after->second + 1);
    found = true;
  }
  return std::nullopt;
}

}  // namespace gb::storage::repo
