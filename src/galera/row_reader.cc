#include "galera/row_reader.h"

#include <mysql.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

#include "galera/connection_internal.h"

namespace gb::galera {
namespace {

// How a value stands in a row of the binary protocol.
enum class Wire : unsigned char {
  kInt8,
  kUint8,
  kInt16,
  kUint16,
  kInt32,
  kUint32,
  kInt64,
  kFloat,
  kDouble,
  kDate,
  kDateTime,
  kTime,
  kBytes,
};

Wire wire_of(const MYSQL_FIELD& field) {
  const bool is_unsigned = (field.flags & UNSIGNED_FLAG) != 0;
  switch (field.type) {
    case MYSQL_TYPE_TINY:
      return is_unsigned ? Wire::kUint8 : Wire::kInt8;
    case MYSQL_TYPE_SHORT:
      return is_unsigned ? Wire::kUint16 : Wire::kInt16;
    case MYSQL_TYPE_YEAR:
      return Wire::kUint16;
    case MYSQL_TYPE_INT24:
    case MYSQL_TYPE_LONG:
      return is_unsigned ? Wire::kUint32 : Wire::kInt32;
    case MYSQL_TYPE_LONGLONG:
      return Wire::kInt64;
    case MYSQL_TYPE_FLOAT:
      return Wire::kFloat;
    case MYSQL_TYPE_DOUBLE:
      return Wire::kDouble;
    case MYSQL_TYPE_DATE:
    case MYSQL_TYPE_NEWDATE:
      return Wire::kDate;
    case MYSQL_TYPE_DATETIME:
    case MYSQL_TYPE_TIMESTAMP:
      return Wire::kDateTime;
    case MYSQL_TYPE_TIME:
      return Wire::kTime;
    default:
      return Wire::kBytes;
  }
}

ValueKind kind_of(const MYSQL_FIELD& field) {
  switch (wire_of(field)) {
    case Wire::kUint8:
    case Wire::kUint16:
    case Wire::kUint32:
      return ValueKind::kUnsigned;
    case Wire::kInt64:
      return (field.flags & UNSIGNED_FLAG) != 0 ? ValueKind::kUnsigned : ValueKind::kSigned;
    case Wire::kFloat:
      return ValueKind::kFloat;
    case Wire::kDouble:
      return ValueKind::kDouble;
    case Wire::kDate:
      return ValueKind::kDate;
    case Wire::kDateTime:
      return ValueKind::kDateTime;
    case Wire::kTime:
      return ValueKind::kTime;
    case Wire::kBytes:
      return ValueKind::kBytes;
    default:
      return ValueKind::kSigned;
  }
}

template <typename T>
T load(const unsigned char* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <typename T>
std::uint64_t take(unsigned char*& row) {
  const T value = load<T>(row);
  row += sizeof value;
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(value));
}

// DATE, DATETIME and TIMESTAMP: a length of 0, 4, 7 or 11, then year, month, day, the time of the
// day and its microseconds; what is left out is zero.
DateTime take_date_time(unsigned char*& row) {
  const unsigned length = *row++;
  DateTime t;
  if (length >= 4) {
    t.year = load<std::uint16_t>(row);
    t.month = row[2];
    t.day = row[3];
  }
  if (length >= 7) {
    t.hour = row[4];
    t.minute = row[5];
    t.second = row[6];
  }
  if (length >= 11) t.microsecond = load<std::uint32_t>(row + 7);
  row += length;
  return t;
}

// TIME: a length of 0, 8 or 12, then the sign, days, hours, minutes, seconds, microseconds.
std::uint64_t take_time(unsigned char*& row) {
  const unsigned length = *row++;
  std::int64_t micros = 0;
  if (length >= 8) {
    const std::int64_t hours = std::int64_t{load<std::uint32_t>(row + 1)} * 24 + row[5];
    micros = ((hours * 60 + row[6]) * 60 + row[7]) * 1'000'000;
    if (length >= 12) micros += load<std::uint32_t>(row + 8);
    if (row[0] != 0) micros = -micros;
  }
  row += length;
  return static_cast<std::uint64_t>(micros);
}

}  // namespace

struct RowReader::State {
  Connection& connection;
  std::vector<ValueKind> kinds;
  std::span<ColumnEncoder> encoders;

  MYSQL_STMT* statement = nullptr;
  std::optional<Interruptible> interruptible;
  std::vector<Wire> wires;
  RowEncoding encoding;
  std::vector<std::size_t> begins;  // of each cell in the encoding
  bool damaged = false;             // a value would have reached beyond the network buffer

  State(Connection& c, std::vector<ValueKind> k, std::span<ColumnEncoder> e)
      : connection(c), kinds(std::move(k)), encoders(e), begins(kinds.size()) {}

  void number(unsigned column, std::uint64_t value) {
    encoding.number(kinds[column], value);
    if (!encoders.empty()) encoders[column].add_number(value);
  }

  void bytes(unsigned column, unsigned char*& row) {
    const unsigned char* const end = connection.native().mysql->net.buff_end;
    const unsigned long length = mysql_net_field_length(&row);
    if (row > end || length > static_cast<std::size_t>(end - row)) {
      damaged = true;
      return;
    }
    const std::string_view value(reinterpret_cast<const char*>(row), length);
    row += length;
    encoding.bytes(value);
    if (!encoders.empty()) encoders[column].add_bytes(value);
  }

