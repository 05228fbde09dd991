// What is kept of ten thousand histories in the local times of many zones, beside restic's own
// policy.
#include "jobs/retention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>

#include "test/differential/oracle.h"

namespace gb::differential {
namespace {

constexpr int kHistories = 10000;
// Their clocks change by an hour, by half an hour, at midnight or at a quarter to, in either half
// of the year, or never.
constexpr std::array kZones{"UTC",
                            "Europe/Prague",
                            "America/New_York",
                            "America/St_Johns",
                            "America/Santiago",
                            "Africa/Cairo",
                            "Asia/Kathmandu",
                            "Australia/Lord_Howe",
                            "Pacific/Chatham",
                            "Pacific/Kiritimati"};
const WallSeconds kLatest{std::chrono::sys_days{std::chrono::November / 20 / 2026}};

struct Question {
  std::string zone;
  api::RetentionSpec rules;
  std::vector<jobs::RetentionCandidate> backups;  // newest first
};

Question make_question(std::mt19937_64& rng) {
  const auto below = [&](std::int64_t n) { return static_cast<std::int64_t>(rng() % n); };
  const auto count = [&] { return below(2) == 0 ? 0U : static_cast<unsigned>(below(15)); };
  Question question;
  question.zone = kZones[below(kZones.size())];
  question.rules = {count(), count(), count(), count(), count(), count(), {}, 1};
  // A policy without any rule is none: neither restic's command nor our API takes it.
  if (below(3) == 0 || question.rules.keep_last == 0)
    question.rules.keep_within = std::chrono::hours(1 + below(2000));
  // Hours, days or weeks apart, with gaps: from a few backups to some hundred.
  const std::int64_t usual = std::array<std::int64_t, 4>{1800, 3600, 86400, 604800}[below(4)];
  WallSeconds time = kLatest - std::chrono::seconds(below(86400 * 400));
  // Every other one ends in the days after a change of the clocks; not in the hour that one
  // repeats: there restic counts keepWithin from the first moment of that local time, an hour too
  // early.
  if (const auto change = TimeZone::find(question.zone)->period_at(time).begin;
      change > WallSeconds{} && below(2) == 0)
    time = change + std::chrono::hours(2) + std::chrono::seconds(below(86400 * 4));
  const std::int64_t size = below(below(4) == 0 ? 300 : 40);
  for (std::int64_t i = 0; i < size; ++i) {
    question.backups.push_back({time, false, false});
    time -= std::chrono::seconds(1 + usual / 2 + below(usual) +
                                 (below(12) == 0 ? below(usual * 30) : 0));
  }
  return question;
}

TEST(Differential, WhatIsKeptIsWhatResticKeeps) {
  std::mt19937_64 rng(4711);
  std::vector<Question> all;
  std::vector<std::string> questions;
  for (int i = 0; i < kHistories; ++i) {
    const Question question = make_question(rng);
    const api::RetentionSpec& r = question.rules;
    std::string text;
    for (const unsigned n :
         {r.keep_last, r.keep_hourly, r.keep_daily, r.keep_weekly, r.keep_monthly, r.keep_yearly})
      text += std::to_string(n) + " ";
    text += std::to_string(r.keep_within ? r.keep_within->count() / 3600 : 0) + "\t" +
            question.zone + "\t";
    for (const auto& backup : question.backups)
      text +=
          std::to_string(
              std::chrono::floor<std::chrono::seconds>(backup.time).time_since_epoch().count()) +
          " ";
    questions.push_back(std::move(text));
    all.push_back(question);
  }
  const auto answers = ask("forget-oracle", questions);
  ASSERT_EQ(answers.size(), questions.size());
  std::size_t removed = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto reasons =
        jobs::judge_retention(all[i].backups, all[i].rules, 0, *TimeZone::find(all[i].zone));
    std::vector<std::int64_t> kept;
    for (std::size_t j = 0; j < reasons.size(); ++j)
      if (!reasons[j].empty())
        kept.push_back(std::chrono::floor<std::chrono::seconds>(all[i].backups[j].time)
                           .time_since_epoch()
                           .count());
    ASSERT_EQ(kept, answers[i]) << questions[i];
    removed += reasons.size() - kept.size();
  }
  EXPECT_GT(removed, 10000U);
}

}  // namespace
}  // namespace gb::differential
