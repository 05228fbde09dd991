#include "http/client.h"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <mutex>

#include "base/text.h"
#include "http/body_decoder.h"
#include "http/client_connection.h"
#include "http/tls_context.h"

namespace gb::http {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kMaxHead = 65536;
constexpr std::size_t kMaxIdle = 32;
// Shorter than any server's keep-alive, so that a request seldom meets a connection about to be
// closed.
constexpr std::chrono::seconds kMaxIdleAge{30};

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7f; });
}

Result<std::string> render(const ClientRequest& request, const std::string& host) {
  bool bad = request.method.empty() || has_control(request.method) || request.target.empty() ||
             request.target.front() != '/' || has_control(request.target) ||
             request.target.find(' ') != std::string::npos || has_control(request.content_type);
  std::string text = request.method + ' ' + request.target + " HTTP/1.1\r\nHost: " + host + "\r\n";
  for (const auto& [name, value] : request.headers) {
    bad = bad || name.empty() || has_control(name) || has_control(value);
    text += name + ": " + value + "\r\n";
  }
  if (bad)
    return fail(Code::kInvalid,
                "a request's method, target or header holds a character that HTTP forbids",
                "percent-encode targets; headers hold no line breaks");
  if (!request.content_type.empty()) text += "Content-Type: " + request.content_type + "\r\n";
  if (!request.body.empty() || (request.method != "GET" && request.method != "HEAD"))
    text += "Content-Length: " + std::to_string(request.body.size()) + "\r\n";
  return text + "\r\n" + request.body;
}

struct AnswerHead {
  ClientResponse response;
  BodyDecoder decoder;
  bool keep = true;
};

tl::unexpected<Error> not_http(const std::string& why) {
  return fail(Code::kUnavailable, "the server's answer is not HTTP/1.1: " + why,
              "check the address: something else answers there");
}

Result<AnswerHead> parse_head(std::string_view head, const std::string& method,
                              std::size_t max_body) {
  AnswerHead answer;
  std::vector<std::string> lines = split(head, '\n');
  for (auto& line : lines)
    if (!line.empty() && line.back() == '\r') line.pop_back();
  const std::string& first = lines.front();
  int status = 0;
  if (first.size() < 12 || first.compare(0, 7, "HTTP/1.") != 0 || first[8] != ' ' ||
      std::from_chars(first.data() + 9, first.data() + 12, status).ptr != first.data() + 12)
    return not_http("a broken status line");
  answer.response.status = status;
  answer.keep = first[7] == '1';

  bool chunked = false;
  std::optional<std::uint64_t> length;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const auto colon = lines[i].find(':');
    if (colon == std::string::npos || colon == 0) return not_http("a broken header");
    std::string name = lines[i].substr(0, colon);
    std::string value(trim(std::string_view(lines[i]).substr(colon + 1)));
    const std::string lower = to_lower(name);
    if (lower == "content-length") {
      std::uint64_t number = 0;
      const auto end = value.data() + value.size();
      if (value.empty() || std::from_chars(value.data(), end, number).ptr != end ||
          (length && *length != number))
        return not_http("a broken Content-Length");
      length = number;
    } else if (lower == "transfer-encoding") {
      if (to_lower(value) != "chunked") return not_http("an unknown Transfer-Encoding");
      chunked = true;
    } else if (lower == "connection" && to_lower(value).find("close") != std::string::npos) {
      answer.keep = false;
    }
    answer.response.headers.emplace_back(std::move(name), std::move(value));
  }
  using Framing = BodyDecoder::Framing;
  if (method == "HEAD" || status == 204 || status == 304) return answer;
  if (chunked) {
    if (length) return not_http("both a length and chunks");
    answer.decoder = BodyDecoder(Framing::kChunked, 0, max_body);
  } else if (length) {
    answer.decoder = BodyDecoder(Framing::kLength, *length, max_body);
  } else {
    answer.decoder = BodyDecoder(Framing::kUntilClose, 0, max_body);
    answer.keep = false;
  }
  return answer;
}

class PooledClient final : public Client {
 public:
  PooledClient(ClientOptions options, SslCtxPtr context)
      : options_(std::move(options)), context_(std::move(context)) {
    if (options_.server_name.empty()) options_.server_name = options_.host;
    const bool v6 = options_.host.find(':') != std::string::npos;
    host_ = v6 ? "[" + options_.host + "]" : options_.host;
    if (options_.port != 443) host_ += ":" + std::to_string(options_.port);
  }

