// What went wrong, why, and what to do about it.
//
// Every function that can fail returns Result<T>; exceptions of libraries stop at the room's wall.
// A message is one sentence that stands by itself ("node 10.0.0.1:3306 refused the connection");
// the hint is the next step ("check that the node runs and that port 3306 is reachable").
//
// Thread safety: values; an Error may be copied and read by several threads.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace gb {

enum class Code {
  kNotFound,
  kAlreadyExists,
  kConflict,         // a precondition did not hold: read again and retry
  kInvalid,          // the caller's input is wrong: retrying does not help
  kUnauthenticated,  // we do not know who asks
  kForbidden,        // we know who asks, and the answer is no
  kExhausted,        // a limit was reached: retry later
  kUnavailable,      // something that we need did not answer: retry later
  kAmbiguous,        // a conditional write whose answer was lost: read back before retrying
  kNoSpace,
  kCorruption,  // bytes are not what was written
  kCancelled,
  kExpired,   // the revision asked for is no longer in the history
  kInternal,  // a defect of ours
};

// "NotFound", "AlreadyExists", …: the names of the list above without the k.
[[nodiscard]] std::string_view to_string(Code code);

struct [[nodiscard]] Error {
  Code code = Code::kInternal;
  std::string message;
  std::string hint;  // what to do; may be empty
  std::optional<std::chrono::seconds> retry_after;
  std::shared_ptr<const Error> cause;  // what was seen one level below

  // The message, the causes after ": ", the hint in a sentence of its own.
  [[nodiscard]] std::string text() const;

  Error&& with_hint(std::string value) &&;
};

template <typename T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

// return fail(Code::kInvalid, "…");
[[nodiscard]] tl::unexpected<Error> fail(Code code, std::string message, std::string hint = {});
[[nodiscard]] tl::unexpected<Error> fail(Error error);

// The same failure seen from one level up: `message` says what was being done; code, hint and
// retry_after are kept.
[[nodiscard]] tl::unexpected<Error> wrap(std::string message, Error cause);

}  // namespace gb

// GB_TRY(statement): leaves the function with the error of a Status or Result that failed.
// GB_TRY_ASSIGN(auto x, expression): the same, else x holds the value.
#define GB_TRY(...)                                                      \
  do {                                                                   \
    if (auto gb_result_ = (__VA_ARGS__); !gb_result_)                    \
      return tl::unexpected<::gb::Error>(std::move(gb_result_).error()); \
  } while (false)
#define GB_TRY_CONCAT_(a, b) a##b
#define GB_TRY_NAME_(a, b) GB_TRY_CONCAT_(a, b)
#define GB_TRY_ASSIGN(declaration, ...)                                                       \
  auto GB_TRY_NAME_(gb_value_, __LINE__) = (__VA_ARGS__);                                     \
  if (!GB_TRY_NAME_(gb_value_, __LINE__))                                                     \
    return tl::unexpected<::gb::Error>(std::move(GB_TRY_NAME_(gb_value_, __LINE__)).error()); \
  declaration = std::move(*GB_TRY_NAME_(gb_value_, __LINE__))
