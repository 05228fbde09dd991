// The HTTPS server: a listener, an epoll loop, a pool of workers, and one thread that owns the
// streams. docs/architecture.md and docs/adr/ say why it has this shape.
//
// A request is parsed from its raw head by our own strict parser: identity and routing come from
// those bytes. The Service first decides on the head alone (before any byte of the body is read),
// then handles the whole request on a worker, where it may block, but never on the client.
//
// Thread safety: Service methods are called from any worker; Server::start() and drain() from one
// thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "http/stream.h"
#include "http/tls.h"

namespace gb::http {

// Names as sent; values raw, outer spaces and tabs trimmed, nothing decoded. Order kept.
class Headers {
 public:
  void add(std::string name, std::string value) {
    fields_.emplace_back(std::move(name), std::move(value));
  }
  // The first value of a name (ASCII case does not matter); empty optional when absent.
  [[nodiscard]] std::optional<std::string_view> get(std::string_view name) const;
  [[nodiscard]] std::vector<std::string_view> all(std::string_view name) const;
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& fields() const {
    return fields_;
  }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

struct RequestHead {
  std::string method;
  std::string target;  // raw, as on the request line
  Headers headers;
  std::string peer;                  // address:port, from the socket
  PeerCertificate peer_certificate;  // empty chain: none was sent
};

struct Request {
  RequestHead head;
  std::string body;
};

// A body made of pieces that others own too: lists stream objects that were serialised once.
using Piece = std::shared_ptr<const std::string>;

struct Response {
  int status = 200;
  Headers headers;  // Content-Type and what the handler wants; framing and Date are the server's
  // A whole text; pieces sent one after the other (Content-Length is their sum); or a stream, which
  // is sent chunked and flushed piece by piece, and lives until its queue is closed or the client
  // goes.
  std::variant<std::string, std::vector<Piece>, std::shared_ptr<FrameQueue>> body;
  bool close = false;  // end the connection after this response
};

// How a request waits for a worker. Each lane may hold only so many of them (ServerOptions), so
// that what blocks cannot take the last one.
enum class Lane {
  kHealth,  // any worker, and before the others: must not block
  kQuick,   // answered from memory, once it is known who asks
  kSlow     // may wait for a disk, a database, a job
};
inline constexpr std::size_t kLanes = 3;

class Service {
 public:
  virtual ~Service() = default;
  // The first look at a request, on its head alone: its lane, and its place among the requests that
  // are served at once, which is destroyed when its answer has left, or has become a stream. Null:
  // there is none left; then turn_away() makes the answer, and nothing else is called. On the
  // thread that reads the head: must not block.
  struct Arrival {
    Lane lane = Lane::kQuick;
    std::shared_ptr<void> place = {};
    // False: the request means nothing by a body. What comes of one is thrown away (up to 256 KiB,
    // as Go's net/http does; beyond that the request is answered and the connection closed), so
    // that nobody fills our memory with it.
    bool takes_body = true;
  };
  virtual std::optional<Arrival> arrive(const RequestHead& head) {
    (void)head;
    return Arrival{};
  }
  // Runs on a worker, in Lane::kHealth: must not block.
  virtual Response turn_away(const RequestHead& head);
  // What a request is allowed to become, decided on its head: a context that handle() gets back, or
  // the answer that refuses it. Runs on a worker; may block on others, never on the client.
  using Admitted = std::shared_ptr<void>;
  virtual std::variant<Admitted, Response> admit(const RequestHead& head) = 0;
  // Whether who sent this has said who he is. The connections of all others are the first to go
  // when there are too many. On a worker: must not block.
  virtual bool is_known(const Admitted& admitted) const {
    (void)admitted;
    return true;
  }
  // Runs on a worker once the whole body is there. An exception is answered with a plain 500
  // Status.
  virtual Response handle(Request request, Admitted admitted) = 0;
};

struct ServerOptions {
  std::string address = "127.0.0.1";  // an IP address, v4 or v6
  std::uint16_t port = 0;             // 0: any; port() tells
  unsigned workers = 32;
  unsigned slow_workers = 16;   // at most so many of them are in Lane::kSlow
  unsigned health_workers = 4;  // so many, less than `workers`, are left to Lane::kHealth
  // When there are so many, a new one takes the place of the oldest on which nobody who is known
  // has had a request admitted (it may still be in its handshake); without such it is closed at
  // once.
  std::size_t max_connections = 4096;
  std::size_t max_body = 3145728;  // 413 beyond it: "Request entity too large: limit is 3145728"
  std::size_t max_head = 65536;    // 431 beyond it
  std::size_t max_fields = 200;    // 431 beyond it
  // From the connection to the end of its handshake, from there to its first request's first byte,
  // and from a request's first byte to the end of its head; then the connection is cut.
  std::chrono::milliseconds head_deadline{10000};
  std::chrono::milliseconds body_deadline{60000};  // from the admission to the body's last byte
  // No progress for so long ends the connection. So does an answer that has not left after that and
  // a second for each 256 KiB of it; streams may go on.
  std::chrono::milliseconds write_deadline{60000};
  std::chrono::milliseconds idle_deadline{600000};  // keep-alive after a request
  std::size_t gzip_from = 131072;  // bodies beyond it are compressed when accepted; streams never
  std::shared_ptr<const Clock> clock =
      {};  // for the deadlines and the Date header; null: the machine's
};

class Listener;

class Server {
 public:
  // Binds and listens. Unavailable when the address is in use, Invalid when it is none or the
  // options leave no worker. `service` outlives the server.
  static Result<std::unique_ptr<Server>> start(ServerOptions options,
                                               std::shared_ptr<TlsContext> tls, Service& service);
  // On a socket that listens already (listener.h), instead of options.address and options.port: who
  // has connected meanwhile is served now.
  static Result<std::unique_ptr<Server>> start(Listener listener, ServerOptions options,
                                               std::shared_ptr<TlsContext> tls, Service& service);
  virtual ~Server() = default;  // cuts every connection; waits for handlers that still run
  [[nodiscard]] virtual std::uint16_t port() const = 0;
  // Stops accepting, closes idle connections, ends streams cleanly, lets requests finish until the
  // deadline passes (real time), then cuts what is left. Final: a drained server never serves
  // again.
  virtual void drain(std::chrono::milliseconds deadline) = 0;

  struct Stats {
    std::size_t connections = 0;
    std::size_t streams = 0;
    std::size_t in_flight = 0;  // requests between their head and the end of their response
  };
  [[nodiscard]] virtual Stats stats() const = 0;
};

}  // namespace gb::http