  Result<ClientResponse> send(const ClientRequest& request, std::stop_token stop) override;
  Result<ClientResponse> stream(const ClientRequest& request, std::chrono::milliseconds idle,
                                const std::function<bool(std::string_view)>& on_line,
                                std::stop_token stop) override;

 private:
  using Connection = std::unique_ptr<ClientConnection>;
  struct Idle {
    Connection connection;
    Deadline since;
  };

  Connection take_idle();
  void keep(Connection connection);
  Result<Connection> connect(Deadline deadline, const Waker& waker);
  // Writes the request and reads the answer's head; what follows the head stays in `in`.
  Result<AnswerHead> exchange(ClientConnection& connection, const std::string& bytes,
                              const std::string& method, Deadline deadline, const Waker& waker,
                              std::uint64_t budget, std::string& in);
  // Reads on until the decoder is done.
  Status read_body(ClientConnection& connection, BodyDecoder& decoder, Deadline deadline,
                   const Waker& waker, std::string& in, std::string& body) const;
  Result<ClientResponse> whole_answer(Connection connection, const std::string& bytes,
                                      const std::string& method, Deadline deadline,
                                      const Waker& waker);

  ClientOptions options_;
  SslCtxPtr context_;
  std::string host_;  // for the Host header
  std::mutex mutex_;
  std::vector<Idle> idle_;
};

PooledClient::Connection PooledClient::take_idle() {
  std::vector<Idle> dropped;  // closed outside of the lock
  const std::lock_guard lock(mutex_);
  while (!idle_.empty()) {
    Idle idle = std::move(idle_.back());
    idle_.pop_back();
    if (steady_clock::now() - idle.since < kMaxIdleAge && idle.connection->quiet())
      return std::move(idle.connection);
    dropped.push_back(std::move(idle));
  }
  return nullptr;
}

void PooledClient::keep(Connection connection) {
  const std::lock_guard lock(mutex_);
  if (idle_.size() < kMaxIdle) idle_.push_back({std::move(connection), steady_clock::now()});
}

Result<PooledClient::Connection> PooledClient::connect(Deadline deadline, const Waker& waker) {
  return ClientConnection::open(
      context_.get(), {options_.host, options_.port, options_.server_name},
      std::min(deadline, steady_clock::now() + options_.connect_timeout), waker);
}

Result<AnswerHead> PooledClient::exchange(ClientConnection& connection, const std::string& bytes,
                                          const std::string& method, Deadline deadline,
                                          const Waker& waker, std::uint64_t budget,
                                          std::string& in) {
  GB_TRY(connection.write(bytes, deadline, waker));
  for (;;) {
    const auto end = in.find("\r\n\r\n");
    if (end != std::string::npos) {
      GB_TRY_ASSIGN(AnswerHead answer,
                    parse_head(std::string_view(in).substr(0, end), method, budget));
      in.erase(0, end + 4);
      if (answer.response.status >= 200) return answer;
      continue;  // an interim answer
    }
    if (in.size() > kMaxHead) return not_http("its head is too long");
    GB_TRY_ASSIGN(const bool more, connection.read(in, deadline, waker));
    if (!more)
      return fail(Code::kUnavailable, "the server closed the connection before its answer");
  }
}

Status PooledClient::read_body(ClientConnection& connection, BodyDecoder& decoder,
                               Deadline deadline, const Waker& waker, std::string& in,
                               std::string& body) const {
  for (;;) {
    std::size_t used = 0;
    const auto state = decoder.feed(in, used, body);
    in.erase(0, used);
    if (state == BodyDecoder::State::kDone) return {};
    if (state == BodyDecoder::State::kTooLarge)
      return fail(Code::kUnavailable, "the server's answer is larger than " +
                                          std::to_string(options_.max_body) + " bytes");
    if (state == BodyDecoder::State::kMalformed) return not_http("broken chunks");
    GB_TRY_ASSIGN(const bool more, connection.read(in, deadline, waker));
    if (more) continue;
    if (decoder.framing() == BodyDecoder::Framing::kUntilClose) return {};
    return fail(Code::kUnavailable, "the server closed the connection within its answer");
  }
}

