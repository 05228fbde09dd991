// Stops one job, and remembers why: the reason becomes the object's message.
#pragma once

#include <mutex>
#include <stop_token>

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
  [[nodiscard]] std::stop_token token() const { return source_.get_token(); }

 private:
  mutable std::mutex mutex_;
  StopCause cause_ = StopCause::kNone;
  std::stop_source source_;
};

}  // namespace gb::jobs
