#include "storage/catalog/log_catalog.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/guarded.h"
#include "base/log.h"
#include "base/wait.h"

namespace gb::storage {
namespace {

// One commit: large enough that a storm of writes is few of them, small enough to be read at once.
constexpr std::size_t kMaxMutations = 500;
constexpr std::size_t kMaxBytes = 4 << 20;
constexpr std::size_t kReadAhead = 256;
constexpr int kRecoveries = 5;
constexpr std::chrono::seconds kCheckpointRetry{30};
constexpr std::chrono::seconds kRetryAfter{5};

std::string describe(const api::ObjectKey& key) {
  return key.resource + " " + (key.ns.empty() ? key.name : key.ns + "/" + key.name);
}

tl::unexpected<Error> not_found(const api::ObjectKey& key) {
  return fail(Code::kNotFound, describe(key) + " does not exist");
}

// What a caller of the catalog is told, also when this replica slept for longer than the log is
// kept.
Error as_seen_by_callers(Error error) {
  if (error.code == Code::kExpired) {
    error.code = Code::kUnavailable;
    error.message = "this replica fell behind: " + error.message;
    error.hint = "restart it: it recovers from the newest checkpoint";
  }
  if (error.code == Code::kUnavailable && !error.retry_after) error.retry_after = kRetryAfter;
  return error;
}

std::size_t digits_of(std::uint64_t value) {
  return std::to_string(value).size();
}

// Whether both are the same object but for their revisions.
bool same_content(const api::Object& a, const api::Object& b) {
  // Most updates change the length already, which costs nothing to see.
  if (a.json().size() - digits_of(a.revision()) != b.json().size() - digits_of(b.revision()))
    return false;
  const auto as_b = api::Object::make(a.key().resource, b.revision(), a.dom());
  return as_b && (*as_b)->json() == b.json();
}

}  // namespace

// One object that is to be written or removed.
struct LogCatalog::Change {
  enum class Kind { kCreate, kUpdate, kRemove };
  Kind kind = Kind::kCreate;
  api::ObjectKey key;  // of kCreate: the resource only, until the object is made
  std::uint64_t expected = 0;
  api::Json dom;          // moved into `made`
  api::ObjectPtr made{};  // with the revision of the newest draft
  Status malformed{};

  Status make(std::uint64_t revision);
};

// What one caller asks for: all of its changes, in one commit, or none.
struct LogCatalog::Write {
  std::vector<Change> changes;
  Result<api::ObjectPtr> result{};  // by whoever commits
  bool done = false;                // `result` is the caller's; guarded by the queue's mutex
};

// What the writes of a batch come to on the objects as they are in memory.
struct LogCatalog::Draft {
  struct Part {
    Write* write;
    std::size_t mutation;  // the first of its mutations
    api::ObjectPtr first;  // of its first change, when that changes nothing; else null
  };
  std::vector<Mutation> mutations;
  std::vector<Part> parts;
  Writes later;  // what does not fit into one commit
  // Those that the objects in memory already answer: refused, or nothing to change.
  std::vector<std::pair<Write*, Result<api::ObjectPtr>>> answered;
};

class LogCatalog::Watcher final : public Subscription {
 public:
  // The catalog's watch lock is held.
  Watcher(LogCatalog& catalog, std::string resource, WatchSink& sink)
      : catalog_(catalog), resource_(std::move(resource)), sink_(sink) {
    catalog_.watchers_[resource_].push_back(this);
  }
  ~Watcher() override {
    const std::lock_guard lock(catalog_.watch_mutex_);
    std::erase(catalog_.watchers_[resource_], this);
  }
  void give(const WatchEvent& event) { sink_.on_event(event); }

