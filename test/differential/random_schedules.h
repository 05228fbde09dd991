// Random schedules in random time zones, such as an oracle and we both understand.
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <random>
#include <span>
#include <string>
#include <utility>

#include "base/text.h"
#include "jobs/schedule.h"

namespace gb::differential {

inline const WallSeconds kStart{std::chrono::sys_days{std::chrono::January / 1 / 2026}};
inline const WallSeconds kEnd{std::chrono::sys_days{std::chrono::January / 1 / 2031}};

// Their clocks change by an hour, in the other half of the year, by no whole hours from UTC, or
// never. Some are left out, because the oracle does not follow them: Lord Howe's, which change by
// half an hour, Chatham's, which change at a quarter to, and Cairo's and Santiago's, which leave
// out midnight: it then skips the whole day, and a backup that is due at noon must not be lost for
// that.
inline constexpr std::array kZones{"UTC",
                                   "Europe/Prague",
                                   "Europe/London",
                                   "America/New_York",
                                   "America/St_Johns",
                                   "Asia/Kathmandu",
                                   "Asia/Tokyo",
                                   "Australia/Adelaide",
                                   "Pacific/Auckland"};

inline constexpr std::array kMacros{"@yearly", "@annually", "@monthly", "@weekly",
                                    "@daily",  "@midnight", "@hourly"};
inline constexpr std::array kMonths{"jan", "FEB", "Mar", "apr", "May", "JUN",
                                    "jul", "Aug", "sep", "OCT", "nov", "Dec"};
inline constexpr std::array kWeekdays{"Sun", "mon", "TUE", "wed", "thu", "FRI", "Sat"};

class RandomSchedules {
 public:
  explicit RandomSchedules(std::uint64_t seed) : rng_(seed) {}

  std::uint64_t below(std::uint64_t n) { return rng_() % n; }
  std::string zone() { return kZones[below(kZones.size())]; }
  std::string schedule() {
    if (below(20) == 0) return kMacros[below(kMacros.size())];
    return field(0, 59, 1) + " " + field(0, 23, 3) + " " + field(1, 31, 6) + " " +
           field(1, 12, 8, kMonths) + " " + field(0, 6, 6, kWeekdays);
  }

 private:
  // One cron field of values least … most, which may have names.
  std::string field(std::uint64_t least, std::uint64_t most, unsigned star_in_ten,
                    std::span<const char* const> names = {}) {
    if (below(10) < star_in_ten) return "*";
    std::string text = part(least, most, names);
    while (below(4) == 0) text += "," + part(least, most, names);
    return text;
  }

  std::string part(std::uint64_t least, std::uint64_t most, std::span<const char* const> names) {
    const auto value = [&](std::uint64_t number) -> std::string {
      if (names.empty() || below(2) == 0) return std::to_string(number);
      return names[number - least];
    };
    const std::uint64_t from = least + below(most - least + 1);
    const std::string last = value(from + below(most - from + 1));
    const std::string first = value(from);
    const std::string step = "/" + std::to_string(1 + below(most - least + 1));
    switch (below(6)) {
      case 0:
        return "*" + step;
      case 1:
        return first + "-" + last;
      case 2:
        return first + "-" + last + step;
      case 3:
        return first + step;
      default:
        return first;
    }
  }

  std::mt19937_64 rng_;
};

// As the server would read it, settled until kStart.
inline jobs::Schedule schedule_of(const std::string& cron, const std::string& zone,
                                  api::Json spec = api::Json::object()) {
  spec["schedule"] = cron;
  spec["timeZone"] = zone;
  return *jobs::read_schedule({{"metadata", {{"name", "s"}, {"uid", cron + zone}}},
                               {"spec", std::move(spec)},
                               {"status", {{"settledTime", to_rfc3339(kStart)}}}});
}

// The question for the cron oracle: what is due after `from` and not after `to`, at most `limit`.
inline std::string due_times(const std::string& cron, const std::string& zone, WallSeconds from,
                             WallSeconds to, std::size_t limit) {
  return cron + "\t" + zone + "\t" + std::to_string(from.time_since_epoch().count()) + "\t" +
         std::to_string(to.time_since_epoch().count()) + "\t" + std::to_string(limit);
}

}  // namespace gb::differential
