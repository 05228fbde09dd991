#include "http/body_decoder.h"

#include <algorithm>

namespace gb::http {
namespace {

constexpr unsigned kMaxChunkLine = 256;
constexpr unsigned kMaxTrailers = 8192;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_text(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte >= 0x20 && byte != 0x7f) || byte == '\t';
}

}  // namespace

BodyDecoder::BodyDecoder(Framing framing, std::uint64_t length, std::uint64_t budget)
    : framing_(framing), state_(State::kMore), length_(length), left_(length), budget_(budget) {
  if (framing == Framing::kNone || (framing == Framing::kLength && length == 0))
    state_ = State::kDone;
  else if (framing == Framing::kLength && length > budget)
    state_ = State::kTooLarge;
}

// One byte of the framing around chunks; the data itself is taken in runs by feed().
BodyDecoder::State BodyDecoder::chunk_byte(char byte) {
  const auto malformed = State::kMalformed;
  switch (step_) {
    case Step::kSize:
      if (const int value = hex_value(byte); value >= 0) {
        if (++digits_ > 15) return malformed;
        left_ = left_ * 16 + static_cast<unsigned>(value);
        return State::kMore;
      }
      if (digits_ == 0) return malformed;
      line_ = 0;
      if (byte == '\r') {
        step_ = Step::kSizeEnd;
      } else if (byte == ';' || byte == ' ' || byte == '\t') {
        step_ = Step::kExtension;
      } else {
        return malformed;
      }
      return State::kMore;
    case Step::kExtension:  // ignored, as RFC 9112 asks for, but never without end
      if (byte == '\r') {
        step_ = Step::kSizeEnd;
      } else if (!is_text(byte) || ++line_ > kMaxChunkLine) {
        return malformed;
      }
      return State::kMore;
    case Step::kSizeEnd:
      if (byte != '\n') return malformed;
      if (left_ > budget_) return State::kTooLarge;
      budget_ -= left_;
      line_ = 0;
      at_line_start_ = true;
      step_ = left_ == 0 ? Step::kTrailer : Step::kData;
      return State::kMore;
    case Step::kData:
      return malformed;  // not reached: feed() takes data
    case Step::kDataCr:
      if (byte != '\r') return malformed;
      step_ = Step::kDataLf;
      return State::kMore;
    case Step::kDataLf:
      if (byte != '\n') return malformed;
      step_ = Step::kSize;
      left_ = 0;
      digits_ = 0;
      return State::kMore;
    case Step::kTrailer:  // read and thrown away: no field after the body is ever believed
      if (byte == '\r') {
        step_ = Step::kTrailerEnd;
        return State::kMore;
      }
      if (!is_text(byte) || ++line_ > kMaxTrailers) return malformed;
      at_line_start_ = false;
      return State::kMore;
    case Step::kTrailerEnd:
      if (byte != '\n') return malformed;
      if (at_line_start_) return State::kDone;
      at_line_start_ = true;
      step_ = Step::kTrailer;
      return State::kMore;
  }
  return malformed;
}

BodyDecoder::State BodyDecoder::feed(std::string_view bytes, std::size_t& used, std::string& out) {
  return take(bytes, used, &out);
}

BodyDecoder::State BodyDecoder::skip(std::string_view bytes, std::size_t& used) {
  return take(bytes, used, nullptr);
}

BodyDecoder::State BodyDecoder::take(std::string_view bytes, std::size_t& used, std::string* out) {
  used = 0;
  while (state_ == State::kMore && used < bytes.size()) {
    if (framing_ == Framing::kChunked && step_ != Step::kData) {
      state_ = chunk_byte(bytes[used++]);
      continue;
    }
    std::size_t run = bytes.size() - used;
    if (framing_ == Framing::kUntilClose) {
      if (run > budget_) {
        state_ = State::kTooLarge;
        break;
      }
      budget_ -= run;
    } else {
      run = static_cast<std::size_t>(std::min<std::uint64_t>(run, left_));
      left_ -= run;
    }
    if (out != nullptr) out->append(bytes.substr(used, run));
    used += run;
    if (framing_ == Framing::kLength && left_ == 0) state_ = State::kDone;
    if (framing_ == Framing::kChunked && left_ == 0) step_ = Step::kDataCr;
  }
  return state_;
}

}  // namespace gb::http
