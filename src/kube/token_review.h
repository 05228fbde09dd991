// Bearer tokens, as kube-apiserver judges them; answers are kept for ten seconds under a keyed
// digest, so that no token lies in memory.
//
// Thread safety: all methods, from any thread.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "base/rng.h"
#include "kube/backoff.h"
#include "kube/client.h"
#include "kube/expiring_cache.h"
#include "kube/user.h"

namespace gb::kube {

class TokenReviewer {
 public:
  // `client` and `clock` outlive it.
  TokenReviewer(KubeClient& client, const Clock& clock, Rng& rng, Backoff backoff = {});
  // Unauthenticated: the token is nobody's. Others: kube-apiserver could not be asked (not kept).
  Result<User> review(std::string_view token, std::stop_token stop);

 private:
  Result<User> ask(std::string_view token, std::stop_token stop);

  KubeClient& client_;
  const Backoff backoff_;
  std::string key_;
  ExpiringCache<Result<User>> cache_;
};

}  // namespace gb::kube
