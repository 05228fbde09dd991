#include "cli/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace gb::cli {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

api::Json running(std::uint64_t percent) {
  return {{"status",
           {{"phase", "Running"},
            {"progress",
             {{"percent", percent},
              {"rows", 1234},
              {"bytes", 50 << 20},
              {"bytesPerSecond", 10 << 20}}}}}};
}

TEST(ProgressBar, ShowsPhaseShareCountsAndTime) {
  EXPECT_EQ(
      progress_bar(running(50), seconds(30), 200),
      "Running      [###############...............]  50%  1234 rows, 50Mi, 10Mi/s, 30s, about "
      "30s to go");
}

TEST(ProgressBar, NeverTakesMoreThanTheTerminalHas) {
  for (std::size_t width = 0; width < 120; ++width)
    EXPECT_LE(progress_bar(running(50), seconds(30), width).size(), width);
}

TEST(ProgressBar, GuessesNoEndBeforeThereIsSomethingToGoBy) {
  EXPECT_THAT(progress_bar(running(2), seconds(30), 200), Not(HasSubstr("to go")));
  EXPECT_THAT(progress_bar(running(50), seconds(1), 200), Not(HasSubstr("to go")));
  EXPECT_THAT(progress_bar(running(100), seconds(30), 200), Not(HasSubstr("to go")));
}

TEST(ProgressBar, AnObjectWithoutAStatusIsPending) {
  EXPECT_THAT(progress_bar(api::Json::object(), seconds(0), 200), HasSubstr("Pending      [....."));
  EXPECT_EQ(progress_line({{"status", nullptr}}), "Pending: 0%, 0 rows, 0");
  EXPECT_EQ(progress_line(running(42)), "Running: 42%, 1234 rows, 50Mi, 10Mi/s");
}

TEST(Progress, WithoutATerminalThereIsALineEveryTenSecondsAndWithEveryPhase) {
  ManualClock clock{WallTime()};
  testing::internal::CaptureStderr();
  {
    Progress progress(clock);
    for (std::uint64_t second = 0; second <= 20; ++second) {
      progress.show(running(second));
      clock.advance(seconds(1));
    }
    api::Json next = running(20);
    next["status"]["phase"] = "Verifying";
    progress.show(next);
    progress.show(next);
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "Running: 0%, 1234 rows, 50Mi, 10Mi/s\n"
            "Running: 10%, 1234 rows, 50Mi, 10Mi/s\n"
            "Running: 20%, 1234 rows, 50Mi, 10Mi/s\n"
            "Verifying: 20%, 1234 rows, 50Mi, 10Mi/s\n");
}

}  // namespace
}  // namespace gb::cli
