// Keeps applications from writing while a restore runs: read_only on every node, and the
// connections that are open ended. Accounts that may write nevertheless (READ_ONLY ADMIN, as root
// has) are not held back.
//
// Thread safety: an object is used by one thread at a time.
#pragma once

#include <memory>
#include <stop_token>
#include <vector>

#include "base/error.h"
#include "galera/connection.h"
#include "galera/engine.h"

namespace gb::galera {

class TrafficBlock {
 public:
  // Blocks every node of `nodes`; when one can not be blocked, all are given back and the error
  // says which. A node that was read_only before stays so afterwards.
  static Result<std::unique_ptr<TrafficBlock>> begin(const Endpoint& endpoint,
                                                     const std::vector<Address>& nodes,
                                                     const Narrator& narrate, std::stop_token stop);
  // Gives traffic back, over new connections. The error names the nodes that stay read_only.
  Status end();
  ~TrafficBlock();  // end(), when that was not called
  TrafficBlock(const TrafficBlock&) = delete;
  TrafficBlock& operator=(const TrafficBlock&) = delete;

 private:
  TrafficBlock(Endpoint endpoint, Narrator narrate);
  Status block(const Address& node, std::stop_token stop);

  Endpoint endpoint_;
  Narrator narrate_;
  std::vector<Address> blocked_;
};

}  // namespace gb::galera
