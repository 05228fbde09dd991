// Reading the files that the configuration names; errors begin with the key that names the file.
#pragma once

#include <string>

#include "apiserver/config.h"
#include "base/error.h"
#include "http/tls.h"

namespace gb::apiserver {

Result<std::string> read_named_file(const std::string& key, const std::string& path);
Result<http::KeyPair> read_key_pair(const ServingConfig& serving);

}  // namespace gb::apiserver
