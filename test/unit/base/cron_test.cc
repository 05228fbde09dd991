#include "base/cron.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"

namespace gb {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

WallSeconds at(const char* time) {
  return std::chrono::floor<std::chrono::seconds>(*from_rfc3339(time));
}

// The next `count` due times after `from`.
std::vector<std::string> due(const char* cron, const char* zone, const char* from, int count) {
  const auto parsed = Cron::parse(cron);
  EXPECT_TRUE(parsed) << parsed.error().text();
  const TimeZone where = *TimeZone::find(zone);
  std::vector<std::string> times;
  for (auto time = parsed->next(at(from), where); time && count > 0;
       time = parsed->next(*time, where), --count)
    times.push_back(to_rfc3339(*time));
  return times;
}

std::string refused(const char* cron) {
  const auto parsed = Cron::parse(cron);
  return parsed ? "accepted" : parsed.error().text();
}

TEST(Cron, EveryFieldIsKept) {
  EXPECT_THAT(due("0 2 * * *", "UTC", "2026-11-20T02:00:00Z", 2),
              ElementsAre("2026-11-21T02:00:00Z", "2026-11-22T02:00:00Z"));
  EXPECT_THAT(due("*/20 8-9 * * *", "UTC", "2026-11-20T08:59:59Z", 4),
              ElementsAre("2026-11-20T09:00:00Z", "2026-11-20T09:20:00Z", "2026-11-20T09:40:00Z",
                          "2026-11-21T08:00:00Z"));
  EXPECT_THAT(due("15,45 0 1 JAN,jul *", "UTC", "2026-11-20T00:00:00Z", 3),
              ElementsAre("2027-01-01T00:15:00Z", "2027-01-01T00:45:00Z", "2027-07-01T00:15:00Z"));
  EXPECT_THAT(due("0 0 * * Mon-Fri", "UTC", "2026-11-20T00:00:00Z", 2),
              ElementsAre("2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z"));
  EXPECT_THAT(due("0 12/6 * * *", "UTC", "2026-11-20T13:00:00Z", 2),
              ElementsAre("2026-11-20T18:00:00Z", "2026-11-21T12:00:00Z"));
}

TEST(Cron, EitherDayIsEnoughWhenBothAreRestricted) {
  EXPECT_THAT(due("0 0 13 * 5", "UTC", "2026-11-10T00:00:00Z", 3),
              ElementsAre("2026-11-13T00:00:00Z", "2026-11-20T00:00:00Z", "2026-11-27T00:00:00Z"));
  // A star with a step restricts nothing as far as the other day is concerned.
  EXPECT_THAT(due("0 0 */2 * 5", "UTC", "2026-11-25T00:00:00Z", 3),
              ElementsAre("2026-11-27T00:00:00Z", "2026-11-29T00:00:00Z", "2026-12-01T00:00:00Z"));
}

TEST(Cron, MacrosAreShortForFields) {
  EXPECT_THAT(due("@monthly", "UTC", "2026-11-20T00:00:00Z", 1),
              ElementsAre("2026-12-01T00:00:00Z"));
  EXPECT_THAT(due("@weekly", "UTC", "2026-11-20T00:00:00Z", 1),
              ElementsAre("2026-11-22T00:00:00Z"));
  for (const char* yearly : {"@yearly", "@annually"})
    EXPECT_THAT(due(yearly, "UTC", "2026-11-20T00:00:00Z", 2),
                ElementsAre("2027-01-01T00:00:00Z", "2028-01-01T00:00:00Z"))
        << yearly;
  for (const char* daily : {"@daily", "@midnight"})
    EXPECT_THAT(due(daily, "Europe/Prague", "2026-11-20T00:00:00Z", 2),
                ElementsAre("2026-11-20T23:00:00Z", "2026-11-21T23:00:00Z"))
        << daily;
  EXPECT_THAT(due("@hourly", "UTC", "2026-11-20T22:30:00Z", 2),
              ElementsAre("2026-11-20T23:00:00Z", "2026-11-21T00:00:00Z"));
}

TEST(Cron, ATimeThatTheClockLeavesOutIsNotDue) {
  // On 2026-03-29 the clocks of Prague go from 2:00 to 3:00.
  EXPECT_THAT(due("30 2 * * *", "Europe/Prague", "2026-03-28T00:00:00Z", 2),
              ElementsAre("2026-03-28T01:30:00Z", "2026-03-30T00:30:00Z"));
}

TEST(Cron, ATimeThatTheClockRepeatsIsDueTwice) {
  // On 2026-10-25 they go from 3:00 back to 2:00.
  EXPECT_THAT(due("30 2 * * *", "Europe/Prague", "2026-10-24T12:00:00Z", 3),
              ElementsAre("2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-26T01:30:00Z"));
}

TEST(Cron, ADayWithoutAMidnightIsNotLost) {
  // On 2026-04-24 the clocks of Cairo go from 0:00 to 1:00.
  EXPECT_THAT(due("0 12 * * *", "Africa/Cairo", "2026-04-23T12:00:00Z", 2),
              ElementsAre("2026-04-24T09:00:00Z", "2026-04-25T09:00:00Z"));
}

TEST(Cron, TheLeapDayOfACenturyIsFoundAfterEightYears) {
  EXPECT_THAT(due("0 0 29 2 *", "UTC", "2096-03-01T00:00:00Z", 1),
              ElementsAre("2104-02-29T00:00:00Z"));
}

TEST(Cron, TheLastDueTimeIsFoundBackwards) {
  const TimeZone zone = *TimeZone::find("Europe/Prague");
  const Cron daily = *Cron::parse("0 2 * * *");
  EXPECT_EQ(daily.last(at("2026-11-20T01:00:00Z"), at("2026-01-01T00:00:00Z"), zone),
            at("2026-11-20T01:00:00Z"));
  EXPECT_EQ(daily.last(at("2026-11-20T00:59:59Z"), at("2026-01-01T00:00:00Z"), zone),
            at("2026-11-19T01:00:00Z"));
  EXPECT_EQ(daily.last(at("2026-11-20T00:59:59Z"), at("2026-11-19T01:00:01Z"), zone), std::nullopt);
}

TEST(Cron, WhatIsWrongIsSaidWithItsField) {
  EXPECT_THAT(refused("0 2 * *"), HasSubstr("has 5 fields"));
  EXPECT_THAT(refused("0 2 * * * *"), HasSubstr("this one has 6"));
  EXPECT_THAT(refused("60 2 * * *"), HasSubstr("minute \"60\": must be from 0 to 59"));
  EXPECT_THAT(refused("0 2 * * 7"), HasSubstr("Sunday is 0"));
  EXPECT_THAT(refused("0 2 * Foo *"), HasSubstr("month \"Foo\": is not a number"));
  EXPECT_THAT(refused("0 22-2 * * *"), HasSubstr("the range ends before it begins"));
  EXPECT_THAT(refused("*/0 2 * * *"), HasSubstr("the step must be 1 or more"));
  EXPECT_THAT(refused("1/2/3 2 * * *"), HasSubstr("is not a value, a range or a step"));
  EXPECT_THAT(refused("1,,2 2 * * *"), HasSubstr("minute \"\""));
  EXPECT_THAT(refused("0 0 30 2 *"), HasSubstr("no date matches"));
  EXPECT_THAT(refused("0 0 31 4,6,9,11 *"), HasSubstr("no date matches"));
  EXPECT_THAT(refused("@every 1h"), HasSubstr("is not known"));
  EXPECT_THAT(refused("TZ=UTC 0 2 * * *"), HasSubstr("use the field timeZone"));
  EXPECT_THAT(refused(""), HasSubstr("this one has 0"));
}

TEST(TimeZone, AnUnknownNameIsRefused) {
  for (const char* name : {"", "Nowhere/City", "../../etc/passwd", "Local"}) {
    const auto zone = TimeZone::find(name);
    ASSERT_FALSE(zone) << name;
    EXPECT_EQ(zone.error().code, Code::kInvalid);
  }
}

}  // namespace
}  // namespace gb
