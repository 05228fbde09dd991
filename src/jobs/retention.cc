#include "jobs/retention.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>

namespace gb::jobs {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::year_month_day;

// Local time as if it were UTC.
using LocalTime = std::chrono::sys_seconds;

std::int64_t hour_of(LocalTime time) {
  return std::chrono::floor<hours>(time).time_since_epoch().count();
}
std::int64_t day_of(LocalTime time) {
  return std::chrono::floor<days>(time).time_since_epoch().count();
}
// ISO weeks begin on Monday; 1970-01-01 was a Thursday.
std::int64_t week_of(LocalTime time) {
  return std::chrono::floor<std::chrono::weeks>(time + days{3}).time_since_epoch().count();
}
std::int64_t month_of(LocalTime time) {
  const year_month_day date(std::chrono::floor<days>(time));
  return static_cast<int>(date.year()) * std::int64_t{12} + static_cast<unsigned>(date.month());
}
std::int64_t year_of(LocalTime time) {
  return static_cast<int>(year_month_day(std::chrono::floor<days>(time)).year());
}

// One rule that keeps the newest backup of so many periods.
struct Rule {
  const char* name;
  std::int64_t (*period)(LocalTime);
  unsigned left;  // periods that it may still keep
  bool any = false;
  std::int64_t last = 0;  // the period of the backup that it kept last

  bool keeps(LocalTime time, bool oldest) {
    if (left == 0) return false;
    const std::int64_t now = period(time);
    if (any && now == last && !oldest) return false;
    any = true;
    last = now;
    --left;
    return true;
  }
};

void apply_rules(const std::vector<RetentionCandidate>& candidates, const api::RetentionSpec& rules,
                 const TimeZone& zone, std::vector<std::string>& reasons) {
  std::array<Rule, 5> periods{{{"hourly backup", hour_of, rules.keep_hourly},
                               {"daily backup", day_of, rules.keep_daily},
                               {"weekly backup", week_of, rules.keep_weekly},
                               {"monthly backup", month_of, rules.keep_monthly},
                               {"yearly backup", year_of, rules.keep_yearly}}};
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const WallTime time = candidates[i].time;
    const auto utc = std::chrono::floor<std::chrono::seconds>(time);
    const LocalTime local = utc + zone.period_at(utc).offset;
    if (i < rules.keep_last)
      reasons[i] = "one of the last";
    else if (rules.keep_within && time > candidates.front().time - *rules.keep_within)
      reasons[i] = "within keepWithin";
    // Every rule counts every backup, also one that another rule keeps already.
    for (Rule& rule : periods)
      if (rule.keeps(local, i + 1 == candidates.size()) && reasons[i].empty())
        reasons[i] = rule.name;
  }
}

bool keeps_everything(const api::RetentionSpec& rules) {
  return rules.keep_last == 0 && rules.keep_hourly == 0 && rules.keep_daily == 0 &&
         rules.keep_weekly == 0 && rules.keep_monthly == 0 && rules.keep_yearly == 0 &&
         !rules.keep_within;
}

}  // namespace

std::vector<std::string> judge_retention(const std::vector<RetentionCandidate>& candidates,
                                         const api::RetentionSpec& rules, unsigned max_backups,
                                         const TimeZone& zone) {
  std::vector<std::string> reasons(candidates.size());
  if (keeps_everything(rules))
    std::fill(reasons.begin(), reasons.end(), "no rule removes it");
  else
    apply_rules(candidates, rules, zone, reasons);

  if (max_backups > 0) {
    unsigned kept = 0;
    for (std::string& reason : reasons)
      if (!reason.empty() && ++kept > max_backups) reason.clear();
  }

  unsigned verified = 0;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const bool needed = candidates[i].verified && verified++ < std::max(1U, rules.min_verified);
    if (!reasons[i].empty()) continue;
    if (candidates[i].held)
      reasons[i] = "held";
    else if (needed)
      reasons[i] = "one of the last verified";
  }
  return reasons;
}

}  // namespace gb::jobs
