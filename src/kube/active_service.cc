#include "kube/active_service.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "api/text.h"
#include "base/text.h"
#include "kube/galera_pods.h"

namespace gb::kube {
namespace {

using api::Json;

constexpr std::chrono::seconds kServicePatience{5};
constexpr int kTries = 5;  // somebody else writes the Service: its operator, a node's script
constexpr const char* kBlockedBy = "backup.rhoso.io/blocked-by";
constexpr const char* kRestore = "backup.rhoso.io/restore";
constexpr const char* kRepository = "backup.rhoso.io/repository";
constexpr const char* kActivePod = "backup.rhoso.io/active-pod";

std::string path_of(const BlockedService& who) {
  return "/api/v1/namespaces/" + percent_encode(who.ns) + "/services/" +
         percent_encode(who.service);
}

std::string called(const BlockedService& who) {
  return "Service \"" + who.service + "\" in namespace \"" + who.ns + "\"";
}

std::string mark(const Json& service, const char* map, const char* key) {
  return api::text_member(api::member(api::member(service, "metadata"), map), key);
}

// The change that writes where it led, and with `pod` where it leads now.
Json marked(const BlockedService& who, const std::string& repository, const std::string& led_to) {
  return {{"metadata",
           {{"labels", {{kBlockedBy, who.uid}}},
            {"annotations",
             {{kRestore, who.restore}, {kRepository, repository}, {kActivePod, led_to}}}}},
          {"spec", {{"selector", {{kActivePodKey, ""}}}}}};
}

Json unmarked() {
  return {
      {"metadata",
       {{"labels", {{kBlockedBy, nullptr}}},
        {"annotations", {{kRestore, nullptr}, {kRepository, nullptr}, {kActivePod, nullptr}}}}}};
}

// Again while somebody else's change comes in between.
template <typename Try>
Status insist(const Try& once) {
  Status done;
  for (int i = 0; i < kTries; ++i) {
    done = once();
    if (done || done.error().code != Code::kConflict) return done;
  }
  return done;
}

}  // namespace

// A Service as it was read.
struct ActiveServices::Seen {
  std::string revision;
  bool has_key = false;    // its selector names a pod, or nobody
  std::string leads_to;    // that pod; empty: nowhere
  std::string blocked_by;  // the uid of a restore; empty: by none
  std::string restore;
  std::string remembered;
};

Result<ActiveServices::Seen> ActiveServices::look(const BlockedService& who, std::stop_token stop) {
  Call call;
  call.path = path_of(who);
  call.timeout = kServicePatience;
  GB_TRY_ASSIGN(const Json service, client_.call(call, std::move(stop)));
  const Json& selector = api::at_path(service, "spec.selector");
  Seen seen;
  seen.revision = api::text_member(api::member(service, "metadata"), "resourceVersion");
  seen.has_key = selector.is_object() && selector.contains(kActivePodKey);
  seen.leads_to = api::text_member(selector, kActivePodKey);
  seen.blocked_by = mark(service, "labels", kBlockedBy);
  seen.restore = mark(service, "annotations", kRestore);
  seen.remembered = mark(service, "annotations", kActivePod);
  return seen;
}

Status ActiveServices::patch(const BlockedService& who, const Json& change,
                             const std::string& query, std::stop_token stop) {
  Call call;
  call.method = "PATCH";
  call.path = path_of(who) + query;
  call.content_type = "application/merge-patch+json";
  call.body = api::to_text(change);
  call.timeout = kServicePatience;
  GB_TRY(client_.call(call, std::move(stop)));
  return {};
}

Status ActiveServices::try_block(const BlockedService& who, const std::string& query,
                                 const std::stop_token& stop) {
  auto seen = look(who, stop);
  if (!seen && seen.error().code == Code::kNotFound)
    return fail(Code::kInvalid, "there is no " + called(who) + " by which applications come",
                "set spec.blockTraffic to false, and stop the applications yourself");
  if (!seen) return fail(seen.error());
  if (!seen->has_key)
    return fail(Code::kInvalid,
                called(who) + " does not lead to one pod: its selector has no " +
                    std::string(kActivePodKey),
                "set spec.blockTraffic to false, and stop the applications yourself");
  if (!seen->blocked_by.empty() && seen->blocked_by != who.uid)
    return fail(Code::kConflict, called(who) + " is blocked by restore \"" + seen->restore + "\"",
                "wait until that has ended; when no server knows of it any more, take the label " +
                    std::string(kBlockedBy) + " off the Service");
  // A second try of ours must not take the blocked state for what is to be given back.
  const bool ours = seen->blocked_by == who.uid && seen->leads_to.empty();
  Json change = marked(who, repository_, ours ? seen->remembered : seen->leads_to);
  change["metadata"]["resourceVersion"] = seen->revision;
  return patch(who, change, query, stop);
}

Status ActiveServices::may_block(const BlockedService& who, std::stop_token stop) {
  return try_block(who, "?dryRun=All", stop);
}

Status ActiveServices::block(const BlockedService& who, std::stop_token stop) {
  return insist([&] { return try_block(who, "", stop); });
}

Result<bool> ActiveServices::keep_blocked(const BlockedService& who, std::stop_token stop) {
  bool led_somewhere = false;
  GB_TRY(insist([&]() -> Status {
    GB_TRY_ASSIGN(const Seen seen, look(who, stop));
    if (!seen.leads_to.empty()) {
      led_somewhere = true;
      return try_block(who, "", stop);
    }
    if (seen.blocked_by == who.uid) return {};
    return fail(Code::kInvalid, "somebody took the marks of this restore off " + called(who),
                "it is left as it is: see where its selector should lead");
  }));
  return led_somewhere;
}

Status ActiveServices::give_back(const BlockedService& who, std::stop_token stop) {
  return insist([&]() -> Status {
    const auto seen = look(who, stop);
    if (!seen && seen.error().code == Code::kNotFound) return {};
    if (!seen)
      return wrap("traffic through " + called(who) + " cannot be given back", seen.error());
    if (seen->blocked_by != who.uid) return {};
    Json change = unmarked();
    change["metadata"]["resourceVersion"] = seen->revision;
    // Where the cluster itself has chosen somebody meanwhile, that stands.
    if (seen->leads_to.empty())
      change["spec"]["selector"][kActivePodKey] = pod_to_lead_to(who, seen->remembered, stop);
    auto done = patch(who, change, "", stop);
    if (!done && done.error().code != Code::kConflict)
      return wrap("traffic through " + called(who) + " cannot be given back", done.error());
    return done;
  });
}

// The pod that is remembered may have ended while the restore ran: then to the first that is ready.
// When none is, the operator's script chooses one as soon as one joins.
std::string ActiveServices::pod_to_lead_to(const BlockedService& who, const std::string& remembered,
                                           const std::stop_token& stop) {
  if (remembered.empty()) return remembered;  // it led nowhere before the restore either
  const auto pods = list_galera_pods(client_, who.ns, who.service, stop);
  if (!pods) return remembered;
  const auto ready = [](const GaleraPod& pod) { return pod.ready; };
  if (std::any_of(pods->begin(), pods->end(),
                  [&](const GaleraPod& pod) { return ready(pod) && pod.name == remembered; }))
    return remembered;
  const auto other = std::find_if(pods->begin(), pods->end(), ready);
  return other == pods->end() ? remembered : other->name;
}

Result<std::vector<BlockedService>> ActiveServices::blocked(std::stop_token stop) {
  Call call;
  call.path = std::string("/api/v1/services?labelSelector=") + percent_encode(kBlockedBy);
  call.timeout = kServicePatience;
  GB_TRY_ASSIGN(const Json answer, client_.call(call, std::move(stop)));
  std::vector<BlockedService> found;
  const Json& items = api::member(answer, "items");
  if (!items.is_array()) return found;
  for (const Json& item : items) {
    const std::string uid = mark(item, "labels", kBlockedBy);
    if (uid.empty() || mark(item, "annotations", kRepository) != repository_) continue;
    const Json& metadata = api::member(item, "metadata");
    found.push_back({api::text_member(metadata, "namespace"), api::text_member(metadata, "name"),
                     mark(item, "annotations", kRestore), uid});
  }
  return found;
}

}  // namespace gb::kube
