#include "kube/events.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "api/schema.h"
#include "api/text.h"
#include "api/types.h"
#include "base/log.h"
#include "base/text.h"

namespace gb::kube {
namespace {

using api::Json;

constexpr const char* kComponent = "galera-backup-apiserver";
constexpr std::size_t kMaxMessage = 1024;  // of an Event, by core/v1's validation
constexpr std::size_t kMaxRemembered = 4096;

// Events of objects without a namespace live in "default".
std::string namespace_of(const api::ObjectKey& key) {
  return key.ns.empty() ? "default" : key.ns;
}

std::string path_of(const api::ObjectKey& key) {
  return "/api/v1/namespaces/" + percent_encode(namespace_of(key)) + "/events";
}

const char* word(EventType type) {
  return type == EventType::kWarning ? "Warning" : "Normal";
}

}  // namespace

ClusterEventRecorder::ClusterEventRecorder(KubeClient& client, const Clock& clock, Rng& rng,
                                           std::string instance, Options options)
    : client_(client),
      clock_(clock),
      rng_(rng),
      instance_(std::move(instance)),
      options_(options),
      thread_([this](std::stop_token stop) { run(std::move(stop)); }) {}

ClusterEventRecorder::~ClusterEventRecorder() {
  std::unique_lock lock(mutex_);
  closing_ = true;
  changed_.notify_all();
  // The last words of a server that stops are worth a moment.
  changed_.wait_for(lock, options_.flush, [this] { return queue_.empty(); });
  lock.unlock();
  thread_.request_stop();
}

void ClusterEventRecorder::record(const api::Object& about, EventType type, std::string_view reason,
                                  std::string_view message) {
  Saying saying{about.key(), about.uid(),         about.revision(),
                type,        std::string(reason), api::cut_runes(message, kMaxMessage),
                clock_.now()};
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() < options_.max_queued) {
      queue_.push_back(std::move(saying));
      changed_.notify_all();
      return;
    }
  }
  log::warn("an event was dropped: too many wait for kube-apiserver",
            {{"name", about.key().name}, {"reason", reason}, {"message", message}});
}

void ClusterEventRecorder::run(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, stop, [this] { return !queue_.empty(); });
    if (stop.stop_requested() || queue_.empty()) return;
    const Saying saying = queue_.front();
    lock.unlock();
    write(saying, stop);
    lock.lock();
    queue_.pop_front();  // only now: the destructor waits for what is being written
    changed_.notify_all();
  }
}

void ClusterEventRecorder::write(const Saying& saying, std::stop_token stop) {
  const std::string same =
      api::concat(saying.uid, "\n", word(saying.type), "\n", saying.reason, "\n", saying.message);
  const auto it = written_.find(same);
  Status done = fail(Code::kNotFound, "not written before");
  if (it != written_.end() && saying.when - it->second.last <= options_.same_within)
    done = count_up(saying, it->second, stop);
  if (!done && done.error().code == Code::kNotFound) done = create(saying, same, stop);
  if (!done)
    log::warn("an event could not be written", {{"namespace", saying.about.ns},
                                                {"name", saying.about.name},
                                                {"reason", saying.reason},
                                                {"message", saying.message},
                                                {"error", done.error().text()}});
}

Status ClusterEventRecorder::create(const Saying& saying, const std::string& same,
                                    std::stop_token stop) {
  const api::ResourceType* type = api::find_resource(saying.about.resource);
  const std::string when = to_rfc3339(saying.when);
  // Names of Events are at most 253 characters.
  const std::string name =
      api::concat(saying.about.name.substr(0, 230), ".", make_name_suffix(rng_, 16));
  Call call;
  call.method = "POST";
  call.path = path_of(saying.about);
  call.body =
      api::to_text({{"kind", "Event"},
                    {"apiVersion", "v1"},
                    {"metadata", {{"name", name}, {"namespace", namespace_of(saying.about)}}},
                    {"involvedObject",
                     {{"kind", type == nullptr ? saying.about.resource : type->kind},
                      {"apiVersion", api::kGroupVersion},
                      {"namespace", saying.about.ns},
                      {"name", saying.about.name},
                      {"uid", saying.uid},
                      {"resourceVersion", std::to_string(saying.revision)}}},
                    {"type", word(saying.type)},
                    {"reason", saying.reason},
                    {"message", saying.message},
                    {"count", 1},
                    {"firstTimestamp", when},
                    {"lastTimestamp", when},
                    {"source", {{"component", kComponent}}},
                    {"reportingComponent", kComponent},
                    {"reportingInstance", instance_}});
  const auto answer =
      with_backoff(options_.backoff, stop, [&](std::chrono::milliseconds left) -> Result<Json> {
        call.timeout = left;
        return client_.call(call, stop);
      });
  // There already: an earlier try came through, and only its answer was lost.
  if (!answer && answer.error().code != Code::kAlreadyExists) return fail(answer.error());
  if (written_.size() >= kMaxRemembered) written_.clear();
  written_[same] = {name, 1, saying.when};
  return {};
}

Status ClusterEventRecorder::count_up(const Saying& saying, Written& written,
                                      std::stop_token stop) {
  Call call;
  call.method = "PATCH";
  call.path = path_of(saying.about) + "/" + percent_encode(written.name);
  call.content_type = "application/merge-patch+json";
  call.body =
      api::to_text({{"count", written.count + 1}, {"lastTimestamp", to_rfc3339(saying.when)}});
  GB_TRY(with_backoff(options_.backoff, stop, [&](std::chrono::milliseconds left) -> Result<Json> {
    call.timeout = left;
    return client_.call(call, stop);
  }));
  ++written.count;
  written.last = saying.when;
  return {};
}

}  // namespace gb::kube
