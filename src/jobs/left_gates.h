// Gates that a restore left shut when its server ended, or could not open again at its end: whoever
// finds one opens it.
//
// Thread safety: an object is used by one thread at a time, but for last_seen().
#pragma once

#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "jobs/environment.h"

namespace gb::jobs {

class LeftGates {
 public:
  explicit LeftGates(const Environment& environment) : environment_(environment) {}

  // Opens those of the restore `uid`. The first error, after all were tried.
  Status open_those_of(const std::string& uid, std::stop_token stop);
  // Opens those whose restore has ended; and those whose restore is not there, when this was so at
  // the look before, too: an object that another server has just made may not be known here yet.
  // What fails is logged, and found by the next look.
  void look(std::stop_token stop);

  // Those that were shut at the last look, by whatever restore; without those opened since. From
  // any thread.
  [[nodiscard]] std::vector<GateHolder> last_seen() const;

 private:
  enum class Restore { kRuns, kEnded, kUnknown };
  [[nodiscard]] Restore state_of(const GateHolder& holder) const;
  Status open(const GateHolder& holder, const std::stop_token& stop);
  [[nodiscard]] api::ObjectPtr object_of(const GateHolder& holder) const;
  Status look_at_all(const std::stop_token& stop);

  const Environment& environment_;
  std::set<std::string> unknown_;  // uids, at the last look
  // What was told to stay shut: said once, not at every look.
  std::set<std::string> told_;
  mutable std::mutex mutex_;
  std::vector<GateHolder> last_seen_;
};

}  // namespace gb::jobs
