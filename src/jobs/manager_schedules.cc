// The part of the manager that is about schedules: their admission, and the start of their runs.
#include <nlohmann/json.hpp>
#include <utility>

#include "api/text.h"
#include "base/text.h"
#include "jobs/expiry.h"
#include "jobs/manager.h"
#include "jobs/trial.h"

namespace gb::jobs {

Result<api::ObjectPtr> Manager::submit_schedule(api::Json object, const kube::User& user,
                                                bool dry_run) {
  GB_TRY(name_is_free(api::kSchedules, object));
  GB_TRY(review_template(object, user));
  const auto now = std::chrono::floor<std::chrono::seconds>(environment_.clock->now());
  GB_TRY_ASSIGN(const Schedule schedule, read_schedule(object));
  api::Json status = {{"phase", schedule.spec.suspend ? "Suspended" : "Enabled"},
                      {"message", ""},
                      {"consecutiveFailures", 0U},
                      {"enabledTime", to_rfc3339(now)},
                      {"runAs", to_json(user)}};
  // The time from which runs count; one that runs on creation is due then.
  if (!schedule.spec.run_on_create) status["settledTime"] = to_rfc3339(now);
  if (const auto next = schedule.next_after(now); next && !schedule.spec.suspend)
    status["nextScheduleTime"] = to_rfc3339(*next);
  api::set_condition(status, "Healthy", "Unknown", "NoRunYet", "no backup has been due yet", now);
  object["status"] = std::move(status);
  if (dry_run) return not_recorded(api::kSchedules, std::move(object));
  return environment_.catalog->create(api::kSchedules, std::move(object));
}

Status Manager::review_template(const api::Json& schedule, const kube::User& user) const {
  api::Json backup = backup_of_run(schedule, name_of(schedule), {});
  GB_TRY(environment_.authorize_creation(user, api::kBackups, namespace_of(backup)));
  GB_TRY(authorize_backup(backup, user));
  // Later runs are taken even where it is not possible any more: their objects say so.
  if (api::read_backup_spec(backup).verification == "Restore")
    GB_TRY(require_trial(environment_, "", {}));
  return resolve_backup(environment_, backup).map([](const auto&) {});
}

std::vector<std::string> Manager::review_retention(const api::Json& schedule) {
  const auto read = read_schedule(schedule);
  if (!read) return {};
  std::vector<std::string> going;
  for (const Expiring& backup :
       expiring_by_schedule(environment_, schedule, *read, environment_.clock->now()))
    going.push_back(backup.object->key().name);
  if (going.empty()) return {};
  return {"by the rules of this schedule " + std::to_string(going.size()) +
          (going.size() == 1 ? " backup goes" : " backups go") +
          " to the trash: " + join(going, ", ")};
}

Result<std::vector<std::string>> Manager::review_schedule(const api::Json& old, api::Json& updated,
                                                          const kube::User& user) {
  const auto changes = [&](std::string_view field) {
    return api::member(api::member(old, "spec"), field) !=
           api::member(api::member(updated, "spec"), field);
  };
  // Its runs act as who created it: who changes what they do must be allowed to do it, too.
  if (changes("template")) GB_TRY(review_template(updated, user));
  GB_TRY_ASSIGN(const Schedule schedule, read_schedule(updated));
  const auto now = std::chrono::floor<std::chrono::seconds>(environment_.clock->now());
  if (changes("schedule") || changes("timeZone")) {
    updated["status"]["settledTime"] = to_rfc3339(now);
    updated["status"]["enabledTime"] = to_rfc3339(now);
    if (const auto next = schedule.next_after(now); next && !schedule.spec.suspend)
      updated["status"]["nextScheduleTime"] = to_rfc3339(*next);
    else
      updated["status"].erase("nextScheduleTime");
  }
  return review_retention(updated);
}

Result<api::ObjectPtr> Manager::start_run(const api::ObjectPtr& schedule, api::Json moved_on,
                                          api::Json backup, bool waits) {
  const kube::User user = creator_of(moved_on);
  GB_TRY(environment_.authorize_creation(user, api::kBackups, namespace_of(backup)));
  GB_TRY(authorize_backup(backup, user));
  GB_TRY(name_is_free(api::kBackups, backup));
  give_identity(environment_, backup);
  const std::string ns = namespace_of(backup);
  GB_TRY_ASSIGN(auto held, take(ns, located(ns, api::read_backup_spec(backup).database_instances),
                                "backup \"" + name_of(backup) + "\"", false));
  // Not connected before it is recorded: a database that is away must be seen as a failed backup.
  auto resolved = resolve_backup(environment_, backup);
  if (!resolved) {
    Error error = std::move(resolved).error();
    if (waits && (error.code == Code::kNotFound || error.code == Code::kInvalid))
      error.code = Code::kUnavailable;
    return fail(std::move(error));
  }
  BackupWork work = *std::move(resolved);
  backup["status"] = initial_backup_status(environment_, work);
  auto log = make_log(backup);
  return record_and_run(
      std::move(backup), std::move(work), log, std::move(held), [&](api::Json dom) {
        return environment_.catalog->create_and_update(api::kBackups, std::move(dom),
                                                       schedule->key(), schedule->revision(),
                                                       std::move(moved_on));
      });
}

Result<api::ObjectPtr> Manager::trigger(const api::ObjectKey& key, bool dry_run,
                                        std::stop_token stop) {
  GB_TRY_ASSIGN(const api::ObjectPtr schedule, environment_.catalog->get(key));
  api::Json moved_on = schedule->dom();
  const std::string active = api::text_member(api::member(moved_on, "status"), "active");
  if (!active.empty())
    return fail(Code::kConflict,
                "backup \"" + active + "\" of schedule \"" + key.name + "\" is running",
                "wait until it has ended, or delete it");
  const auto now = std::chrono::floor<std::chrono::seconds>(environment_.clock->now());
  const std::string name = name_of_run(key.name + "-manual", now, 1);
  api::Json backup = backup_of_run(moved_on, name, now);
  if (dry_run) {
    give_identity(environment_, backup);
    return submit_backup(std::move(backup), creator_of(moved_on), true, std::move(stop));
  }
  // Out of turn it is not tried again, and what is said of the last run that was due stays: that
  // may have failed, and be tried again when this one has ended.
  moved_on["status"]["active"] = name;
  return start_run(schedule, std::move(moved_on), std::move(backup), false);
}

}  // namespace gb::jobs
