#include "http/outbox.h"

#include <algorithm>

namespace gb::http {

std::string_view Outbox::front() {
  if (staged_ < stage_.size()) return std::string_view(stage_).substr(staged_);
  stage_.clear();
  staged_ = 0;
  if (next_ == pieces_.size()) return {};
  if (pieces_[next_]->size() - offset_ >= kRun)
    return std::string_view(*pieces_[next_]).substr(offset_, kRun);
  while (next_ < pieces_.size() && stage_.size() < kRun) {
    const std::string_view rest = std::string_view(*pieces_[next_]).substr(offset_);
    const std::size_t run = std::min(rest.size(), kRun - stage_.size());
    stage_.append(rest.substr(0, run));
    offset_ += run;
    if (run == rest.size()) {
      pieces_[next_++] = nullptr;
      offset_ = 0;
    }
  }
  return stage_;
}

void Outbox::consume(std::size_t bytes) {
  if (staged_ < stage_.size()) {
    staged_ += bytes;
  } else {
    offset_ += bytes;
    if (offset_ == pieces_[next_]->size()) {
      pieces_[next_++] = nullptr;
      offset_ = 0;
    }
  }
  // Thousands of connections wait with nothing to say: they hold no buffer.
  if (empty()) *this = Outbox();
}

}  // namespace gb::http