  void value(unsigned column, unsigned char** row) {
    if (kinds.empty()) return;  // a row without a value of its own
    begins[column] = encoding.size();
    if (damaged) return;
    if (row == nullptr) {
      encoding.null();
      if (!encoders.empty()) encoders[column].add_null();
      return;
    }
    switch (wires[column]) {
      case Wire::kInt8:
        return number(column, take<std::int8_t>(*row));
      case Wire::kUint8:
        return number(column, take<std::uint8_t>(*row));
      case Wire::kInt16:
        return number(column, take<std::int16_t>(*row));
      case Wire::kUint16:
        return number(column, take<std::uint16_t>(*row));
      case Wire::kInt32:
        return number(column, take<std::int32_t>(*row));
      case Wire::kUint32:
        return number(column, take<std::uint32_t>(*row));
      case Wire::kInt64:
      case Wire::kDouble:
        return number(column, take<std::int64_t>(*row));
      case Wire::kFloat:
        return number(column, take<std::uint32_t>(*row));
      case Wire::kDate:
        return number(column, pack_date(take_date_time(*row)));
      case Wire::kDateTime:
        return number(column, pack_date_time(take_date_time(*row)));
      case Wire::kTime:
        return number(column, take_time(*row));
      case Wire::kBytes:
        return bytes(column, *row);
    }
  }

  // libmariadb calls this for every value of a row that it fetched.
  static void on_value(void* self, unsigned int column, unsigned char** row) {
    static_cast<State*>(self)->value(column, row);
  }

  void close() {
    if (statement != nullptr) mysql_stmt_close(std::exchange(statement, nullptr));
    interruptible.reset();
  }

  tl::unexpected<Error> failed() {
    Error error = statement_error(connection.native(), statement);
    close();
    return fail(std::move(error));
  }
};

RowReader::RowReader(Connection& connection, std::vector<ValueKind> kinds,
                     std::span<ColumnEncoder> encoders)
    : state_(std::make_unique<State>(connection, std::move(kinds), encoders)) {}

RowReader::~RowReader() {
  state_->close();
}

void RowReader::close() {
  state_->close();
}

Status RowReader::start(std::string_view select) {
  State& s = *state_;
  s.close();
  NativeConnection& native = s.connection.native();
  native.last_errno = 0;
  s.interruptible.emplace(native);
  s.statement = mysql_stmt_init(native.mysql);
  if (s.statement == nullptr) return fail(Code::kExhausted, "no memory for a statement");
  if (mysql_stmt_prepare(s.statement, select.data(), select.size()) != 0) return s.failed();
  const unsigned width = mysql_stmt_field_count(s.statement);
  const std::unique_ptr<MYSQL_RES, decltype(&mysql_free_result)> metadata(
      mysql_stmt_result_metadata(s.statement), &mysql_free_result);
  // Of a table without columns to read, a literal stands for the row.
  bool expected = metadata != nullptr && width == std::max<std::size_t>(s.kinds.size(), 1);
  s.wires.clear();
  for (unsigned i = 0; expected && i < s.kinds.size(); ++i) {
    const MYSQL_FIELD& field = *mysql_fetch_field_direct(metadata.get(), i);
    s.wires.push_back(wire_of(field));
    expected = kind_of(field) == s.kinds[i];
  }
  if (!expected) {
    s.close();
    return fail(Code::kConflict, "the columns of a table changed while it was read");
  }
  mysql_stmt_attr_set(s.statement, STMT_ATTR_CB_USER_DATA, &s);
  mysql_stmt_attr_set(s.statement, STMT_ATTR_CB_RESULT,
                      reinterpret_cast<const void*>(&State::on_value));
  if (mysql_stmt_execute(s.statement) != 0) return s.failed();
  return {};
}

Result<bool> RowReader::next() {
  State& s = *state_;
  s.encoding.clear();
  const int result = mysql_stmt_fetch(s.statement);
  if (s.damaged) {
    s.close();
    return fail(Code::kUnavailable,
                "node " + s.connection.node().text() + " sent a row that does not hold together");
  }
  if (result == 0) return true;
  if (result == MYSQL_NO_DATA) {
    s.close();
    return false;
  }
  return s.failed();
}

const RowEncoding& RowReader::row() const {
  return state_->encoding;
}

std::string_view RowReader::cell(std::size_t column) const {
  const State& s = *state_;
  const std::size_t begin = s.begins[column];
  const std::size_t end = column + 1 < s.begins.size() ? s.begins[column + 1] : s.encoding.size();
  return s.encoding.view().substr(begin, end - begin);
}

std::uint64_t cell_number(std::string_view cell) {
  std::uint64_t value = 0;
  std::memcpy(&value, cell.data() + 1, sizeof value);
  return value;
}

std::string_view cell_bytes(std::string_view cell) {
  return cell.substr(9);
}

Status grow_send_buffer(Connection& connection) {
  constexpr std::uint64_t kPadding = 1U << 20;
  constexpr std::uint64_t kAround = 64;  // what else is in the packet
  GB_TRY_ASSIGN(const Cell limit, connection.scalar("SELECT @@SESSION.max_allowed_packet"));
  const std::uint64_t largest = std::strtoull(limit.value_or("0").c_str(), nullptr, 10);
  const std::uint64_t padding = std::min(kPadding, largest - std::min(largest, kAround));
  return connection.exec("DO 1 /*" + std::string(padding, 'x') + "*/");
}

}  // namespace gb::galera
