#include "kube/galera_objects.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "api/text.h"
#include "base/text.h"

namespace gb::kube {
namespace {

using api::Json;

constexpr std::chrono::seconds kReadPatience{5};
constexpr const char* kGroupPath = "/apis/mariadb.openstack.org/v1beta1/namespaces/";
constexpr const char* kPasswordKey = "DatabasePassword";

std::string galeras_path(const std::string& ns) {
  return kGroupPath + percent_encode(ns) + "/galeras";
}

std::string called(const std::string& name) {
  return "Galera object \"" + name + "\"";
}

std::string name_of(const Json& object) {
  return api::text_member(api::member(object, "metadata"), "name");
}

std::string text_at(const Json& object, const char* path) {
  const Json& value = api::at_path(object, path);
  return value.is_string() ? value.get<std::string>() : std::string();
}

Error no_ready_pod(const std::string& name, const Json& galera,
                   const std::vector<GaleraPod>& pods) {
  std::string seen;
  for (const GaleraPod& pod : pods)
    seen += (seen.empty() ? "" : ", ") + pod.name +
            (pod.ips.empty() ? ": no address yet" : ": not ready");
  const Json& replicas = api::at_path(galera, "spec.replicas");
  if (seen.empty())
    seen = replicas == 0 ? "it is scaled to 0 replicas"
                         : "its StatefulSet " + galera_set_name(name) + " has no pods";
  return {Code::kUnavailable,
          "no pod of " + called(name) + " is ready (" + seen + ")",
          "wait until the cluster runs: kubectl get pods -l galera/name=" + name,
          {},
          {}};
}

}  // namespace

Result<Json> GaleraObjects::get(const std::string& path) {
  Call call;
  call.path = path;
  call.timeout = kReadPatience;
  return client_.call(call, stop_.get_token());
}

Result<Json> GaleraObjects::get_galera(const std::string& ns, const std::string& name) {
  GB_TRY_ASSIGN(Json galera, get(galeras_path(ns) + "/" + percent_encode(name)));
  if (!text_at(galera, "metadata.deletionTimestamp").empty())
    return fail(Code::kConflict, called(name) + " is being deleted",
                "use another instance, or wait until it was created again");
  return galera;
}

Result<GaleraObject> GaleraObjects::read(const std::string& ns, const std::string& name) {
  GB_TRY_ASSIGN(const Json galera, get_galera(ns, name));
  GaleraObject object;
  object.ns = ns;
  object.name = name;
  object.uid = text_at(galera, "metadata.uid");
  GB_TRY_ASSIGN(object.pods, list_galera_pods(client_, ns, name, stop_.get_token()));
  if (std::none_of(object.pods.begin(), object.pods.end(),
                   [](const GaleraPod& pod) { return pod.ready && !pod.ips.empty(); }))
    return fail(no_ready_pod(name, galera, object.pods));
  std::erase_if(object.pods, [](const GaleraPod& pod) { return pod.ips.empty(); });
  GB_TRY_ASSIGN(object.active_pod, active_pod(ns, name));
  GB_TRY_ASSIGN(object.root_password, named_password(ns, galera));
  object.tls = !text_at(galera, "spec.tls.secretName").empty();
  if (object.tls) {
    GB_TRY_ASSIGN(object.ca_pem, authority(ns, galera));
  }
  return object;
}

Result<std::vector<std::string>> GaleraObjects::root_passwords(const std::string& ns,
                                                               const std::string& name,
                                                               const std::string& uid) {
  auto found = get_galera(ns, name);
  if (!found && found.error().code == Code::kNotFound)
    return fail(Code::kConflict, called(name) + " was deleted meanwhile",
                "see what exists: kubectl get galeras.mariadb.openstack.org -n " + ns);
  if (!found) return fail(found.error());
  const Json& galera = *found;
  if (text_at(galera, "metadata.uid") != uid)
    return fail(Code::kConflict, called(name) + " was deleted and created again meanwhile",
                "create the backup or restore again: it is another cluster now");
  std::vector<std::string> passwords;
  auto named = named_password(ns, galera);
  if (named) passwords.push_back(*named);

  std::string account = text_at(galera, "spec.rootDatabaseAccount");
  if (account.empty()) account = name + "-mariadb-root";
  const auto owner =
      get(kGroupPath + percent_encode(ns) + "/mariadbaccounts/" + percent_encode(account));
  if (owner) {
    const auto pending =
        password_in(ns, {text_at(*owner, "spec.secret"), kPasswordKey},
                    "MariaDBAccount \"" + account + "\" of " + called(name) + " (spec.secret)");
    if (pending && (passwords.empty() || passwords.front() != *pending))
      passwords.push_back(*pending);
  }
  if (passwords.empty()) return fail(named.error());
  return passwords;
}

Result<std::vector<std::string>> GaleraObjects::names(const std::string& ns) {
  auto list = get(galeras_path(ns));
  if (!list && list.error().code == Code::kNotFound) return std::vector<std::string>();
  if (!list) return fail(list.error());
  std::vector<std::string> names;
  const Json& items = api::member(*list, "items");
  if (items.is_array())
    for (const Json& item : items) names.push_back(name_of(item));
  return names;
}

Result<std::string> GaleraObjects::secret_value(const std::string& ns, const SecretRef& ref,
                                                const std::string& why) {
  const auto& [secret, key] = ref;
  const std::string what = "Secret \"" + secret + "\", which " + why + " names,";
  if (secret.empty())
    return fail(Code::kUnavailable, why + " names no Secret yet",
                "wait until the operator has made the cluster ready");
  const auto found =
      get("/api/v1/namespaces/" + percent_encode(ns) + "/secrets/" + percent_encode(secret));
  if (!found && found.error().code == Code::kNotFound)
    return fail(Code::kUnavailable, what + " does not exist in namespace \"" + ns + "\"",
                "create it again with the key " + key + ", or correct the object that names it");
  if (!found) return wrap(what + " cannot be read", found.error());
  const std::string text = api::text_member(api::member(*found, "data"), key);
  auto value = from_base64(text);
  if (text.empty() || !value)
    return fail(Code::kInvalid, what + " has no key \"" + key + "\"",
                "put " + key + " into the Secret");
  return *std::move(value);
}

Result<std::string> GaleraObjects::password_in(const std::string& ns, const SecretRef& ref,
                                               const std::string& why) {
  GB_TRY_ASSIGN(std::string password, secret_value(ns, ref, why));
  // The operator's scripts take it through a shell, which drops the end of the line.
  while (!password.empty() && password.back() == '\n') password.pop_back();
  return password;
}

// In the Secret that the object itself names; the first form is that of newer operators.
Result<std::string> GaleraObjects::named_password(const std::string& ns, const Json& galera) {
  const std::string name = called(name_of(galera));
  if (const std::string secret = text_at(galera, "status.rootDatabaseSecret"); !secret.empty())
    return password_in(ns, {secret, kPasswordKey}, name + " (status.rootDatabaseSecret)");
  return password_in(ns, {text_at(galera, "spec.secret"), "DbRootPassword"},
                     name + " (spec.secret)");
}

Result<std::string> GaleraObjects::authority(const std::string& ns, const Json& galera) {
  const std::string called_it = called(name_of(galera));
  if (const std::string bundle = text_at(galera, "spec.tls.caBundleSecretName"); !bundle.empty())
    return secret_value(ns, {bundle, "tls-ca-bundle.pem"},
                        called_it + " (spec.tls.caBundleSecretName)");
  // Whoever issued the servers' certificate usually left the authority beside it.
  auto beside = secret_value(ns, {text_at(galera, "spec.tls.secretName"), "ca.crt"},
                             called_it + " (spec.tls.secretName)");
  if (!beside)
    return wrap(called_it + " has TLS without an authority to verify it by",
                std::move(beside.error()).with_hint("set its spec.tls.caBundleSecretName"));
  return beside;
}

// No Service, or one without the key, is no error here: a dump then only does not know whom to
// avoid.
Result<std::string> GaleraObjects::active_pod(const std::string& ns, const std::string& name) {
  const auto service =
      get("/api/v1/namespaces/" + percent_encode(ns) + "/services/" + percent_encode(name));
  if (!service && service.error().code == Code::kNotFound) return std::string();
  if (!service) return fail(service.error());
  return api::text_member(api::at_path(*service, "spec.selector"), kActivePodKey);
}

}  // namespace gb::kube
