#include "jobs/schedule.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "api/schema.h"
#include "api/text.h"
#include "base/text.h"
#include "storage/crypto/digest.h"

namespace gb::jobs {
namespace {

constexpr unsigned kCountedMissed = 100;
// What passes until all but the last try of a run have failed: 1, 2, 4 and 8 minutes.
constexpr std::chrono::seconds kTimeOfTries = kFirstRetry * ((1U << (kTriesOfARun - 2)) - 1);

std::optional<WallSeconds> time_at(const api::Json& status, std::string_view name) {
  const auto time = from_rfc3339(api::text_member(status, name));
  if (!time) return {};
  return std::chrono::floor<std::chrono::seconds>(*time);
}

unsigned count_at(const api::Json& status, std::string_view name) {
  const api::Json& count = api::member(status, name);
  return count.is_number_unsigned() ? count.get<unsigned>() : 0;
}

// Runs that were due after `settled` and before `due`.
unsigned count_missed(const Schedule& schedule, WallSeconds due) {
  unsigned missed = 0;
  for (auto time = schedule.next_after(schedule.settled); time && *time < due;
       time = schedule.next_after(*time))
    if (++missed == kCountedMissed) break;
  return missed;
}

// The run that is to be dealt with now: the last one that has waited for its jitter, else the one
// that waits for it; absent: none is due.
std::optional<WallSeconds> due_now(const Schedule& schedule, WallSeconds now) {
  const auto first = schedule.next_after(schedule.settled);
  if (!first || *first > now) return {};
  const auto last = schedule.cron.last(now, *first, schedule.zone);
  if (last == first || now >= *last + jitter_of(schedule, *last)) return last;
  return schedule.cron.last(*last - std::chrono::seconds{1}, *first, schedule.zone);
}

// When the last run is tried again, if it is; in the past, after an outage.
std::optional<WallSeconds> retry_at(const Schedule& schedule, WallSeconds failed_at,
                                    WallSeconds now) {
  if (!schedule.last_due || schedule.attempt == 0 || schedule.attempt >= kTriesOfARun) return {};
  const WallSeconds at = failed_at + kFirstRetry * (1U << (schedule.attempt - 1));
  const auto deadline = schedule.spec.starting_deadline;
  if (deadline && std::max(at, now) > *schedule.last_due + *deadline) return {};
  return at;
}

}  // namespace

Result<Schedule> read_schedule(const api::Json& object) {
  const api::Json& metadata = api::member(object, "metadata");
  const api::Json& status = api::member(object, "status");
  Schedule schedule;
  schedule.name = api::text_member(metadata, "name");
  schedule.uid = api::text_member(metadata, "uid");
  schedule.spec = api::read_schedule_spec(object);
  GB_TRY_ASSIGN(schedule.cron, Cron::parse(schedule.spec.schedule));
  GB_TRY_ASSIGN(schedule.zone, TimeZone::find(schedule.spec.time_zone));
  schedule.phase = api::text_member(status, "phase");
  schedule.active = api::text_member(status, "active");
  schedule.last_backup = api::text_member(status, "lastBackup");
  schedule.last_due = time_at(status, "lastScheduleTime");
  schedule.attempt = count_at(status, "attempt");
  schedule.failures = count_at(status, "consecutiveFailures");
  const auto created = time_at(metadata, "creationTimestamp");
  const auto settled = time_at(status, "settledTime");
  schedule.settled = settled ? *settled : created.value_or(WallSeconds{});
  schedule.first_run = schedule.spec.run_on_create && !settled;
  return schedule;
}

kube::User creator_of(const api::Json& schedule) {
  const api::Json& json = api::member(api::member(schedule, "status"), "runAs");
  kube::User user;
  user.name = api::text_member(json, "username");
  user.uid = api::text_member(json, "uid");
  if (const api::Json& groups = api::member(json, "groups"); groups.is_array())
    user.groups = groups.get<std::vector<std::string>>();
  if (const api::Json& extra = api::member(json, "extra"); extra.is_object())
    user.extra = extra.get<std::map<std::string, std::vector<std::string>>>();
  return user;
}

api::Json to_json(const kube::User& user) {
  api::Json json = {{"username", user.name}};
  if (!user.uid.empty()) json["uid"] = user.uid;
  if (!user.groups.empty()) json["groups"] = user.groups;
  if (!user.extra.empty()) json["extra"] = user.extra;
  return json;
}

std::chrono::seconds jitter_of(const Schedule& schedule, WallSeconds due) {
  std::chrono::seconds below = schedule.spec.jitter;
  if (below.count() == 0) return below;
  if (const auto next = schedule.next_after(due))
    below = std::min<std::chrono::seconds>(below, *next - due);
  const auto most = static_cast<std::uint64_t>(below.count());
  const storage::Sha256 digest = storage::sha256(
      as_bytes(schedule.uid + "/" + std::to_string(due.time_since_epoch().count())));
  std::uint64_t number = 0;
  std::memcpy(&number, digest.data(), sizeof number);
  return std::chrono::seconds{static_cast<std::int64_t>(number % most)};
}

std::optional<WallSeconds> success_due(const Schedule& schedule, WallSeconds since,
                                       std::chrono::seconds active_deadline,
                                       std::chrono::seconds last_took) {
  const auto due = schedule.next_after(since);
  if (!due) return {};
  std::chrono::seconds may_take = active_deadline;
  if (const auto following = schedule.next_after(*due))
    may_take = std::min<std::chrono::seconds>(may_take, *following - *due);
  may_take = std::max({may_take, kTimeOfTries, last_took * 2});
  return *due + jitter_of(schedule, *due) + may_take;
}

Decision decide(const Schedule& schedule, std::optional<WallSeconds> failed_at, WallSeconds now) {
  Decision decision;
  if (const auto due = schedule.first_run ? schedule.settled : due_now(schedule, now)) {
    const WallSeconds begin =
        *due + (schedule.first_run ? std::chrono::seconds{0} : jitter_of(schedule, *due));
    const auto deadline = schedule.spec.starting_deadline;
    decision.due = *due;
    decision.missed = count_missed(schedule, *due);
    if (deadline && now > begin + *deadline) {
      decision.what = Decision::What::kSkip;
    } else if (now >= begin) {
      decision.what = Decision::What::kRun;
    } else {
      decision.wake = begin;
    }
    return decision;
  }

  if (const auto retry = failed_at ? retry_at(schedule, *failed_at, now) : std::nullopt) {
    decision.wake = retry;
    if (*retry <= now) {
      decision.what = Decision::What::kRun;
      decision.due = *schedule.last_due;
      decision.attempt = schedule.attempt + 1;
      return decision;
    }
  }
  if (const auto next = schedule.next_after(now)) {
    const WallSeconds begin = *next + jitter_of(schedule, *next);
    decision.wake = std::min(begin, decision.wake.value_or(begin));
  }
  return decision;
}

std::string schedule_of(const api::Object& backup) {
  const auto label = backup.labels().find(kScheduleLabel);
  return label == backup.labels().end() ? std::string() : label->second;
}

std::string name_of_run(const std::string& schedule, WallSeconds due, unsigned attempt) {
  std::string name = schedule + "-";
  for (const char c : to_rfc3339(due))
    if (c >= '0' && c <= '9') name += c;
  if (attempt > 1) name += "-try" + std::to_string(attempt);
  return name;
}

std::string other_name_of_run(const Schedule& schedule, WallSeconds due, unsigned attempt,
                              unsigned taken) {
  const std::string name = name_of_run(schedule.name, due, attempt);
  const storage::Sha256 digest =
      storage::sha256(as_bytes(schedule.uid + "/" + name + "/" + std::to_string(taken)));
  return name + "-" + to_hex(digest).substr(0, 8);
}

api::Json backup_of_run(const api::Json& schedule, const std::string& name, WallSeconds due) {
  const api::Json& metadata = schedule.at("metadata");
  const api::Json& backup = schedule.at("spec").at("template");
  const api::Json& wanted = api::member(backup, "metadata");
  api::Json labels = api::member(wanted, "labels");
  labels[kScheduleLabel] = api::text_member(metadata, "name");
  api::Json annotations = api::member(wanted, "annotations");
  annotations[kScheduledAtAnnotation] = to_rfc3339(due);
  api::Json object = {{"apiVersion", api::kGroupVersion},
                      {"kind", "GaleraBackup"},
                      {"metadata",
                       {{"name", name},
                        {"namespace", api::text_member(metadata, "namespace")},
                        {"generation", 1},
                        {"labels", std::move(labels)},
                        {"annotations", std::move(annotations)}}},
                      {"spec", backup.at("spec")}};
  // What the schedule was stored with may be older than a default.
  api::apply_defaults(*api::find_resource(api::kBackups), object);
  return object;
}

}  // namespace gb::jobs
