// Answers kept for a while: the least recently used one goes when there are too many, and those
// whose time is over go when new ones come. Keys are held in memory: callers that ask with texts of
// strangers give digests of them.
//
// Thread safety: all methods, from any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <iterator>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/clock.h"

namespace gb::kube {

template <typename Value>
class ExpiringCache {
 public:
  ExpiringCache(std::size_t capacity, const Clock& clock) : capacity_(capacity), clock_(clock) {}

  std::optional<Value> get(const std::string& key) {
    const std::lock_guard lock(mutex_);
    const auto it = places_.find(key);
    if (it == places_.end()) return {};
    if (clock_.steady_now() >= it->second->until) {
      forget(it->second);
      return {};
    }
    entries_.splice(entries_.begin(), entries_, it->second);
    return it->second->value;
  }

  void put(const std::string& key, Value value, std::chrono::nanoseconds keep) {
    const std::lock_guard lock(mutex_);
    const SteadyTime now = clock_.steady_now();
    sweep(now);
    if (const auto it = places_.find(key); it != places_.end()) forget(it->second);
    entries_.push_front(
        {key, std::move(value), now + std::chrono::duration_cast<SteadyTime::duration>(keep)});
    places_.emplace(entries_.front().key, entries_.begin());
    if (entries_.size() > capacity_) forget(std::prev(entries_.end()));
  }

  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return entries_.size();
  }

 private:
  // Looks at all, and therefore not at every call.
  static constexpr std::chrono::seconds kSweepEvery{1};

  struct Entry {
    std::string key;
    Value value;
    SteadyTime until;
  };

  using Place = typename std::list<Entry>::iterator;

  void forget(Place place) {
    places_.erase(place->key);
    entries_.erase(place);
  }

  void sweep(SteadyTime now) {
    if (now < next_sweep_) return;
    next_sweep_ = now + kSweepEvery;
    for (auto it = entries_.begin(); it != entries_.end();) {
      const Place here = it++;
      if (now >= here->until) forget(here);
    }
  }

  const std::size_t capacity_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  SteadyTime next_sweep_{};
  std::list<Entry> entries_;                            // most recently used first
  std::unordered_map<std::string_view, Place> places_;  // by the key in the entry
};

}  // namespace gb::kube
