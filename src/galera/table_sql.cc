#include "galera/table_sql.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <numeric>

#include "galera/sql_text.h"

namespace gb::galera {
namespace {

// Where a key's literal begins: a character set's introducer, or one of these.
constexpr std::string_view kNumberLiteral = "#";
constexpr std::string_view kBinaryLiteral = "X";

std::string select_expression(const Column& column) {
  std::string name = quote_name(column.name);
  // By number: the empty error value and members that are equal under the collation survive.
  if (column.data_type == "enum" || column.data_type == "set")
    return "CAST(" + name + " AS UNSIGNED)";
  if (column.data_type == "uuid" || column.data_type == "inet6")
    return "CAST(" + name + " AS BINARY(16))";
  if (column.data_type == "inet4") return "CAST(" + name + " AS BINARY(4))";
  // Everywhere the same, whatever the last moment of the server's TIMESTAMP is.
  if (column.period)
    return "IF(" + name + " = TIMESTAMP'" + std::string(kPresentFrom11_5) + "', TIMESTAMP'" +
           std::string(kPresent) + "', " + name + ")";
  return name;
}

// Empty: a key with this column is never compared with a literal.
std::string literal_prefix(const Column& column) {
  const std::string& type = column.data_type;
  if (type == "enum" || type == "set" || type == "year") return {};
  if (column.kind == ValueKind::kSigned || column.kind == ValueKind::kUnsigned)
    return std::string(kNumberLiteral);
  if (type == "binary" || type == "varbinary") return std::string(kBinaryLiteral);
  if (!column.character_set.empty()) return "_" + column.character_set + " X";
  return {};
}

std::string key_literal(const std::string& prefix, ValueKind kind, std::string_view cell) {
  if (prefix != kNumberLiteral) {
    const std::string hex = hex_literal(cell_bytes(cell));
    return prefix.substr(0, prefix.size() - 1) + hex;
  }
  const std::uint64_t number = cell_number(cell);
  return kind == ValueKind::kSigned ? std::to_string(static_cast<std::int64_t>(number))
                                    : std::to_string(number);
}

// (a < x) OR (a = x AND ((b < y) OR (b = y AND …))), `last` in place of < for the last column.
std::string compare(const TableLayout& layout, const KeyLiterals& key, const char* order,
                    const char* last) {
  std::string out;
  for (std::size_t i = layout.key.size(); i-- > 0;) {
    const std::string name = quote_name(layout.names[layout.key[i]]);
    if (i + 1 == layout.key.size())
      out = name + last + key[i];
    else
      out = "(" + name + order + key[i] + " OR (" + name + " = " + key[i] + " AND " + out + "))";
  }
  return out;
}

std::optional<std::uint64_t> leading_hex(const std::string& text) {
  std::string digits = text.substr(0, 8);
  std::uint64_t value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (error != std::errc{} || end != digits.data() + digits.size() || digits.size() != 8)
    return std::nullopt;
  return value;
}

}  // namespace

ValueKind kind_of_column(std::string_view data_type, std::string_view column_type) {
  const auto is_one_of = [&](std::initializer_list<std::string_view> names) {
    return std::find(names.begin(), names.end(), data_type) != names.end();
  };
  if (is_one_of({"tinyint", "smallint", "mediumint", "int", "bigint"}))
    return column_type.find("unsigned") != std::string_view::npos ? ValueKind::kUnsigned
                                                                  : ValueKind::kSigned;
  if (is_one_of({"year", "enum", "set"})) return ValueKind::kUnsigned;
  if (data_type == "float") return ValueKind::kFloat;
  if (data_type == "double") return ValueKind::kDouble;
  if (data_type == "date") return ValueKind::kDate;
  if (is_one_of({"datetime", "timestamp"})) return ValueKind::kDateTime;
  if (data_type == "time") return ValueKind::kTime;
  return ValueKind::kBytes;
}

TableLayout layout_of(const std::string& schema, const Table& table) {
  std::vector<const Column*> columns;
  for (const Column& column : table.columns)
    if (!column.generated) columns.push_back(&column);
  std::sort(columns.begin(), columns.end(),
            [](const Column* a, const Column* b) { return a->name < b->name; });

  TableLayout out;
  std::string list;
  for (const Column* column : columns) {
    out.names.push_back(column->name);
    out.kinds.push_back(column->kind);
    if (!list.empty()) list += ", ";
    list += select_expression(*column);
  }
  // Columns that are all generated: what is read is that there is a row.
  if (list.empty()) list = "1";
  bool comparable = !table.primary_key.empty();
  for (const std::string& name : table.primary_key) {
    const auto at = std::find(out.names.begin(), out.names.end(), name) - out.names.begin();
    out.key.push_back(static_cast<std::size_t>(at));
    out.key_literal_prefixes.push_back(literal_prefix(*columns[out.key.back()]));
    comparable = comparable && !out.key_literal_prefixes.back().empty();
  }
  if (!comparable) out.key_literal_prefixes.clear();

  out.select = "SELECT " + list + " FROM " + quote_table(schema, table.name);
  if (table.history) out.select += " FOR SYSTEM_TIME ALL";
  if (!table.primary_key.empty()) {
    out.select += " FORCE INDEX (PRIMARY)";
    out.order = " ORDER BY " + quote_names(table.primary_key);
  }
  return out;
}

KeyLiterals key_literals(const TableLayout& layout, const RowReader& reader) {
  KeyLiterals out;
  for (std::size_t i = 0; i < layout.key.size(); ++i)
    out.push_back(key_literal(layout.key_literal_prefixes[i], layout.kinds[layout.key[i]],
                              reader.cell(layout.key[i])));
  return out;
}

std::string between(const TableLayout& layout, const KeyLiterals& after, const KeyLiterals& upto) {
  std::string out;
  if (!after.empty()) out = " WHERE " + compare(layout, after, " > ", " > ");
  if (!upto.empty())
    out += (out.empty() ? " WHERE " : " AND ") + compare(layout, upto, " < ", " <= ");
  return out;
}

std::vector<std::string> part_evenly(const TableLayout& layout, const std::string& least,
                                     const std::string& greatest, unsigned parts) {
  std::vector<std::string> out;
  if (layout.key_literal_prefixes.empty() || parts < 2) return out;
  const std::string& prefix = layout.key_literal_prefixes[0];
  const auto part = [&](std::uint64_t low, std::uint64_t high, auto text) {
    const std::uint64_t step = (high - low) / parts;
    for (unsigned i = 1; step > 0 && i < parts; ++i) out.push_back(text(low + i * step));
  };
  if (prefix == kNumberLiteral) {
    if (layout.kinds[layout.key[0]] == ValueKind::kSigned) {
      std::int64_t low = 0;
      std::int64_t high = 0;
      std::from_chars(least.data(), least.data() + least.size(), low);
      std::from_chars(greatest.data(), greatest.data() + greatest.size(), high);
      part(static_cast<std::uint64_t>(low), static_cast<std::uint64_t>(high),
           [](std::uint64_t n) { return std::to_string(static_cast<std::int64_t>(n)); });
    } else {
      std::uint64_t low = 0;
      std::uint64_t high = 0;
      std::from_chars(least.data(), least.data() + least.size(), low);
      std::from_chars(greatest.data(), greatest.data() + greatest.size(), high);
      part(low, high, [](std::uint64_t n) { return std::to_string(n); });
    }
    return out;
  }
  // Text parts well only where it is known to be spread evenly: UUIDs and other hexadecimal ids.
  const std::optional<std::uint64_t> low = leading_hex(least);
  const std::optional<std::uint64_t> high = leading_hex(greatest);
  if (prefix == kBinaryLiteral || !low || !high || *high <= *low) return out;
  part(*low, *high, [&](std::uint64_t n) {
    char digits[9];
    std::snprintf(digits, sizeof digits, "%08llx", static_cast<unsigned long long>(n));
    return prefix.substr(0, prefix.size() - 1) + hex_literal(digits);
  });
  return out;
}

}  // namespace gb::galera
