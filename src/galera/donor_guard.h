// Watches the donor while it is read, so that a dump does not slow the cluster down: fewer
// connections first, out of flow control next, giving up last; and at once when it is cut off from
// its cluster. One that a strict dump holds still is given up when applications need it: when it is
// the last of its cluster, or clients wait for the lock.
//
// Thread safety: GuardPolicy by one thread; DonorGuard, all methods, from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "galera/engine.h"
#include "galera/table_dump.h"

namespace gb::galera {

// What one look at the donor saw.
struct DonorSight {
  std::uint64_t receive_queue = 0;
  std::uint64_t flow_control_sent = 0;  // pauses that this node asked the cluster for, ever
  bool primary = true;                  // part of the primary component
  int cluster_size = 0;                 // 0: not known
  std::uint64_t waiting = 0;            // clients' sessions that wait for a lock of all tables
};

// The decisions, without a clock or a server: one look every 250 ms.
class GuardPolicy {
 public:
  struct Node {
    std::uint64_t limit;  // the receive queue at which it asks for a pause (gcs.fc_limit)
    bool may_desync;
    // The dump holds its writes back (strict), and it is out of flow control therefore: its queue
    // grows whatever is read, and reading less would only make that last.
    bool held = false;
    std::uint64_t hopeless_queue = kHopelessQueue;
  };
  GuardPolicy(unsigned threads, Node node)
      : threads_(threads), allowed_(threads), node_(node), desynced_(node.held) {}

  enum class Action {
    kNone,
    kDesync,
    kGiveUp,  // it falls behind further and further
    kLost,    // it is no part of its cluster any more
    kNeeded,  // it is held, and applications cannot do without it
  };
  Action look(const DonorSight& sight);
  // What kDesync asked for could not be done: a donor that goes on asking for pauses is given up,
  // since these keep its queue short however little it applies.
  void desync_failed() { desync_failed_ = true; }
  [[nodiscard]] unsigned allowed() const { return allowed_; }  // connections that may read

 private:
  Action look_at_held(const DonorSight& sight);

  unsigned threads_;
  unsigned allowed_;
  Node node_;
  bool desynced_;
  bool desync_failed_ = false;
  bool seen_ = false;
  std::uint64_t last_sent_ = 0;
  std::uint64_t last_queue_ = 0;
  unsigned alone_ = 0;    // looks under pressure with one connection left
  unsigned calm_ = 0;     // looks without pressure
  unsigned growing_ = 0;  // looks at a queue that only grows while desynced
  unsigned outside_ = 0;  // looks at a node that is in no primary component
  unsigned pauses_ = 0;   // looks at one that asked for a pause, and cannot be taken out
  unsigned last_ = 0;     // looks at one that is held, and the last of its cluster
  unsigned awaited_ = 0;  // looks at one that is held, with clients who wait for it
};

class DonorGuard {
 public:
  struct Watch {
    unsigned threads = 1;
    bool strict = false;  // the snapshot has taken the donor out already, and brings it back
    std::uint64_t hopeless_queue = kHopelessQueue;
    // Asked at each look: an error when what the dump relies on is gone, which gives it up.
    std::function<Status()> intact = {};
  };
  // `give_up` is called, with the reason, when nothing else helped. For a server without Galera
  // nothing is watched.
  DonorGuard(const Endpoint& endpoint, const NodeState& donor, Watch watch, Narrator narrate,
             std::function<void(Error)> give_up);
  // Brings a desynced donor back.
  ~DonorGuard();
  DonorGuard(const DonorGuard&) = delete;
  DonorGuard& operator=(const DonorGuard&) = delete;

  // Holds readers back.
  [[nodiscard]] Turns& turns();
  // Ends watching; the fraction of the time since the start in which the node was paused by flow
  // control.
  double finish();
  // After finish(): whether it took the donor out of flow control, and back.
  [[nodiscard]] bool took_out() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gb::galera
