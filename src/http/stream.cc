#include "http/stream.h"

#include <algorithm>
#include <utility>

namespace gb::http {

bool FrameQueue::push(Frame frame) {
  const std::lock_guard lock(mutex_);
  if (closed_) return false;
  const bool was_empty = frames_.empty();
  // A frame that is larger than the whole queue still passes when nothing waits before it: the
  // reader is not slow, the object is big.
  if (was_empty || queued_bytes_ + frame->size() <= max_bytes_) {
    queued_bytes_ += frame->size();
    frames_.push_back(std::move(frame));
    if (was_empty && wake_) wake_();
    return true;
  }
  if (last_words_) frames_.push_back(std::exchange(last_words_, nullptr));
  closed_ = true;
  if (wake_) wake_();
  return false;
}

void FrameQueue::set_last_words(Frame frame) {
  const std::lock_guard lock(mutex_);
  last_words_ = std::move(frame);
}

void FrameQueue::close() {
  const std::lock_guard lock(mutex_);
  if (std::exchange(closed_, true)) return;
  if (wake_) wake_();
}

bool FrameQueue::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

void FrameQueue::set_wake(std::function<void()> wake) {
  const std::lock_guard lock(mutex_);
  wake_ = std::move(wake);
  if (wake_ && (!frames_.empty() || closed_)) wake_();
}

std::vector<FrameQueue::Frame> FrameQueue::take(std::size_t max_bytes) {
  const std::lock_guard lock(mutex_);
  std::vector<Frame> taken;
  std::size_t bytes = 0;
  while (first_ < frames_.size()) {
    const std::size_t size = frames_[first_]->size();
    if (!taken.empty() && bytes + size > max_bytes) break;
    bytes += size;
    taken.push_back(std::move(frames_[first_++]));
  }
  queued_bytes_ -= std::min(bytes, queued_bytes_);
  if (first_ == frames_.size()) {
    // The memory of a burst goes back: most queues are empty most of the time.
    std::vector<Frame>().swap(frames_);
    first_ = 0;
  } else if (first_ > 64 && first_ * 2 > frames_.size()) {
    frames_.erase(frames_.begin(), frames_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
  return taken;
}

bool FrameQueue::finished() const {
  const std::lock_guard lock(mutex_);
  return closed_ && first_ == frames_.size();
}

void FrameQueue::gone() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  wake_ = nullptr;
  std::vector<Frame>().swap(frames_);
  first_ = 0;
  queued_bytes_ = 0;
}

}  // namespace gb::http
