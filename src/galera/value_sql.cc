#include "galera/value_sql.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstdint>

#include "galera/sql_text.h"

namespace gb::galera {
namespace {

bool is_plain(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

std::string two(unsigned number) {
  return (number < 10 ? "0" : "") + std::to_string(number);
}

std::string padded(unsigned number, std::size_t digits) {
  std::string text = std::to_string(number);
  return std::string(digits - std::min(digits, text.size()), '0') + text;
}

std::string clock_text(std::uint64_t hours, unsigned minute, unsigned second, unsigned micros) {
  return (hours < 10 ? "0" : "") + std::to_string(hours) + ":" + two(minute) + ":" + two(second) +
         (micros == 0 ? "" : "." + padded(micros, 6));
}

std::string date_text(const DateTime& t) {
  return padded(t.year, 4) + "-" + two(t.month) + "-" + two(t.day);
}

std::string time_text(std::uint64_t number) {
  const auto micros = static_cast<std::int64_t>(number);
  const std::uint64_t all = micros < 0 ? 0 - number : number;
  const std::uint64_t seconds = all / 1'000'000;
  return (micros < 0 ? "-" : "") +
         clock_text(seconds / 3600, static_cast<unsigned>(seconds / 60 % 60),
                    static_cast<unsigned>(seconds % 60), static_cast<unsigned>(all % 1'000'000));
}

// The shortest text that reads back as this number. In quotes: the server takes a string for the
// number that it means, and a literal -0e0 for zero.
std::string float_text(double value) {
  std::array<char, 64> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value);
  return "'" + std::string(text.data(), end.ptr) + "'";
}

}  // namespace

std::string bytes_text(std::string_view bytes) {
  return is_plain(bytes) ? quote_text(bytes) : hex_literal(bytes);
}

void append_value(std::string& out, ValueKind kind, const DecodedColumn& column, std::size_t row) {
  if (column.null[row] != 0) {
    out += "NULL";
    return;
  }
  const std::uint64_t number = kind == ValueKind::kBytes ? 0 : column.numbers[row];
  switch (kind) {
    case ValueKind::kSigned:
      out += std::to_string(static_cast<std::int64_t>(number));
      return;
    case ValueKind::kUnsigned:
      out += std::to_string(number);
      return;
    case ValueKind::kFloat:
      // As the double that it is: its own shortest text would be read as another double first.
      out += float_text(double{std::bit_cast<float>(static_cast<std::uint32_t>(number))});
      return;
    case ValueKind::kDouble:
      out += float_text(std::bit_cast<double>(number));
      return;
    case ValueKind::kDate:
      out += "'" + date_text(unpack_date(number)) + "'";
      return;
    case ValueKind::kDateTime: {
      const DateTime t = unpack_date_time(number);
      out += "'" + date_text(t) + " " + clock_text(t.hour, t.minute, t.second, t.microsecond) + "'";
      return;
    }
    case ValueKind::kTime:
      out += "'" + time_text(number) + "'";
      return;
    case ValueKind::kBytes:
      out += bytes_text(column.values[row]);
      return;
  }
}

}  // namespace gb::galera
