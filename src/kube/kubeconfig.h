// kubeconfig files, read as kubectl reads them: $KUBECONFIG may name several, of which the first
// that has an entry (or the current context) counts; files that are not there are passed over; a
// relative path stands beside the file that names it.
//
// Thread safety: all functions, from any thread; they read the environment and files.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "kube/cluster_access.h"

namespace gb::kube {

// What a command line says about it; all empty: what kubectl would do without a flag.
struct KubeconfigChoice {
  std::string file;  // --kubeconfig: this one, and it must be there
  std::string context;
  std::string cluster;  // instead of the context's
  std::string user;
  std::string as;  // impersonate this user, instead of the one that the kubeconfig names
  std::vector<std::string> as_groups;
};

struct UserAccess {
  ClusterAccess cluster;
  std::string ns;  // of the context, or "default"
};

// The cluster, user and namespace that a person's kubeconfig files mean; without any file, a pod's
// service account. Invalid names the file and what is missing, wrong or not supported
// (auth-provider plugins, basic authentication, proxies, unverified TLS).
Result<UserAccess> user_access(const KubeconfigChoice& choice);

// The current context of one file: what a server's configuration names.
Result<ClusterAccess> read_kubeconfig(const std::string& path);

// For completion: the names of all contexts.
Result<std::vector<std::string>> context_names(const KubeconfigChoice& choice);

}  // namespace gb::kube
