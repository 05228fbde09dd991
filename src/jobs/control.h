// Stops one job, and remembers why: the reason becomes the object's message. Keeps what the job
// holds until just before its end is told: who sees the end may ask for the same at once.
#pragma once

#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <utility>

namespace gb::jobs {

enum class StopCause { kNone, kCancelled, kDeleted, kDeadline, kShutdown, kLost };

// Thread safety: all methods, from any thread.
class JobControl {
 public:
  // The first cause counts. `by` is the user who asked for it, when one did.
  void stop(StopCause cause, const std::string& by = {}) {
    {
      const std::scoped_lock lock(mutex_);
      if (cause_ == StopCause::kNone) {
        cause_ = cause;
        by_ = by;
      }
    }
    source_.request_stop();
  }
  [[nodiscard]] StopCause cause() const {
    const std::scoped_lock lock(mutex_);
    return cause_;
  }
  [[nodiscard]] std::string stopped_by() const {
    const std::scoped_lock lock(mutex_);
    return by_;
  }
  void keep(std::shared_ptr<void> held) {
    const std::scoped_lock lock(mutex_);
    held_ = std::move(held);
  }
  void release() { keep(nullptr); }
  [[nodiscard]] std::stop_token token() const { return source_.get_token(); }

 private:
  mutable std::mutex mutex_;
  StopCause cause_ = StopCause::kNone;
  std::string by_;
  std::shared_ptr<void> held_;
  std::stop_source source_;
};

}  // namespace gb::jobs
