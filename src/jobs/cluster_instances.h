// The instances of a server behind kube-apiserver: Galera objects, and those of its configuration.
//
// A Galera object of that name in the namespace comes first. Every resolve() reads what is there
// now; what was resolved finds a password that is changed later by itself, and leads only to the
// addresses that kube-apiserver tells of the pods.
//
// Thread safety: all methods, from any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "jobs/jobs.h"
#include "kube/active_service.h"
#include "kube/galera_objects.h"

namespace gb::jobs {

class ClusterInstances final : public InstanceResolver, public TrafficGates {
 public:
  // `client` outlives it and every endpoint; `repository` is whose blocks are ours. `configured`
  // finds the others.
  ClusterInstances(kube::KubeClient& client, const std::string& repository,
                   InstanceResolver& configured)
      : objects_(std::make_shared<kube::GaleraObjects>(client)),
        services_(std::make_shared<kube::ActiveServices>(client, repository)),
        configured_(configured) {}

  Result<galera::Endpoint> resolve(std::string_view ns, std::string_view name) override;

  std::shared_ptr<galera::TrafficGate> gate(const galera::Endpoint& endpoint,
                                            const GateHolder& holder) override;
  Result<std::vector<GateHolder>> shut(std::stop_token stop) override;
  Status open(const GateHolder& holder, std::stop_token stop) override;

 private:
  // Shared with the endpoints: a job may outlive the moment in which it was resolved.
  const std::shared_ptr<kube::GaleraObjects> objects_;
  const std::shared_ptr<kube::ActiveServices> services_;
  InstanceResolver& configured_;
};

}  // namespace gb::jobs
