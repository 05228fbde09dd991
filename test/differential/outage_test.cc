// What a schedule does while servers go down, starts are refused and runs fail, beside a model that
// has the due times from CronJob's library and knows of the rules only what the operator's guide
// says: each run is begun once, late rather than never; of several that were missed only the last;
// one that is too late is skipped, and how many were missed is said.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/text.h"
#include "jobs/schedule.h"
#include "test/differential/oracle.h"
#include "test/differential/random_schedules.h"

namespace gb::differential {
namespace {

using std::chrono::seconds;
using What = jobs::Decision::What;

constexpr int kWorlds = 1000;
constexpr std::size_t kRuns = 1000;       // of each schedule, at most
constexpr std::uint64_t kOutages = 40;    // of each world, about
constexpr seconds kAfterRefusal{7};       // until a refused start is tried again
constexpr unsigned kCountedMissed = 100;  // more are not counted

struct Span {
  WallSeconds from;
  WallSeconds to;
};

// What happens to the tries of one run: the same for the scheduler and for the model.
struct Fate {
  unsigned refusals = 0;  // of its start, before it is let in
  bool fails = false;
  seconds takes{1};
};

// What happens from outside: a pure function of its seed.
struct World {
  std::vector<Span> outages;  // in order
  std::uint64_t seed = 0;

  // The first moment not before `time` at which a server runs.
  [[nodiscard]] WallSeconds up_from(WallSeconds time) const {
    for (const Span& outage : outages)
      if (outage.from <= time && time < outage.to) time = outage.to;
    return time;
  }
  // When a try that begins now is over: at its end, or when the next server finds that the one
  // which ran it has died.
  [[nodiscard]] std::pair<WallSeconds, bool> end_of(WallSeconds begin, const Fate& fate) const {
    for (const Span& outage : outages)
      if (begin < outage.from && outage.from <= begin + fate.takes) return {outage.to, false};
    return {begin + fate.takes, !fate.fails};
  }
  [[nodiscard]] Fate fate_of(WallSeconds due, unsigned attempt) const {
    std::mt19937_64 random(seed ^ static_cast<std::uint64_t>(due.time_since_epoch().count()) * 8 ^
                           attempt);
    Fate fate;
    while (random() % 8 == 0) ++fate.refusals;
    fate.fails = random() % 3 == 0;
    fate.takes = seconds(1 + random() % (random() % 6 == 0 ? 10000 : 100));
    return fate;
  }
};

struct Event {
  enum class Kind { kStarted, kRefused, kSkipped };
  Kind kind;
  WallSeconds at;
  WallSeconds due;
  unsigned attempt;
  unsigned missed;
  bool operator==(const Event&) const = default;
};

std::string text_of(const Event& event) {
  constexpr std::array kKinds{"started", "refused", "skipped"};
  return std::string(kKinds[static_cast<std::size_t>(event.kind)]) + " at " + to_rfc3339(event.at) +
         ", due " + to_rfc3339(event.due) + ", try " + std::to_string(event.attempt) +
         ", missed before it " + std::to_string(event.missed);
}

// The first thing in which two histories differ; empty: nothing.
std::string difference(const std::vector<Event>& ours, const std::vector<Event>& expected) {
  for (std::size_t i = 0; i < std::max(ours.size(), expected.size()); ++i)
    if (i >= ours.size() || i >= expected.size() || ours[i] != expected[i])
      return (i < ours.size() ? text_of(ours[i]) : "nothing") +
             "; expected: " + (i < expected.size() ? text_of(expected[i]) : "nothing");
  return {};
}

// The scheduler: asks decide() when it said that it would, and as soon as it can.
std::vector<Event> simulate(jobs::Schedule schedule, const World& world, WallSeconds end) {
  std::vector<Event> events;
  std::optional<WallSeconds> failed_at;
  unsigned refused = 0;
  for (WallSeconds now = world.up_from(kStart); now <= end; now = world.up_from(now)) {
    const jobs::Decision decision = jobs::decide(schedule, failed_at, now);
    if (decision.what == What::kWait) {
      if (!decision.wake) break;
      now = *decision.wake;
      continue;
    }
    const auto tell = [&](Event::Kind kind) {
      events.push_back({kind, now, decision.due, decision.attempt, decision.missed});
    };
    if (decision.what == What::kSkip) {
      tell(Event::Kind::kSkipped);
      schedule.settled = decision.due;
      refused = 0;
      continue;
    }
    const Fate fate = world.fate_of(decision.due, decision.attempt);
    if (refused < fate.refusals) {
      tell(Event::Kind::kRefused);
      ++refused;
      now += kAfterRefusal;
      continue;
    }
    refused = 0;
    tell(Event::Kind::kStarted);
    schedule.settled = std::max(decision.due, schedule.settled);
    schedule.last_due = decision.due;
    schedule.attempt = decision.attempt;
    const auto [ended, well] = world.end_of(now, fate);
    failed_at = well ? std::nullopt : std::optional(ended);
    now = ended;
  }
  return events;
}

// The model: a list of due times, of which the first `done` are dealt with.
class Model {
 public:
  Model(const std::vector<std::int64_t>& dues, const jobs::Schedule& schedule, const World& world)
      : schedule_(schedule), world_(world) {
    for (const std::int64_t due : dues) {
      const WallSeconds time{seconds(due)};
      EXPECT_TRUE(runs_.empty() || runs_.back().begin < time) << "a jitter costs a run";
      runs_.push_back({time, time + jobs::jitter_of(schedule, time)});
    }
  }

