#include "jobs/janitor.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "api/text.h"
#include "base/guarded.h"
#include "base/log.h"
#include "base/text.h"
#include "base/wait.h"
#include "jobs/expiry.h"
#include "jobs/job_log.h"
#include "storage/repo/repo.h"

namespace gb::jobs {
namespace {

constexpr std::chrono::seconds kJanitorLook{30};
constexpr std::chrono::hours kUnreadableAgain{1};
constexpr std::chrono::hours kSweepEvery{1};
constexpr std::chrono::hours kJudgeEvery{1};
constexpr std::chrono::minutes kRememberEvery{10};

}  // namespace

Janitor::Janitor(const Environment& environment)
    : environment_(environment),
      clock_(*environment.clock,
             known_time(*environment.stores.front().blobs, *environment.catalog)) {
  (void)clock_.now();
  remember(clock_.believed());  // before anything is dated by a clock that may be wrong
  thread_ = std::jthread([this](const std::stop_token& stop) {
    while (sleep_for(stop, kJanitorLook))
      (void)guarded("a look at what expires", [&] { look(stop); });
  });
}

void Janitor::look(const std::stop_token& stop) {
  // A store that does not answer is told by its GaleraBackupStore; nothing can be tidied meanwhile.
  if (!environment_.catalog->health()) return;
  const WallTime now = clock_.now();
  remember(clock_.believed());
  running_.reset();
  expire(now, stop);
  for (const Store& store : environment_.stores)
    if (!stop.stop_requested()) empty_trash(store, now, stop);
  if (!stop.stop_requested() && now >= next_sweep_) sweep_logs(now);
}

void Janitor::remember(WallTime believed) {
  const auto moved = believed > remembered_ ? believed - remembered_ : remembered_ - believed;
  if (moved < kRememberEvery) return;
  const Status written = remember_time(*environment_.stores.front().blobs, believed);
  if (written)
    remembered_ = believed;
  else
    log::warn("what is known of the time could not be written; it is tried again",
              {{"error", written.error().text()}});
}

void Janitor::expire(WallTime now, const std::stop_token& stop) {
  std::vector<Expiring> expiring = expiring_by_ttl(environment_, now);
  // What rules keep depends on the objects, and hardly on the time. Where new backups are dated
  // before older ones, rules that look at dates would take the wrong ones.
  const std::uint64_t revision = environment_.catalog->revision();
  const SteadyTime steady = environment_.clock->steady_now();
  if (!clock_.set_back() && (revision != judged_ || steady - judged_at_ >= kJudgeEvery)) {
    for (const api::ObjectPtr& object : environment_.catalog->list(api::kSchedules, "").objects) {
      const api::Json dom = object->dom();
      const auto schedule = read_schedule(dom);
      if (object->being_deleted() || !schedule) continue;
      auto more = expiring_by_schedule(environment_, dom, *schedule, now);
      expiring.insert(expiring.end(), std::make_move_iterator(more.begin()),
                      std::make_move_iterator(more.end()));
    }
    judged_ = revision;
    judged_at_ = steady;
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

const std::set<std::string>& Janitor::running_backups() {
  if (running_) return *running_;
  running_.emplace();
  for (const api::ObjectPtr& object : environment_.catalog->list(api::kBackups, "").objects)
    if (!api::is_terminal_phase(api::phase_of(object->dom()))) running_->insert(object->uid());
  return *running_;
}

bool Janitor::may_free(const TrashMark& mark, WallTime now) {
  const auto due = mark.due();
  // What was freed in part is finished whatever the clock says.
  if (!mark.freeing && (!due || now < *due)) return false;
  const auto live = environment_.catalog->get({api::kBackups, mark.ns, mark.name});
  if (live && (*live)->uid() == mark.uid) {
    freeing_.erase(mark.uid);  // a removal that failed, or brought back: the object counts
    return false;
  }
  const auto entry = freeing_.find(mark.uid);
  if (entry == freeing_.end()) {
    // A replica that died may have marked it: which backups ran then is not known, so those of now.
    if (mark.freeing || begin_freeing(mark)) freeing_.emplace(mark.uid, running_backups());
    return false;  // the next look
  }
  return std::ranges::none_of(
      entry->second, [&](const std::string& one) { return running_backups().contains(one); });
}

void Janitor::empty_trash(const Store& store, WallTime now, const std::stop_token& stop) {
  const auto listed = store.blobs->list(kTrash);
  if (!listed) return;
  std::map<std::string, WallTime> not_before;
  std::vector<TrashMark> doomed;
  for (const storage::BlobInfo& info : *listed) {
    // One that was brought back and deleted again is due later than it was: then it is read again.
    if (const auto known = not_before_[&store].find(info.key);
        known != not_before_[&store].end() && now < known->second) {
      not_before.insert(*known);
      continue;
    }
    auto mark = read_mark(store, info.key);
    if (!mark) {
      if (mark.error().code == Code::kNotFound) continue;
      log::warn("the trash holds what can not be freed", {{"error", mark.error().text()}});
      not_before.emplace(info.key, now + kUnreadableAgain);
    } else if (may_free(*mark, now)) {
      doomed.push_back(std::move(*mark));
    } else if (const auto due = mark->due(); !mark->freeing && due && now < *due) {
      not_before.emplace(info.key, *due);
    }
  }
  not_before_[&store] = std::move(not_before);
  if (doomed.empty()) return;
  std::vector<storage::BackupName> names;
  for (const TrashMark& mark : doomed) names.push_back({mark.ns, mark.uid});
  const auto freed = storage::free_backups(*store.blobs, names, stop);
  if (!freed) {
    log::warn("the trash could not be emptied",
              {{"store", store.name}, {"error", freed.error().text()}});
    return;
  }
  for (const TrashMark& mark : doomed) {
    if (std::ranges::none_of(freed->wholly, [&](const storage::BackupName& backup) {
          return backup.ns == mark.ns && backup.uid == mark.uid;
        }))
      continue;
    (void)environment_.stores.front().blobs->remove(JobLog::key(mark.ns, mark.uid));
    // The mark last: as long as it is there, the next look goes on with what is left.
    if (const Status removed = store.blobs->remove(mark.key); !removed)
      log::warn("a mark could not be removed from the trash",
                {{"backup", mark.name}, {"error", removed.error().text()}});
    freeing_.erase(mark.uid);
    log::info("freed a deleted backup", {{"namespace", mark.ns}, {"name", mark.name}});
  }
  if (freed->bytes > 0)
    log::info("emptied the trash", {{"store", store.name}, {"bytes", freed->bytes}});
}

void Janitor::sweep_logs(WallTime now) {
  next_sweep_ = now + kSweepEvery;
  std::set<std::string> owned;
  for (const Store& store : environment_.stores) {
    const auto marks = store.blobs->list(kTrash);
    if (!marks) return;
    for (const storage::BlobInfo& mark : *marks)
      owned.insert(JobLog::kFolder + mark.key.substr(std::string_view(kTrash).size()));
  }
  storage::BlobStore& blobs = *environment_.stores.front().blobs;
  const auto logs = blobs.list(JobLog::kFolder);
  if (!logs) return;
  // After the logs: a job that began meanwhile has its object by now, or was not listed.
  for (const char* resource : {api::kBackups, api::kRestores})
    for (const api::ObjectPtr& object : environment_.catalog->list(resource, "").objects)
      owned.insert(JobLog::key(object->key().ns, object->uid()));
  std::set<std::string> ownerless;
  for (const storage::BlobInfo& log : *logs) {
    if (owned.contains(log.key)) continue;
    // The log of a job that is about to be recorded is older than its object, but not by an hour.
    if (!ownerless_.contains(log.key)) {
      ownerless.insert(log.key);
    } else if (const Status removed = blobs.remove(log.key); !removed) {
      log::warn("the log of a job that is known no more could not be removed",
                {{"key", log.key}, {"error", removed.error().text()}});
      ownerless.insert(log.key);
    }
  }
  ownerless_ = std::move(ownerless);
}

}  // namespace gb::jobs
