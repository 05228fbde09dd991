// Takes a node out of the cluster's flow control and brings it back, whatever happens in between.
//
// Thread safety: an object is used by one thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <stop_token>

#include "base/error.h"
#include "galera/connection.h"

namespace gb::galera {

// Whether a node outside flow control may come back into it, judged by one look after the other.
class CatchUp {
 public:
  static constexpr std::chrono::milliseconds kLook{100};  // between two looks
  // True: it has no queue worth mentioning, or comes no closer however long it is waited for.
  bool look(std::uint64_t receive_queue, std::uint64_t committed_seqno);
  [[nodiscard]] bool comes_no_closer() const;
  // It was waited for in vain to commit what it had received: what its appliers have taken, and
  // cannot commit, is in no queue. Holds until it has committed something.
  void does_not_get_through() { stuck_ = true; }
  // Write-sets wait, and none was committed for a while: somebody holds the node still, or it works
  // at one that is very large. The cluster would stand still with it.
  [[nodiscard]] bool stands_still() const;
  // Conflict: that it does, and what to do.
  [[nodiscard]] Error why_left_outside(const Address& node) const;

 private:
  bool seen_ = false;
  bool stuck_ = false;
  std::uint64_t queue_ = 0;
  std::uint64_t least_ = UINT64_MAX;
  std::uint64_t committed_ = 0;
  std::chrono::milliseconds no_closer_{0};
  std::chrono::milliseconds still_{0};
};

// Waits until the node has caught up, brings it back into flow control, and waits until it is
// Synced. Conflict: it stands still (see CatchUp), and is left outside.
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
