#include "handlers/admission.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "handlers/respond.h"

namespace gb::handlers {
namespace {

constexpr std::string_view kAccountPrefix = "system:serviceaccount:";
constexpr std::string_view kExtraPrefix = "impersonate-extra-";

// What people read is also what browsers may be shown.
std::string sanitised(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else
      out += c;
  }
  return out;
}

// As Go's %q: enough for a target, whose bytes are visible ASCII or are escaped here.
std::string in_quotes(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (u < 0x20 || u == 0x7f) {
      out += "\\x";
      out += kDigits[u >> 4];
      out += kDigits[u & 15U];
    } else {
      out += c;
    }
  }
  return out + "\"";
}

http::Response with_nosniff(http::Response response) {
  response.headers.add("X-Content-Type-Options", "nosniff");
  return response;
}

struct Impersonation {
  kube::Attributes asked;
  enum class What { kUser, kServiceAccount, kGroup, kUid, kExtra } what = What::kUser;
};

kube::Attributes impersonates(std::string_view group, std::string_view version,
                              std::string_view resource, std::string_view name) {
  kube::Attributes attributes;
  attributes.verb = "impersonate";
  attributes.group = group;
  attributes.version = version;
  attributes.resource = resource;
  attributes.name = name;
  return attributes;
}

// The namespace and name of system:serviceaccount:<ns>:<name>; false for every other user.
bool split_service_account(std::string_view user, std::string& ns, std::string& name) {
  if (!user.starts_with(kAccountPrefix)) return false;
  const std::vector<std::string> parts = split(user.substr(kAccountPrefix.size()), ':');
  if (parts.size() != 2 || !api::check_dns1123_label(parts[0]).empty() ||
      !api::check_dns1123_subdomain(parts[1]).empty())
    return false;
  ns = parts[0];
  name = parts[1];
  return true;
}

std::vector<Impersonation> impersonations(const http::Headers& headers) {
  std::vector<Impersonation> asked;
  using What = Impersonation::What;
  const std::string user(headers.get("Impersonate-User").value_or(""));
  std::string ns;
  std::string name;
  if (split_service_account(user, ns, name)) {
    asked.push_back({impersonates("", "v1", "serviceaccounts", name), What::kServiceAccount});
    asked.back().asked.ns = ns;
  } else if (!user.empty()) {
    asked.push_back({impersonates("", "v1", "users", user), What::kUser});
  }
  for (const std::string_view group : headers.all("Impersonate-Group"))
    asked.push_back({impersonates("", "v1", "groups", group), What::kGroup});
  for (const auto& [field, value] : headers.fields()) {
    const std::string key = to_lower(field);
    if (!key.starts_with(kExtraPrefix)) continue;
    const std::string raw = key.substr(kExtraPrefix.size());
    asked.push_back(
        {impersonates("authentication.k8s.io", "v1", "userextras", value), What::kExtra});
    asked.back().asked.subresource = percent_decode(raw).value_or(raw);
  }
  const std::string_view uid = headers.get("Impersonate-Uid").value_or("");
  if (!uid.empty())
    asked.push_back({impersonates("authentication.k8s.io", "v1", "uids", uid), What::kUid});
  return asked;
}

bool has(const std::vector<std::string>& list, std::string_view value) {
  return std::ranges::find(list, value) != list.end();
}

// The groups that everybody has who is, or is not, somebody.
void add_implied_groups(kube::User& user) {
  if (user.name == kube::kAnonymous) {
    if (!has(user.groups, kube::kUnauthenticatedGroup))
      user.groups.emplace_back(kube::kUnauthenticatedGroup);
  } else if (!has(user.groups, kube::kAuthenticatedGroup) &&
             !has(user.groups, kube::kUnauthenticatedGroup)) {
    user.groups.emplace_back(kube::kAuthenticatedGroup);
  }
}

kube::User impersonated(const std::vector<Impersonation>& asked) {
  kube::User user;
  const bool groups_given = std::ranges::any_of(
      asked, [](const auto& i) { return i.what == Impersonation::What::kGroup; });
  for (const auto& [attributes, what] : asked) {
    switch (what) {
      case Impersonation::What::kServiceAccount:
        user.name = std::string(kAccountPrefix) + attributes.ns + ":" + attributes.name;
        if (!groups_given)
          user.groups = {"system:serviceaccounts", "system:serviceaccounts:" + attributes.ns};
        break;
      case Impersonation::What::kUser:
        user.name = attributes.name;
        break;
      case Impersonation::What::kGroup:
        user.groups.push_back(attributes.name);
        break;
      case Impersonation::What::kUid:
        user.uid = attributes.name;
        break;
      case Impersonation::What::kExtra:
        user.extra[attributes.subresource].push_back(attributes.name);
        break;
    }
  }
  add_implied_groups(user);
  return user;
}

kube::Attributes attributes_of(const RequestInfo& info) {
  kube::Attributes attributes;
  attributes.verb = info.verb;
  if (!info.is_resource) {
    attributes.path = info.path;
    return attributes;
  }
  attributes.group = info.group;
  attributes.version = info.version;
  attributes.resource = info.resource;
  attributes.subresource = info.subresource;
  attributes.ns = info.ns;
  attributes.name = info.name;
  attributes.path = info.path;
  attributes.field_selector = info.field_selector;
  attributes.label_selector = info.label_selector;
  return attributes;
}

bool is_health_page(const RequestInfo& info) {
  const std::string& path = info.path;
  return !info.is_resource && (path == "/healthz" || path == "/livez" || path == "/readyz");
}