 private:
  LogCatalog& catalog_;
  std::string resource_;
  WatchSink& sink_;
};

Result<std::unique_ptr<LogCatalog>> LogCatalog::open(std::shared_ptr<BlobStore> store,
                                                     const Clock& clock, Rng& rng,
                                                     Options options) {
  std::unique_ptr<LogCatalog> catalog(new LogCatalog(std::move(store), clock, std::move(options)));
  GB_TRY_ASSIGN(catalog->log_,
                RevisionLog::open(*catalog->store_, clock, rng,
                                  {catalog->options_.writer, catalog->options_.read_only}));
  Status recovered;
  for (int i = 0; i < kRecoveries; ++i) {
    recovered = catalog->recover();
    // Another replica trimmed what we were about to read: there is a newer checkpoint.
    if (recovered || recovered.error().code != Code::kExpired) break;
  }
  if (!recovered) return fail(as_seen_by_callers(std::move(recovered.error())));
  if (catalog->options_.tail_interval.count() > 0) {
    LogCatalog* self = catalog.get();
    self->tail_ = std::jthread([self](const std::stop_token& stop) { self->tail(stop); });
    self->checkpoints_ =
        std::jthread([self](const std::stop_token& stop) { self->keep_checkpoints(stop); });
  }
  return catalog;
}

LogCatalog::~LogCatalog() = default;

Status LogCatalog::recover() {
  GB_TRY_ASSIGN(Checkpoint state, log_->newest_state());
  const std::lock_guard turn(turn_mutex_);
  position_ = {state.revision, state.digest};
  checkpointed_ = state.revision;
  checkpoint_time_ = clock_.steady_now();
  {
    const std::lock_guard lock(state_mutex_);
    index_.load(state.revision, std::move(state.objects));
  }
  GB_TRY(catch_up());
  GB_TRY_ASSIGN(position_, log_->end_at(position_));
  const std::lock_guard lock(published_mutex_);
  published_ = position_.revision;
  return {};
}

void LogCatalog::tail(const std::stop_token& stop) {
  std::unique_lock lock(refresh_mutex_);
  for (;;) {
    refresh_wanted_.wait_for(lock, stop, options_.tail_interval,
                             [this] { return asked_ > answered_; });
    if (stop.stop_requested()) return;
    const std::uint64_t asked = asked_;
    lock.unlock();
    const bool was_well = health().has_value();
    const Status synced = guarded("a look at the log", [this] { return sync(); });
    if (!synced && was_well)
      log::warn("the store does not answer: reads go on from memory",
                {{"error", synced.error().text()}});
    if (synced && !was_well) log::info("the store answers again");
    lock.lock();
    answered_ = asked;
    late_ = false;
    refreshed_.notify_all();
  }
}

void LogCatalog::refresh(std::chrono::milliseconds patience) {
  if (!tail_.joinable()) return;
  std::unique_lock lock(refresh_mutex_);
  if (late_) return;
  const std::uint64_t mine = ++asked_;
  refresh_wanted_.notify_one();
  if (!refreshed_.wait_for(lock, patience, [&] { return answered_ >= mine; })) late_ = true;
}

void LogCatalog::keep_checkpoints(const std::stop_token& stop) {
  while (sleep_for(stop, options_.tail_interval)) {
    if (!health() || !checkpoint_due()) continue;
    if (const Status done = guarded("a checkpoint", [this] { return checkpoint(); }); !done)
      log::warn("no checkpoint was written; it is tried again", {{"error", done.error().text()}});
  }
}

Status LogCatalog::sync() {
  const std::lock_guard turn(turn_mutex_);
  return note(catch_up());
}

Status LogCatalog::note(Status outcome) {
  if (!outcome) outcome.error() = as_seen_by_callers(std::move(outcome.error()));
  const std::lock_guard lock(health_mutex_);
  return health_ = std::move(outcome);
}

Status LogCatalog::health() const {
  const std::lock_guard lock(health_mutex_);
  return health_;
}

Status LogCatalog::catch_up() {
  for (;;) {
    GB_TRY_ASSIGN(const std::vector<Commit> commits, log_->read_after(position_, kReadAhead));
    for (const Commit& commit : commits) GB_TRY(apply(commit));
    if (commits.size() < kReadAhead) return {};
  }
}

// What throws here leaves the memory other than the log. Then the process ends, and the next one
// recovers: going on would lose writes.
Status LogCatalog::apply(const Commit& commit, std::vector<WatchEvent>* events) noexcept {
  const std::lock_guard watch_lock(watch_mutex_);
  std::vector<WatchEvent> applied;
  {
    const std::lock_guard lock(state_mutex_);
    GB_TRY_ASSIGN(applied, index_.apply(commit));
  }
  position_ = {commit.last(), commit.digest, commit.first};
  for (const WatchEvent& event : applied) {
    const auto watchers = watchers_.find(event.object->key().resource);
    if (watchers == watchers_.end()) continue;
    for (Watcher* watcher : watchers->second) watcher->give(event);
  }
  {
    const std::lock_guard lock(published_mutex_);
    published_ = commit.last();
  }
  published_changed_.notify_all();
  if (events != nullptr) *events = std::move(applied);
  return {};
}

// Checkpoints ------------------------------------------------------------------------------------

bool LogCatalog::checkpoint_due() const {
  if (options_.read_only) return false;
  const std::lock_guard lock(checkpoint_mutex_);
  const std::uint64_t head = revision();
  const auto since = clock_.steady_now() - checkpoint_time_;
  if (head == checkpointed_ || (checkpoint_failed_ && since < kCheckpointRetry)) return false;
  return head - checkpointed_ >= options_.checkpoint_every || since >= options_.checkpoint_interval;
}

Status LogCatalog::checkpoint() {
  if (options_.read_only) return fail(Code::kForbidden, "the repository is opened read-only");
  const std::lock_guard lock(checkpoint_mutex_);
  Position position;
  std::vector<api::ObjectPtr> objects;
  {
    const std::lock_guard turn(turn_mutex_);
    const std::shared_lock state(state_mutex_);
    position = position_;
    objects = index_.all();
  }
  if (position.revision == checkpointed_) return {};
  checkpoint_time_ = clock_.steady_now();
  checkpoint_failed_ = true;
  GB_TRY(log_->write_checkpoint(position, std::move(objects)));
  checkpointed_ = position.revision;
  checkpoint_failed_ = false;
  return log_->trim(position.revision, {options_.history_revisions, options_.history_time});
}

// Reads ------------------------------------------------------------------------------------------

std::uint64_t LogCatalog::revision() const {
  const std::lock_guard lock(published_mutex_);
  return published_;
}

std::uint64_t LogCatalog::oldest_revision() const {
  const std::shared_lock lock(state_mutex_);
  return index_.oldest_revision();
}

std::string LogCatalog::repository_id() const {
  return log_->repository_id();
}

WallTime LogCatalog::repository_created() const {
  return log_->repository_created();
}

Result<api::ObjectPtr> LogCatalog::get(const api::ObjectKey& key) const {
  const std::shared_lock lock(state_mutex_);
  if (api::ObjectPtr object = index_.find(key)) return object;
  return not_found(key);
}

Snapshot LogCatalog::list(std::string_view resource, std::string_view ns) const {
  const std::shared_lock lock(state_mutex_);
  return index_.list(resource, ns);
}

Result<Snapshot> LogCatalog::list_at(std::string_view resource, std::string_view ns,
                                     std::uint64_t revision) const {
  const std::shared_lock lock(state_mutex_);
  return index_.list_at(resource, ns, revision);
}

Status LogCatalog::wait_for(std::uint64_t revision, std::chrono::milliseconds timeout,
                            std::stop_token stop) const {
  std::unique_lock lock(published_mutex_);
  if (published_changed_.wait_for(lock, stop, timeout, [&] { return published_ >= revision; }))
    return {};
  if (stop.stop_requested()) return fail(Code::kCancelled, "the wait was called off");
  return fail(Code::kUnavailable,
              "revision " + std::to_string(revision) + " did not arrive: it is " +
                  std::to_string(published_) + " here",
              "try again");
}

Result<std::unique_ptr<Subscription>> LogCatalog::watch(std::string_view resource,
                                                        std::uint64_t from_revision,
                                                        WatchSink& sink) {
  const std::lock_guard watch_lock(watch_mutex_);
  std::vector<WatchEvent> events;
  {
    const std::shared_lock lock(state_mutex_);
    GB_TRY_ASSIGN(events, index_.events_after(resource, from_revision));
  }
  for (const WatchEvent& event : events) sink.on_event(event);
  return std::make_unique<Watcher>(*this, std::string(resource), sink);
}

// Writes -----------------------------------------------------------------------------------------

Result<api::ObjectPtr> LogCatalog::create(std::string_view resource, api::Json dom) {
  Write write;
  write.changes.push_back(
      {Change::Kind::kCreate, {std::string(resource), "", ""}, 0, std::move(dom)});
  return submit(write);
}

Result<api::ObjectPtr> LogCatalog::update(const api::ObjectKey& key,
                                          std::uint64_t expected_revision, api::Json dom) {
  Write write;
  write.changes.push_back({Change::Kind::kUpdate, key, expected_revision, std::move(dom)});
  return submit(write);
}

Result<api::ObjectPtr> LogCatalog::remove(const api::ObjectKey& key,
                                          std::uint64_t expected_revision) {
  Write write;
  write.changes.push_back({Change::Kind::kRemove, key, expected_revision, {}});
  return submit(write);
}

Result<api::ObjectPtr> LogCatalog::create_and_update(std::string_view resource, api::Json created,
                                                     const api::ObjectKey& key,
                                                     std::uint64_t expected_revision,
                                                     api::Json updated) {
  Write write;
  write.changes.push_back(
      {Change::Kind::kCreate, {std::string(resource), "", ""}, 0, std::move(created)});
  write.changes.push_back({Change::Kind::kUpdate, key, expected_revision, std::move(updated)});
  return submit(write);
}

Result<api::ObjectPtr> LogCatalog::submit(Write& write) {
  if (options_.read_only)
    return fail(Code::kForbidden, "the repository is opened read-only: nothing can be changed");
  std::unique_lock lock(queue_mutex_);
  queue_.push_back(&write);
  // Whoever finds nobody committing does it for all that wait.
  queue_changed_.wait(lock, [&] { return write.done || !leading_; });
  leading_ = leading_ || !write.done;
  while (!write.done) {
    Writes batch;
    while (!queue_.empty() && batch.size() < kMaxMutations) {
      batch.push_back(queue_.front());
      queue_.pop_front();
    }
    lock.unlock();
    {
      const std::lock_guard turn(turn_mutex_);
      // Nobody waits for ever, whatever happens.
      Status whole = guarded("a commit", [&] { commit(batch); });
      if (!whole) {
        whole.error().code = Code::kAmbiguous;
        for (Write* each : batch)
          if (each->result && *each->result == nullptr) each->result = fail(whole.error());
      }
    }
    lock.lock();
    for (Write* each : batch) each->done = true;
    if (write.done) leading_ = false;
    queue_changed_.notify_all();
  }
  return std::move(write.result);
}

Status LogCatalog::Change::make(std::uint64_t revision) {
  if (!malformed || (made && made->revision() == revision)) return malformed;
  auto object = api::Object::make(key.resource, revision, made ? made->dom() : std::move(dom));
  if (!object) return malformed = fail(std::move(object.error()));
  made = std::move(*object);
  if (made->key().name.empty())
    return malformed = fail(Code::kInvalid, "the object has no metadata.name");
  if (kind == Kind::kCreate) key = made->key();
  if (made->key() == key) return {};
  return malformed = fail(Code::kInvalid, "the object names " + describe(made->key()) +
                                              " instead of " + describe(key));
}

// Makes a draft, one write after the other.
class LogCatalog::Drafting {
 public:
  Drafting(const Index& index, std::uint64_t head) : index_(index), head_(head) {}

