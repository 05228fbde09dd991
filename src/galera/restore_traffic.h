// Keeps applications from writing while a restore runs, and ends the connections that are open.
//
// Where the instance has a gate, it is shut and kept shut, and whoever is still inside is put out.
// Elsewhere every node is made read_only: accounts that may write nevertheless (READ_ONLY ADMIN, as
// root has) are not held back then.
//
// Thread safety: an object is used by one thread at a time.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "galera/connection.h"
#include "galera/engine.h"
#include "galera/traffic_gate.h"

namespace gb::galera {

class TrafficBlock {
 public:
  // By the gate, or without one on the nodes themselves.
  static std::unique_ptr<TrafficBlock> make(Endpoint endpoint, std::shared_ptr<TrafficGate> gate,
                                            Narrator narrate);
  // Nobody comes through any of `nodes` when this returns. Also after an error, which says where it
  // did not work out, end() has something to give back. A node that was read_only before stays so.
  virtual Status begin(const std::vector<Address>& nodes, std::stop_token stop) = 0;
  // Gives traffic back. The error says what stays blocked and what to do. Destroying it does the
  // same when this was not called.
  virtual Status end() = 0;
  virtual ~TrafficBlock() = default;
};

// Those of applications: the server's own, those of replication and those of `user` live on; of
// those over the network only, also a donor's state transfer and whatever else is on the machine.
// How many there were.
enum class Whose { kAll, kOverNetwork };
Result<std::size_t> end_connections(Connection& connection, const std::string& user, Whose whose);

// restore_gate.cc
std::unique_ptr<TrafficBlock> make_gate_block(Endpoint endpoint, std::shared_ptr<TrafficGate> gate,
                                              Narrator narrate);

}  // namespace gb::galera