Result<ClientResponse> PooledClient::whole_answer(Connection connection, const std::string& bytes,
                                                  const std::string& method, Deadline deadline,
                                                  const Waker& waker) {
  std::string in;
  GB_TRY_ASSIGN(AnswerHead answer,
                exchange(*connection, bytes, method, deadline, waker, options_.max_body, in));
  GB_TRY(read_body(*connection, answer.decoder, deadline, waker, in, answer.response.body));
  if (answer.keep && in.empty()) keep(std::move(connection));
  return std::move(answer.response);
}

Result<ClientResponse> PooledClient::send(const ClientRequest& request, std::stop_token stop) {
  GB_TRY_ASSIGN(const std::string bytes, render(request, host_));
  const Deadline deadline = steady_clock::now() + request.timeout;
  const Waker waker(stop);
  if (Connection idle = take_idle()) {
    auto answer = whole_answer(std::move(idle), bytes, request.method, deadline, waker);
    const bool again = !answer && answer.error().code == Code::kUnavailable &&
                       (request.method == "GET" || request.method == "HEAD") &&
                       steady_clock::now() < deadline;
    if (!again) return answer;
  }
  GB_TRY_ASSIGN(Connection connection, connect(deadline, waker));
  return whole_answer(std::move(connection), bytes, request.method, deadline, waker);
}

Result<ClientResponse> PooledClient::stream(const ClientRequest& request,
                                            std::chrono::milliseconds idle,
                                            const std::function<bool(std::string_view)>& on_line,
                                            std::stop_token stop) {
  GB_TRY_ASSIGN(const std::string bytes, render(request, host_));
  const Deadline deadline = steady_clock::now() + request.timeout;
  const Waker waker(stop);
  GB_TRY_ASSIGN(Connection connection, connect(deadline, waker));
  std::string in;
  GB_TRY_ASSIGN(AnswerHead answer, exchange(*connection, bytes, request.method, deadline, waker,
                                            ~std::uint64_t{0} >> 1, in));
  if (answer.response.status != 200) {
    answer.decoder =
        BodyDecoder(answer.decoder.framing(), answer.decoder.length(), options_.max_body);
    GB_TRY(read_body(*connection, answer.decoder, deadline, waker, in, answer.response.body));
    return std::move(answer.response);
  }
  std::string text;
  for (;;) {
    std::size_t used = 0;
    const auto state = answer.decoder.feed(in, used, text);
    in.erase(0, used);
    std::size_t from = 0;
    for (std::size_t end; (end = text.find('\n', from)) != std::string::npos; from = end + 1) {
      if (stop.stop_requested()) return fail(Code::kCancelled, "the request was called off");
      if (!on_line(std::string_view(text).substr(from, end - from)))
        return std::move(answer.response);
    }
    text.erase(0, from);
    if (state == BodyDecoder::State::kMalformed) return not_http("broken chunks");
    bool ended = state == BodyDecoder::State::kDone;
    if (!ended) {
      if (text.size() > options_.max_body)
        return fail(Code::kUnavailable, "a line of the server's answer is too long");
      GB_TRY_ASSIGN(const bool more, connection->read(in, steady_clock::now() + idle, waker));
      if (!more && answer.decoder.framing() != BodyDecoder::Framing::kUntilClose)
        return fail(Code::kUnavailable, "the server closed the connection within its answer");
      ended = !more;
    }
    if (ended) {
      if (!text.empty()) on_line(text);
      return std::move(answer.response);
    }
  }
}

}  // namespace

Result<std::unique_ptr<Client>> Client::make(ClientOptions options) {
  if (options.host.empty() || has_control(options.host) || options.port == 0)
    return fail(Code::kInvalid, "the client needs a host and a port");
  std::signal(SIGPIPE,
              SIG_IGN);  // a write to a peer that has gone is an error, not the end of the program
  SslCtxPtr context(SSL_CTX_new(TLS_client_method()));
  if (!context) return fail(Code::kInternal, "cannot make a TLS context: " + ossl_error());
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  static constexpr unsigned char kHttp11[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  SSL_CTX_set_alpn_protos(context.get(), kHttp11, sizeof kHttp11);
  if (options.ca_pem.empty()) {
    SSL_CTX_set_default_verify_paths(context.get());
  } else {
    GB_TRY(trust(context.get(), options.ca_pem));
  }
  if (options.certificate) GB_TRY(use_key_pair(context.get(), *options.certificate));
  return std::make_unique<PooledClient>(std::move(options), std::move(context));
}

}  // namespace gb::http
