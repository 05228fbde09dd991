#include "api/text.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace gb::api {
namespace {

bool starts_rune(char c) {
  return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
}

}  // namespace

std::string quote(std::string_view text) {
  return to_text(Json(text));
}

std::string to_text(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string cut_runes(std::string_view text, std::size_t limit) {
  std::size_t runes = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!starts_rune(text[i])) continue;
    if (runes++ == limit) return std::string(text.substr(0, i));
  }
  return std::string(text);
}

std::size_t count_runes(std::string_view text) {
  std::size_t runes = 0;
  for (const char c : text) runes += starts_rune(c) ? 1 : 0;
  return runes;
}

const Json& member(const Json& value, std::string_view name) {
  static const Json kNull;
  if (!value.is_object()) return kNull;
  const auto it = value.find(name);
  return it == value.end() ? kNull : *it;
}

std::string text_member(const Json& value, std::string_view name) {
  const Json& found = member(value, name);
  return found.is_string() ? found.get<std::string>() : std::string();
}

std::uint64_t number_member(const Json& value, std::string_view name) {
  const Json& number = member(value, name);
  if (number.is_number_unsigned()) return number.get<std::uint64_t>();
  if (!number.is_number_integer()) return 0;
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, number.get<std::int64_t>()));
}

const Json& at_path(const Json& value, std::string_view path) {
  const Json* at = &value;
  while (!path.empty()) {
    const std::size_t dot = path.find('.');
    at = &member(*at, path.substr(0, dot));
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
  }
  return *at;
}

}  // namespace gb::api
