#include "cli/status_report.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "api/text.h"
#include "api/types.h"
#include "base/text.h"
#include "cli/cluster.h"
#include "jobs/facts.h"
#include "jobs/follower.h"
#include "jobs/left_blocks.h"
#include "jobs/prudent_clock.h"

namespace gb::cli {
namespace {

using api::Json;
using jobs::facts::bytes_of;
using jobs::facts::condition;
using jobs::facts::damaged;
using jobs::facts::duration_of;
using jobs::facts::good;
using jobs::facts::metadata;
using jobs::facts::pace_of;
using jobs::facts::partial;
using jobs::facts::restore_seconds;
using jobs::facts::seconds_between;
using jobs::facts::snapshot_of;
using jobs::facts::targets_of;
using jobs::facts::texts;
using jobs::facts::time_at;
using std::chrono::seconds;

// A schedule that is due for longer than this is not just about to begin.
constexpr seconds kOverdue{300};
// Where its backups are not to be seen, a standby whose data are older than this is said to be: the
// threshold of the alert GaleraBackupFollowLag.
constexpr std::chrono::hours kOldStandby{48};

// Of a restore that follows: the moment of the data that its targets hold.
constexpr const char* kHeldSnapshot = "status.follow.snapshotTime";

struct Instance {
  const Json* whole = nullptr;    // the newest good backup of everything
  const Json* part = nullptr;     // the newest good one of a part
  const Json* damaged = nullptr;  // the newest that was good until a check
  const Json* failed = nullptr;   // the backup that failed last
  std::vector<std::string> running;
  const Json* next = nullptr;  // the schedule that is due first
};

// What was restored to; not always something that is backed up.
struct Target {
  const Json* completed = nullptr;  // the newest each
  const Json* failed = nullptr;
};

class Report {
 public:
  Report(const Json& lists, const std::string& ns, WallTime now)
      : lists_(lists), ns_(ns), now_(now) {}

  Json make() {
    for (const Json& galera : lists_.at("galeras")) at(galera, metadata(galera, "name"));
    for (const Json& backup : lists_.at("backups")) take_backup(backup);
    for (const Json& restore : lists_.at("restores")) take_restore(restore);
    for (const Json& schedule : lists_.at("schedules")) take_schedule(schedule);
    Json instances = Json::array();
    for (const auto& [key, instance] : instances_) instances.push_back(describe(key, instance));
    for (const auto& [key, target] : targets_) judge_target(key.first, target);
    for (const Json& restore : lists_.at("restores")) judge_restore(restore);
    for (const Json& schedule : lists_.at("schedules")) judge_schedule(schedule);
    const Json stores = describe_stores();
    std::ranges::stable_sort(problems_, {}, &Problem::rank);
    Json problems = Json::array();
    for (Problem& problem : problems_) problems.push_back(std::move(problem.json));
    return {{"kind", "GaleraStatus"},          {"namespace", ns_},
            {"time", to_rfc3339(now_)},        {"healthy", problems.empty()},
            {"problems", std::move(problems)}, {"instances", std::move(instances)},
            {"running", std::move(running_)},  {"stores", stores}};
  }

 private:
  using Key = std::pair<std::string, std::string>;  // namespace, name
  // The worst first: what hurts now, nothing to restore from, then what will become that.
  enum Rank { kBlocked, kNoBackup, kStore, kFailed, kSchedule, kWeak };
  struct Problem {
    Rank rank;
    Json json;
  };

  Instance& at(const Json& object, const std::string& name) {
    return instances_[{metadata(object, "namespace"), name}];
  }

  void problem(Rank rank, const std::string& ns, const std::string& about,
               const std::string& message, std::optional<WallTime> since = {},
               const std::string& hint = {}) {
    Json json = {{"namespace", ns}, {"about", about}, {"message", message}};
    if (since) json["since"] = to_rfc3339(*since);
    if (!hint.empty()) json["hint"] = hint;
    problems_.push_back({rank, std::move(json)});
  }

  // Keeps the newer one.
  template <typename When>
  static void newest(const Json*& kept, const Json& candidate, const When& when) {
    if (kept == nullptr || when(*kept) < when(candidate)) kept = &candidate;
  }
  static WallTime ended(const Json& object) {
    return time_at(object, "status.completionTime").value_or(WallTime{});
  }

