// What restores left blocked when their server ended, or could not give back at their end: gates,
// which say themselves who shut them, and nodes that are read_only, of which
// status.trafficLeftBlocked of the restore tells. Whoever finds one gives it back.
//
// Thread safety: an object is used by one thread at a time, but for last_seen().
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "jobs/environment.h"

namespace gb::jobs {

// In a restore's status: instances some of whose nodes may be read_only although it has ended.
inline constexpr const char* kTrafficLeftBlocked = "trafficLeftBlocked";

class LeftBlocks {
 public:
  explicit LeftBlocks(const Environment& environment) : environment_(environment) {}

  // Opens the gates of the restore `uid`. The first error, after all were tried.
  Status open_those_of(const std::string& uid, std::stop_token stop);
  // Learns which instances have nodes that `restore` left read_only; told of every change. What was
  // learnt outlives the object.
  void learn(const api::Object& restore, const api::Json& status);
  // Opens the gates whose restore has ended; and those whose restore is not there, when this was so
  // at the look before, too: an object that another server has just made may not be known here yet.
  // Gives back the nodes that were learnt of. What fails is logged, and tried by the next look.
  void look(std::stop_token stop);

  // The gates that were shut at the last look, by whatever restore, and the nodes that were learnt
  // of; without what was given back since. From any thread.
  [[nodiscard]] std::vector<GateHolder> last_seen() const;

 private:
  enum class Restore { kRuns, kEnded, kUnknown };
  [[nodiscard]] Restore state_of(const GateHolder& holder) const;
  [[nodiscard]] api::ObjectPtr object_of(const GateHolder& holder) const;
  // Tells what came of one try, and returns it.
  Status said(const GateHolder& holder, Status given_back, const std::stop_token& stop);
  Status open(const GateHolder& holder, const std::stop_token& stop);
  Status forget_nodes(const GateHolder& holder);
  Status look_at_gates(const std::stop_token& stop);
  void look_at_nodes(const std::stop_token& stop);

  const Environment& environment_;
  std::set<std::string> unknown_;  // uids, at the last look
  // What was told to stay blocked: said once, not at every look.
  std::set<std::string> told_;
  mutable std::mutex mutex_;       // of what follows; changed by the one thread alone
  std::vector<GateHolder> gates_;  // shut, at the last look
  std::map<std::string, std::vector<GateHolder>> nodes_;  // by uid of the restore
};

}  // namespace gb::jobs
