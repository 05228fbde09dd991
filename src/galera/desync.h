// Takes a node out of the cluster's flow control and brings it back, whatever happens in between.
//
// Thread safety: an object is used by one thread at a time.
#pragma once

#include <memory>
#include <stop_token>

#include "base/error.h"
#include "galera/connection.h"

namespace gb::galera {

// Waits until the node has caught up, brings it back into flow control, and waits until it is
// Synced.
Status bring_back(const Endpoint& endpoint, const Address& node, std::stop_token stop);

// Waits for a node that is in flow control, or comes back to it by itself. False when it was not
// Synced in time.
Result<bool> wait_until_synced(Connection& connection, const std::stop_token& stop);

// What failed, with what `released` says could not be given back after it.
[[nodiscard]] Error and_left(Error error, const Status& released);

class Desync {
 public:
  // Takes the node out (wsrep_desync=ON).
  static Result<std::unique_ptr<Desync>> begin(const Endpoint& endpoint, const Address& node,
                                               std::stop_token stop);
  // Waits until the node has caught up and brings it back. The destructor does it when this was not
  // called, over a new connection when the old one is lost.
  Status end();
  ~Desync();
  Desync(const Desync&) = delete;
  Desync& operator=(const Desync&) = delete;

 private:
  Desync(Endpoint endpoint, Address node);
  Endpoint endpoint_;
  Address node_;
  bool active_ = true;
};

}  // namespace gb::galera
