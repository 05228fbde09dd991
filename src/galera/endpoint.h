// How to reach an instance: a Galera cluster, its nodes and who we are there.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gb::galera {

struct Address {
  std::string host;
  std::uint16_t port = 3306;
  [[nodiscard]] std::string text() const { return host + ":" + std::to_string(port); }
  auto operator<=>(const Address&) const = default;
};

enum class TlsMode { kDisabled, kRequired };  // Required: encrypted, and the certificate verified

struct Endpoint {
  std::string name;            // the instance, for messages
  std::vector<Address> nodes;  // at least one
  std::string active_node;     // host:port that applications use; dumps avoid it; may be empty
  std::string user = "root";
  std::string password;  // never logged
  TlsMode tls = TlsMode::kDisabled;
  std::string tls_ca_file;
};

}  // namespace gb::galera
