// The server's wiring and the life of a request on a connection: head, admission, body, handling,
// response, and again. Internal to src/http; the door is server.h.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "http/conn_loop.h"
#include "http/gate.h"
#include "http/server.h"
#include "http/tls_context.h"
#include "http/watch_mux.h"
#include "http/worker_pool.h"

namespace gb::http {

class Transport final : public Server, private ConnLoop::Handler {
 public:
  Transport(ServerOptions options, std::shared_ptr<ServerTlsContext> tls, Service& service,
            Listener listener);
  ~Transport() override;

  [[nodiscard]] std::uint16_t port() const override { return port_; }
  void drain(std::chrono::milliseconds deadline) override;
  [[nodiscard]] Stats stats() const override;

 private:
  using Ptr = std::shared_ptr<Connection>;
  using State = Connection::State;

  // On the loop's thread.
  void refuse(int fd, const std::string& peer, const char* why);
  bool make_room();
  void accepted(int fd, std::string peer) override;
  void ready(const Ptr& connection) override;
  void sweep(const Ptr& connection) override;

  // On whichever thread has read the head.
  void arrive(Exchange& exchange);

  // On a worker.
  void work(unsigned worker, const Ptr& connection);
  // True: the exchange can be handled; false: the connection waits for the body.
  bool admit(const Ptr& connection, Exchange& exchange, std::optional<Response>& refused);
  [[nodiscard]] std::optional<Response> refuse_admitted(const Exchange& exchange) const;
  void respond(const Ptr& connection, std::unique_ptr<Exchange> exchange, Rendered rendered);

  // Each under the connection's mutex; the connection is not touched after it returns.
  void shake_hands(const Ptr& connection);
  void read_head(const Ptr& connection);
  bool begin_exchange(const Ptr& connection);  // false: the head is not complete
  void read_body(const Ptr& connection);
  void write_out(const Ptr& connection);
  void next_request(const Ptr& connection);
  void linger(const Ptr& connection);
  void destroy(const Ptr& connection);
  void arm(const Ptr& connection, Io want);
  void finish(Exchange& exchange);
  void stream_ended(const Ptr& connection, bool lost);

  [[nodiscard]] SteadyTime now() const { return clock_->steady_now(); }
  void submit(const Ptr& connection);
  void cut_everything();

  const ServerOptions options_;
  const std::shared_ptr<const Clock> clock_;
  const std::shared_ptr<ServerTlsContext> tls_;
  Service& service_;
  const HeadLimits limits_;
  std::atomic<std::uint64_t> next_id_{16};  // below: the pollers' own
  std::atomic<std::size_t> in_flight_{0};
  std::atomic<bool> draining_{false};
  // Connections since that was told; the loop's thread only.
  struct Crowd {
    std::uint64_t count = 0;
    std::optional<SteadyTime> told;
  };
  void tell(Crowd& crowd, const char* what, const std::string& peer, const char* why);
  Crowd refused_;
  Crowd displaced_;
  std::mutex ended_mutex_;
  std::condition_variable ended_;  // a connection has ended
  std::uint16_t port_;
  std::vector<std::unique_ptr<Gate>> gates_;
  ConnLoop loop_;
  WatchMux mux_;
  WorkerPool workers_;
};

}  // namespace gb::http
