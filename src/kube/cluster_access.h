// How to reach kube-apiserver, and as whom; and how a pod does.
//
// Thread safety: values and pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"

namespace gb::kube {

// A program that tells the credential (client-go's exec plugins: aws, gcloud, kubelogin …).
struct ExecPlugin {
  std::string api_version;  // client.authentication.k8s.io/v1 or v1beta1
  std::string command;
  std::vector<std::string> arguments;
  std::vector<std::pair<std::string, std::string>> environment;
  std::string install_hint;
  bool may_ask = true;       // it may use the terminal, when there is one
  bool must_ask = false;     // it can do nothing without a terminal
  std::string cluster_json;  // spec.cluster of what it is given; empty: it did not ask for it
};

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
  std::optional<ExecPlugin> exec;
  // Impersonate-User and the like: as whom to act.
  std::vector<std::pair<std::string, std::string>> headers;
};

// "https://host:port/path" into host, port and base_path. Invalid for anything else.
Status parse_server(std::string_view url, ClusterAccess& access);

// The pod's service account. Invalid outside of a pod.
Result<ClusterAccess> in_cluster_access();

}  // namespace gb::kube
