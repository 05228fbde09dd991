// A kube-apiserver in memory: answers that a test scripts, and what it was asked.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <string>
#include <vector>

#include "api/text.h"
#include "kube/client.h"

namespace gb::kube::test {

using api::Json;

class FakeClient final : public KubeClient {
 public:
  std::function<Result<Json>(const Call&)> on_call = [](const Call&) -> Result<Json> {
    return fail(Code::kNotFound, "not scripted");
  };

  Result<Json> call(const Call& call, std::stop_token /*stop*/) override {
    std::unique_lock lock(mutex_);
    calls_.push_back(call);
    changed_.notify_all();
    auto answer = on_call;
    lock.unlock();
    return answer(call);
  }

  // Plays what push() and end_watch() brought, until the watch ends or is stopped.
  Status watch(const std::string& path, const std::function<bool(const Json&)>& on_event,
               std::stop_token stop) override {
    std::unique_lock lock(mutex_);
    watches_.push_back(path);
    changed_.notify_all();
    while (true) {
      changed_.wait(lock, stop, [this] { return !steps_.empty(); });
      if (stop.stop_requested()) return fail(Code::kCancelled, "stopped");
      const Step step = steps_.front();
      steps_.erase(steps_.begin());
      changed_.notify_all();
      if (step.end) return step.status;
      lock.unlock();
      const bool go_on = on_event(step.event);
      lock.lock();
      ++played_;
      changed_.notify_all();
      if (!go_on) return {};
    }
  }

  Result<http::ClientResponse> send(const Call& call, std::stop_token stop) override {
    GB_TRY_ASSIGN(const Json answer, this->call(call, std::move(stop)));
    return http::ClientResponse{200, {}, answer.dump()};
  }
  Result<http::ClientResponse> lines(const std::string& path,
                                     const std::function<bool(std::string_view)>& /*on_line*/,
                                     std::stop_token stop) override {
    return send({.path = path}, std::move(stop));
  }

  // Returns when the event was taken in.
  void push(const std::string& type, Json object) {
    std::unique_lock lock(mutex_);
    const int wanted = played_ + 1;
    steps_.push_back({{{"type", type}, {"object", std::move(object)}}, false, {}});
    changed_.notify_all();
    changed_.wait_for(lock, std::chrono::seconds(30), [&] { return played_ >= wanted; });
  }
  void end_watch(Status status = {}) {
    const std::lock_guard lock(mutex_);
    steps_.push_back({nullptr, true, std::move(status)});
    changed_.notify_all();
  }

  std::vector<Call> calls() const {
    const std::lock_guard lock(mutex_);
    return calls_;
  }
  void forget_calls() {
    const std::lock_guard lock(mutex_);
    calls_.clear();
  }
  bool wait_calls(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(30),
                             [&] { return calls_.size() >= count; });
  }
  // The paths of the watches, once there are so many.
  std::vector<std::string> wait_watches(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(30), [&] { return watches_.size() >= count; });
    return watches_;
  }

 private:
  struct Step {
    Json event;
    bool end = false;
    Status status;
  };

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<Call> calls_;
  std::vector<std::string> watches_;
  std::vector<Step> steps_;
  int played_ = 0;
};

inline Json list_of(Json items, const std::string& revision = "10") {
  return {
      {"kind", "List"}, {"metadata", {{"resourceVersion", revision}}}, {"items", std::move(items)}};
}

}  // namespace gb::kube::test
