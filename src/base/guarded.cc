#include "base/guarded.h"

#include <new>
#include <string>

#include "base/log.h"

namespace gb {

Error caught(std::string_view what, const std::exception* thrown) {
  const std::string why = thrown == nullptr ? "it has no name" : thrown->what();
  log::error("an unexpected error was met", {{"in", what}, {"error", why}});
  const bool no_memory = dynamic_cast<const std::bad_alloc*>(thrown) != nullptr;
  return Error{Code::kInternal,
               "the server met an error that it did not expect: " + why,
               no_memory ? "it has too little memory: give it more, or lower limits.memory in its "
                           "configuration"
                         : "try again; if it comes back, report it together with the server's log",
               {},
               nullptr};
}

}  // namespace gb
