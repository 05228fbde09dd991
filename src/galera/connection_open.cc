// How a connection comes to be: to which address, as whom, by which authority.
#include <arpa/inet.h>
#include <errmsg.h>
#include <mysql.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <optional>
#include <utility>

#include "galera/connection.h"
#include "galera/connection_internal.h"

namespace gb::galera {
namespace {

// A peer whose machine is gone: probed after 10 s of silence, given up after 30 s.
void watch_peer(int socket) {
  const auto set = [socket](int level, int option, int value) {
    // Best effort: without these the kernel's own, longer, limits hold.
    (void)::setsockopt(socket, level, option, &value, sizeof value);
  };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 10);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 5);
  set(IPPROTO_TCP, TCP_KEEPCNT, 4);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, 30'000);
}

// Text as a file that only this process sees: libmariadb takes authorities from files alone.
class MemoryFile {
 public:
  static Result<MemoryFile> make(const std::string& text) {
    MemoryFile file(::memfd_create("galera-backup", MFD_CLOEXEC));
    std::size_t done = 0;
    while (file.fd_ >= 0 && done < text.size()) {
      const ssize_t wrote = ::write(file.fd_, text.data() + done, text.size() - done);
      if (wrote <= 0) break;
      done += static_cast<std::size_t>(wrote);
    }
    if (file.fd_ < 0 || done < text.size())
      return fail(Code::kExhausted, "no memory for a certificate authority");
    return file;
  }
  explicit MemoryFile(int fd) : fd_(fd) {}
  MemoryFile(MemoryFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  MemoryFile& operator=(MemoryFile&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

std::string peer_of(int socket) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (::getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return {};
  const void* at =
      peer.ss_family == AF_INET6
          ? static_cast<const void*>(&reinterpret_cast<sockaddr_in6*>(&peer)->sin6_addr)
          : &reinterpret_cast<sockaddr_in*>(&peer)->sin_addr;
  return ::inet_ntop(peer.ss_family, at, text.data(), text.size()) == nullptr ? "" : text.data();
}

// As inet_ntop() writes it, so that two forms of one IPv6 address are equal.
std::string normal(const std::string& ip) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = ip.find(':') == std::string::npos ? AF_INET : AF_INET6;
  if (::inet_pton(family, ip.c_str(), bytes.data()) != 1) return ip;
  return ::inet_ntop(family, bytes.data(), text.data(), text.size()) == nullptr ? ip : text.data();
}

Status check_peer(int socket, const Address& node) {
  if (node.ips.empty()) return {};
  const std::string peer = peer_of(socket);
  if (std::any_of(node.ips.begin(), node.ips.end(),
                  [&](const std::string& ip) { return normal(ip) == peer; }))
    return {};
  return fail(
      Code::kUnavailable,
      "the name " + node.host + " leads to " + peer + ", which is not the address of " +
          node.text() + " (" + node.ips.front() + ")",
      "right after a node was moved, try again in a moment; else look at the names' server");
}

void set_options(MYSQL* mysql, const ConnectOptions& options) {
  const unsigned connect_seconds = static_cast<unsigned>(options.connect_timeout.count());
  const unsigned read_seconds = static_cast<unsigned>(options.read_timeout.count());
  const unsigned off = 0;
  const unsigned long packet = 1UL << 30;  // the protocol's limit for one row
  mysql_options(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &connect_seconds);
  if (read_seconds != 0) mysql_options(mysql, MYSQL_OPT_READ_TIMEOUT, &read_seconds);
  mysql_options(mysql, MYSQL_OPT_LOCAL_INFILE, &off);
  mysql_optionsv(mysql, MYSQL_OPT_MAX_ALLOWED_PACKET, &packet);
  mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "binary");
  mysql_options4(mysql, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "galera-backup");
  // A server could otherwise ask for the password itself.
  mysql_optionsv(mysql, MARIADB_OPT_RESTRICTED_AUTH, "mysql_native_password,client_ed25519");
}

void require_tls(MYSQL* mysql, const std::string& ca_file) {
  const my_bool on = 1;
  if (!ca_file.empty()) mysql_options(mysql, MYSQL_OPT_SSL_CA, ca_file.c_str());
  mysql_optionsv(mysql, MYSQL_OPT_SSL_ENFORCE, &on);
  mysql_options(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &on);
}

Result<std::unique_ptr<NativeConnection>> open_with(const std::string& password,
                                                    const Endpoint& endpoint, const Address& node,
                                                    const ConnectOptions& options,
                                                    std::stop_token stop) {
  if (stop.stop_requested()) return fail(cancelled(node));
  auto native = std::make_unique<NativeConnection>();
  native->endpoint = endpoint;
  native->node = node;
  native->stop = std::move(stop);
  native->mysql = mysql_init(nullptr);
  if (native->mysql == nullptr) return fail(Code::kExhausted, "no memory for a connection");
  MYSQL* mysql = native->mysql;
  set_options(mysql, options);
  const bool tls = endpoint.tls == TlsMode::kRequired;
  std::optional<MemoryFile> ca;  // read while the connection is made
  if (tls && !endpoint.tls_ca_pem.empty()) {
    GB_TRY_ASSIGN(ca, MemoryFile::make(endpoint.tls_ca_pem));
  }
  if (tls) require_tls(mysql, ca ? ca->path() : endpoint.tls_ca_file);

  // A certificate is made out to the name. Where there is none, a name only adds a way to be led
  // astray.
  const std::string& host = tls || node.ips.empty() ? node.host : node.ips.front();
  const bool local = !node.socket.empty();
  if (mysql_real_connect(mysql, local ? nullptr : host.c_str(), endpoint.user.c_str(),
                         password.c_str(), nullptr, node.port,
                         local ? node.socket.c_str() : nullptr, 0) == nullptr)
    return fail(connection_error(*native));
  if (tls && mysql_get_ssl_cipher(mysql) == nullptr)
    return fail(
        server_error(CR_SSL_CONNECTION_ERROR, "the server did not encrypt", endpoint, node));
  if (local) return native;  // such a peer cannot vanish unseen
  const int socket = static_cast<int>(mysql_get_socket(mysql));
  GB_TRY(check_peer(socket, node));
  watch_peer(socket);
  return native;
}

}  // namespace

Result<Connection> Connection::open(const Endpoint& endpoint, const Address& node,
                                    const ConnectOptions& options, std::stop_token stop) {
  static std::once_flag once;
  std::call_once(once, [] { (void)mysql_library_init(0, nullptr, nullptr); });

  RotatingPassword* const rotation = endpoint.rotation.get();
  const std::string password = rotation == nullptr ? endpoint.password : rotation->value();
  auto native = open_with(password, endpoint, node, options, stop);
  if (native) return Connection(*std::move(native));
  Error refused = std::move(native).error();
  if (rotation == nullptr || refused.code != Code::kForbidden) return fail(std::move(refused));

  const auto now = rotation->read_again();
  if (!now)
    return wrap(refused.message + "; whether its password was changed cannot be found out",
                now.error());
  for (const std::string& other : *now) {
    if (other == password) continue;
    auto again = open_with(other, endpoint, node, options, stop);
    if (!again && again.error().code == Code::kForbidden) continue;
    if (!again) return fail(std::move(again).error());
    rotation->was_taken(other);
    return Connection(*std::move(again));
  }
  return fail(std::move(refused));
}

}  // namespace gb::galera
