#include "jobs/reporter.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "base/guarded.h"
#include "base/log.h"
#include "base/wait.h"
#include "jobs/finish.h"

namespace gb::jobs {
namespace {

// A replica that saw no renewal for 45 s takes over; several are tried within that time.
constexpr int kRenewEverySeconds = 5;

void renew_with(JobRecord& record, JobControl& control,
                const std::function<void(api::Json& place)>& change) {
  std::optional<std::string> cancelled;
  const Status updated = record.update([&](api::Json& place) {
    // Asked for where it does not run: at another server, or before this one was started anew.
    cancelled = cancelled_by(place);
    change(place);
    // A renewal must be a write even when nothing moved: somebody may be watching for it.
    place["executor"]["renewals"] = place["executor"].value("renewals", 0) + 1;
  });
  if (updated && cancelled) {
    control.stop(StopCause::kCancelled, *cancelled);
  } else if (!updated && updated.error().code == Code::kCancelled) {
    control.stop(StopCause::kLost);
  } else if (!updated) {
    log::warn("progress could not be recorded",
              {{"object", record.key().name}, {"error", updated.error().text()}});
  }
}

}  // namespace

void renew(JobRecord& record, JobControl& control) {
  renew_with(record, control, [](api::Json& /*place*/) {});
}

api::Json progress_json(const ProgressParts& parts, std::chrono::milliseconds elapsed, bool done) {
  std::uint64_t rows = 0;
  std::uint64_t expected = 0;
  std::uint64_t bytes = 0;
  std::uint64_t tables_done = 0;
  std::uint64_t tables_total = 0;
  for (const auto& part : parts) {
    rows += part->rows;
    expected += part->rows_expected;
    bytes += part->bytes;
    tables_done += part->tables_done;
    tables_total += part->tables_total;
  }
  std::uint64_t percent = done ? 100 : 0;
  // The expectation is an estimate of the server's: only the end is 100.
  if (!done && expected > 0) percent = std::min<std::uint64_t>(99, rows * 100 / expected);
  const auto ms = static_cast<std::uint64_t>(std::max<std::int64_t>(1, elapsed.count()));
  return {{"percent", percent},
          {"rows", rows},
          {"bytes", bytes},
          {"tables", {{"done", tables_done}, {"total", tables_total}}},
          {"bytesPerSecond", bytes * 1000 / ms}};
}

Reporter::Reporter(JobRecord& record, JobControl& control, JobLog& log, const Clock& clock,
                   const ProgressParts& progress, std::optional<SteadyTime> deadline)
    : record_(record),
      control_(control),
      log_(log),
      clock_(clock),
      progress_(progress),
      deadline_(deadline),
      start_(clock.steady_now()),
      thread_([this](const std::stop_token& stop) { work(stop); }) {}

void Reporter::work(const std::stop_token& stop) {
  int second = 0;
  while (sleep_for(stop, std::chrono::seconds(1))) {
    const SteadyTime now = clock_.steady_now();
    if (deadline_ && now >= *deadline_) control_.stop(StopCause::kDeadline);
    if (++second % kRenewEverySeconds != 0) continue;
    const auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(now - start_);
    (void)guarded("a report of progress", [&] {
      renew_with(record_, control_, [&](api::Json& place) {
        if (!progress_.empty()) place["progress"] = progress_json(progress_, elapsed, false);
      });
      log_.flush();
    });
  }
}

}  // namespace gb::jobs
