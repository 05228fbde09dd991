#include "galera/column_codec.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <optional>

namespace gb::galera {
namespace {

constexpr std::uint64_t kSignBit = std::uint64_t{1} << 63;
constexpr std::uint64_t kMicro = 1'000'000;

// The byte before numbers: how they stand there.
constexpr unsigned kWidthMask = 0x0f;  // bytes a number, 0 to 8
constexpr unsigned kDelta = 0x10;      // differences to the number before, zigzag; else to the base
constexpr unsigned kSeconds = 0x20;    // numbers are multiples of 1,000,000 and stand divided by it

enum BytesForm : char { kPlain = 0, kHex = 1, kUuid = 2 };

bool is_signed(ValueKind kind) {
  return kind == ValueKind::kSigned || kind == ValueKind::kTime;
}
bool has_seconds(ValueKind kind) {
  return kind == ValueKind::kDateTime || kind == ValueKind::kTime;
}

unsigned width_of(std::uint64_t value) {
  return (71U - static_cast<unsigned>(std::countl_zero(value))) / 8U;
}

void put_u64(std::string& out, std::uint64_t value) {
  for (unsigned i = 0; i < 8; ++i) out += static_cast<char>(value >> (8 * i));
}

std::uint64_t zigzag(std::uint64_t difference) {
  return (difference << 1) ^ (0 - (difference >> 63));
}
std::uint64_t unzigzag(std::uint64_t value) {
  return (value >> 1) ^ (0 - (value & 1));
}

// All lowest bytes, then all second bytes, …: like bytes side by side compress best.
template <typename ValueAt>
void put_planes(std::string& out, std::size_t count, unsigned width, ValueAt value_at) {
  const std::size_t start = out.size();
  out.resize(start + count * width);
  std::array<char*, 8> plane{};
  for (unsigned b = 0; b < width; ++b) plane[b] = out.data() + start + b * count;
  for (std::size_t i = 0; i < count; ++i) {
    std::uint64_t value = value_at(i);
    for (unsigned b = 0; b < width; ++b, value >>= 8) plane[b][i] = static_cast<char>(value);
  }
}

// Whether the numbers stand better as differences. By the bytes that most of them take, which a
// sample tells, and only where much is saved: if the widest decided, one row that changes could
// turn the form, and with it every byte of a column that is to be stored as what differs from the
// base's.
bool differences_are_smaller(const std::vector<std::uint64_t>& numbers) {
  constexpr std::size_t kSample = 1024;
  constexpr std::uint64_t kSaves = 8;  // an eighth at least
  const std::size_t step = 1 + numbers.size() / kSample;
  std::uint64_t low = UINT64_MAX;
  for (std::size_t i = 1; i < numbers.size(); i += step) low = std::min(low, numbers[i]);
  std::uint64_t plain = 0;
  std::uint64_t differences = 0;
  for (std::size_t i = 1; i < numbers.size(); i += step) {
    plain += width_of(numbers[i] - low);
    differences += width_of(zigzag(numbers[i] - numbers[i - 1]));
  }
  return differences < plain - plain / kSaves;
}

// `numbers` is changed (divided, shifted to the unsigned order).
void put_numbers(std::string& out, std::vector<std::uint64_t>& numbers, ValueKind kind) {
  if (numbers.empty()) return;
  unsigned head = 0;
  if (has_seconds(kind)) {
    const auto whole = [](std::uint64_t n) {
      return static_cast<std::int64_t>(n) % std::int64_t{kMicro} == 0;
    };
    if (std::all_of(numbers.begin(), numbers.end(), whole)) {
      head |= kSeconds;
      for (std::uint64_t& n : numbers)
        n = static_cast<std::uint64_t>(static_cast<std::int64_t>(n) / std::int64_t{kMicro});
    }
  }
  if (is_signed(kind))
    for (std::uint64_t& n : numbers) n ^= kSignBit;

  const auto difference = [&](std::size_t i) { return zigzag(numbers[i] - numbers[i - 1]); };
  if (differences_are_smaller(numbers)) {
    std::uint64_t all = 0;
    for (std::size_t i = 1; i < numbers.size(); ++i) all |= difference(i);
    const unsigned width = width_of(all);
    out += static_cast<char>(head | kDelta | width);
    put_u64(out, numbers[0]);
    put_planes(out, numbers.size() - 1, width, [&](std::size_t i) { return difference(i + 1); });
    return;
  }
  // The bytes in which they differ, as they are: a number that is lower or higher than all others
  // adds planes, but changes none of the others.
  std::uint64_t differing = 0;
  for (const std::uint64_t n : numbers) differing |= n ^ numbers[0];
  const unsigned width = width_of(differing);
  const std::uint64_t base = width == 8 ? 0 : numbers[0] >> (8 * width) << (8 * width);
  out += static_cast<char>(head | width);
  put_u64(out, base);
  put_planes(out, numbers.size(), width, [&](std::size_t i) { return numbers[i] - base; });
}

// Reads what put_* wrote; every read is checked, and the first that fails is remembered.
class CodecReader {
 public:
  explicit CodecReader(std::string_view bytes) : rest_(bytes) {}
  std::string_view take(std::uint64_t count) {
    if (count > rest_.size()) {
      ok_ = false;
      return {};
    }
    const std::string_view out = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return out;
  }
  unsigned byte() {
    const std::string_view b = take(1);
    return b.empty() ? 0 : static_cast<unsigned char>(b[0]);
  }
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool ended() const { return ok_ && rest_.empty(); }

