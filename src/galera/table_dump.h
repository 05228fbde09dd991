// Reads tables over several connections into a sink: large ones in ranges of their key, the largest
// first. Each thread reads, encodes, cuts chunks and calls the sink by itself; there is no queue of
// rows, so memory is bounded by what one chunk a thread takes.
//
// Thread safety: dump_tables() by one thread.
#pragma once

#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "galera/connection.h"
#include "galera/engine.h"
#include "galera/introspect.h"
#include "galera/model.h"
#include "galera/stream.h"

namespace gb::galera {

struct TableToRead {
  std::string schema;
  Table* table = nullptr;  // its totals are set
  TableSize size;
};

using TableName = std::pair<std::string, std::string>;  // schema and table

// How many read at once is another's to say.
class Turns {
 public:
  virtual ~Turns() = default;
  // Called by reader number `index` before it reads and between chunks; may wait.
  virtual void wait(unsigned index, std::stop_token stop) = 0;
  // It reads nothing until it waits again: whoever was held back in its favour may go on.
  virtual void rest(unsigned index) = 0;
};

// `connections` are inside one snapshot, with the savepoint gb_snapshot set. A sink that is null
// leaves it at the totals; without `turns` all read at once. Conflict when a table was changed
// since the snapshot; then, and after every error, the connections are of no further use.
//
// Tables without rows, or without any behind the last place at which they were parted: so does one
// look that was emptied since the snapshot (TRUNCATE, CREATE OR REPLACE), once the server has
// forgotten when that was. Who watches the schemas knows (schema_watch.h).
Result<std::vector<TableName>> dump_tables(std::vector<Connection>& connections,
                                           const std::vector<TableToRead>& tables, DumpSink* sink,
                                           Progress& progress, Turns* turns, std::stop_token stop);

}  // namespace gb::galera
