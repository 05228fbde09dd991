// A response that goes on: watch frames and followed logs. Producers push shared frames; the
// server's stream thread writes them. A queue is bounded: who cannot keep up is dropped, never
// waited for.
//
// Thread safety: all methods, from any thread.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace gb::http {

class FrameQueue {
 public:
  using Frame = std::shared_ptr<const std::string>;

  // Everything that is pushed before the server has taken it counts against `max_bytes`: who pushes
  // a large initial state at once sizes the queue for it. Frames are shared, so a queued byte costs
  // nothing that is not in memory anyway.
  explicit FrameQueue(std::size_t max_bytes = std::size_t{4} << 20) : max_bytes_(max_bytes) {}

  // False once the queue is closed or full, or the client has gone. A queue that is full takes
  // `last_words` (when set), closes itself and refuses everything after.
  bool push(Frame frame);
  // What a reader that is too slow is told in the end.
  void set_last_words(Frame frame);
  // Nothing more comes: what is queued is written, then the response ends cleanly.
  void close();
  // So is one whose client has gone, or whose server stops.
  [[nodiscard]] bool closed() const;

  // The consumer's side (the server). `wake` is called when an empty queue got something or was
  // closed; it runs under the queue's lock and must not call the queue.
  void set_wake(std::function<void()> wake);
  [[nodiscard]] std::vector<Frame> take(std::size_t max_bytes);
  [[nodiscard]] bool finished() const;  // closed and empty
  void gone();                          // the client has: nothing is written or taken any more

 private:
  mutable std::mutex mutex_;
  std::size_t max_bytes_;
  std::size_t queued_bytes_ = 0;
  std::vector<Frame> frames_;
  std::size_t first_ = 0;
  Frame last_words_;
  bool closed_ = false;
  std::function<void()> wake_;
};

}  // namespace gb::http
