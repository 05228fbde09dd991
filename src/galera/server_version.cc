#include "galera/server_version.h"

#include <array>
#include <utility>

namespace gb::galera {
namespace {

// Major, minor, and which release of that series.
std::array<int, 3> numbers_of(const std::string& version) {
  std::array<int, 3> out{};
  std::size_t at = version.find_first_of("0123456789");
  for (int& value : out) {
    while (at < version.size() && version[at] >= '0' && version[at] <= '9' && value < 10000)
      value = value * 10 + (version[at++] - '0');
    if (at >= version.size() || version[at] != '.') break;
    ++at;
  }
  return out;
}

std::pair<int, int> series_of(const std::string& version) {
  const std::array<int, 3> numbers = numbers_of(version);
  return {numbers[0], numbers[1]};
}

}  // namespace

bool is_newer_series(const std::string& a, const std::string& b) {
  return series_of(a) > series_of(b);
}

bool is_older_version(const std::string& a, const std::string& b) {
  return numbers_of(a) < numbers_of(b);
}

}  // namespace gb::galera
