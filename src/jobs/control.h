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
  // `outer`: of the job that this one is a step of, which outlives it.
  explicit JobControl(const JobControl* outer = nullptr) : outer_(outer) {}

  // The first cause counts. `by` is the user who asked for it, when one did.
  void stop(StopCause cause, const std::string& by = {}) {
    {
      const std::scoped_lock lock(mutex_);
      shutting_down_ = shutting_down_ || cause == StopCause::kShutdown;
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
  // Whether the process is about to end, for whatever the job was stopped before.
  [[nodiscard]] bool shutting_down() const {
    const std::scoped_lock lock(mutex_);
    return shutting_down_ || (outer_ != nullptr && outer_->shutting_down());
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
  const JobControl* const outer_;
  mutable std::mutex mutex_;
  bool shutting_down_ = false;
  StopCause cause_ = StopCause::kNone;
  std::string by_;
  std::shared_ptr<void> held_;
  std::stop_source source_;
};

}  // namespace gb::jobs
