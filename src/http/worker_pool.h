// The threads on which handlers run. They may block on others (kube-apiserver, a disk), never on a
// client. A lane that has its share of them busy waits, and holds up none but its own.
#pragma once

#include <array>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "http/server.h"

namespace gb::http {

struct Connection;

// Thread safety: submit() from any thread; stop() once.
class WorkerPool {
 public:
  using Job = std::shared_ptr<Connection>;
  using Bounds = std::array<unsigned, kLanes>;
  // `bounds` says how many workers each lane may hold together with those after it, so that what is
  // left to a lane cannot be taken by two of the later ones; `run` is called with the number of
  // the worker, below `workers`.
  WorkerPool(unsigned workers, const Bounds& bounds, std::function<void(unsigned, const Job&)> run);
  ~WorkerPool() { stop(); }
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  void submit(Job job, Lane lane);
  // Jobs that no worker has taken yet are dropped; those that run are waited for.
  void stop();

 private:
  void work(unsigned number);
  // Under the mutex: the first lane with a job that may run now.
  [[nodiscard]] std::optional<std::size_t> runnable() const;

  const Bounds bounds_;
  std::function<void(unsigned, const Job&)> run_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::array<std::deque<Job>, kLanes> jobs_;
  Bounds busy_{};
  bool stopped_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace gb::http
