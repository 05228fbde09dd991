// How a running cluster differs from a backup, as JSON: what status.comparison of a backup holds,
// and what `kubectl galera local diff` prints.
//
// Thread safety: pure functions.
#pragma once

#include <cstddef>
#include <limits>

#include "api/object.h"
#include "galera/live_diff.h"

namespace gb::jobs {

// {node, snapshotTime, equal, equalTables, differentTables, tables: [{schema, table, state,
// backupRows, liveRows, added, changed, removed}], definitions: [..]}; the last three numbers only
// of a table whose rows differ and were counted. Of tables that differ, and
// of definitions, the first `most`; left out are then {moreTables, moreDefinitions}.
[[nodiscard]] api::Json comparison_json(const galera::LiveDifference& difference,
                                        std::size_t most = std::numeric_limits<std::size_t>::max());

}  // namespace gb::jobs
