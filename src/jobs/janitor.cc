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
constexpr std::chrono::hours kNeededAgain{1};
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
  if (stop.stop_requested() || now < next_sweep_) return;
  next_sweep_ = now + kSweepEvery;
  sweep_logs();
  for (const Store& store : environment_.stores) sweep_failed(store, stop);
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

const std::set<std::string>& Janitor::running_jobs() {
  if (running_) return *running_;
  running_.emplace();
  for (const char* resource : {api::kBackups, api::kRestores})
    for (const api::ObjectPtr& object : environment_.catalog->list(resource, "").objects)
      if (!place_of_work(object->dom()).is_null()) running_->insert(object->uid());
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
    // A replica that died may have marked it: which jobs ran then is not known, so those of now.
    if (mark.freeing || begin_freeing(mark)) freeing_.emplace(mark.uid, running_jobs());
    return false;  // the next look
  }
  return std::ranges::none_of(entry->second,
                              [&](const std::string& one) { return running_jobs().contains(one); });
}

std::map<std::string, std::vector<TrashMark>> Janitor::due_marks(const Store& store, WallTime now) {
  std::map<std::string, std::vector<TrashMark>> due_by_ns;
  const auto listed = store.blobs->list(kTrash);
  if (!listed) return due_by_ns;
  const std::map<std::string, WallTime> known = std::exchange(not_before_[&store], {});
  const std::map<std::string, WallTime> needed = std::exchange(needed_by_others_[&store], {});
  std::vector<std::string> waiting;
  for (const storage::BlobInfo& info : *listed) {
    // One that was brought back and deleted again is due later than it was: then it is read again.
    if (const auto at = known.find(info.key); at != known.end() && now < at->second) {
      not_before_[&store].insert(*at);
      continue;
    }
    if (const auto at = needed.find(info.key); at != needed.end() && now < at->second) {
      needed_by_others_[&store].insert(*at);
      waiting.push_back(info.key);
      continue;
    }
    auto mark = read_mark(store, info.key);
    if (!mark) {
      if (mark.error().code == Code::kNotFound) continue;
      log::warn("the trash holds what cannot be freed", {{"error", mark.error().text()}});
      not_before_[&store].emplace(info.key, now + kUnreadableAgain);
    } else if (may_free(*mark, now)) {
      due_by_ns[mark->ns].push_back(std::move(*mark));
    } else if (const auto due = mark->due(); !mark->freeing && due && now < *due) {
      not_before_[&store].emplace(info.key, *due);
    }
  }
  for (const std::string& key : waiting) {
    const auto due = due_by_ns.find(split(key, '/').at(1));
    if (due == due_by_ns.end()) continue;
    if (auto mark = read_mark(store, key)) due->second.push_back(std::move(*mark));
  }
  return due_by_ns;
}

void Janitor::free_marks(const Store& store, const std::vector<TrashMark>& marks, WallTime now,
                         const std::stop_token& stop) {
  std::vector<storage::BackupName> names;
  for (const TrashMark& mark : marks) names.push_back({mark.ns, mark.uid});
  const auto freed = storage::free_backups(*store.blobs, names, stop);
  if (!freed) {
    log::warn(
        "the trash could not be emptied",
        {{"store", store.name}, {"namespace", marks.front().ns}, {"error", freed.error().text()}});
    return;
  }
  for (const TrashMark& mark : marks) {
    if (std::ranges::find(freed->wholly, storage::BackupName{mark.ns, mark.uid}) ==
        freed->wholly.end()) {
      needed_by_others_[&store].insert_or_assign(mark.key, now + kNeededAgain);
      continue;
    }
    needed_by_others_[&store].erase(mark.key);
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

void Janitor::empty_trash(const Store& store, WallTime now, const std::stop_token& stop) {
  for (const auto& [ns, marks] : due_marks(store, now)) {
    if (stop.stop_requested()) return;
    free_marks(store, marks, now, stop);
  }
}

void Janitor::sweep_failed(const Store& store, const std::stop_token& stop) {
  const auto listed = store.blobs->list("data/");
  if (!listed) return;
  std::set<storage::BackupName> there;
  for (const storage::BlobInfo& blob : *listed)
    if (const auto parts = split(blob.key, '/'); parts.size() == 4)
      there.insert({parts[1], parts[2]});
  for (const api::ObjectPtr& object : environment_.catalog->list(api::kBackups, "").objects) {
    const storage::BackupName name{object->key().ns, object->uid()};
    const std::string phase = api::phase_of(object->dom());
    if (stop.stop_requested()) return;
    if (!api::is_terminal_phase(phase) || phase == "Completed" || !there.contains(name)) continue;
    if (const Status gone = storage::remove_backup(*store.blobs, name); !gone)
      log::warn("what a failed backup wrote could not be removed",
                {{"name", object->key().name}, {"error", gone.error().text()}});
    else
      log::info("removed what a failed backup had left",
                {{"namespace", name.ns}, {"name", object->key().name}});
  }
}

void Janitor::sweep_logs() {
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
