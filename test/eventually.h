// Waiting for what other threads, processes and servers do.
#pragma once

#include <chrono>
#include <thread>

namespace gb {

// Asks again and again whether it is so, for a minute at most: a wait without an end would hang a
// test that ought to fail.
//   ASSERT_TRUE(eventually([&] { return count() == 3; })) << "what was not so";
template <typename IsSo>
[[nodiscard]] bool eventually(IsSo is_so) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!is_so()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

}  // namespace gb
