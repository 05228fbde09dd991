// A request that would start a job, while it is looked at whether it can be. That talks to
// databases, which are a tenant's own and may take a connection and never say a word: such requests
// end in time, and those of one namespace never hold all workers that may wait. Private to the
// room.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <string_view>
#include <thread>

#include "handlers/call.h"

namespace gb::handlers {

class JobStart {
 public:
  // 429 when as many requests of the namespace are looked at already as Limits say.
  static api::Outcome<std::unique_ptr<JobStart>> begin(const Env& env, const Call& call);

  // Fires when the time is over, or the server stops.
  [[nodiscard]] std::stop_token token() const { return stop_.get_token(); }
  // What it means that the jobs refused: 504 when that is but the echo of the time being over.
  [[nodiscard]] api::ApiError refusal(const Error& error, const Call& call,
                                      std::string_view name) const;

 private:
  JobStart(const Env& env, std::shared_ptr<void> place);

  const std::shared_ptr<void> place_;
  const std::chrono::milliseconds patience_;
  std::atomic<bool> late_{false};
  std::stop_source stop_;
  std::stop_callback<std::function<void()>> forward_;  // when the server stops
  std::jthread timer_;                                 // last: it uses the others
};

}  // namespace gb::handlers
