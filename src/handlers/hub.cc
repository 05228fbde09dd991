#include "handlers/hub.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>

#include "api/errors.h"
#include "api/types.h"
#include "base/log.h"

namespace gb::handlers {
namespace {

using Frame = http::FrameQueue::Frame;
using EventType = storage::WatchEvent::Type;

// How often deadlines are looked at; also what an injected clock is polled with.
constexpr std::chrono::milliseconds kTick{100};
constexpr std::chrono::seconds kBookmarkEvery{60};
constexpr std::chrono::seconds kLastBookmarkBefore{2};
constexpr std::size_t kQueueBytes = std::size_t{4} << 20;

Frame frame(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

Frame error_frame(const api::ApiError& error) {
  return frame(api::watch_frame("ERROR", error.json_line()));
}

const char* name_of(EventType type) {
  switch (type) {
    case EventType::kAdded:
      return "ADDED";
    case EventType::kModified:
      return "MODIFIED";
    case EventType::kDeleted:
      return "DELETED";
  }
  return "ERROR";
}

// One each minute, and a last one shortly before the end.
SteadyTime next_bookmark(SteadyTime now, SteadyTime deadline) {
  const SteadyTime last = deadline - kLastBookmarkBefore;
  return now < last ? std::min(now + kBookmarkEvery, last) : SteadyTime::max();
}

std::string shaped(const api::ResourceType& type, const Format& format, const api::Object& object,
                   bool columns, WallTime now) {
  switch (format.shape) {
    case api::Shape::kObject:
      return object.json();
    case api::Shape::kPartialMetadata:
      return api::partial_metadata(object, format.version);
    case api::Shape::kTable:
      return api::table(type, {object.revision(), {}, {}}, format.version,
                        {api::table_row(type, object, format.include, format.version, now)},
                        columns);
  }
  return {};
}

}  // namespace

struct Hub::Watcher {
  std::shared_ptr<http::FrameQueue> queue;
  std::string ns;
  ListOptions options;
  Format format;
  std::uint64_t last_revision = 0;  // nothing at or below it is sent any more
  bool columns_sent = false;
  SteadyTime deadline;
  SteadyTime next_bookmark;

  [[nodiscard]] bool selects(const api::Object& object) const { return options.selects(object); }
};

struct Hub::Topic final : storage::WatchSink {
  Hub* hub = nullptr;
  const api::ResourceType* type = nullptr;
  Source* source = nullptr;
  std::uint64_t dispatched = 0;  // the newest event that every watcher has got
  std::uint64_t settled = 0;     // no event up to here is still to come
  std::vector<std::unique_ptr<Watcher>> watchers;
  std::unique_ptr<storage::Subscription> subscription;

