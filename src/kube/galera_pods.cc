#include "kube/galera_pods.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "api/text.h"
#include "base/text.h"

namespace gb::kube {
namespace {

using api::Json;

// "<set>-0", "<set>-1", …: how a StatefulSet calls its pods.
bool is_ordinal_of(const std::string& name, const std::string& set) {
  const std::string prefix = set + "-";
  return name.starts_with(prefix) && name.size() > prefix.size() &&
         name.find_first_not_of("0123456789", prefix.size()) == std::string::npos;
}

// Addresses that no pod has: nobody is to reach a cloud's metadata through us.
bool is_link_local(const std::string& ip) {
  return ip.starts_with("169.254.") || to_lower(ip).starts_with("fe80:");
}

bool is_of_set(const Json& metadata, const std::string& set) {
  if (!is_ordinal_of(api::text_member(metadata, "name"), set)) return false;
  const Json& owners = api::member(metadata, "ownerReferences");
  if (!owners.is_array()) return false;
  return std::any_of(owners.begin(), owners.end(), [&](const Json& owner) {
    const Json& controller = api::member(owner, "controller");
    return api::text_member(owner, "kind") == "StatefulSet" &&
           api::text_member(owner, "name") == set && controller.is_boolean() &&
           controller.get<bool>();
  });
}

bool is_ready(const Json& status) {
  const Json& conditions = api::member(status, "conditions");
  if (!conditions.is_array()) return false;
  return std::any_of(conditions.begin(), conditions.end(), [](const Json& condition) {
    return api::text_member(condition, "type") == "Ready" &&
           api::text_member(condition, "status") == "True";
  });
}

std::vector<std::string> ips_of(const Json& status) {
  std::vector<std::string> ips;
  const Json& list = api::member(status, "podIPs");
  if (list.is_array())
    for (const Json& entry : list)
      if (std::string ip = api::text_member(entry, "ip"); !ip.empty()) ips.push_back(std::move(ip));
  if (std::string ip = api::text_member(status, "podIP"); ips.empty() && !ip.empty())
    ips.push_back(std::move(ip));
  std::erase_if(ips, is_link_local);
  return ips;
}

// The port "mysql" of the container "galera"; 3306 where none is declared.
std::uint16_t port_of(const Json& spec) {
  const Json& containers = api::member(spec, "containers");
  if (!containers.is_array()) return 3306;
  for (const Json& container : containers) {
    const Json& ports = api::member(container, "ports");
    if (api::text_member(container, "name") != "galera" || !ports.is_array()) continue;
    for (const Json& port : ports) {
      const Json& number = api::member(port, "containerPort");
      if (api::text_member(port, "name") == "mysql" && number.is_number_integer())
        return number.get<std::uint16_t>();
    }
  }
  return 3306;
}

}  // namespace

std::string galera_set_name(const std::string& galera) {
  return galera + "-galera";
}

Result<std::vector<GaleraPod>> list_galera_pods(KubeClient& client, const std::string& ns,
                                                const std::string& galera, std::stop_token stop) {
  Call call;
  call.path = "/api/v1/namespaces/" + percent_encode(ns) +
              "/pods?labelSelector=" + percent_encode("app=galera,galera/name=" + galera);
  GB_TRY_ASSIGN(const Json answer, client.call(call, std::move(stop)));
  std::vector<GaleraPod> pods;
  const Json& items = api::member(answer, "items");
  if (!items.is_array()) return pods;
  for (const Json& item : items) {
    const Json& metadata = api::member(item, "metadata");
    if (!is_of_set(metadata, galera_set_name(galera)) ||
        !api::text_member(metadata, "deletionTimestamp").empty())
      continue;
    const Json& status = api::member(item, "status");
    pods.push_back({api::text_member(metadata, "name"), ips_of(status),
                    port_of(api::member(item, "spec")), is_ready(status)});
  }
  std::sort(pods.begin(), pods.end(),
            [](const GaleraPod& a, const GaleraPod& b) { return a.name < b.name; });
  return pods;
}

}  // namespace gb::kube
