// GaleraBackupStores as a resource that can be listed and watched, though nothing stores them: they
// are computed by the jobs, and a change is seen by comparing.
//
// Their resourceVersion is the time of the change in microseconds: it grows over restarts, and it
// moves when free space does, which the catalog's revision would not. What was there before this
// process, and what has gone since, is not known: a watch from before that is Expired.
//
// Thread safety: all methods, from any thread.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "handlers/source.h"
#include "jobs/jobs.h"

namespace gb::handlers {

class StoreView final : public Source {
 public:
  StoreView(jobs::Jobs& jobs, const Clock& clock) : jobs_(jobs), clock_(clock) {}

  // Looks for changes now, and tells them to the watchers.
  void refresh();

  Result<api::ObjectPtr> get(const api::ObjectKey& key) override;
  storage::Snapshot list(std::string_view ns) override;
  Result<storage::Snapshot> list_at(std::string_view ns, std::uint64_t revision) override;
  Status wait_for(std::uint64_t revision, std::chrono::milliseconds timeout,
                  std::stop_token stop) override;
  Result<std::unique_ptr<storage::Subscription>> watch(std::uint64_t from,
                                                       storage::WatchSink& sink) override;
  [[nodiscard]] std::uint64_t revision() const override;
  [[nodiscard]] std::uint64_t oldest_revision() const override;

 private:
  class Watch;
  void publish(const storage::WatchEvent& event);
  std::uint64_t next_revision();  // under the mutex
  [[nodiscard]] std::uint64_t micros() const;

  jobs::Jobs& jobs_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::uint64_t revision_ = 0;
  std::uint64_t oldest_ = 0;  // all changes since then are known; 0: nothing was asked for yet
  std::map<std::string, api::ObjectPtr> objects_;  // by name
  std::vector<storage::WatchSink*> sinks_;
};

}  // namespace gb::handlers
