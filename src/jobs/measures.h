// What Prometheus is told of the jobs: gauges, made at every scrape from the objects of the catalog
// and from the stores' status. So they are never stale, they are the same on every replica, and
// what has gone has no series any more. What is counted as it happens stands where it happens.
//
// docs/operator-guide.md says what each of them means. No label holds the name of a backup; an
// instance is `database_instance`, since `instance` is Prometheus' own word for the server that it
// asks.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/metrics.h"
#include "jobs/environment.h"

namespace gb::jobs {

class Measures {
 public:
  using StoreObjects = std::function<std::vector<api::ObjectPtr>()>;
  using ShutGates = std::function<std::vector<GateHolder>()>;

  // Joins environment.metrics, if there is one, until destroyed. `stores` tells their status,
  // `gates` those that restores hold shut, as they were seen last; both answer from memory, since a
  // scrape waits for them.
  Measures(const Environment& environment, StoreObjects stores, ShutGates gates);
  ~Measures();
  Measures(const Measures&) = delete;
  Measures& operator=(const Measures&) = delete;

  // Thread safety: from any thread.
  [[nodiscard]] std::vector<metrics::Gauges> collect();

 private:
  struct Backup;
  struct Restore;
  struct Schedule;
  struct Memory;  // what was read out of the objects, until they change
  class Report;

  const Environment& environment_;
  const StoreObjects stores_;
  const ShutGates gates_;
  std::mutex mutex_;
  std::unique_ptr<Memory> memory_;
  std::unique_ptr<metrics::Collection> joined_;  // last: it asks for the others
};

}  // namespace gb::jobs
