#include "jobs/expiry.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "api/meta.h"
#include "api/text.h"
#include "base/log.h"
#include "base/text.h"
#include "jobs/facts.h"
#include "jobs/prudent_clock.h"
#include "jobs/retention.h"
#include "jobs/trash.h"

namespace gb::jobs {
namespace {

constexpr std::size_t kFailedKept = 10;

struct Kept {
  api::ObjectPtr object;
  RetentionCandidate candidate;
};

bool is_verified(const api::Json& dom) {
  return facts::condition(dom, "Verified").first == "True";
}

Kept describe(const api::ObjectPtr& object, const api::Json& dom) {
  return {object, {snapshot_time_of(dom), is_verified(dom), api::read_backup_spec(dom).hold}};
}

void newest_first(std::vector<Kept>& backups) {
  std::ranges::stable_sort(backups, std::ranges::greater{},
                           [](const Kept& kept) { return kept.candidate.time; });
}

struct Verified {
  api::ObjectPtr object;
  WallTime time;
  std::vector<std::string> set;  // its instances, and its namespace
  bool partial;
};

// The verified backups of a namespace (empty: of all), newest first.
std::vector<Verified> verified_backups(const Environment& environment, const std::string& ns,
                                       WallTime now) {
  std::vector<Verified> verified;
  for (const api::ObjectPtr& object : environment.catalog->list(api::kBackups, ns).objects) {
    const api::Json dom = object->dom();
    if (!facts::good(dom) || !is_verified(dom)) continue;
    std::vector<std::string> set = api::read_backup_spec(dom).database_instances;
    std::ranges::sort(set);
    set.push_back(object->key().ns);
    verified.push_back({object, snapshot_time_of(dom), std::move(set), facts::partial(dom)});
  }
  std::ranges::stable_sort(verified, std::ranges::greater{},
                           [&](const Verified& one) { return newness(one.time, now); });
  return verified;
}

// Of each set of instances the newest of everything; where there is none, the newest of a part.
std::set<std::string> needed_of_sets(const std::vector<Verified>& verified) {
  std::set<std::vector<std::string>> seen;
  std::set<std::string> uids;
  for (const bool partial : {false, true})
    for (const Verified& one : verified)
      if (one.partial == partial && seen.insert(one.set).second) uids.insert(one.object->uid());
  return uids;
}

// Of each schedule as many as it asks for.
std::set<std::string> needed_of_schedules(const Environment& environment,
                                          const std::vector<Verified>& verified) {
  std::map<std::pair<std::string, std::string>, unsigned> left;  // by namespace and name
  for (const api::ObjectPtr& object : environment.catalog->list(api::kSchedules, "").objects)
    left[{object->key().ns, object->key().name}] =
        api::read_schedule_spec(object->dom()).retention.min_verified;
  std::set<std::string> uids;
  for (const Verified& one : verified) {
    const auto found = left.find({one.object->key().ns, schedule_of(*one.object)});
    if (found == left.end() || found->second == 0) continue;
    --found->second;
    uids.insert(one.object->uid());
  }
  return uids;
}

void spare(const std::set<std::string>& needed, std::vector<Expiring>& expiring) {
  std::erase_if(expiring, [&](const Expiring& one) { return needed.contains(one.object->uid()); });
}

}  // namespace

std::vector<Expiring> expiring_by_schedule(const Environment& environment, const api::Json& dom,
                                           const Schedule& schedule, WallTime now) {
  const std::string ns = api::text_member(api::member(dom, "metadata"), "namespace");
  std::vector<Kept> completed;
  std::vector<Kept> ended;
  std::uint64_t last = 0;  // the revision of the completed one that was recorded last
  for (const api::ObjectPtr& object : environment.catalog->list(api::kBackups, ns).objects) {
    if (schedule_of(*object) != schedule.name || object->being_deleted()) continue;
    const api::Json backup = object->dom();
    const std::string phase = api::phase_of(backup);
    if (phase == "Completed") last = std::max(last, object->revision());
    if (is_ahead(snapshot_time_of(backup), now)) continue;
    if (phase == "Completed")
      completed.push_back(describe(object, backup));
    else if (api::is_terminal_phase(phase))
      ended.push_back(describe(object, backup));
  }
  newest_first(completed);
  newest_first(ended);

  std::vector<RetentionCandidate> candidates;
  for (const Kept& kept : completed) candidates.push_back(kept.candidate);
  const std::vector<std::string> reasons = judge_retention(
      candidates, schedule.spec.retention, schedule.spec.max_backups, schedule.zone);
  std::vector<Expiring> expiring;
  for (std::size_t i = 0; i < completed.size(); ++i)
    if (reasons[i].empty() && completed[i].object->revision() != last)
      expiring.push_back({completed[i].object, "by the rules of schedule " + schedule.name});
  for (std::size_t i = kFailedKept; i < ended.size(); ++i)
    if (!ended[i].candidate.held)
      expiring.push_back({ended[i].object, "failed, and " + std::to_string(kFailedKept) +
                                               " newer ones of schedule " + schedule.name +
                                               " did, too"});
  if (!expiring.empty()) spare(needed_of_sets(verified_backups(environment, ns, now)), expiring);
  return expiring;
}

std::vector<Expiring> expiring_by_ttl(const Environment& environment, WallTime now) {
  std::vector<Expiring> expiring;
  for (const api::ObjectPtr& object : environment.catalog->list(api::kBackups, "").objects) {
    // Most have none: the text is searched before it is parsed.
    if (object->being_deleted() || object->json().find("expirationTime") == std::string::npos)
      continue;
    const api::Json dom = object->dom();
    const auto time = from_rfc3339(api::text_member(api::member(dom, "status"), "expirationTime"));
    if (!time || *time > now || api::phase_of(dom) != "Completed" ||
        api::read_backup_spec(dom).hold)
      continue;
    expiring.push_back({object, "its ttl ended at " + to_rfc3339(*time)});
  }
  if (expiring.empty()) return expiring;
  const std::vector<Verified> verified = verified_backups(environment, "", now);
  spare(needed_of_sets(verified), expiring);
  spare(needed_of_schedules(environment, verified), expiring);
  return expiring;
}

Status retire(const Environment& environment, const Expiring& expiring) {
  const api::Object& object = *expiring.object;
  GB_TRY(put_into_trash(environment, object));
  api::Json dom = object.dom();
  const api::DeleteAction action =
      api::begin_delete(api::DeleteOptions(), dom, environment.clock->now());
  if (action == api::DeleteAction::kNothing) return {};
  const auto gone =
      action == api::DeleteAction::kRemove
          ? environment.catalog->remove(object.key(), object.revision())
          : environment.catalog->update(object.key(), object.revision(), std::move(dom));
  if (!gone) return fail(gone.error());
  log::info("backup expired",
            {{"namespace", object.key().ns}, {"name", object.key().name}, {"why", expiring.why}});
  environment.event(object, kube::EventType::kNormal, "Expired",
                    "moved to the trash: " + expiring.why);
  return {};
}

}  // namespace gb::jobs
