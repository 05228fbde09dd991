#include <gtest/gtest.h>
#include <sys/resource.h>

#include <regex>
#include <set>
#include <thread>

#include "base/clock.h"
#include "base/error.h"
#include "base/file_limit.h"
#include "base/metrics.h"
#include "base/rng.h"
#include "base/wait.h"

namespace gb {
namespace {

using namespace std::chrono_literals;

Status read_page() {
  return fail(Code::kCorruption, "page 7 is damaged", "run check");
}

Status read_table() {
  if (auto page = read_page(); !page) return wrap("table nova.instances", page.error());
  return {};
}

TEST(Error, TellsTheWholeStoryAndKeepsTheCode) {
  const Status status = read_table();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kCorruption);
  EXPECT_EQ(status.error().text(), "table nova.instances: page 7 is damaged; run check");
}

TEST(FileLimit, IsRaisedAsFarAsTheSystemLets) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit low{256, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  EXPECT_EQ(raise_file_limit(), before.rlim_max);
  rlimit now{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &now), 0);
  EXPECT_EQ(now.rlim_cur, before.rlim_max);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST(Error, TryLeavesWithTheError) {
  const auto twice = [](const Result<int>& input) -> Result<int> {
    GB_TRY_ASSIGN(const int value, Result<int>(input));
    return value * 2;
  };
  EXPECT_EQ(*twice(4), 8);
  EXPECT_EQ(twice(fail(Code::kNoSpace, "full")).error().code, Code::kNoSpace);
}

TEST(ManualClock, StepsTheWallAlone) {
  ManualClock clock(WallTime{});
  const SteadyTime before = clock.steady_now();
  clock.step_wall(-24h);
  EXPECT_EQ(clock.steady_now(), before);
  clock.advance(1s);
  EXPECT_EQ(clock.steady_now() - before, 1s);
}

TEST(Uuid, HasVersionFourAndDoesNotRepeat) {
  SystemRng rng;
  const std::regex form("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}");
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string uuid = make_uuid(rng);
    EXPECT_TRUE(std::regex_match(uuid, form)) << uuid;
    EXPECT_TRUE(seen.insert(uuid).second);
  }
}

TEST(SeededRng, ReplaysARun) {
  SeededRng a(7);
  SeededRng b(7);
  EXPECT_EQ(make_name_suffix(a, 5), make_name_suffix(b, 5));
}

TEST(Wait, EndsWhenStopped) {
  std::stop_source source;
  std::jthread stopper([&] { source.request_stop(); });
  EXPECT_FALSE(sleep_for(source.get_token(), 1h));
  EXPECT_TRUE(sleep_for(std::stop_token{}, 1ns));
}

TEST(Metrics, CollectorsAreAskedAtEveryScrape) {
  metrics::Registry registry;
  std::vector<std::pair<metrics::Labels, double>> series{{{{"ns", "a\"b"}}, 1.5}};
  auto collection = registry.collect(
      [&series] { return std::vector<metrics::Gauges>{{"backups", "Backups.", series}}; });
  EXPECT_NE(registry.text().find("# TYPE backups gauge\nbackups{ns=\"a\\\"b\"} 1.5"),
            std::string::npos)
      << registry.text();
  series.clear();
  EXPECT_NE(registry.text().find("# HELP backups Backups."), std::string::npos) << registry.text();
  EXPECT_EQ(registry.text().find("backups{"), std::string::npos) << "what has gone has no series";
  collection.reset();
  EXPECT_EQ(registry.text().find("backups"), std::string::npos);
}

TEST(Metrics, WritesPrometheusText) {
  metrics::Registry registry;
  registry.count("requests_total", "Requests.", {{"verb", "get"}});
  registry.count("requests_total", "Requests.", {{"verb", "get"}}, 2);
  const auto gauges = registry.collect(
      [] { return std::vector<metrics::Gauges>{{"inflight", "In flight.", {{{}, 3}}}}; });
  registry.observe("seconds", "Latency.", {}, {0.1, 1}, 0.5);
  const std::string text = registry.text();
  EXPECT_NE(text.find("requests_total{verb=\"get\"} 3"), std::string::npos) << text;
  EXPECT_NE(text.find("inflight 3"), std::string::npos) << text;
  EXPECT_NE(text.find("seconds_bucket{le=\"1\"} 1"), std::string::npos) << text;
}

}  // namespace
}  // namespace gb
