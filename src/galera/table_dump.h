// Reads tables over several connections into a sink: large ones in ranges of their key, the largest
// first. Each thread reads, encodes, cuts chunks and calls the sink by itself; there is no queue of
// rows, so memory is bounded by what one chunk a thread takes.
//
// Thread safety: dump_tables() by one thread.
#pragma once

#include <functional>
#include <stop_token>
#include <string>
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

// Called by reader number `index` between chunks; may wait.
using Turn = std::function<void(unsigned index)>;

// `connections` are inside one snapshot, with the savepoint gb_snapshot set. A sink that is null
// leaves it at the totals. Conflict when a table was changed since the snapshot; then, and after
// every error, the connections are of no further use.
Status dump_tables(std::vector<Connection>& connections, const std::vector<TableToRead>& tables,
                   DumpSink* sink, Progress& progress, const Turn& turn, std::stop_token stop);

}  // namespace gb::galera
