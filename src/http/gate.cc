#include "http/gate.h"

#include <httplib.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/log.h"
#include "http/gzip.h"
#include "http/status.h"

// The layout of cpp-httplib's classes depends on the flags that the library was compiled with; with
// others than its pkg-config file gives, every call into it would corrupt memory.
static_assert(sizeof(httplib::Request) == 608, "compile with the flags of cpp-httplib.pc");

namespace gb::http {
namespace {

// A head in memory on one side, the text of the response on the other.
class FeedStream final : public httplib::Stream {
 public:
  explicit FeedStream(std::string_view in) : in_(in) {}
  std::string out;

  [[nodiscard]] bool is_readable() const override { return !in_.empty(); }
  [[nodiscard]] bool is_writable() const override { return true; }
  ssize_t read(char* to, std::size_t size) override {
    const std::size_t run = in_.copy(to, size);
    in_.remove_prefix(run);
    return static_cast<ssize_t>(run);
  }
  ssize_t write(const char* from, std::size_t size) override {
    out.append(from, size);
    return static_cast<ssize_t>(size);
  }
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  [[nodiscard]] socket_t socket() const override { return -1; }

 private:
  std::string_view in_;
};

// "Sun, 06 Nov 1994 08:49:37 GMT"
std::string http_date(WallTime now) {
  static constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed",
                                                       "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = std::chrono::floor<std::chrono::days>(now);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(std::chrono::floor<std::chrono::seconds>(now - day));
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%s, %02u %s %04d %02d:%02d:%02d GMT",
                kDays.at(std::chrono::weekday(day).c_encoding()), unsigned(date.day()),
                kMonths.at(unsigned(date.month()) - 1), int(date.year()),
                static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                static_cast<int>(time.seconds().count()));
  return text.data();
}

bool is_name(std::string_view name) {
  return !name.empty() && name.find_first_of(" :\t\r\n") == std::string_view::npos;
}

bool is_relayable_value(std::string_view value) {
  return std::all_of(value.begin(), value.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte >= 0x20 && byte != 0x7f) || c == '\t';
  });
}

bool is_ours(const std::string& name) {
  static constexpr std::array<const char*, 5> kNames = {"Content-Length", "Transfer-Encoding",
                                                        "Connection", "Keep-Alive", "Date"};
  return std::any_of(kNames.begin(), kNames.end(),
                     [&](const char* ours) { return ::strcasecmp(name.c_str(), ours) == 0; });
}

}  // namespace

struct Gate::Impl final : public httplib::Server {
  explicit Impl(const Clock& clock_in) : clock(clock_in) {
    set_pre_routing_handler([this](const httplib::Request&, httplib::Response& response) {
      answer = (*make)();
      response.status = answer.status;
      return HandlerResponse::Handled;
    });
    set_exception_handler(
        [this](const httplib::Request&, httplib::Response& response, std::exception_ptr error) {
          try {
            std::rethrow_exception(std::move(error));
          } catch (const std::exception& e) {
            log::error("a request handler threw", {{"what", e.what()}});
          } catch (...) {
            log::error("a request handler threw", {});
          }
          // Not a word of the exception reaches the client.
          answer = internal_error();
          response.status = 500;
        });
    // The last hook before the head is written: what the library added goes, our framing comes.
    set_post_routing_handler([this](const httplib::Request&, httplib::Response& response) {
      if (!handled()) answer = status_response(response.status, "the request target is too long");
      response.headers.clear();
      frame(response);
    });
  }

  [[nodiscard]] bool handled() const { return answer.status != kUnhandled; }
  void frame(httplib::Response& response);
  void compress(std::vector<Piece>& pieces);
  bool run(FeedStream& stream) {
    bool closed = false;
    return process_request(stream, false, closed, nullptr);
  }

  static constexpr int kUnhandled = -1;
  const Clock& clock;
  const Framing* framing = nullptr;
  const std::function<Response()>* make = nullptr;
  Response answer;
  Rendered rendered;
};

void Gate::Impl::compress(std::vector<Piece>& pieces) {
  std::size_t size = 0;
  for (const auto& piece : pieces) size += piece->size();
  if (!framing->accepts_gzip || size <= framing->gzip_from ||
      answer.headers.get("Content-Encoding").has_value())
    return;
  auto compressed = gzip(pieces);
  if (!compressed) return;  // sent as it is
  pieces = std::move(*compressed);
  answer.headers.add("Content-Encoding", "gzip");
  answer.headers.add("Vary", "Accept-Encoding");
}

void Gate::Impl::frame(httplib::Response& response) {
  rendered = Rendered();
  rendered.keep_alive = framing->keep_alive && !answer.close;
  const bool bodiless = answer.status == 204 || answer.status == 304;
  if (auto* queue = std::get_if<std::shared_ptr<FrameQueue>>(&answer.body)) {
    rendered.stream = std::move(*queue);
    rendered.chunked = !framing->http10;
    // HTTP/1.0 knows no chunks: the end of the connection is the end of the body.
    if (framing->http10) rendered.keep_alive = false;
    if (rendered.chunked && !bodiless) response.set_header("Transfer-Encoding", "chunked");
  } else {
    if (auto* text = std::get_if<std::string>(&answer.body)) {
      rendered.body.push_back(std::make_shared<const std::string>(std::move(*text)));
    } else {
      rendered.body = std::move(std::get<std::vector<Piece>>(answer.body));
    }
    compress(rendered.body);
    std::size_t size = 0;
    for (const auto& piece : rendered.body) size += piece->size();
    if (!bodiless) response.set_header("Content-Length", std::to_string(size));
  }
  if (bodiless || framing->method == "HEAD") {
    rendered.body.clear();
    if (rendered.stream) rendered.stream->gone();
    rendered.stream = nullptr;
  }
  for (const auto& [name, value] : answer.headers.fields()) {
    if (is_ours(name)) continue;
    // A line break here would let who chose the value write headers of its own.
    if (is_name(name) && is_relayable_value(value)) {
      response.set_header(name, value);
    } else {
      log::error("a response header with a control character was left out", {{"name", name}});
    }
  }
  response.set_header("Date", http_date(clock.now()));
  if (!rendered.keep_alive) {
    response.set_header("Connection", "close");
  } else if (framing->http10) {
    response.set_header("Connection", "keep-alive");
  }
}

Gate::Gate(const Clock& clock) : impl_(std::make_unique<Impl>(clock)) {}
Gate::~Gate() = default;

Rendered Gate::render(const Framing& framing, const std::function<Response()>& make) {
  static constexpr std::array<std::string_view, 7> kMethods = {"GET",   "HEAD",   "POST",   "PUT",
                                                               "PATCH", "DELETE", "OPTIONS"};
  impl_->framing = &framing;
  impl_->make = &make;
  impl_->answer = Response();
  impl_->answer.status = Impl::kUnhandled;
  // Only what the library parses without harm: a method that it knows (others are the handlers'
  // matter, which answer 405), and the path (it refuses a second question mark, which a query may
  // hold).
  const bool known = std::find(kMethods.begin(), kMethods.end(), framing.method) != kMethods.end();
  std::string head(known ? framing.method : std::string_view("OPTIONS"));
  head += ' ';
  head += framing.target.substr(0, framing.target.find('?'));
  head += " HTTP/1.1\r\n\r\n";
  FeedStream stream(head);
  impl_->run(stream);
  impl_->rendered.head = std::move(stream.out);
  return std::move(impl_->rendered);
}

}  // namespace gb::http
