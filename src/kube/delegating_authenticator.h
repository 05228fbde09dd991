// Who asks, when kube-apiserver stands in front: its front proxy, then client certificates, then
// bearer tokens, then nobody (system:anonymous). One success is enough; if there is none, one
// failure is a 401.
//
// Fails closed: until the ConfigMap extension-apiserver-authentication was read, no certificate and
// no X-Remote-* header is believed.
//
// Thread safety: all methods, from any thread.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <stop_token>

#include "base/clock.h"
#include "base/rng.h"
#include "kube/access.h"
#include "kube/client.h"
#include "kube/reflector.h"
#include "kube/request_header.h"
#include "kube/token_review.h"

namespace gb::kube {

class DelegatingAuthenticator final : public Authenticator {
 public:
  struct Options {
    std::chrono::seconds resync{60};
    std::chrono::milliseconds first_pause{500};
    Backoff backoff = {};
  };
  // Begins to follow the ConfigMap. `client` and `clock` outlive it.
  DelegatingAuthenticator(KubeClient& client, const Clock& clock, Rng& rng, Options options);
  DelegatingAuthenticator(KubeClient& client, const Clock& clock, Rng& rng)
      : DelegatingAuthenticator(client, clock, rng, Options{}) {}
  ~DelegatingAuthenticator() override;  // calls off what waits for kube-apiserver

  Result<User> authenticate(const http::RequestHead& head) override;

  bool wait_ready(std::chrono::milliseconds timeout) { return reflector_.wait_listed(timeout); }
  // Success once the ConfigMap was read.
  [[nodiscard]] Status health() const { return reflector_.health(); }

 private:
  // Nothing: no opinion.
  using Opinion = Result<std::optional<User>>;
  Opinion by_front_proxy(const Trust& trust, const http::RequestHead& head) const;
  Opinion by_certificate(const Trust& trust, const http::RequestHead& head) const;
  Opinion by_token(const http::RequestHead& head);
  void take(const api::Json& config_map);
  void forget();

  const Clock& clock_;
  TokenReviewer tokens_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Trust> trust_;
  std::stop_source stop_;
  Reflector reflector_;  // last: its thread uses the rest
};

}  // namespace gb::kube
