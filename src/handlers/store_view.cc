#include "handlers/store_view.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "api/meta.h"
#include "api/types.h"
#include "base/log.h"
#include "base/wait.h"

namespace gb::handlers {
namespace {

constexpr std::chrono::milliseconds kLookAgain{100};

}  // namespace

class StoreView::Watch final : public storage::Subscription {
 public:
  Watch(StoreView& view, storage::WatchSink& sink) : view_(view), sink_(sink) {}
  ~Watch() override {
    const std::lock_guard lock(view_.mutex_);
    std::erase(view_.sinks_, &sink_);
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

 private:
  StoreView& view_;
  storage::WatchSink& sink_;
};

void StoreView::refresh() {
  // Before anything is asked: who has asked earlier must not tell it later.
  const std::lock_guard lock(mutex_);
  const std::vector<api::ObjectPtr> computed = jobs_.store_objects();

  std::map<std::string, api::ObjectPtr> before = std::move(objects_);
  objects_.clear();
  if (oldest_ == 0) oldest_ = next_revision();
  for (const api::ObjectPtr& object : computed) {
    const std::string& name = object->key().name;
    const auto old = before.extract(name);
    if (old && api::same_content(old.mapped()->dom(), object->dom())) {
      objects_[name] = old.mapped();
      continue;
    }
    auto changed = api::Object::make(api::kStores, next_revision(), object->dom());
    if (!changed) {
      log::error("a backup store cannot be shown", {{"error", changed.error().text()}});
      continue;
    }
    objects_[name] = *changed;
    using Type = storage::WatchEvent::Type;
    if (old)
      publish({Type::kModified, *changed, old.mapped()});
    else
      publish({Type::kAdded, *changed, nullptr});
  }
  for (const auto& [name, object] : before) {
    auto gone = api::Object::make(api::kStores, next_revision(), object->dom());
    if (gone) publish({storage::WatchEvent::Type::kDeleted, *gone, object});
    oldest_ = revision_;
  }
}

std::uint64_t StoreView::micros() const {
  return static_cast<std::uint64_t>(
      std::max<std::int64_t>(clock_.now().time_since_epoch().count(), 1));
}

std::uint64_t StoreView::next_revision() {
  revision_ = std::max(revision_ + 1, micros());
  return revision_;
}

void StoreView::publish(const storage::WatchEvent& event) {
  for (storage::WatchSink* sink : sinks_) sink->on_event(event);
}

Result<api::ObjectPtr> StoreView::get(const api::ObjectKey& key) {
  refresh();
  const std::lock_guard lock(mutex_);
  const auto it = objects_.find(key.name);
  if (it == objects_.end()) return fail(Code::kNotFound, "there is no store " + key.name);
  return it->second;
}

storage::Snapshot StoreView::list(std::string_view ns) {
  refresh();
  storage::Snapshot snapshot;
  const std::lock_guard lock(mutex_);
  snapshot.revision = revision_;
  if (ns.empty())
    for (const auto& [name, object] : objects_) snapshot.objects.push_back(object);
  return snapshot;
}

Result<storage::Snapshot> StoreView::list_at(std::string_view ns, std::uint64_t revision) {
  storage::Snapshot snapshot = list(ns);
  if (snapshot.revision != revision)
    return fail(Code::kExpired, "stores are computed: only their present state is known");
  return snapshot;
}

Status StoreView::wait_for(std::uint64_t revision, std::chrono::milliseconds timeout,
                           std::stop_token stop) {
  const auto until = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    // What is computed after the time that a revision stands for is not older than it, though
    // nothing has changed here: another server may have given it out.
    const bool come = micros() >= revision;
    refresh();
    {
      const std::lock_guard lock(mutex_);
      if (come) revision_ = std::max(revision_, revision);
      if (revision_ >= revision) return {};
    }
    if (std::chrono::steady_clock::now() >= until || !sleep_for(stop, kLookAgain))
      return fail(Code::kUnavailable, "no such revision yet");
  }
}

Result<std::unique_ptr<storage::Subscription>> StoreView::watch(std::uint64_t from,
                                                                storage::WatchSink& sink) {
  const std::lock_guard lock(mutex_);
  if (from < oldest_) return fail(Code::kExpired, "what has gone since is not known");
  // What a watcher missed is the present state of what has changed since.
  std::vector<api::ObjectPtr> missed;
  for (const auto& [name, object] : objects_)
    if (object->revision() > from) missed.push_back(object);
  std::ranges::sort(missed, {}, [](const auto& object) { return object->revision(); });
  for (const auto& object : missed)
    sink.on_event({storage::WatchEvent::Type::kModified, object, object});
  sinks_.push_back(&sink);
  return std::make_unique<Watch>(*this, sink);
}

std::uint64_t StoreView::revision() const {
  const std::lock_guard lock(mutex_);
  return revision_;
}

std::uint64_t StoreView::oldest_revision() const {
  const std::lock_guard lock(mutex_);
  return oldest_;
}

}  // namespace gb::handlers
