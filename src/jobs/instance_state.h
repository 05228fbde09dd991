// What became of an instance while a job worked on it.
//
// Thread safety: functions, from any thread.
#pragma once

#include <string>
#include <vector>

#include "jobs/environment.h"

namespace gb::jobs {

// The error of a job with its reason put before it, where one of the objects that described the
// `endpoints` is gone or another by now; else the error as it is.
[[nodiscard]] Error explained_by_instances(const Environment& environment, const std::string& ns,
                                           const std::vector<const galera::Endpoint*>& endpoints,
                                           Error error);

}  // namespace gb::jobs
