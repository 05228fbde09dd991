#include "base/clock.h"

namespace gb {

WallTime SystemClock::now() const {
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}

SteadyTime SystemClock::steady_now() const {
  return std::chrono::steady_clock::now();
}

WallTime ManualClock::now() const {
  std::scoped_lock lock(mutex_);
  return now_;
}

SteadyTime ManualClock::steady_now() const {
  std::scoped_lock lock(mutex_);
  return steady_;
}

void ManualClock::advance(std::chrono::microseconds by) {
  std::scoped_lock lock(mutex_);
  now_ += by;
  steady_ += by;
}

void ManualClock::step_wall(std::chrono::microseconds by) {
  std::scoped_lock lock(mutex_);
  now_ += by;
}

}  // namespace gb
