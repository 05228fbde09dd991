// Answers kept for a while: the least recently used one goes when there are too many.
//
// Thread safety: all methods, from any thread.
#pragma once

#include <cstddef>
#include <list>
#include <mutex>
#include <optional>
#include <string>
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
      entries_.erase(it->second);
      places_.erase(it);
      return {};
    }
    entries_.splice(entries_.begin(), entries_, it->second);
    return it->second->value;
  }

  void put(const std::string& key, Value value, std::chrono::nanoseconds keep) {
    const std::lock_guard lock(mutex_);
    if (const auto it = places_.find(key); it != places_.end()) {
      entries_.erase(it->second);
      places_.erase(it);
    }
    entries_.push_front(
        {key, std::move(value),
         clock_.steady_now() + std::chrono::duration_cast<SteadyTime::duration>(keep)});
    places_[key] = entries_.begin();
    if (entries_.size() <= capacity_) return;
    places_.erase(entries_.back().key);
    entries_.pop_back();
  }

 private:
  struct Entry {
    std::string key;
    Value value;
    SteadyTime until;
  };

  const std::size_t capacity_;
  const Clock& clock_;
  std::mutex mutex_;
  std::list<Entry> entries_;  // most recently used first
  std::unordered_map<std::string, typename std::list<Entry>::iterator> places_;
};

}  // namespace gb::kube
