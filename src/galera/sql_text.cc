#include "galera/sql_text.h"

#include "base/text.h"

namespace gb::galera {

std::string quote_name(std::string_view name) {
  std::string out;
  out.reserve(name.size() + 2);
  out += '`';
  for (const char c : name) {
    if (c == '`') out += '`';
    out += c;
  }
  out += '`';
  return out;
}

std::string quote_table(std::string_view schema, std::string_view table) {
  return quote_name(schema) + "." + quote_name(table);
}

std::string quote_names(std::span<const std::string> names) {
  std::string out;
  for (const std::string& name : names) {
    if (!out.empty()) out += ", ";
    out += quote_name(name);
  }
  return out;
}

std::string quote_text(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  out += '\'';
  for (const char c : text) {
    switch (c) {
      case '\0':
        out += "\\0";
        break;
      case '\'':
      case '\\':
        out += '\\';
        out += c;
        break;
      default:
        out += c;
    }
  }
  out += '\'';
  return out;
}

std::string hex_literal(std::string_view bytes) {
  return "X'" + to_hex(as_bytes(bytes)) + "'";
}

}  // namespace gb::galera
