// Who guards the server: kube-apiserver (cluster:), or a certificate authority alone (standalone:).
#pragma once

#include <memory>
#include <vector>

#include "apiserver/config.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/rng.h"
#include "handlers/service.h"
#include "kube/access.h"
#include "kube/client.h"

namespace gb::apiserver {

struct Doors {
  std::unique_ptr<kube::KubeClient>
      client;  // null: standalone; what the others use, so destroyed last
  std::unique_ptr<kube::Authenticator> authenticator;
  std::unique_ptr<kube::Authorizer> authorizer;
  std::unique_ptr<kube::Namespaces> namespaces;
  std::unique_ptr<kube::EventRecorder> events;
  std::vector<handlers::HealthCheck> checks;
};

// In a cluster, waits a moment until kube-apiserver told whom to believe and which namespaces there
// are; a server that starts without it serves all the same, and readyz says what is missing.
Result<Doors> make_doors(const Config& config, const std::string& replica, const Clock& clock,
                         Rng& rng);

}  // namespace gb::apiserver
