// A TLS client that sends exactly the bytes it is told to.
#pragma once

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/text.h"
#include "http/tls.h"

namespace gb::http::test {

struct RawResponse {
  int status = 0;
  std::string head;
  std::multimap<std::string, std::string> headers;  // names in lower case
  std::string body;
  [[nodiscard]] std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
};

class RawClient {
 public:
  struct Options {
    const KeyPair* certificate = nullptr;
    int receive_buffer = 0;
    bool tls = true;
    bool tls12 = false;
  };
  explicit RawClient(std::uint16_t port) : RawClient(port, Options{}) {}
  RawClient(std::uint16_t port, const Options& options) {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    // A net below every test: a server that never answers fails it instead of hanging it.
    const timeval limit{30, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (options.receive_buffer != 0)
      ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &options.receive_buffer,
                   sizeof options.receive_buffer);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    ::inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    if (!connected_ || !options.tls) return;
    SSL_CTX* context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    if (options.tls12) SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
    if (options.certificate != nullptr) use(context, *options.certificate);
    ssl_ = SSL_new(context);
    SSL_CTX_free(context);
    SSL_set_fd(ssl_, fd_);
    connected_ = SSL_connect(ssl_) == 1;
  }
  ~RawClient() {
    SSL_free(ssl_);
    if (fd_ >= 0) ::close(fd_);
  }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] SSL* ssl() const { return ssl_; }
  [[nodiscard]] int fd() const { return fd_; }

  bool send(std::string_view bytes) {
    if (ssl_ == nullptr)
      return ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
             static_cast<ssize_t>(bytes.size());
    std::size_t count = 0;
    return SSL_write_ex(ssl_, bytes.data(), bytes.size(), &count) == 1;
  }

  // Appends what arrives next; false at the end of the connection (clean_end() says how it ended).
  bool receive() {
    char buffer[16384];
    if (ssl_ == nullptr) {
      const ssize_t count = ::recv(fd_, buffer, sizeof buffer, 0);
      if (count > 0) in_.append(buffer, static_cast<std::size_t>(count));
      return count > 0;
    }
    std::size_t count = 0;
    const int result = SSL_read_ex(ssl_, buffer, sizeof buffer, &count);
    if (result == 1) {
      in_.append(buffer, count);
      return true;
    }
    clean_end_ = SSL_get_error(ssl_, result) == SSL_ERROR_ZERO_RETURN;
    return false;
  }

  // True once the server has ended the connection, with nothing but what was read before.
  bool ended() {
    while (in_.empty())
      if (!receive()) return true;
    return false;
  }
  [[nodiscard]] bool clean_end() const { return clean_end_; }

  std::optional<RawResponse> head() {
    std::size_t end = 0;
    while ((end = in_.find("\r\n\r\n")) == std::string::npos)
      if (!receive()) return std::nullopt;
    RawResponse response;
    response.head = in_.substr(0, end + 2);
    in_.erase(0, end + 4);
    response.status = std::atoi(response.head.c_str() + 9);
    for (std::size_t at = response.head.find("\r\n") + 2; at < response.head.size();) {
      const auto line_end = response.head.find("\r\n", at);
      const std::string line = response.head.substr(at, line_end - at);
      const auto colon = line.find(':');
      response.headers.emplace(to_lower(line.substr(0, colon)),
                               std::string(trim(std::string_view(line).substr(colon + 1))));
      at = line_end + 2;
    }
    return response;
  }

  std::optional<RawResponse> response(bool with_body = true) {
    auto response = head();
    if (!response || !with_body) return response;
    if (response->header("transfer-encoding") == "chunked") {
      while (auto chunk = this->chunk()) {
        if (chunk->empty()) return response;
        response->body += *chunk;
      }
      return std::nullopt;
    }
    const auto length =
        static_cast<std::size_t>(std::atoll(response->header("content-length").c_str()));
    if (!need(length)) return std::nullopt;
    response->body = take(length);
    return response;
  }

  // One chunk; empty: the last one.
  std::optional<std::string> chunk() {
    std::size_t end = 0;
    while ((end = in_.find("\r\n")) == std::string::npos)
      if (!receive()) return std::nullopt;
    const std::size_t size = std::stoul(in_.substr(0, end), nullptr, 16);
    in_.erase(0, end + 2);
    if (!need(size + 2)) return std::nullopt;
    std::string data = take(size);
    if (take(2) != "\r\n") return std::nullopt;
    return data;
  }

  std::optional<RawResponse> request(std::string_view bytes) {
    return send(bytes) ? response() : std::nullopt;
  }

  [[nodiscard]] const std::string& buffered() const { return in_; }

 private:
  static void use(SSL_CTX* context, const KeyPair& pair) {
    BIO* bio =
        BIO_new_mem_buf(pair.certificate_pem.data(), static_cast<int>(pair.certificate_pem.size()));
    X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
    SSL_CTX_use_certificate(context, certificate);
    X509_free(certificate);
    BIO_free(bio);
    bio = BIO_new_mem_buf(pair.key_pem.data(), static_cast<int>(pair.key_pem.size()));
    EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
    SSL_CTX_use_PrivateKey(context, key);
    EVP_PKEY_free(key);
    BIO_free(bio);
  }
  bool need(std::size_t bytes) {
    while (in_.size() < bytes)
      if (!receive()) return false;
    return true;
  }
  std::string take(std::size_t bytes) {
    std::string data = in_.substr(0, bytes);
    in_.erase(0, bytes);
    return data;
  }

  int fd_ = -1;
  SSL* ssl_ = nullptr;
  bool connected_ = false;
  bool clean_end_ = false;
  std::string in_;
};

}  // namespace gb::http::test
