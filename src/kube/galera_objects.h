// Database clusters as openstack-k8s-operators/mariadb-operator describes them: a Galera object
// (mariadb.openstack.org/v1beta1), the pods of its StatefulSet, the Service that applications use
// and the Secrets that it names. docs/instances.md tells what is read and why.
//
// Nothing is kept: every call reads what is there now.
//
// Thread safety: all methods, from any thread.
// Errors: NotFound (no such object, or no such kind in this cluster), Conflict (it is being deleted
// or was recreated), Unavailable (no pod is ready, a Secret is not there yet, kube-apiserver does
// not answer), Invalid (what it names does not hold what it should), Forbidden (our own RBAC).
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/error.h"
#include "kube/client.h"
#include "kube/galera_pods.h"

namespace gb::kube {

struct GaleraObject {
  std::string ns;
  std::string name;
  std::string uid;
  std::vector<GaleraPod> pods;  // those that have an address, by name; at least one is ready
  std::string active_pod;       // where the Service leads applications; empty: nowhere
  std::string root_password;    // never logged
  bool tls = false;
  std::string ca_pem;  // whom to believe, with tls
};

class GaleraObjects {
 public:
  // `client` outlives it.
  explicit GaleraObjects(KubeClient& client) : client_(client) {}
  ~GaleraObjects() { stop_.request_stop(); }  // calls off what waits for kube-apiserver
  GaleraObjects(const GaleraObjects&) = delete;
  GaleraObjects& operator=(const GaleraObjects&) = delete;

  Result<GaleraObject> read(const std::string& ns, const std::string& name);
  // What root's password may be now, the likeliest first: while it is being changed, the new one
  // is in the Secret of the MariaDBAccount, and the Galera object still names the old one's.
  // Conflict when the object is no longer that of `uid`.
  Result<std::vector<std::string>> root_passwords(const std::string& ns, const std::string& name,
                                                  const std::string& uid);
  // Those of a namespace; none where the kind is not known.
  Result<std::vector<std::string>> names(const std::string& ns);

 private:
  Result<api::Json> get(const std::string& path);
  Result<api::Json> get_galera(const std::string& ns, const std::string& name);
  struct SecretRef {
    std::string secret;
    std::string key;
  };
  // `why` is the object that names the Secret, for messages.
  Result<std::string> secret_value(const std::string& ns, const SecretRef& ref,
                                   const std::string& why);
  Result<std::string> password_in(const std::string& ns, const SecretRef& ref,
                                  const std::string& why);
  Result<std::string> named_password(const std::string& ns, const api::Json& galera);
  Result<std::string> authority(const std::string& ns, const api::Json& galera);
  Result<std::string> active_pod(const std::string& ns, const std::string& name);

  KubeClient& client_;
  std::stop_source stop_;
};

}  // namespace gb::kube
