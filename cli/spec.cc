#include "cli/spec.h"

#include <nlohmann/json.hpp>

namespace gb::cli {

void set_text(api::Json& spec, const char* field, const std::string& value) {
  if (!value.empty()) spec[field] = value;
}

void set_list(api::Json& spec, const char* field, const std::vector<std::string>& values) {
  if (!values.empty()) spec[field] = values;
}

Result<StringMap> parse_pairs(const std::string& flag, const std::vector<std::string>& pairs) {
  StringMap map;
  for (const std::string& pair : pairs) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == pair.size())
      return fail(Code::kInvalid, flag + " \"" + pair + "\" is not OLD=NEW");
    if (!map.emplace(pair.substr(0, equals), pair.substr(equals + 1)).second)
      return fail(Code::kInvalid, flag + " names \"" + pair.substr(0, equals) + "\" twice");
  }
  return map;
}

}  // namespace gb::cli