  bool numbers(std::vector<std::uint64_t>& out, std::size_t count, ValueKind kind) {
    out.resize(count);
    if (count == 0) return true;
    const unsigned head = byte();
    const unsigned width = head & kWidthMask;
    if (width > 8 || (head & ~(kWidthMask | kDelta | kSeconds)) != 0) return false;
    if ((head & kSeconds) != 0 && !has_seconds(kind)) return false;
    const bool delta = (head & kDelta) != 0;
    const std::string_view base_bytes = take(8);
    const std::size_t stored = delta ? count - 1 : count;
    const std::string_view planes = take(stored * width);
    if (!ok_) return false;
    std::uint64_t base = 0;
    for (unsigned i = 8; i-- > 0;) base = base << 8 | static_cast<unsigned char>(base_bytes[i]);
    const std::size_t first = delta ? 1 : 0;
    for (std::size_t i = 0; i < stored; ++i) {
      std::uint64_t value = 0;
      for (unsigned b = width; b-- > 0;)
        value = value << 8 | static_cast<unsigned char>(planes[b * stored + i]);
      out[first + i] = value;
    }
    if (delta) {
      out[0] = base;
      for (std::size_t i = 1; i < count; ++i) out[i] = out[i - 1] + unzigzag(out[i]);
    } else {
      for (std::uint64_t& n : out) n += base;
    }
    if (is_signed(kind))
      for (std::uint64_t& n : out) n ^= kSignBit;
    if ((head & kSeconds) != 0)
      for (std::uint64_t& n : out) n *= kMicro;
    return true;
  }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

constexpr std::array<signed char, 256> kHexDigit = [] {
  std::array<signed char, 256> table{};
  table.fill(-1);
  for (int i = 0; i < 10; ++i)
    table[static_cast<std::size_t>('0') + static_cast<std::size_t>(i)] =
        static_cast<signed char>(i);
  for (int i = 0; i < 6; ++i)
    table[static_cast<std::size_t>('a') + static_cast<std::size_t>(i)] =
        static_cast<signed char>(10 + i);
  return table;
}();
constexpr std::string_view kDigits = "0123456789abcdef";
constexpr std::size_t kUuidText = 36;

int digit(char c) {
  return kHexDigit[static_cast<unsigned char>(c)];
}
bool is_dash_place(std::size_t i) {
  return i == 8 || i == 13 || i == 18 || i == 23;
}

// Packs digits pairwise; false (and out as it was) when a character is not a lower-case hex digit.
bool pack_hex(std::string_view text, std::string& out) {
  const std::size_t start = out.size();
  out.resize(start + text.size() / 2);
  int bad = 0;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    const int high = digit(text[i]);
    const int low = digit(text[i + 1]);
    bad |= high | low;
    if (bad < 0) break;
    out[start + i / 2] = static_cast<char>(high << 4 | low);
  }
  if (bad >= 0) return true;
  out.resize(start);
  return false;
}

bool pack_uuids(std::string_view texts, std::string& out) {
  const std::size_t start = out.size();
  std::array<char, 32> digits{};
  for (std::size_t at = 0; at < texts.size(); at += kUuidText) {
    std::size_t n = 0;
    bool shaped = true;
    for (std::size_t i = 0; i < kUuidText; ++i) {
      const char c = texts[at + i];
      if (is_dash_place(i))
        shaped = shaped && c == '-';
      else
        digits[n++] = c;
    }
    if (!shaped || !pack_hex({digits.data(), digits.size()}, out)) {
      out.resize(start);
      return false;
    }
  }
  return true;
}

Error corrupt(const char* what) {
  return Error{
      Code::kCorruption, std::string("an encoded column is damaged: ") + what, {}, {}, nullptr};
}

// Decodes the bytes after the null map into the rows that are not NULL, in order.
Status decode_bytes(CodecReader& reader, std::size_t count, std::vector<std::string_view>& out,
                    std::unique_ptr<char[]>& arena) {
  out.resize(count);
  if (count == 0) return {};
  const unsigned form = reader.byte();
  if (form == kUuid) {
    const std::string_view packed = reader.take(count * 16);
    if (!reader.ok()) return fail(corrupt("too short"));
    arena = std::make_unique_for_overwrite<char[]>(count * kUuidText);
    char* to = arena.get();
    for (std::size_t i = 0; i < count; ++i) {
      out[i] = {to, kUuidText};
      std::size_t nibble = 0;
      for (std::size_t p = 0; p < kUuidText; ++p) {
        if (is_dash_place(p)) {
          *to++ = '-';
          continue;
        }
        const auto byte = static_cast<unsigned char>(packed[i * 16 + nibble / 2]);
        *to++ = kDigits[nibble % 2 == 0 ? byte >> 4 : byte & 15U];
        ++nibble;
      }
    }
    return {};
  }
  if (form != kPlain && form != kHex) return fail(corrupt("unknown form"));
  std::vector<std::uint64_t> lengths;
  if (!reader.numbers(lengths, count, ValueKind::kUnsigned)) return fail(corrupt("bad lengths"));
  std::uint64_t total = 0;
  for (const std::uint64_t length : lengths) {
    if (length > (std::uint64_t{1} << 32) || (form == kHex && length % 2 != 0))
      return fail(corrupt("impossible length"));
    total += length;
  }
  const std::string_view stored = reader.take(form == kHex ? total / 2 : total);
  if (!reader.ok()) return fail(corrupt("too short"));
  const char* from = stored.data();
  if (form == kHex) {
    arena = std::make_unique_for_overwrite<char[]>(2 * stored.size());
    for (std::size_t i = 0; i < stored.size(); ++i) {
      const auto byte = static_cast<unsigned char>(stored[i]);
      arena[2 * i] = kDigits[byte >> 4];
      arena[2 * i + 1] = kDigits[byte & 15U];
    }
    from = arena.get();
  }
  for (std::size_t i = 0; i < count; ++i) {
    out[i] = {from, lengths[i]};
    from += lengths[i];
  }
  return {};
}

// Spreads values of the rows that are not NULL over all rows, from the back, in place.
template <typename T>
void spread(std::vector<T>& values, const std::vector<char>& null, std::size_t present) {
  const std::size_t rows = null.size();
  values.resize(rows);
  if (present == rows) return;
  std::size_t from = present;
  for (std::size_t i = rows; i-- > 0;) {
    if (null[i] != 0) {
      values[i] = T{};
    } else {
      --from;
      if (from != i) values[i] = values[from];
    }
  }
}

}  // namespace

DateTime unpack_date(std::uint64_t number) {
  DateTime out;
  out.day = static_cast<unsigned>(number % 32);
  out.month = static_cast<unsigned>(number / 32 % 13);
  out.year = static_cast<unsigned>(number / 32 / 13);
  return out;
}

DateTime unpack_date_time(std::uint64_t number) {
  DateTime out = unpack_date(number / 86'400'000'000);
  const std::uint64_t micros = number % 86'400'000'000;
  out.microsecond = static_cast<unsigned>(micros % kMicro);
  const auto seconds = static_cast<unsigned>(micros / kMicro);
  out.second = seconds % 60;
  out.minute = seconds / 60 % 60;
  out.hour = seconds / 3600;
  return out;
}

void ColumnEncoder::add_null() {
  nulls_.push_back(rows_);
  ++rows_;
}

Bytes ColumnEncoder::encode() {
  out_.clear();
  out_ += static_cast<char>(static_cast<unsigned>(kind_) | (nulls_.empty() ? 0U : 0x80U));
  if (!nulls_.empty()) {
    const std::size_t start = out_.size();
    out_.resize(start + (rows_ + 7) / 8);
    for (const std::uint64_t i : nulls_)
      out_[start + i / 8] = static_cast<char>(out_[start + i / 8] | 1 << (i % 8));
  }
  if (kind_ == ValueKind::kBytes)
    encode_bytes();
  else
    put_numbers(out_, numbers_, kind_);
  return as_bytes(out_);
}

void ColumnEncoder::encode_bytes() {
  if (numbers_.empty()) return;
  const std::size_t start = out_.size();
  const bool even =
      std::all_of(numbers_.begin(), numbers_.end(), [](auto n) { return n % 2 == 0; });
  if (even && !bytes_.empty()) {
    const bool uuid_sized =
        std::all_of(numbers_.begin(), numbers_.end(), [](auto n) { return n == kUuidText; });
    if (uuid_sized) {
      out_.push_back(kUuid);
      if (pack_uuids(bytes_, out_)) return;
      out_.resize(start);
    }
    std::string packed;
    if (digit(bytes_[0]) >= 0 && pack_hex(bytes_, packed)) {
      out_.push_back(kHex);
      put_numbers(out_, numbers_, ValueKind::kUnsigned);
      out_ += packed;
      return;
    }
  }
  out_.push_back(kPlain);
  put_numbers(out_, numbers_, ValueKind::kUnsigned);
  out_ += bytes_;
}

void ColumnEncoder::clear() {
  constexpr std::size_t kKeep = 4U << 20;
  rows_ = 0;
  nulls_.clear();
  numbers_.clear();
  const auto forget = [](std::string& s) {
    s.clear();
    if (s.capacity() > kKeep) s.shrink_to_fit();
  };
  forget(bytes_);
  forget(out_);
}

Result<DecodedColumn> decode_column(ValueKind kind, std::uint64_t rows, std::string_view encoded) {
  if (rows > kMaxChunkRows) return fail(corrupt("too many rows"));
  CodecReader reader(encoded);
  const unsigned head = reader.byte();
  if (!reader.ok() || (head & 0x7fU) != static_cast<unsigned>(kind))
    return fail(corrupt("not of the expected kind"));
  DecodedColumn out;
  out.null.assign(rows, 0);
  std::size_t present = rows;
  if ((head & 0x80U) != 0) {
    const std::string_view map = reader.take((rows + 7) / 8);
    if (!reader.ok()) return fail(corrupt("too short"));
    for (std::size_t i = 0; i < rows; ++i) {
      out.null[i] = static_cast<char>(static_cast<unsigned char>(map[i / 8]) >> (i % 8) & 1U);
      present -= static_cast<std::size_t>(out.null[i]);
    }
  }
  if (kind == ValueKind::kBytes) {
    GB_TRY(decode_bytes(reader, present, out.values, out.arena));
    spread(out.values, out.null, present);
  } else {
    if (!reader.numbers(out.numbers, present, kind)) return fail(corrupt("bad numbers"));
    spread(out.numbers, out.null, present);
  }
  if (!reader.ended()) return fail(corrupt("bytes after its end"));
  return out;
}

}  // namespace gb::galera
