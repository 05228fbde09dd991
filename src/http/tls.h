// TLS for server and client: contexts and certificates.
//
// Thread safety: all, from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace gb::http {

// The certificate chain that a client sent, in DER, leaf first, not yet verified: the handshake
// asks for one and never fails for want of trust; the authenticators decide whom they believe.
struct PeerCertificate {
  std::vector<std::string> chain;
  [[nodiscard]] bool empty() const { return chain.empty(); }
};

struct KeyPair {
  std::string certificate_pem;  // leaf first
  std::string key_pem;
};
// An IPv4 or IPv6 address, and no name.
[[nodiscard]] bool is_address(const std::string& host);

// Self-signed, ECDSA P-256, for these DNS names and addresses.
Result<KeyPair> make_self_signed(const std::vector<std::string>& hosts, WallTime now);

// The server's context, replaced as a whole on rotation; connections keep the one they began with.
class TlsContext {
 public:
  // TLS 1.2 or later, ALPN http/1.1, client certificates asked for with an empty list of
  // authorities.
  static Result<std::shared_ptr<TlsContext>> server(const KeyPair& pair);
  virtual ~TlsContext() = default;
  // Later connections use the new pair. Invalid: it was not taken, the old one stays.
  virtual Status replace(const KeyPair& pair) = 0;
};

}  // namespace gb::http
