// Which backups go by themselves: by their ttl, and by the rules of their schedule.
//
// Whatever a rule says, these stay: what is held; of a set of instances the newest verified backup
// of everything, or where there is none of a part; the newest retention.minVerified of a schedule.
// Nor do its rules remove the backup that was recorded last, or what is dated later than now: a
// clock was wrong. What a clock dated that was ahead takes no other's place, either. What goes is
// moved to the trash as if a user had deleted it.
//
// Thread safety: all functions, from any thread.
#pragma once

#include <string>
#include <vector>

#include "jobs/environment.h"
#include "jobs/schedule.h"

namespace gb::jobs {

struct Expiring {
  api::ObjectPtr object;
  std::string why;  // a sentence's end: "by the retention of schedule nightly"
};

// By the rules of `schedule`, whose object (as it is or would be) is `dom`. Of its failed and
// cancelled backups, which hold nothing, all but the newest ten go.
[[nodiscard]] std::vector<Expiring> expiring_by_schedule(const Environment& environment,
                                                         const api::Json& dom,
                                                         const Schedule& schedule, WallTime now);

// Those whose status.expirationTime is not after `now`.
[[nodiscard]] std::vector<Expiring> expiring_by_ttl(const Environment& environment, WallTime now);

// Gives a backup up: its data is marked as trash, then its object goes (or is marked, where it has
// finalizers), then it is said. Conflict when it changed meanwhile.
Status retire(const Environment& environment, const Expiring& expiring);

}  // namespace gb::jobs
