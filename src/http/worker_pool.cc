#include "http/worker_pool.h"

#include <numeric>
#include <utility>

namespace gb::http {

WorkerPool::WorkerPool(unsigned workers, const Bounds& bounds,
                       std::function<void(unsigned, const Job&)> run)
    : bounds_(bounds), run_(std::move(run)) {
  for (unsigned i = 0; i < workers; ++i) threads_.emplace_back([this, i] { work(i); });
}

void WorkerPool::submit(Job job, Lane lane) {
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    jobs_.at(static_cast<std::size_t>(lane)).push_back(std::move(job));
  }
  wake_.notify_one();
}

void WorkerPool::stop() {
  decltype(jobs_) dropped;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    dropped.swap(jobs_);
  }
  wake_.notify_all();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

std::optional<std::size_t> WorkerPool::runnable() const {
  // Slow before quick: its bound leaves the quick ones theirs, which have none against it.
  for (const Lane each : {Lane::kHealth, Lane::kSlow, Lane::kQuick}) {
    const auto lane = static_cast<std::size_t>(each);
    const unsigned busy = std::accumulate(busy_.begin() + lane, busy_.end(), 0U);
    if (!jobs_.at(lane).empty() && busy < bounds_.at(lane)) return lane;
  }
  return std::nullopt;
}

void WorkerPool::work(unsigned number) {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stopped_ || runnable(); });
    if (stopped_) return;
    const std::size_t lane = *runnable();
    Job job = std::move(jobs_.at(lane).front());
    jobs_.at(lane).pop_front();
    ++busy_.at(lane);
    // Whoever came for this worker's former lane may have found it full, and sleeps.
    if (runnable()) wake_.notify_one();
    lock.unlock();
    run_(number, job);
    job.reset();
    lock.lock();
    --busy_.at(lane);
  }
}

}  // namespace gb::http
