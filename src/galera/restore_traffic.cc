#include "galera/restore_traffic.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "base/wait.h"
#include "galera/desync.h"
#include "galera/sql_text.h"
#include "galera/topology.h"

namespace gb::galera {
namespace {

constexpr ConnectOptions kPatient{std::chrono::seconds(5), std::chrono::seconds(60)};
constexpr int kCloseTries = 5;
constexpr std::chrono::seconds kClosePause{1};

Status give_back(const Endpoint& endpoint, const Address& node) {
  GB_TRY_ASSIGN(Connection connection, Connection::open(endpoint, node, kPatient, {}));
  return connection.exec("SET GLOBAL read_only = 0");
}

// The nodes on which it did not work out, as one error.
class StillReadOnly {
 public:
  void add(const Address& node, Error why) {
    nodes_ += (nodes_.empty() ? "" : ", ") + node.text();
    why_ = std::move(why);
  }
  [[nodiscard]] Status status() && {
    if (!why_) return {};
    why_->hint = "run SET GLOBAL read_only = 0 there once it is back, unless it was restarted";
    return wrap("read_only could not be taken back on " + nodes_, std::move(*why_));
  }

 private:
  std::string nodes_;
  std::optional<Error> why_;
};

class ReadOnlyNodes final : public TrafficBlock {
 public:
  ReadOnlyNodes(Endpoint endpoint, Narrator narrate)
      : endpoint_(std::move(endpoint)), narrate_(std::move(narrate)) {}
  ~ReadOnlyNodes() override { (void)give_back_all(); }
  ReadOnlyNodes(const ReadOnlyNodes&) = delete;
  ReadOnlyNodes& operator=(const ReadOnlyNodes&) = delete;

  Status begin(const std::vector<Address>& nodes, std::stop_token stop) override {
    for (const Address& node : nodes)
      if (auto blocked = block(node, stop); !blocked)
        return wrap("cannot keep applications from writing through " + node.text(),
                    std::move(blocked).error());
    return {};
  }

  Status end() override { return give_back_all(); }

 private:
  Status block(const Address& node, const std::stop_token& stop) {
    GB_TRY_ASSIGN(Connection connection, Connection::open(endpoint_, node, kPatient, stop));
    connection.use_stop(stop);
    GB_TRY_ASSIGN(const NodeState before, read_node_state(connection));
    if (before.read_only) {
      narrate_(node.text() + " is read_only already, and stays so when the restore has ended");
    } else {
      // It waits for statements that write; not for ever.
      GB_TRY(connection.exec("SET lock_wait_timeout = 30"));
      // From here on the node is given back, whether or not the answer arrives.
      blocked_.push_back(node);
      GB_TRY(connection.exec("SET GLOBAL read_only = 1"));
    }
    GB_TRY(end_connections(connection, endpoint_.user, Whose::kAll));
    // The lock that read_only takes for a moment takes the node out of flow control as well: who
    // looks for a Synced one before it is back would find none.
    if (before.state == "Synced") GB_TRY(wait_until_synced(connection, stop));
    narrate_("applications cannot write through " + node.text() + " until the restore ends");
    return {};
  }

  // Over new connections: whatever happened to those that blocked.
  Status give_back_all() {
    StillReadOnly still;
    for (const Address& node : std::exchange(blocked_, {})) {
      Status done;
      for (int i = 0; i < kCloseTries; ++i) {
        done = give_back(endpoint_, node);
        if (done) break;
        (void)sleep_for({}, kClosePause);
      }
      if (done) {
        narrate_("applications can write through " + node.text() + " again");
        continue;
      }
      narrate_("applications can still not write through " + node.text() + ": " +
               done.error().text());
      still.add(node, std::move(done).error());
    }
    return std::move(still).status();
  }

  const Endpoint endpoint_;
  const Narrator narrate_;
  std::vector<Address> blocked_;
};

}  // namespace

Result<std::size_t> end_connections(Connection& connection, const std::string& user, Whose whose) {
  std::string sql =
      "SELECT ID FROM information_schema.PROCESSLIST WHERE USER NOT IN ('system user', "
      "'event_scheduler', " +
      quote_text(user) + ") AND COMMAND NOT LIKE 'Binlog Dump%'";
  // Over the network a port stands behind the host; through the socket it is just this.
  if (whose == Whose::kOverNetwork) sql += " AND HOST <> 'localhost'";
  GB_TRY_ASSIGN(const Rows rows, connection.query(sql));
  for (const Row& row : rows.rows)
    // It may have ended by itself meanwhile.
    (void)connection.exec("KILL " + row.at(0).value_or("0"));
  return rows.rows.size();
}

std::unique_ptr<TrafficBlock> TrafficBlock::make(Endpoint endpoint,
                                                 std::shared_ptr<TrafficGate> gate,
                                                 Narrator narrate) {
  if (gate != nullptr)
    return make_gate_block(std::move(endpoint), std::move(gate), std::move(narrate));
  return std::make_unique<ReadOnlyNodes>(std::move(endpoint), std::move(narrate));
}

Status give_back_traffic(const Endpoint& endpoint, const std::vector<std::string>& keep,
                         std::stop_token stop) {
  GB_TRY_ASSIGN(const Topology topology, inspect(endpoint, stop));
  StillReadOnly still;
  for (const NodeState& node : topology.nodes) {
    if (std::ranges::find(keep, node.address.text()) != keep.end()) continue;
    Status done;
    if (!node.error.empty())
      done = fail(Code::kUnavailable, node.error);
    else if (node.read_only)
      done = give_back(endpoint, node.address);
    if (!done) still.add(node.address, std::move(done).error());
  }
  return std::move(still).status();
}

}  // namespace gb::galera
