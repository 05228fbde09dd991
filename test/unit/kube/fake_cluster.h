// Objects behind a FakeClient: GET, LIST (every label selector is believed to fit) and merge PATCH
// by path, with resource versions; and a cluster as the mariadb-operator makes it.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "base/text.h"
#include "test/unit/kube/fake_client.h"

namespace gb::kube::test {

class FakeCluster {
 public:
  FakeCluster() {
    client.on_call = [this](const Call& call) { return answer(call); };
  }

  static std::string path(const std::string& plural, const std::string& name) {
    const bool core = plural == "pods" || plural == "services" || plural == "secrets";
    return (core ? "/api/v1" : "/apis/mariadb.openstack.org/v1beta1") +
           std::string("/namespaces/openstack/") + plural + (name.empty() ? "" : "/" + name);
  }
  Json& put(const std::string& plural, const std::string& name, Json object) {
    object["metadata"]["name"] = name;
    object["metadata"]["namespace"] = "openstack";
    object["metadata"]["resourceVersion"] = std::to_string(++revision_);
    return objects[path(plural, name)] = std::move(object);
  }
  Json& at(const std::string& plural, const std::string& name) {
    return objects.at(path(plural, name));
  }
  void remove(const std::string& plural, const std::string& name) {
    objects.erase(path(plural, name));
  }
  void put_secret(const std::string& name, const std::string& key, const std::string& value) {
    put("secrets", name, {{"data", {{key, to_base64(as_bytes(value))}}}});
  }
  void put_pod(const std::string& name, const std::string& ip, bool ready = true,
               const std::string& owner = "StatefulSet") {
    Json status = {{"conditions", {{{"type", "Ready"}, {"status", ready ? "True" : "False"}}}}};
    if (!ip.empty()) status["podIPs"] = {{{"ip", ip}}};
    const std::string set = name.substr(0, name.find("-galera") + 7);
    put("pods", name,
        {{"metadata",
          {{"ownerReferences", {{{"kind", owner}, {"name", set}, {"controller", true}}}}}},
         {"spec", {{"containers", {{{"name", "galera"}}}}}},
         {"status", status}});
  }
  // A cluster of three, as a newer operator leaves it.
  void put_galera(const std::string& name, const std::string& uid = "uid-1") {
    put("galeras", name,
        {{"metadata", {{"uid", uid}}},
         {"spec", {{"secret", "osp-secret"}, {"replicas", 3}}},
         {"status", {{"rootDatabaseSecret", name + "-db-root"}}}});
    for (int i = 0; i < 3; ++i)
      put_pod(name + "-galera-" + std::to_string(i), "10.0.0.1" + std::to_string(i));
    put("services", name,
        {{"spec",
          {{"selector",
            {{"app", "galera"}, {"statefulset.kubernetes.io/pod-name", name + "-galera-0"}}}}}});
    put_secret(name + "-db-root", "DatabasePassword", "12345678\n");
    put_secret("osp-secret", "DbRootPassword", "older");
  }

  FakeClient client;
  std::map<std::string, Json> objects;  // by path
  std::map<std::string, Error> errors;  // by path: what is answered instead

 private:
  Result<Json> answer(const Call& call) {
    const std::string at = call.path.substr(0, call.path.find('?'));
    if (const auto wrong = errors.find(at); wrong != errors.end()) return fail(wrong->second);
    const auto found = objects.find(at);
    if (call.method == "GET" && found != objects.end()) return found->second;
    if (call.method == "PATCH" && found != objects.end()) {
      const Json patch = Json::parse(call.body);
      const std::string wanted = patch["metadata"].value("resourceVersion", "");
      if (!wanted.empty() && wanted != found->second["metadata"]["resourceVersion"])
        return fail(Code::kConflict, "the object has been modified");
      if (call.path.ends_with("dryRun=All")) return found->second;
      found->second.merge_patch(patch);
      found->second["metadata"]["resourceVersion"] = std::to_string(++revision_);
      return found->second;
    }
    Json items = Json::array();
    for (const auto& [path, object] : objects)
      if (path.starts_with(at + "/") ||
          (at == "/api/v1/services" && path.find("/services/") != std::string::npos))
        items.push_back(object);
    const bool known = at.ends_with("/pods") || at.ends_with("/services") || !items.empty();
    if (call.method == "GET" && known) return list_of(std::move(items));
    return fail(Code::kNotFound, "the server could not find the requested resource");
  }

  int revision_ = 100;
};

}  // namespace gb::kube::test
