#include "kube/sar_authorizer.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "api/text.h"
#include "http/digest.h"

namespace gb::kube {
namespace {

using api::Json;

constexpr std::chrono::seconds kDecisionsKept{10};  // what was allowed and what was denied
constexpr std::size_t kMaxDecisions = 8192;
// An authorizer behind kube-apiserver may say anything: long reasons are not kept.
constexpr std::size_t kMaxKeptReason = 1024;

void set(Json& object, const char* field, const std::string& value) {
  if (!value.empty()) object[field] = value;
}

Json spec_of(const User& user, const Attributes& attributes) {
  Json spec = Json::object();
  set(spec, "user", user.name);
  set(spec, "uid", user.uid);
  if (!user.groups.empty()) spec["groups"] = user.groups;
  if (!user.extra.empty()) spec["extra"] = user.extra;
  if (attributes.resource.empty()) {
    spec["nonResourceAttributes"] = {{"path", attributes.path}, {"verb", attributes.verb}};
    return spec;
  }
  Json resource = Json::object();
  set(resource, "namespace", attributes.ns);
  set(resource, "verb", attributes.verb);
  set(resource, "group", attributes.group);
  set(resource, "version", attributes.version);
  set(resource, "resource", attributes.resource);
  set(resource, "subresource", attributes.subresource);
  set(resource, "name", attributes.name);
  // Selectors only narrow what is asked for; kube-apiserver reads the raw form.
  if (!attributes.field_selector.empty())
    resource["fieldSelector"] = {{"rawSelector", attributes.field_selector}};
  if (!attributes.label_selector.empty())
    resource["labelSelector"] = {{"rawSelector", attributes.label_selector}};
  spec["resourceAttributes"] = std::move(resource);
  return spec;
}

bool is_true(const Json& value) {
  return value.is_boolean() && value.get<bool>();
}

bool is_open(const Attributes& attributes) {
  return attributes.resource.empty() &&
         (attributes.path == "/healthz" || attributes.path == "/livez" ||
          attributes.path == "/readyz");
}

}  // namespace

SarAuthorizer::SarAuthorizer(KubeClient& client, const Clock& clock, Backoff backoff)
    : client_(client), backoff_(backoff), cache_(kMaxDecisions, clock) {}

SarAuthorizer::~SarAuthorizer() {
  stop_.request_stop();
}

Result<Decision> SarAuthorizer::authorize(const User& user, const Attributes& attributes) {
  if (std::find(user.groups.begin(), user.groups.end(), kMastersGroup) != user.groups.end() ||
      is_open(attributes))
    return Decision{true, ""};
  const Json spec = spec_of(user, attributes);
  // Whoever asks chooses these texts, and how long they are: what is kept is their digest.
  const std::string key = http::sha256(api::to_text(spec));
  if (auto kept = cache_.get(key)) return *std::move(kept);

  Call call;
  call.method = "POST";
  call.path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
  call.body = api::to_text(
      {{"kind", "SubjectAccessReview"}, {"apiVersion", "authorization.k8s.io/v1"}, {"spec", spec}});
  const std::stop_token stop = stop_.get_token();
  const Result<Json> answer =
      with_backoff(backoff_, stop, [&](std::chrono::milliseconds left) -> Result<Json> {
        call.timeout = left;
        return client_.call(call, stop);
      });
  if (!answer) return wrap("kube-apiserver could not be asked for authorization", answer.error());
  const Json& status = api::member(*answer, "status");
  const Json& allowed = api::member(status, "allowed");
  if (!allowed.is_boolean())
    return fail(Code::kUnavailable, "kube-apiserver's SubjectAccessReview has no decision");
  Decision decision{is_true(allowed) && !is_true(api::member(status, "denied")),
                    api::text_member(status, "reason")};
  if (decision.reason.size() <= kMaxKeptReason) cache_.put(key, decision, kDecisionsKept);
  return decision;
}

}  // namespace gb::kube