  void add(Write& write) {
    if (bytes_ > kMaxBytes) {
      draft_.later.push_back(&write);
      return;
    }
    const std::size_t before = draft_.mutations.size();
    api::ObjectPtr first;
    for (Change& change : write.changes) {
      const auto unchanged = judge(change);
      if (!unchanged) {
        forget(before);
        draft_.answered.emplace_back(&write, fail(unchanged.error()));
        return;
      }
      if (&change == &write.changes.front()) first = *unchanged;
      if (*unchanged) continue;
      if (change.made) bytes_ += change.made->json().size();
      draft_.mutations.push_back({change.key, change.made});
      changed_[change.key] = change.made;
    }
    if (draft_.mutations.size() == before)
      draft_.answered.emplace_back(&write, std::move(first));
    else
      draft_.parts.push_back({&write, before, std::move(first)});
  }
  Draft take() { return std::move(draft_); }

 private:
  [[nodiscard]] api::ObjectPtr current(const api::ObjectKey& key) const {
    const auto it = changed_.find(key);
    return it == changed_.end() ? index_.find(key) : it->second;
  }

  // Null: the change is made ready. The object as it is: it would change nothing. Else why it is
  // refused.
  Result<api::ObjectPtr> judge(Change& change) const {
    if (change.kind != Change::Kind::kRemove)
      GB_TRY(change.make(head_ + 1 + draft_.mutations.size()));
    api::ObjectPtr before = current(change.key);
    if (change.kind == Change::Kind::kCreate) {
      if (before) return fail(Code::kAlreadyExists, describe(change.key) + " already exists");
      return nullptr;
    }
    if (!before) return not_found(change.key);
    if (before->revision() != change.expected)
      return fail(Code::kConflict,
                  describe(change.key) + " has been modified: it is at revision " +
                      std::to_string(before->revision()) + ", not " +
                      std::to_string(change.expected),
                  "read it again and apply the change to what is there now");
    if (change.kind == Change::Kind::kUpdate && same_content(*change.made, *before)) return before;
    return nullptr;
  }

