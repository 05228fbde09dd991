#include "jobs/takeover.h"

#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "api/types.h"
#include "base/log.h"
#include "base/text.h"
#include "base/wait.h"
#include "galera/scratch_server.h"
#include "jobs/finish.h"
#include "jobs/follower.h"
#include "jobs/read_back.h"
#include "storage/repo/repo.h"

namespace gb::jobs {
namespace {

constexpr std::chrono::seconds kRenewalDeadline{45};
constexpr int kTakeoverLook = 5;  // times look_every
constexpr int kLooksPerBlockRound = 6;

// A dump that had written its manifest and its digest is whole: only its reading back was cut
// short. An error: it can not be told now, so that it must be asked again.
Result<bool> is_whole(const Environment& environment, const api::Object& object,
                      const api::Json& dom, const std::stop_token& stop) {
  const auto digest = digest_of(dom);
  const auto store = environment.find_store(api::read_backup_spec(dom).store);
  if (api::phase_of(dom) != "Verifying" || !digest || !store) return false;
  const auto read = read_back(environment, **store, object.key().ns, object.uid(), *digest,
                              api::read_backup_spec(dom), stop);
  if (read) return true;
  const Code code = read.error().code;
  if (code == Code::kCorruption || code == Code::kNotFound) return false;
  return fail(read.error());
}

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

void Takeover::start() {
  thread_ = std::jthread([this](const std::stop_token& stop) {
    int looks = 0;
    do {
      look(stop);
      if (looks++ % kLooksPerBlockRound == 0) left_blocks_.look(stop);
    } while (sleep_for(stop, kTakeoverLook * environment_.look_every));
  });
}

// Only what changed since the last look is parsed: a store holds thousands of objects that ended
// long ago.
void Takeover::find_candidates() {
  const std::uint64_t now_at = environment_.catalog->revision();
  if (now_at == scanned_) return;
  for (const char* resource : {api::kBackups, api::kRestores}) {
    for (const api::ObjectPtr& object : environment_.catalog->list(resource, "").objects) {
      if (object->revision() <= scanned_) continue;
      const api::Json dom = object->dom();
      const api::Json status = dom.value("status", api::Json::object());
      const std::string phase = api::phase_of(dom);
      // What follows has no executor: every server looks at it.
      if (status.empty() || api::is_terminal_phase(phase) || phase == kFollowing)
        seen_.erase(object->uid());
      else
        seen_[object->uid()] = {object->key(), object->revision(),
                                environment_.clock->steady_now()};
    }
  }
  scanned_ = now_at;
}

void Takeover::look(std::stop_token stop) {
  find_candidates();
  for (auto it = seen_.begin(); it != seen_.end() && !stop.stop_requested();) {
    // Asked after it was seen and before it is read: what is not ours by now has ended since, and
    // says so, or was never begun.
    if (environment_.own_jobs->has(it->first)) {
      ++it;
      continue;
    }
    const auto object = environment_.catalog->get(it->second.key);
    if (!object || (*object)->uid() != it->first) {
      it = seen_.erase(it);
      continue;
    }
    const api::Json dom = (*object)->dom();
    const auto executor = Executor::from_json(dom["status"].value("executor", api::Json::object()));
    const Executor::Life life = executor.life();
    if (executor.id == environment_.executor.id)
      take_over(**object, Why::kNotBegun, stop);
    else if (life == Executor::Life::kDead)
      take_over(**object, Why::kDied, stop);
    else if (life == Executor::Life::kUnknown &&
             environment_.clock->steady_now() - it->second.since >= kRenewalDeadline)
      take_over(**object, Why::kSilent, stop);
    ++it;
  }
}

Result<std::vector<std::string>> Takeover::release_cluster(const api::Object& object,
                                                           const api::Json& dom,
                                                           const std::stop_token& stop) {
  const bool restore = object.key().resource == api::kRestores;
  // A restore that had not come to its work had blocked nothing.
  if (restore && (api::phase_of(dom) != "Restoring" || !api::read_restore_spec(dom).block_traffic))
    return std::vector<std::string>();
  const auto instances = instances_of(dom, restore);
  // A tool that does not know the cluster leaves the job to a server, which can give back what the
  // job took.
  if (!environment_.keeps_house)
    for (const auto& [name, donor] : instances)
      GB_TRY(environment_.instances->resolve(object.key().ns, name));
  if (restore) return left_blocks_.give_back_those_of(object, stop);
  for (const auto& [name, donor] : instances) {
    const auto endpoint = environment_.instances->resolve(object.key().ns, name);
    const Status recovered = endpoint ? environment_.engine->recover(*endpoint, donor, stop)
                                      : Status(fail(endpoint.error()));
    if (recovered) continue;
    if (stop.stop_requested()) return fail(recovered.error());
    log::warn("what a backup left on its donor could not be taken back",
              {{"instance", name}, {"error", recovered.error().text()}});
  }
  return std::vector<std::string>();
}

void Takeover::take_over(const api::Object& object, Why why, const std::stop_token& stop) {
  const api::Json before = object.dom();
  const std::string noun(noun_of(object.key()));
  const bool restore = object.key().resource == api::kRestores;
  const std::string what =
      why == Why::kNotBegun
          ? "this " + noun + " was recorded while the store did not answer, and not begun"
          : "the server that ran this " + noun + " ended while it was " + api::phase_of(before) +
                (why == Why::kDied ? " (its process died)" : " (it gave no sign of life for 45 s)");
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
  // What says Failed loses its data: only what is known to be damaged may.
  const Result<bool> is_good = restore ? false : is_whole(environment_, object, before, stop);
  if (!is_good) {
    log::warn("a backup whose server ended can not be read back now: it is tried again",
              {{"object", object.key().name}, {"error", is_good.error().text()}});
    return;
  }
  const bool whole = *is_good;

  Ending ending;
  auto ended = environment_.catalog->modify(
      object.key(), [&](const api::Object& current) -> Result<api::Json> {
        api::Json dom = current.dom();
        if (current.uid() != object.uid() || current.revision() != object.revision())
          return fail(Code::kConflict, "its executor lives after all");
        const WallTime now = environment_.clock->now();
        if (whole) {
          dom["status"]["phase"] = "Completed";
          dom["status"]["completionTime"] = to_rfc3339(now);
          dom["status"]["progress"]["percent"] = 100;
          api::set_condition(dom["status"], "Completed", "True", "Completed",
                             "everything is in the store and durable", now);
          const bool restore_asked = api::read_backup_spec(dom).verification == "Restore";
          std::string shown = "every byte was read back and compared, after its server had ended";
          if (restore_asked) shown += ", and so it was not restored; take another one";
          api::set_condition(dom["status"], "Verified", restore_asked ? "Unknown" : "True",
                             restore_asked ? "ServerDied" : "Checksum", shown, now);
        } else {
          ending = ending_without_server(dom["status"], noun, failed);
          write_ending(dom["status"], ending, now);
          if (!left->empty()) dom["status"][kTrafficLeftBlocked] = *left;
        }
        return dom;
      });
  if (!ended) {
    log::warn("a job without a server could not be taken over",
              {{"object", object.key().name}, {"error", ended.error().text()}});
    return;
  }
  log::warn("took a job over",
            {{"object", object.key().name}, {"phase", whole ? "Completed" : "Failed"}});
  if (!whole) count_ending(environment_, object.key(), ending);
  environment_.event(**ended, whole ? kube::EventType::kNormal : kube::EventType::kWarning,
                     whole ? "Completed" : "Failed",
                     whole ? "taken over and verified" : failed.message);
  if (!restore && !whole) {
    // Its packs have no manifest that anybody will ever refer to.
    const auto store = environment_.find_store(api::read_backup_spec(before).store);
    if (!store) return;
    const std::string prefix = "data/" + object.key().ns + "/" + object.uid() + "/";
    if (const auto packs = (*store)->blobs->list(prefix))
      for (const storage::BlobInfo& pack : *packs)
        if (const Status removed = (*store)->blobs->remove(pack.key); !removed)
          log::warn("an orphan could not be removed", {{"key", pack.key}});
  }
}

}  // namespace gb::jobs
