// How many backups run at once. Who waits is served fairly: the namespace with the fewest running
// first, then the one that was served the longest ago, within it in the order of asking; so
// nobody's hundred backups hold up another's one. Whose namespace has all the slots that it may
// have is passed over.
//
// Thread safety: all methods, from any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>

namespace gb::jobs {

class Slots {
 public:
  // `most_of(ns)`: how many slots a namespace may have at once; 0: all.
  explicit Slots(unsigned count, std::function<unsigned(const std::string&)> most_of = {})
      : count_(count), most_of_(std::move(most_of)) {}

  // A place in the queue, or the slot that came of it, which is given back when it is destroyed.
  class Place {
   public:
    Place(Slots& owner, std::string ns) : owner_(owner), ns_(std::move(ns)) {}
    ~Place();
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    // Whether the slot is there; waits for it so long.
    bool wait(std::chrono::milliseconds time, std::stop_token stop);

   private:
    friend class Slots;
    Slots& owner_;
    const std::string ns_;
    bool running_ = false;                   // guarded by the owner's mutex
    std::list<Place*>::iterator in_line_{};  // until it runs
  };
  // In line, or with a slot already when one is free.
  std::unique_ptr<Place> enter(const std::string& ns);

 private:
  void serve();  // gives free slots to whose turn it is; mutex_ held

  [[nodiscard]] bool may_have_more(const std::string& ns);  // mutex_ held

  const unsigned count_;
  const std::function<unsigned(const std::string&)> most_of_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  unsigned used_ = 0;
  struct Share {
    unsigned running = 0;
    std::uint64_t served = 0;  // counts up with every slot that is given out
    auto operator<=>(const Share&) const = default;
  };
  std::map<std::string, Share> shares_;  // by namespace
  std::uint64_t served_ = 0;
  std::list<Place*> line_;  // in the order of asking
};

}  // namespace gb::jobs