  std::vector<Event> until(WallSeconds end) {
    WallSeconds now = world_.up_from(kStart);
    while (now <= end) {
      std::size_t ripe = done_;  // one past the last run that has waited for its jitter
      while (ripe < runs_.size() && runs_[ripe].begin <= now) ++ripe;
      if (ripe > done_) {
        now = deal_with(ripe - 1, now);
      } else if (may_try_again(now)) {
        now = attempt(last_due_, attempt_ + 1, 0, now);
      } else if (const auto next = next_moment(now)) {
        now = *next;
      } else {
        break;
      }
      now = world_.up_from(now);
    }
    return events_;
  }

  // Those that are due until then and no event speaks for yet.
  [[nodiscard]] std::size_t left() const { return runs_.size() - done_; }

 private:
  struct Run {
    WallSeconds due;
    WallSeconds begin;
  };

  WallSeconds deal_with(std::size_t run, WallSeconds now) {
    const auto missed = static_cast<unsigned>(std::min<std::size_t>(run - done_, kCountedMissed));
    const auto deadline = schedule_.spec.starting_deadline;
    if (!deadline || now <= runs_[run].begin + *deadline) {
      const std::size_t started = events_.size();
      const WallSeconds then = attempt(runs_[run].due, 1, missed, now);
      if (events_[started].kind == Event::Kind::kStarted) done_ = run + 1;
      return then;
    }
    events_.push_back({Event::Kind::kSkipped, now, runs_[run].due, 1, missed});
    refused_ = 0;
    done_ = run + 1;
    return now;
  }

  WallSeconds attempt(WallSeconds due, unsigned number, unsigned missed, WallSeconds now) {
    const Fate fate = world_.fate_of(due, number);
    if (refused_ < fate.refusals) {
      ++refused_;
      events_.push_back({Event::Kind::kRefused, now, due, number, missed});
      return now + kAfterRefusal;
    }
    refused_ = 0;
    events_.push_back({Event::Kind::kStarted, now, due, number, missed});
    last_due_ = due;
    attempt_ = number;
    const auto [ended, well] = world_.end_of(now, fate);
    failed_ = well ? std::nullopt : std::optional(ended);
    return ended;
  }

  // "tried again after 1, 2, 4, 8 and 16 minutes, as long as startingDeadline has not passed and
  // the next run is not due".
  [[nodiscard]] std::optional<WallSeconds> next_try() const {
    if (!failed_ || attempt_ > 5) return std::nullopt;
    return *failed_ + std::chrono::minutes(std::array{1, 2, 4, 8, 16}[attempt_ - 1]);
  }
  [[nodiscard]] bool may_try_again(WallSeconds now) const {
    const auto at = next_try();
    if (!at || now < *at) return false;
    if (done_ < runs_.size() && runs_[done_].due <= now) return false;
    const auto deadline = schedule_.spec.starting_deadline;
    return !deadline || now <= last_due_ + *deadline;
  }
  [[nodiscard]] std::optional<WallSeconds> next_moment(WallSeconds now) const {
    std::optional<WallSeconds> next;
    if (const auto at = next_try(); at && now < *at) next = at;
    if (done_ < runs_.size())
      next = std::min(runs_[done_].begin, next.value_or(WallSeconds::max()));
    return next;
  }

