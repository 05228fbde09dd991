#include "test/integration/galera/dump_network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <stdexcept>
#include <utility>
#include <vector>

namespace gb::galera::test {
namespace {

constexpr int kLook = 20;  // milliseconds between two looks at what else is to be done

sockaddr_in socket_address(const Address& address) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(address.port);
  if (::inet_pton(AF_INET, address.host.c_str(), &out.sin_addr) != 1)
    throw std::runtime_error(address.host + " is no address");
  return out;
}

bool has_come(int socket) {
  pollfd look{socket, POLLIN, 0};
  return ::poll(&look, 1, kLook) == 1;
}

int connected_to(const Address& address) {
  const sockaddr_in to = socket_address(address);
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0) return socket;
  ::close(socket);
  return -1;
}

}  // namespace

Network::Network(const Address& node) : node_(node), reached_(node) {
  reached_.name = node.text();
  reached_.port = 0;
  sockaddr_in at = socket_address(reached_);
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  socklen_t size = sizeof at;
  if (::bind(listener_, reinterpret_cast<const sockaddr*>(&at), size) != 0 ||
      ::listen(listener_, 64) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size) != 0)
    throw std::runtime_error("no place for a network on " + node.host);
  reached_.port = ntohs(at.sin_port);
  thread_ = std::jthread([this](const std::stop_token& stop) { accept_all(stop); });
}

Network::~Network() {
  thread_.request_stop();
  thread_.join();
  ::close(listener_);
}

void Network::accept_all(const std::stop_token& stop) {
  std::vector<int> sockets;
  {
    std::vector<std::jthread> pumps;
    while (!stop.stop_requested()) {
      if (!has_come(listener_) || silent_) continue;  // the kernel takes them, and nobody answers
      const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      const int server = client < 0 ? -1 : connected_to(node_);
      if (server < 0) {
        if (client >= 0) ::close(client);
        continue;
      }
      sockets.insert(sockets.end(), {client, server});
      for (const auto& [from, to] : {std::pair{client, server}, std::pair{server, client}})
        pumps.emplace_back([this, from = from, to = to](const std::stop_token& ended) {
          pass_on(ended, from, to);
        });
    }
    for (const int socket : sockets) (void)::shutdown(socket, SHUT_RDWR);
  }
  for (const int socket : sockets) ::close(socket);
}

void Network::pass_on(const std::stop_token& stop, int from, int to) const {
  std::array<char, 1 << 16> bytes{};
  while (!stop.stop_requested()) {
    if (silent_) {
      std::this_thread::sleep_for(std::chrono::milliseconds(kLook));
      continue;
    }
    if (!has_come(from)) continue;
    const ssize_t size = ::recv(from, bytes.data(), bytes.size(), 0);
    if (size <= 0) break;
    for (ssize_t sent = 0; sent < size;) {
      const ssize_t some =
          ::send(to, bytes.data() + sent, static_cast<std::size_t>(size - sent), MSG_NOSIGNAL);
      if (some <= 0) break;
      sent += some;
    }
  }
  (void)::shutdown(to, SHUT_RDWR);
}

}  // namespace gb::galera::test
