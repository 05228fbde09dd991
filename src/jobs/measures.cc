#include "jobs/measures.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "api/text.h"
#include "api/types.h"
#include "base/text.h"
#include "jobs/facts.h"
#include "jobs/follower.h"
#include "jobs/prudent_clock.h"
#include "jobs/schedule.h"

namespace gb::jobs {
namespace {

using api::Json;
using metrics::Gauges;
using metrics::Labels;

constexpr const char* kBackup = "backup";
constexpr const char* kRestore = "restore";

double seconds_of(WallTime time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

double seconds_of(WallSeconds time) {
  return static_cast<double>(time.time_since_epoch().count());
}

// How a verification came out, and when; nothing where none was.
struct Verdict {
  bool good = false;
  WallTime time;
};

std::optional<Verdict> verdict_of(const Json& object) {
  for (const Json& one : api::at_path(object, "status.conditions")) {
    if (api::text_member(one, "type") != "Verified") continue;
    const std::string reason = api::text_member(one, "reason");
    const bool good = api::text_member(one, "status") == "True";
    if (!good && (api::text_member(one, "status") != "False" || reason == "NotRequested"))
      return std::nullopt;
    auto time = from_rfc3339(api::text_member(one, "lastTransitionTime"));
    // A verification that is repeated with the same result moves only this time.
    if (const auto verified = facts::time_at(object, "status.verification.time"); good && verified)
      return Verdict{true, *verified};
    if (!time) return std::nullopt;
    return Verdict{good, *time};
  }
  return std::nullopt;
}

// A restore that found its backup damaged compared nothing: its end says so.
std::optional<Verdict> verdict_of_restore(const Json& restore) {
  if (auto verdict = verdict_of(restore)) return verdict;
  const auto ended = facts::time_at(restore, "status.completionTime");
  if (api::phase_of(restore) != "Failed" || !ended) return std::nullopt;
  for (const Json& one : api::at_path(restore, "status.conditions"))
    if (api::text_member(one, "type") == "Completed" &&
        api::text_member(one, "reason") == to_string(Code::kCorruption))
      return Verdict{false, *ended};
  return std::nullopt;
}

std::optional<std::uint64_t> quantity_at(const Json& object, std::string_view path) {
  const Json& value = api::at_path(object, path);
  if (!value.is_string()) return std::nullopt;
  const auto bytes = parse_quantity(value.get<std::string>());
  return bytes ? std::optional<std::uint64_t>(*bytes) : std::nullopt;
}

}  // namespace

struct Measures::Backup {
  struct Part {
    std::string instance;
    WallTime snapshot;
    std::uint64_t bytes = 0;  // of rows
  };

  explicit Backup(const Json& dom)
      : phase(api::phase_of(dom)),
        good(facts::good(dom)),
        partial(facts::partial(dom)),
        verdict(verdict_of(dom)),
        completed(facts::time_at(dom, "status.completionTime")),
        took(facts::duration_of(dom)),
        stored(quantity_at(dom, "status.size.stored")),
        added(quantity_at(dom, "status.size.added")) {
    const api::BackupSpec spec = api::read_backup_spec(dom);
    store = spec.store;
    for (const std::string& name : spec.database_instances)
      parts.push_back({name, facts::snapshot_of(dom, name), facts::bytes_of(dom, name)});
  }

  std::string phase;
  bool good;
  bool partial;
  std::optional<Verdict> verdict;
  std::optional<WallTime> completed;
  std::optional<std::int64_t> took;  // seconds
  std::optional<std::uint64_t> stored;
  std::optional<std::uint64_t> added;
  std::string store;
  std::vector<Part> parts;
};

struct Measures::Restore {
  explicit Restore(const Json& dom)
      : phase(api::phase_of(dom)),
        targets(facts::targets_of(dom)),
        blocks((phase == "SafetyBackup" || phase == "Restoring" || phase == "Verifying") &&
               api::read_restore_spec(dom).block_traffic),
        verdict(verdict_of_restore(dom)),
        completed(facts::time_at(dom, "status.completionTime")),
        pace(phase == "Completed" ? facts::pace_of(dom) : std::nullopt) {
    if (!api::read_restore_spec(dom).follow || api::is_terminal_phase(phase)) return;
    // Not status.follow.lagSeconds, which stays as it was when the last backup arrived. Before the
    // first one it is behind since it was made.
    follows_since = facts::time_at(dom, "status.follow.snapshotTime");
    if (!follows_since) follows_since = facts::time_at(dom, "metadata.creationTimestamp");
  }

