// The instances of the server's configuration: clusters that no operator describes.
//
// Thread safety: all methods, from any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "galera/endpoint.h"
#include "jobs/jobs.h"

namespace gb::jobs {

struct ConfiguredInstance {
  std::string ns;
  galera::Endpoint endpoint;  // without its password
  std::string password_file;  // read at every use, so that a rotated password is the next one's
};

class ConfiguredInstances final : public InstanceResolver {
 public:
  explicit ConfiguredInstances(std::vector<ConfiguredInstance> instances)
      : instances_(std::move(instances)) {}
  Result<galera::Endpoint> resolve(std::string_view ns, std::string_view name) override;

 private:
  std::vector<ConfiguredInstance> instances_;
};

// The first line of the file without its end. Invalid: not readable or empty.
Result<std::string> read_password_file(const std::string& path);

// "host:port", or "host" for port 3306. Invalid for anything else (an IPv6 address has no form
// yet).
Result<galera::Address> parse_address(const std::string& text);

}  // namespace gb::jobs
