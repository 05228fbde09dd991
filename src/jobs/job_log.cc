#include "jobs/job_log.h"

#include <utility>

#include "base/log.h"
#include "base/text.h"

namespace gb::jobs {

class JobLog::Handle final : public LogReader {
 public:
  Handle(std::shared_ptr<JobLog> log, std::list<Callbacks>::iterator place)
      : log_(std::move(log)), place_(place) {}
  ~Handle() override {
    const std::scoped_lock lock(log_->mutex_);
    log_->followers_.erase(place_);
  }

 private:
  std::shared_ptr<JobLog> log_;
  std::list<Callbacks>::iterator place_;
};

JobLog::JobLog(storage::BlobStore& store, std::string_view ns, std::string_view uid,
               const Clock& clock)
    : store_(store), key_(key(ns, uid)), clock_(clock) {}

std::string JobLog::key(std::string_view ns, std::string_view uid) {
  return kFolder + std::string(ns) + "/" + std::string(uid);
}

void JobLog::say(std::string_view text) {
  std::string line = to_rfc3339_micro(clock_.now()) + " " + std::string(text);
  for (char& c : line)
    if (c == '\n' || c == '\r') c = ' ';
  line.push_back('\n');
  const std::scoped_lock lock(mutex_);
  if (ended_) return;
  text_ += line;
  for (const Callbacks& f : followers_) f.on_text(line);
}

void JobLog::flush() {
  std::string text;
  {
    const std::scoped_lock lock(mutex_);
    if (flushed_ == text_.size()) return;
    text = text_;
  }
  if (const Status put = storage::put(store_, key_, as_bytes(text)); !put) {
    log::warn("a job's log could not be stored", {{"key", key_}, {"error", put.error().text()}});
    return;
  }
  const std::scoped_lock lock(mutex_);
  flushed_ = text.size();
}

void JobLog::end() {
  flush();
  const std::scoped_lock lock(mutex_);
  if (ended_) return;
  ended_ = true;
  for (const Callbacks& f : followers_) f.on_end();
}

std::unique_ptr<LogReader> JobLog::follow(bool follow,
                                          std::function<void(std::string_view)> on_text,
                                          std::function<void()> on_end) {
  const std::scoped_lock lock(mutex_);
  if (!text_.empty()) on_text(text_);
  if (!follow || ended_) {
    on_end();
    return nullptr;
  }
  followers_.push_front({std::move(on_text), std::move(on_end)});
  return std::make_unique<Handle>(shared_from_this(), followers_.begin());
}

}  // namespace gb::jobs
