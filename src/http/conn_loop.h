// The thread that waits for every connection which is not in a worker's or the stream thread's
// hands: accepts, tells readiness, sweeps for deadlines. An idle connection costs no thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "http/connection.h"
#include "http/listener.h"
#include "http/poller.h"

namespace gb::http {

// Thread safety: start() and stop() from one thread; the others from any thread. A connection's
// calls are made under its mutex.
class ConnLoop {
 public:
  using Ptr = std::shared_ptr<Connection>;
  // Called on the loop's thread, without any lock held.
  class Handler {
   public:
    virtual ~Handler() = default;
    virtual void accepted(int fd, std::string peer) = 0;  // takes the descriptor over
    virtual void ready(const Ptr& connection) = 0;
    virtual void sweep(const Ptr& connection) = 0;  // several times a second, for each
  };

  ConnLoop(Listener listener, Handler& handler);
  ~ConnLoop() { stop(); }
  ConnLoop(const ConnLoop&) = delete;
  ConnLoop& operator=(const ConnLoop&) = delete;

  void start();
  void stop_accepting();
  void stop();

  // Takes a connection in, not armed.
  bool add(const Ptr& connection);
  // One event, then silence until it is armed again.
  void arm(const Connection& connection, Io want) const;
  void remove(const Connection& connection);
  [[nodiscard]] std::vector<Ptr> all() const;
  // The oldest that is younger than the one of this id, 0: than none. Null: there is none.
  [[nodiscard]] Ptr next(std::uint64_t id) const;
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] std::uint16_t port() const { return listener_.port(); }

 private:
  static constexpr std::uint64_t kListener = 1;

  void run();
  void accept_some();

  Listener listener_;
  Handler& handler_;
  Poller poller_;
  mutable std::mutex mutex_;
  std::map<std::uint64_t, Ptr> connections_;  // ids grow
  std::atomic<bool> accepting_{true};
  std::atomic<bool> stopped_{false};
  bool listener_armed_ = true;  // the loop's thread only
  std::thread thread_;
};

}  // namespace gb::http
