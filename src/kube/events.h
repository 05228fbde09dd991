// The story of an object as core/v1 Events of the cluster. The same thing said again counts the
// event up instead of making another.
//
// Thread safety: all methods, from any thread.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/rng.h"
#include "kube/access.h"
#include "kube/backoff.h"
#include "kube/client.h"

namespace gb::kube {

class ClusterEventRecorder final : public EventRecorder {
 public:
  struct Options {
    std::size_t max_queued = 1000;  // more are dropped, and said so in the log
    std::chrono::seconds same_within{600};
    std::chrono::milliseconds flush{2000};  // what the destructor waits for the queue
    Backoff backoff = {};
  };
  // `client`, `clock` and `rng` outlive it. `instance`: which replica speaks.
  ClusterEventRecorder(KubeClient& client, const Clock& clock, Rng& rng, std::string instance,
                       Options options);
  ClusterEventRecorder(KubeClient& client, const Clock& clock, Rng& rng, std::string instance)
      : ClusterEventRecorder(client, clock, rng, std::move(instance), Options{}) {}
  ~ClusterEventRecorder() override;

  void record(const api::Object& about, EventType type, std::string_view reason,
              std::string_view message) override;

 private:
  struct Saying {
    api::ObjectKey about;
    std::string uid;
    std::uint64_t revision = 0;
    EventType type = EventType::kNormal;
    std::string reason;
    std::string message;
    WallTime when;
  };
  struct Written {
    std::string name;
    int count = 1;
    WallTime last;
  };

  void run(std::stop_token stop);
  void write(const Saying& saying, std::stop_token stop);
  Status create(const Saying& saying, const std::string& same, std::stop_token stop);
  Status count_up(const Saying& saying, Written& written, std::stop_token stop);

  KubeClient& client_;
  const Clock& clock_;
  Rng& rng_;
  const std::string instance_;
  const Options options_;
  std::map<std::string, Written> written_;  // the thread's own
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Saying> queue_;
  bool closing_ = false;
  std::jthread thread_;  // last: the rest is there when it starts
};

}  // namespace gb::kube
