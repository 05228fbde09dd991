// The objects at one revision, and how they came to be so: the history that watchers and old lists
// need. Revision order, no store, no threads: LogCatalog holds the lock.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "storage/catalog/catalog.h"
#include "storage/log/commit.h"

namespace gb::storage {

class Index {
 public:
  // Of serialised objects that the history keeps at most, besides those that are current.
  static constexpr std::uint64_t kHistoryBytes = std::uint64_t{64} << 20;

  // The history keeps the newest events: so many, and as many as have so many bytes. What goes
  // moves oldest_revision().
  explicit Index(std::uint64_t history_limit, std::uint64_t history_bytes = kHistoryBytes)
      : history_limit_(history_limit), history_bytes_(history_bytes) {}

  // Everything at `revision`, from which the history begins.
  void load(std::uint64_t revision, std::vector<api::ObjectPtr> objects);

  // Corruption when the commit cannot follow: then nothing of it was applied.
  Result<std::vector<WatchEvent>> apply(const Commit& commit);

  [[nodiscard]] std::uint64_t revision() const { return revision_; }
  [[nodiscard]] std::uint64_t oldest_revision() const { return oldest_; }
  [[nodiscard]] api::ObjectPtr find(const api::ObjectKey& key) const;  // null: there is none
  [[nodiscard]] Snapshot list(std::string_view resource, std::string_view ns) const;
  [[nodiscard]] Result<Snapshot> list_at(std::string_view resource, std::string_view ns,
                                         std::uint64_t revision) const;
  // The events of `resource` after `revision`, in order.
  [[nodiscard]] Result<std::vector<WatchEvent>> events_after(std::string_view resource,
                                                             std::uint64_t revision) const;
  // All objects in the order of their keys.
  [[nodiscard]] std::vector<api::ObjectPtr> all() const;

 private:
  using Name = std::pair<std::string, std::string>;  // namespace and name
  using Objects = std::map<Name, api::ObjectPtr>;
  struct Change {
    std::uint64_t revision = 0;
    WatchEvent event;
    std::uint64_t bytes = 0;  // what it brought into the history
  };
  void remember(std::uint64_t revision, const WatchEvent& event);
  void trim();
  [[nodiscard]] Status check_held(std::uint64_t revision) const;
  // The first change after `revision`.
  [[nodiscard]] std::deque<Change>::const_iterator after(std::uint64_t revision) const;

  std::uint64_t history_limit_;
  std::uint64_t history_bytes_;
  std::uint64_t bytes_ = 0;  // of the history
  std::uint64_t revision_ = 0;
  std::uint64_t oldest_ = 0;
  std::map<std::string, Objects, std::less<>> resources_;
  std::deque<Change> history_;
};

}  // namespace gb::storage
