#include "handlers/job_start.h"

#include <sstream>
#include <utility>

#include "api/errors.h"
#include "base/wait.h"

namespace gb::handlers {
namespace {

std::string in_seconds(std::chrono::milliseconds time) {
  std::ostringstream text;
  text << static_cast<double>(time.count()) / 1000 << " s";
  return text.str();
}

}  // namespace

api::Outcome<std::unique_ptr<JobStart>> JobStart::begin(const Env& env, const Call& call) {
  const unsigned limit = env.deps.limits.starting_each;
  auto place = env.starting.take(call.info.ns, limit);
  if (place == nullptr) {
    Error error{Code::kExhausted,
                std::to_string(limit) + " requests to start a job in namespace \"" + call.info.ns +
                    "\" wait for databases already, and no more may at once",
                "try again in a moment; if it stays so, one of them does not answer",
                std::chrono::seconds(1),
                {}};
    return api::refuse(api::from_error(error, call.type, call.info.name));
  }
  return std::unique_ptr<JobStart>(new JobStart(env, std::move(place)));
}

JobStart::JobStart(const Env& env, std::shared_ptr<void> place)
    : place_(std::move(place)),
      patience_(env.deps.limits.start_wait),
      forward_(env.stopping.get_token(), [this] { stop_.request_stop(); }),
      timer_([this](const std::stop_token& over) {
        if (!sleep_for(over, patience_)) return;
        late_ = true;
        stop_.request_stop();
      }) {}

api::ApiError JobStart::refusal(const Error& error, const Call& call, std::string_view name) const {
  if (!late_ || error.code != Code::kCancelled) return api::from_error(error, call.type, name);
  return api::timed_out("no answer within " + in_seconds(patience_) + ": " + error.text() +
                            "; nothing was begun: see that the database takes connections and "
                            "answers queries, then try again",
                        0);
}

}  // namespace gb::handlers
