#include "jobs/slots.h"

#include <utility>

namespace gb::jobs {

std::unique_ptr<Slots::Place> Slots::enter(const std::string& ns) {
  auto place = std::make_unique<Place>(*this, ns);
  const std::scoped_lock lock(mutex_);
  place->in_line_ = line_.insert(line_.end(), place.get());
  serve();
  return place;
}

bool Slots::may_have_more(const std::string& ns) {
  const unsigned most = most_of_ ? most_of_(ns) : 0;
  return most == 0 || shares_[ns].running < most;
}

void Slots::serve() {
  while (used_ < count_) {
    // The first of equals: who asked first.
    auto next = line_.end();
    for (auto it = line_.begin(); it != line_.end(); ++it)
      if (may_have_more((*it)->ns_) &&
          (next == line_.end() || shares_[(*it)->ns_] < shares_[(*next)->ns_]))
        next = it;
    if (next == line_.end()) break;
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
