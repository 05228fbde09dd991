// The SELECTs that read a table: which columns, how, in which order, between which keys.
//
// Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "galera/model.h"
#include "galera/row_reader.h"

namespace gb::galera {

// How the values of a column of this type travel. `data_type` and `column_type` as
// information_schema has them.
[[nodiscard]] ValueKind kind_of_column(std::string_view data_type, std::string_view column_type);

// What of a table is read, in the order of every SELECT on it: the byte order of the names.
struct TableLayout {
  std::vector<std::string> names;
  std::vector<ValueKind> kinds;
  std::vector<std::size_t> key;  // places of the primary key's columns in `names`; empty: no key
  std::vector<std::string> key_literal_prefixes;  // see key_literal(); empty: not to be split
  std::string select;                             // SELECT … FROM …
  std::string order;                              // " ORDER BY …", or empty
};
// Until when a row of the present is there, in a system-versioned table: the last moment that a
// TIMESTAMP can be. A backup holds the first for each; MariaDB 11.5 moved it on.
inline constexpr std::string_view kPresent = "2038-01-19 03:14:07.999999";
inline constexpr std::string_view kPresentFrom11_5 = "2106-02-07 06:28:15.999999";

[[nodiscard]] TableLayout layout_of(const std::string& schema, const Table& table);

// The key of a row as SQL literals, one a column of the key.
using KeyLiterals = std::vector<std::string>;
[[nodiscard]] KeyLiterals key_literals(const TableLayout& layout, const RowReader& reader);

// Rows after `after` and up to and with `upto`; an empty one is no limit. " WHERE …", or empty.
[[nodiscard]] std::string between(const TableLayout& layout, const KeyLiterals& after,
                                  const KeyLiterals& upto);

// Values that part the range of the first key column evenly, given its least and greatest (text as
// the server prints it). Empty when the type does not allow it.
[[nodiscard]] std::vector<std::string> part_evenly(const TableLayout& layout,
                                                   const std::string& least,
                                                   const std::string& greatest, unsigned parts);

}  // namespace gb::galera
