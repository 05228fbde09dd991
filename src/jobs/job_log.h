// What a job says while it runs: lines with a time, kept, followed live, and put into the store.
//
// Thread safety: all methods, from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "jobs/jobs.h"
#include "storage/blob/blob_store.h"

namespace gb::jobs {

class JobLog : public std::enable_shared_from_this<JobLog> {
 public:
  // `so_far`: what is in the store already, said by the process that ran the job before.
  JobLog(storage::BlobStore& store, std::string_view ns, std::string_view uid, const Clock& clock,
         std::string so_far = {});

  // One line: "2026-11-20T02:00:00.123456Z <text>". Line breaks in `text` become spaces.
  void say(std::string_view text);
  // Puts what was said into the store, when something new was; a store that fails is not the job's
  // end.
  void flush();
  // No more lines; followers are told. Flushes.
  void end();

  // The text so far, then what comes when `follow`; on_end once, at once when nothing will come.
  // Both are called under the log's lock, by whoever says something: they only queue, and never
  // call the log or destroy the handle.
  // The calls stop when the handle is destroyed; there is none when everything was told at once.
  std::unique_ptr<LogReader> follow(bool follow, std::function<void(std::string_view)> on_text,
                                    std::function<void()> on_end);

  static constexpr const char* kFolder = "joblog/";
  static std::string key(std::string_view ns, std::string_view uid);

 private:
  struct Callbacks {
    std::function<void(std::string_view)> on_text;
    std::function<void()> on_end;
  };
  class Handle;

  storage::BlobStore& store_;
  const std::string key_;
  const Clock& clock_;
  std::mutex mutex_;
  std::string text_;
  std::size_t flushed_;
  bool ended_ = false;
  std::list<Callbacks> followers_;
};

// The log of a job that another server runs, by what that one has put into the store: what there is
// now before this returns, then what is added. It ends when nothing comes any more after
// `has_ended` said so.
std::unique_ptr<LogReader> follow_stored_log(std::shared_ptr<storage::BlobStore> store,
                                             std::string key, std::function<bool()> has_ended,
                                             std::function<void(std::string_view)> on_text,
                                             std::function<void()> on_end);

}  // namespace gb::jobs
