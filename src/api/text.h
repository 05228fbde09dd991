// Text as Go's fmt writes it, and counting by characters: helpers of this room.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "api/object.h"

namespace gb::api {

template <typename... Parts>
[[nodiscard]] std::string concat(const Parts&... parts) {
  std::string text;
  (text.append(parts), ...);
  return text;
}

// %q: in double quotes, escaped.
[[nodiscard]] std::string quote(std::string_view text);
// json.Marshal.
[[nodiscard]] std::string to_text(const Json& value);

// The first `limit` characters of UTF-8 text.
[[nodiscard]] std::string cut_runes(std::string_view text, std::size_t limit);
[[nodiscard]] std::size_t count_runes(std::string_view text);

// The member of an object; a null value when there is none or `value` is no object.
[[nodiscard]] const Json& member(const Json& value, std::string_view name);
// The string member of an object, or "".
[[nodiscard]] std::string text_member(const Json& value, std::string_view name);
// The whole number member of an object, 0 when there is none or it is negative.
[[nodiscard]] std::uint64_t number_member(const Json& value, std::string_view name);
// The value at "status.progress.percent"; null when there is none.
[[nodiscard]] const Json& at_path(const Json& value, std::string_view path);

}  // namespace gb::api
