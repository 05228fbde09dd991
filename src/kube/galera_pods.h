// The pods that run the servers of a Galera object.
//
// Thread safety: functions, from any thread.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "kube/client.h"

namespace gb::kube {

// What the operator names after a Galera object: its StatefulSet and the headless Service of its
// pods, and the key of a Service's selector by which one pod is the active one.
[[nodiscard]] std::string galera_set_name(const std::string& galera);
inline constexpr const char* kActivePodKey = "statefulset.kubernetes.io/pod-name";

struct GaleraPod {
  std::string name;              // "openstack-galera-1"
  std::vector<std::string> ips;  // the preferred one first; empty: it has none yet
  std::uint16_t port = 3306;
  bool ready = false;
};

// Those of the object's StatefulSet, by name: jobs that the operator makes wear the same labels. A
// pod that is being deleted is left out. Errors are those of the client.
Result<std::vector<GaleraPod>> list_galera_pods(KubeClient& client, const std::string& ns,
                                                const std::string& galera, std::stop_token stop);

}  // namespace gb::kube
