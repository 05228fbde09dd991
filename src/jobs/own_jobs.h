// Which jobs this process records or runs. What names it as its executor and is none of them nobody
// runs: its object is in the log, but the answer to that write was lost.
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>

namespace gb::jobs {

// Thread safety: all methods, from any thread.
class OwnJobs {
 public:
  // From before the object is recorded until its end is. Given back when destroyed; of several on
  // one object each counts.
  class Claim {
   public:
    Claim(OwnJobs& owner, std::string uid) : owner_(owner), uid_(std::move(uid)) {
      const std::scoped_lock lock(owner_.mutex_);
      owner_.uids_.insert(uid_);
    }
    ~Claim() {
      const std::scoped_lock lock(owner_.mutex_);
      owner_.uids_.erase(owner_.uids_.find(uid_));
    }
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;

   private:
    OwnJobs& owner_;
    const std::string uid_;
  };

  [[nodiscard]] std::shared_ptr<Claim> claim(const std::string& uid) {
    return std::make_shared<Claim>(*this, uid);
  }
  [[nodiscard]] bool has(const std::string& uid) const {
    const std::scoped_lock lock(mutex_);
    return uids_.contains(uid);
  }

 private:
  mutable std::mutex mutex_;
  std::multiset<std::string> uids_;
};

}  // namespace gb::jobs
