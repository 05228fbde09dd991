#include "storage/catalog/index.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ranges>

namespace gb::storage {
namespace {

// The range of one namespace, or of all.
template <typename Objects>
auto range_of(const Objects& objects, std::string_view ns) {
  if (ns.empty()) return std::pair(objects.begin(), objects.end());
  // "\0" is below every name: the first key after those of `ns` is that of the next namespace.
  const std::string text(ns);
  return std::pair(objects.lower_bound({text, ""}), objects.lower_bound({text + '\0', ""}));
}

}  // namespace

void Index::load(std::uint64_t revision, std::vector<api::ObjectPtr> objects) {
  revision_ = revision;
  oldest_ = revision;
  history_.clear();
  bytes_ = 0;
  resources_.clear();
  for (api::ObjectPtr& object : objects) {
    const api::ObjectKey& key = object->key();
    Objects& of_resource = resources_[key.resource];
    of_resource.emplace_hint(of_resource.end(), Name(key.ns, key.name), std::move(object));
  }
}

Result<std::vector<WatchEvent>> Index::apply(const Commit& commit) {
  // First all events, so that a commit that cannot be is refused whole.
  std::vector<WatchEvent> events;
  std::map<api::ObjectKey, api::ObjectPtr> pending;
  std::uint64_t revision = commit.first;
  for (const Mutation& mutation : commit.mutations) {
    const auto changed = pending.find(mutation.key);
    WatchEvent event;
    event.previous = changed == pending.end() ? find(mutation.key) : changed->second;
    if (mutation.object) {
      event.type = event.previous ? WatchEvent::Type::kModified : WatchEvent::Type::kAdded;
      event.object = mutation.object;
    } else {
      if (!event.previous)
        return fail(Code::kCorruption, log_key(commit.first) + " deletes " + mutation.key.resource +
                                           " " + mutation.key.name + ", which is not there");
      event.type = WatchEvent::Type::kDeleted;
      GB_TRY_ASSIGN(event.object,
                    api::Object::make(mutation.key.resource, revision, event.previous->dom()));
    }
    pending[mutation.key] = mutation.object;
    events.push_back(std::move(event));
    ++revision;
  }
  for (auto& [key, object] : pending) {
    Objects& objects = resources_[key.resource];
    if (object)
      objects.insert_or_assign(Name(key.ns, key.name), std::move(object));
    else
      objects.erase(Name(key.ns, key.name));
  }
  for (std::size_t i = 0; i < events.size(); ++i) remember(commit.first + i, events[i]);
  revision_ = commit.last();
  trim();
  return events;
}

void Index::remember(std::uint64_t revision, const WatchEvent& event) {
  std::uint64_t bytes = event.object->json().size();
  // Else it is the object of an earlier event, which counts it.
  if (event.previous && event.previous->revision() <= oldest_)
    bytes += event.previous->json().size();
  history_.push_back({revision, event, bytes});
  bytes_ += bytes;
}

void Index::trim() {
  while (!history_.empty() && (history_.size() > history_limit_ || bytes_ > history_bytes_)) {
    oldest_ = history_.front().revision;
    bytes_ -= history_.front().bytes;
    history_.pop_front();
  }
}

api::ObjectPtr Index::find(const api::ObjectKey& key) const {
  const auto objects = resources_.find(key.resource);
  if (objects == resources_.end()) return nullptr;
  const auto object = objects->second.find(Name(key.ns, key.name));
  return object == objects->second.end() ? nullptr : object->second;
}

Snapshot Index::list(std::string_view resource, std::string_view ns) const {
  Snapshot snapshot{revision_, {}};
  const auto objects = resources_.find(resource);
  if (objects == resources_.end()) return snapshot;
  const auto [begin, end] = range_of(objects->second, ns);
  if (ns.empty()) snapshot.objects.reserve(objects->second.size());
  for (auto it = begin; it != end; ++it) snapshot.objects.push_back(it->second);
  return snapshot;
}

Result<Snapshot> Index::list_at(std::string_view resource, std::string_view ns,
                                std::uint64_t revision) const {
  GB_TRY(check_held(revision));
  // What has changed since, as it was then: going backwards, the oldest change has the last word.
  Objects then;
  for (auto it = history_.cend(), first = after(revision); it != first;) {
    const WatchEvent& event = (--it)->event;
    const api::ObjectKey& key = event.object->key();
    if (key.resource == resource && (ns.empty() || key.ns == ns))
      then.insert_or_assign(Name(key.ns, key.name), event.previous);
  }
  Snapshot now = list(resource, ns);
  now.revision = revision;
  if (then.empty()) return now;
  for (const api::ObjectPtr& object : now.objects)
    then.emplace(Name(object->key().ns, object->key().name), object);
  now.objects.clear();
  for (auto& [name, object] : then)
    if (object) now.objects.push_back(std::move(object));
  return now;
}

Result<std::vector<WatchEvent>> Index::events_after(std::string_view resource,
                                                    std::uint64_t revision) const {
  GB_TRY(check_held(revision));
  std::vector<WatchEvent> events;
  for (auto it = after(revision); it != history_.end(); ++it)
    if (it->event.object->key().resource == resource) events.push_back(it->event);
  return events;
}

std::vector<api::ObjectPtr> Index::all() const {
  std::vector<api::ObjectPtr> objects;
  for (const auto& of_resource : resources_ | std::views::values)
    for (const api::ObjectPtr& object : of_resource | std::views::values) objects.push_back(object);
  return objects;
}

Status Index::check_held(std::uint64_t revision) const {
  if (revision > revision_)
    return fail(Code::kInvalid, "revision " + std::to_string(revision) +
                                    " is in the future: it is " + std::to_string(revision_) +
                                    " now");
  if (revision < oldest_)
    return fail(Code::kExpired,
                "revision " + std::to_string(revision) + " is too old: the history begins at " +
                    std::to_string(oldest_),
                "list again and go on from there");
  return {};
}

std::deque<Index::Change>::const_iterator Index::after(std::uint64_t revision) const {
  return std::ranges::upper_bound(history_, revision, {}, &Change::revision);
}

}  // namespace gb::storage