  std::string phase;
  std::set<std::string> targets;
  bool blocks;
  std::optional<Verdict> verdict;
  std::optional<WallTime> completed;
  std::optional<facts::Pace> pace;
  std::optional<WallTime> follows_since;  // of one that follows: the moment of the target's data
};

struct Measures::Schedule {
  explicit Schedule(const Json& dom)
      : created(facts::time_at(dom, "metadata.creationTimestamp")),
        enabled(facts::time_at(dom, "status.enabledTime")),
        last_success(facts::time_at(dom, "status.lastSuccessfulTime")),
        next(facts::time_at(dom, "status.nextScheduleTime")),
        failures(api::number_member(api::member(dom, "status"), "consecutiveFailures")),
        suspended(api::read_schedule_spec(dom).suspend),
        instances(facts::texts(api::at_path(dom, "spec.template.spec.databaseInstances"))),
        active_deadline(api::read_backup_spec(api::at_path(dom, "spec.template")).active_deadline) {
    if (auto read = read_schedule(dom)) schedule = std::move(*read);
  }

  std::optional<jobs::Schedule> schedule;  // absent: it cannot be understood
  std::optional<WallTime> created;
  std::optional<WallTime> enabled;
  std::optional<WallTime> last_success;
  std::optional<WallTime> next;
  std::uint64_t failures;
  bool suspended;
  std::vector<std::string> instances;
  std::chrono::seconds active_deadline;
};

// Only what changed since the last scrape is parsed: a store holds thousands of objects that ended
// long ago.
struct Measures::Memory {
  template <typename Read>
  struct Entry {
    std::uint64_t revision = 0;
    api::ObjectKey key;
    api::Labels labels;
    std::shared_ptr<const Read> read;
  };
  template <typename Read>
  using Entries = std::map<std::string, Entry<Read>>;  // by uid

  template <typename Read>
  static void refresh(Entries<Read>& entries, const std::vector<api::ObjectPtr>& objects) {
    std::set<std::string> present;
    for (const api::ObjectPtr& object : objects) {
      present.insert(object->uid());
      Entry<Read>& entry = entries[object->uid()];
      if (entry.read != nullptr && entry.revision == object->revision()) continue;
      entry = {object->revision(), object->key(), object->labels(),
               std::make_shared<const Read>(object->dom())};
    }
    std::erase_if(entries, [&](const auto& entry) { return !present.contains(entry.first); });
  }

  Entries<Backup> backups;
  Entries<Restore> restores;
  Entries<Schedule> schedules;
};

class Measures::Report {
 public:
  Report(const Memory& memory, WallTime now) : memory_(memory), now_(now) {}

  void objects(const std::vector<GateHolder>& shut) {
    for (const auto& [uid, entry] : memory_.backups) take_backup(entry.key, *entry.read);
    for (const auto& [uid, entry] : memory_.restores) take_restore(entry.key, *entry.read);
    for (const auto& [uid, entry] : memory_.schedules)
      for (const std::string& name : entry.read->instances) instances_[{entry.key.ns, name}];
    for (const GateHolder& holder : shut) instances_[{holder.ns, holder.instance}].blocked = true;
    for (const auto& [key, instance] : instances_) tell_instance(key, instance);
    tell_jobs();
    for (const auto& [uid, entry] : memory_.schedules) tell_schedule(entry.key, *entry.read);
  }

  void stores(const std::vector<api::ObjectPtr>& objects) {
    for (const api::ObjectPtr& object : objects) {
      const Json dom = object->dom();
      const Json& status = api::member(dom, "status");
      const Labels labels{{"store", object->key().name}};
      add(store_up_, labels, api::text_member(status, "phase") == "Available" ? 1 : 0);
      add(store_backups_, labels, static_cast<double>(api::number_member(status, "backups")));
      add(store_stored_, labels, static_cast<double>(api::number_member(status, "storedBytes")));
      for (const auto& [family, field] :
           {std::pair(&store_free_, "freeBytes"), std::pair(&store_capacity_, "capacityBytes")})
        if (const Json& bytes = api::member(status, field); bytes.is_number())
          add(*family, labels, bytes.get<double>());
      std::uint64_t largest = 0;
      for (const auto& [uid, entry] : memory_.backups)
        if (entry.read->good && entry.read->store == object->key().name)
          largest = std::max(largest, entry.read->stored.value_or(0));
      add(store_largest_, labels, static_cast<double>(largest));
    }
  }

