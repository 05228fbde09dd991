#include "jobs/slots.h"

#include <algorithm>
#include <utility>

namespace gb::jobs {

std::unique_ptr<Slots::Place> Slots::enter(const std::string& ns) {
  auto place = std::make_unique<Place>(*this, ns);
  const std::scoped_lock lock(mutex_);
  place->in_line_ = line_.insert(line_.end(), place.get());
  serve();
  return place;
}

void Slots::serve() {
  while (used_ < count_ && !line_.empty()) {
    // min_element gives the first of equals: who asked first.
    const auto next = std::ranges::min_element(
        line_, {}, [this](const Place* place) { return shares_[place->ns_]; });
    Place* place = *next;
    line_.erase(next);
    place->running_ = true;
    Share& share = shares_[place->ns_];
    ++share.running;
    share.served = ++served_;
    ++used_;
  }
  wake_.notify_all();
}

bool Slots::Place::wait(std::chrono::milliseconds time, std::stop_token stop) {
  std::unique_lock lock(owner_.mutex_);
  return owner_.wake_.wait_for(lock, std::move(stop), time, [this] { return running_; });
}

Slots::Place::~Place() {
  const std::scoped_lock lock(owner_.mutex_);
  if (running_) {
    --owner_.used_;
    --owner_.shares_[ns_].running;
  } else {
    owner_.line_.erase(in_line_);
  }
  owner_.serve();
}

}  // namespace gb::jobs
