// Which nodes there are, in which state, and which of them a dump reads from.
//
// Thread safety: functions, from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "galera/connection.h"
#include "galera/engine.h"

namespace gb::galera {

// The states of a node that this room asks for over an open connection.
Result<NodeState> read_node_state(Connection& connection);

// The last write-set that the node committed (wsrep_last_committed); 0 without Galera.
Result<std::uint64_t> committed_seqno(Connection& connection);

// Nodes that a dump may read from, best first: Synced and Primary (or no Galera at all), those that
// applications do not use before the active one, then by the length of the receive queue.
// Unavailable says of every node why not.
Result<std::vector<NodeState>> rank_donors(const Endpoint& endpoint, const Topology& topology);

// Nodes that a comparison may read, best first: donors as above, and after them those of the
// primary component that serve a state transfer or are outside flow control. Such a one may be
// behind; who reads it waits for what was committed before (wsrep_sync_wait).
Result<std::vector<NodeState>> rank_for_comparison(const Endpoint& endpoint,
                                                   const Topology& topology);

}  // namespace gb::galera
