// Five years of schedules' virtual time, beside the library that Kubernetes' CronJob runs on.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "jobs/schedule.h"
#include "test/differential/oracle.h"
#include "test/differential/random_schedules.h"

namespace gb::differential {
namespace {

using std::chrono::days;

constexpr int kSchedules = 400;
// Of a schedule that has no more runs in the five years than an hourly one, each is compared; of a
// denser one all that are within a day of a change of its zone's clocks, and so many other days.
constexpr std::size_t kHourly = std::size_t{5} * 366 * 24;
constexpr int kOtherDays = 20;

struct Case {
  jobs::Schedule schedule;
  std::string cron;
  std::string zone;
};

// Some seconds of virtual time.
struct Window {
  std::size_t of = 0;  // the number of its case
  WallSeconds from = kStart;
  WallSeconds to = kEnd;
};

std::vector<Case> random_cases(RandomSchedules& random) {
  std::vector<Case> cases;
  while (cases.size() < kSchedules) {
    const std::string cron = random.schedule();
    const std::string zone = random.zone();
    if (const auto parsed = Cron::parse(cron); !parsed) {  // 31 February
      EXPECT_NE(parsed.error().text().find("no date matches"), std::string::npos) << cron;
      continue;
    }
    cases.push_back({schedule_of(cron, zone), cron, zone});
  }
  return cases;
}

// What the scheduler would start, waking when it said it would.
std::vector<std::int64_t> simulate(jobs::Schedule schedule, const Window& window) {
  schedule.settled = window.from;
  std::vector<std::int64_t> started;
  for (WallSeconds now = window.from; now <= window.to;) {
    const jobs::Decision decision = jobs::decide(schedule, {}, now);
    if (decision.what == jobs::Decision::What::kRun) {
      EXPECT_EQ(decision.missed, 0U);
      EXPECT_EQ(decision.due, now);
      started.push_back(decision.due.time_since_epoch().count());
      schedule.settled = decision.due;
    } else if (decision.wake) {
      now = *decision.wake;
    } else {
      break;
    }
  }
  return started;
}

std::vector<WallSeconds> clock_changes(const TimeZone& zone) {
  std::vector<WallSeconds> changes;
  for (auto at = zone.period_at(kStart).end; at < kEnd; at = zone.period_at(at).end)
    changes.push_back(at);
  return changes;
}

class FiveYears : public testing::Test {
 protected:
  void SetUp() override {
    for (std::size_t i = 0; i < cases_.size(); ++i) whole_.push_back({i});
  }
  std::vector<std::vector<std::int64_t>> asked(const std::vector<Window>& windows,
                                               std::size_t limit) {
    std::vector<std::string> questions;
    for (const Window& window : windows) {
      const Case& one = cases_[window.of];
      questions.push_back(due_times(one.cron, one.zone, window.from, window.to, limit));
    }
    return ask("cron-oracle", questions);
  }
  void compare(const Window& window, const std::vector<std::int64_t>& answer) {
    const Case& one = cases_[window.of];
    ASSERT_EQ(simulate(one.schedule, window), answer)
        << one.cron << " in " << one.zone << " from " << to_rfc3339(window.from);
    compared_ += answer.size();
  }
  void add_windows(std::size_t of, std::vector<Window>& windows) {
    for (const WallSeconds change : clock_changes(cases_[of].schedule.zone))
      windows.push_back({of, change - days{1}, change + days{1}});
    for (int i = 0; i < kOtherDays; ++i) {
      const WallSeconds from =
          kStart + std::chrono::seconds(random_.below((kEnd - kStart - days{1}).count()));
      windows.push_back({of, from, from + days{1}});
    }
  }

  RandomSchedules random_{20261121};
  std::vector<Case> cases_ = random_cases(random_);
  std::vector<Window> whole_;
  std::size_t compared_ = 0;
};

TEST_F(FiveYears, OfSchedulesAreThoseOfCronJob) {
  const auto answers = asked(whole_, kHourly + 1);
  ASSERT_EQ(answers.size(), whole_.size());
  std::vector<Window> windows;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (answers[i].size() > kHourly) {
      add_windows(i, windows);
    } else {
      ASSERT_NO_FATAL_FAILURE(compare(whole_[i], answers[i]));
    }
  }
  EXPECT_GT(compared_, 1000000U);

  const auto of_windows = asked(windows, kHourly);
  ASSERT_EQ(of_windows.size(), windows.size());
  for (std::size_t i = 0; i < windows.size(); ++i)
    ASSERT_NO_FATAL_FAILURE(compare(windows[i], of_windows[i]));
  EXPECT_GT(windows.size(), 1000U);
}

}  // namespace
}  // namespace gb::differential
