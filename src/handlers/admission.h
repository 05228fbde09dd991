// The doors before the body: how many at once, who asks, as whom, and whether they may.
// Private to the room; the order and the texts are those of k8s.io/apiserver's filters.
#pragma once

#include <atomic>
#include <optional>

#include "handlers/call.h"

namespace gb::handlers {

class Gatekeeper {
 public:
  explicit Gatekeeper(const Dependencies& deps) : deps_(deps) {}

  // As http::Service::arrive().
  std::optional<http::Service::Arrival> arrive(const http::RequestHead& head);
  // Null when the call may go on, else why not.
  std::optional<http::Response> pass(const http::RequestHead& head, Call& call);

  // The requests that are counted now, for metrics.
  [[nodiscard]] unsigned reads() const { return reads_; }
  [[nodiscard]] unsigned writes() const { return writes_; }

 private:
  std::optional<http::Response> impersonate(const http::RequestHead& head, Call& call);
  std::optional<http::Response> authorize(const Call& call);

  const Dependencies& deps_;
  std::atomic<unsigned> reads_{0};
  std::atomic<unsigned> writes_{0};
};

// `User "u" cannot get resource …`: the sentence of a 403, with the reason when there is one.
api::ApiError forbidden_error(const kube::User& user, const kube::Attributes& attributes,
                              const std::string& reason);

}  // namespace gb::handlers
