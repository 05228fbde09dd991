#include "galera/desync.h"

#include <mysqld_error.h>

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
// cluster waits for it, which is better than a node that stays behind for good. Only one that does
// not move at all is left outside: it would stop everybody.
constexpr auto kCatchUp = 600s;
constexpr auto kStandsStill = 30s;
// The same for one that applies, and does not come closer for so long: more comes than it applies,
// and what is written through it waits for all that came before. One that is held up by a single
// large write-set is waited for.
constexpr auto kNoCloser = 5s;
// So few waiting write-sets make no node ask for a pause (gcs.fc_limit is 16 by default).
constexpr std::uint64_t kFew = 4;
constexpr auto kSync = 30s;
// One that was put out of its group comes back into it within some seconds.
constexpr int kLetInTries = 15;
constexpr auto kLetInPause = 1s;

// True when the node came to be as asked within the time.
template <typename Fit>
Result<bool> wait_for(Connection& connection, std::chrono::milliseconds limit, Fit fit,
                      const std::stop_token& stop) {
  using Steady = std::chrono::steady_clock;
  for (const auto began = Steady::now(); Steady::now() - began < limit;) {
    GB_TRY_ASSIGN(const NodeState state, read_node_state(connection));
    GB_TRY_ASSIGN(const bool fits, fit(state));
    if (fits) return true;
    if (!sleep_for(stop, CatchUp::kLook))
      return fail(Code::kCancelled,
                  "stopped while node " + connection.node().text() + " caught up");
  }
  return false;
}

// Whether the node commits what it has received: waits for that for as long as a read does that has
// to see it (repl.causal_read_timeout, half a minute by default).
Result<bool> gets_through(const Endpoint& endpoint, const Address& node,
                          const std::stop_token& stop) {
  GB_TRY_ASSIGN(Connection connection, Connection::open(endpoint, node, {5s, 60s}, stop));
  GB_TRY(connection.exec("SET SESSION wsrep_sync_wait = 1"));
  Status done = connection.exec("SELECT 1");
  if (done) return true;
  if (connection.last_errno() == ER_LOCK_WAIT_TIMEOUT) return false;
  return fail(std::move(done).error());
}

// Ends the desync once the node has caught up, and returns the connection over which it did.
Result<Connection> let_back_in(const Endpoint& endpoint, const Address& node,
                               const std::stop_token& stop) {
  GB_TRY_ASSIGN(Connection connection, Connection::open(endpoint, node, {5s, 30s}, stop));
  CatchUp catch_up;
  const auto caught_up = [&](const NodeState& s) -> Result<bool> {
    GB_TRY_ASSIGN(const std::uint64_t committed, committed_seqno(connection));
    if (!catch_up.look(s.receive_queue, committed)) return false;
    if (catch_up.comes_no_closer()) return true;
    GB_TRY_ASSIGN(const bool through, gets_through(endpoint, node, stop));
    if (!through) catch_up.does_not_get_through();
    return through;
  };
  // A lock that a dead process of ours left ends within this time: its session may idle for a
  // minute (snapshot.cc).
  GB_TRY_ASSIGN(const bool in_time, wait_for(connection, kCatchUp, caught_up, stop));
  if (!in_time && catch_up.stands_still()) return fail(catch_up.why_left_outside(node));
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

bool CatchUp::look(std::uint64_t receive_queue, std::uint64_t committed_seqno) {
  const bool moved = seen_ && committed_seqno > committed_;
  if (receive_queue < least_)
    no_closer_ = 0ms;
  else if (moved)
    no_closer_ += kLook;
  stuck_ = stuck_ && !moved;
  const bool waits = receive_queue > 0 || stuck_;
  // The first look shows no standing still, nor any moving.
  still_ = !waits || moved ? 0ms : still_ + (seen_ ? kLook : 0ms);
  seen_ = true;
  queue_ = receive_queue;
  least_ = std::min(least_, receive_queue);
  committed_ = committed_seqno;
  return !waits || (receive_queue <= kFew && moved) || comes_no_closer();
}

bool CatchUp::comes_no_closer() const {
  return no_closer_ >= kNoCloser;
}

bool CatchUp::stands_still() const {
  return still_ >= kStandsStill;
}

Error CatchUp::why_left_outside(const Address& node) const {
  return {
      Code::kConflict,
      "node " + node.text() + " stands still: write-sets wait (" + std::to_string(queue_) +
          " of them in its receive queue), and it commits none of them",
      "see by SHOW PROCESSLIST on it who holds it (FLUSH TABLES WITH READ LOCK, BACKUP STAGE, a "
      "very large transaction); when that is over, run SET GLOBAL wsrep_desync=OFF there",
      {},
      nullptr};
}

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
  const auto held_still = [&] { return !inside && inside.error().code == Code::kConflict; };
  for (int i = 1; i < kLetInTries && !inside && !held_still(); ++i) {
    (void)sleep_for({}, kLetInPause);
    inside = let_back_in(endpoint_, node_, {});
  }
  if (inside) return synced_again(*inside, {});
  const bool still = held_still();
  Error error = std::move(inside).error();
  if (!still) error.hint = "run SET GLOBAL wsrep_desync=OFF there once it answers";
  return wrap("node " + node_.text() + " is left out of its cluster's flow control",
              std::move(error));
}

Desync::~Desync() {
  if (auto status = end(); !status)
    log::error("a node could not be brought back into its cluster",
               {{"node", node_.text()}, {"error", status.error().text()}});
}

}  // namespace gb::galera
