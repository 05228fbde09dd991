// The wall of a thread, or of a step of a job: what is thrown within (by a library, or because the
// process has no memory or no threads left) becomes an error there, instead of the end of the
// process and of all else that it does.
#pragma once

#include <exception>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/error.h"

namespace gb {

// Says in the log what was thrown (null: nobody knows) while `what` was done; the error that it is
// from here on: Internal.
[[nodiscard]] Error caught(std::string_view what, const std::exception* thrown);

// What `work` returns, a Status or a Result; a Status when it returns nothing. When it throws:
// Internal, and the log says so, with `what` was being done ("a look at the schedules").
template <typename Work>
auto guarded(std::string_view what, Work&& work) {
  using Returned = std::invoke_result_t<Work>;
  using Outcome = std::conditional_t<std::is_void_v<Returned>, Status, Returned>;
  try {
    if constexpr (std::is_void_v<Returned>) {
      std::forward<Work>(work)();
      return Outcome();
    } else {
      return std::forward<Work>(work)();
    }
  } catch (const std::exception& thrown) {
    return Outcome(fail(caught(what, &thrown)));
  } catch (...) {
    return Outcome(fail(caught(what, nullptr)));
  }
}

}  // namespace gb
