#include <algorithm>
#include <set>
#include <utility>

#include "galera/connection.h"
#include "galera/engine.h"
#include "galera/introspect.h"
#include "galera/row_reader.h"
#include "galera/snapshot.h"
#include "galera/table_dump.h"
#include "galera/topology.h"

namespace gb::galera {

Result<std::vector<TableComparison>> compare_live(const Endpoint& endpoint,
                                                  const InstanceModel& model, unsigned threads,
                                                  std::stop_token stop) {
  GB_TRY_ASSIGN(const Topology topology, inspect(endpoint, stop));
  GB_TRY_ASSIGN(const std::vector<NodeState> nodes, rank_donors(endpoint, topology));
  const NodeState& node = nodes.front();
  std::vector<Connection> connections;
  for (unsigned i = 0; i < std::max(1U, threads); ++i) {
    GB_TRY_ASSIGN(Connection connection, open_dump_connection(endpoint, node.address, stop));
    // What another node committed just before is read too.
    GB_TRY(connection.exec("SET SESSION wsrep_sync_wait = 1"));
    GB_TRY(grow_send_buffer(connection));
    connections.push_back(std::move(connection));
  }
  const SystemClock clock;
  Facts facts;
  GB_TRY_ASSIGN(const Snapshot snapshot,
                Snapshot::open(endpoint, connections, node.galera, false, clock, facts, stop));

  std::vector<std::string> notes;
  GB_TRY_ASSIGN(const std::vector<std::string> present, list_schemas(connections.front(), notes));
  std::vector<std::string> schemas;
  for (const Schema& schema : model.schemas)
    if (std::find(present.begin(), present.end(), schema.name) != present.end())
      schemas.push_back(schema.name);
  GB_TRY_ASSIGN(Definitions live, read_definitions(connections.front(), schemas, {}));
  GB_TRY(connections.front().exec("ROLLBACK TO SAVEPOINT gb_snapshot"));

  std::set<std::pair<std::string, std::string>> wanted;
  for (const Schema& schema : model.schemas)
    for (const Table& table : schema.tables)
      if (!table.data_excluded) wanted.emplace(schema.name, table.name);
  std::vector<TableToRead> tables;
  std::map<std::pair<std::string, std::string>, const Table*> found;
  for (Schema& schema : live.schemas) {
    for (Table& table : schema.tables) {
      const std::pair<std::string, std::string> name(schema.name, table.name);
      if (!wanted.contains(name)) continue;
      tables.push_back({schema.name, &table, live.sizes[name]});
      found[name] = &table;
    }
  }
  Progress progress;
  GB_TRY(dump_tables(connections, tables, nullptr, progress, [](unsigned) {}, stop));

  std::vector<TableComparison> out;
  for (const Schema& schema : model.schemas) {
    for (const Table& table : schema.tables) {
      if (table.data_excluded) continue;
      TableComparison comparison{schema.name, table.name, table.totals, {}, false};
      const auto at = found.find({schema.name, table.name});
      if (at == found.end())
        comparison.missing = true;
      else
        comparison.found = at->second->totals;
      out.push_back(std::move(comparison));
    }
  }
  return out;
}

}  // namespace gb::galera
