#include "galera/live_view.h"

#include <algorithm>
#include <utility>

#include "galera/row_reader.h"
#include "galera/topology.h"

namespace gb::galera {

Result<LiveView> open_live_view(const Endpoint& endpoint, unsigned threads, std::stop_token stop) {
  GB_TRY_ASSIGN(const Topology topology, inspect(endpoint, stop));
  GB_TRY_ASSIGN(const std::vector<NodeState> nodes, rank_for_comparison(endpoint, topology));
  const NodeState& node = nodes.front();
  LiveView view;
  for (unsigned i = 0; i < std::max(1U, threads); ++i) {
    GB_TRY_ASSIGN(Connection connection, open_dump_connection(endpoint, node.address, stop));
    // What another node committed just before is read too.
    GB_TRY(connection.exec("SET SESSION wsrep_sync_wait = 1"));
    GB_TRY(grow_send_buffer(connection));
    view.connections.push_back(std::move(connection));
  }
  GB_TRY_ASSIGN(view.facts, read_facts(view.connections.front()));
  const SystemClock clock;
  GB_TRY_ASSIGN(Snapshot snapshot, Snapshot::open(endpoint, view.connections, node.galera, false,
                                                  clock, view.facts, {}, std::move(stop)));
  view.snapshot = std::make_unique<Snapshot>(std::move(snapshot));
  return view;
}

Result<Definitions> read_live_definitions(LiveView& view, const std::vector<std::string>& schemas) {
  Connection& connection = view.connections.front();
  GB_TRY_ASSIGN(const std::vector<std::string> present, list_schemas(connection, view.notes));
  std::vector<std::string> there;
  for (const std::string& schema : schemas)
    if (std::ranges::find(present, schema) != present.end()) there.push_back(schema);
  GB_TRY_ASSIGN(Definitions live, read_definitions(connection, there, {}));
  GB_TRY(connection.exec("ROLLBACK TO SAVEPOINT gb_snapshot"));
  return live;
}

}  // namespace gb::galera
