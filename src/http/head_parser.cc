#include "http/head_parser.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <utility>

#include "base/text.h"

namespace gb::http {
namespace {

using Refused = tl::unexpected<HeadRefusal>;

Refused refuse(int status, std::string_view message) {
  return Refused(HeadRefusal{status, message});
}

constexpr std::array<bool, 256> make_token_table() {
  std::array<bool, 256> table{};
  for (int c = '0'; c <= '9'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (int c = 'a'; c <= 'z'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (int c = 'A'; c <= 'Z'; ++c) table[static_cast<std::size_t>(c)] = true;
  for (const char c : {'!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~'})
    table[static_cast<unsigned char>(c)] = true;
  return table;
}
constexpr auto kToken = make_token_table();

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](char c) { return kToken[static_cast<unsigned char>(c)]; });
}

bool is_target(std::string_view text) {
  return !text.empty() && text.front() == '/' && std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte > 0x20 && byte < 0x7f && c != '#';
  });
}

bool is_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte >= 0x20 && byte != 0x7f) || c == '\t';
  });
}

std::string_view trim_blanks(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool is_version(std::string_view text) {  // HTTP/d.d
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return text.size() == 8 && text.substr(0, 5) == "HTTP/" && digit(text[5]) && text[6] == '.' &&
         digit(text[7]);
}

bool same(std::string_view a, std::string_view lower) {
  return to_lower(a) == lower;
}

// Calls `each` for every trimmed element of a comma-separated list.
template <typename Each>
void for_each_element(std::string_view list, Each each) {
  while (!list.empty()) {
    const auto comma = list.find(',');
    each(trim_blanks(list.substr(0, comma)));
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  }
}

bool names_gzip(std::string_view list) {
  bool found = false;
  for_each_element(list, [&found](std::string_view element) {
    const auto semicolon = element.find(';');
    if (!same(trim_blanks(element.substr(0, semicolon)), "gzip")) return;
    std::string_view quality =
        semicolon == std::string_view::npos ? "" : trim_blanks(element.substr(semicolon + 1));
    // Only "q=0", "q=0.0", … refuses.
    found = !(quality.substr(0, 2) == "q=" &&
              quality.substr(2).find_first_not_of("0.") == std::string_view::npos);
  });
  return found;
}

// The fields that decide where the request ends and what becomes of the connection.
struct FramingFields {
  int hosts = 0;
  int lengths = 0;
  int encodings = 0;
  bool close = false;
  bool keep = false;
};

std::optional<HeadRefusal> read_field(std::string_view name, std::string_view value,
                                      ParsedHead& parsed, FramingFields& fields) {
  const std::string lower = to_lower(name);
  if (lower == "host") {
    ++fields.hosts;
  } else if (lower == "content-length") {
    ++fields.lengths;
    const char* end = value.data() + value.size();
    const auto [stop, error] = std::from_chars(value.data(), end, parsed.length);
    if (value.empty() || value.size() > 18 || stop != end || error != std::errc{})
      return HeadRefusal{400, "Content-Length is not a number"};
    parsed.framing = BodyDecoder::Framing::kLength;
  } else if (lower == "transfer-encoding") {
    ++fields.encodings;
    if (!same(value, "chunked"))
      return HeadRefusal{501, "the only Transfer-Encoding that is understood is chunked"};
  } else if (lower == "connection") {
    for_each_element(value, [&fields](std::string_view element) {
      fields.close = fields.close || same(element, "close");
      fields.keep = fields.keep || same(element, "keep-alive");
    });
  } else if (lower == "expect") {
    if (!same(value, "100-continue"))
      return HeadRefusal{417, "the only expectation that is understood is 100-continue"};
    parsed.expects_continue = true;
  } else if (lower == "accept-encoding") {
    parsed.accepts_gzip = parsed.accepts_gzip || names_gzip(value);
  } else if (lower == "content-encoding") {
    parsed.encoded = parsed.encoded || !same(value, "identity");
  } else if (lower == "upgrade") {
    parsed.upgrade = true;
  }
  return std::nullopt;
}

}  // namespace

