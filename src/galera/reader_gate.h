// How many of a dump's readers read at once.
//
// Thread safety: all methods, from any thread.
#pragma once

#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <vector>

#include "galera/table_dump.h"

namespace gb::galera {

class ReaderGate final : public Turns {
 public:
  explicit ReaderGate(unsigned readers) : allowed_(readers), working_(readers) {}
  // At least one. Those in the middle of something stop at the end of their chunk.
  void allow(unsigned readers);
  // Those that began something go on in the order of their numbers, so that each ends what it began
  // however few may read, and for however long.
  void wait(unsigned index, std::stop_token stop) override;
  void rest(unsigned index) override;

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  unsigned allowed_;
  std::vector<bool> working_;  // by reader: it has begun something, and not ended it
};

}  // namespace gb::galera