  std::vector<Gauges> families() && {
    std::vector<Gauges> out;
    for (Gauges* family :
         {&success_,      &partial_,        &snapshot_,     &duration_,      &size_,
          &stored_,       &added_,          &verified_,     &verdict_,       &rpo_,
          &rto_,          &blocked_,        &queued_,       &running_,       &schedule_success_,
          &schedule_due_, &schedule_next_,  &failures_,     &suspended_,     &store_up_,
          &store_free_,   &store_capacity_, &store_stored_, &store_largest_, &store_backups_,
          &follow_lag_})
      out.push_back(std::move(*family));
    return out;
  }

 private:
  using Key = std::pair<std::string, std::string>;  // namespace, name
  struct Instance {
    const Backup* whole = nullptr;  // the newest good backup of everything
    const Backup* part = nullptr;   // the newest good one of a part
    std::optional<WallTime> verified;
    std::map<std::string, Verdict> verdicts;  // the last one, by the kind of job
    std::optional<std::pair<WallTime, facts::Pace>> restored;
    bool blocked = false;
  };
  struct Count {
    unsigned queued = 0;
    unsigned running = 0;
  };

  static void add(Gauges& family, const Labels& labels, double value) {
    family.series.emplace_back(labels, value);
  }

  static const Backup::Part& part_of(const Backup& backup, const std::string& instance) {
    return *std::ranges::find(backup.parts, instance, &Backup::Part::instance);
  }

  void count(const api::ObjectKey& key, const char* kind, const std::string& phase) {
    Count& count = counts_[{key.ns, kind}];
    if (phase == kFollowing) return;  // what it takes in are restores of their own
    if (phase == "Pending")
      ++count.queued;
    else if (!phase.empty() && !api::is_terminal_phase(phase))
      ++count.running;
  }

  static void judge(Instance& instance, const char* kind, const std::optional<Verdict>& verdict) {
    if (!verdict) return;
    const auto [last, is_first] = instance.verdicts.emplace(kind, *verdict);
    if (!is_first && last->second.time < verdict->time) last->second = *verdict;
  }

  void take_backup(const api::ObjectKey& key, const Backup& backup) {
    count(key, kBackup, backup.phase);
    for (const Backup::Part& part : backup.parts) {
      Instance& instance = instances_[{key.ns, part.instance}];
      judge(instance, kBackup, backup.verdict);
      if (!backup.good) continue;
      const Backup*& newest = backup.partial ? instance.part : instance.whole;
      if (newest == nullptr ||
          newness(part_of(*newest, part.instance).snapshot, now_) < newness(part.snapshot, now_))
        newest = &backup;
      if (backup.verdict && backup.verdict->good)
        instance.verified = std::max(instance.verified.value_or(WallTime{}), backup.verdict->time);
    }
  }

  void take_restore(const api::ObjectKey& key, const Restore& restore) {
    count(key, kRestore, restore.phase);
    for (const std::string& name : restore.targets) {
      Instance& instance = instances_[{key.ns, name}];
      judge(instance, kRestore, restore.verdict);
      if (restore.blocks) instance.blocked = true;
      remember_pace(instance.restored, restore);
    }
    remember_pace(restored_[key.ns], restore);
    if (restore.follows_since)
      add(follow_lag_, {{"namespace", key.ns}, {"restore", key.name}},
          static_cast<double>(facts::seconds_between(*restore.follows_since, now_)));
  }

  static void remember_pace(std::optional<std::pair<WallTime, facts::Pace>>& newest,
                            const Restore& restore) {
    if (!restore.pace || !restore.completed) return;
    if (!newest || newest->first < *restore.completed) newest = {*restore.completed, *restore.pace};
  }

