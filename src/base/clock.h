// Time, injected: nothing in this program reads a clock of the machine by itself.
#pragma once

#include <chrono>
#include <mutex>

namespace gb {

using WallTime = std::chrono::sys_time<std::chrono::microseconds>;
using SteadyTime = std::chrono::steady_clock::time_point;

// Wall time is for people and records; safety decisions use steady time only, since wall clocks
// jump. Thread safety: all methods, from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual WallTime now() const = 0;
  [[nodiscard]] virtual SteadyTime steady_now() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] WallTime now() const override;
  [[nodiscard]] SteadyTime steady_now() const override;
};

// A clock that tests move by hand.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(WallTime start) : now_(start) {}
  [[nodiscard]] WallTime now() const override;
  [[nodiscard]] SteadyTime steady_now() const override;
  void advance(std::chrono::microseconds by);    // both times
  void step_wall(std::chrono::microseconds by);  // the wall only, as NTP or an operator would

 private:
  mutable std::mutex mutex_;
  WallTime now_;
  SteadyTime steady_{};
};

}  // namespace gb
