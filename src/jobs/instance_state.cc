#include "jobs/instance_state.h"

#include <utility>

namespace gb::jobs {
namespace {

// Errors that come from servers which are no longer there, or no longer the same.
bool may_come_of_it(Code code) {
  return code == Code::kUnavailable || code == Code::kForbidden || code == Code::kConflict;
}

// What happened to the object since the endpoint was resolved; empty: nothing that is known.
std::string what_happened(const Environment& environment, const std::string& ns,
                          const galera::Endpoint& endpoint) {
  if (endpoint.uid.empty()) return {};
  const auto now = environment.instances->resolve(ns, endpoint.name);
  const std::string object = "Galera object \"" + endpoint.name + "\"";
  // One of the configuration has no uid: it is what the name means without the object.
  if ((now && now->uid.empty()) || (!now && now.error().code == Code::kNotFound))
    return object + " was deleted";
  if (now) return now->uid == endpoint.uid ? "" : object + " was deleted and created again";
  return now.error().code == Code::kConflict ? now.error().message : "";
}

}  // namespace

Error explained_by_instances(const Environment& environment, const std::string& ns,
                             const std::vector<const galera::Endpoint*>& endpoints, Error error) {
  if (!may_come_of_it(error.code)) return error;
  for (const galera::Endpoint* endpoint : endpoints) {
    const std::string happened = what_happened(environment, ns, *endpoint);
    if (happened.empty()) continue;
    Error explained = wrap(happened + " while this ran", std::move(error)).value();
    explained.hint = "create this again once the cluster is there";
    return explained;
  }
  return error;
}

}  // namespace gb::jobs
