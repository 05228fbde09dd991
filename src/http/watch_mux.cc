#include "http/watch_mux.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace gb::http {
namespace {

constexpr int kWatchSweepMs = 100;
constexpr std::size_t kWatchTurnBytes = 131072;
constexpr std::size_t kTakeBytes = 65536;
// What a peer may say while its stream runs (a pipelined request) before it is not listened to any
// more.
constexpr std::size_t kMaxSpoken = 65536;

Piece shared_text(std::string_view text) {
  return std::make_shared<const std::string>(text);
}

}  // namespace

WatchMux::WatchMux(const Clock& clock, SteadyTime::duration write_deadline, OnEnd on_end)
    : clock_(clock), write_deadline_(write_deadline), on_end_(std::move(on_end)) {}

void WatchMux::start() {
  thread_ = std::thread([this] { run(); });
}

void WatchMux::adopt(Ptr connection) {
  ++size_;
  {
    const std::lock_guard lock(mutex_);
    adopted_.push_back(std::move(connection));
  }
  poller_.wake();
}

void WatchMux::drain() {
  draining_ = true;
  poller_.wake();
}

void WatchMux::stop() {
  stopped_ = true;
  poller_.wake();
  if (thread_.joinable()) thread_.join();
  // Handed over, but never begun: begun now, so that their producers are told.
  std::vector<Ptr> late;
  {
    const std::lock_guard lock(mutex_);
    late.swap(adopted_);
  }
  for (const auto& connection : late) {
    begin(connection);
    end(connection->id, true);
  }
}

void WatchMux::make_ready(std::uint64_t id) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = ready_.empty();
    ready_.push_back(id);
  }
  if (first) poller_.wake();
}

void WatchMux::run() {
  auto next_sweep = std::chrono::steady_clock::now();
  bool drained = false;
  while (!stopped_) {
    for (const epoll_event& event : poller_.wait(kWatchSweepMs))
      if (event.data.u64 != Poller::kWoken) turn(event.data.u64, event.events);
    std::vector<Ptr> adopted;
    std::vector<std::uint64_t> ready;
    {
      const std::lock_guard lock(mutex_);
      adopted.swap(adopted_);
      ready.swap(ready_);
    }
    for (const auto& connection : adopted) begin(connection);
    for (const std::uint64_t id : ready) turn(id, 0);
    if (draining_ && !drained) {
      drained = true;
      std::vector<std::shared_ptr<FrameQueue>> queues;
      for (const auto& [id, stream] : streams_) {
        const std::lock_guard lock(stream.connection->mutex);
        queues.push_back(stream.connection->exchange->stream);
      }
      for (const auto& queue : queues) queue->close();
    }
    const auto now = std::chrono::steady_clock::now();
    if (now >= next_sweep) {
      next_sweep = now + std::chrono::milliseconds(kWatchSweepMs);
      sweep();
    }
  }
  std::vector<std::uint64_t> left;
  for (const auto& [id, stream] : streams_) left.push_back(id);
  for (const std::uint64_t id : left) end(id, true);
}

void WatchMux::begin(const Ptr& connection) {
  const std::uint64_t id = connection->id;
  std::shared_ptr<FrameQueue> queue;
  {
    const std::lock_guard lock(connection->mutex);
    Stream& stream = streams_[id];
    stream.connection = connection;
    stream.armed = EPOLLIN | EPOLLRDHUP;
    poller_.add(connection->fd, id, stream.armed);
    queue = connection->exchange->stream;
  }
  queue->set_wake([this, id] { make_ready(id); });
  if (draining_) queue->close();
  // Once at the start: the head may not be out yet, and TLS may hold what the peer has said
  // already.
  turn(id, EPOLLIN);
}

bool WatchMux::read_some(Stream& stream) const {
  Connection& connection = *stream.connection;
  while (stream.reading) {
    switch (connection.read()) {
      case Io::kDone:
        if (connection.in.size() <= kMaxSpoken) break;
        // Who talks on and on during a stream is not heard, and not served after it.
        stream.reading = false;
        connection.exchange->keep_alive = false;
        return true;
      case Io::kWantRead:
      case Io::kWantWrite:
        return true;
      default:
        return false;
    }
  }
  return true;
}

