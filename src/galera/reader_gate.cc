#include "galera/reader_gate.h"

#include <algorithm>
#include <utility>

namespace gb::galera {

void ReaderGate::allow(unsigned readers) {
  {
    const std::lock_guard lock(mutex_);
    allowed_ = std::max(1U, readers);
  }
  changed_.notify_all();
}

void ReaderGate::wait(unsigned index, std::stop_token stop) {
  std::unique_lock lock(mutex_);
  working_[index] = true;
  (void)changed_.wait(lock, std::move(stop), [&] {
    return std::count(working_.begin(), working_.begin() + index, true) < allowed_;
  });
}

void ReaderGate::rest(unsigned index) {
  {
    const std::lock_guard lock(mutex_);
    working_[index] = false;
  }
  changed_.notify_all();
}

}  // namespace gb::galera
