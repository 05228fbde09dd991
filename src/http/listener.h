// The listening socket. Ours, since the library's has a backlog of 5 and ends on the first error.
// apiserver/ opens it before anything else, so that a port that is taken is found in time.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"

namespace gb::http {

class Listener {
 public:
  // Non-blocking, close-on-exec. Invalid: not an IP address; Unavailable: in use or not ours.
  static Result<Listener> open(const std::string& address, std::uint16_t port);
  Listener(Listener&& other) noexcept;
  Listener& operator=(Listener&&) = delete;
  ~Listener() { close(); }

  struct Accepted {
    int fd = -1;  // -1: nobody waits, or the system has no descriptor left
    std::string peer;
    bool exhausted = false;
  };
  Accepted accept() const;
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  void close();

 private:
  Listener(int fd, std::uint16_t port) : fd_(fd), port_(port) {}
  int fd_;
  std::uint16_t port_;
};

}  // namespace gb::http
