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
  const api::Json& conditions = api::member(api::member(dom, "status"), "conditions");
  return conditions.is_array() && std::ranges::any_of(conditions, [](const api::Json& one) {
           return api::text_member(one, "type") == "Verified" &&
                  api::text_member(one, "status") == "True";
         });
}

Kept describe(const api::ObjectPtr& object, const api::Json& dom) {
  return {object, {snapshot_time_of(dom), is_verified(dom), api::read_backup_spec(dom).hold}};
}

void newest_first(std::vector<Kept>& backups) {
  std::ranges::stable_sort(backups, std::ranges::greater{},
                           [](const Kept& kept) { return kept.candidate.time; });
}

// The uids of the verified backups that no ttl removes: the newest of each set of instances, and of
// each schedule as many as it asks for.
std::set<std::string> needed_verified(const Environment& environment, WallTime now) {
  struct Newest {
    std::size_t needed = 1;
    std::vector<std::pair<WallTime, std::string>> verified;  // with its uid
  };
  std::map<std::vector<std::string>, Newest> of_set;
  std::map<std::pair<std::string, std::string>, Newest> of_schedule;  // by namespace and name
  for (const api::ObjectPtr& object : environment.catalog->list(api::kSchedules, "").objects)
    of_schedule[{object->key().ns, object->key().name}].needed =
        api::read_schedule_spec(object->dom()).retention.min_verified;
  for (const api::ObjectPtr& object : environment.catalog->list(api::kBackups, "").objects) {
    const api::Json dom = object->dom();
    if (object->being_deleted() || api::phase_of(dom) != "Completed" || !is_verified(dom)) continue;
    std::vector<std::string> set = api::read_backup_spec(dom).database_instances;
    std::ranges::sort(set);
    set.push_back(object->key().ns);
    const std::pair one(snapshot_time_of(dom), object->uid());
    of_set[set].verified.push_back(one);
    if (const auto found = of_schedule.find({object->key().ns, schedule_of(*object)});
        found != of_schedule.end())
      found->second.verified.push_back(one);
  }
  std::set<std::string> uids;
  const auto keep = [&](Newest& newest) {
    std::ranges::sort(newest.verified, std::ranges::greater{},
                      [&](const auto& one) { return newness(one.first, now); });
    for (std::size_t i = 0; i < std::min(newest.needed, newest.verified.size()); ++i)
      uids.insert(newest.verified[i].second);
  };
  for (auto& [set, newest] : of_set) keep(newest);
  for (auto& [name, newest] : of_schedule) keep(newest);
  return uids;
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
  const std::set<std::string> needed = needed_verified(environment, now);
  std::erase_if(expiring, [&](const Expiring& one) { return needed.contains(one.object->uid()); });
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
