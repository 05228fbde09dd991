#include "jobs/janitor.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "api/text.h"
#include "base/log.h"
#include "base/text.h"
#include "base/wait.h"
#include "jobs/expiry.h"
#include "jobs/job_log.h"
#include "storage/repo/repo.h"

namespace gb::jobs {
namespace {

constexpr std::chrono::seconds kLookEvery{30};
constexpr std::chrono::minutes kDrift{5};  // what clocks differ by without having jumped
constexpr std::chrono::hours kIdle{1};     // without any backup is nothing unusual
constexpr std::chrono::hours kProof{24};

// The latest time in any object of the catalog.
WallTime newest_time(const storage::Catalog& catalog) {
  WallTime newest{};
  for (const char* resource : {api::kBackups, api::kRestores, api::kSchedules})
    for (const api::ObjectPtr& object : catalog.list(resource, "").objects) {
      const api::Json dom = object->dom();
      for (const auto& [part, field] :
           {std::pair("metadata", "creationTimestamp"), std::pair("status", "completionTime"),
            std::pair("status", "settledTime")})
        if (const auto time = from_rfc3339(api::text_member(api::member(dom, part), field)))
          newest = std::max(newest, *time);
    }
  return newest;
}

// "trash/<ns>/<uid>"
std::optional<std::pair<std::string, std::string>> parse_key(const std::string& key) {
  const std::vector<std::string> parts = split(key, '/');
  if (parts.size() != 3) return std::nullopt;
  return std::pair(parts[1], parts[2]);
}

}  // namespace

PrudentClock::PrudentClock(const Clock& clock, WallTime newest)
    : clock_(clock), time_(clock.now()), at_(clock.steady_now()) {
  if (newest != WallTime{} && time_ > newest + kIdle) time_ = newest + kIdle;
}

WallTime PrudentClock::now() {
  const WallTime wall = clock_.now();
  const SteadyTime steady = clock_.steady_now();
  time_ += std::chrono::duration_cast<std::chrono::microseconds>(steady - at_);
  at_ = steady;
  if (wall <= time_ + kDrift) {
    time_ = wall;
    ahead_since_.reset();
    return time_;
  }
  if (!ahead_since_) {
    ahead_since_ = steady;
    log::warn(
        "the clock is ahead of what is known here: it is believed after a day, until then "
        "nothing expires by it",
        {{"clock", to_rfc3339(wall)}, {"believed", to_rfc3339(time_)}});
  }
  if (steady - *ahead_since_ >= kProof) {
    time_ = wall;
    ahead_since_.reset();
  }
  return time_;
}

Janitor::Janitor(const Environment& environment)
    : environment_(environment), thread_([this](const std::stop_token& stop) {
        while (sleep_for(stop, kLookEvery)) look(stop);
      }) {}

void Janitor::look(const std::stop_token& stop) {
  // A store that does not answer is told by its GaleraBackupStore; nothing can be tidied meanwhile.
  if (!environment_.catalog->health()) return;
  if (!clock_) clock_.emplace(*environment_.clock, newest_time(*environment_.catalog));
  const WallTime now = clock_->now();
  expire(now, stop);
  for (const Store& store : environment_.stores)
    if (!stop.stop_requested()) empty_trash(store, now, stop);
}

void Janitor::expire(WallTime now, const std::stop_token& stop) {
  std::vector<Expiring> expiring = expiring_by_ttl(environment_, now);
  // What rules keep depends on the objects alone: without a change there is nothing new.
  const std::uint64_t revision = environment_.catalog->revision();
  if (revision != judged_) {
    for (const api::ObjectPtr& object : environment_.catalog->list(api::kSchedules, "").objects) {
      const api::Json dom = object->dom();
      const auto schedule = read_schedule(dom);
      if (object->being_deleted() || !schedule) continue;
      auto more = expiring_by_schedule(environment_, dom, *schedule);
      expiring.insert(expiring.end(), std::make_move_iterator(more.begin()),
                      std::make_move_iterator(more.end()));
    }
    judged_ = revision;
  }
  for (const Expiring& one : expiring) {
    if (stop.stop_requested()) return;
    const Status retired = retire(environment_, one);
    // What changed meanwhile, or went by another rule, is looked at again the next time.
    if (retired) continue;
    judged_ = 0;
    if (retired.error().code != Code::kConflict && retired.error().code != Code::kNotFound)
      log::warn("an expired backup could not be moved to the trash",
                {{"name", one.object->key().name}, {"error", retired.error().text()}});
  }
}

std::set<std::string> Janitor::running_backups() const {
  std::set<std::string> uids;
  for (const api::ObjectPtr& object : environment_.catalog->list(api::kBackups, "").objects)
    if (!api::is_terminal_phase(api::phase_of(object->dom()))) uids.insert(object->uid());
  return uids;
}

bool Janitor::may_free(const Store& store, const std::string& key, WallTime now) {
  const auto place = parse_key(key);
  const auto retention = parse_duration(store.trash_retention);
  const auto text = store.blobs->get(key);
  if (!place || !retention || !text) return false;
  const auto& [ns, uid] = *place;
  api::Json mark = api::Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  const auto deleted = from_rfc3339(api::text_member(mark, "deleted"));
  if (!deleted) return false;
  const bool marked = api::member(mark, "freeing").is_boolean();
  // What was freed in part is finished whatever the clock says.
  if (!marked && now < *deleted + std::chrono::duration_cast<std::chrono::microseconds>(*retention))
    return false;
  const std::string name =
      api::text_member(api::member(api::member(mark, "object"), "metadata"), "name");
  const auto live = environment_.catalog->get({api::kBackups, ns, name});
  if (live && (*live)->uid() == uid) {
    freeing_.erase(uid);  // a removal that failed, or brought back: the object counts
    return false;
  }
  auto [entry, is_new] = freeing_.try_emplace(uid, Freeing{&store, ns, name, {}});
  if (is_new) {
    entry->second.waits_for = running_backups();
    if (marked) return false;  // the next look
    mark["freeing"] = true;
    if (const Status written = storage::put(*store.blobs, key, as_bytes(mark.dump())); !written)
      freeing_.erase(entry);
    return false;
  }
  const std::set<std::string> running = running_backups();
  return std::ranges::none_of(entry->second.waits_for,
                              [&](const std::string& one) { return running.contains(one); });
}

void Janitor::empty_trash(const Store& store, WallTime now, const std::stop_token& stop) {
  const auto marks = store.blobs->list("trash/");
  if (!marks) return;
  std::vector<storage::BackupName> doomed;
  for (const storage::BlobInfo& mark : *marks)
    if (may_free(store, mark.key, now)) {
      const auto place = parse_key(mark.key);
      doomed.push_back({place->first, place->second});
    }
  if (doomed.empty()) return;
  const auto freed = storage::free_backups(*store.blobs, doomed, stop);
  if (!freed) {
    log::warn("the trash could not be emptied",
              {{"store", store.name}, {"error", freed.error().text()}});
    return;
  }
  for (const storage::BackupName& backup : freed->wholly) {
    const auto entry = freeing_.find(backup.uid);
    const std::string name = entry == freeing_.end() ? backup.uid : entry->second.name;
    (void)environment_.stores.front().blobs->remove(JobLog::key(backup.ns, backup.uid));
    // The mark last: as long as it is there, the next look goes on with what is left.
    if (const Status removed = store.blobs->remove("trash/" + backup.ns + "/" + backup.uid);
        !removed)
      log::warn("a mark could not be removed from the trash",
                {{"backup", name}, {"error", removed.error().text()}});
    freeing_.erase(backup.uid);
    log::info("freed a deleted backup", {{"namespace", backup.ns}, {"name", name}});
  }
  if (freed->bytes > 0)
    log::info("emptied the trash", {{"store", store.name}, {"bytes", freed->bytes}});
}

}  // namespace gb::jobs
