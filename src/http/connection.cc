#include "http/connection.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "http/tls_context.h"

namespace gb::http {

Connection::Connection(std::uint64_t id_in, int fd_in, SslPtr ssl_in, std::string peer_in)
    : id(id_in), fd(fd_in), ssl(std::move(ssl_in)), peer(std::move(peer_in)) {
  SSL_set_fd(ssl.get(), fd);
}

Connection::~Connection() {
  ssl.reset();
  ::close(fd);
}

Io Connection::after(int result) const {
  switch (SSL_get_error(ssl.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return Io::kWantRead;
    case SSL_ERROR_WANT_WRITE:
      return Io::kWantWrite;
    case SSL_ERROR_ZERO_RETURN:
      return Io::kEnd;
    default:
      return Io::kError;
  }
}

Io Connection::handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl.get());
  if (result == 1) {
    certificate = peer_certificate(ssl.get());
    return Io::kDone;
  }
  const Io io = after(result);
  if (io == Io::kError) {
    tls_failed_ = true;
    if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_HTTP_REQUEST) refuse_plain_http();
    ERR_clear_error();
  }
  return io;
}

Io Connection::read() {
  // As large as the largest record, so that TLS keeps nothing back.
  char buffer[Outbox::kRun];
  std::size_t count = 0;
  ERR_clear_error();
  const int result = SSL_read_ex(ssl.get(), buffer, sizeof buffer, &count);
  if (result == 1) {
    in.append(buffer, count);
    return Io::kDone;
  }
  const Io io = after(result);
  tls_failed_ = tls_failed_ || io == Io::kError;
  return io;
}

Io Connection::write(std::size_t budget, std::size_t& written) {
  written = 0;
  while (!out.empty()) {
    if (written >= budget) return Io::kBudget;
    const std::string_view run = out.front();
    std::size_t count = 0;
    ERR_clear_error();
    const int result = SSL_write_ex(ssl.get(), run.data(), run.size(), &count);
    if (result != 1) {
      const Io io = after(result);
      tls_failed_ = tls_failed_ || io == Io::kError;
      return io;
    }
    out.consume(count);
    written += count;
  }
  return Io::kDone;
}

Io Connection::discard() {
  char buffer[Outbox::kRun];
  // A bounded turn: who goes on sending is cut by the deadline.
  for (int i = 0; i < 16; ++i) {
    const ssize_t count = ::recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (count == 0) return Io::kEnd;
    if (count < 0) {
      if (errno == EINTR) continue;
      return errno == EAGAIN || errno == EWOULDBLOCK ? Io::kWantRead : Io::kError;
    }
  }
  return Io::kWantRead;
}

void Connection::end_output() {
  if (!tls_failed_ && SSL_is_init_finished(ssl.get()) == 1) {
    ERR_clear_error();
    SSL_shutdown(ssl.get());
    ERR_clear_error();
  }
  ::shutdown(fd, SHUT_WR);
}

void Connection::refuse_plain_http() const {
  static constexpr std::string_view kAnswer =
      "HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
      "Client sent an HTTP request to an HTTPS server.\n";
  (void)!::send(fd, kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace gb::http