  void on_event(const storage::WatchEvent& event) override {
    const std::lock_guard lock(hub->pending_mutex_);
    hub->pending_.emplace_back(this, event);
    hub->pending_added_.notify_one();
  }
};

// The frames of one event, each made when the first watcher needs it.
struct Hub::Frames {
  std::map<std::tuple<EventType, Format, bool, std::uint64_t>, Frame> made;
  api::ObjectPtr left;  // the old content with the new revision, for who no longer selects it
};

class Hub::Collector final : public storage::WatchSink {
 public:
  void on_event(const storage::WatchEvent& event) override { events.push_back(event); }
  std::vector<storage::WatchEvent> events;
};

Hub::Hub(const Clock& clock, metrics::Registry& metrics) : clock_(clock), metrics_(metrics) {
  collection_ = metrics_.collect([this] { return long_running(); });
}

Hub::~Hub() {
  close();
  thread_ = {};
  letting_go_ = {};
  // Sinks are told nothing once their subscriptions have ended.
  for (auto& [name, topic] : topics_) topic->subscription.reset();
}

void Hub::add_source(const std::string& resource, Source& source) {
  auto topic = std::make_unique<Topic>();
  topic->hub = this;
  topic->type = api::find_resource(resource);
  topic->source = &source;
  const std::lock_guard lock(dispatch_mutex_);
  topics_.emplace(resource, std::move(topic));
}

Status Hub::start() {
  for (auto& [name, topic] : topics_) {
    topic->dispatched = topic->settled = topic->source->revision();
    GB_TRY_ASSIGN(topic->subscription, topic->source->watch(topic->dispatched, *topic));
  }
  letting_go_ = std::jthread([this](const std::stop_token& stop) { let_go(stop); });
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  return {};
}

std::shared_ptr<http::FrameQueue> Hub::open(const WatchRequest& request) {
  Topic& topic = *topics_.at(request.type->plural);
  auto watcher = std::make_unique<Watcher>();
  watcher->ns = request.ns;
  watcher->options = request.options;
  watcher->format = request.format;

  // What comes first was asked for, however much it is: the bound is for what comes later.
  std::vector<Frame> first;
  std::size_t bytes = 0;
  std::uint64_t from = request.from;
  if (request.initial) {
    from = std::max(from, request.initial->revision);
    static const Frame kHead = frame("{\"type\":\"ADDED\",\"object\":");
    static const Frame kTail = frame("}\n");
    const WallTime now = clock_.now();
    for (const api::ObjectPtr& object : request.initial->objects) {
      if (!watcher->selects(*object)) continue;
      if (request.format.shape == api::Shape::kObject) {
        // Shared with everybody who reads the object: a big state costs no copy for each watcher.
        first.insert(first.end(), {kHead, Frame(object, &object->json()), kTail});
      } else {
        first.push_back(frame(api::watch_frame(
            "ADDED", shaped(*request.type, request.format, *object, !watcher->columns_sent, now))));
        watcher->columns_sent = true;
      }
    }
  }
  if (request.mark_initial_end)
    first.push_back(frame(api::watch_frame(
        "BOOKMARK", api::bookmark_object(*request.type, from, /*initial_events_end=*/true,
                                         request.format.shape, request.format.version))));
  for (const Frame& f : first) bytes += f->size();

  auto queue = std::make_shared<http::FrameQueue>(kQueueBytes + bytes);
  queue->set_last_words(error_frame(
      api::expired("the watch did not keep up with the changes; list again and watch from there")));
  for (Frame& f : first) queue->push(std::move(f));
  watcher->queue = queue;
  const SteadyTime now = clock_.steady_now();
  watcher->deadline = now + std::chrono::duration_cast<SteadyTime::duration>(request.lifetime);
  watcher->next_bookmark = next_bookmark(now, watcher->deadline);

  const std::lock_guard lock(dispatch_mutex_);
  if (closed_) {
    queue->close();
    return queue;
  }
  if (attach(topic, *watcher, from)) topic.watchers.push_back(std::move(watcher));
  return queue;
}

// Under the dispatch lock, so no event is dispatched meanwhile: what has been dispatched already
// comes from the history, everything later will be dispatched to this watcher too, and revisions
// tell doubles.
bool Hub::attach(Topic& topic, Watcher& watcher, std::uint64_t from) {
  watcher.last_revision = from;
  if (from >= topic.dispatched) return true;
  Collector history;
  auto subscription = topic.source->watch(from, history);
  if (!subscription) {
    const Error& error = subscription.error();
    watcher.queue->push(
        error_frame(error.code == Code::kExpired
                        ? api::resource_version_too_old(from, topic.source->oldest_revision())
                        : api::from_error(error, nullptr, {})));
    watcher.queue->close();
    return false;
  }
  subscription->reset();
  for (const storage::WatchEvent& event : history.events) {
    Frames frames;
    send(topic, watcher, event, frames);
  }
  return true;
}

void Hub::keep(const std::string& resource, const std::shared_ptr<http::FrameQueue>& queue,
               std::shared_ptr<void> value) {
  const std::lock_guard lock(dispatch_mutex_);
  kept_.push_back({resource, queue, std::move(value)});
}

bool Hub::watched(const std::string& resource) const {
  const std::lock_guard lock(dispatch_mutex_);
  const auto it = topics_.find(resource);
  return it != topics_.end() && !it->second->watchers.empty();
}

std::size_t Hub::watchers() const {
  const std::lock_guard lock(dispatch_mutex_);
  std::size_t count = 0;
  for (const auto& [name, topic] : topics_) count += topic->watchers.size();
  return count;
}

void Hub::close() {
  decltype(kept_) kept;
  const std::lock_guard lock(dispatch_mutex_);
  closed_ = true;
  for (auto& [name, topic] : topics_) {
    for (const auto& watcher : topic->watchers) watcher->queue->close();
    topic->watchers.clear();
  }
  for (const Kept& one : kept_)
    if (const auto queue = one.queue.lock()) queue->close();
  kept.swap(kept_);
}

void Hub::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    {
      std::unique_lock lock(pending_mutex_);
      pending_added_.wait_for(lock, stop, kTick, [this] { return !pending_.empty(); });
    }
    tick();
  }
}

void Hub::let_go(const std::stop_token& stop) {
  for (;;) {
    decltype(left_) left;  // destroyed after the lock: that may take as long as a store does
    std::unique_lock lock(left_mutex_);
    if (!left_added_.wait(lock, stop, [this] { return !left_.empty(); })) return;
    left.swap(left_);
  }
}