  // Takes back what a write, of which a later change was refused, has put into the draft.
  void forget(std::size_t size) {
    if (draft_.mutations.size() == size) return;
    draft_.mutations.resize(size);
    changed_.clear();
    for (const Mutation& mutation : draft_.mutations) changed_[mutation.key] = mutation.object;
  }

  const Index& index_;
  const std::uint64_t head_;
  Draft draft_;
  std::map<api::ObjectKey, api::ObjectPtr> changed_;  // by this draft; null: removed
  std::size_t bytes_ = 0;
};

LogCatalog::Draft LogCatalog::draft(const Writes& batch) const {
  // No lock on the state: only the turn changes it, and the turn is ours.
  Drafting drafting(index_, position_.revision);
  for (Write* write : batch) drafting.add(*write);
  return drafting.take();
}

void LogCatalog::commit(Writes open) {
  const auto fail_all = [&](Error error) {
    const Status noted = note(fail(std::move(error)));
    for (Write* write : open) write->result = fail(noted.error());
  };
  bool newest = false;  // all that others committed has been applied
  while (!open.empty()) {
    Draft next = draft(open);
    if (!next.answered.empty() && !newest) {
      if (Status caught_up = catch_up(); !caught_up) return fail_all(std::move(caught_up.error()));
      newest = true;
      continue;
    }
    for (auto& [write, result] : next.answered) write->result = std::move(result);
    open.clear();
    for (const Draft::Part& part : next.parts) open.push_back(part.write);
    open.insert(open.end(), next.later.begin(), next.later.end());
    if (next.parts.empty()) continue;
    auto appended = log_->append(position_, std::move(next.mutations));
    if (!appended) return fail_all(std::move(appended.error()));
    std::vector<WatchEvent> events;
    if (Status applied = apply(appended->commit, &events); !applied)
      return fail_all(std::move(applied.error()));
    newest = false;
    if (!appended->won) continue;
    for (const Draft::Part& part : next.parts)
      part.write->result = part.first ? part.first : events[part.mutation].object;
    open = std::move(next.later);
  }
  (void)note({});
}

}  // namespace gb::storage
