#include "kube/delegating_authenticator.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "api/text.h"
#include "base/log.h"
#include "base/text.h"
#include "http/digest.h"

namespace gb::kube {
namespace {

using api::Json;

constexpr const char* kConfigMap = "extension-apiserver-authentication";

bool has(const std::vector<std::string>& list, std::string_view value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

// Everybody who is somebody is in a group of its own.
User with_authenticated(User user) {
  if (user.name != kAnonymous && !has(user.groups, kAuthenticatedGroup) &&
      !has(user.groups, kUnauthenticatedGroup))
    user.groups.emplace_back(kAuthenticatedGroup);
  return user;
}

ReflectorOptions follow_config_map(const DelegatingAuthenticator::Options& options) {
  ReflectorOptions result;
  result.path = "/api/v1/namespaces/kube-system/configmaps";
  result.query = std::string("fieldSelector=metadata.name%3D") + kConfigMap;
  result.watch_time = options.resync;
  result.list_each_time = true;
  result.first_pause = options.first_pause;
  return result;
}

}  // namespace

DelegatingAuthenticator::DelegatingAuthenticator(KubeClient& client, const Clock& clock, Rng& rng,
                                                 Options options)
    : clock_(clock),
      tokens_(client, clock, rng, options.backoff),
      trust_(std::make_shared<Trust>()),
      reflector_(client, follow_config_map(options),
                 {[this](const Json& items) {
                    if (items.empty()) return forget();
                    take(items.front());
                  },
                  [this](const std::string& type, const Json& object) {
                    if (type == "DELETED") return forget();
                    take(object);
                  }}) {}

DelegatingAuthenticator::~DelegatingAuthenticator() {
  stop_.request_stop();
}

void DelegatingAuthenticator::take(const Json& config_map) {
  auto trust = read_trust(config_map);
  if (!trust) {
    log::error(
        "ConfigMap kube-system/extension-apiserver-authentication is broken; what it said "
        "before stays",
        {{"error", trust.error().text()}});
    return;
  }
  const std::lock_guard lock(mutex_);
  trust_ = std::make_shared<const Trust>(*std::move(trust));
}

void DelegatingAuthenticator::forget() {
  log::error(
      "ConfigMap kube-system/extension-apiserver-authentication is missing: no front proxy "
      "and no client certificate is believed");
  const std::lock_guard lock(mutex_);
  trust_ = std::make_shared<const Trust>();
}

Result<User> DelegatingAuthenticator::authenticate(const http::RequestHead& head) {
  std::shared_ptr<const Trust> trust;
  {
    const std::lock_guard lock(mutex_);
    trust = trust_;
  }
  std::optional<Error> failed;
  const auto settle = [&](Opinion opinion) -> std::optional<User> {
    if (!opinion) {
      if (!failed) failed = std::move(opinion).error();
      return {};
    }
    return *std::move(opinion);
  };
  if (auto user = settle(by_front_proxy(*trust, head))) return with_authenticated(*std::move(user));
  if (auto user = settle(by_certificate(*trust, head))) return with_authenticated(*std::move(user));
  if (auto user = settle(by_token(head))) return with_authenticated(*std::move(user));
  if (failed) {
    failed->code = Code::kUnauthenticated;
    return fail(*std::move(failed));
  }
  return User{kAnonymous, "", {kUnauthenticatedGroup}, {}};
}

DelegatingAuthenticator::Opinion DelegatingAuthenticator::by_front_proxy(
    const Trust& trust, const http::RequestHead& head) const {
  if (head.peer_certificate.empty() || !trust.proxies) return std::nullopt;
  GB_TRY_ASSIGN(const http::CertificateSubject subject,
                trust.proxies->verify(head.peer_certificate, clock_.now()));
  if (!trust.allowed_names.empty() && !has(trust.allowed_names, subject.common_name))
    return fail(Code::kUnauthenticated, "the front proxy's certificate is for \"" +
                                            subject.common_name + "\", which is not allowed");
  return user_of_headers(trust, head.headers);
}

DelegatingAuthenticator::Opinion DelegatingAuthenticator::by_certificate(
    const Trust& trust, const http::RequestHead& head) const {
  if (head.peer_certificate.empty() || !trust.clients) return std::nullopt;
  GB_TRY_ASSIGN(http::CertificateSubject subject,
                trust.clients->verify(head.peer_certificate, clock_.now()));
  if (subject.common_name.empty()) return std::nullopt;
  User user;
  user.name = std::move(subject.common_name);
  user.groups = std::move(subject.organizations);
  const std::string digest = http::sha256(head.peer_certificate.chain.front());
  user.extra["authentication.kubernetes.io/credential-id"] = {"X509SHA256=" +
                                                              to_hex(as_bytes(digest))};
  return user;
}

DelegatingAuthenticator::Opinion DelegatingAuthenticator::by_token(const http::RequestHead& head) {
  const std::string_view header = trim(head.headers.get("Authorization").value_or(""));
  const std::size_t space = header.find(' ');
  if (space == std::string_view::npos || to_lower(header.substr(0, space)) != "bearer")
    return std::nullopt;
  const std::string_view rest = header.substr(space + 1);
  const std::string_view token = rest.substr(0, rest.find(' '));
  if (token.empty()) return std::nullopt;
  GB_TRY_ASSIGN(User user, tokens_.review(token, stop_.get_token()));
  return user;
}

}  // namespace gb::kube
