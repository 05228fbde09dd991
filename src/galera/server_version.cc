#include "galera/server_version.h"

#include <utility>

namespace gb::galera {
namespace {

std::pair<int, int> series_of(const std::string& version) {
  int major = 0;
  int minor = 0;
  std::size_t at = version.find_first_of("0123456789");
  const auto take = [&](int& value) {
    while (at < version.size() && version[at] >= '0' && version[at] <= '9' && value < 10000)
      value = value * 10 + (version[at++] - '0');
  };
  if (at == std::string::npos) return {0, 0};
  take(major);
  if (at < version.size() && version[at] == '.') {
    ++at;
    take(minor);
  }
  return {major, minor};
}

}  // namespace

bool is_newer_series(const std::string& a, const std::string& b) {
  return series_of(a) > series_of(b);
}

}  // namespace gb::galera
