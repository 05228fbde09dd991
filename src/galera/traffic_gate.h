// What applications come through to an instance, where that is not its nodes themselves: something
// that can be shut before all of them at once. Implemented above this room.
#pragma once

#include <stop_token>

#include "base/error.h"

namespace gb::galera {

// Thread safety: an object is used by one thread at a time.
class TrafficGate {
 public:
  virtual ~TrafficGate() = default;
  // Whether shut() would be let; changes nothing.
  virtual Status may_shut(std::stop_token stop) = 0;
  // Lets nobody in any more. What has to be known to open it again is durable before it is shut. On
  // an error it may or may not be shut: open() it.
  virtual Status shut(std::stop_token stop) = 0;
  // Looks, and shuts it again when somebody else has opened it: true then.
  virtual Result<bool> keep_shut(std::stop_token stop) = 0;
  // Gives back what shut() took; nothing to do when it is open.
  virtual Status open() = 0;
};

}  // namespace gb::galera
