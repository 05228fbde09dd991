#include "apiserver/doors.h"

#include "kube/standalone.h"

namespace gb::apiserver {

Result<Doors> make_doors(const Config& config, const Clock& clock, Rng& /*rng*/) {
  Doors doors;
  doors.authenticator =
      std::make_unique<kube::StandaloneAuthenticator>(config.serving.client_ca_file, clock);
  doors.authorizer = std::make_unique<kube::StandaloneAuthorizer>(config.standalone.admin_group);
  doors.namespaces = std::make_unique<kube::StandaloneNamespaces>(config.standalone.namespaces);
  doors.events = std::make_unique<kube::LogEventRecorder>();
  return doors;
}

}  // namespace gb::apiserver
