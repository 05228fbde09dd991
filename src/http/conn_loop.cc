#include "http/conn_loop.h"

#include <chrono>

namespace gb::http {
namespace {

constexpr int kSweepMs = 100;

}  // namespace

ConnLoop::ConnLoop(Listener listener, Handler& handler)
    : listener_(std::move(listener)), handler_(handler) {
  poller_.add(listener_.fd(), kListener, EPOLLIN);
}

void ConnLoop::start() {
  thread_ = std::thread([this] { run(); });
}

void ConnLoop::stop_accepting() {
  accepting_ = false;
  poller_.wake();
}

void ConnLoop::stop() {
  stopped_ = true;
  poller_.wake();
  if (thread_.joinable()) thread_.join();
}

bool ConnLoop::add(const Ptr& connection) {
  {
    const std::lock_guard lock(mutex_);
    connections_.emplace(connection->id, connection);
  }
  if (poller_.add(connection->fd, connection->id, EPOLLONESHOT)) return true;
  const std::lock_guard lock(mutex_);
  connections_.erase(connection->id);
  return false;
}

void ConnLoop::arm(const Connection& connection, Io want) const {
  const std::uint32_t event = want == Io::kWantWrite || want == Io::kBudget ? EPOLLOUT : EPOLLIN;
  poller_.change(connection.fd, connection.id, event | EPOLLONESHOT);
}

void ConnLoop::remove(const Connection& connection) {
  poller_.remove(connection.fd);
  const std::lock_guard lock(mutex_);
  connections_.erase(connection.id);
}

std::vector<ConnLoop::Ptr> ConnLoop::all() const {
  std::vector<Ptr> result;
  const std::lock_guard lock(mutex_);
  result.reserve(connections_.size());
  for (const auto& [id, connection] : connections_) result.push_back(connection);
  return result;
}

ConnLoop::Ptr ConnLoop::next(std::uint64_t id) const {
  const std::lock_guard lock(mutex_);
  const auto found = connections_.upper_bound(id);
  return found == connections_.end() ? nullptr : found->second;
}

std::size_t ConnLoop::size() const {
  const std::lock_guard lock(mutex_);
  return connections_.size();
}

void ConnLoop::accept_some() {
  for (int i = 0; i < 64; ++i) {
    auto accepted = listener_.accept();
    if (accepted.exhausted) {
      // No descriptor is left: the next sweep tries again, instead of spinning until then.
      poller_.change(listener_.fd(), kListener, 0);
      listener_armed_ = false;
      return;
    }
    if (accepted.fd < 0) return;
    handler_.accepted(accepted.fd, std::move(accepted.peer));
  }
}

void ConnLoop::run() {
  auto next_sweep = std::chrono::steady_clock::now();
  while (!stopped_) {
    for (const epoll_event& event : poller_.wait(kSweepMs)) {
      if (event.data.u64 == Poller::kWoken) continue;
      if (event.data.u64 == kListener) {
        if (accepting_) accept_some();
        continue;
      }
      Ptr connection;
      {
        const std::lock_guard lock(mutex_);
        const auto found = connections_.find(event.data.u64);
        if (found != connections_.end()) connection = found->second;
      }
      if (connection) handler_.ready(connection);
    }
    if (!accepting_ && listener_.fd() >= 0) {
      poller_.remove(listener_.fd());
      listener_.close();
    }
    const auto now = std::chrono::steady_clock::now();
    if (now < next_sweep) continue;
    next_sweep = now + std::chrono::milliseconds(kSweepMs);
    if (!listener_armed_ && accepting_) {
      poller_.change(listener_.fd(), kListener, EPOLLIN);
      listener_armed_ = true;
    }
    for (const auto& connection : all()) handler_.sweep(connection);
  }
}

}  // namespace gb::http
