#include "kube/reflector.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "api/text.h"
#include "base/log.h"
#include "base/wait.h"

namespace gb::kube {
namespace {

using api::Json;

constexpr std::chrono::seconds kShortWatch{1};

std::string revision_of(const Json& object) {
  return api::text_member(api::member(object, "metadata"), "resourceVersion");
}

}  // namespace

Reflector::Reflector(KubeClient& client, ReflectorOptions options, Callbacks callbacks)
    : client_(client),
      options_(std::move(options)),
      callbacks_(std::move(callbacks)),
      thread_([this](std::stop_token stop) { run(std::move(stop)); }) {}

Reflector::~Reflector() = default;

bool Reflector::wait_listed(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, timeout, [this] { return listed_; });
}

Status Reflector::health() const {
  const std::lock_guard lock(mutex_);
  if (listed_) return {};
  if (error_) return fail(*error_);
  return fail(Code::kUnavailable, options_.path + " was not listed yet");
}

void Reflector::run(std::stop_token stop) {
  auto pause = options_.first_pause;
  while (!stop.stop_requested()) {
    const auto begin = std::chrono::steady_clock::now();
    Status status = revision_.empty() ? list(stop) : Status{};
    if (status) status = watch(stop);
    if (stop.stop_requested()) return;
    if (status) {
      pause = options_.first_pause;
      if (options_.list_each_time) revision_.clear();
      // A server that ends every watch at once must not be asked without a pause.
      const bool at_once = std::chrono::steady_clock::now() - begin < kShortWatch;
      if (at_once && !sleep_for(stop, options_.first_pause)) return;
      continue;
    }
    revision_.clear();
    if (status.error().code != Code::kExpired)  // a history that is gone is nobody's failure
      log::warn("cannot follow a collection of kube-apiserver",
                {{"path", options_.path}, {"error", status.error().text()}});
    {
      const std::lock_guard lock(mutex_);
      error_ = std::move(status).error();
    }
    if (!sleep_for(stop, pause)) return;
    pause = std::min(pause * 2, options_.max_pause);
  }
}

Status Reflector::list(std::stop_token stop) {
  Call call;
  call.path = options_.path + (options_.query.empty() ? "" : "?" + options_.query);
  GB_TRY_ASSIGN(const Json answer, client_.call(call, std::move(stop)));
  const Json& items = api::member(answer, "items");
  revision_ = revision_of(answer);
  if (revision_.empty() || (!items.is_array() && !items.is_null()))
    return fail(Code::kUnavailable, options_.path + " answered with something that is not a list");
  callbacks_.on_list(items.is_array() ? items : Json::array());
  const std::lock_guard lock(mutex_);
  listed_ = true;
  changed_.notify_all();
  return {};
}

Status Reflector::watch(std::stop_token stop) {
  const std::string path = options_.path +
                           "?watch=true&allowWatchBookmarks=true&resourceVersion=" + revision_ +
                           "&timeoutSeconds=" + std::to_string(options_.watch_time.count()) +
                           (options_.query.empty() ? "" : "&" + options_.query);
  return client_.watch(
      path,
      [this](const Json& event) {
        const Json& object = api::member(event, "object");
        if (std::string revision = revision_of(object); !revision.empty())
          revision_ = std::move(revision);
        const std::string type = api::text_member(event, "type");
        if (type != "BOOKMARK") callbacks_.on_event(type, object);
        return true;
      },
      std::move(stop));
}

}  // namespace gb::kube
