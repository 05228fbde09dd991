// How flags become fields of a spec: what was not given is left out, so that the server's default
// holds.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "api/object.h"
#include "base/error.h"

namespace gb::cli {

using StringMap = std::map<std::string, std::string>;

void set_text(api::Json& spec, const char* field, const std::string& value);
void set_list(api::Json& spec, const char* field, const std::vector<std::string>& values);

// OLD=NEW of each; Invalid for anything else, with the flag's name.
Result<StringMap> parse_pairs(const std::string& flag, const std::vector<std::string>& pairs);

}  // namespace gb::cli
