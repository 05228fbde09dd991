// Gates that a restore left shut when its server ended, or could not open again at its end: whoever
// finds one opens it.
//
// Thread safety: an object is used by one thread at a time.
#pragma once

#include <set>
#include <stop_token>
#include <string>

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

 private:
  enum class Restore { kRuns, kEnded, kUnknown };
  [[nodiscard]] Restore state_of(const GateHolder& holder) const;
  Status open(const GateHolder& holder, const std::stop_token& stop);
  Status look_at_all(const std::stop_token& stop);

  const Environment& environment_;
  std::set<std::string> unknown_;  // uids, at the last look
};

}  // namespace gb::jobs