  void tell_instance(const Key& key, const Instance& instance) {
    const Labels labels{{"namespace", key.first}, {"database_instance", key.second}};
    add(blocked_, labels, instance.blocked ? 1 : 0);
    if (instance.verified) add(verified_, labels, seconds_of(*instance.verified));
    for (const auto& [kind, verdict] : instance.verdicts) {
      Labels with_kind = labels;
      with_kind["kind"] = kind;
      add(verdict_, with_kind, verdict.good ? 1 : 0);
    }
    const Backup* backup = instance.whole != nullptr ? instance.whole : instance.part;
    if (backup == nullptr) return;
    const Backup::Part& part = part_of(*backup, key.second);
    if (backup->completed) add(success_, labels, seconds_of(*backup->completed));
    add(partial_, labels, instance.whole == nullptr ? 1 : 0);
    add(snapshot_, labels, seconds_of(part.snapshot));
    if (backup->took) add(duration_, labels, static_cast<double>(*backup->took));
    add(size_, labels, static_cast<double>(part.bytes));
    if (backup->stored) add(stored_, labels, static_cast<double>(*backup->stored));
    if (backup->added) add(added_, labels, static_cast<double>(*backup->added));
    // A part of an instance is no answer to its loss.
    if (instance.whole == nullptr) return;
    add(rpo_, labels, static_cast<double>(facts::seconds_between(part.snapshot, now_)));
    const auto& restored = instance.restored ? instance.restored : restored_[key.first];
    const auto pace = restored ? std::optional<facts::Pace>(restored->second) : std::nullopt;
    if (const auto takes = facts::restore_seconds(part.bytes, pace, backup->took))
      add(rto_, labels, static_cast<double>(*takes));
  }

  void tell_jobs() {
    for (const auto& [key, count] : counts_) {
      const Labels labels{{"namespace", key.first}, {"kind", key.second}};
      add(queued_, labels, count.queued);
      add(running_, labels, count.running);
    }
  }

  // How long the newest good backup of a schedule took; zero when there is none.
  [[nodiscard]] std::chrono::seconds last_took(const api::ObjectKey& schedule) const {
    std::chrono::seconds took{0};
    WallTime newest{};
    for (const auto& [uid, entry] : memory_.backups) {
      const auto label = entry.labels.find(kScheduleLabel);
      if (entry.key.ns != schedule.ns || label == entry.labels.end() ||
          label->second != schedule.name || !entry.read->good || !entry.read->completed ||
          *entry.read->completed < newest)
        continue;
      newest = *entry.read->completed;
      took = std::chrono::seconds(entry.read->took.value_or(0));
    }
    return took;
  }

  // From when a success of the schedule is waited for. What a clock dated that was ahead does not
  // put that off until then.
  [[nodiscard]] WallTime expected_since(const Schedule& told) const {
    const auto has_been = [&](const std::optional<WallTime>& time) {
      return time && !is_ahead(*time, now_);
    };
    WallTime since{};
    if (has_been(told.enabled))
      since = *told.enabled;
    else if (has_been(told.created))
      since = *told.created;
    if (has_been(told.last_success)) since = std::max(since, *told.last_success);
    return since == WallTime{} ? now_ : since;
  }

  void tell_schedule(const api::ObjectKey& key, const Schedule& told) {
    const Labels labels{{"namespace", key.ns}, {"schedule", key.name}};
    if (told.last_success) add(schedule_success_, labels, seconds_of(*told.last_success));
    add(failures_, labels, static_cast<double>(told.failures));
    add(suspended_, labels, told.suspended ? 1 : 0);
    if (told.suspended) return;  // nothing is due
    const WallTime since = expected_since(told);
    // It runs nothing, whenever that would be due: there is nothing to wait for.
    if (!told.schedule) return add(schedule_due_, labels, seconds_of(since));
    if (told.next) add(schedule_next_, labels, seconds_of(*told.next));
    if (const auto due =
            success_due(*told.schedule, std::chrono::floor<std::chrono::seconds>(since),
                        told.active_deadline, last_took(key)))
      add(schedule_due_, labels, seconds_of(*due));
  }

  const Memory& memory_;
  const WallTime now_;
  std::map<Key, Instance> instances_;
  std::map<Key, Count> counts_;  // by namespace and kind
  std::map<std::string, std::optional<std::pair<WallTime, facts::Pace>>> restored_;  // by namespace