  void take_running(const Json& object, const char* resource,
                    const std::vector<std::string>& instances) {
    const std::string name = short_form(*api::find_resource(resource), metadata(object, "name"));
    Json json = {{"namespace", metadata(object, "namespace")},
                 {"object", name},
                 {"instances", instances},
                 {"phase", api::phase_of(object)}};
    if (json["phase"] != jobs::kFollowing)
      json["percent"] = api::number_member(api::at_path(object, "status.progress"), "percent");
    else if (const auto held = time_at(object, kHeldSnapshot))
      json["lagSeconds"] = seconds_between(*held, now_);
    if (const auto start = time_at(object, "status.startTime")) {
      json["startTime"] = to_rfc3339(*start);
      json["seconds"] = seconds_between(*start, now_);
    }
    running_.push_back(std::move(json));
    for (const std::string& instance : instances)
      running_on_[{metadata(object, "namespace"), instance}].push_back(name);
  }

  void take_backup(const Json& backup) {
    const std::vector<std::string> names = api::read_backup_spec(backup).database_instances;
    const std::string phase = api::phase_of(backup);
    if (!api::is_terminal_phase(phase)) take_running(backup, api::kBackups, names);
    for (const std::string& name : names) {
      Instance& instance = at(backup, name);
      const auto snapshot = [&](const Json& one) {
        return jobs::newness(snapshot_of(one, name), now_);
      };
      if (good(backup)) newest(partial(backup) ? instance.part : instance.whole, backup, snapshot);
      if (phase == "Completed" && damaged(backup)) newest(instance.damaged, backup, snapshot);
      if (phase == "Failed") newest(instance.failed, backup, ended);
    }
  }

  void take_restore(const Json& restore) {
    const std::set<std::string> targets = targets_of(restore);
    const std::string phase = api::phase_of(restore);
    if (!api::is_terminal_phase(phase))
      take_running(restore, api::kRestores, {targets.begin(), targets.end()});
    const std::string ns = metadata(restore, "namespace");
    if (phase == "Completed") newest(restored_[ns], restore, ended);
    for (const std::string& name : targets) {
      Target& target = targets_[{ns, name}];
      if (phase == "Completed") newest(target.completed, restore, ended);
      if (phase == "Failed") newest(target.failed, restore, ended);
    }
  }

  void take_schedule(const Json& schedule) {
    for (const std::string& name :
         texts(api::at_path(schedule, "spec.template.spec.databaseInstances"))) {
      Instance& instance = at(schedule, name);
      const auto due = [](const Json& one) {
        const auto time = time_at(one, "status.nextScheduleTime");
        return time.value_or(WallTime::max());
      };
      if (instance.next == nullptr || due(schedule) < due(*instance.next))
        instance.next = &schedule;
    }
  }

  Json describe(const Key& key, const Instance& instance) {
    const auto& [ns, name] = key;
    Json json = {{"namespace", ns}, {"name", name}, {"running", running_on_[key]}};
    const Json* backup = instance.whole != nullptr ? instance.whole : instance.part;
    if (backup != nullptr) {
      const WallTime snapshot = snapshot_of(*backup, name);
      const bool verified = condition(*backup, "Verified").first == "True";
      json["lastGoodBackup"] = {{"name", metadata(*backup, "name")},
                                {"snapshotTime", to_rfc3339(snapshot)},
                                {"ageSeconds", seconds_between(snapshot, now_)},
                                {"verified", verified},
                                {"partial", partial(*backup)},
                                {"bytes", bytes_of(*backup, name)}};
      const Json* own = targets_[key].completed;
      estimate(json, own != nullptr ? own : restored_[ns], *backup);
      if (instance.whole == nullptr)
        problem(kNoBackup, ns, name, "only a part of it was ever backed up: " + list_of(*backup));
      else if (!verified)
        problem(kWeak, ns, name,
                "its newest backup " + metadata(*backup, "name") + " was not verified");
    } else {
      problem(kNoBackup, ns, name, "there is no good backup of it");
    }
    const WallTime good_since = backup == nullptr ? WallTime{} : snapshot_of(*backup, name);
    if (instance.damaged != nullptr && snapshot_of(*instance.damaged, name) > good_since)
      damage(ns, *instance.damaged, backup);
    if (instance.failed != nullptr && ended(*instance.failed) > good_since)
      failure(ns, api::kBackups, *instance.failed);
    if (instance.next != nullptr) json["nextBackup"] = next_of(*instance.next);
    return json;
  }

  // What a backup of a part holds.
  static std::string list_of(const Json& backup) {
    const api::BackupSpec spec = api::read_backup_spec(backup);
    if (spec.content == "Grants") return "its accounts and their rights";
    std::string text = spec.databases.empty() ? "all" : join(spec.databases, ", ");
    if (!spec.exclude_databases.empty()) text += " but " + join(spec.exclude_databases, ", ");
    if (!spec.exclude_tables.empty())
      text += ", without the rows of " + join(spec.exclude_tables, ", ");
    return text;
  }

