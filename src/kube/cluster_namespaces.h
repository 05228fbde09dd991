// The namespaces of the cluster, followed in memory: whether one exists and whether it is going.
//
// Thread safety: all methods, from any thread.
#pragma once

#include <map>
#include <shared_mutex>
#include <stop_token>
#include <string>

#include "kube/access.h"
#include "kube/client.h"
#include "kube/reflector.h"

namespace gb::kube {

class ClusterNamespaces final : public Namespaces {
 public:
  struct Options {
    std::chrono::milliseconds look_up{5000};  // for a name that is not in memory
    std::chrono::milliseconds first_pause{500};
  };
  // Begins to follow. `client` outlives it.
  ClusterNamespaces(KubeClient& client, Options options);
  explicit ClusterNamespaces(KubeClient& client) : ClusterNamespaces(client, Options{}) {}
  ~ClusterNamespaces() override;

  // From memory; a name that is not there may be newer than the watch and is asked for. Unavailable
  // when that fails.
  Result<NamespaceState> state(std::string_view name) override;
  Result<std::string> uid(std::string_view name) override;

  bool wait_ready(std::chrono::milliseconds timeout) { return reflector_.wait_listed(timeout); }
  [[nodiscard]] Status health() const { return reflector_.health(); }

 private:
  struct Known {
    NamespaceState state = NamespaceState::kMissing;
    std::string uid;
  };
  static Known known_by(const api::Json& object);
  Result<Known> find(std::string_view name);

  KubeClient& client_;
  const Options options_;
  mutable std::shared_mutex mutex_;
  std::map<std::string, Known, std::less<>> known_;
  std::stop_source stop_;
  Reflector reflector_;  // last: its thread uses the rest
};

}  // namespace gb::kube
