#include <nlohmann/json.hpp>

#include "api/openapi.h"
#include "api/schema.h"
#include "api/types.h"

namespace gb::api {
namespace {

using Ordered = nlohmann::ordered_json;

Ordered group_version() {
  return {{"groupVersion", kGroupVersion}, {"version", kVersion}};
}

Ordered kind(const std::string& name) {
  return {{"group", kGroup}, {"version", kVersion}, {"kind", name}};
}

std::string make_group_list() {
  Ordered group;
  group["name"] = kGroup;
  group["versions"] = Ordered::array({group_version()});
  group["preferredVersion"] = group_version();
  group["serverAddressByClientCIDRs"] =
      Ordered::array({{{"clientCIDR", "0.0.0.0/0"}, {"serverAddress", ""}}});
  Ordered list;
  list["kind"] = "APIGroupList";
  list["groups"] = Ordered::array({std::move(group)});
  return list.dump() + "\n";
}

std::string make_group() {
  Ordered group;
  group["kind"] = "APIGroup";
  group["apiVersion"] = "v1";
  group["name"] = kGroup;
  group["versions"] = Ordered::array({group_version()});
  group["preferredVersion"] = group_version();
  return group.dump() + "\n";
}

std::string make_resource_list() {
  Ordered list;
  list["kind"] = "APIResourceList";
  list["apiVersion"] = "v1";
  list["groupVersion"] = kGroupVersion;
  list["resources"] = Ordered::array();
  for (const ResourceType& type : resources()) {
    Ordered resource = {{"name", type.plural},           {"singularName", type.singular},
                        {"namespaced", type.namespaced}, {"kind", type.kind},
                        {"verbs", type.verbs},           {"shortNames", type.short_names},
                        {"categories", type.categories}};
    if (!type.storage_version_hash.empty())
      resource["storageVersionHash"] = type.storage_version_hash;
    list["resources"].push_back(std::move(resource));
    for (const Subresource& sub : type.subresources)
      list["resources"].push_back({{"name", type.plural + "/" + sub.name},
                                   {"singularName", ""},
                                   {"namespaced", type.namespaced},
                                   {"kind", sub.kind},
                                   {"verbs", sub.verbs}});
  }
  return list.dump() + "\n";
}

std::string make_aggregated(const std::string& version) {
  Ordered found = Ordered::array();
  for (const ResourceType& type : resources()) {
    Ordered one;
    one["resource"] = type.plural;
    one["responseKind"] = kind(type.kind);
    one["scope"] = type.namespaced ? "Namespaced" : "Cluster";
    one["singularResource"] = type.singular;
    one["verbs"] = type.verbs;
    one["shortNames"] = type.short_names;
    one["categories"] = type.categories;
    one["subresources"] = Ordered::array();
    for (const Subresource& sub : type.subresources)
      one["subresources"].push_back(
          {{"subresource", sub.name}, {"responseKind", kind(sub.kind)}, {"verbs", sub.verbs}});
    found.push_back(std::move(one));
  }
  Ordered served;
  served["version"] = kVersion;
  served["resources"] = std::move(found);
  served["freshness"] = "Current";
  Ordered group;
  group["metadata"] = {{"name", kGroup}, {"creationTimestamp", nullptr}};
  group["versions"] = Ordered::array({std::move(served)});
  Ordered list;
  list["kind"] = "APIGroupDiscoveryList";
  list["apiVersion"] = "apidiscovery.k8s.io/" + version;
  list["metadata"] = Ordered::object();
  list["items"] = Ordered::array({std::move(group)});
  return list.dump() + "\n";
}

}  // namespace

const std::string& api_group_list() {
  static const std::string kText = make_group_list();
  return kText;
}

const std::string& api_group() {
  static const std::string kText = make_group();
  return kText;
}

const std::string& api_resource_list() {
  static const std::string kText = make_resource_list();
  return kText;
}

const std::string& aggregated_discovery(std::string_view version) {
  static const std::string kV2 = make_aggregated("v2");
  static const std::string kV2Beta1 = make_aggregated("v2beta1");
  return version == "v2beta1" ? kV2Beta1 : kV2;
}

}  // namespace gb::api