bool WatchMux::refill(Stream& stream) {
  Connection& connection = *stream.connection;
  Exchange& exchange = *connection.exchange;
  if (stream.trailer_queued) return false;
  auto frames = exchange.stream->take(kTakeBytes);
  if (frames.empty()) {
    if (!exchange.stream->finished()) return false;
    stream.trailer_queued = true;
    if (!exchange.chunked) return false;
    static const Piece kTrailer = shared_text("0\r\n\r\n");
    connection.out.add(kTrailer);
    return true;
  }
  std::size_t size = 0;
  for (const auto& frame : frames) size += frame->size();
  if (size == 0) return refill(stream);  // an empty chunk would end the body
  if (exchange.chunked) {
    std::array<char, 24> line{};
    const int length = std::snprintf(line.data(), line.size(), "%zx\r\n", size);
    connection.out.add(std::string(line.data(), static_cast<std::size_t>(length)));
  }
  for (auto& frame : frames) connection.out.add(std::move(frame));
  static const Piece kLineEnd = shared_text("\r\n");
  if (exchange.chunked) connection.out.add(kLineEnd);
  return true;
}

void WatchMux::turn(std::uint64_t id, std::uint32_t events) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  Stream& stream = found->second;
  const Ptr connection = stream.connection;
  std::unique_lock lock(connection->mutex);
  bool lost = (events & (EPOLLERR | EPOLLHUP)) != 0;
  if (!lost && (events & (EPOLLIN | EPOLLRDHUP)) != 0) {
    lost = !read_some(stream);
    // Half a close without a word of TLS: the peer will not read a watch any more either.
    lost = lost || ((events & EPOLLRDHUP) != 0 && !stream.reading);
  }
  std::size_t budget = kWatchTurnBytes;
  while (!lost) {
    if (connection->out.empty() && !refill(stream)) break;
    std::size_t written = 0;
    const Io io = connection->write(budget, written);
    const bool was_blocked = stream.blocked;
    stream.blocked = io == Io::kWantWrite || io == Io::kWantRead;
    if (written > 0 || !was_blocked) connection->deadline = clock_.steady_now() + write_deadline_;
    budget -= std::min(budget, written);
    if (io == Io::kError || io == Io::kEnd) {
      lost = true;
    } else if (stream.blocked) {
      arm(stream, io == Io::kWantWrite);
      return;
    } else if (io == Io::kBudget || budget == 0) {
      make_ready(id);
      return;
    }
  }
  if (lost || stream.trailer_queued) {
    lock.unlock();
    end(id, lost);
    return;
  }
  arm(stream, false);
}

void WatchMux::arm(Stream& stream, bool output) const {
  const std::uint32_t wanted = (stream.reading ? EPOLLIN | EPOLLRDHUP : 0U) |
                               (output ? static_cast<std::uint32_t>(EPOLLOUT) : 0U);
  if (wanted == stream.armed) return;
  stream.armed = wanted;
  poller_.change(stream.connection->fd, stream.connection->id, wanted);
}

void WatchMux::end(std::uint64_t id, bool lost) {
  auto node = streams_.extract(id);
  if (node.empty()) return;
  const Ptr connection = node.mapped().connection;
  std::shared_ptr<FrameQueue> queue;
  {
    const std::lock_guard lock(connection->mutex);
    queue = connection->exchange->stream;
    poller_.remove(connection->fd);
  }
  // Without the connection's lock: a producer may do anything when it is told.
  queue->gone();
  const std::lock_guard lock(connection->mutex);
  --size_;
  on_end_(connection, lost);
}

void WatchMux::sweep() {
  const SteadyTime now = clock_.steady_now();
  std::vector<std::uint64_t> late;
  for (const auto& [id, stream] : streams_) {
    const std::lock_guard lock(stream.connection->mutex);
    if (stream.blocked && stream.connection->deadline < now) late.push_back(id);
  }
  for (const std::uint64_t id : late) end(id, true);
}

}  // namespace gb::http
