#include "jobs/retention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gb::jobs::test {
namespace {

using std::chrono::days;
using std::chrono::hours;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr WallTime kNewest{std::chrono::sys_days{std::chrono::November / 20 / 2026} + hours{2}};

// Backups every `step`, newest first.
std::vector<RetentionCandidate> history(std::size_t count, std::chrono::seconds step) {
  std::vector<RetentionCandidate> backups(count);
  for (std::size_t i = 0; i < count; ++i)
    backups[i].time = kNewest - step * static_cast<std::int64_t>(i);
  return backups;
}

std::vector<std::size_t> kept(const std::vector<RetentionCandidate>& backups,
                              const api::RetentionSpec& rules, unsigned max_backups = 0) {
  const auto reasons = judge_retention(backups, rules, max_backups, TimeZone());
  std::vector<std::size_t> indexes;
  for (std::size_t i = 0; i < reasons.size(); ++i)
    if (!reasons[i].empty()) indexes.push_back(i);
  return indexes;
}

TEST(Retention, WithoutRulesEverythingIsKept) {
  EXPECT_THAT(kept(history(50, days{1}), {}), SizeIs(50));
  EXPECT_THAT(kept({}, {}), IsEmpty());
}

TEST(Retention, GrandfatherFatherSon) {
  api::RetentionSpec rules;
  rules.keep_last = 2;
  rules.keep_daily = 3;
  rules.keep_weekly = 2;
  // 2026-11-20 is a Friday: the week before ends on Sunday, five days back.
  EXPECT_THAT(kept(history(30, days{1}), rules), ElementsAre(0, 1, 2, 5));
}

TEST(Retention, DaysAreThoseOfTheZone) {
  api::RetentionSpec rules;
  rules.keep_daily = 2;
  // 2:00, 1:00, 0:00, 23:00, … UTC: in Prague the day begins at 23:00.
  const auto backups = history(4, hours{1});
  const auto reasons = judge_retention(backups, rules, 0, *TimeZone::find("Europe/Prague"));
  EXPECT_THAT(reasons, ElementsAre("daily backup", "", "", "daily backup"));
  EXPECT_THAT(kept(backups, rules), ElementsAre(0, 3));
  EXPECT_THAT(kept(history(5, hours{1}), rules), ElementsAre(0, 3));
}

TEST(Retention, WithinIsCountedFromTheNewestNotFromTheClock) {
  api::RetentionSpec rules;
  rules.keep_within = hours{72};
  EXPECT_THAT(kept(history(10, days{1}), rules), ElementsAre(0, 1, 2));
}

TEST(Retention, TheMaximumTakesTheOldestWhateverTheRulesSay) {
  EXPECT_THAT(kept(history(10, days{1}), {}, 4), ElementsAre(0, 1, 2, 3));
}

TEST(Retention, VerifiedAndHeldOnesStay) {
  auto backups = history(10, days{1});
  backups[6].verified = true;
  backups[8].verified = true;
  backups[9].held = true;
  api::RetentionSpec rules;
  rules.keep_last = 1;
  EXPECT_THAT(kept(backups, rules), ElementsAre(0, 6, 9));
  rules.min_verified = 2;
  EXPECT_THAT(kept(backups, rules, 1), ElementsAre(0, 6, 8, 9));
  // What the rules keep counts, too.
  backups[0].verified = true;
  EXPECT_THAT(kept(backups, rules), ElementsAre(0, 6, 9));
}

}  // namespace
}  // namespace gb::jobs::test
