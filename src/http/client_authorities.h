// Who may issue the certificates of clients: a PEM bundle, parsed once and asked for each request.
//
// Thread safety: all, from any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "http/tls.h"

namespace gb::http {

struct CertificateSubject {
  std::string common_name;
  std::vector<std::string> organizations;
};

class ClientAuthorities {
 public:
  // Invalid: a broken block, or no certificate at all.
  static Result<std::shared_ptr<const ClientAuthorities>> parse(std::string_view pem);
  virtual ~ClientAuthorities() = default;

  // Verifies that the chain leads to one of the authorities, is valid at `now` and carries the
  // clientAuth usage; returns the leaf's subject. Unauthenticated says why not. A chain that was
  // verified before costs no cryptography as long as none of its certificates has expired.
  [[nodiscard]] virtual Result<CertificateSubject> verify(const PeerCertificate& peer,
                                                          WallTime now) const = 0;
};

}  // namespace gb::http
