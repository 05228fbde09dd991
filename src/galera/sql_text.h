// Quoting: the one place where names and values become SQL text.
//
// Names and values are bytes; our sessions speak `SET NAMES binary`, so nothing is converted on the
// way. Thread safety: pure functions.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gb::galera {

// `name`, with each backtick doubled. Any name that the server can hold.
[[nodiscard]] std::string quote_name(std::string_view name);

// `schema`.`table`
[[nodiscard]] std::string quote_table(std::string_view schema, std::string_view table);

// `a`, `b`, `c`
[[nodiscard]] std::string quote_names(std::span<const std::string> names);

// 'text', for sessions without NO_BACKSLASH_ESCAPES (every session of this room starts so).
[[nodiscard]] std::string quote_text(std::string_view text);

// X'6162', right under every sql_mode; a binary string to the server.
[[nodiscard]] std::string hex_literal(std::string_view bytes);

}  // namespace gb::galera
