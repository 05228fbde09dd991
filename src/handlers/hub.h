// Watches: one subscription for each resource, one frame for each event and format, shared by every
// watcher; one thread for dispatch, bookmarks and deadlines, whatever the number of watchers. It
// waits for nobody: the readers of logs that have left, which may wait for a store, end on another.
//
// Order: a watcher first gets what its request asks to begin with (state, or history from a
// revision), then every later event once, in revision order. Who does not read is dropped with an
// ERROR event and never waited for.
//
// Thread safety: all methods, from any thread.
#pragma once

#include <compare>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "api/table.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "handlers/list_options.h"
#include "handlers/source.h"
#include "http/stream.h"

namespace gb::handlers {

// How a watcher wants objects to look.
struct Format {
  api::Shape shape = api::Shape::kObject;
  api::IncludeObject include = api::IncludeObject::kMetadata;
  std::string version;
  auto operator<=>(const Format&) const = default;
};

struct WatchRequest {
  const api::ResourceType* type = nullptr;
  std::string ns;  // empty: all
  ListOptions options;
  Format format;
  std::uint64_t from = 0;                    // events after it
  std::optional<storage::Snapshot> initial;  // first sent as ADDED events
  bool mark_initial_end = false;             // and then the bookmark that clients wait for
  std::chrono::nanoseconds lifetime{};
};

class Hub {
 public:
  Hub(const Clock& clock, metrics::Registry& metrics);
  ~Hub();  // closes every watch
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  // Before start(). `source` outlives the Hub.
  void add_source(const std::string& resource, Source& source);
  Status start();

  // The body of a watch's answer. A revision that history does not reach is told inside it.
  std::shared_ptr<http::FrameQueue> open(const WatchRequest& request);
  // A followed log of an object of `resource`: `value` lives as long as somebody holds the queue.
  void keep(const std::string& resource, const std::shared_ptr<http::FrameQueue>& queue,
            std::shared_ptr<void> value);

  [[nodiscard]] bool watched(const std::string& resource) const;
  [[nodiscard]] std::size_t watchers() const;
  // Ends every watch and refuses new ones: they end at once.
  void close();

 private:
  struct Watcher;
  struct Topic;
  struct Frames;
  class Collector;

  void run(const std::stop_token& stop);
  void let_go(const std::stop_token& stop);
  void tick();
  void dispatch(Topic& topic, const storage::WatchEvent& event);
  bool send(Topic& topic, Watcher& watcher, const storage::WatchEvent& event, Frames& frames);
  bool attach(Topic& topic, Watcher& watcher, std::uint64_t from);
  void send_bookmarks(Topic& topic, SteadyTime now);
  void drop_finished(Topic& topic, SteadyTime now);
  std::vector<metrics::Gauges> long_running() const;

  const Clock& clock_;
  metrics::Registry& metrics_;

  // Taken before pending_mutex_, never by a sink.
  mutable std::mutex dispatch_mutex_;
  std::map<std::string, std::unique_ptr<Topic>> topics_;
  bool closed_ = false;
  struct Kept {
    std::string resource;
    std::weak_ptr<http::FrameQueue> queue;
    std::shared_ptr<void> value;
  };
  std::vector<Kept> kept_;

  std::mutex pending_mutex_;
  std::condition_variable_any pending_added_;
  std::deque<std::pair<Topic*, storage::WatchEvent>> pending_;

  std::mutex left_mutex_;
  std::condition_variable_any left_added_;
  std::vector<std::shared_ptr<void>> left_;  // values of kept_ whose followers have gone

  std::unique_ptr<metrics::Collection> collection_;
  std::jthread letting_go_;
  std::jthread thread_;  // the last member: it ends before what it uses
};

}  // namespace gb::handlers
