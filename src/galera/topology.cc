#include "galera/topology.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <thread>
#include <utility>

#include "base/guarded.h"
#include "galera/desync.h"

namespace gb::galera {
namespace {

constexpr ConnectOptions kQuickConnect{std::chrono::seconds(5), std::chrono::seconds(10)};

struct Asked {
  NodeState state;
  std::optional<Error> error;
};

Asked ask(const Endpoint& endpoint, const Address& node, const std::stop_token& stop) {
  Asked out;
  out.state.address = node;
  auto connection = Connection::open(endpoint, node, kQuickConnect, stop);
  if (!connection) {
    out.error = connection.error();
  } else if (auto state = read_node_state(*connection)) {
    out.state = std::move(*state);
  } else {
    out.error = state.error();
  }
  if (out.error) out.state.error = out.error->text();
  return out;
}

std::string why_not(const NodeState& node) {
  if (!node.error.empty()) return node.error;
  if (node.galera && !node.primary) return "not part of the primary component";
  return "in state " + node.state;
}

}  // namespace

Result<std::uint64_t> committed_seqno(Connection& connection) {
  GB_TRY_ASSIGN(const Rows rows,
                connection.query("SHOW GLOBAL STATUS LIKE 'wsrep_last_committed'"));
  if (rows.rows.empty()) return 0;
  return std::strtoull(rows.rows[0].at(1).value_or("0").c_str(), nullptr, 10);
}

Result<NodeState> read_node_state(Connection& connection) {
  // SHOW is answered by a node outside the primary component too, SELECT is not.
  std::map<std::string, std::string> values;
  for (const char* sql :
       {"SHOW GLOBAL VARIABLES WHERE Variable_name IN ('version', 'hostname', 'wsrep_on', "
        "'wsrep_provider', 'wsrep_node_name', 'log_bin', 'read_only')",
        "SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_cluster_status', 'wsrep_cluster_size', "
        "'wsrep_cluster_state_uuid', 'wsrep_local_state_comment', 'wsrep_local_recv_queue')"}) {
    GB_TRY_ASSIGN(const Rows rows, connection.query(sql));
    for (const Row& row : rows.rows) values[row.at(0).value_or("")] = row.at(1).value_or("");
  }
  NodeState out;
  out.address = connection.node();
  out.version = values["version"];
  out.galera = values["wsrep_on"] == "ON" && !values["wsrep_provider"].empty() &&
               values["wsrep_provider"] != "none";
  out.name = out.galera ? values["wsrep_node_name"] : values["hostname"];
  out.log_bin = values["log_bin"] == "ON";
  out.read_only = values["read_only"] != "OFF" && values["read_only"] != "0";
  if (out.galera) {
    out.primary = values["wsrep_cluster_status"] == "Primary";
    out.state = values["wsrep_local_state_comment"];
    out.receive_queue = std::strtoull(values["wsrep_local_recv_queue"].c_str(), nullptr, 10);
    out.cluster_uuid = values["wsrep_cluster_state_uuid"];
    out.cluster_size = std::atoi(values["wsrep_cluster_size"].c_str());
  }
  return out;
}

Result<Topology> inspect(const Endpoint& endpoint, std::stop_token stop) {
  std::vector<Asked> asked(endpoint.nodes.size());
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < asked.size(); ++i)
      threads.emplace_back([&, i] {
        Status done =
            guarded("asking a node", [&] { asked[i] = ask(endpoint, endpoint.nodes[i], stop); });
        if (done) return;
        asked[i].state.error = done.error().message;
        asked[i].error = std::move(done).error();
      });
  }
  if (stop.stop_requested()) return fail(Code::kCancelled, "stopped while looking at the nodes");
  Topology out;
  for (const Asked& a : asked) out.nodes.push_back(a.state);
  const auto failed = [](const Asked& a) { return a.error.has_value(); };
  if (asked.empty())
    return fail(Code::kInvalid, "instance \"" + endpoint.name + "\" has no node",
                "name at least one host in its configuration");
  if (!std::all_of(asked.begin(), asked.end(), failed)) return out;

  // The cause that says most: a refused password before a node that is merely down.
  const Asked* first = &asked.front();
  for (const Asked& a : asked)
    if (a.error->code == Code::kForbidden && first->error->code != Code::kForbidden) first = &a;
  return wrap("no node of instance \"" + endpoint.name + "\" could be asked (" +
                  std::to_string(asked.size()) + " tried)",
              *first->error);
}

Result<std::vector<NodeState>> rank_for_comparison(const Endpoint& endpoint,
                                                   const Topology& topology) {
  auto out = rank_donors(endpoint, topology);
  std::vector<NodeState> others;
  for (const NodeState& node : topology.nodes)
    if (node.error.empty() && node.galera && node.primary && node.state == "Donor/Desynced")
      others.push_back(node);
  if (!out && others.empty()) return out;
  if (!out) return others;
  out->insert(out->end(), others.begin(), others.end());
  return out;
}

Result<std::vector<NodeState>> rank_donors(const Endpoint& endpoint, const Topology& topology) {
  std::vector<NodeState> fit;
  std::string reasons;
  for (const NodeState& node : topology.nodes) {
    if (node.error.empty() && (!node.galera || (node.primary && node.state == "Synced"))) {
      fit.push_back(node);
    } else {
      reasons += (reasons.empty() ? "" : "; ") + node.address.text() + ": " + why_not(node);
    }
  }
  if (fit.empty())
    return fail(
        Code::kUnavailable,
        "no node of instance \"" + endpoint.name + "\" is Primary and Synced (" + reasons + ")",
        "wait until the cluster is healthy; a dump is never taken from a node that is behind");
  const auto is_active = [&](const NodeState& n) {
    return n.address.text() == endpoint.active_node;
  };
  std::stable_sort(fit.begin(), fit.end(), [&](const NodeState& a, const NodeState& b) {
    return std::pair(is_active(a), a.receive_queue) < std::pair(is_active(b), b.receive_queue);
  });
  return fit;
}

Status recover_donor(const Endpoint& endpoint, const std::string& donor, std::stop_token stop) {
  const auto is_donor = [&](const Address& node) { return node.text() == donor; };
  const auto node = std::find_if(endpoint.nodes.begin(), endpoint.nodes.end(), is_donor);
  if (node == endpoint.nodes.end()) return {};  // it belongs to the instance no more
  GB_TRY_ASSIGN(Connection connection, Connection::open(endpoint, *node, kQuickConnect, stop));
  GB_TRY_ASSIGN(const Rows desync, connection.query("SHOW GLOBAL VARIABLES LIKE 'wsrep_desync'"));
  if (desync.rows.empty() || desync.rows[0].at(1) != Cell("ON")) return {};
  return bring_back(endpoint, *node, stop);
}

}  // namespace gb::galera
