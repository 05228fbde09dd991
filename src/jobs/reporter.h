// Tells how far a job is: renews its object (which is also the sign that its executor lives),
// flushes its log and keeps its deadline, on a thread of its own while the engine works.
#pragma once

#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "api/object.h"
#include "base/clock.h"
#include "galera/engine.h"
#include "jobs/control.h"
#include "jobs/job_log.h"
#include "jobs/record.h"

namespace gb::jobs {

// One a part that the engine works on (an instance of a set); never moved once the engine has it.
using ProgressParts = std::vector<std::unique_ptr<galera::Progress>>;

// status.progress as it is now, over all parts. `elapsed` gives bytesPerSecond.
[[nodiscard]] api::Json progress_json(const ProgressParts& parts, std::chrono::milliseconds elapsed,
                                      bool done);

// One sign of life of a job that has no progress to tell yet. The job is stopped when its object
// turns out to be deleted or another's.
void renew(JobRecord& record, JobControl& control);

class Reporter {
 public:
  // Works until destroyed. Without parts of progress that of the object stays. The job is stopped
  // (control) when `deadline` passes, or when the object turns out to be deleted or another's.
  Reporter(JobRecord& record, JobControl& control, JobLog& log, const Clock& clock,
           const ProgressParts& progress, std::optional<SteadyTime> deadline);

 private:
  void work(const std::stop_token& stop);

  JobRecord& record_;
  JobControl& control_;
  JobLog& log_;
  const Clock& clock_;
  const ProgressParts& progress_;
  const std::optional<SteadyTime> deadline_;
  const SteadyTime start_;
  std::jthread thread_;
};

}  // namespace gb::jobs