  const jobs::Schedule& schedule_;
  const World& world_;
  std::vector<Run> runs_;
  std::size_t done_ = 0;
  unsigned refused_ = 0;  // how often the start was refused that is tried now
  WallSeconds last_due_{};
  unsigned attempt_ = 0;
  std::optional<WallSeconds> failed_;
  std::vector<Event> events_;
};

// What any history must show, whatever the model says.
void expect_each_run_once(const std::vector<Event>& events, std::size_t due) {
  std::set<std::pair<WallSeconds, unsigned>> begun;
  std::size_t told = 0;
  bool counted = true;
  for (const Event& event : events) {
    if (event.kind == Event::Kind::kRefused) continue;
    EXPECT_TRUE(begun.emplace(event.due, event.attempt).second)
        << "twice: " << to_rfc3339(event.due);
    EXPECT_GE(event.at, event.due);
    if (event.attempt == 1) told += 1 + event.missed;
    counted = counted && event.missed < kCountedMissed;
  }
  EXPECT_TRUE(!counted || told == due)
      << told << " of " << due << " are started, skipped, or said to be missed";
}

api::Json random_spec(RandomSchedules& random) {
  api::Json spec = api::Json::object();
  const std::vector<const char*> jitters{"30s", "10m", "2h", "30h"};
  const std::vector<const char*> deadlines{"10s", "10m", "5h"};
  if (random.below(2) == 0) spec["jitter"] = jitters[random.below(jitters.size())];
  if (random.below(2) == 0) spec["startingDeadline"] = deadlines[random.below(deadlines.size())];
  return spec;
}

// Outages as long and as far apart as it takes to have some between the runs and some over many.
World random_world(RandomSchedules& random, WallSeconds end) {
  World world;
  world.seed = random.below(std::uint64_t{1} << 60);
  const auto usual = static_cast<std::uint64_t>((end - kStart).count()) / kOutages;
  for (WallSeconds at = kStart; at < end;) {
    const WallSeconds from = at + seconds(1 + random.below(usual + 1));
    const std::uint64_t longest = random.below(3) == 0 ? usual * 2 : usual / 20;
    at = from + seconds(1 + random.below(longest + 1));
    world.outages.push_back({from, at});
  }
  return world;
}

TEST(Outages, EachRunIsBegunOnceLateRatherThanNeverOrItIsSaid) {
  RandomSchedules random(4712);
  std::vector<jobs::Schedule> schedules;
  std::vector<std::string> questions;
  while (schedules.size() < kWorlds) {
    const std::string cron = random.schedule();
    const std::string zone = random.zone();
    if (!Cron::parse(cron)) continue;
    schedules.push_back(schedule_of(cron, zone, random_spec(random)));
    questions.push_back(due_times(cron, zone, kStart, kEnd, kRuns));
  }
  const auto answers = ask("cron-oracle", questions);
  ASSERT_EQ(answers.size(), questions.size());
  struct {
    std::size_t late = 0, refused = 0, skipped = 0, missed = 0, again = 0;
  } seen;
  for (std::size_t i = 0; i < schedules.size(); ++i) {
    const jobs::Schedule& schedule = schedules[i];
    if (answers[i].empty()) continue;
    // Not beyond what the oracle told of.
    const WallSeconds end =
        answers[i].size() < kRuns ? kEnd : WallSeconds{seconds(answers[i].back() - 1)};
    const World world = random_world(random, end);
    Model model(answers[i], schedule, world);
    const std::vector<Event> expected = model.until(end);
    const std::vector<Event> events = simulate(schedule, world, end);
    ASSERT_EQ(difference(events, expected), "")
        << questions[i] << ", jitter " << schedule.spec.jitter.count();
    expect_each_run_once(events, answers[i].size() - model.left());
    for (const Event& event : events) {
      const bool started = event.kind == Event::Kind::kStarted && event.attempt == 1;
      const WallSeconds begin = event.due + jobs::jitter_of(schedule, event.due);
      seen.late += started && event.at > begin ? 1U : 0U;
      seen.refused += event.kind == Event::Kind::kRefused ? 1U : 0U;
      seen.skipped += event.kind == Event::Kind::kSkipped ? 1U : 0U;
      seen.again += event.kind == Event::Kind::kStarted && event.attempt > 1 ? 1U : 0U;
      seen.missed += event.kind == Event::Kind::kRefused ? 0U : event.missed;
    }
  }
  EXPECT_GT(seen.late, 1000U);
  EXPECT_GT(seen.refused, 1000U);
  EXPECT_GT(seen.skipped, 1000U);
  EXPECT_GT(seen.missed, 1000U);
  EXPECT_GT(seen.again, 1000U);
}

}  // namespace
}  // namespace gb::differential
