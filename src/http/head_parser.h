// The strict parser of a request's raw head. What is not plainly HTTP/1.1 is refused, never
// repaired: whatever two parsers could read in two ways is how requests are smuggled and identities
// forged.
//
// Thread safety: none; one scanner belongs to one connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <tl/expected.hpp>

#include "http/body_decoder.h"
#include "http/server.h"

namespace gb::http {

struct HeadLimits {
  std::size_t max_bytes = 65536;
  std::size_t max_fields = 200;
};

// Why a head is refused; the connection is closed after the answer, since nobody knows where its
// next request would begin.
struct HeadRefusal {
  int status = 400;
  std::string_view message;  // names what is wrong, never quotes the request
};

// Finds the end of a head in a growing buffer; each byte is looked at once.
class HeadScanner {
 public:
  // The head's size with its empty line; nothing: more bytes are needed.
  tl::expected<std::optional<std::size_t>, HeadRefusal> scan(std::string_view buffer,
                                                             const HeadLimits& limits);

 private:
  std::size_t line_start_ = 0;
  std::size_t position_ = 0;
};

struct ParsedHead {
  RequestHead head;  // without peer and certificate
  BodyDecoder::Framing framing = BodyDecoder::Framing::kNone;
  std::uint64_t length = 0;
  bool http10 = false;
  bool keep_alive = true;
  bool expects_continue = false;
  bool accepts_gzip = false;
  bool encoded = false;  // a Content-Encoding other than identity
  bool upgrade = false;
};

// Parses what HeadScanner found.
tl::expected<ParsedHead, HeadRefusal> parse_head(std::string_view head, const HeadLimits& limits);

}  // namespace gb::http