  void judge_target(const std::string& ns, const Target& target) {
    if (target.failed == nullptr) return;
    if (target.completed == nullptr || ended(*target.completed) < ended(*target.failed))
      failure(ns, api::kRestores, *target.failed);
  }

  static std::string about_restore(const Json& restore) {
    return short_form(*api::find_resource(api::kRestores), metadata(restore, "name"));
  }

  static std::string describe_command(const Json& restore) {
    return "kubectl describe " + std::string(api::kRestores) + "." + api::kGroup + " " +
           metadata(restore, "name") + " -n " + metadata(restore, "namespace");
  }

  void judge_restore(const Json& restore) {
    const std::vector<std::string> blocked =
        texts(api::member(api::member(restore, "status"), jobs::kTrafficLeftBlocked));
    if (!blocked.empty())
      problem(kBlocked, metadata(restore, "namespace"), about_restore(restore),
              "applications may be unable to write to " + join(blocked, ", ") +
                  ": it could not let them in again at its end",
              ended(restore),
              "it is tried again until it works; what keeps it: " + describe_command(restore) +
                  "; start the nodes that are down, and take those that are gone for good out of "
                  "the server's configuration");
    if (api::phase_of(restore) == jobs::kFollowing) judge_standby(restore);
  }

  void judge_standby(const Json& restore) {
    const std::string ns = metadata(restore, "namespace");
    const auto held = time_at(restore, kHeldSnapshot);
    const std::string state =
        held ? "its data are " + human_duration(seconds(seconds_between(*held, now_))) + " old"
             : "it holds no backup yet";
    const std::string more = describe_command(restore);
    const Json& follow = api::at_path(restore, "status.follow");
    if (const auto [healthy, why] = condition(restore, "Healthy"); healthy == "False") {
      const std::string next = api::text_member(follow, "nextTryTime");
      return problem(
          kSchedule, ns, about_restore(restore), state + ", and it cannot follow: " + why, {},
          "it is tried again by itself" + (next.empty() ? "" : " at " + next) + "; more: " + more);
    }
    if (!api::text_member(follow, "active").empty()) return;
    const api::RestoreSpec spec = api::read_restore_spec(restore);
    const std::string source = jobs::source_namespace(restore, spec);
    const Json* waits = newest_to_follow(spec, source);
    if (waits != nullptr && (!held || latest_snapshot(*waits) > *held))
      return problem(
          kSchedule, ns, about_restore(restore),
          state + ", and backup " + metadata(*waits, "name") + " is not restored on it yet", {},
          "what keeps it: " + more);
    const auto since = held ? held : time_at(restore, "status.startTime");
    if (waits == nullptr && since && now_ - *since > kOldStandby)
      problem(kSchedule, ns, about_restore(restore), state, {},
              "whether schedule " + spec.schedule + " of namespace " + source + " makes backups; " +
                  more);
  }

  // The newest good backup that a standby has had time to take in; null: none is to be seen.
  const Json* newest_to_follow(const api::RestoreSpec& spec, const std::string& source) {
    const Json* kept = nullptr;
    for (const Json& backup : lists_.at("backups"))
      if (good(backup) && metadata(backup, "namespace") == source &&
          jobs::is_followed(spec, backup) && now_ - ended(backup) > kOverdue)
        newest(kept, backup,
               [&](const Json& one) { return jobs::newness(latest_snapshot(one), now_); });
    return kept;
  }

  static WallTime latest_snapshot(const Json& backup) {
    WallTime latest{};
    for (const std::string& name : api::read_backup_spec(backup).database_instances)
      latest = std::max(latest, snapshot_of(backup, name));
    return latest;
  }

  void failure(const std::string& ns, const char* resource, const Json& object) {
    if (!told_.insert(metadata(object, "uid")).second) return;  // of a set: once is enough
    problem(kFailed, ns, short_form(*api::find_resource(resource), metadata(object, "name")),
            "failed: " + api::text_member(api::member(object, "status"), "message"), ended(object));
  }

  void damage(const std::string& ns, const Json& backup, const Json* good_one) {
    if (!told_.insert(metadata(backup, "uid")).second) return;  // of a set: once is enough
    const std::string why = condition(backup, "Verified").second;
    problem(kFailed, ns, short_form(*api::find_resource(api::kBackups), metadata(backup, "name")),
            "it cannot be relied on" + (why.empty() ? "" : ": " + why),
            time_at(backup, "status.verification.time"),
            "make another backup now" + (good_one == nullptr
                                             ? ""
                                             : "; until it is there, the newest to restore is " +
                                                   metadata(*good_one, "name")));
  }

