// What restores left blocked when their server ended, or could not give back at their end: gates,
// which say themselves who shut them, and nodes that are read_only, of which marks in the store
// tell (block_marks.h). Whoever finds one gives it back.
//
// Thread safety: an object is used by one thread at a time, but for last_seen().
#pragma once

#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "jobs/block_marks.h"
#include "jobs/environment.h"

namespace gb::jobs {

// In a restore's status: instances that applications may be kept away from although it has ended.
inline constexpr const char* kTrafficLeftBlocked = "trafficLeftBlocked";

// Records that of the instances of the mark only `still` are blocked: in the status of its restore,
// for as long as that is there, and then in the mark, without which nobody would try again. Durable
// when it returns; errors are those of the store.
Status record_left(storage::Catalog& catalog, storage::BlobStore& store, const BlockMark& mark,
                   const std::vector<std::string>& still);

class LeftBlocks {
 public:
  explicit LeftBlocks(const Environment& environment) : environment_(environment) {}

  // Opens the gates of a restore that nobody runs, and gives its nodes back. The instances some of
  // whose nodes did not let themselves be given back: they are for look(), once the restore has
  // ended. An error: a gate may be shut, or it cannot be told what is blocked.
  Result<std::vector<std::string>> give_back_those_of(const api::Object& restore,
                                                      std::stop_token stop);
  // Gives back what is blocked by restores that have ended; and by those that are not there, when
  // this was so at the look before, too: an object that another server has just made may not be
  // known here yet. What fails is logged, told in the restore's status, and tried by the next look.
  void look(std::stop_token stop);

  // The gates that were shut at the last look, by whatever restore, and the nodes that were left
  // then; without what was given back since. From any thread.
  [[nodiscard]] std::vector<GateHolder> last_seen() const;

 private:
  enum class Restore { kRuns, kEnded, kUnknown };
  [[nodiscard]] Restore state_of(const GateHolder& holder) const;
  // Whether its restore runs no more; of one that is unknown, whether it was at the last look, too.
  bool is_left(const GateHolder& holder);
  [[nodiscard]] api::ObjectPtr object_of(const GateHolder& holder) const;
  [[nodiscard]] storage::BlobStore& store() const { return *environment_.stores.front().blobs; }
  // Tells what came of one try, and returns it.
  Status said(const GateHolder& holder, Status given_back, const std::stop_token& stop);
  Status open(const GateHolder& holder, const std::stop_token& stop);
  Status give_back_nodes(const BlockMark& mark, const GateHolder& holder, bool has_ended,
                         const std::stop_token& stop);
  Status look_at_gates(const std::stop_token& stop);
  Status look_at_nodes(const std::stop_token& stop);
  void look_at(const BlockMark& mark, const std::stop_token& stop);
  // The instances that the status of a restore which has ended tells to be blocked.
  [[nodiscard]] std::vector<GateHolder> told_in_status() const;
  // Takes out of the status what neither a gate nor a mark shows to be blocked any more: somebody
  // may have opened the gate by hand. `told`: before it was looked for them.
  Status correct_status(const std::vector<GateHolder>& told);

  const Environment& environment_;
  std::set<std::string> unknown_;      // uids, at the last look
  std::set<std::string> unknown_now_;  // at this one
  // What was told to stay blocked: said once, not at every look.
  std::set<std::string> told_;
  mutable std::mutex mutex_;       // of what follows; changed by the one thread alone
  std::vector<GateHolder> gates_;  // shut, at the last look
  std::vector<GateHolder> nodes_;  // left, at the last look
};

}  // namespace gb::jobs
