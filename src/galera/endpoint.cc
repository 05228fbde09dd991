#include "galera/endpoint.h"

#include <algorithm>

namespace gb::galera {
namespace {

bool same_server(const Address& a, const Address& b) {
  if (!a.socket.empty() || !b.socket.empty()) return a.socket == b.socket;
  if (a.port != b.port) return false;
  const auto leads_to = [](const Address& address, const std::string& place) {
    return address.host == place || std::ranges::find(address.ips, place) != address.ips.end();
  };
  return leads_to(b, a.host) ||
         std::ranges::any_of(a.ips, [&](const std::string& ip) { return leads_to(b, ip); });
}

}  // namespace

bool share_a_server(const std::vector<Address>& a, const std::vector<Address>& b) {
  return std::ranges::any_of(a, [&](const Address& one) {
    return std::ranges::any_of(b, [&](const Address& other) { return same_server(one, other); });
  });
}

}  // namespace gb::galera
