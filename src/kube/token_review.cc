#include "kube/token_review.h"

#include <nlohmann/json.hpp>

#include "api/text.h"
#include "http/digest.h"

namespace gb::kube {
namespace {

using api::Json;

constexpr std::chrono::seconds kReviewsKept{10};
constexpr std::size_t kMaxReviews = 8192;

User user_of(const Json& info) {
  User user;
  user.name = api::text_member(info, "username");
  user.uid = api::text_member(info, "uid");
  if (const Json& groups = api::member(info, "groups"); groups.is_array())
    for (const Json& one : groups)
      if (one.is_string()) user.groups.push_back(one.get<std::string>());
  if (const Json& extra = api::member(info, "extra"); extra.is_object())
    for (const auto& [key, values] : extra.items())
      for (const Json& one : values)
        if (one.is_string()) user.extra[key].push_back(one.get<std::string>());
  return user;
}

}  // namespace

TokenReviewer::TokenReviewer(KubeClient& client, const Clock& clock, Rng& rng, Backoff backoff)
    : client_(client), backoff_(backoff), cache_(kMaxReviews, clock) {
  for (int i = 0; i < 4; ++i) {
    const std::uint64_t word = rng.next();
    key_.append(reinterpret_cast<const char*>(&word), sizeof(word));
  }
}

Result<User> TokenReviewer::review(std::string_view token, std::stop_token stop) {
  const std::string key = http::hmac_sha256(key_, token);
  if (auto kept = cache_.get(key)) return *std::move(kept);
  Result<User> result = ask(token, std::move(stop));
  if (result || result.error().code == Code::kUnauthenticated)
    cache_.put(key, result, kReviewsKept);
  return result;
}

Result<User> TokenReviewer::ask(std::string_view token, std::stop_token stop) {
  Call call;
  call.method = "POST";
  call.path = "/apis/authentication.k8s.io/v1/tokenreviews";
  call.body = api::to_text({{"kind", "TokenReview"},
                            {"apiVersion", "authentication.k8s.io/v1"},
                            {"spec", {{"token", token}}}});
  const Result<Json> answer =
      with_backoff(backoff_, stop, [&](std::chrono::milliseconds left) -> Result<Json> {
        call.timeout = left;
        return client_.call(call, stop);
      });
  if (!answer) {
    // This server's own credentials are not the token's.
    Error error = answer.error();
    if (error.code == Code::kUnauthenticated) error.code = Code::kUnavailable;
    return wrap("a bearer token could not be reviewed", std::move(error));
  }
  const Json& status = api::member(*answer, "status");
  const Json& authenticated = api::member(status, "authenticated");
  if (!authenticated.is_boolean() || !authenticated.get<bool>()) {
    const std::string why = api::text_member(status, "error");
    return fail(Code::kUnauthenticated, why.empty() ? "invalid bearer token" : why);
  }
  return user_of(api::member(status, "user"));
}

}  // namespace gb::kube
