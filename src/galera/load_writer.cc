#include "galera/load_writer.h"

#include <mysql.h>
#include <mysqld_error.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <utility>

#include "base/text.h"
#include "galera/connection_internal.h"
#include "galera/sql_text.h"
#include "galera/value_sql.h"

namespace gb::galera {
namespace {

// Enough to make the round trip cheap; more only costs memory on both sides.
constexpr std::uint64_t kMaxRowsPerStatement = 10'000;
constexpr std::uint64_t kMaxStatementBytes = 8U << 20;
constexpr std::uint64_t kTextBytes = 512U << 10;     // of rows as SQL, unless one alone is larger
constexpr std::uint64_t kPacketReserve = 64U << 10;  // head of the packet
constexpr std::uint64_t kCellOverhead = 14;          // indicator, and length or number or time

// kPresent and kPresentFrom11_5 of table_sql.h.
constexpr DateTime kPresentTime{2038, 1, 19, 3, 14, 7, 999'999};
constexpr DateTime kPresentTimeFrom11_5{2106, 2, 7, 6, 28, 15, 999'999};

// Of a row in a statement, at the most.
std::uint64_t bytes_of(const DecodedChunk& chunk, std::uint64_t row) {
  std::uint64_t total = chunk.columns.size() * kCellOverhead;
  for (const DecodedColumn& column : chunk.columns)
    if (!column.values.empty()) total += column.values[row].size();
  return total;
}

bool has_history_by_transaction(const Table& table) {
  return !table.history && std::ranges::any_of(table.columns, &Column::period);
}

MYSQL_TIME time_of(ValueKind kind, std::uint64_t number) {
  MYSQL_TIME t{};
  if (kind == ValueKind::kTime) {
    const auto micros = static_cast<std::int64_t>(number);
    std::uint64_t rest = micros < 0 ? 0 - number : number;
    t.time_type = MYSQL_TIMESTAMP_TIME;
    t.neg = micros < 0 ? 1 : 0;
    t.second_part = static_cast<unsigned long>(rest % 1'000'000);
    rest /= 1'000'000;
    t.second = static_cast<unsigned>(rest % 60);
    t.minute = static_cast<unsigned>(rest / 60 % 60);
    // The protocol has one byte for hours and a number for days.
    t.hour = static_cast<unsigned>(rest / 3600 % 24);
    t.day = static_cast<unsigned>(rest / 86'400);
    return t;
  }
  const DateTime d = kind == ValueKind::kDate ? unpack_date(number) : unpack_date_time(number);
  t.time_type = kind == ValueKind::kDate ? MYSQL_TIMESTAMP_DATE : MYSQL_TIMESTAMP_DATETIME;
  t.year = d.year;
  t.month = d.month;
  t.day = d.day;
  t.hour = d.hour;
  t.minute = d.minute;
  t.second = d.second;
  t.second_part = d.microsecond;
  return t;
}

}  // namespace

bool is_present(const DecodedColumn& column, std::size_t row) {
  return column.null[row] == 0 && column.numbers[row] == pack_date_time(kPresentTime);
}

bool is_beyond_its_limit(const std::string& column_type, std::uint64_t number) {
  int digits = 0;
  int decimals = 0;
  if (std::sscanf(column_type.c_str(), "float(%d,%d)", &digits, &decimals) != 2) return false;
  const double limit = std::pow(10.0, digits - decimals) - std::pow(10.0, -decimals);
  const float value = std::abs(std::bit_cast<float>(static_cast<std::uint32_t>(number)));
  return value > limit && value == static_cast<float>(limit);
}

bool is_of_expression(const Table& table, const ServerWarning& warning) {
  const auto names = [&](const Column& column) {
    return warning.message.find("'" + column.name + "'") != std::string::npos ||
           warning.message.find(quote_name(column.name)) != std::string::npos;
  };
  bool has_expression = false;
  for (const Column& column : table.columns) {
    if (!column.generated && names(column)) return false;
    has_expression = has_expression || column.generated;
  }
  return has_expression;
}

std::vector<const Column*> loaded_columns(const Table& table) {
  std::vector<const Column*> out;
  for (const Column& column : table.columns)
    if (!column.generated) out.push_back(&column);
  std::sort(out.begin(), out.end(),
            [](const Column* a, const Column* b) { return a->name < b->name; });
  return out;
}

std::uint64_t DecodedChunk::bytes() const {
  std::uint64_t total = 0;
  for (const std::string& column : chunk.columns) total += column.size();
  return total;
}

Result<DecodedChunk> decode_chunk(const Table& table, Chunk chunk, bool late_timestamps) {
  const std::vector<const Column*> columns = loaded_columns(table);
  if (columns.size() != chunk.columns.size())
    return fail(Code::kCorruption, "a chunk of the table " + quote_name(table.name) + " has " +
                                       std::to_string(chunk.columns.size()) + " columns where " +
                                       std::to_string(columns.size()) + " are expected");
  DecodedChunk out;
  out.chunk = std::move(chunk);
  out.columns.reserve(columns.size());
  for (std::size_t i = 0; i < columns.size(); ++i) {
    auto decoded = decode_column(columns[i]->kind, out.chunk.rows, out.chunk.columns[i]);
    if (!decoded)
      return wrap("the column " + quote_name(columns[i]->name) + " of the table " +
                      quote_name(table.name) + " cannot be read",
                  std::move(decoded).error());
    if (late_timestamps && columns[i]->period)
      std::replace(decoded->numbers.begin(), decoded->numbers.end(), pack_date_time(kPresentTime),
                   pack_date_time(kPresentTimeFrom11_5));
    out.columns.push_back(std::move(*decoded));
  }
  return out;
}

// What is bound: arrays of one entry a row, kept between statements so that they are allocated
// once.
struct RowWriter::Bindings {
  struct Of {
    std::vector<MYSQL_TIME> times;
    std::vector<const void*> pointers;
    std::vector<unsigned long> lengths;
    std::vector<float> floats;
  };
  std::vector<const Column*> columns;
  std::vector<Of> of;
  std::vector<MYSQL_BIND> binds;

  explicit Bindings(const Table& table)
      : columns(loaded_columns(table)), of(columns.size()), binds(columns.size()) {}

  void bind(std::size_t i, ValueKind kind, const DecodedColumn& column, std::uint64_t first,
            std::uint64_t last) {
    MYSQL_BIND& b = binds[i];
    b = MYSQL_BIND{};
    b.u.indicator = const_cast<char*>(column.null.data() + first);
    Of& keep = of[i];
    const std::uint64_t rows = last - first;
    switch (kind) {
      case ValueKind::kSigned:
      case ValueKind::kUnsigned:
      case ValueKind::kDouble:
        b.buffer_type = kind == ValueKind::kDouble ? MYSQL_TYPE_DOUBLE : MYSQL_TYPE_LONGLONG;
        b.is_unsigned = kind == ValueKind::kUnsigned ? 1 : 0;
        b.buffer = const_cast<std::uint64_t*>(column.numbers.data() + first);
        break;
      case ValueKind::kFloat:
        keep.floats.resize(rows);
        for (std::uint64_t r = 0; r < rows; ++r)
          keep.floats[r] =
              std::bit_cast<float>(static_cast<std::uint32_t>(column.numbers[first + r]));
        b.buffer_type = MYSQL_TYPE_FLOAT;
        b.buffer = keep.floats.data();
        break;
      case ValueKind::kDate:
      case ValueKind::kDateTime:
      case ValueKind::kTime:
        keep.times.resize(rows);
        keep.pointers.resize(rows);
        for (std::uint64_t r = 0; r < rows; ++r) {
          keep.times[r] = time_of(kind, column.numbers[first + r]);
          keep.pointers[r] = &keep.times[r];
        }
        b.buffer_type = kind == ValueKind::kDate       ? MYSQL_TYPE_DATE
                        : kind == ValueKind::kDateTime ? MYSQL_TYPE_DATETIME
                                                       : MYSQL_TYPE_TIME;
        b.buffer = static_cast<void*>(keep.pointers.data());
        break;
      case ValueKind::kBytes:
        keep.pointers.resize(rows);
        keep.lengths.resize(rows);
        for (std::uint64_t r = 0; r < rows; ++r) {
          keep.pointers[r] = column.values[first + r].data();
          keep.lengths[r] = column.values[first + r].size();
        }
        b.buffer_type = MYSQL_TYPE_STRING;
        b.buffer = static_cast<void*>(keep.pointers.data());
        b.length = keep.lengths.data();
        break;
    }
  }
};

RowWriter::RowWriter(Connection& connection, std::string name, const Table& table,
                     std::uint64_t max_packet, st_mysql_stmt* statement)
    : connection_(&connection),
      name_(std::move(name)),
      table_(&table),
      max_packet_(max_packet),
      statement_bytes_(
          std::min(max_packet - std::min(max_packet / 2, kPacketReserve), kMaxStatementBytes)),
      statement_(statement),
      bindings_(std::make_unique<Bindings>(table)) {}

RowWriter::RowWriter(RowWriter&& other) noexcept
    : connection_(other.connection_),
      name_(std::move(other.name_)),
      table_(other.table_),
      max_packet_(other.max_packet_),
      statement_bytes_(other.statement_bytes_),
      statement_(std::exchange(other.statement_, nullptr)),
      bindings_(std::move(other.bindings_)) {}

RowWriter::~RowWriter() {
  if (statement_ != nullptr) mysql_stmt_close(statement_);
}

Result<RowWriter> RowWriter::prepare(Connection& connection, const std::string& schema,
                                     const Table& table, std::uint64_t max_packet) {
  std::string names;
  std::string marks;
  for (const Column* column : loaded_columns(table)) {
    names += (names.empty() ? "" : ",") + quote_name(column->name);
    marks += marks.empty() ? "?" : ",?";
  }
  RowWriter out(connection, quote_table(schema, table.name), table, max_packet, nullptr);
  if (names.empty() || has_history_by_transaction(table)) return out;
  NativeConnection& native = connection.native();
  out.statement_ = mysql_stmt_init(native.mysql);
  if (out.statement_ == nullptr) return fail(Code::kExhausted, "no memory for a statement");
  const std::string sql = "INSERT INTO " + out.name_ + " (" + names + ") VALUES (" + marks + ")";
  const Interruptible interruptible(native);
  if (mysql_stmt_prepare(out.statement_, sql.data(), sql.size()) != 0)
    return fail(statement_error(native, out.statement_));
  return out;
}

Status RowWriter::insert(const DecodedChunk& chunk, std::uint64_t first, std::uint64_t last) {
  if (bindings_->columns.empty()) return insert_defaults(last - first);
  if (statement_ == nullptr) return insert_as_text(chunk, first, last);
  std::uint64_t strings = 0;
  for (const DecodedColumn& column : chunk.columns)
    for (std::uint64_t r = first; r < last && !column.values.empty(); ++r)
      strings += column.values[r].size();
  const std::uint64_t fixed = chunk.columns.size() * kCellOverhead;

  // As a rule a chunk is far smaller than a packet, and only the number of rows matters.
  if (strings + fixed * (last - first) <= statement_bytes_) {
    for (std::uint64_t at = first; at < last; at += kMaxRowsPerStatement)
      GB_TRY(insert_part(chunk, at, std::min(last, at + kMaxRowsPerStatement)));
    return {};
  }
  std::uint64_t start = first;
  std::uint64_t size = 0;
  for (std::uint64_t r = first; r < last; ++r) {
    const std::uint64_t row = bytes_of(chunk, r);
    if (r > start && (size + row > statement_bytes_ || r - start == kMaxRowsPerStatement)) {
      GB_TRY(insert_part(chunk, start, r));
      start = r;
      size = 0;
    }
    size += row;
  }
  return insert_part(chunk, start, last);
}

Status RowWriter::insert_part(const DecodedChunk& chunk, std::uint64_t first, std::uint64_t last) {
  if (first == last) return {};
  const std::vector<const Column*>& columns = bindings_->columns;
  for (std::size_t i = 0; i < columns.size(); ++i)
    bindings_->bind(i, columns[i]->kind, chunk.columns[i], first, last);

  NativeConnection& native = connection_->native();
  native.last_errno = 0;
  // `unsigned int` is what this attribute is read as.
  unsigned rows = static_cast<unsigned>(last - first);
  mysql_stmt_attr_set(statement_, STMT_ATTR_ARRAY_SIZE, &rows);
  {
    const Interruptible interruptible(native);
    if (mysql_stmt_bind_param(statement_, bindings_->binds.data()) != 0 ||
        mysql_stmt_execute(statement_) != 0) {
      Error error = statement_error(native, statement_);
      // A server that is sent more than it takes closes the connection, most often before its
      // answer arrives.
      const bool cut_off = error.code == Code::kUnavailable && last - first == 1 &&
                           bytes_of(chunk, first) + kPacketReserve > max_packet_;
      if (cut_off || native.last_errno == ER_NET_PACKET_TOO_LARGE)
        return wrap("a row of " + name_ + " (" + to_quantity(bytes_of(chunk, first)) +
                        ") does not fit into the target's max_allowed_packet (" +
                        to_quantity(max_packet_) + ")",
                    std::move(error).with_hint("raise max_allowed_packet of the target to that of "
                                               "the server the backup was taken from"));
      return fail(std::move(error));
    }
  }
  // MariaDB answers OK to a statement with an array whose transaction Galera has just rolled back
  // in favour of another node's (seen: 10.11.19). That no transaction is open any more tells it.
  if ((native.mysql->server_status & SERVER_STATUS_IN_TRANS) == 0) {
    native.last_errno = ER_LOCK_DEADLOCK;
    return fail(server_error(ER_LOCK_DEADLOCK,
                             "rows of " + name_ + " were rolled back in favour of another node's",
                             native.endpoint, native.node));
  }
  return check_warnings(chunk, first, last, mysql_stmt_warning_count(statement_));
}

Status RowWriter::insert_as_text(const DecodedChunk& chunk, std::uint64_t first,
                                 std::uint64_t last) {
  const std::vector<const Column*>& columns = bindings_->columns;
  std::string names;
  for (const Column* column : columns)
    names += (names.empty() ? "" : ",") + quote_name(column->name);
  std::string sql;
  for (std::uint64_t start = first, r = first; r < last; ++r) {
    sql += sql.empty() ? "INSERT INTO " + name_ + " (" + names + ") VALUES (" : ",(";
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (i > 0) sql += ',';
      append_value(sql, columns[i]->kind, chunk.columns[i], r);
    }
    sql += ')';
    if (sql.size() < kTextBytes && r + 1 < last) continue;
    GB_TRY(connection_->exec(sql));
    GB_TRY(check_warnings(chunk, start, r + 1, connection_->warning_count()));
    start = r + 1;
    sql.clear();
  }
  return {};
}

// A table whose columns are all generated has rows without a value of their own.
Status RowWriter::insert_defaults(std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i)
    GB_TRY(connection_->exec("INSERT INTO " + name_ + " () VALUES ()"));
  return {};
}

Status RowWriter::check_warnings(const DecodedChunk& chunk, std::uint64_t first, std::uint64_t last,
                                 unsigned count) {
  if (count == 0) return {};
  GB_TRY_ASSIGN(std::vector<ServerWarning> warnings, connection_->warnings());
  const bool all_shown = warnings.size() == count;
  std::erase_if(warnings, [&](const ServerWarning& w) { return is_of_expression(*table_, w); });
  // The number 0 of an ENUM is what a value outside of its list once became: the server stores it
  // again as it was, and says "truncated" for each.
  std::uint64_t truncated = 0;
  std::uint64_t beyond = 0;
  const std::vector<const Column*>& columns = bindings_->columns;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const bool is_enum = columns[i]->data_type == "enum";
    if ((!is_enum && columns[i]->kind != ValueKind::kFloat) || chunk.columns[i].numbers.empty())
      continue;
    for (std::uint64_t r = first; r < last; ++r) {
      if (chunk.columns[i].null[r] != 0) continue;
      const std::uint64_t number = chunk.columns[i].numbers[r];
      if (is_enum && number == 0) ++truncated;
      if (!is_enum && is_beyond_its_limit(columns[i]->column_type, number)) ++beyond;
    }
  }
  const bool only_expected = std::all_of(warnings.begin(), warnings.end(), [&](const auto& w) {
    return (truncated > 0 && w.number == WARN_DATA_TRUNCATED) ||
           (beyond > 0 && w.number == ER_WARN_DATA_OUT_OF_RANGE);
  });
  if (only_expected && (all_shown ? warnings.size() == truncated + beyond
                                  : count == std::min<std::uint64_t>(truncated + beyond, 65'535)))
    return {};
  const std::string shown =
      warnings.empty() ? "which it does not show"
                       : std::to_string(warnings.front().number) + ": " + warnings.front().message;
  return fail(
      Code::kInternal,
      "a row of " + name_ + " was not taken as it is: the server gave " + std::to_string(count) +
          (count == 1 ? " warning, " : " warnings, the first ") + shown,
      "a restore never goes on after a warning: make the target's settings like those of the "
      "server that the backup was taken from");
}

}  // namespace gb::galera
