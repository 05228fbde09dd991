// Which instances are being worked on: any number of backups may read one, a restore has it alone.
// An instance is also worked on under another name, or in another namespace, when they have a
// server in common.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/error.h"
#include "galera/endpoint.h"
#include "jobs/environment.h"

namespace gb::jobs {

// What jobs of this process work on. Thread safety: all methods, from any thread.
class Targets {
 public:
  // Given back when destroyed.
  class Hold {
   public:
    explicit Hold(Targets& owner) : owner_(owner) {}
    ~Hold();
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    Targets& owner_;
  };

  // `who` is for the message: `restore "r1"`. Conflict names who is there.
  Result<std::unique_ptr<Hold>> hold(const std::string& ns,
                                     const std::vector<galera::Endpoint>& instances,
                                     const std::string& who, bool exclusive);
  // Whether hold() would be let now.
  [[nodiscard]] Status may_hold(const std::string& ns, const galera::Endpoint& instance,
                                bool exclusive);

 private:
  struct Use {
    const Hold* hold = nullptr;
    std::string ns;
    std::string instance;
    std::vector<galera::Address> nodes;
    std::string who;
    bool exclusive = false;
  };
  [[nodiscard]] Status is_free(const std::string& ns, const galera::Endpoint& instance,
                               bool exclusive) const;

  std::mutex mutex_;
  std::vector<Use> uses_;
};

// Conflict when, by the catalog, a job of whatever server works on this instance: a restore or, for
// who needs the instance alone, also a backup. It is named. A tool that keeps no house looks at the
// living processes of its machine alone, and at names alone. With `mine`, a job that is recorded by
// now: what was in the catalog before it. Of two that two servers record in the same moment the
// second so finds the first, and the first not the second.
[[nodiscard]] Status is_free_by_catalog(const Environment& environment, const std::string& ns,
                                        const galera::Endpoint& instance, bool exclusive,
                                        const api::Object* mine = nullptr);

}  // namespace gb::jobs
