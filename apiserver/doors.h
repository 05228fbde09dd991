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

namespace gb::apiserver {

struct Doors {
  std::unique_ptr<kube::Authenticator> authenticator;
  std::unique_ptr<kube::Authorizer> authorizer;
  std::unique_ptr<kube::Namespaces> namespaces;
  std::unique_ptr<kube::EventRecorder> events;
  std::vector<handlers::HealthCheck> checks;
  std::shared_ptr<void> keep;  // what they share: destroyed after them
};

Result<Doors> make_doors(const Config& config, const Clock& clock, Rng& rng);

}  // namespace gb::apiserver
