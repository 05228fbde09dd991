#include "kube/cluster_namespaces.h"

#include <mutex>
#include <nlohmann/json.hpp>
#include <utility>

#include "api/text.h"
#include "base/text.h"

namespace gb::kube {
namespace {

using api::Json;

std::string namespace_name(const Json& object) {
  return api::text_member(api::member(object, "metadata"), "name");
}

NamespaceState state_of(const Json& object) {
  const bool going =
      api::text_member(api::member(object, "status"), "phase") == "Terminating" ||
      !api::text_member(api::member(object, "metadata"), "deletionTimestamp").empty();
  return going ? NamespaceState::kTerminating : NamespaceState::kActive;
}

ReflectorOptions follow_namespaces(const ClusterNamespaces::Options& options) {
  ReflectorOptions result;
  result.path = "/api/v1/namespaces";
  result.first_pause = options.first_pause;
  return result;
}

}  // namespace

ClusterNamespaces::ClusterNamespaces(KubeClient& client, Options options)
    : client_(client),
      options_(options),
      reflector_(client, follow_namespaces(options),
                 {[this](const Json& items) {
                    std::map<std::string, Known, std::less<>> all;
                    for (const Json& one : items) all.emplace(namespace_name(one), known_by(one));
                    const std::unique_lock lock(mutex_);
                    known_ = std::move(all);
                  },
                  [this](const std::string& type, const Json& object) {
                    const std::unique_lock lock(mutex_);
                    if (type == "DELETED") {
                      known_.erase(namespace_name(object));
                    } else {
                      known_[namespace_name(object)] = known_by(object);
                    }
                  }}) {}

ClusterNamespaces::~ClusterNamespaces() {
  stop_.request_stop();
}

ClusterNamespaces::Known ClusterNamespaces::known_by(const Json& object) {
  return {state_of(object), api::text_member(api::member(object, "metadata"), "uid")};
}

Result<NamespaceState> ClusterNamespaces::state(std::string_view name) {
  GB_TRY_ASSIGN(const Known known, find(name));
  return known.state;
}

Result<std::string> ClusterNamespaces::uid(std::string_view name) {
  GB_TRY_ASSIGN(Known known, find(name));
  return std::move(known.uid);
}

Result<ClusterNamespaces::Known> ClusterNamespaces::find(std::string_view name) {
  {
    const std::shared_lock lock(mutex_);
    if (const auto it = known_.find(name); it != known_.end()) return it->second;
  }
  Call call;
  call.path = "/api/v1/namespaces/" + percent_encode(name);
  call.timeout = options_.look_up;
  const auto found = client_.call(call, stop_.get_token());
  if (found) return known_by(*found);
  if (found.error().code == Code::kNotFound) return Known{};
  return wrap("namespace \"" + std::string(name) + "\" could not be looked up", found.error());
}

}  // namespace gb::kube
