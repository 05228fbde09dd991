// The doors of a server that stands alone: no kube-apiserver is asked for anything.
//
// A user is whom a client certificate of the configured authority names; members of one group may
// do everything, everybody else nothing; the namespaces are those of the configuration.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/watched_file.h"
#include "http/client_authorities.h"
#include "kube/access.h"

namespace gb::kube {

class StandaloneAuthenticator final : public Authenticator {
 public:
  // `client_ca_file` is read again when it changes.
  StandaloneAuthenticator(std::string client_ca_file, const Clock& clock)
      : client_ca_(std::move(client_ca_file)), clock_(clock) {}
  Result<User> authenticate(const http::RequestHead& head) override;

 private:
  // Those of the file now.
  Result<std::shared_ptr<const http::ClientAuthorities>> authorities();

  WatchedFile client_ca_;
  const Clock& clock_;
  std::mutex mutex_;
  std::string pem_;  // what authorities_ was parsed from
  std::shared_ptr<const http::ClientAuthorities> authorities_;
};

class StandaloneAuthorizer final : public Authorizer {
 public:
  explicit StandaloneAuthorizer(std::string admin_group) : admin_group_(std::move(admin_group)) {}
  Result<Decision> authorize(const User& user, const Attributes& attributes) override;

 private:
  const std::string admin_group_;
};

class StandaloneNamespaces final : public Namespaces {
 public:
  explicit StandaloneNamespaces(std::vector<std::string> names) : names_(std::move(names)) {}
  Result<NamespaceState> state(std::string_view name) override;
  Result<std::string> uid(std::string_view /*name*/) override { return std::string(); }

 private:
  const std::vector<std::string> names_;
};

// Events have nowhere to live without a cluster: they go to the log.
class LogEventRecorder final : public EventRecorder {
 public:
  void record(const api::Object& about, EventType type, std::string_view reason,
              std::string_view message) override;
};

}  // namespace gb::kube
