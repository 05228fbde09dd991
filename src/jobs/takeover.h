// Finds jobs whose executor has died, and ends them: at once when the process was of this machine,
// else when its object was not renewed for 45 s of our own monotonic clock.
#pragma once

#include <map>
#include <string>
#include <thread>
#include <vector>

#include "jobs/environment.h"
#include "jobs/left_gates.h"

namespace gb::jobs {

class Takeover {
 public:
  // Works on a thread of its own until destroyed.
  explicit Takeover(const Environment& environment);
  // One look at every running object; the thread does this every 5 s, and every 30 s it looks for
  // gates that ended restores left shut.
  void look(std::stop_token stop);

  // The gates that restores held shut when they were looked for last. Thread safety: from any
  // thread, answered from memory.
  [[nodiscard]] std::vector<GateHolder> shut_gates() const { return left_gates_.last_seen(); }

 private:
  // A job that runs elsewhere, and since when its object has not changed.
  struct Seen {
    api::ObjectKey key;
    std::uint64_t revision = 0;
    SteadyTime since;
  };
  void find_candidates();
  // An error: not everything was given back, and trying again will help.
  Status release_cluster(const api::Object& object, const api::Json& dom,
                         const std::stop_token& stop);
  void take_over(const api::Object& object, const std::string& why, const std::stop_token& stop);

  const Environment& environment_;
  std::uint64_t scanned_ = 0;         // objects at or below this revision were looked at
  std::map<std::string, Seen> seen_;  // by uid
  LeftGates left_gates_;
  std::jthread thread_;
};

}  // namespace gb::jobs
