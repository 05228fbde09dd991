// What one object says about itself, for `kubectl galera status` and for the metrics: read with
// care, since a server of another version may have written it.
//
// Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/object.h"
#include "base/clock.h"

namespace gb::jobs::facts {

[[nodiscard]] std::string metadata(const api::Json& object, std::string_view field);
// The time at "status.startTime"; nothing when there is none.
[[nodiscard]] std::optional<WallTime> time_at(const api::Json& object, std::string_view path);
// Never less than nothing: clocks differ.
[[nodiscard]] std::int64_t seconds_between(WallTime from, WallTime to);
// How long a job that has ended took; at least a second.
[[nodiscard]] std::optional<std::int64_t> duration_of(const api::Json& object);
// The reason of the condition Verified of a backup that is not as it was when it was taken.
inline constexpr const char* kMismatch = "Mismatch";
// The status and the message of a condition, "" when there is none.
[[nodiscard]] std::pair<std::string, std::string> condition(const api::Json& object,
                                                            std::string_view type);
// The strings of a list.
[[nodiscard]] std::vector<std::string> texts(const api::Json& list);

// Of a backup: when the snapshot of an instance was taken (the start, where that is not told), and
// how many bytes its rows have.
[[nodiscard]] WallTime snapshot_of(const api::Json& backup, const std::string& instance);
[[nodiscard]] std::uint64_t bytes_of(const api::Json& backup, const std::string& instance);
// Whether the last check of it found that it is not as it was when it was taken.
[[nodiscard]] bool damaged(const api::Json& backup);
// Completed, not being deleted, and not known to be damaged by a later check.
[[nodiscard]] bool good(const api::Json& backup);
// Of some schemas only, or without the rows of some tables or of all: no answer to the loss of
// everything.
[[nodiscard]] bool partial(const api::Json& backup);
// Whether it holds all of these schemas (empty: everything that its instances had), as far as its
// spec tells.
[[nodiscard]] bool covers(const api::Json& backup, const std::vector<std::string>& schemas);

// The instances that a restore writes to, as far as it tells.
[[nodiscard]] std::set<std::string> targets_of(const api::Json& restore);

// How fast a completed restore went; nothing when that cannot be told.
struct Pace {
  std::uint64_t bytes = 0;  // of rows, more than none
  std::int64_t seconds = 1;
};
[[nodiscard]] std::optional<Pace> pace_of(const api::Json& restore);

// A restore takes so many times as long as its backup took: docs/performance.md, rounded up. Used
// only where no restore was made yet, and said to be a guess.
inline constexpr int kRestoreToBackup = 8;

// An estimate of how many seconds it would take to restore `bytes` of rows: as fast as the last
// restore went, or a guess by the seconds that their backup took; nothing when neither is known.
[[nodiscard]] std::optional<std::int64_t> restore_seconds(std::uint64_t bytes,
                                                          const std::optional<Pace>& last_restore,
                                                          std::optional<std::int64_t> backup_took);

}  // namespace gb::jobs::facts
