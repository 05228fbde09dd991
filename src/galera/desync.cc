#include "galera/desync.h"

#include <chrono>
#include <thread>
#include <utility>

#include "base/log.h"
#include "galera/topology.h"

namespace gb::galera {
namespace {

using namespace std::chrono_literals;

// How long a node may take to catch up before it is brought back regardless: from then on the
// cluster waits for it, which is better than a node that stays behind for good.
constexpr auto kCatchUp = 600s;

Status bring_back(const Endpoint& endpoint, const Address& node) {
  // Never called off: leaving a node outside would be worse than being late.
  GB_TRY_ASSIGN(Connection connection, Connection::open(endpoint, node, {5s, 30s}, {}));
  for (auto waited = 0ms; waited < kCatchUp; waited += 100ms) {
    GB_TRY_ASSIGN(const NodeState state, read_node_state(connection));
    if (state.receive_queue == 0) break;
    std::this_thread::sleep_for(100ms);
  }
  return connection.exec("SET GLOBAL wsrep_desync=OFF");
}

}  // namespace

Desync::Desync(Endpoint endpoint, Address node)
    : endpoint_(std::move(endpoint)), node_(std::move(node)) {}

Result<std::unique_ptr<Desync>> Desync::begin(const Endpoint& endpoint, const Address& node,
                                              std::stop_token stop) {
  GB_TRY_ASSIGN(Connection connection, Connection::open(endpoint, node, {5s, 30s}, stop));
  GB_TRY_ASSIGN(const Rows now, connection.query("SHOW GLOBAL VARIABLES LIKE 'wsrep_desync'"));
  if (!now.rows.empty() && now.rows[0].at(1) == Cell("ON"))
    return fail(Code::kConflict,
                "node " + node.text() + " was taken out of flow control by somebody else",
                "SET GLOBAL wsrep_desync=OFF on it when that is over");
  // Ready to undo before it is done: an answer that is lost must not leave the node outside.
  std::unique_ptr<Desync> out(new Desync(endpoint, node));
  GB_TRY(connection.exec("SET GLOBAL wsrep_desync=ON"));
  return out;
}

Status Desync::end() {
  if (!std::exchange(active_, false)) return {};
  Status status = bring_back(endpoint_, node_);
  if (!status) status = bring_back(endpoint_, node_);
  return status;
}

Desync::~Desync() {
  if (auto status = end(); !status)
    log::error("a node could not be brought back into its cluster",
               {{"node", node_.text()}, {"error", status.error().text()}});
}

}  // namespace gb::galera
