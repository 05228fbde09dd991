// Stops one job, and remembers why: the reason becomes the object's message. Keeps what the job
// holds until just before its end is told: who sees the end may ask for the same at once.
#pragma once

#include <memory>
#include <mutex>
#include <stop_token>
#include <utility>

namespace gb::jobs {

enum class StopCause { kNone, kDeleted, kDeadline, kShutdown, kLost };

// Thread safety: all methods, from any thread.
class JobControl {
 public:
  // The first cause counts.
  void stop(StopCause cause) {
    {
      const std::scoped_lock lock(mutex_);
      if (cause_ == StopCause::kNone) cause_ = cause;
    }
    source_.request_stop();
  }
  [[nodiscard]] StopCause cause() const {
    const std::scoped_lock lock(mutex_);
    return cause_;
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
  std::shared_ptr<void> held_;
  std::stop_source source_;
};

}  // namespace gb::jobs
