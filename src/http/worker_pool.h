// The threads on which handlers run. They may block on others (kube-apiserver, a disk), never on a
// client.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace gb::http {

struct Connection;

// Thread safety: submit() from any thread; stop() once.
class WorkerPool {
 public:
  using Job = std::shared_ptr<Connection>;
  // `run` is called with the number of the worker, below `workers`.
  WorkerPool(unsigned workers, std::function<void(unsigned, const Job&)> run);
  ~WorkerPool() { stop(); }
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  void submit(Job job);
  // Jobs that no worker has taken yet are dropped; those that run are waited for.
  void stop();

 private:
  void work(unsigned number);

  std::function<void(unsigned, const Job&)> run_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  bool stopped_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace gb::http
