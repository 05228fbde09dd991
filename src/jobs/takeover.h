// Finds jobs that nobody runs, and ends them: at once when their executor was a process of this
// machine that has died, or is this one, which does not know them (own_jobs.h); else when the
// object was not renewed for 45 s of our own monotonic clock, in which the store was there to be
// read. An executor that is only silent may live: it first loses its job, by a write that it will
// see, and only then, when it has had the time to stop, its cluster is let go. A backup that may be
// whole becomes ours instead, and goes on.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "jobs/environment.h"
#include "jobs/finish.h"
#include "jobs/left_blocks.h"

namespace gb::jobs {

class Takeover {
 public:
  // Goes on, on a thread of its own, with a backup whose executor is this process by now
  // (resume.h).
  using Resume =
      std::function<void(const api::ObjectPtr& backup, std::shared_ptr<OwnJobs::Claim> mine)>;

  Takeover(const Environment& environment, Resume resume)
      : environment_(environment), resume_(std::move(resume)), left_blocks_(environment) {}
  // Works on a thread of its own until stopped or destroyed.
  void start();
  void stop();
  // One look at every running object; the thread does this every fifth look_every (5 s), and every
  // thirtieth it looks for what ended jobs left on clusters.
  void look(std::stop_token stop);

  // What restores held blocked when it was looked for last. Thread safety: from any thread,
  // answered from memory.
  [[nodiscard]] std::vector<GateHolder> blocked() const { return left_blocks_.last_seen(); }

 private:
  // A job that has not ended, and since when its object has not changed.
  struct Seen {
    api::ObjectKey key;
    std::uint64_t revision = 0;
    SteadyTime since;
  };
  enum class Why { kDied, kSilent, kNotBegun };
  // Whether nobody runs the job any more, and why; of one whose executor is silent, once it is
  // ours.
  std::optional<Why> left_by(const Seen& seen, const api::Object& object, const api::Json& dom);
  void claim(const api::Object& object);
  // Begins to wait anew: what others did meanwhile was not to be seen.
  void forgive_silence();
  // What a job that is taken over still has on its cluster.
  struct Left {
    std::vector<std::string> blocked;   // instances some of whose nodes may be read_only
    std::vector<std::string> desynced;  // "node of instance" that may be out of flow control
  };
  void find_candidates();
  // Whether a tool has a cluster for what the job worked on; else it leaves the job to a server.
  // Whether that is the same cluster shows when something is given back.
  [[nodiscard]] bool knows_instances(const api::Object& object, const api::Json& dom) const;
  // What did not let itself be given back. An error: the job must not be ended, but taken over
  // again.
  Result<Left> release_cluster(const api::Object& object, const api::Json& dom,
                               const std::stop_token& stop);
  void take_over(const api::Object& object, Why why, const std::stop_token& stop);
  // The object as `change` makes it, unless its executor lives after all.
  Result<api::ObjectPtr> change_as_seen(const api::Object& object,
                                        const std::function<void(api::Json& status)>& change);
  void go_on(const api::Object& backup);
  void end_check(const api::Object& backup, const std::string& message);
  void end(const api::Object& object, const Ending& failed, const Left& left);

  const Environment& environment_;
  const Resume resume_;
  std::uint64_t scanned_ = 0;  // objects at or below this revision were looked at
  // By whether it is a backup, and the uid: restores first, which keep applications away.
  std::map<std::pair<bool, std::string>, Seen> seen_;
  LeftBlocks left_blocks_;
  std::jthread thread_;
};

}  // namespace gb::jobs
