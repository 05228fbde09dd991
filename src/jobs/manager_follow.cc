// The part of the manager that is about warm standby: its admission, and the start of its restores.
#include <nlohmann/json.hpp>
#include <utility>

#include "api/text.h"
#include "base/text.h"
#include "jobs/manager.h"
#include "jobs/restore.h"
#include "jobs/schedule.h"

namespace gb::jobs {

Result<api::ObjectPtr> Manager::submit_follower(api::Json object, const kube::User& user,
                                                bool dry_run, std::stop_token stop) {
  const std::string ns = namespace_of(object);
  const api::RestoreSpec spec = api::read_restore_spec(object);
  const std::string source_ns = spec.source_namespace.empty() ? ns : spec.source_namespace;
  GB_TRY(authorize_choosing(environment_, user, source_ns));
  const auto schedule = environment_.catalog->get({api::kSchedules, source_ns, spec.schedule});
  const api::ObjectPtr newest = newest_to_follow(environment_, object);
  if (!schedule && newest == nullptr)
    return fail(Code::kNotFound,
                "namespace \"" + source_ns + "\" has no schedule \"" + spec.schedule +
                    "\", and no backup that it made",
                "kubectl get galerabackupschedules -n " + source_ns + " lists them");

  std::vector<std::string> sources = spec.database_instances;
  if (sources.empty())
    sources = newest != nullptr
                  ? api::read_backup_spec(newest->dom()).database_instances
                  : api::read_backup_spec(
                        api::member(api::member((*schedule)->dom(), "spec"), "template"))
                        .database_instances;
  const std::vector<std::string> targets = targets_of(spec, sources);
  GB_TRY(environment_.authorize_instances(user, ns, targets));
  for (std::size_t i = 0; i < sources.size(); ++i) {
    GB_TRY_ASSIGN(const galera::Endpoint target, environment_.instances->resolve(ns, targets[i]));
    const auto source = environment_.instances->resolve(source_ns, sources[i]);
    if ((ns == source_ns && targets[i] == sources[i]) ||
        (source && galera::share_a_server(source->nodes, target.nodes)))
      return fail(Code::kInvalid,
                  "instance \"" + targets[i] +
                      "\" is the cluster that the backups come from: following would take it back "
                      "to each of them",
                  "name another cluster in spec.targets, such as {\"" + sources[i] +
                      "\": \"the-standby\"}");
  }

  const WallTime now = environment_.clock->now();
  api::Json status = {
      {"phase", kFollowing},
      {"message", "waits for the first completed backup of schedule \"" + spec.schedule + "\""},
      {"startTime", to_rfc3339(now)},
      {"runAs", to_json(user)},
      {"follow", initial_follow_status(newest.get())}};
  if (newest != nullptr) {
    // What would keep the first restore from beginning is told now.
    api::Json first = restore_of_follower(object, *newest, 1);
    const api::RestoreSpec first_spec = api::read_restore_spec(first);
    GB_TRY_ASSIGN(api::ObjectPtr backup, choose_backup(environment_, first_spec, ns, user));
    GB_TRY(authorize_restore(ns, first_spec, *backup, user));
    GB_TRY_ASSIGN(const RestoreWork work, prepare_restore(environment_, first, std::move(backup),
                                                          make_log(object), std::move(stop)));
    GB_TRY(require_ready(work));
    const api::Json seen = initial_restore_status(environment_, work, dry_run);
    status["preflight"] = seen.at("preflight");
    status["plan"] = seen.at("plan");
    status["message"] = "restores backup " + newest->key().name;
  }
  api::set_condition(status, "Completed", "False", kFollowing, "it ends when it is cancelled", now);
  api::set_condition(status, "Healthy", "Unknown", "NoRunYet", "nothing has been restored yet",
                     now);
  object["status"] = std::move(status);
  if (dry_run) return not_recorded(api::kRestores, std::move(object));
  return environment_.catalog->create(api::kRestores, std::move(object));
}

Result<api::ObjectPtr> Manager::start_following(const api::ObjectPtr& follower, api::Json moved_on,
                                                api::Json restore) {
  const kube::User user = creator_of(moved_on);
  GB_TRY(environment_.authorize_creation(user, api::kRestores, namespace_of(restore)));
  GB_TRY(name_is_free(api::kRestores, restore));
  give_identity(environment_, restore);
  return start_restore(std::move(restore), user, /*dry_run=*/false, {}, [&](api::Json dom) {
    return environment_.catalog->create_and_update(api::kRestores, std::move(dom), follower->key(),
                                                   follower->revision(), std::move(moved_on));
  });
}

}  // namespace gb::jobs