// What kube-aggregator asks for to know that this server is there: a 429 would make the APIService
// stale, and no namespace of the cluster could be deleted. k8s.io/apiserver lets it pass as one of
// system:masters; who asks is not known yet here, and the answers are the same documents for all.
bool is_discovery(const http::RequestHead& head, const Target& target) {
  const std::vector<std::string>& parts = target.parts;
  if (head.method != "GET" || !target.clean || parts.empty()) return false;
  return parts[0] == "openapi" || (parts[0] == "apis" && parts.size() <= 3);
}

bool means_a_body(const http::RequestHead& head, const RequestInfo& info) {
  return info.is_resource && head.method != "GET" && head.method != "HEAD";
}

}  // namespace

std::unique_ptr<Permit> Permit::take(std::atomic<unsigned>& taken, unsigned limit) {
  if (taken.fetch_add(1) >= limit) {
    taken.fetch_sub(1);
    return nullptr;
  }
  return std::unique_ptr<Permit>(new Permit(taken));
}

Permit::~Permit() {
  taken_.fetch_sub(1);
}

std::shared_ptr<void> Shares::take(const std::string& key, unsigned limit) {
  const std::lock_guard lock(taken_->mutex);
  const auto found = taken_->by_key.try_emplace(key, 0U).first;
  if (found->second >= limit) {
    if (found->second == 0) taken_->by_key.erase(found);
    return nullptr;
  }
  ++found->second;
  return {taken_.get(), [taken = taken_, key](void*) {
            const std::lock_guard giving_back(taken->mutex);
            const auto held = taken->by_key.find(key);
            if (--held->second == 0) taken->by_key.erase(held);
          }};
}

api::ApiError forbidden_error(const kube::User& user, const kube::Attributes& attributes,
                              const std::string& reason) {
  std::string said = "User " + in_quotes(user.name) + " cannot " + attributes.verb;
  if (attributes.resource.empty()) {
    said += " path " + in_quotes(attributes.path);
  } else {
    const std::string resource =
        attributes.resource + (attributes.subresource.empty() ? "" : "/" + attributes.subresource);
    said += " resource " + in_quotes(resource) + " in API group " + in_quotes(attributes.group);
    said += attributes.ns.empty() ? " at the cluster scope"
                                  : " in the namespace " + in_quotes(attributes.ns);
  }
  said = sanitised(said);
  if (!reason.empty()) said += ": " + reason;
  return api::forbidden(attributes.group, attributes.resource, attributes.name, said);
}

std::optional<http::Service::Arrival> Gatekeeper::arrive(const http::RequestHead& head) {
  using http::Lane;
  http::Service::Arrival arrival;
  const auto target = parse_target(head.target);
  if (!target) return arrival;
  const RequestInfo info = request_info(head.method, *target);
  arrival.takes_body = means_a_body(head, info);
  // A token is somebody's to judge, who may be slow; kubelets come without.
  if (is_health_page(info) && !head.headers.get("Authorization")) {
    arrival.lane = Lane::kHealth;
    return arrival;
  }
  const bool read = info.read_only();
  if (!read || info.subresource == "log") arrival.lane = Lane::kSlow;
  if (info.long_running() || is_discovery(head, *target)) return arrival;
  arrival.place = Permit::take(read ? reads_ : writes_,
                               read ? deps_.limits.in_flight_reads : deps_.limits.in_flight_writes);
  if (arrival.place == nullptr) return std::nullopt;
  return arrival;
}

std::optional<http::Response> Gatekeeper::pass(const http::RequestHead& head, Call& call) {
  auto user = deps_.authenticator->authenticate(head);
  if (!user) {
    log::info("refused credentials", {{"peer", call.peer}, {"error", user.error().text()}});
    return refusal(api::unauthorized(), call.accept);
  }
  call.user = std::move(*user);
  if (auto refused = impersonate(head, call)) return refused;
  return authorize(call);
}

std::optional<http::Response> Gatekeeper::impersonate(const http::RequestHead& head, Call& call) {
  const std::vector<Impersonation> asked = impersonations(head.headers);
  if (asked.empty()) return std::nullopt;
  const bool by_name = asked.front().what == Impersonation::What::kUser ||
                       asked.front().what == Impersonation::What::kServiceAccount;
  if (!by_name) {
    const auto error = api::bad_request(
        "groups, uid or extra were to be impersonated without impersonating a user: send "
        "Impersonate-User too");
    return text_response(500, "Internal Server Error: " + in_quotes(call.raw_target) + ": " +
                                  sanitised(error.message) + "\n");
  }
  for (const Impersonation& one : asked) {
    const auto decision = deps_.authorizer->authorize(call.user, one.asked);
    if (!decision || !decision->allowed)
      return with_nosniff(refusal(
          forbidden_error(call.user, one.asked, decision ? decision->reason : std::string()),
          call.accept));
  }
  call.impersonator = call.user.name;
  call.user = impersonated(asked);
  return std::nullopt;
}

std::optional<http::Response> Gatekeeper::authorize(const Call& call) {
  if (is_health_page(call.info)) return std::nullopt;
  const kube::Attributes attributes = attributes_of(call.info);
  const auto decision = deps_.authorizer->authorize(call.user, attributes);
  if (!decision) {
    log::error("nobody could be asked for permission",
               {{"user", call.user.name}, {"error", decision.error().text()}});
    return text_response(500, "Internal Server Error: " + in_quotes(call.raw_target) + ": " +
                                  sanitised(decision.error().text()) + "\n");
  }
  if (decision->allowed) return std::nullopt;
  return with_nosniff(
      refusal(forbidden_error(call.user, attributes, decision->reason), call.accept));
}

}  // namespace gb::handlers
