// Cron expressions as Kubernetes' CronJob reads them: five fields (minute, hour, day of month,
// month, day of week) with lists, ranges, steps and names, or @yearly, @monthly, @weekly, @daily,
// @hourly and their synonyms. When both days are restricted, either is enough.
//
// A moment is due when the local time of its zone matches. So a time that a clock change leaves out
// is not due on that day, and one that it repeats is due twice.
#pragma once

#include <bitset>
#include <chrono>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/time_zone.h"

namespace gb {

// Thread safety: a value; all methods, from any thread.
class Cron {
 public:
  // Invalid says which field is wrong, and why; also for what can never be due (30 February).
  static Result<Cron> parse(std::string_view text);

  // The first due moment after `time`.
  [[nodiscard]] std::optional<WallSeconds> next(WallSeconds time, const TimeZone& zone) const;
  // The last due moment not after `time` and not before `earliest`.
  [[nodiscard]] std::optional<WallSeconds> last(WallSeconds time, WallSeconds earliest,
                                                const TimeZone& zone) const;

 private:
  [[nodiscard]] bool matches_day(std::chrono::year_month_day day,
                                 std::chrono::weekday weekday) const;
  // The first match at or after `local` and before `end`; both are local times.
  [[nodiscard]] std::optional<WallSeconds> match(WallSeconds local, WallSeconds end) const;

  std::bitset<60> minutes_;
  std::bitset<24> hours_;
  std::bitset<32> days_;     // of the month, from 1
  std::bitset<13> months_;   // from 1
  std::bitset<7> weekdays_;  // Sunday is 0
  bool any_day_ = false;     // the field is a star, not a list that happens to hold all
  bool any_weekday_ = false;
};

}  // namespace gb
