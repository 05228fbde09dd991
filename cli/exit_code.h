// How the commands end.
#pragma once

namespace gb::cli {

// 0 done, 1 failed, 2 bad usage, 3 found but degraded (check, diff), 130 interrupted while waiting.
enum ExitCode { kDone = 0, kFailed = 1, kUsage = 2, kDegraded = 3, kInterrupted = 130 };

}  // namespace gb::cli
