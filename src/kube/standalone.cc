#include "kube/standalone.h"

#include <algorithm>

#include "base/log.h"

namespace gb::kube {

Result<std::shared_ptr<const http::ClientAuthorities>> StandaloneAuthenticator::authorities() {
  GB_TRY_ASSIGN(std::string pem, client_ca_.read());
  const std::lock_guard lock(mutex_);
  if (!authorities_ || pem != pem_) {
    GB_TRY_ASSIGN(authorities_, http::ClientAuthorities::parse(pem));
    pem_ = std::move(pem);
  }
  return authorities_;
}

Result<User> StandaloneAuthenticator::authenticate(const http::RequestHead& head) {
  if (head.peer_certificate.empty()) return User{kAnonymous, "", {kUnauthenticatedGroup}, {}};
  GB_TRY_ASSIGN(const auto trusted, authorities());
  auto subject = trusted->verify(head.peer_certificate, clock_.now());
  if (!subject) return fail(std::move(subject).error());
  if (subject->common_name.empty())
    return fail(Code::kUnauthenticated, "the client certificate names nobody (no CN)");
  User user{subject->common_name, "", subject->organizations, {}};
  user.groups.emplace_back(kAuthenticatedGroup);
  return user;
}

Result<Decision> StandaloneAuthorizer::authorize(const User& user,
                                                 const Attributes& /*attributes*/) {
  if (std::find(user.groups.begin(), user.groups.end(), admin_group_) != user.groups.end())
    return Decision{true, ""};
  return Decision{
      false, "this server stands alone and serves members of group \"" + admin_group_ + "\" only"};
}

Result<NamespaceState> StandaloneNamespaces::state(std::string_view name) {
  return std::find(names_.begin(), names_.end(), name) != names_.end() ? NamespaceState::kActive
                                                                       : NamespaceState::kMissing;
}

void LogEventRecorder::record(const api::Object& about, EventType type, std::string_view reason,
                              std::string_view message) {
  (type == EventType::kWarning ? log::warn : log::info)("event",
                                                        {{"resource", about.key().resource},
                                                         {"namespace", about.key().ns},
                                                         {"name", about.key().name},
                                                         {"reason", reason},
                                                         {"message", message}});
}

}  // namespace gb::kube
