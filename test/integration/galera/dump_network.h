// A network in front of a node that can be made to fall silent: nobody is told, and nothing passes
// any more, as when a machine vanishes.
//
// Thread safety: by one thread; the connections through it by any.
#pragma once

#include <atomic>
#include <stop_token>
#include <thread>

#include "galera/endpoint.h"

namespace gb::galera::test {

class Network {
 public:
  explicit Network(const Address& node);
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  // The node through this network, under its own name.
  [[nodiscard]] Address address() const { return reached_; }
  // From now on nothing passes, nor on new connections; what comes meanwhile passes after heal().
  void silence() { silent_ = true; }
  void heal() { silent_ = false; }

 private:
  void accept_all(const std::stop_token& stop);
  void pass_on(const std::stop_token& stop, int from, int to) const;

  Address node_;
  Address reached_;
  int listener_ = -1;
  std::atomic<bool> silent_ = false;
  std::jthread thread_;
};

}  // namespace gb::galera::test
