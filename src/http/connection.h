// One client: sole owner of the socket and its TLS state, and of the request that is being served.
//
// Thread safety: a connection passes between the loop, the workers and the stream thread; whoever
// has its turn holds `mutex`. Once a connection was armed or handed over, the former owner does not
// touch it.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "http/gate.h"
#include "http/head_parser.h"
#include "http/ossl.h"
#include "http/outbox.h"
#include "http/server.h"

namespace gb::http {

enum class Io {
  kDone,       // something was done: read, written to the end, shaken hands
  kWantRead,   // arm for input
  kWantWrite,  // arm for output
  kBudget,     // more could be written, but others have their turn first
  kEnd,        // the peer ended in order
  kError       // the connection is lost
};

// A request from its head to the end of its response.
struct Exchange {
  ParsedHead parsed;
  std::optional<HeadRefusal> refusal;  // the head could not be parsed
  Lane lane = Lane::kHealth;           // of what is refused: its answer is there
  std::shared_ptr<void> place;         // among the requests that are served at once
  bool turned_away = false;            // there was none
  bool takes_body = true;              // false: what comes of it is thrown away
  bool admitted = false;
  Service::Admitted context;
  BodyDecoder decoder;
  std::string body;
  bool body_consumed = false;  // nothing of this request is left to read
  // The response:
  bool keep_alive = false;
  std::shared_ptr<FrameQueue> stream;
  bool chunked = false;
  SteadyTime write_until{};  // whoever has not read all of it by then is cut
};

struct Connection {
  enum class State {
    kHandshake,
    kIdle,    // between requests
    kHead,    // a request has begun
    kWorker,  // a worker has it; not armed
    kBody,
    kWrite,
    kStream,  // the stream thread has it
    kLinger,  // our end is closed; what the peer still sends is thrown away until it has seen that
    kClosed
  };

  Connection(std::uint64_t id_in, int fd_in, SslPtr ssl_in, std::string peer_in);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Io handshake();
  // Appends what one read gives to `in`.
  Io read();
  // Writes up to `budget` bytes of `out`; kDone: all of it. `written` says how many went out.
  Io write(std::size_t budget, std::size_t& written);
  // Reads and throws away, below TLS; kEnd once the peer has closed.
  Io discard();
  // close_notify, then the end of our side of the socket.
  void end_output();
  // Decrypted bytes wait in TLS, of which epoll knows nothing.
  [[nodiscard]] bool has_hidden_input() const { return SSL_has_pending(ssl.get()) == 1; }
  // The peer spoke plain HTTP: say so in plain HTTP.
  void refuse_plain_http() const;

  std::mutex mutex;
  const std::uint64_t id;
  int fd;
  SslPtr ssl;
  const std::string peer;
  PeerCertificate certificate;
  State state = State::kHandshake;
  bool known = false;  // somebody who is known has made a request that was admitted
  SteadyTime deadline{};
  std::string in;
  HeadScanner scanner;
  Outbox out;
  std::unique_ptr<Exchange> exchange;

 private:
  Io after(int result) const;
  bool tls_failed_ = false;  // no close_notify after a fatal error
};

}  // namespace gb::http
