#include "galera/desync.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

#include "base/log.h"
#include "base/wait.h"
#include "galera/topology.h"

namespace gb::galera {
namespace {

using namespace std::chrono_literals;

// How long a node may take to catch up before it is brought back regardless: from then on the
// cluster waits for it, which is better than a node that stays behind for good.
constexpr auto kCatchUp = 600s;
// The same for one that applies, and does not come closer for so long: more comes than it applies,
// and what is written through it waits for all that came before. One that is held up by a single
// large write-set is waited for.
constexpr auto kNoCloser = 5s;
// So few waiting write-sets make no node ask for a pause (gcs.fc_limit is 16 by default).
constexpr std::uint64_t kFew = 4;
constexpr auto kSync = 30s;
constexpr auto kLook = 100ms;
// One that was put out of its group comes back into it within some seconds.
constexpr int kLetInTries = 15;
constexpr auto kLetInPause = 1s;

// True when the node came to be as asked within the time.
template <typename Fit>
Result<bool> wait_for(Connection& connection, std::chrono::milliseconds limit, Fit fit,
                      const std::stop_token& stop) {
  for (auto waited = 0ms; waited < limit; waited += kLook) {
    GB_TRY_ASSIGN(const NodeState state, read_node_state(connection));
    GB_TRY_ASSIGN(const bool fits, fit(state));
    if (fits) return true;
    if (!sleep_for(stop, kLook))
      return fail(Code::kCancelled,
                  "stopped while node " + connection.node().text() + " caught up");
  }
  return false;
}

// Ends the desync once the node has caught up, and returns the connection over which it did.
Result<Connection> let_back_in(const Endpoint& endpoint, const Address& node,
                               const std::stop_token& stop) {
  GB_TRY_ASSIGN(Connection connection, Connection::open(endpoint, node, {5s, 30s}, stop));
  std::uint64_t least = UINT64_MAX;
  std::uint64_t committed = 0;
  auto no_closer = 0ms;
  const auto caught_up = [&](const NodeState& s) -> Result<bool> {
    GB_TRY_ASSIGN(const std::uint64_t now, committed_seqno(connection));
    if (s.receive_queue < least)
      no_closer = 0ms;
    else if (now > committed)
      no_closer += kLook;
    least = std::min(least, s.receive_queue);
    committed = now;
    return s.receive_queue <= kFew || no_closer >= kNoCloser;
  };
  GB_TRY(wait_for(connection, kCatchUp, caught_up, stop));
  GB_TRY(connection.exec("SET GLOBAL wsrep_desync=OFF"));
  return connection;
}

Status synced_again(Connection& connection, const std::stop_token& stop) {
  GB_TRY_ASSIGN(const bool is_synced, wait_until_synced(connection, stop));
  if (is_synced) return {};
  return fail(Code::kUnavailable,
              "node " + connection.node().text() + " was brought back but is not Synced yet",
              "see its error log");
}

}  // namespace

Status bring_back(const Endpoint& endpoint, const Address& node, std::stop_token stop) {
  GB_TRY_ASSIGN(Connection connection, let_back_in(endpoint, node, stop));
  return synced_again(connection, stop);
}

Result<bool> wait_until_synced(Connection& connection, const std::stop_token& stop) {
  const auto synced = [](const NodeState& s) -> Result<bool> { return s.state == "Synced"; };
  return wait_for(connection, kSync, synced, stop);
}

Error and_left(Error error, const Status& released) {
  if (!released) error.hint += (error.hint.empty() ? "" : "; ") + released.error().text();
  return error;
}

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
  Status taken = connection.exec("SET GLOBAL wsrep_desync=ON");
  if (taken) return out;
  // A server that says no has done nothing; one that says nothing may have.
  const Code code = taken.error().code;
  if (code != Code::kUnavailable && code != Code::kCancelled) out->active_ = false;
  return fail(and_left(std::move(taken).error(), out->end()));
}

Status Desync::end() {
  if (!std::exchange(active_, false)) return {};
  // Never called off: leaving a node outside would be worse than being late.
  auto inside = let_back_in(endpoint_, node_, {});
  for (int i = 1; i < kLetInTries && !inside; ++i) {
    (void)sleep_for({}, kLetInPause);
    inside = let_back_in(endpoint_, node_, {});
  }
  if (inside) return synced_again(*inside, {});
  Error error = std::move(inside).error();
  error.hint = "run SET GLOBAL wsrep_desync=OFF there once it answers";
  return wrap("node " + node_.text() + " is left out of its cluster's flow control",
              std::move(error));
}

Desync::~Desync() {
  if (auto status = end(); !status)
    log::error("a node could not be brought back into its cluster",
               {{"node", node_.text()}, {"error", status.error().text()}});
}

}  // namespace gb::galera
