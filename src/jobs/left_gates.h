// Gates that a restore left shut when its server ended, or could not open again at its end: whoever
// finds one opens it.
//
// Thread safety: functions, from any thread.
#pragma once

#include <stop_token>
#include <string>

#include "jobs/environment.h"

namespace gb::jobs {

// Those of the restore `uid`. The first error, after all were tried.
Status open_gates_of(const Environment& environment, const std::string& uid, std::stop_token stop);

// Those whose restore has ended or is no more. What fails is logged, and found by the next call.
void open_left_gates(const Environment& environment, std::stop_token stop);

}  // namespace gb::jobs
