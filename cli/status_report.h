// What an operator asks at 3 a.m., answered from the objects that there are: one report, shown as
// text, JSON or YAML.
//
// Thread safety: pure functions.
#pragma once

#include <string>

#include "api/object.h"
#include "base/clock.h"

namespace gb::cli {

// `lists` holds the items of "backups", "restores", "schedules", "stores" and "galeras"; null for
// what is not served, or not to be seen. `ns` empty: of all namespaces. The report:
//
// clang-format off
//   namespace, time, healthy
//   problems   [{namespace, about, message, since, hint}], the worst first; hint: what to do
//   instances  [{namespace, name,
//                lastGoodBackup {name, snapshotTime, ageSeconds, verified, partial, bytes},
//                restoreSeconds, restoreEstimate {from | guess},
//                nextBackup {schedule, time, suspended}, running [..]}]
//   running    [{namespace, object, instances, phase, percent, startTime, seconds}];
//              what follows has lagSeconds, the age of the data that it holds, and no percent
//   stores     [{name, phase, freeBytes, storedBytes, backups, message}]; null: not to be seen
// clang-format on
[[nodiscard]] api::Json status_report(const api::Json& lists, const std::string& ns, WallTime now);

}  // namespace gb::cli