void Hub::tick() {
  const std::lock_guard lock(dispatch_mutex_);
  // Read before the queue is: every event up to these revisions is then in the queue or dispatched.
  for (auto& [name, topic] : topics_) topic->settled = topic->source->revision();
  decltype(pending_) events;
  {
    const std::lock_guard pending(pending_mutex_);
    events.swap(pending_);
  }
  for (const auto& [topic, event] : events) dispatch(*topic, event);

  const SteadyTime now = clock_.steady_now();
  for (auto& [name, topic] : topics_) {
    send_bookmarks(*topic, now);
    drop_finished(*topic, now);
  }
  for (auto it = kept_.begin(); it != kept_.end();) {
    if (!it->queue.expired()) {
      ++it;
      continue;
    }
    {
      const std::lock_guard left(left_mutex_);
      left_.push_back(std::move(it->value));
    }
    left_added_.notify_one();
    it = kept_.erase(it);
  }
}

void Hub::dispatch(Topic& topic, const storage::WatchEvent& event) {
  Frames frames;
  std::uint64_t sent = 0;
  for (const auto& watcher : topic.watchers)
    if (send(topic, *watcher, event, frames)) ++sent;
  topic.dispatched = std::max(topic.dispatched, event.object->revision());
  if (sent > 0)
    metrics_.count(
        "apiserver_watch_events_total", "Number of events sent in watch clients",
        {{"group", api::kGroup}, {"version", api::kVersion}, {"resource", topic.type->plural}},
        static_cast<double>(sent));
}

bool Hub::send(Topic& topic, Watcher& watcher, const storage::WatchEvent& event, Frames& frames) {
  const std::uint64_t revision = event.object->revision();
  if (revision <= watcher.last_revision) return false;
  watcher.last_revision = revision;
  if (!watcher.ns.empty() && watcher.ns != event.object->key().ns) return false;

  const bool is = event.type != EventType::kDeleted && watcher.selects(*event.object);
  const bool was = event.type == EventType::kDeleted
                       ? watcher.selects(event.previous ? *event.previous : *event.object)
                       : event.previous != nullptr && watcher.selects(*event.previous);
  if (!is && !was) return false;
  const EventType type = !was ? EventType::kAdded : is ? EventType::kModified : EventType::kDeleted;

  const bool columns = watcher.format.shape == api::Shape::kTable && !watcher.columns_sent;
  watcher.columns_sent = watcher.columns_sent || columns;
  Frame& made = frames.made[{type, watcher.format, columns, revision}];
  if (!made) {
    api::ObjectPtr object = event.object;
    if (type == EventType::kDeleted && event.type != EventType::kDeleted) {
      // It left the selection: what the watcher knew, at the revision at which it left.
      if (!frames.left) {
        auto left = api::Object::make(topic.type->plural, revision, event.previous->dom());
        frames.left = left ? *left : event.previous;
      }
      object = frames.left;
    }
    made = frame(api::watch_frame(
        name_of(type), shaped(*topic.type, watcher.format, *object, columns, clock_.now())));
  }
  return watcher.queue->push(made);
}

void Hub::send_bookmarks(Topic& topic, SteadyTime now) {
  std::map<std::pair<Format, std::uint64_t>, Frame> made;
  for (const auto& watcher : topic.watchers) {
    if (!watcher->options.bookmarks || now < watcher->next_bookmark) continue;
    // A watcher that began in the future must not be sent back.
    watcher->last_revision = std::max(watcher->last_revision, topic.settled);
    Frame& bookmark = made[{watcher->format, watcher->last_revision}];
    if (!bookmark)
      bookmark = frame(api::watch_frame(
          "BOOKMARK",
          api::bookmark_object(*topic.type, watcher->last_revision, /*initial_events_end=*/false,
                               watcher->format.shape, watcher->format.version)));
    watcher->queue->push(bookmark);
    watcher->next_bookmark = next_bookmark(now, watcher->deadline);
  }
}

void Hub::drop_finished(Topic& topic, SteadyTime now) {
  std::erase_if(topic.watchers, [now](const auto& watcher) {
    if (now >= watcher->deadline) watcher->queue->close();
    return watcher->queue->closed();
  });
}

std::vector<metrics::Gauges> Hub::long_running() const {
  metrics::Gauges out{
      "apiserver_longrunning_requests", "Gauge of all active long-running apiserver requests", {}};
  const auto tell = [&](const char* verb, const Topic& topic, const char* subresource,
                        std::ptrdiff_t count) {
    out.series.push_back({{{"verb", verb},
                           {"group", api::kGroup},
                           {"version", api::kVersion},
                           {"resource", topic.type->plural},
                           {"subresource", subresource},
                           {"component", "apiserver"}},
                          static_cast<double>(count)});
  };
  const std::lock_guard lock(dispatch_mutex_);
  for (const auto& [name, topic] : topics_) {
    tell("WATCH", *topic, "", std::ranges::count_if(topic->watchers, [](const auto& watcher) {
           return !watcher->queue->closed();
         }));
    if (topic->type->subresource("log") != nullptr)
      tell("GET", *topic, "log", std::ranges::count_if(kept_, [&](const Kept& kept) {
             return kept.resource == name && !kept.queue.expired();
           }));
  }
  return {std::move(out)};
}

}  // namespace gb::handlers
