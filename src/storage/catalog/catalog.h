// The objects of one repository in memory: get, list, watch and compare-and-swap over the revision
// log.
//
// Reads are answered from memory: they go on while the store is down. A write returns when its
// commit is durable in the log; concurrent writes share one commit. Revisions are those of the log;
// each object and each list has one as its metadata.resourceVersion.
//
// Thread safety: all methods, from any thread.
// Errors of writes: AlreadyExists (create), NotFound, Conflict (the object is at another revision),
// Unavailable and NoSpace (the store; nothing was written), Invalid (malformed metadata), Forbidden
// (read_only), Ambiguous (the store stopped answering in the middle of the write: whether it was
// written is seen once health() is well again), Corruption (the log is damaged: nothing was
// written).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "api/object.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/rng.h"
#include "storage/blob/blob_store.h"

namespace gb::storage {

// Objects of one resource, ordered by namespace and name, as they were at `revision`.
struct Snapshot {
  std::uint64_t revision = 0;
  std::vector<api::ObjectPtr> objects;
};

struct WatchEvent {
  enum class Type { kAdded, kModified, kDeleted };
  Type type = Type::kAdded;
  // kDeleted: the last state, with the deletion's revision in metadata.resourceVersion.
  api::ObjectPtr object;
  api::ObjectPtr previous;  // null for kAdded: selector transitions need the old labels
};

// Receives the events of one watch in revision order. Called by the committing thread while the
// catalog's watch lock is held: it only queues, never blocks and never calls the catalog.
class WatchSink {
 public:
  virtual ~WatchSink() = default;
  virtual void on_event(const WatchEvent& event) = 0;
};

// Ends its watch when destroyed; afterwards the sink is not called again.
class Subscription {
 public:
  virtual ~Subscription() = default;
};

class Catalog {
 public:
  struct Options {
    std::string writer = "unnamed";  // who commits, for the log: a replica id
    bool read_only = false;          // writes answer Forbidden; nothing is put into the store
    std::uint64_t checkpoint_every = 1000;  // revisions
    std::chrono::seconds checkpoint_interval{600};
    std::uint64_t history_revisions = 10000;  // kept for watchers and old lists
    std::chrono::hours history_time{24};
    // How often other writers are looked for, besides when refresh() asks; zero: never, and no
    // checkpoint is written either.
    std::chrono::milliseconds tail_interval{1000};
  };

  // Recovers from the newest checkpoint and the log after it; makes a new repository in an empty
  // store unless read_only. Corruption names the key that is damaged. The store lives as long as
  // the catalog, whose threads use it; clock and rng must outlive it.
  static Result<std::unique_ptr<Catalog>> open(std::shared_ptr<BlobStore> store, const Clock& clock,
                                               Rng& rng, Options options);
  virtual ~Catalog() = default;

  // Of the newest commit all of whose events have been given to the sinks: a bookmark at this
  // revision, read before a sink's queue is emptied, promises nothing too much. A list may be newer
  // already.
  [[nodiscard]] virtual std::uint64_t revision() const = 0;
  [[nodiscard]] virtual std::uint64_t oldest_revision() const = 0;  // of the history that is held
  [[nodiscard]] virtual std::string repository_id() const = 0;
  [[nodiscard]] virtual WallTime repository_created() const = 0;

  // Takes in what others have committed by now, so that what is read next is no older than this
  // call. Waits `patience` at most: a store that does not answer holds no read up for longer, and
  // the next ones not at all until it answers again.
  virtual void refresh(std::chrono::milliseconds patience) = 0;

  virtual Result<api::ObjectPtr> get(const api::ObjectKey& key) const = 0;
  // `ns` empty: of all namespaces.
  [[nodiscard]] virtual Snapshot list(std::string_view resource, std::string_view ns) const = 0;
  // As it was at exactly `revision`. Expired when the history does not reach back so far, Invalid
  // for a revision in the future.
  virtual Result<Snapshot> list_at(std::string_view resource, std::string_view ns,
                                   std::uint64_t revision) const = 0;
  // Waits until the catalog is at `revision` or later; Unavailable when `timeout` passes first.
  virtual Status wait_for(std::uint64_t revision, std::chrono::milliseconds timeout,
                          std::stop_token stop) const = 0;

  // `dom` holds the whole object; metadata.resourceVersion is written by the catalog. An update
  // that changes nothing writes nothing and returns the object as it is.
  virtual Result<api::ObjectPtr> create(std::string_view resource, api::Json dom) = 0;
  virtual Result<api::ObjectPtr> update(const api::ObjectKey& key, std::uint64_t expected_revision,
                                        api::Json dom) = 0;
  virtual Result<api::ObjectPtr> remove(const api::ObjectKey& key,
                                        std::uint64_t expected_revision) = 0;
  // Creates the one and updates the other, both in one commit, or neither: what decides among
  // replicas which of them does something once. The object that was created.
  virtual Result<api::ObjectPtr> create_and_update(std::string_view resource, api::Json created,
                                                   const api::ObjectKey& key,
                                                   std::uint64_t expected_revision,
                                                   api::Json updated) = 0;
  // Read, change, compare-and-swap, again on Conflict. `change` returns the new object; an error of
  // it ends the loop. A change that changes nothing writes nothing.
  virtual Result<api::ObjectPtr> modify(
      const api::ObjectKey& key,
      const std::function<Result<api::Json>(const api::Object&)>& change);

  // Every event after `from_revision`, the history first, then as they come: after that of a list,
  // none is missing and none comes twice. Expired when the history does not reach back so far.
  // `sink` outlives the Subscription.
  virtual Result<std::unique_ptr<Subscription>> watch(std::string_view resource,
                                                      std::uint64_t from_revision,
                                                      WatchSink& sink) = 0;

  // Whether the last write or tail read reached the store; the error if not.
  virtual Status health() const = 0;
};

}  // namespace gb::storage
