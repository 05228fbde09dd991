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
  places_.reserve(std::min<std::uint64_t>(object_.chunks(), 1U << 20));
  for (const Slice& slice : object_.slices) {
    if (at != slice.page) {
      GB_TRY_ASSIGN(loaded, page(slice.page));
      at = slice.page;
    }
    if (std::uint64_t{slice.first} + slice.count > loaded->chunks())
      return fail(Code::kCorruption, "a table object names a chunk that its page does not have");
    for (std::uint32_t i = slice.first; i < slice.first + slice.count; ++i)
      places_.push_back({loaded->cut(i), slice.page, i});
  }
  std::ranges::sort(places_);
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

Result<std::optional<BaseTable::Chunk>> BaseTable::find(
    std::uint64_t cut, const std::optional<std::pair<Ref, std::uint32_t>>& after) {
  const auto [first, last] = std::ranges::equal_range(places_, cut, {}, &Place::cut);
  if (first == last) return std::nullopt;
  auto chosen = first;
  for (auto it = first; after && it != last; ++it) {
    if (object_.pages[it->page] == after->first && it->position == after->second + 1) {
      chosen = it;
      break;
    }
  }
  GB_TRY_ASSIGN(const auto found, page(chosen->page));
  return Chunk{object_.pages[chosen->page], chosen->position, found->chunk(chosen->position),
               std::string(as_text(found->record(chosen->position)))};
}

}  // namespace gb::storage::repo
