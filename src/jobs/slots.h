// How many backups run at once; who waits is served in the order of asking.
//
// Thread safety: all methods, from any thread.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <list>
#include <mutex>
#include <stop_token>

namespace gb::jobs {

class Slots {
 public:
  explicit Slots(unsigned count) : count_(count) {}

  // True when a slot was taken without waiting.
  bool try_take();
  // False when stopped before a turn came.
  bool take(std::stop_token stop);
  void give_back();

 private:
  const unsigned count_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  unsigned used_ = 0;
  std::uint64_t next_ticket_ = 0;
  std::list<std::uint64_t> waiting_;
};

}  // namespace gb::jobs
