#include "http/transport.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "base/log.h"
#include "http/status.h"

namespace gb::http {
namespace {

constexpr std::size_t kTurnBytes =
    131072;  // so that small answers pass between the turns of large ones
constexpr std::chrono::milliseconds kLinger{2000};
constexpr std::chrono::milliseconds kLingerInDrain{200};
constexpr std::chrono::seconds kRefusedTold{10};
// Of a body that means nothing so much is read, so that the connection can be kept: as net/http.
constexpr std::size_t kSkippedBody = 262144;
// Bytes a second. Who reads an answer slower than that for longer than the write deadline is cut,
// however steadily: its memory and its place are what others wait for.
constexpr std::size_t kSlowestReader = 262144;

// Takes what has arrived of the body, and throws it away unless it is wanted.
void take_body(Connection& connection, Exchange& exchange, bool wanted) {
  std::size_t used = 0;
  if (wanted)
    exchange.decoder.feed(connection.in, used, exchange.body);
  else
    exchange.decoder.skip(connection.in, used);
  connection.in.erase(0, used);
}

}  // namespace

Transport::Transport(ServerOptions options, std::shared_ptr<ServerTlsContext> tls, Service& service,
                     Listener listener)
    : options_(std::move(options)),
      clock_(options_.clock ? options_.clock : std::make_shared<SystemClock>()),
      tls_(std::move(tls)),
      service_(service),
      limits_{options_.max_head, options_.max_fields},
      port_(listener.port()),
      gates_([this] {
        std::vector<std::unique_ptr<Gate>> gates;
        for (unsigned i = 0; i < options_.workers; ++i)
          gates.push_back(std::make_unique<Gate>(*clock_));
        return gates;
      }()),
      loop_(std::move(listener), *this),
      mux_(*clock_, options_.write_deadline,
           [this](const Ptr& connection, bool lost) { stream_ended(connection, lost); }),
      workers_(options_.workers,
               {options_.workers, options_.workers - options_.health_workers,
                std::min(options_.slow_workers, options_.workers)},
               [this](unsigned worker, const Ptr& connection) { work(worker, connection); }) {
  mux_.start();
  loop_.start();
}

Transport::~Transport() {
  draining_ = true;
  loop_.stop_accepting();
  cut_everything();
  workers_.stop();
  mux_.stop();
  loop_.stop();
  for (const auto& connection : loop_.all()) {
    const std::lock_guard lock(connection->mutex);
    destroy(connection);
  }
}

Server::Stats Transport::stats() const {
  const std::size_t streams = mux_.size();
  return {loop_.size() + streams, streams, in_flight_};
}

void Transport::submit(const Ptr& connection) {
  connection->state = State::kWorker;
  workers_.submit(connection, connection->exchange->lane);
}

void Transport::arm(const Ptr& connection, Io want) {
  loop_.arm(*connection, want);
}

// ---- on the loop's thread

void Transport::tell(Crowd& crowd, const char* what, const std::string& peer, const char* why) {
  ++crowd.count;
  // Whoever makes so many connections must not fill the log, too.
  if (crowd.told && now() - *crowd.told < kRefusedTold) return;
  log::warn(what, {{"count", crowd.count}, {"peer", peer}, {"why", why}});
  crowd = {0, now()};
}

void Transport::refuse(int fd, const std::string& peer, const char* why) {
  tell(refused_, "connections were refused", peer, why);
  ::close(fd);
}

// Whoever can reach us can open connections; kubelet's probes and kube-apiserver must come through
// all the same. What a worker works for is not touched.
bool Transport::make_room() {
  for (Ptr connection = loop_.next(0); connection; connection = loop_.next(connection->id)) {
    const std::lock_guard lock(connection->mutex);
    if (connection->known || connection->state == State::kWorker ||
        connection->state == State::kStream || connection->state == State::kClosed)
      continue;
    tell(displaced_, "connections of nobody known were closed for newer ones", connection->peer,
         "too many");
    destroy(connection);
    return true;
  }
  return false;
}

void Transport::accepted(int fd, std::string peer) {
  SslPtr ssl = tls_->new_connection();
  const bool full = loop_.size() + mux_.size() >= options_.max_connections && !make_room();
  if (full || !ssl) return refuse(fd, peer, full ? "too many" : "no memory");
  const auto connection =
      std::make_shared<Connection>(next_id_++, fd, std::move(ssl), std::move(peer));
  const std::lock_guard lock(connection->mutex);
  connection->deadline = now() + options_.head_deadline;
  if (loop_.add(connection)) arm(connection, Io::kWantRead);
}

void Transport::ready(const Ptr& connection) {
  const std::lock_guard lock(connection->mutex);
  switch (connection->state) {
    case State::kHandshake:
      return shake_hands(connection);
    case State::kIdle:
    case State::kHead:
      return read_head(connection);
    case State::kBody:
      return read_body(connection);
    case State::kWrite:
      return write_out(connection);
    case State::kLinger: {
      const Io io = connection->discard();
      return io == Io::kWantRead ? arm(connection, io) : destroy(connection);
    }
    case State::kWorker:
    case State::kStream:
    case State::kClosed:
      return;
  }
}

void Transport::sweep(const Ptr& connection) {
  const std::lock_guard lock(connection->mutex);
  switch (connection->state) {
    case State::kWorker:
    case State::kStream:
    case State::kClosed:
      return;
    case State::kIdle:
      // Also on a drain: an idle connection is told good-bye.
      if (draining_ || connection->deadline < now()) linger(connection);
      return;
    case State::kHandshake:
      if (draining_ || connection->deadline < now()) destroy(connection);
      return;
    default:
      if (connection->deadline < now()) destroy(connection);
  }
}

void Transport::shake_hands(const Ptr& connection) {
  const Io io = connection->handshake();
  if (io == Io::kWantRead || io == Io::kWantWrite) return arm(connection, io);
  if (io != Io::kDone) return destroy(connection);
  connection->state = State::kIdle;
  // Nobody knows yet who that is: only a request buys the time of an idle connection.
  connection->deadline = now() + options_.head_deadline;
  read_head(connection);
}

// ---- on whichever thread has the connection's turn

void Transport::read_head(const Ptr& connection) {
  // Bounded, so that a peer which sends faster than we read does not keep the thread.
  for (int reads = 0;; ++reads) {
    if (!connection->in.empty()) {
      if (begin_exchange(connection)) return submit(connection);
      if (connection->state == State::kIdle) {
        connection->state = State::kHead;
        connection->deadline = now() + options_.head_deadline;
      }
    }
    const Io io = reads < 8 ? connection->read() : Io::kWantRead;
    if (io == Io::kWantRead || io == Io::kWantWrite) return arm(connection, io);
    if (io != Io::kDone) return destroy(connection);
  }
}

bool Transport::begin_exchange(const Ptr& connection) {
  auto exchange = std::make_unique<Exchange>();
  const auto found = connection->scanner.scan(connection->in, limits_);
  if (found && !*found) return false;
  if (found) {
    auto parsed = parse_head(std::string_view(connection->in).substr(0, **found), limits_);
    connection->in.erase(0, **found);
    if (parsed) {
      exchange->parsed = std::move(*parsed);
      exchange->parsed.head.peer = connection->peer;
      exchange->parsed.head.peer_certificate = connection->certificate;
      arrive(*exchange);
    } else {
      exchange->refusal = parsed.error();
    }
  } else {
    exchange->refusal = found.error();
  }
  connection->scanner = HeadScanner();
  connection->exchange = std::move(exchange);
  ++in_flight_;
  return true;
}

void Transport::arrive(Exchange& exchange) {
  try {
    if (auto arrival = service_.arrive(exchange.parsed.head)) {
      exchange.lane = arrival->lane;
      exchange.place = std::move(arrival->place);
      exchange.takes_body = arrival->takes_body;
      return;
    }
  } catch (const std::exception& e) {
    log::error("the arrival of a request threw", {{"what", e.what()}});
  }
  exchange.turned_away = true;
}

void Transport::read_body(const Ptr& connection) {
  std::size_t written = 0;
  // The interim 100 may still be on its way.
  const Io sent = connection->write(kTurnBytes, written);
  if (sent == Io::kError || sent == Io::kEnd) return destroy(connection);
  if (sent == Io::kWantWrite) return arm(connection, sent);
  Exchange& exchange = *connection->exchange;
  for (int reads = 0; reads < 8; ++reads) {
    const Io io = connection->read();
    if (io == Io::kWantRead || io == Io::kWantWrite) return arm(connection, io);
    if (io != Io::kDone) return destroy(connection);
    take_body(*connection, exchange, exchange.takes_body);
    if (exchange.decoder.state() != BodyDecoder::State::kMore) return submit(connection);
  }
  arm(connection, Io::kWantRead);
}

void Transport::write_out(const Ptr& connection) {
  Exchange& exchange = *connection->exchange;
  std::size_t written = 0;
  const Io io = connection->write(kTurnBytes, written);
  if (written > 0)
    connection->deadline = std::min(now() + options_.write_deadline, exchange.write_until);
  if (io == Io::kError || io == Io::kEnd) return destroy(connection);
  if (io != Io::kDone) return arm(connection, io);
  const bool keep = exchange.keep_alive;
  finish(exchange);
  connection->exchange.reset();
  return keep ? next_request(connection) : linger(connection);
}

void Transport::next_request(const Ptr& connection) {
  connection->state = State::kIdle;
  connection->deadline = now() + options_.idle_deadline;
  if (draining_) return linger(connection);
  if (!connection->in.empty() || connection->has_hidden_input()) return read_head(connection);
  // Most connections wait most of the time: they keep no buffer.
  std::string().swap(connection->in);
  arm(connection, Io::kWantRead);
}

// A socket that is closed while input is unread is reset, and the reset may overtake the answer. So
// our end is closed first, and what the peer still sends is thrown away until it closes too.
void Transport::linger(const Ptr& connection) {
  connection->end_output();
  const Io io = connection->discard();
  if (io != Io::kWantRead) return destroy(connection);
  connection->state = State::kLinger;
  connection->deadline = now() + (draining_ ? kLingerInDrain : kLinger);
  arm(connection, io);
}

void Transport::destroy(const Ptr& connection) {
  if (connection->state == State::kClosed) return;
  connection->state = State::kClosed;
  loop_.remove(*connection);
  // What a worker still holds ends there.
  if (connection->exchange) {
    finish(*connection->exchange);
    connection->exchange.reset();
  }
  ::shutdown(connection->fd, SHUT_RDWR);
  ended_.notify_all();
}

void Transport::finish(Exchange& exchange) {
  exchange.place.reset();
  --in_flight_;
  if (exchange.stream) exchange.stream->gone();
}

void Transport::stream_ended(const Ptr& connection, bool lost) {
  ended_.notify_all();
  if (connection->exchange->keep_alive && (draining_ || !connection->out.empty()))
    connection->exchange->keep_alive = false;
  const bool keep = connection->exchange->keep_alive;
  finish(*connection->exchange);
  connection->exchange.reset();
  if (lost || !loop_.add(connection)) {
    connection->state = State::kClosed;
    ::shutdown(connection->fd, SHUT_RDWR);
    return;
  }
  return keep ? next_request(connection) : linger(connection);
}

// ---- on a worker

void Transport::work(unsigned worker, const Ptr& connection) {
  std::unique_ptr<Exchange> exchange;
  {
    const std::lock_guard lock(connection->mutex);
    if (connection->state != State::kWorker) return;
    exchange = std::move(connection->exchange);
  }
  std::optional<Response> refused;
  if (exchange->refusal) {
    refused = status_response(exchange->refusal->status, exchange->refusal->message);
    refused->close = true;
  } else if (!exchange->admitted) {
    if (!admit(connection, *exchange, refused)) {
      const std::lock_guard lock(connection->mutex);
      connection->exchange = std::move(exchange);
      if (connection->state == State::kClosed) {
        finish(*connection->exchange);
        connection->exchange.reset();
        return;
      }
      connection->state = State::kBody;
      connection->deadline = now() + options_.body_deadline;
      return read_body(connection);
    }
  }
  if (!refused && exchange->decoder.state() == BodyDecoder::State::kTooLarge)
    refused = refuse_admitted(*exchange);
  if (!refused && exchange->decoder.state() == BodyDecoder::State::kMalformed)
    refused = status_response(400, "the chunks of the request's body are malformed");

  exchange->body_consumed = exchange->decoder.state() == BodyDecoder::State::kDone;
  const ParsedHead& parsed = exchange->parsed;
  const Framing framing{
      parsed.head.method,
      exchange->refusal ? std::string_view("/") : std::string_view(parsed.head.target),
      parsed.http10,
      parsed.keep_alive && exchange->body_consumed,
      parsed.accepts_gzip,
      options_.gzip_from};
  Rendered rendered = gates_[worker]->render(framing, [&] {
    Response response = refused ? std::move(*refused)
                                : service_.handle(Request{parsed.head, std::move(exchange->body)},
                                                  std::move(exchange->context));
    // Asked late: a drain may have begun while the handler ran.
    if (draining_) response.close = true;
    return response;
  });
  respond(connection, std::move(exchange), std::move(rendered));
}

bool Transport::admit(const Ptr& connection, Exchange& exchange, std::optional<Response>& refused) {
  const ParsedHead& parsed = exchange.parsed;
  exchange.decoder = BodyDecoder(parsed.framing, parsed.length,
                                 exchange.takes_body ? options_.max_body : kSkippedBody);
  bool known = false;
  try {
    auto verdict = exchange.turned_away
                       ? std::variant<Service::Admitted, Response>(service_.turn_away(parsed.head))
                       : service_.admit(parsed.head);
    if (auto* response = std::get_if<Response>(&verdict)) {
      refused = std::move(*response);
    } else {
      exchange.context = std::move(std::get<Service::Admitted>(verdict));
      known = service_.is_known(exchange.context);
    }
  } catch (const std::exception& e) {
    log::error("the admission of a request threw", {{"what", e.what()}});
    refused = internal_error();
  } catch (...) {
    log::error("the admission of a request threw", {});
    refused = internal_error();
  }
  exchange.admitted = true;
  if (!refused) refused = refuse_admitted(exchange);

  // What of the body has arrived is taken in any case: with all of it the connection can be kept.
  const std::lock_guard lock(connection->mutex);
  connection->known = connection->known || known;
  const bool early = !connection->in.empty();
  take_body(*connection, exchange, exchange.takes_body && !refused);
  if (refused || exchange.decoder.state() != BodyDecoder::State::kMore) return true;
  // Nobody wants the body: who waits to be asked for it is answered instead.
  if (!exchange.takes_body && parsed.expects_continue) return true;
  // Never unasked for, never before the admission: kube-apiserver's proxy would make a 200 of it.
  if (parsed.expects_continue && !early) connection->out.add("HTTP/1.1 100 Continue\r\n\r\n");
  return false;
}

std::optional<Response> Transport::refuse_admitted(const Exchange& exchange) const {
  std::optional<Response> refused;
  if (exchange.parsed.upgrade) {
    refused = status_response(400, "this server does not upgrade connections");
    refused->close = true;
  } else if (!exchange.takes_body) {
    return refused;  // whatever is wrong with a body that nobody looks at
  } else if (exchange.parsed.encoded) {
    refused = status_response(415, "a request body with a Content-Encoding is not accepted");
  } else if (exchange.decoder.state() == BodyDecoder::State::kTooLarge) {
    refused = status_response(
        413, "Request entity too large: limit is " + std::to_string(options_.max_body));
  }
  return refused;
}

void Transport::respond(const Ptr& connection, std::unique_ptr<Exchange> exchange,
                        Rendered rendered) {
  exchange->keep_alive = rendered.keep_alive;
  exchange->stream = std::move(rendered.stream);
  exchange->chunked = rendered.chunked;
  // Streams have limits of their own; any other answer takes memory until it has left.
  if (exchange->stream) exchange->place.reset();
  std::size_t size = rendered.head.size();
  for (const auto& piece : rendered.body) size += piece->size();
  const std::lock_guard lock(connection->mutex);
  if (connection->state == State::kClosed) {
    finish(*exchange);
    return;
  }
  connection->exchange = std::move(exchange);
  connection->out.add(std::move(rendered.head));
  for (auto& piece : rendered.body) connection->out.add(std::move(piece));
  if (connection->exchange->stream) {
    connection->state = State::kStream;
    // The client's certificate has served its purpose; a watch lives for an hour.
    connection->exchange->parsed.head.peer_certificate = {};
    loop_.remove(*connection);
    mux_.adopt(connection);
    return;
  }
  connection->state = State::kWrite;
  connection->deadline = now() + options_.write_deadline;
  connection->exchange->write_until =
      connection->deadline + std::chrono::seconds(size / kSlowestReader);
  write_out(connection);
}

// ---- the end

void Transport::drain(std::chrono::milliseconds deadline) {
  const auto until = std::chrono::steady_clock::now() + deadline;
  draining_ = true;
  loop_.stop_accepting();
  mux_.drain();
  {
    std::unique_lock lock(ended_mutex_);
    // The sweep ends what is idle; the others end by themselves. A wake-up may be missed, so look
    // again.
    while (stats().connections > 0 && std::chrono::steady_clock::now() < until)
      ended_.wait_until(
          lock, std::min(until, std::chrono::steady_clock::now() + std::chrono::milliseconds(20)));
  }
  cut_everything();
}

void Transport::cut_everything() {
  mux_.stop();
  for (const auto& connection : loop_.all()) {
    const std::lock_guard lock(connection->mutex);
    // Handed over since the list was made: the mux has it, and ends it.
    if (connection->state != State::kStream) destroy(connection);
  }
  mux_.stop();
}

Response Service::turn_away(const RequestHead& /*head*/) {
  Response response = status_response(429, "Too many requests, please try again later.");
  response.headers.add("Retry-After", "1");
  return response;
}

Result<std::unique_ptr<Server>> Server::start(ServerOptions options,
                                              std::shared_ptr<TlsContext> tls, Service& service) {
  GB_TRY_ASSIGN(Listener listener, Listener::open(options.address, options.port));
  return start(std::move(listener), std::move(options), std::move(tls), service);
}

Result<std::unique_ptr<Server>> Server::start(Listener listener, ServerOptions options,
                                              std::shared_ptr<TlsContext> tls, Service& service) {
  auto context = std::dynamic_pointer_cast<ServerTlsContext>(tls);
  if (!context)
    return fail(Code::kInvalid, "the server needs a TLS context of TlsContext::server()");
  if (options.workers <= options.health_workers || options.slow_workers == 0 ||
      options.max_connections == 0)
    return fail(Code::kInvalid, "the server needs workers for every lane, and a connection");
  std::signal(SIGPIPE, SIG_IGN);  // a write to a peer that has gone is an error, not the end of us
  return std::make_unique<Transport>(std::move(options), std::move(context), service,
                                     std::move(listener));
}

}  // namespace gb::http
