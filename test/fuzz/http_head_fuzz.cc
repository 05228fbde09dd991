// Fuzzes what reads a client's bytes before anybody is authenticated: the head parser and the body
// decoder. Beyond "does not crash": the answer does not depend on how the bytes are cut into reads,
// and nothing that is accepted could be read in two ways.
//
// Built by the preset fuzz; the unit test fuzz_corpus_test.cc runs the same function over fixed
// inputs.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "http/body_decoder.h"
#include "http/head_parser.h"

namespace {

using gb::http::BodyDecoder;

void check(bool holds) {
  if (!holds) std::abort();
}

struct Scanned {
  int refused = 0;  // the status, 0: not refused
  std::optional<std::size_t> end;
};

Scanned scan(std::string_view bytes, std::size_t step, const gb::http::HeadLimits& limits) {
  gb::http::HeadScanner scanner;
  for (std::size_t size = std::min(step, bytes.size());;
       size = std::min(size + step, bytes.size())) {
    const auto result = scanner.scan(bytes.substr(0, size), limits);
    if (!result) return {result.error().status, std::nullopt};
    if (*result) return {0, **result};
    if (size == bytes.size()) return {};
  }
}

struct Decoded {
  BodyDecoder::State state = BodyDecoder::State::kMore;
  std::string body;
  std::size_t used = 0;
};

Decoded decode(BodyDecoder decoder, std::string_view bytes, std::size_t step) {
  Decoded result;
  result.state = decoder.state();
  while (result.state == BodyDecoder::State::kMore && result.used < bytes.size()) {
    std::size_t used = 0;
    result.state = decoder.feed(bytes.substr(result.used, step), used, result.body);
    check(used <= step);
    result.used += used;
  }
  return result;
}

void check_head(const gb::http::ParsedHead& parsed) {
  const auto is_text = [](std::string_view text) {
    for (const unsigned char c : text)
      if ((c < 0x20 && c != '\t') || c == 0x7f) return false;
    return true;
  };
  check(!parsed.head.target.empty() && parsed.head.target.front() == '/');
  check(is_text(parsed.head.target) && parsed.head.target.find(' ') == std::string::npos);
  check(parsed.head.headers.fields().size() <= 200);
  for (const auto& [name, value] : parsed.head.headers.fields()) {
    check(!name.empty() && is_text(name) && name.find_first_of(" \t:") == std::string::npos);
    check(is_text(value));
  }
  const auto lengths = parsed.head.headers.all("Content-Length").size();
  const auto encodings = parsed.head.headers.all("Transfer-Encoding").size();
  check(lengths + encodings <= 1);
  check((parsed.framing == BodyDecoder::Framing::kChunked) == (encodings == 1));
  check((parsed.framing == BodyDecoder::Framing::kLength) == (lengths == 1));
  check(parsed.head.headers.all("Host").size() <= 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const gb::http::HeadLimits limits{4096, 50};
  constexpr std::uint64_t kBudget = 1000;

  const Scanned whole = scan(bytes, bytes.size() + 1, limits);
  for (const std::size_t step : {1, 7}) {
    const Scanned parts = scan(bytes, step, limits);
    check(parts.refused == whole.refused && parts.end == whole.end);
  }
  BodyDecoder decoder(BodyDecoder::Framing::kChunked, 0, kBudget);
  std::string_view body = bytes;
  if (whole.end) {
    check(*whole.end <= bytes.size() && *whole.end <= limits.max_bytes + 1);
    const auto parsed = gb::http::parse_head(bytes.substr(0, *whole.end), limits);
    if (parsed) {
      check_head(*parsed);
      decoder = BodyDecoder(parsed->framing, parsed->length, kBudget);
      body = bytes.substr(*whole.end);
    } else {
      check(parsed.error().status >= 400 && parsed.error().status < 600);
    }
  }
  const Decoded at_once = decode(decoder, body, body.size() + 1);
  check(at_once.body.size() <= kBudget && at_once.used <= body.size());
  for (const std::size_t step : {1, 5}) {
    const Decoded parts = decode(decoder, body, step);
    check(parts.state == at_once.state && parts.used == at_once.used && parts.body == at_once.body);
  }
  return 0;
}
