#include "jobs/job_log.h"

#include <thread>
#include <utility>

#include "base/guarded.h"
#include "base/log.h"
#include "base/text.h"
#include "base/wait.h"

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
               const Clock& clock, std::string so_far)
    : store_(store),
      key_(key(ns, uid)),
      clock_(clock),
      text_(std::move(so_far)),
      flushed_(text_.size()) {}

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

namespace {

constexpr std::chrono::seconds kStoredLogLook{1};

class StoredLogReader final : public LogReader {
 public:
  StoredLogReader(std::shared_ptr<storage::BlobStore> store, std::string key,
                  std::function<bool()> has_ended, std::function<void(std::string_view)> on_text,
                  std::function<void()> on_end)
      : store_(std::move(store)),
        key_(std::move(key)),
        has_ended_(std::move(has_ended)),
        on_text_(std::move(on_text)),
        on_end_(std::move(on_end)) {
    tell();
    thread_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
  }

 private:
  // Whether there was anything new.
  bool tell() {
    const auto text = store_->get(key_);
    if (!text || text->size() <= told_) return false;
    on_text_(std::string_view(*text).substr(told_));
    told_ = text->size();
    return true;
  }

  void work(const std::stop_token& stop) {
    bool had_ended = false;
    bool told_all = false;
    while (!told_all && sleep_for(stop, kStoredLogLook))
      (void)guarded("a look at a stored log", [&] {
        const bool has_ended = has_ended_();
        // The last words are stored a moment after the end is recorded.
        told_all = !tell() && had_ended;
        had_ended = has_ended;
      });
    if (told_all) on_end_();
  }

  const std::shared_ptr<storage::BlobStore> store_;
  const std::string key_;
  const std::function<bool()> has_ended_;
  const std::function<void(std::string_view)> on_text_;
  const std::function<void()> on_end_;
  std::size_t told_ = 0;
  std::jthread thread_;
};

}  // namespace

std::unique_ptr<LogReader> follow_stored_log(std::shared_ptr<storage::BlobStore> store,
                                             std::string key, std::function<bool()> has_ended,
                                             std::function<void(std::string_view)> on_text,
                                             std::function<void()> on_end) {
  return std::make_unique<StoredLogReader>(std::move(store), std::move(key), std::move(has_ended),
                                           std::move(on_text), std::move(on_end));
}

}  // namespace gb::jobs
