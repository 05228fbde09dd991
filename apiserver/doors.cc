#include "apiserver/doors.h"

#include <chrono>
#include <utility>

#include "base/log.h"
#include "kube/cluster_namespaces.h"
#include "kube/delegating_authenticator.h"
#include "kube/events.h"
#include "kube/kubeconfig.h"
#include "kube/sar_authorizer.h"
#include "kube/standalone.h"

namespace gb::apiserver {
namespace {

constexpr std::chrono::seconds kFirstAnswer{10};

Doors standalone_doors(const Config& config, const Clock& clock) {
  Doors doors;
  doors.authenticator =
      std::make_unique<kube::StandaloneAuthenticator>(config.serving.client_ca_file, clock);
  doors.authorizer = std::make_unique<kube::StandaloneAuthorizer>(config.standalone.admin_group);
  doors.namespaces = std::make_unique<kube::StandaloneNamespaces>(config.standalone.namespaces);
  doors.events = std::make_unique<kube::LogEventRecorder>();
  return doors;
}

Result<Doors> cluster_doors(const ClusterConfig& config, const std::string& replica,
                            const Clock& clock, Rng& rng) {
  auto access = config.kubeconfig.empty() ? kube::in_cluster_access()
                                          : kube::read_kubeconfig(config.kubeconfig);
  if (!access) return wrap("cluster", access.error());
  Doors doors;
  GB_TRY_ASSIGN(doors.client, kube::KubeClient::make(std::move(*access)));
  auto authenticator = std::make_unique<kube::DelegatingAuthenticator>(*doors.client, clock, rng);
  auto namespaces = std::make_unique<kube::ClusterNamespaces>(*doors.client);
  if (!authenticator->wait_ready(kFirstAnswer) || !namespaces->wait_ready(kFirstAnswer))
    log::warn("kube-apiserver has not answered yet: serving begins without it",
              {{"authentication", authenticator->health() ? "ready" : "waiting"},
               {"namespaces", namespaces->health() ? "ready" : "waiting"}});
  doors.checks = {
      {"extension-apiserver-authentication", [raw = authenticator.get()] { return raw->health(); }},
      {"namespaces", [raw = namespaces.get()] { return raw->health(); }},
  };
  doors.authenticator = std::move(authenticator);
  doors.namespaces = std::move(namespaces);
  doors.authorizer = std::make_unique<kube::SarAuthorizer>(*doors.client, clock);
  doors.events = std::make_unique<kube::ClusterEventRecorder>(*doors.client, clock, rng, replica);
  return doors;
}

}  // namespace

Result<Doors> make_doors(const Config& config, const std::string& replica, const Clock& clock,
                         Rng& rng) {
  if (config.cluster) return cluster_doors(*config.cluster, replica, clock, rng);
  return standalone_doors(config, clock);
}

}  // namespace gb::apiserver
