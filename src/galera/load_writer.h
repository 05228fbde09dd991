// Rows into one table over one connection: a prepared INSERT with array binding, the column chunks
// of the backup bound as they are decoded.
//
// A table that keeps its history by transaction numbers gets its rows as plain SQL. The server
// replicates what is written to it by statement, and one with an array as `VALUES (?,?)`: the other
// nodes of a cluster cannot read that, and vote the one that restores out of it (seen: 10.11.19).
//
// Thread safety: an object is used by one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "galera/column_codec.h"
#include "galera/connection.h"
#include "galera/model.h"
#include "galera/stream.h"

struct st_mysql_stmt;

namespace gb::galera {

// The columns that are loaded, in the order in which a dump reads them (table_sql.h): that of their
// names.
[[nodiscard]] std::vector<const Column*> loaded_columns(const Table& table);

// A chunk ready to be bound. It keeps the encoded bytes that the values view.
struct DecodedChunk {
  Chunk chunk;
  std::vector<DecodedColumn> columns;         // of the columns that are loaded, in their order
  [[nodiscard]] std::uint64_t bytes() const;  // encoded
};

// Corruption when the chunk is not one of this table.
// `late_timestamps`: of the target (TargetLimits), where rows of the present last until then.
Result<DecodedChunk> decode_chunk(const Table& table, Chunk chunk, bool late_timestamps);

// Whether the row ends with the present, in a column that says until when it was valid.
[[nodiscard]] bool is_present(const DecodedColumn& column, std::size_t row);

// FLOAT(6,3) may end at 999.999, and the FLOAT nearest to that may lie beyond: what the column
// holds is then "out of range" when it is put in again, and becomes the same. `number`: its bits.
[[nodiscard]] bool is_beyond_its_limit(const std::string& column_type, std::uint64_t number);

// A generated column is computed anew from a row that is as it was, and may warn again: no value of
// the row was changed.
[[nodiscard]] bool is_of_expression(const Table& table, const ServerWarning& warning);

class RowWriter {
 public:
  // `max_packet` is the server's max_allowed_packet: no statement is larger, unless one row is.
  static Result<RowWriter> prepare(Connection& connection, const std::string& schema,
                                   const Table& table, std::uint64_t max_packet);
  RowWriter(RowWriter&&) noexcept;
  ~RowWriter();

  // Rows `first` to `last` (not included) of the chunk, in as many statements as needed; inside of
  // whatever transaction the connection has.
  // Errors: those of the server (the connection's last_errno() tells); Internal when a value was
  // changed on its way in, which the server says by a warning.
  Status insert(const DecodedChunk& chunk, std::uint64_t first, std::uint64_t last);

 private:
  struct Bindings;
  RowWriter(Connection& connection, std::string name, const Table& table, std::uint64_t max_packet,
            st_mysql_stmt* statement);
  Status insert_part(const DecodedChunk& chunk, std::uint64_t first, std::uint64_t last);
  Status insert_defaults(std::uint64_t count);
  Status insert_as_text(const DecodedChunk& chunk, std::uint64_t first, std::uint64_t last);
  // `count`: as many as the server says that rows `first` to `last` gave.
  Status check_warnings(const DecodedChunk& chunk, std::uint64_t first, std::uint64_t last,
                        unsigned count);

  Connection* connection_;
  std::string name_;  // quoted
  const Table* table_;
  std::uint64_t max_packet_;
  std::uint64_t statement_bytes_;  // of several rows at the most
  // None when the table has no column that is loaded, or gets its rows as text.
  st_mysql_stmt* statement_;
  std::unique_ptr<Bindings> bindings_;
};

}  // namespace gb::galera
