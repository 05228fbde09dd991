// An HTTPS client for kube-apiserver and receivers of webhooks: one request, or one answer that
// streams lines (a watch). Redirects are never followed; the server's certificate is always
// verified. Every wait ends with its deadline (real time) or a requested stop; only the look-up of
// a host name cannot be called off.
//
// Thread safety: all methods, from any thread; connections are pooled.
// Errors: Unavailable (no connection, TLS failure, deadline), Cancelled (stopped), Invalid
// (options). A response of any status is a success here.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "http/tls.h"

namespace gb::http {

struct ClientOptions {
  std::string host = {};
  std::uint16_t port = 443;
  std::string server_name = {};             // for SNI and verification; empty: host
  std::string ca_pem = {};                  // empty: the system's authorities
  std::optional<KeyPair> certificate = {};  // the client's own
  std::chrono::milliseconds connect_timeout{5000};
  std::size_t max_body = std::size_t{64} << 20;  // of an answer, and of one line of a stream
};

struct ClientRequest {
  std::string method = "GET";
  std::string target = {};
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string body = {};
  std::string content_type = {};
  std::chrono::milliseconds timeout{10000};
};

struct ClientResponse {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

class Client {
 public:
  static Result<std::unique_ptr<Client>> make(ClientOptions options);
  virtual ~Client() = default;
  // The whole answer, within `timeout`. Unavailable also when the answer is not HTTP/1.1 or too
  // large. A request that fails on a connection kept from before is sent once more on a new one if
  // its method is GET or HEAD; other methods are never sent twice.
  virtual Result<ClientResponse> send(const ClientRequest& request, std::stop_token stop) = 0;
  // Calls `on_line` for every line of a 200 answer until the answer ends, on_line returns false or
  // a stop is requested. Another status comes back with its body and no line. `timeout` bounds the
  // wait for the head; `idle` the silence between bytes.  A stream has a connection of its own.
  virtual Result<ClientResponse> stream(const ClientRequest& request,
                                        std::chrono::milliseconds idle,
                                        const std::function<bool(std::string_view)>& on_line,
                                        std::stop_token stop) = 0;
};

}  // namespace gb::http
