#include "jobs/slots.h"

#include <utility>

namespace gb::jobs {

bool Slots::try_take() {
  const std::scoped_lock lock(mutex_);
  if (used_ >= count_ || !waiting_.empty()) return false;
  ++used_;
  return true;
}

bool Slots::take(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  const auto place = waiting_.insert(waiting_.end(), next_ticket_++);
  const bool turn = wake_.wait(lock, std::move(stop),
                               [&] { return waiting_.front() == *place && used_ < count_; });
  waiting_.erase(place);
  if (turn) ++used_;
  // Whoever is next may have a slot too, or was behind one who gave up.
  wake_.notify_all();
  return turn;
}

void Slots::give_back() {
  const std::scoped_lock lock(mutex_);
  --used_;
  wake_.notify_all();
}

}  // namespace gb::jobs
