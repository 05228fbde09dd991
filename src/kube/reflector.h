// A collection of kube-apiserver, followed: listed, watched, listed again when the watch is lost.
//
// Thread safety: all methods, from any thread. The callbacks run on the reflector's own thread;
// none runs after the destructor has returned.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "api/object.h"
#include "base/error.h"
#include "kube/client.h"

namespace gb::kube {

struct ReflectorOptions {
  std::string path;   // "/api/v1/namespaces"
  std::string query;  // "fieldSelector=…", percent-encoded; empty: none
  std::chrono::seconds watch_time{300};
  bool list_each_time = false;                 // list again after every watch: a re-sync
  std::chrono::milliseconds first_pause{500};  // after an error; doubles up to max_pause
  std::chrono::milliseconds max_pause{30000};
};

class Reflector {
 public:
  struct Callbacks {
    std::function<void(const api::Json& items)> on_list;  // an array: all there is
    std::function<void(const std::string& type, const api::Json& object)> on_event;
  };

  // Starts at once. `client` outlives the reflector.
  Reflector(KubeClient& client, ReflectorOptions options, Callbacks callbacks);
  ~Reflector();
  Reflector(const Reflector&) = delete;
  Reflector& operator=(const Reflector&) = delete;

  // Waits for the first list; false when `timeout` passes first.
  bool wait_listed(std::chrono::milliseconds timeout);
  // Success once listed; before that the last error.
  [[nodiscard]] Status health() const;

 private:
  void run(std::stop_token stop);
  Status list(std::stop_token stop);
  Status watch(std::stop_token stop);

  KubeClient& client_;
  const ReflectorOptions options_;
  const Callbacks callbacks_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool listed_ = false;
  std::optional<Error> error_;
  std::string revision_;  // the thread's own
  std::jthread thread_;   // last: the rest is there when it starts
};

}  // namespace gb::kube
