#include "base/error.h"

#include <utility>

namespace gb {

std::string_view to_string(Code code) {
  switch (code) {
    case Code::kNotFound:
      return "NotFound";
    case Code::kAlreadyExists:
      return "AlreadyExists";
    case Code::kConflict:
      return "Conflict";
    case Code::kInvalid:
      return "Invalid";
    case Code::kUnauthenticated:
      return "Unauthenticated";
    case Code::kForbidden:
      return "Forbidden";
    case Code::kExhausted:
      return "Exhausted";
    case Code::kUnavailable:
      return "Unavailable";
    case Code::kAmbiguous:
      return "Ambiguous";
    case Code::kNoSpace:
      return "NoSpace";
    case Code::kCorruption:
      return "Corruption";
    case Code::kCancelled:
      return "Cancelled";
    case Code::kExpired:
      return "Expired";
    case Code::kInternal:
      return "Internal";
  }
  return "Internal";
}

std::string Error::text() const {
  std::string out = message;
  for (const Error* e = cause.get(); e != nullptr; e = e->cause.get()) {
    out += ": ";
    out += e->message;
  }
  if (!hint.empty()) {
    out += "; ";
    out += hint;
  }
  return out;
}

Error&& Error::with_hint(std::string value) && {
  hint = std::move(value);
  return std::move(*this);
}

tl::unexpected<Error> fail(Code code, std::string message, std::string hint) {
  return tl::unexpected<Error>(
      Error{code, std::move(message), std::move(hint), std::nullopt, nullptr});
}

tl::unexpected<Error> fail(Error error) {
  return tl::unexpected<Error>(std::move(error));
}

tl::unexpected<Error> wrap(std::string message, Error cause) {
  Error outer{cause.code, std::move(message), cause.hint, cause.retry_after, nullptr};
  outer.cause = std::make_shared<const Error>(std::move(cause));
  return tl::unexpected<Error>(std::move(outer));
}

}  // namespace gb
