// The rows of an encoded chunk, as a row that was read from a server is hashed (row_digest.h).
//
// Thread safety: an object is used by one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "galera/row_digest.h"
#include "galera/table_sql.h"

namespace gb::galera {

class StoredRows {
 public:
  explicit StoredRows(TableLayout layout)
      : layout_(std::move(layout)), seed_(row_seed(layout_.names)) {}

  // Tells the hash of each row, in order. `columns` are encoded (column_codec.h), in the order of
  // the layout. Corruption when they are not what the layout says.
  Status each(std::uint64_t rows, const std::vector<std::string_view>& columns,
              const std::function<void(const RowHash&)>& tell);
  // Of the row that each() is telling: the hash of its key; of a table without a key, its own.
  [[nodiscard]] std::uint64_t key();

 private:
  const TableLayout layout_;
  const std::uint64_t seed_;
  RowEncoding row_;
  RowEncoding key_;
  std::vector<std::size_t> ends_;  // of each column's cell in row_
};

}  // namespace gb::galera
