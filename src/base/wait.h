// Waiting that can be called off: everything that sleeps or blocks goes through here.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <utility>

namespace gb {

// Sleeps for `time` or until a stop is requested; true when the whole time passed.
inline bool sleep_for(std::stop_token stop, std::chrono::nanoseconds time) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_for(lock, stop, time, [] { return false; });
  return !stop.stop_requested();
}

// Blocks until a stop is requested.
inline void wait_for_stop(std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait(lock, std::move(stop), [] { return false; });
}

}  // namespace gb
