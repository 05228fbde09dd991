#include "http/poller.h"

#include <sys/eventfd.h>
#include <unistd.h>

namespace gb::http {

Poller::Poller()
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)), event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  add(event_, kWoken, EPOLLIN);
}

Poller::~Poller() {
  ::close(event_);
  ::close(epoll_);
}

bool Poller::add(int fd, std::uint64_t id, std::uint32_t events) const {
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  return ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0;
}

void Poller::change(int fd, std::uint64_t id, std::uint32_t events) const {
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  ::epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event);
}

void Poller::remove(int fd) const {
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
}

void Poller::wake() const {
  const std::uint64_t one = 1;
  (void)!::write(event_, &one, sizeof one);
}

std::span<const epoll_event> Poller::wait(int timeout_ms) {
  const int count =
      ::epoll_wait(epoll_, events_.data(), static_cast<int>(events_.size()), timeout_ms);
  for (int i = 0; i < count; ++i) {
    if (events_.at(static_cast<std::size_t>(i)).data.u64 != kWoken) continue;
    std::uint64_t value = 0;
    (void)!::read(event_, &value, sizeof value);
  }
  return {events_.data(), static_cast<std::size_t>(count > 0 ? count : 0)};
}

}  // namespace gb::http
