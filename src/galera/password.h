// A password that may be changed while we work with it.
//
// Thread safety: all methods, from any thread.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"

namespace gb::galera {

class RotatingPassword {
 public:
  // Finds what the password may be now, the likeliest first.
  using Read = std::function<Result<std::vector<std::string>>()>;

  RotatingPassword(std::string value, Read read)
      : value_(std::move(value)), read_(std::move(read)) {}

  // The last one that a server took; before any did, the one it began with.
  [[nodiscard]] std::string value() const {
    const std::lock_guard lock(mutex_);
    return value_;
  }
  void was_taken(std::string value) {
    const std::lock_guard lock(mutex_);
    value_ = std::move(value);
  }
  // For who was refused with value(). Errors are those of `read`.
  [[nodiscard]] Result<std::vector<std::string>> read_again() const { return read_(); }

 private:
  mutable std::mutex mutex_;
  std::string value_;
  const Read read_;
};

}  // namespace gb::galera
