#include "jobs/follower.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>
#include <vector>

#include "api/text.h"
#include "api/types.h"
#include "base/guarded.h"
#include "base/log.h"
#include "base/text.h"
#include "base/wait.h"
#include "jobs/facts.h"
#include "jobs/finish.h"
#include "jobs/prudent_clock.h"
#include "jobs/schedule.h"

namespace gb::jobs {
namespace {

constexpr std::chrono::minutes kFirstRetryOfFollower{1};
constexpr unsigned kLongestRetryShift = 4;  // 16 minutes
constexpr std::chrono::seconds kBusyAgain{5};
constexpr std::chrono::seconds kWriteAgain{1};
constexpr std::size_t kKeptRestores = 5;  // those that ended, for who asks what has been

std::string label_of(const api::Json& object, const char* label) {
  return api::text_member(api::member(api::member(object, "metadata"), "labels"), label);
}

std::string last_uid(const api::Json& follower) {
  return api::text_member(api::member(api::member(follower, "status"), "follow"), "backupUID");
}

void begin_try(api::Json& follow, const api::Object& backup, unsigned attempt) {
  follow["triedUID"] = backup.uid();
  if (attempt == 1) follow["triedRevision"] = backup.revision();
  follow["attempt"] = attempt;
}

}  // namespace

std::string source_namespace(const api::Json& follower, const api::RestoreSpec& spec) {
  return spec.source_namespace.empty() ? facts::metadata(follower, "namespace")
                                       : spec.source_namespace;
}

bool is_followed(const api::RestoreSpec& spec, const api::Json& backup) {
  if (label_of(backup, kScheduleLabel) != spec.schedule) return false;
  const auto have = api::read_backup_spec(backup).database_instances;
  return std::ranges::all_of(spec.database_instances, [&](const std::string& wanted) {
    return std::ranges::find(have, wanted) != have.end();
  });
}

api::Json restore_of_follower(const api::Json& follower, const api::Object& backup,
                              unsigned attempt) {
  const std::string name = name_of(follower);
  const bool first = last_uid(follower).empty();
  const auto time = std::chrono::floor<std::chrono::seconds>(snapshot_time_of(backup.dom()));
  api::Json spec = follower.at("spec");
  spec.erase("follow");
  spec.erase("schedule");
  spec["backup"] = backup.key().name;
  // What a later one replaces came from a backup; what the first one replaces may be the only copy.
  if (!first) spec["safetyBackup"] = false;
  return {{"apiVersion", api::kGroupVersion},
          {"kind", "GaleraRestore"},
          {"metadata",
           {{"name", derived_name(name, uid_of(follower), name_of_run("", time, attempt))},
            {"namespace", namespace_of(follower)},
            {"generation", 1},
            {"labels", {{kFollowLabel, label_naming(name, uid_of(follower))}}}}},
          {"spec", std::move(spec)}};
}

api::ObjectPtr newest_to_follow(const Environment& environment, const api::Json& follower) {
  const api::RestoreSpec spec = api::read_restore_spec(follower);
  return newest_backup(*environment.catalog, environment.clock->now(),
                       source_namespace(follower, spec),
                       [&](const api::Json& backup) { return is_followed(spec, backup); });
}

api::Json initial_follow_status(const api::Object* newest) {
  api::Json status = {{"restored", 0U}, {"consecutiveFailures", 0U}};
  if (newest != nullptr) status["newestBackup"] = newest->key().name;
  return status;
}

void end_following(api::Json& status, const std::string& by, WallTime now) {
  const std::string held = api::text_member(status, "backup");
  write_ending(status,
               {"Cancelled", "Cancelled",
                "following was ended by " + by + "; the target holds " +
                    (held.empty() ? "nothing of it" : "backup " + held)},
               now);
}

Follower::Follower(const Environment& environment, Start start)
    : environment_(environment),
      start_(std::move(start)),
      thread_([this](const std::stop_token& stop) {
        do {
          (void)guarded("a look at the restores that follow", [this] { look(); });
        } while (sleep_for(stop, environment_.look_every));
      }) {}

void Follower::look() {
  const WallTime now = environment_.clock->now();
  const std::uint64_t revision = environment_.catalog->revision();
  const bool changed = revision != looked_at_;
  std::set<std::string> there;
  for (const api::ObjectPtr& object : environment_.catalog->list(api::kRestores, "").objects) {
    there.insert(object->uid());
    Entry& entry = entries_[object->uid()];
    if (entry.revision != object->revision()) {
      entry.follows = !object->being_deleted() && api::phase_of(object->dom()) == kFollowing;
      entry.revision = object->revision();
      entry.wake = {};
    }
    if (entry.follows && (changed || now >= entry.wake)) step(object, entry);
  }
  std::erase_if(entries_, [&](const auto& entry) { return !there.contains(entry.first); });
  looked_at_ = revision;
}

bool Follower::write(const api::ObjectPtr& object, Entry& entry,
                     const std::function<void(api::Json& status)>& change) {
  api::Json dom = object->dom();
  change(dom["status"]);
  if (environment_.catalog->update(object->key(), object->revision(), std::move(dom))) return true;
  // Conflict: another replica was quicker, or somebody cancelled it. The next look sees it. Of a
  // store that was away nothing tells when it is back.
  entry.wake = environment_.clock->now() + kWriteAgain;
  return false;
}

void Follower::step(const api::ObjectPtr& object, Entry& entry) {
  entry.wake = WallTime::max();  // unless something below knows better
  const api::Json dom = object->dom();
  const api::Json& status = api::member(dom, "status");
  const std::string active = api::text_member(api::member(status, "follow"), "active");
  if (!active.empty()) return settle(object, entry, active);
  if (const auto by = cancelled_by(status)) {
    write(object, entry,
          [&](api::Json& changed) { end_following(changed, *by, environment_.clock->now()); });
    return;
  }
  find_newest(dom, entry);
  if (entry.newest == nullptr || !is_news(dom, *entry.newest)) return;
  const auto next_try =
      from_rfc3339(api::text_member(api::member(status, "follow"), "nextTryTime"));
  if (next_try && environment_.clock->now() < *next_try) {
    entry.wake = *next_try;
    return;
  }
  start(object, entry);
}

// Never back to an older one: neither when the backup that the target holds is deleted, nor when it
// was dated by a clock that was ahead; then what was recorded later is news.
bool Follower::is_news(const api::Json& follower, const api::Object& backup) const {
  const std::string uid = last_uid(follower);
  if (uid.empty()) return true;
  if (backup.uid() == uid) return false;
  // Not the revision that the held one has by now: what is written into it makes it no newer.
  const api::Json& follow = follower.at("status").at("follow");
  if (backup.revision() < api::number_member(follow, "backupRevision")) return false;
  const auto date = facts::time_at(follower, "status.follow.snapshotTime");
  return !date || is_ahead(*date, environment_.clock->now()) ||
         snapshot_time_of(backup.dom()) > *date;
}

// Only what changed since the last look is parsed, unless what was the newest is gone.
void Follower::find_newest(const api::Json& follower, Entry& entry) {
  const api::RestoreSpec spec = api::read_restore_spec(follower);
  if (entry.newest != nullptr) {
    const auto still = environment_.catalog->get(entry.newest->key());
    if (!still || (*still)->uid() != entry.newest->uid() || (*still)->being_deleted()) {
      entry.newest = nullptr;
      entry.seen = 0;
    }
  }
  const WallTime now = environment_.clock->now();
  const std::uint64_t revision = environment_.catalog->revision();
  for (const api::ObjectPtr& object :
       environment_.catalog->list(api::kBackups, source_namespace(follower, spec)).objects) {
    if (object->revision() <= entry.seen || object->being_deleted()) continue;
    const api::Json backup = object->dom();
    if (!facts::good(backup) || !is_followed(spec, backup)) continue;
    if (entry.newest == nullptr || newness(snapshot_time_of(backup), now) >=
                                       newness(snapshot_time_of(entry.newest->dom()), now))
      entry.newest = object;
  }
  entry.seen = revision;
}

void Follower::start(const api::ObjectPtr& object, Entry& entry) {
  const api::ObjectPtr backup = entry.newest;
  api::Json moved_on = object->dom();
  api::Json& follow = moved_on["status"]["follow"];
  const unsigned attempt =
      api::text_member(follow, "triedUID") == backup->uid() ? follow.value("attempt", 0U) + 1 : 1;
  api::Json restore = restore_of_follower(moved_on, *backup, attempt);
  const std::string name = name_of(restore);
  follow["active"] = name;
  begin_try(follow, *backup, attempt);
  follow["newestBackup"] = backup->key().name;
  const auto started = start_(object, std::move(moved_on), std::move(restore));
  if (started) {
    environment_.event(*object, kube::EventType::kNormal, "Started",
                       "restore " + name + " of backup " + backup->key().name);
    return;
  }
  if (started.error().code == Code::kConflict) {
    // Another replica was first, or a job has the target: neither is a failure.
    entry.wake = environment_.clock->now() + kBusyAgain;
    log::debug("a new backup waits to be restored on a standby",
               {{"name", object->key().name}, {"error", started.error().text()}});
    return;
  }
  const std::string message =
      "backup " + backup->key().name + " could not be restored: " + started.error().text();
  const bool written = write(object, entry, [&](api::Json& status) {
    // The name of a restore that somebody else made: the next attempt has another.
    begin_try(status["follow"], *backup, attempt);
    failed(status, message);
  });
  if (written) environment_.event(*object, kube::EventType::kWarning, "RunNotStarted", message);
}

void Follower::failed(api::Json& status, const std::string& message) const {
  const WallTime now = environment_.clock->now();
  api::Json& follow = status["follow"];
  const unsigned failures = follow.value("consecutiveFailures", 0U) + 1;
  follow["consecutiveFailures"] = failures;
  follow["nextTryTime"] =
      to_rfc3339(now + kFirstRetryOfFollower * (1U << std::min(failures - 1, kLongestRetryShift)));
  status["message"] = message;
  api::set_condition(status, "Healthy", "False", "LastRunFailed", message, now);
}

void Follower::settle(const api::ObjectPtr& object, Entry& entry, const std::string& active) {
  const auto restore = environment_.catalog->get({api::kRestores, object->key().ns, active});
  const api::Json ended = restore ? (*restore)->dom() : api::Json::object();
  const std::string phase = restore ? api::phase_of(ended) : "Cancelled";
  if (!api::is_terminal_phase(phase)) return;
  const WallTime now = environment_.clock->now();
  std::string told;
  const bool written = write(object, entry, [&](api::Json& status) {
    api::Json& follow = status["follow"];
    follow.erase("active");
    if (phase != "Completed") {
      told = "restore " + active +
             (restore ? " is " + phase + ": " + api::text_member(ended.at("status"), "message")
                      : " was deleted before it was seen to end");
      return failed(status, told);
    }
    const std::string name = api::text_member(ended.at("spec"), "backup");
    told = "the target holds backup " + name;
    status["backup"] = name;
    status["message"] = told;
    follow["backupUID"] = follow["triedUID"];
    follow["backupRevision"] = api::number_member(follow, "triedRevision");
    follow["lastRestore"] = active;
    follow["restored"] = follow.value("restored", 0U) + 1;
    follow["consecutiveFailures"] = 0U;
    follow.erase("nextTryTime");
    follow["lastRestoreTime"] = api::text_member(ended.at("status"), "completionTime");
    const std::string ns = source_namespace(object->dom(), api::read_restore_spec(object->dom()));
    if (const auto backup = environment_.catalog->get({api::kBackups, ns, name})) {
      const WallTime snapshot = snapshot_time_of((*backup)->dom());
      follow["snapshotTime"] = to_rfc3339(snapshot);
      follow["lagSeconds"] = facts::seconds_between(snapshot, now);
    }
    api::set_condition(status, "Healthy", "True", "LastRunCompleted", told, now);
  });
  if (!written) return;
  if (phase == "Completed")
    environment_.event(*object, kube::EventType::kNormal, "Restored", told);
  else
    environment_.event(*object, kube::EventType::kWarning, "LastRunFailed", told);
  remove_old(object);
}

void Follower::remove_old(const api::ObjectPtr& object) {
  std::vector<api::ObjectPtr> ended;
  for (const api::ObjectPtr& one :
       environment_.catalog->list(api::kRestores, object->key().ns).objects) {
    const api::Json dom = one->dom();
    // What has a finalizer is somebody's to remove.
    if (label_of(dom, kFollowLabel) == label_naming(object->key().name, object->uid()) &&
        api::member(api::member(dom, "metadata"), "finalizers").empty() &&
        api::is_terminal_phase(api::phase_of(dom)))
      ended.push_back(one);
  }
  if (ended.size() <= kKeptRestores) return;
  std::ranges::sort(ended, std::ranges::greater{},
                    [](const api::ObjectPtr& one) { return one->revision(); });
  for (auto it = ended.begin() + kKeptRestores; it != ended.end(); ++it)
    if (const auto removed = environment_.catalog->remove((*it)->key(), (*it)->revision());
        !removed && removed.error().code != Code::kNotFound)
      log::debug("an old restore of a standby could not be removed",
                 {{"name", (*it)->key().name}, {"error", removed.error().text()}});
}

}  // namespace gb::jobs