  Gauges success_{"galera_backup_last_success_timestamp_seconds",
                  "When the newest good backup of an instance completed.",
                  {}};
  Gauges partial_{"galera_backup_last_success_partial",
                  "Whether that backup holds only a part of the instance: there is none of "
                  "everything.",
                  {}};
  Gauges snapshot_{
      "galera_backup_last_snapshot_timestamp_seconds", "The moment that that backup shows.", {}};
  Gauges duration_{"galera_backup_last_success_duration_seconds", "How long that backup took.", {}};
  Gauges size_{
      "galera_backup_last_success_size_bytes", "Bytes of the instance's rows in that backup.", {}};
  Gauges stored_{"galera_backup_last_success_stored_bytes",
                 "Bytes that everything takes that that backup refers to, all its instances "
                 "together, rounded as status.size is.",
                 {}};
  Gauges added_{"galera_backup_last_success_added_bytes",
                "Bytes that that backup put into the store, all its instances together, rounded "
                "as status.size is.",
                {}};
  Gauges verified_{"galera_backup_last_verified_timestamp_seconds",
                   "When a good backup of an instance was verified last.",
                   {}};
  Gauges verdict_{"galera_backup_last_verification_success",
                  "Whether the last verification of a backup or restore of an instance succeeded.",
                  {}};
  Gauges rpo_{"galera_backup_rpo_seconds",
              "What would be lost now with an instance: the time since the snapshot of its newest "
              "good backup of everything.",
              {}};
  Gauges rto_{"galera_backup_rto_seconds",
              "An estimate of how long a restore of that backup would take, by bytes as fast as "
              "the last one went; before the first one, a guess by how long the backup took.",
              {}};
  Gauges blocked_{"galera_backup_traffic_blocked",
                  "Whether a restore keeps applications away from an instance.",
                  {}};
  Gauges queued_{"galera_backup_queued_jobs", "Jobs that wait for their turn.", {}};
  Gauges running_{"galera_backup_running_jobs", "Jobs that run.", {}};
  Gauges schedule_success_{"galera_backup_schedule_last_success_timestamp_seconds",
                           "When a backup of a schedule completed last.",
                           {}};
  Gauges schedule_due_{"galera_backup_schedule_success_due_timestamp_seconds",
                       "Until when the next backup of a schedule that is not suspended has to be "
                       "complete for it to be within the schedule.",
                       {}};
  Gauges schedule_next_{"galera_backup_schedule_next_run_timestamp_seconds",
                        "When the next run of a schedule is due, without jitter.",
                        {}};
  Gauges failures_{"galera_backup_schedule_consecutive_failures",
                   "Runs and tries of a schedule that failed since one succeeded.",
                   {}};
  Gauges suspended_{"galera_backup_schedule_suspended", "Whether a schedule is suspended.", {}};
  Gauges store_up_{"galera_backup_store_up", "Whether a store answers and can be written to.", {}};
  Gauges store_free_{"galera_backup_store_free_bytes", "Bytes that are free in a store.", {}};
  Gauges store_capacity_{"galera_backup_store_capacity_bytes",
                         "Bytes that the place of a store holds in all, whoever uses them.",
                         {}};
  Gauges store_stored_{
      "galera_backup_store_stored_bytes", "Bytes that the backups of a store take.", {}};
  Gauges store_largest_{"galera_backup_store_largest_backup_bytes",
                        "Bytes of everything that the largest backup of a store refers to: what "
                        "the next one could need at most.",
                        {}};
  Gauges store_backups_{"galera_backup_store_backups", "Completed backups in a store.", {}};
  Gauges follow_lag_{"galera_backup_follow_lag_seconds",
                     "How old the data are that a restore keeps on a standby, by spec.follow.",
                     {}};
};

Measures::Measures(const Environment& environment, StoreObjects stores, ShutGates gates)
    : environment_(environment),
      stores_(std::move(stores)),
      gates_(std::move(gates)),
      memory_(std::make_unique<Memory>()) {
  if (environment_.metrics != nullptr)
    joined_ = environment_.metrics->collect([this] { return collect(); });
}

Measures::~Measures() = default;

std::vector<metrics::Gauges> Measures::collect() {
  const std::scoped_lock lock(mutex_);
  Memory::refresh(memory_->backups, environment_.catalog->list(api::kBackups, "").objects);
  Memory::refresh(memory_->restores, environment_.catalog->list(api::kRestores, "").objects);
  Memory::refresh(memory_->schedules, environment_.catalog->list(api::kSchedules, "").objects);
  Report report(*memory_, environment_.clock->now());
  report.objects(gates_());
  report.stores(stores_());
  return std::move(report).families();
}

}  // namespace gb::jobs
