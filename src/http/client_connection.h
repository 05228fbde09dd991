// One TLS connection of the client: every wait ends at a deadline or when a stop is requested.
// Internal to src/http. Thread safety: none; one request owns a connection at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/error.h"
#include "http/ossl.h"

struct addrinfo;

namespace gb::http {

using Deadline = std::chrono::steady_clock::time_point;

// A wait that a requested stop ends.
class Waker {
 public:
  explicit Waker(const std::stop_token& stop);
  ~Waker();
  Waker(const Waker&) = delete;
  Waker& operator=(const Waker&) = delete;
  // Until `fd` has one of `events`. Unavailable at the deadline, Cancelled on a stop.
  Status wait(int fd, short events, Deadline deadline) const;

 private:
  int event_fd_;
  std::stop_token stop_;
  std::unique_ptr<std::stop_callback<std::function<void()>>> callback_;
};

// A connected socket, which the caller closes, of the first address that answers. Each may take its
// share of the time that is left, so that a silent one leaves some to the next. Errors: that of the
// last address; Cancelled.
Result<int> connect_any(const addrinfo* addresses, Deadline deadline, const Waker& waker);

class ClientConnection {
 public:
  struct Target {
    std::string host;
    std::uint16_t port;
    std::string server_name;
  };
  static Result<std::unique_ptr<ClientConnection>> open(SSL_CTX* context, const Target& target,
                                                        Deadline deadline, const Waker& waker);
  ~ClientConnection();
  ClientConnection(const ClientConnection&) = delete;
  ClientConnection& operator=(const ClientConnection&) = delete;

  Status write(std::string_view bytes, Deadline deadline, const Waker& waker);
  // Appends at least one byte to `in`; false at the peer's orderly end.
  Result<bool> read(std::string& in, Deadline deadline, const Waker& waker);
  // Nothing arrived while nobody asked: neither an end nor a stray byte.
  [[nodiscard]] bool quiet() const;

 private:
  ClientConnection(int fd, SslPtr ssl) : fd_(fd), ssl_(std::move(ssl)) {}
  int fd_;
  SslPtr ssl_;
};

}  // namespace gb::http
