// How to reach an instance: a Galera cluster, its nodes and who we are there.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "galera/password.h"

namespace gb::galera {

struct Address {
  std::string host;
  std::uint16_t port = 3306;
  std::string name = {};  // what people call the node; empty: host:port
  // Where a connection may lead, for a host that no administrator wrote down; empty: wherever the
  // name does.
  std::vector<std::string> ips = {};
  std::string socket = {};  // the path of a Unix socket, in place of host and port
  [[nodiscard]] std::string text() const {
    return name.empty() ? host + ":" + std::to_string(port) : name;
  }
  auto operator<=>(const Address&) const = default;
};

// Whether some address of `a` and one of `b` are, as far as they are written, of the same server.
[[nodiscard]] bool share_a_server(const std::vector<Address>& a, const std::vector<Address>& b);

enum class TlsMode { kDisabled, kRequired };  // Required: encrypted, and the certificate verified

struct Endpoint {
  std::string name;            // the instance, for messages
  std::vector<Address> nodes;  // at least one
  std::string active_node;     // the text() of the node that applications use; dumps avoid it
  std::string user = "root";
  std::string password;                        // never logged
  std::shared_ptr<RotatingPassword> rotation;  // asked instead; null: the password stands
  TlsMode tls = TlsMode::kDisabled;
  std::string tls_ca_file;
  std::string tls_ca_pem;  // the same as text, in its place
  std::string uid;         // of the object that describes the instance; empty: a configuration does
  // Of when its data is, where the server stands still and holds a copy; no value: it is live.
  std::optional<WallTime> data_time;
  bool scratch = false;  // a scratch server: where else tables would lie does not count
};

}  // namespace gb::galera
