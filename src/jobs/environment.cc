#include "jobs/environment.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "api/types.h"
#include "base/text.h"
#include "jobs/facts.h"
#include "jobs/prudent_clock.h"
#include "storage/crypto/digest.h"
#include "storage/repo/repo.h"

namespace gb::jobs {
namespace {

// An object of ours whose name is not known, or any of them.
kube::Attributes about(const char* verb, const std::string& resource, const std::string& ns) {
  kube::Attributes a;
  a.verb = verb;
  a.group = api::kGroup;
  a.version = api::kVersion;
  a.resource = resource;
  a.ns = ns;
  return a;
}

}  // namespace

Result<const Store*> Environment::find_store(const std::string& name) const {
  if (name.empty()) return stores.data();
  const auto found =
      std::find_if(stores.begin(), stores.end(), [&](const Store& s) { return s.name == name; });
  if (found != stores.end()) return &*found;
  std::vector<std::string> names;
  for (const Store& s : stores) names.push_back(s.name);
  return fail(Code::kInvalid, "there is no GaleraBackupStore \"" + name + "\"",
              "use one of: " + join(names, ", "));
}

Result<const Store*> Environment::store_of(const api::Json& backup) const {
  const std::string name = api::read_backup_spec(backup).store;
  if (auto named = find_store(name)) return named;
  std::vector<std::string> names;
  for (const Store& store : stores) {
    GB_TRY_ASSIGN(const bool there,
                  storage::has_manifest(*store.blobs, {namespace_of(backup), uid_of(backup)}));
    if (there) return &store;
    names.push_back(store.name);
  }
  return fail(Code::kNotFound,
              "the store \"" + name + "\" of backup \"" + name_of(backup) +
                  "\" is not configured, and it is in none that is: " + join(names, ", "),
              "add its directory to the stores of the server's configuration, under any name");
}

Result<galera::Endpoint> Environment::instance_of_job(const std::string& ns,
                                                      const std::string& name,
                                                      const std::vector<std::string>& nodes) const {
  GB_TRY_ASSIGN(galera::Endpoint endpoint, instances->resolve(ns, name));
  const auto was_worked_on = [&](const galera::Address& node) {
    return std::ranges::find(nodes, node.text()) != nodes.end();
  };
  if (!keeps_house && !nodes.empty() && std::ranges::none_of(endpoint.nodes, was_worked_on))
    return fail(Code::kNotFound,
                "instance \"" + name + "\" of namespace \"" + ns +
                    "\" is another cluster than that of this command: " + join(nodes, ", "),
                "it is left to a server, or to a command with these nodes");
  return endpoint;
}

Status Environment::authorize(const kube::User& user, const kube::Attributes& attributes) const {
  if (authorizer == nullptr) return {};
  auto decision = authorizer->authorize(user, attributes);
  if (!decision)
    return wrap("it could not be decided whether user \"" + user.name + "\" may " +
                    attributes.verb + " " + attributes.resource + " \"" + attributes.name + "\"",
                decision.error());
  if (decision->allowed) return {};
  std::string message = attributes.resource + "." + attributes.group + " \"" + attributes.name +
                        "\" is forbidden: User \"" + user.name + "\" cannot " + attributes.verb +
                        " resource \"" + attributes.resource + "\" in API group \"" +
                        attributes.group + "\"";
  if (attributes.ns.empty())
    message += " at the cluster scope";
  else
    message += " in the namespace \"" + attributes.ns + "\"";
  if (!decision->reason.empty()) message += ": " + decision->reason;
  return fail(Code::kForbidden, std::move(message));
}

Status Environment::authorize_creation(const kube::User& user, const std::string& resource,
                                       const std::string& ns) const {
  return authorize(user, about("create", resource, ns));
}

Status Environment::authorize_holding(const kube::User& user, const std::string& ns) const {
  Status may = authorize(user, about("update", api::kBackups, ns));
  if (!may && may.error().code == Code::kForbidden)
    may.error().hint =
        "spec.hold: true needs that right: leave it out, or have an administrator of the namespace "
        "hold the backup";
  return may;
}

Status Environment::authorize_undeleting_everywhere(const kube::User& user) const {
  kube::Attributes attributes = about("create", api::kBackups, "");
  attributes.subresource = "undelete";
  return authorize(user, attributes);
}

Status Environment::authorize_instances(const kube::User& user, const std::string& ns,
                                        const std::vector<std::string>& instance_names) const {
  for (const std::string& name : instance_names) {
    kube::Attributes a;
    a.verb = "get";
    a.group = "mariadb.openstack.org";
    a.version = "v1beta1";
    a.resource = "galeras";
    a.ns = ns;
    a.name = name;
    GB_TRY(authorize(user, a));
  }
  return {};
}

Status Environment::authorize_store(const kube::User& user, const std::string& store) const {
  kube::Attributes a;
  a.verb = "use";
  a.group = api::kGroup;
  a.version = api::kVersion;
  a.resource = api::kStores;
  a.name = store;
  return authorize(user, a);
}

unsigned Environment::threads_within_memory(unsigned wanted, std::uint64_t bytes_each) const {
  if (memory == 0) return wanted;
  const std::uint64_t fit = memory / std::max(1U, parallel_backups) / bytes_each;
  return static_cast<unsigned>(std::clamp<std::uint64_t>(fit, 1, std::max(1U, wanted)));
}

void Environment::event(const api::Object& about, kube::EventType type, std::string_view reason,
                        std::string_view message) const {
  if (events != nullptr) events->record(about, type, reason, message);
}

std::string name_of(const api::Json& object) {
  return object.at("metadata").value("name", "");
}
std::string namespace_of(const api::Json& object) {
  return object.at("metadata").value("namespace", "");
}
std::string uid_of(const api::Json& object) {
  return object.at("metadata").value("uid", "");
}

std::string label_naming(const std::string& name, const std::string& uid) {
  constexpr std::size_t kLongestLabel = 63;
  return name.size() <= kLongestLabel ? name : uid;
}

std::string derived_name(const std::string& name, const std::string& uid,
                         const std::string& suffix) {
  constexpr std::size_t kLongestName = 253;
  if (name.size() + suffix.size() <= kLongestName) return name + suffix;
  const std::string end = "-" + uid.substr(0, 8) + suffix;
  std::string stem = name.substr(0, kLongestName - end.size());
  // No part of a name begins with a hyphen.
  while (stem.ends_with('.') || stem.ends_with('-')) stem.pop_back();
  return stem + end;
}

void give_identity(const Environment& environment, api::Json& object) {
  object["metadata"]["uid"] = make_uuid(*environment.rng);
  object["metadata"]["creationTimestamp"] = to_rfc3339(environment.clock->now());
}

Result<api::ObjectPtr> not_recorded(std::string_view resource, api::Json object) {
  return api::Object::make(std::string(resource), 0, std::move(object));
}

api::ObjectPtr newest_backup(const storage::Catalog& catalog, WallTime now, const std::string& ns,
                             const std::function<bool(const api::Json&)>& accept) {
  api::ObjectPtr newest;
  std::pair<bool, WallTime> newest_time;
  for (const api::ObjectPtr& object : catalog.list(api::kBackups, ns).objects) {
    const api::Json dom = object->dom();
    if (!facts::good(dom) || !accept(dom)) continue;
    const auto time = newness(snapshot_time_of(dom), now);
    if (!newest || time > newest_time) {
      newest = object;
      newest_time = time;
    }
  }
  return newest;
}

WallTime snapshot_time_of(const api::Json& backup) {
  const api::Json status = backup.value("status", api::Json::object());
  WallTime latest{};
  for (const api::Json& instance : status.value("instances", api::Json::array()))
    if (const auto t = from_rfc3339(instance.value("snapshotTime", "")))
      latest = std::max(latest, *t);
  if (latest == WallTime{})
    if (const auto t = from_rfc3339(status.value("startTime", ""))) latest = *t;
  return latest;
}

std::optional<storage::Sha256> digest_of(const api::Json& backup) {
  const std::string text =
      backup.value("status", api::Json::object()).value("digest", std::string());
  constexpr std::string_view kPrefix = "sha256:";
  if (!text.starts_with(kPrefix)) return std::nullopt;
  const auto bytes = from_hex(std::string_view(text).substr(kPrefix.size()));
  storage::Sha256 digest{};
  if (!bytes || bytes->size() != digest.size()) return std::nullopt;
  std::memcpy(digest.data(), bytes->data(), digest.size());
  return digest;
}

std::string digest_text(const storage::Sha256& digest) {
  return "sha256:" + to_hex(digest);
}

}  // namespace gb::jobs
