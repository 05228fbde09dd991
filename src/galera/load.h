// The rows of many tables into a target, over several connections at once.
//
// Each table goes through: CREATE with the keys that its rows are stored by, rows, the other keys.
// The largest table comes first, and while one table gets its keys others load. On Galera one
// connection at the most defines (CREATE, ALTER, ANALYZE), since the cluster takes one definition
// at a time.
//
// A quiet target (nobody else uses these schemas) takes a table in one transaction over InnoDB's
// bulk path; a table that is most of the work, or larger than a write-set may be, goes by rows over
// all connections. On a live target every transaction stays small (5,000 rows, 64 MiB), since
// Galera certifies and applies it on every node, and all keys exist from the start, since an ALTER
// of a filled table would hold everybody up.
//
// A transaction that lost a conflict (deadlock, certification) is repeated.
//
// Thread safety: load() uses threads of its own; what it is given is read by them until it returns.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "galera/connection.h"
#include "galera/definitions.h"
#include "galera/engine.h"
#include "galera/model.h"
#include "galera/stream.h"

namespace gb::galera {

struct TableLoad {
  std::string from;    // its schema in the backup
  std::string schema;  // on the target
  const Table* table = nullptr;
  TableDefinition definition;
};

struct LoadOptions {
  bool quiet = false;
  bool smaller_pages = false;  // of InnoDB, than where the backup was taken
  unsigned threads = 4;
  SchemaNames names;
};

// What of a target bounds a load.
struct TargetLimits {
  std::uint64_t max_packet = 16U << 20;    // max_allowed_packet
  std::uint64_t max_write_set = 2U << 30;  // wsrep_max_ws_size
  std::uint64_t max_write_set_rows = 0;    // wsrep_max_ws_rows; 0: any
  bool galera = false;
  bool late_timestamps = false;  // up to the year 2106, not 2038
};
Result<TargetLimits> read_limits(Connection& connection);

enum class LoadPath {
  kAllKeysFirst,  // little or nothing to load, or a live target
  kBulk,          // one transaction, by one connection
  kByRows,        // many transactions, by all connections
};
// `tables_bytes` is the size of all tables of the load.
[[nodiscard]] LoadPath choose_path(const Table& table, std::uint64_t tables_bytes,
                                   const LoadOptions& options, const TargetLimits& limits);

// Opens a session as every connection of a restore is: nothing is checked or corrected that the
// source already took, times are UTC, bytes are bytes.
Result<Connection> open_restore_session(const Endpoint& endpoint, const Address& node,
                                        std::stop_token stop);

// Fails when the last statement, which made or altered a table, left a warning. Not by what InnoDB
// says of a table that it takes all the same, as it did on the source: an option that it ignores, a
// row that may become too large (both are errors with innodb_strict_mode). With smaller pages the
// source may have taken more, and that counts, too.
Status refuse_table_warnings(Connection& connection, const std::string& what, bool smaller_pages);

// Loads all tables. The first failure stops the others; it names the table.
// `done` counts finished tables, also after a failure.
Status load(const Endpoint& endpoint, const Address& node, std::vector<TableLoad> tables,
            const LoadOptions& options, DumpSource& source, Progress& progress,
            std::stop_token stop);

}  // namespace gb::galera
