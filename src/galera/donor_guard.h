// Watches the donor while it is read, so that a dump does not slow the cluster down: fewer
// connections first, out of flow control next, giving up last.
//
// Thread safety: GuardPolicy by one thread; DonorGuard, all methods, from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "galera/engine.h"

namespace gb::galera {

// What one look at the donor saw.
struct DonorSight {
  std::uint64_t receive_queue = 0;
  std::uint64_t flow_control_sent = 0;  // pauses that this node asked the cluster for, ever
};

// The decisions, without a clock or a server: one look every 250 ms.
class GuardPolicy {
 public:
  // `limit` is the receive queue at which the node asks for a pause (gcs.fc_limit).
  GuardPolicy(unsigned threads, std::uint64_t limit, bool may_desync)
      : threads_(threads), allowed_(threads), limit_(limit), may_desync_(may_desync) {}

  enum class Action { kNone, kDesync, kGiveUp };
  Action look(const DonorSight& sight);
  [[nodiscard]] unsigned allowed() const { return allowed_; }  // connections that may read

 private:
  unsigned threads_;
  unsigned allowed_;
  std::uint64_t limit_;
  bool may_desync_;
  bool desynced_ = false;
  bool seen_ = false;
  std::uint64_t last_sent_ = 0;
  std::uint64_t last_queue_ = 0;
  unsigned alone_ = 0;    // looks under pressure with one connection left
  unsigned calm_ = 0;     // looks without pressure
  unsigned growing_ = 0;  // looks at a queue that only grows while desynced
};

class DonorGuard {
 public:
  // `give_up` is called once, with the reason, when nothing else helped. For a server without
  // Galera nothing is watched.
  DonorGuard(const Endpoint& endpoint, const NodeState& donor, unsigned threads, Narrator narrate,
             std::function<void(Error)> give_up);
  // Brings a desynced donor back.
  ~DonorGuard();
  DonorGuard(const DonorGuard&) = delete;
  DonorGuard& operator=(const DonorGuard&) = delete;

  // Waits while reader number `index` (from 0) is held back.
  void wait_turn(unsigned index, std::stop_token stop);
  // Ends watching; the fraction of the time since the start in which the node was paused by flow
  // control.
  double finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gb::galera
