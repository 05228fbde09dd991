// The catalog over a revision log: what Catalog::open() makes. Apart from the interface it can be
// told when to look at the log and when to write a checkpoint, which otherwise a thread of its own
// does.
//
// One writer at a time holds the turn: it takes everything that waits (group commit), checks it
// against the objects in memory, writes one commit and gives the results out. What another replica
// wrote meanwhile is applied first, and the preconditions are checked anew; nobody is refused on
// the strength of a state that is not the newest.
//
// Locks, in this order: turn, watch, state. Reads take the last only, for as long as they copy
// pointers.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <thread>

#include "storage/catalog/catalog.h"
#include "storage/catalog/index.h"
#include "storage/log/revision_log.h"

namespace gb::storage {

class LogCatalog final : public Catalog {
 public:
  // options.tail_interval zero: no thread; the caller uses sync() and checkpoint().
  static Result<std::unique_ptr<LogCatalog>> open(std::shared_ptr<BlobStore> store,
                                                  const Clock& clock, Rng& rng, Options options);
  ~LogCatalog() override;

  // Applies what other writers have committed.
  Status sync();
  // Writes a checkpoint when anything was committed since the last, and trims the log.
  Status checkpoint();

  [[nodiscard]] std::uint64_t revision() const override;
  [[nodiscard]] std::uint64_t oldest_revision() const override;
  [[nodiscard]] std::string repository_id() const override;
  [[nodiscard]] WallTime repository_created() const override;
  void refresh(std::chrono::milliseconds patience) override;
  Result<api::ObjectPtr> get(const api::ObjectKey& key) const override;
  [[nodiscard]] Snapshot list(std::string_view resource, std::string_view ns) const override;
  Result<Snapshot> list_at(std::string_view resource, std::string_view ns,
                           std::uint64_t revision) const override;
  Status wait_for(std::uint64_t revision, std::chrono::milliseconds timeout,
                  std::stop_token stop) const override;
  Result<api::ObjectPtr> create(std::string_view resource, api::Json dom) override;
  Result<api::ObjectPtr> update(const api::ObjectKey& key, std::uint64_t expected_revision,
                                api::Json dom) override;
  Result<api::ObjectPtr> remove(const api::ObjectKey& key,
                                std::uint64_t expected_revision) override;
  Result<api::ObjectPtr> create_and_update(std::string_view resource, api::Json created,
                                           const api::ObjectKey& key,
                                           std::uint64_t expected_revision,
                                           api::Json updated) override;
  Result<std::unique_ptr<Subscription>> watch(std::string_view resource,
                                              std::uint64_t from_revision,
                                              WatchSink& sink) override;
  [[nodiscard]] Status health() const override;

 private:
  struct Change;
  struct Write;
  struct Draft;
  class Drafting;
  class Watcher;
  using Writes = std::vector<Write*>;

  LogCatalog(std::shared_ptr<BlobStore> store, const Clock& clock, Options options)
      : store_(std::move(store)),
        clock_(clock),
        options_(std::move(options)),
        index_(options_.history_revisions) {}

  Status recover();
  void tail(const std::stop_token& stop);
  void keep_checkpoints(const std::stop_token& stop);
  [[nodiscard]] bool checkpoint_due() const;

  // The object of the first change, as it is then.
  Result<api::ObjectPtr> submit(Write& write);
  // Gives every write its result. The turn is held, as by all below.
  void commit(Writes open);
  [[nodiscard]] Draft draft(const Writes& batch) const;
  Status catch_up();
  Status apply(const Commit& commit, std::vector<WatchEvent>* events = nullptr) noexcept;
  Status note(Status outcome);

  const std::shared_ptr<BlobStore> store_;  // before what uses it: the log and the threads
  const Clock& clock_;
  const Options options_;
  std::unique_ptr<RevisionLog> log_;

  std::mutex turn_mutex_;
  Position position_;  // of the log; guarded by the turn

  mutable std::mutex watch_mutex_;
  std::map<std::string, std::vector<Watcher*>, std::less<>> watchers_;

  mutable std::shared_mutex state_mutex_;
  Index index_;

  // The revision whose events have been given to every sink, and who waits for it.
  mutable std::mutex published_mutex_;
  mutable std::condition_variable_any published_changed_;
  std::uint64_t published_ = 0;

  std::mutex queue_mutex_;
  std::condition_variable queue_changed_;
  std::deque<Write*> queue_;
  bool leading_ = false;  // somebody is committing

  // Who wants the newest is answered by the first look that begins after he asked.
  std::mutex refresh_mutex_;
  std::condition_variable_any refresh_wanted_;
  std::condition_variable refreshed_;
  std::uint64_t asked_ = 0;
  std::uint64_t answered_ = 0;
  bool late_ = false;  // a look has kept somebody waiting for too long, and goes on

  mutable std::mutex health_mutex_;
  Status health_;

  mutable std::mutex checkpoint_mutex_;  // held while a checkpoint is written
  std::uint64_t checkpointed_ = 0;       // the revision of the newest known
  SteadyTime checkpoint_time_{};         // of the last attempt
  bool checkpoint_failed_ = false;

  std::jthread tail_;
  std::jthread checkpoints_;  // in its own time: reads wait for the other one
};

}  // namespace gb::storage
