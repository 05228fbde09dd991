#include "http/listener.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace gb::http {
namespace {

constexpr int kBacklog = 4096;

socklen_t fill(const std::string& address, std::uint16_t port, sockaddr_storage& out) {
  auto* v4 = reinterpret_cast<sockaddr_in*>(&out);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&out);
  if (::inet_pton(AF_INET, address.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    return sizeof *v4;
  }
  if (::inet_pton(AF_INET6, address.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    return sizeof *v6;
  }
  return 0;
}

std::string text_of(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = {};
  if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    ::inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    return "[" + std::string(text) + "]:" + std::to_string(ntohs(v6.sin6_port));
  }
  const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
  ::inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
  return std::string(text) + ":" + std::to_string(ntohs(v4.sin_port));
}

void set_option(int fd, int level, int name, int value) {
  ::setsockopt(fd, level, name, &value, sizeof value);
}

}  // namespace

Result<Listener> Listener::open(const std::string& address, std::uint16_t port) {
  sockaddr_storage where{};
  const socklen_t size = fill(address, port, where);
  if (size == 0)
    return fail(Code::kInvalid, "\"" + address + "\" is not an IP address",
                "give an IPv4 or IPv6 address to listen on, for example 127.0.0.1 or ::");
  const int fd = ::socket(where.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);  // a restart does not wait for old connections
  if (where.ss_family == AF_INET6) set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  if (fd < 0 || ::bind(fd, reinterpret_cast<const sockaddr*>(&where), size) != 0 ||
      ::listen(fd, kBacklog) != 0) {
    const int error = errno;
    if (fd >= 0) ::close(fd);
    return fail(Code::kUnavailable,
                "cannot listen on " + address + " port " + std::to_string(port) + ": " +
                    std::generic_category().message(error),
                "choose another port or stop who uses it");
  }
  sockaddr_storage bound{};
  socklen_t bound_size = sizeof bound;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &bound_size);
  // The port is at the same place in both families.
  return Listener(fd, ntohs(reinterpret_cast<const sockaddr_in&>(bound).sin_port));
}

Listener::Listener(Listener&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), port_(other.port_) {}

Listener::Accepted Listener::accept() const {
  for (;;) {
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    const int fd =
        ::accept4(fd_, reinterpret_cast<sockaddr*>(&peer), &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
      set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
      // A watch whose client's machine vanished is found within about two minutes.
      set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
      set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, 60);
      set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, 15);
      set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 4);
      return {fd, text_of(peer), false};
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {};
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
      return {-1, "", true};
    // What else accept() tells belongs to a connection that is gone already.
    if (errno != EINTR && errno != ECONNABORTED && errno != EPROTO) return {};
  }
}

void Listener::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

}  // namespace gb::http
