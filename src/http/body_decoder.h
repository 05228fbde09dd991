// Takes the body of a message out of the bytes of a connection, for every framing of HTTP/1.1,
// under a budget that counts what comes out. Both the server and the client use it.
//
// Thread safety: none; one decoder belongs to one message.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gb::http {

class BodyDecoder {
 public:
  enum class Framing { kNone, kLength, kChunked, kUntilClose };
  enum class State { kMore, kDone, kTooLarge, kMalformed };

  BodyDecoder() = default;  // no body: done at once
  BodyDecoder(Framing framing, std::uint64_t length, std::uint64_t budget);

  // Appends what it decodes of `bytes` to `out` and says in `used` how many bytes belong to this
  // message; what follows them is the next one. kDone, kTooLarge and kMalformed are final.
  State feed(std::string_view bytes, std::size_t& used, std::string& out);
  // The same for a body that nobody wants: it comes out nowhere.
  State skip(std::string_view bytes, std::size_t& used);
  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] Framing framing() const { return framing_; }
  [[nodiscard]] std::uint64_t length() const { return length_; }

 private:
  enum class Step { kSize, kExtension, kSizeEnd, kData, kDataCr, kDataLf, kTrailer, kTrailerEnd };
  State chunk_byte(char byte);
  State take(std::string_view bytes, std::size_t& used, std::string* out);

  Framing framing_ = Framing::kNone;
  State state_ = State::kDone;
  std::uint64_t length_ = 0;  // declared, with kLength
  std::uint64_t left_ = 0;    // of the body, or of the chunk
  std::uint64_t budget_ = 0;  // what may still come out
  Step step_ = Step::kSize;
  unsigned line_ = 0;          // bytes of the current chunk line, or of the trailers
  unsigned digits_ = 0;        // of the chunk's size
  bool at_line_start_ = true;  // in the trailers
};

}  // namespace gb::http
