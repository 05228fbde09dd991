// Which backups of a schedule are kept: rules on their own times, never on the clock's, so that a
// clock that jumped removes nothing.
//
// The rules are those of restic's forget: hourly to yearly keep the newest backup of so many hours
// to years in which there is one, counted from the newest backup on; a rule that has not found
// enough keeps the oldest backup too. A backup is kept while any rule keeps it.
//
// Thread safety: a pure function.
#pragma once

#include <string>
#include <vector>

#include "api/types.h"
#include "base/clock.h"
#include "base/time_zone.h"

namespace gb::jobs {

struct RetentionCandidate {
  WallTime time;          // of the snapshot
  bool verified = false;  // its condition Verified is True
  bool held = false;      // spec.hold
};

// Why each candidate is kept ("daily backup", "held"), or "" for one that goes. `candidates` are
// completed backups, newest first. Days and weeks are those of `zone`. Above `max_backups` (0: no
// limit) the oldest go whatever the rules say; but what is held stays, and so do the newest
// min_verified of the verified ones, the newest of them always.
[[nodiscard]] std::vector<std::string> judge_retention(
    const std::vector<RetentionCandidate>& candidates, const api::RetentionSpec& rules,
    unsigned max_backups, const TimeZone& zone);

}  // namespace gb::jobs
