// May they: kube-apiserver is asked by SubjectAccessReview, and its answers are kept for ten
// seconds under a digest of the question. Members of system:masters may do everything; /healthz,
// /livez and /readyz are open to everybody.
//
// Thread safety: all methods, from any thread.
#pragma once

#include <stop_token>

#include "base/clock.h"
#include "kube/access.h"
#include "kube/backoff.h"
#include "kube/client.h"
#include "kube/expiring_cache.h"

namespace gb::kube {

class SarAuthorizer final : public Authorizer {
 public:
  // `client` and `clock` outlive it.
  SarAuthorizer(KubeClient& client, const Clock& clock, Backoff backoff = {});
  ~SarAuthorizer() override;  // calls off what waits for kube-apiserver

  Result<Decision> authorize(const User& user, const Attributes& attributes) override;

  // Answers that are kept now.
  [[nodiscard]] std::size_t kept() const { return cache_.size(); }

 private:
  KubeClient& client_;
  const Backoff backoff_;
  ExpiringCache<Decision> cache_;
  std::stop_source stop_;
};

}  // namespace gb::kube
