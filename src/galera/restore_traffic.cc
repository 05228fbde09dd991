#include "galera/restore_traffic.h"

#include <chrono>
#include <string>
#include <utility>

#include "base/wait.h"
#include "galera/sql_text.h"

namespace gb::galera {
namespace {

constexpr ConnectOptions kPatient{std::chrono::seconds(5), std::chrono::seconds(60)};
constexpr int kCloseTries = 5;
constexpr std::chrono::seconds kClosePause{1};

Status give_back(const Endpoint& endpoint, const Address& node) {
  GB_TRY_ASSIGN(Connection connection, Connection::open(endpoint, node, kPatient, {}));
  return connection.exec("SET GLOBAL read_only = 0");
}

class ReadOnlyNodes final : public TrafficBlock {
 public:
  ReadOnlyNodes(Endpoint endpoint, Narrator narrate)
      : endpoint_(std::move(endpoint)), narrate_(std::move(narrate)) {}
  ~ReadOnlyNodes() override {
    if (auto ended = give_back_all(); !ended) narrate_(ended.error().text());
  }
  ReadOnlyNodes(const ReadOnlyNodes&) = delete;
  ReadOnlyNodes& operator=(const ReadOnlyNodes&) = delete;

  Status block(const Address& node, std::stop_token stop) {
    GB_TRY_ASSIGN(Connection connection, Connection::open(endpoint_, node, kPatient, stop));
    connection.use_stop(stop);
    GB_TRY_ASSIGN(const Cell before, connection.scalar("SELECT @@GLOBAL.read_only"));
    if (before == Cell("0")) {
      // It waits for statements that write; not for ever.
      GB_TRY(connection.exec("SET lock_wait_timeout = 30"));
      // From here on the node is given back, whether or not the answer arrives.
      blocked_.push_back(node);
      GB_TRY(connection.exec("SET GLOBAL read_only = 1"));
    }
    GB_TRY(end_connections(connection, endpoint_.user, Whose::kAll));
    narrate_("applications can not write through " + node.text() + " until the restore ends");
    return {};
  }

  Status end() override { return give_back_all(); }

 private:
  // Over new connections: whatever happened to those that blocked.
  Status give_back_all() {
    std::string failed;
    std::optional<Error> cause;
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
      failed += (failed.empty() ? "" : ", ") + node.text();
      cause = std::move(done).error();
    }
    if (!cause) return {};
    cause->hint = "run SET GLOBAL read_only = 0 there once it is back, unless it was restarted";
    return wrap("read_only could not be taken back on " + failed, std::move(*cause));
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

Result<std::unique_ptr<TrafficBlock>> TrafficBlock::begin(const Endpoint& endpoint,
                                                          const std::vector<Address>& nodes,
                                                          std::shared_ptr<TrafficGate> gate,
                                                          const Narrator& narrate,
                                                          std::stop_token stop) {
  if (gate != nullptr) return block_by_gate(endpoint, nodes, std::move(gate), narrate, stop);
  auto out = std::make_unique<ReadOnlyNodes>(endpoint, narrate);
  for (const Address& node : nodes)
    if (auto blocked = out->block(node, stop); !blocked)
      return wrap("can not keep applications from writing through " + node.text(),
                  std::move(blocked).error());
  return out;
}

Status give_back_traffic(const Endpoint& endpoint, std::stop_token stop) {
  GB_TRY_ASSIGN(const Topology topology, inspect(endpoint, stop));
  for (const NodeState& node : topology.nodes)
    if (node.error.empty() && node.read_only) GB_TRY(give_back(endpoint, node.address));
  return {};
}

}  // namespace gb::galera
