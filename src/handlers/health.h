// /healthz, /livez and /readyz: the pages by which kubelets and people see whether the server lives
// and whether it can serve. Private to the room.
#pragma once

#include <atomic>
#include <optional>
#include <string_view>
#include <vector>

#include "handlers/call.h"

namespace gb::handlers {

class Health {
 public:
  explicit Health(std::vector<HealthCheck> checks);

  // Empty when the path is none of ours.
  [[nodiscard]] std::optional<http::Response> answer(const Call& call) const;
  [[nodiscard]] bool ready() const;  // whether /readyz says ok
  void fail_readiness() { shutting_down_ = true; }

 private:
  [[nodiscard]] http::Response page(std::string_view name,
                                    const std::vector<const HealthCheck*>& checks,
                                    const api::Query& query) const;

  std::atomic<bool> shutting_down_{false};
  std::vector<HealthCheck> checks_;
};

}  // namespace gb::handlers
