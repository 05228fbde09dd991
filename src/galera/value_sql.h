// Values of a backup as SQL literals, for sessions that speak `SET NAMES binary`: each is stored as
// the very value that it was.
//
// Thread safety: pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "galera/column_codec.h"

namespace gb::galera {

// 'text' where all of it is printable ASCII, else X'…'.
[[nodiscard]] std::string bytes_text(std::string_view bytes);

// The value of one row of a column, or NULL.
void append_value(std::string& out, ValueKind kind, const DecodedColumn& column, std::size_t row);

}  // namespace gb::galera
