// How to reach kube-apiserver: from a kubeconfig file, or as a pod does.
//
// Thread safety: values and pure functions.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"

namespace gb::kube {

// What is a file is read again when it changes; what came with the configuration stands as text.
struct ClusterAccess {
  std::string host;
  std::uint16_t port = 443;
  std::string base_path;    // "/k8s/clusters/c-1", without a slash at its end; usually empty
  std::string server_name;  // for SNI and verification; empty: host
  std::string ca_pem;
  std::string ca_file;
  std::string certificate_pem;
  std::string certificate_file;
  std::string key_pem;
  std::string key_file;
  std::string token;
  std::string token_file;
};

// The current context. Invalid names the file and what is missing, wrong or not supported (exec and
// auth-provider plugins, basic authentication, proxies, unverified TLS).
Result<ClusterAccess> read_kubeconfig(const std::string& path);

// The pod's service account. Invalid outside of a pod.
Result<ClusterAccess> in_cluster_access();

}  // namespace gb::kube
