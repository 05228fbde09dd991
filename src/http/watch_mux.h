// The thread that owns the responses which go on: watches and followed logs. A thousand of them
// cost a thousand sockets and no thread; frames that wait together leave in one TLS record.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "http/connection.h"
#include "http/poller.h"

namespace gb::http {

// Thread safety: start() and stop() from one thread; adopt(), drain() and size() from any thread.
class WatchMux {
 public:
  using Ptr = std::shared_ptr<Connection>;
  // Called on the mux's thread under the connection's mutex, after its queue was told and nothing
  // of it is registered here: the stream ended in order (`lost` is false), or its client has gone.
  using OnEnd = std::function<void(const Ptr& connection, bool lost)>;

  WatchMux(const Clock& clock, SteadyTime::duration write_deadline, OnEnd on_end);
  ~WatchMux() { stop(); }
  WatchMux(const WatchMux&) = delete;
  WatchMux& operator=(const WatchMux&) = delete;

  void start();
  // Takes over a connection in state kStream whose exchange has a stream. Called under its mutex;
  // the caller does not touch it after.
  void adopt(Ptr connection);
  // Every stream ends in order from now on, also those that are adopted later.
  void drain();
  // Cuts what is left. May be called again, for what was adopted since.
  void stop();
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  struct Stream {
    Ptr connection;
    bool trailer_queued = false;
    bool blocked = false;     // the socket takes nothing at the moment
    bool reading = true;      // what the peer says is still read
    std::uint32_t armed = 0;  // epoll events
  };

  void run();
  void begin(const Ptr& connection);
  void turn(std::uint64_t id, std::uint32_t events);
  // False when the peer has gone.
  bool read_some(Stream& stream) const;
  // Fills the outbox from the queue; false when there is nothing to write now.
  static bool refill(Stream& stream);
  void end(std::uint64_t id, bool lost);
  void arm(Stream& stream, bool output) const;
  void sweep();
  void make_ready(std::uint64_t id);

  const Clock& clock_;
  const SteadyTime::duration write_deadline_;
  const OnEnd on_end_;
  Poller poller_;
  std::mutex mutex_;
  std::vector<Ptr> adopted_;
  std::vector<std::uint64_t> ready_;
  std::atomic<std::size_t> size_{0};
  std::atomic<bool> draining_{false};
  std::atomic<bool> stopped_{false};
  std::unordered_map<std::uint64_t, Stream> streams_;  // the mux's thread only
  std::thread thread_;
};

}  // namespace gb::http
