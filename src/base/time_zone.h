// Time zones by name, from the tz database of the machine (Debian: tzdata).
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/error.h"

namespace date {
class time_zone;
}

namespace gb {

using WallSeconds = std::chrono::sys_seconds;

// Thread safety: a value; all methods, from any thread.
class TimeZone {
 public:
  TimeZone() = default;  // UTC

  // "UTC" needs no database. Invalid: there is no such zone, or no database to look it up in.
  static Result<TimeZone> find(std::string_view name);

  // A stretch of time during which local time is `offset` ahead of UTC: begin <= t < end.
  struct Period {
    WallSeconds begin;
    WallSeconds end;
    std::chrono::seconds offset{0};
  };
  [[nodiscard]] Period period_at(WallSeconds time) const;

 private:
  const date::time_zone* zone_ = nullptr;  // of the database, which is never unloaded; null: UTC
};

}  // namespace gb
