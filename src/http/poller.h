// epoll with a way to wake it from other threads. Internal to src/http.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <span>

namespace gb::http {

// Thread safety: all methods but wait(), from any thread.
class Poller {
 public:
  static constexpr std::uint64_t kWoken = 0;  // the id of wake() among the events

  Poller();
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  bool add(int fd, std::uint64_t id, std::uint32_t events) const;
  void change(int fd, std::uint64_t id, std::uint32_t events) const;
  void remove(int fd) const;
  void wake() const;
  // Events of one wait; data.u64 is the id. A wake-up is among them once.
  std::span<const epoll_event> wait(int timeout_ms);

 private:
  int epoll_;
  int event_;
  std::array<epoll_event, 256> events_{};
};

}  // namespace gb::http