  // How long it would take to restore this backup: as fast as the last restore went (of the
  // instance, else of the namespace), or a guess.
  static void estimate(Json& json, const Json* restore, const Json& backup) {
    const auto pace = restore == nullptr ? std::nullopt : pace_of(*restore);
    const auto takes = restore_seconds(json["lastGoodBackup"]["bytes"].get<std::uint64_t>(), pace,
                                       duration_of(backup));
    if (!takes) return;
    json["restoreSeconds"] = *takes;
    json["restoreEstimate"] =
        pace ? Json{{"from", metadata(*restore, "name")}} : Json{{"guess", true}};
  }

  static Json next_of(const Json& schedule) {
    Json next = {{"schedule", metadata(schedule, "name")}};
    const Json& suspend = api::at_path(schedule, "spec.suspend");
    next["suspended"] = suspend.is_boolean() && suspend.get<bool>();
    if (const auto time = time_at(schedule, "status.nextScheduleTime"))
      next["time"] = to_rfc3339(*time);
    return next;
  }

  void judge_schedule(const Json& schedule) {
    const std::string ns = metadata(schedule, "namespace");
    const std::string about = "schedule/" + metadata(schedule, "name");
    const Json& status = api::member(schedule, "status");
    const std::uint64_t failures = api::number_member(status, "consecutiveFailures");
    const auto last = time_at(schedule, "status.lastSuccessfulTime");
    const auto [healthy, reason] = condition(schedule, "Healthy");
    const std::string why = reason.empty() ? api::text_member(status, "message") : reason;
    if (failures > 0)
      problem(kSchedule, ns, about,
              std::to_string(failures) + (failures == 1 ? " run has" : " runs in a row have") +
                  " failed" + (last ? "; it succeeded last at " + to_rfc3339(*last) : "") +
                  (why.empty() ? "" : ": " + why));
    else if (healthy == "False" || api::text_member(status, "phase") == "Failed")
      problem(kSchedule, ns, about, why.empty() ? "it is not healthy" : why);
    const Json next = next_of(schedule);
    const auto due = time_at(schedule, "status.nextScheduleTime");
    if (next["suspended"].get<bool>())
      problem(kWeak, ns, about, "it is suspended: no backup will be made");
    else if (due && now_ - *due > kOverdue)
      problem(kSchedule, ns, about, "it is overdue: a backup should have begun", due);
  }

  Json describe_stores() {
    if (lists_.at("stores").is_null()) return nullptr;
    Json stores = Json::array();
    for (const Json& store : lists_.at("stores")) {
      const Json& status = api::member(store, "status");
      const std::string name = metadata(store, "name");
      const std::string phase = api::text_member(status, "phase");
      const std::string message = api::text_member(status, "message");
      stores.push_back({{"name", name},
                        {"phase", phase},
                        {"backups", api::number_member(status, "backups")},
                        {"storedBytes", api::number_member(status, "storedBytes")},
                        {"freeBytes", api::member(status, "freeBytes")},
                        {"message", message}});
      if (phase != "Available")
        problem(kStore, "", "store/" + name,
                "it is " + phase + (message.empty() ? "" : ": " + message));
      judge_space(name, api::member(status, "freeBytes"));
    }
    return stores;
  }

  // Room for what the next full backup could need at most: all that the last one refers to.
  void judge_space(const std::string& store, const Json& free) {
    if (!free.is_number()) return;
    std::uint64_t most = 0;
    for (const Json& backup : lists_.at("backups")) {
      const Json& stored = api::at_path(backup, "status.size.stored");
      if (api::read_backup_spec(backup).store != store || !stored.is_string()) continue;
      most = std::max(most, parse_quantity(stored.get<std::string>()).value_or(0));
    }
    if (free.get<std::uint64_t>() < most)
      problem(kStore, "", "store/" + store,
              "only " + to_quantity(free.get<std::uint64_t>()) +
                  " are free, less than the largest backup takes (" + to_quantity(most) + ")");
  }

  const Json& lists_;
  const std::string ns_;
  const WallTime now_;
  std::map<Key, Instance> instances_;
  std::map<Key, Target> targets_;
  std::map<Key, std::vector<std::string>> running_on_;
  std::map<std::string, const Json*> restored_;  // by namespace, the newest completed one
  Json running_ = Json::array();
  std::vector<Problem> problems_;
  std::set<std::string> told_;
};

}  // namespace

Json status_report(const Json& lists, const std::string& ns, WallTime now) {
  return Report(lists, ns, now).make();
}

}  // namespace gb::cli