tl::expected<std::optional<std::size_t>, HeadRefusal> HeadScanner::scan(std::string_view buffer,
                                                                        const HeadLimits& limits) {
  // Only up to the first line break that ends the head: a body may hold any byte.
  while (position_ < buffer.size()) {
    const auto line_end = buffer.find('\n', position_);
    const auto stop = line_end == std::string_view::npos ? buffer.size() : line_end;
    if (stop > position_ && std::memchr(buffer.data() + position_, 0, stop - position_) != nullptr)
      return refuse(400, "the head holds a NUL byte");
    if (stop > limits.max_bytes) return refuse(431, "the request's head is too large");
    if (line_end == std::string_view::npos) {
      position_ = buffer.size();
      break;
    }
    if (line_end == line_start_ || buffer[line_end - 1] != '\r')
      return refuse(400, "a line of the head does not end in CRLF");
    const bool empty = line_end - line_start_ == 1;
    position_ = line_start_ = line_end + 1;
    if (empty && line_end == 1) return refuse(400, "the request line is empty");
    if (empty) return position_;
  }
  return std::nullopt;
}

tl::expected<ParsedHead, HeadRefusal> parse_head(std::string_view head, const HeadLimits& limits) {
  ParsedHead parsed;
  const auto next_line = [&head] {
    const auto end = head.find("\r\n");
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(end == std::string_view::npos ? head.size() : end + 2);
    return line;
  };
  const std::string_view line = next_line();
  const auto first = line.find(' ');
  const auto second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  if (second == std::string_view::npos)
    return refuse(400, "the request line is not METHOD TARGET HTTP/1.1");
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, second - first - 1);
  const std::string_view version = line.substr(second + 1);
  if (!is_token(method) || method.size() > 32) return refuse(400, "the method is not a token");
  if (!is_target(target))
    return refuse(400, "the target is not a path of printable ASCII without a fragment");
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    if (is_version(version)) return refuse(505, "only HTTP/1.1 is spoken here");
    return refuse(400, "the request line does not end in HTTP/1.1");
  }
  parsed.http10 = version == "HTTP/1.0";
  parsed.head.method = method;
  parsed.head.target = target;

  FramingFields fields;
  std::size_t count = 0;
  for (std::string_view field = next_line(); !field.empty(); field = next_line()) {
    if (++count > limits.max_fields) return refuse(431, "the request has too many header fields");
    const auto colon = field.find(':');
    // A name followed by a blank, or a folded line, ends up here too: neither is a token.
    if (colon == std::string_view::npos || !is_token(field.substr(0, colon)))
      return refuse(400, "a header line is not NAME: VALUE");
    const std::string_view name = field.substr(0, colon);
    const std::string_view value = trim_blanks(field.substr(colon + 1));
    if (!is_value(value)) return refuse(400, "a header value holds a control character");
    if (const auto refusal = read_field(name, value, parsed, fields)) return Refused(*refusal);
    parsed.head.headers.add(std::string(name), std::string(value));
  }

  if (fields.hosts > 1) return refuse(400, "there is more than one Host header");
  if (fields.hosts == 0 && !parsed.http10) return refuse(400, "the Host header is missing");
  if (fields.lengths > 1) return refuse(400, "there is more than one Content-Length");
  if (fields.encodings > 1) return refuse(400, "there is more than one Transfer-Encoding");
  if (fields.encodings == 1) {
    if (fields.lengths != 0)
      return refuse(400, "Content-Length and Transfer-Encoding exclude each other");
    if (parsed.http10) return refuse(400, "HTTP/1.0 has no Transfer-Encoding");
    parsed.framing = BodyDecoder::Framing::kChunked;
  }
  parsed.keep_alive = !fields.close && (!parsed.http10 || fields.keep);
  parsed.expects_continue = parsed.expects_continue && !parsed.http10;
  return parsed;
}

}  // namespace gb::http
