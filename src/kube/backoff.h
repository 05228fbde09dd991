// Trying again while somebody else recovers, never longer than a deadline.
#pragma once

#include <chrono>
#include <stop_token>

#include "base/error.h"
#include "base/wait.h"

namespace gb::kube {

struct Backoff {
  std::chrono::milliseconds first{500};
  double factor = 1.5;
  int attempts = 5;
  std::chrono::milliseconds deadline{10000};  // of all attempts together
};

// Whether the same request may succeed later. Nothing is known of one that timed out as a whole.
[[nodiscard]] inline bool may_recover(const Error& error) {
  return error.code == Code::kUnavailable || error.code == Code::kExhausted;
}

// Calls `attempt(time left)` until it succeeds, fails for good, or the deadline is near.
template <typename Attempt>
auto with_backoff(const Backoff& backoff, std::stop_token stop, Attempt attempt)
    -> decltype(attempt(std::chrono::milliseconds{})) {
  using std::chrono::milliseconds;
  const auto begin = std::chrono::steady_clock::now();
  auto wait = std::chrono::duration<double, std::milli>(backoff.first);
  for (int tried = 1;; ++tried) {
    const auto spent =
        std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begin);
    const milliseconds left = backoff.deadline - spent;
    auto result = attempt(left);
    if (result || !may_recover(result.error()) || tried >= backoff.attempts) return result;
    const auto now_spent =
        std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begin);
    if (now_spent + wait >= backoff.deadline) return result;
    if (!sleep_for(stop, std::chrono::duration_cast<std::chrono::nanoseconds>(wait))) return result;
    wait *= backoff.factor;
  }
}

}  // namespace gb::kube
