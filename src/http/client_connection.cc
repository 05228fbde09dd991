#include "http/client_connection.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <system_error>

#include "http/tls.h"

namespace gb::http {
namespace {

std::string errno_text(int error) {
  return std::generic_category().message(error);
}

// An open socket that closes itself unless it is released.
class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) {}
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  [[nodiscard]] int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

Result<int> connect_one(const addrinfo& address, Deadline deadline, const Waker& waker) {
  Fd fd(::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd.get() < 0) return fail(Code::kUnavailable, "no socket: " + errno_text(errno));
  const int on = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  if (::connect(fd.get(), address.ai_addr, address.ai_addrlen) != 0) {
    if (errno != EINPROGRESS) return fail(Code::kUnavailable, errno_text(errno));
    GB_TRY(waker.wait(fd.get(), POLLOUT, deadline));
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return fail(Code::kUnavailable, errno_text(error));
  }
  return fd.release();
}

// What a call of OpenSSL that did not succeed waits for: the poll event, or the error that ends it.
Result<short> what_next(SSL* ssl, int result) {
  const int saved = errno;
  switch (SSL_get_error(ssl, result)) {
    case SSL_ERROR_WANT_READ:
      return POLLIN;
    case SSL_ERROR_WANT_WRITE:
      return POLLOUT;
    case SSL_ERROR_SYSCALL:
      ERR_clear_error();
      return fail(Code::kUnavailable, saved == 0 ? "the connection was cut" : errno_text(saved));
    default:
      return fail(Code::kUnavailable, ossl_error());
  }
}

}  // namespace

Waker::Waker(const std::stop_token& stop)
    : event_fd_(stop.stop_possible() ? ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1), stop_(stop) {
  if (event_fd_ >= 0)
    callback_ = std::make_unique<std::stop_callback<std::function<void()>>>(stop, [fd = event_fd_] {
      const std::uint64_t one = 1;
      (void)!::write(fd, &one, sizeof one);
    });
}

Waker::~Waker() {
  callback_.reset();
  if (event_fd_ >= 0) ::close(event_fd_);
}

Status Waker::wait(int fd, short events, Deadline deadline) const {
  for (;;) {
    if (stop_.stop_requested()) return fail(Code::kCancelled, "the request was called off");
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return fail(Code::kUnavailable, "no answer within the time allowed");
    pollfd fds[2] = {{fd, events, 0}, {event_fd_, POLLIN, 0}};
    const int ready =
        ::poll(fds, 2, static_cast<int>(std::min<std::int64_t>(left.count(), 3600 * 1000)));
    if (ready < 0 && errno != EINTR) return fail(Code::kUnavailable, errno_text(errno));
    if (ready > 0 && fds[1].revents == 0) return {};
  }
}

Result<int> connect_any(const addrinfo* addresses, Deadline deadline, const Waker& waker) {
  int left = 0;
  for (const addrinfo* at = addresses; at != nullptr; at = at->ai_next) ++left;
  Result<int> connected = fail(Code::kUnavailable, "the name has no address");
  for (const addrinfo* at = addresses; at != nullptr; at = at->ai_next, --left) {
    const Deadline now = std::chrono::steady_clock::now();
    connected = connect_one(*at, now + (deadline - now) / left, waker);
    if (connected || connected.error().code == Code::kCancelled) break;
  }
  return connected;
}

Result<std::unique_ptr<ClientConnection>> ClientConnection::open(SSL_CTX* context,
                                                                 const Target& target,
                                                                 Deadline deadline,
                                                                 const Waker& waker) {
  const auto unreachable = [&target](Error cause) {
    return wrap("cannot connect to " + target.host + ":" + std::to_string(target.port),
                std::move(cause));
  };
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  if (is_address(target.host)) hints.ai_flags = AI_NUMERICHOST;
  addrinfo* found = nullptr;
  const int looked_up =
      ::getaddrinfo(target.host.c_str(), std::to_string(target.port).c_str(), &hints, &found);
  if (looked_up != 0)
    return unreachable(Error{Code::kUnavailable,
                             ::gai_strerror(looked_up),
                             "check the host name and the name service",
                             {},
                             {}});
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, &::freeaddrinfo);

  Result<int> connected = connect_any(found, deadline, waker);
  if (!connected) return unreachable(std::move(connected).error());
  Fd fd(*connected);

  SslPtr ssl(SSL_new(context));
  if (!ssl) return fail(Code::kInternal, "cannot make a TLS connection: " + ossl_error());
  SSL_set_connect_state(ssl.get());
  if (is_address(target.server_name)) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), target.server_name.c_str());
  } else {
    SSL_set_tlsext_host_name(ssl.get(), target.server_name.c_str());
    SSL_set1_host(ssl.get(), target.server_name.c_str());
  }
  SSL_set_fd(ssl.get(), fd.get());
  for (;;) {
    ERR_clear_error();
    errno = 0;
    const int result = SSL_do_handshake(ssl.get());
    if (result == 1) break;
    if (const long verified = SSL_get_verify_result(ssl.get()); verified != X509_V_OK) {
      ERR_clear_error();
      return unreachable(Error{Code::kUnavailable,
                               std::string("its certificate is not accepted: ") +
                                   X509_verify_cert_error_string(verified),
                               "check the bundle of authorities and the server's name",
                               {},
                               {}});
    }
    const auto event = what_next(ssl.get(), result);
    if (!event) return unreachable(event.error());
    if (auto waited = waker.wait(fd.get(), *event, deadline); !waited)
      return unreachable(std::move(waited).error());
  }
  return std::unique_ptr<ClientConnection>(new ClientConnection(fd.release(), std::move(ssl)));
}

ClientConnection::~ClientConnection() {
  ERR_clear_error();
  SSL_shutdown(ssl_.get());  // says good-bye if it goes out at once, waits for nothing
  ERR_clear_error();
  ssl_.reset();
  ::close(fd_);
}

Status ClientConnection::write(std::string_view bytes, Deadline deadline, const Waker& waker) {
  while (!bytes.empty()) {
    ERR_clear_error();
    errno = 0;
    std::size_t written = 0;
    const int result = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &written);
    if (result == 1) {
      bytes.remove_prefix(written);
      continue;
    }
    GB_TRY_ASSIGN(const short event, what_next(ssl_.get(), result));
    GB_TRY(waker.wait(fd_, event, deadline));
  }
  return {};
}

Result<bool> ClientConnection::read(std::string& in, Deadline deadline, const Waker& waker) {
  char buffer[16384];
  for (;;) {
    ERR_clear_error();
    errno = 0;
    std::size_t count = 0;
    const int result = SSL_read_ex(ssl_.get(), buffer, sizeof buffer, &count);
    if (result == 1) {
      in.append(buffer, count);
      return true;
    }
    if (SSL_get_error(ssl_.get(), result) == SSL_ERROR_ZERO_RETURN) return false;
    GB_TRY_ASSIGN(const short event, what_next(ssl_.get(), result));
    GB_TRY(waker.wait(fd_, event, deadline));
  }
}

bool ClientConnection::quiet() const {
  if (SSL_has_pending(ssl_.get()) == 1) return false;
  pollfd fd{fd_, POLLIN, 0};
  return ::poll(&fd, 1, 0) == 0;
}

}  // namespace gb::http
