// Which instances are being worked on: any number of backups may read one, a restore has it alone.
//
// Thread safety: all methods, from any thread.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/error.h"

namespace gb::jobs {

class Targets {
 public:
  // Given back when destroyed.
  class Hold {
   public:
    Hold(Targets& owner, std::vector<std::string> keys, std::string who, bool exclusive)
        : owner_(owner), keys_(std::move(keys)), who_(std::move(who)), exclusive_(exclusive) {}
    ~Hold();
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    Targets& owner_;
    std::vector<std::string> keys_;
    std::string who_;
    bool exclusive_;
  };

  // `who` is for the message: `restore "r1"`. Conflict names who is there.
  Result<std::unique_ptr<Hold>> hold(const std::string& ns,
                                     const std::vector<std::string>& instances,
                                     const std::string& who, bool exclusive);

 private:
  struct Use {
    std::string exclusive;            // who; empty: nobody
    std::vector<std::string> shared;  // who
  };
  std::mutex mutex_;
  std::map<std::string, Use> uses_;
};

}  // namespace gb::jobs
