// One row of a TSV file for LOAD DATA, and the values that OpenStack's tables hold. Everything is a
// function of the seed, the table and the row's number: rows can refer to each other across tables
// without anything being kept.
#pragma once

#include <array>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>

namespace gb::datagen {

inline constexpr std::uint64_t mix(std::uint64_t x) {  // splitmix64's finaliser
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

inline constexpr std::uint64_t hash_name(std::string_view s) {
  std::uint64_t h = 0xcbf29ce484222325ULL;
  for (char c : s) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return mix(h);
}

inline void append_hex(std::string& out, std::uint64_t value, int digits) {
  static constexpr char kHex[] = "0123456789abcdef";
  for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4) out += kHex[(value >> shift) & 15];
}

// The identity of thing number `i` of a kind ("instance", "project" …), the same in every table
// that names it.
inline void append_uuid(std::string& out, std::uint64_t kind, std::uint64_t i) {
  const std::uint64_t a = mix(kind ^ (i * 2 + 1)), b = mix(a ^ kind);
  append_hex(out, a >> 32, 8), out += '-';
  append_hex(out, a >> 16, 4), out += "-4";
  append_hex(out, a, 3), out += '-';
  append_hex(out, 0x8000 | ((b >> 48) & 0x3fff), 4), out += '-';
  append_hex(out, b, 12);
}

inline void append_number(std::string& out, std::int64_t value) {
  std::array<char, 24> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  out.append(buffer.data(), end);
}

inline void append_two(std::string& out, unsigned value) {
  out += static_cast<char>('0' + value / 10);
  out += static_cast<char>('0' + value % 10);
}

// "YYYY-MM-DD" of days since 1970 (Howard Hinnant's civil calendar).
inline void append_date(std::string& out, std::int64_t days) {
  days += 719468;
  const std::int64_t era = days / 146097;
  const auto doe = static_cast<unsigned>(days - era * 146097);
  const unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  const unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  const unsigned mp = (5 * doy + 2) / 153;
  const unsigned month = mp < 10 ? mp + 3 : mp - 9;
  append_number(out, static_cast<std::int64_t>(yoe) + era * 400 + (month <= 2 ? 1 : 0));
  out += '-', append_two(out, month);
  out += '-', append_two(out, doy - (153 * mp + 2) / 5 + 1);
}

inline void append_datetime(std::string& out, std::int64_t epoch, char separator = ' ') {
  append_date(out, epoch / 86400);
  out += separator;
  const auto s = static_cast<unsigned>(epoch % 86400);
  append_two(out, s / 3600), out += ':';
  append_two(out, s / 60 % 60), out += ':';
  append_two(out, s % 60);
}

class Row {
 public:
  Row(std::string& out, std::uint64_t seed, std::uint64_t table, std::uint64_t number,
      std::uint64_t rows)
      : i(number), n(rows), out_(out), seed_(seed), state_(mix(seed ^ table ^ mix(number))) {}

  const std::uint64_t i;  // this row, from 0
  const std::uint64_t n;  // the rows of the first day: references stay below the parents' first day

  std::uint64_t random() { return mix(state_++); }
  std::uint64_t below(std::uint64_t bound) { return bound == 0 ? 0 : random() % bound; }
  bool chance(unsigned percent) { return below(100) < percent; }

  // Times lie between 2024-01 and 2026-10 and grow with the row's number, as in a database that was
  // lived in.
  std::int64_t born() {
    constexpr std::int64_t kStart = 1704067200, kSpan = 89000000;
    const double part = n == 0 ? 0 : static_cast<double>(i) / static_cast<double>(n);
    return kStart + static_cast<std::int64_t>(part * kSpan) +
           static_cast<std::int64_t>(mix(seed_ ^ i) % 3600);
  }

  std::uint64_t kind(std::string_view name) const { return mix(seed_ ^ hash_name(name)); }

  Row& null() { return raw("\\N"); }
  Row& raw(std::string_view text) {  // text without tab, newline and backslash
    separate();
    out_ += text;
    return *this;
  }
  Row& text(std::string_view text) {  // any text
    separate();
    for (char c : text) {
      switch (c) {
        case '\\':
          out_ += "\\\\";
          break;
        case '\t':
          out_ += "\\t";
          break;
        case '\n':
          out_ += "\\n";
          break;
        default:
          out_ += c;
      }
    }
    return *this;
  }
  Row& number(std::int64_t value) {
    separate();
    append_number(out_, value);
    return *this;
  }
  Row& id() { return number(static_cast<std::int64_t>(i) + 1); }
  Row& uuid(std::string_view of, std::uint64_t which) {
    separate();
    append_uuid(out_, kind(of), which);
    return *this;
  }
  Row& hex32(std::string_view of, std::uint64_t which) {  // keystone's identifiers
    separate();
    const std::uint64_t a = mix(kind(of) ^ (which * 2 + 1));
    append_hex(out_, a, 16);
    append_hex(out_, mix(a), 16);
    return *this;
  }
  Row& datetime(std::int64_t epoch) {
    separate();
    append_datetime(out_, epoch);
    return *this;
  }
  Row& micros(std::int64_t epoch) {  // DATETIME(6)
    datetime(epoch);
    const std::uint64_t fraction = below(1000000);
    out_ += '.';
    std::string digits = std::to_string(fraction);
    out_.append(6 - digits.size(), '0');
    out_ += digits;
    return *this;
  }
  Row& date(std::int64_t epoch) {
    separate();
    append_date(out_, epoch / 86400);
    return *this;
  }
  template <std::size_t N>
  Row& one_of(const std::array<std::string_view, N>& choices) {
    return raw(choices[below(N)]);
  }
  // created_at, updated_at: the first is given, the second is later or NULL.
  Row& stamps(std::int64_t created, unsigned updated_percent = 80) {
    datetime(created);
    return chance(updated_percent)
               ? datetime(created + 5 + static_cast<std::int64_t>(below(5000000)))
               : null();
  }
  void end() {
    out_ += '\n';
    first_ = true;
  }

 private:
  void separate() {
    if (!first_) out_ += '\t';
    first_ = false;
  }

  std::string& out_;
  std::uint64_t seed_;
  std::uint64_t state_;
  bool first_ = true;
};

}  // namespace gb::datagen
