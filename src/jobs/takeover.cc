#include "jobs/takeover.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "api/text.h"
#include "api/types.h"
#include "base/guarded.h"
#include "base/log.h"
#include "base/text.h"
#include "base/wait.h"
#include "galera/scratch_server.h"
#include "jobs/check.h"
#include "jobs/left_donors.h"
#include "jobs/resume.h"
#include "storage/repo/repo.h"

namespace gb::jobs {
namespace {

constexpr std::chrono::seconds kRenewalDeadline{45};
// What an executor has that lost its job to see it (it renews every 5 s) and to stop.
constexpr std::chrono::seconds kTimeToStop{10};
// For what others have written by now.
constexpr std::chrono::milliseconds kRefresh{5000};
constexpr int kTakeoverLook = 5;  // times look_every
constexpr int kLooksPerBlockRound = 6;

// The instances on which a job may have left something: those that were dumped, with their donors,
// or the targets of the plan.
std::map<std::string, std::string> instances_of(const api::Json& dom, bool restore) {
  std::map<std::string, std::string> instances;
  const char* list = restore ? "plan" : "instances";
  for (const api::Json& entry : dom["status"].value(list, api::Json::array())) {
    const std::string donor = restore ? std::string() : entry.value("node", "");
    // No donor was chosen yet, or it ended with the process.
    if (!restore && (donor.empty() || donor == galera::kScratchNode)) continue;
    instances.emplace(entry.value(restore ? "instance" : "name", ""), donor);
  }
  return instances;
}

// `failed`; or Cancelled, which somebody had asked for before.
Ending ending_without_server(const api::Json& status, const std::string& noun, Ending failed) {
  const auto by = cancelled_by(status);
  if (!by) return failed;
  Ending ending = ending_of({}, StopCause::kCancelled, noun, *by);
  if (noun == "restore") ending.message += "; " + left_on_target(status);
  return ending;
}

}  // namespace

void Takeover::stop() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

void Takeover::start() {
  thread_ = std::jthread([this](const std::stop_token& stop) {
    int looks = 0;
    do {
      (void)guarded("a look at jobs without a server", [&] { look(stop); });
      if (looks++ % kLooksPerBlockRound != 0) continue;
      (void)guarded("a look at what was left blocked", [&] { left_blocks_.look(stop); });
      (void)guarded("a look at donors that were left",
                    [&] { look_for_left_donors(environment_, stop); });
    } while (sleep_for(stop, kTakeoverLook * environment_.look_every));
  });
}

// Only what changed since the last look is parsed: a store holds thousands of objects that ended
// long ago.
void Takeover::find_candidates() {
  const std::uint64_t now_at = environment_.catalog->revision();
  if (now_at == scanned_) return;
  for (const char* resource : {api::kRestores, api::kBackups}) {
    for (const api::ObjectPtr& object : environment_.catalog->list(resource, "").objects) {
      if (object->revision() <= scanned_) continue;
      const std::pair id(object->key().resource == api::kBackups, object->uid());
      if (place_of_work(object->dom()).is_null())
        seen_.erase(id);
      else
        seen_[id] = {object->key(), object->revision(), environment_.clock->steady_now()};
    }
  }
  scanned_ = now_at;
}

void Takeover::forgive_silence() {
  for (auto& [id, seen] : seen_) seen.since = environment_.clock->steady_now();
}

// The state of the object in the store says whose job it is: an executor that comes back, or that
// could read and not write, stops at the next sign of life that it tries to give.
void Takeover::claim(const api::Object& object) {
  // A process that was held up itself, or a store that was away, has seen nobody's signs of life.
  environment_.catalog->refresh(kRefresh);
  if (!environment_.catalog->health()) return forgive_silence();
  (void)change_as_seen(object, [&](api::Json& status) {
    Executor us = environment_.executor;
    us.took_over = true;
    status["executor"] = us.to_json();
  });
}

std::optional<Takeover::Why> Takeover::left_by(const Seen& seen, const api::Object& object,
                                               const api::Json& dom) {
  const auto executor = Executor::from_json(api::member(place_of_work(dom), "executor"));
  const auto silent_for = environment_.clock->steady_now() - seen.since;
  if (executor.id == environment_.executor.id) {
    if (!executor.took_over) return Why::kNotBegun;
    return silent_for >= kTimeToStop ? std::optional(Why::kSilent) : std::nullopt;
  }
  const bool check = api::is_terminal_phase(api::phase_of(dom));
  if (!check && !knows_instances(object, dom)) return std::nullopt;
  const Executor::Life life = executor.life();
  if (life == Executor::Life::kDead) return executor.took_over ? Why::kSilent : Why::kDied;
  if (life == Executor::Life::kAlive || silent_for < kRenewalDeadline) return std::nullopt;
  if (check) return Why::kSilent;  // a verification has taken nothing that could be let go
  claim(object);
  return std::nullopt;
}

void Takeover::look(std::stop_token stop) {
  find_candidates();
  if (!environment_.catalog->health()) return forgive_silence();
  for (auto it = seen_.begin(); it != seen_.end() && !stop.stop_requested();) {
    // Asked after it was seen and before it is read: what is not ours by now has changed since, or
    // was never begun.
    if (environment_.own_jobs->has(it->first.second)) {
      ++it;
      continue;
    }
    const auto object = environment_.catalog->get(it->second.key);
    if (!object || (*object)->uid() != it->first.second) {
      it = seen_.erase(it);
      continue;
    }
    // Of what has changed since it was seen, as by its end, the next look knows more.
    if ((*object)->revision() != it->second.revision) {
      ++it;
      continue;
    }
    if (const auto why = left_by(it->second, **object, (*object)->dom()))
      take_over(**object, *why, stop);
    ++it;
  }
}

bool Takeover::knows_instances(const api::Object& object, const api::Json& dom) const {
  const bool restore = object.key().resource == api::kRestores;
  if (environment_.keeps_house || (restore && !api::read_restore_spec(dom).block_traffic))
    return true;
  return std::ranges::all_of(instances_of(dom, restore), [&](const auto& one) {
    return environment_.instances->resolve(object.key().ns, one.first).has_value();
  });
}

Result<Takeover::Left> Takeover::release_cluster(const api::Object& object, const api::Json& dom,
                                                 const std::stop_token& stop) {
  const bool restore = object.key().resource == api::kRestores;
  if (restore && !api::read_restore_spec(dom).block_traffic) return Left{};
  const auto instances = instances_of(dom, restore);
  Left left;
  if (restore) {
    GB_TRY_ASSIGN(left.blocked, left_blocks_.give_back_those_of(object, stop));
    return left;
  }
  GB_TRY_ASSIGN(
      left.desynced,
      bring_donors_back(environment_, {object.key().ns, object.uid(), object.key().name, instances},
                        stop));
  return left;
}

void Takeover::take_over(const api::Object& object, Why why, const std::stop_token& stop) {
  const api::Json before = object.dom();
  const bool check = api::is_terminal_phase(api::phase_of(before));
  const std::string noun = check ? "verification" : std::string(noun_of(object.key()));
  const bool restore = object.key().resource == api::kRestores;
  const std::string what =
      why == Why::kNotBegun
          ? "this " + noun + " was recorded while the store did not answer, and not begun"
          : "the server that ran this " + noun + " ended while it was " +
                api::text_member(place_of_work(before), "phase") +
                (why == Why::kDied ? " (its process died)" : " (it gave no sign of life for 45 s)");
  if (check) return end_check(object, what + "; ask for it again");
  const Ending failed{
      "Failed", why == Why::kNotBegun ? "NotBegun" : "ServerDied",
      what + "; " + (restore ? left_on_target(before["status"]) : "create the backup again")};
  // The cluster first: what the job left there holds it up now, not when the status says so.
  const auto left = release_cluster(object, before, stop);
  if (!left) {
    log::warn("what a job holds could not be given back: it is tried again",
              {{"object", object.key().name}, {"error", left.error().text()}});
    return;
  }
  if (!restore && can_be_resumed(environment_, before) && !cancelled_by(before["status"]))
    return go_on(object);
  end(object, failed, *left);
}

Result<api::ObjectPtr> Takeover::change_as_seen(
    const api::Object& object, const std::function<void(api::Json& status)>& change) {
  auto changed = environment_.catalog->modify(
      object.key(), [&](const api::Object& current) -> Result<api::Json> {
        if (current.uid() != object.uid() || current.revision() != object.revision())
          return fail(Code::kConflict, "its executor lives after all");
        api::Json dom = current.dom();
        change(dom["status"]);
        return dom;
      });
  if (!changed)
    log::warn("a job without a server could not be taken over",
              {{"object", object.key().name}, {"error", changed.error().text()}});
  return changed;
}

void Takeover::end_check(const api::Object& backup, const std::string& message) {
  const auto ended = change_as_seen(backup, [&](api::Json& status) {
    write_check_end(status, "Inconclusive", message, environment_.clock->now());
  });
  if (ended)
    environment_.event(**ended, kube::EventType::kWarning, "VerifiedInconclusive", message);
}

// Ours before it is read back, which may take hours: no other server begins that as well, and this
// one looks after the others meanwhile.
void Takeover::go_on(const api::Object& backup) {
  auto mine = environment_.own_jobs->claim(backup.uid());
  const auto taken = change_as_seen(
      backup, [&](api::Json& status) { status["executor"] = environment_.executor.to_json(); });
  if (!taken) return;
  log::warn("took a backup over, which is read back", {{"object", backup.key().name}});
  resume_(*taken, std::move(mine));
}

void Takeover::end(const api::Object& object, const Ending& failed, const Left& left) {
  const std::string noun(noun_of(object.key()));
  Ending ending;
  const auto ended = change_as_seen(object, [&](api::Json& status) {
    ending = ending_without_server(status, noun, failed);
    if (!left.desynced.empty())
      ending.message += "; " + join(left.desynced, ", ") +
                        " could not be brought back into its cluster's flow control: it is asked "
                        "again until it answers, unless it was restarted";
    write_ending(status, ending, environment_.clock->now());
    if (!left.blocked.empty()) status[kTrafficLeftBlocked] = left.blocked;
  });
  if (!ended) return;
  log::warn("took a job over", {{"object", object.key().name}, {"phase", ending.phase}});
  count_ending(environment_, object.key(), ending);
  environment_.event(**ended, kube::EventType::kWarning, ending.phase, ending.message);
  if (object.key().resource != api::kBackups) return;
  // Its packs have no manifest that anybody will ever refer to.
  const auto store = environment_.find_store(api::read_backup_spec(object.dom()).store);
  if (!store) return;
  if (const Status gone = storage::remove_backup(*(*store)->blobs, {object.key().ns, object.uid()});
      !gone)
    log::warn("what a failed backup wrote could not be removed",
              {{"name", object.key().name}, {"error", gone.error().text()}});
}

}  // namespace gb::jobs
