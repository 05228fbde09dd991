// GaleraBackupStore objects: what the configured stores are and how they do, looked at every 10 s
// on a thread of its own, answered from memory.
//
// Thread safety: objects() from any thread.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "jobs/environment.h"

namespace gb::jobs {

class StoreStatus {
 public:
  explicit StoreStatus(const Environment& environment);
  [[nodiscard]] std::vector<api::ObjectPtr> objects() const;

 private:
  struct Share {
    std::string store;
    std::uint64_t bytes = 0;
  };
  void look();
  void count_backups();
  [[nodiscard]] api::Json describe(const Store& store, bool first) const;

  const Environment& environment_;
  std::uint64_t scanned_ = 0;
  std::map<std::string, Share> backups_;  // completed ones, by uid
  mutable std::mutex mutex_;
  std::vector<api::ObjectPtr> objects_;
  std::jthread thread_;
};

}  // namespace gb::jobs
