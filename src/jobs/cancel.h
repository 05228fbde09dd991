// Cancelling a job: asked for in its object, so that it also reaches a job that another process
// runs, and is not forgotten when this one ends.
//
// Thread safety: all functions, from any thread.
#pragma once

#include "jobs/environment.h"

namespace gb::jobs {

// Writes status.cancellation; asked twice, it stays as it was. Conflict when the job has ended.
Result<api::ObjectPtr> ask_to_cancel(const Environment& environment, const api::ObjectKey& key,
                                     const kube::User& user, bool dry_run);

}  // namespace gb::jobs
