#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "api/text.h"
#include "base/text.h"
#include "jobs/facts.h"
#include "jobs/follower.h"
#include "jobs/restore.h"
#include "jobs/schedule.h"

namespace gb::jobs {
namespace {

kube::Attributes get_backup(const std::string& ns, const std::string& name) {
  kube::Attributes a;
  a.verb = "get";
  a.group = api::kGroup;
  a.version = api::kVersion;
  a.resource = api::kBackups;
  a.ns = ns;
  a.name = name;
  return a;
}

Status require_completed(const api::Object& backup) {
  const std::string phase = api::phase_of(backup.dom());
  if (phase == "Completed" && !backup.being_deleted()) return {};
  const std::string name = "backup \"" + backup.key().name + "\"";
  if (backup.being_deleted())
    return fail(Code::kConflict, name + " is being deleted", "restore from another backup");
  if (phase == "Failed" || phase == "Cancelled")
    return fail(Code::kConflict, name + " is " + phase + ", not Completed",
                "restore from a backup whose phase is Completed");
  return fail(
      Code::kConflict, name + " is " + (phase.empty() ? "Pending" : phase) + ", not Completed",
      "wait for it: kubectl wait --for=condition=Completed galerabackup/" + backup.key().name);
}

bool is_named(const api::RestoreSpec& spec) {
  return !spec.backup.empty() && spec.backup != "latest";
}

bool is_safety_backup(const api::Object& backup) {
  return backup.labels().contains(kSafetyLabel);
}

// The instances of the spec, or all of the backup; Invalid for one that the backup does not hold.
Result<std::vector<std::string>> wanted_instances(const api::RestoreSpec& spec,
                                                  const storage::Manifest& manifest) {
  std::vector<std::string> have;
  for (const auto& instance : manifest.content.instances) have.push_back(instance.name);
  std::vector<std::string> wanted =
      spec.database_instances.empty() ? have : spec.database_instances;
  for (const std::string& name : wanted)
    if (std::find(have.begin(), have.end(), name) == have.end())
      return fail(Code::kInvalid, "the backup holds no instance \"" + name + "\"",
                  "it holds: " + join(have, ", "));
  for (const auto& [source, target] : spec.targets)
    if (std::find(wanted.begin(), wanted.end(), source) == wanted.end())
      return fail(Code::kInvalid,
                  "spec.targets names instance \"" + source + "\", which is not restored",
                  "restored are: " + join(wanted, ", "));
  return wanted;
}

// A schema or a rename that no restored instance holds is a mistake of the spec, told before
// anything.
Status check_schemas(const api::RestoreSpec& spec, const std::vector<RestoreWork::Instance>& all) {
  std::set<std::string> have;
  for (const RestoreWork::Instance& instance : all)
    for (const galera::Schema& schema : instance.model->schemas) have.insert(schema.name);
  const std::string known =
      have.empty() ? "no schema at all" : join({have.begin(), have.end()}, ", ");
  for (const std::string& name : spec.databases)
    if (!have.contains(name))
      return fail(Code::kInvalid, "the backup holds no schema \"" + name + "\"",
                  "it holds: " + known);
  for (const auto& [from, to] : spec.rename)
    if (!have.contains(from))
      return fail(Code::kInvalid,
                  "spec.rename names schema \"" + from + "\", which the backup does not hold",
                  "it holds: " + known);
  return {};
}

// What would keep the safety backup from being recorded is told before anybody is kept away from a
// target.
void check_safety_name(const Environment& environment, const api::Json& object, RestoreWork& work) {
  if (work.spec.existing != "Replace" || !work.spec.safety_backup) return;
  const std::string name = name_of_safety_backup(name_of(object), uid_of(object));
  std::string wrong;
  if (environment.catalog->get({api::kBackups, namespace_of(object), name}))
    wrong = "the safety backup would have the name of backup \"" + name +
            "\": give the restore another name, or delete that backup if it is not needed";
  for (RestoreWork::Instance& instance : work.instances)
    if (std::ranges::any_of(instance.plan.schemas, [](const galera::PlanEntry& entry) {
          return entry.action == "Replace";
        }))
      instance.plan.preflight.push_back({"SafetyBackup", wrong.empty(), wrong});
}

}  // namespace

std::string name_of_safety_backup(const std::string& restore, const std::string& restore_uid) {
  return derived_name(restore, restore_uid, "-safety");
}

std::vector<std::string> targets_of(const api::RestoreSpec& spec,
                                    const std::vector<std::string>& of_backup) {
  std::vector<std::string> targets;
  for (const std::string& name :
       spec.database_instances.empty() ? of_backup : spec.database_instances) {
    const auto mapped = spec.targets.find(name);
    targets.push_back(mapped == spec.targets.end() ? name : mapped->second);
  }
  return targets;
}

Status authorize_choosing(const Environment& environment, const kube::User& user,
                          const std::string& ns) {
  return environment.authorize(user, get_backup(ns, ""));
}

Result<api::ObjectPtr> choose_backup(const Environment& environment, const api::RestoreSpec& spec,
                                     const std::string& own_namespace, const kube::User& user) {
  const std::string ns = spec.source_namespace.empty() ? own_namespace : spec.source_namespace;
  if (is_named(spec)) {
    GB_TRY(environment.authorize(user, get_backup(ns, spec.backup)));
    auto found = environment.catalog->get({api::kBackups, ns, spec.backup});
    if (!found)
      return fail(Code::kNotFound,
                  "there is no backup \"" + spec.backup + "\" in namespace \"" + ns + "\"",
                  "kubectl get galerabackups -n " + ns + " lists them");
    GB_TRY(require_completed(**found));
    return *found;
  }
  const auto fits = [&](const api::Json& candidate) {
    const api::Json labels = candidate["metadata"].value("labels", api::Json::object());
    // What a restore replaced is often the very damage that it mended: it is restored by its name
    // alone.
    if (labels.contains(kSafetyLabel)) return false;
    const api::BackupSpec backup = api::read_backup_spec(candidate);
    for (const std::string& wanted : spec.database_instances)
      if (std::find(backup.database_instances.begin(), backup.database_instances.end(), wanted) ==
          backup.database_instances.end())
        return false;
    if (!spec.schedule.empty() && labels.value(kScheduleLabel, "") != spec.schedule) return false;
    return !spec.as_of || snapshot_time_of(candidate) <= *spec.as_of;
  };
  // What the backups of a schedule hold, who names it knows.
  api::ObjectPtr newest;
  if (spec.schedule.empty())
    newest = newest_backup(*environment.catalog, environment.clock->now(), ns,
                           [&](const api::Json& candidate) {
                             return fits(candidate) && facts::covers(candidate, spec.databases);
                           });
  if (newest == nullptr)
    newest = newest_backup(*environment.catalog, environment.clock->now(), ns, fits);
  std::string asked = "completed backup in namespace \"" + ns + "\"";
  if (!spec.schedule.empty()) asked += " of schedule \"" + spec.schedule + "\"";
  if (spec.as_of) asked += " whose snapshot is not later than " + to_rfc3339(*spec.as_of);
  const Status may_get = newest == nullptr
                             ? fail(Code::kNotFound, "there is no " + asked,
                                    "kubectl get galerabackups -n " + ns + " lists what there is")
                             : environment.authorize(user, get_backup(ns, newest->key().name));
  if (may_get) return newest;
  // Neither its name nor whether there is one is told to who may not know which there are.
  GB_TRY(authorize_choosing(environment, user, ns));
  return fail(may_get.error());
}

std::vector<std::string> notes_on_choice(const Environment& environment,
                                         const api::RestoreSpec& spec, const api::Object& backup,
                                         const kube::User& user) {
  std::vector<std::string> notes;
  if (is_named(spec)) return notes;
  const api::Json dom = backup.dom();
  const std::string& ns = backup.key().ns;
  const std::string called = "backup \"" + backup.key().name + "\" holds ";
  if (!facts::covers(dom, spec.databases))
    notes.push_back(called +
                    "only a part of what was there: its spec says which (databases, "
                    "excludeDatabases, excludeTables, content). To restore another backup, name "
                    "it in spec.backup");
  // What else there is, is for who may see all of it.
  if (!spec.schedule.empty() || !spec.database_instances.empty() ||
      !authorize_choosing(environment, user, ns))
    return notes;
  const std::vector<std::string> held = api::read_backup_spec(dom).database_instances;
  std::set<std::string> others;
  for (const api::ObjectPtr& other : environment.catalog->list(api::kBackups, ns).objects) {
    const api::Json other_dom = other->dom();
    if (!facts::good(other_dom) || is_safety_backup(*other)) continue;
    for (const std::string& name : api::read_backup_spec(other_dom).database_instances)
      if (std::ranges::find(held, name) == held.end()) others.insert(name);
  }
  if (!others.empty())
    notes.push_back(called + "nothing of " + join({others.begin(), others.end()}, ", ") +
                    ", of which there are backups, too: to restore several instances together, "
                    "name them in spec.databaseInstances");
  return notes;
}

Result<RestoreWork> prepare_restore(const Environment& environment, const api::Json& object,
                                    api::ObjectPtr backup, const std::shared_ptr<JobLog>& log,
                                    std::stop_token stop) {
  RestoreWork work;
  work.spec = api::read_restore_spec(object);
  work.backup = std::move(backup);
  const api::Json dom = work.backup->dom();
  GB_TRY_ASSIGN(work.store, environment.store_of(dom));
  const auto digest = digest_of(dom);
  if (!digest)
    return fail(Code::kCorruption,
                "backup \"" + work.backup->key().name + "\" has no valid status.digest",
                "restore from another backup; kubectl galera local check reads the repository");
  auto reader = storage::BackupReader::open(*work.store->blobs, work.backup->key().ns,
                                            work.backup->uid(), digest);
  if (!reader)
    return wrap("backup \"" + work.backup->key().name + "\" cannot be read from store \"" +
                    work.store->name + "\"",
                reader.error());
  work.reader = *reader;

  GB_TRY_ASSIGN(const std::vector<std::string> wanted,
                wanted_instances(work.spec, work.reader->manifest()));
  const std::string ns = object.at("metadata").value("namespace", "");
  for (const std::string& source : wanted) {
    RestoreWork::Instance instance;
    instance.source = source;
    const auto mapped = work.spec.targets.find(source);
    instance.target = mapped == work.spec.targets.end() ? source : mapped->second;
    GB_TRY_ASSIGN(instance.endpoint, environment.instances->resolve(ns, instance.target));
    for (const auto& content : work.reader->manifest().content.instances) {
      if (content.name != source) continue;
      GB_TRY_ASSIGN(galera::InstanceModel model, galera::from_json(content.content));
      instance.model = std::make_unique<galera::InstanceModel>(std::move(model));
    }
    work.instances.push_back(std::move(instance));
  }
  GB_TRY(check_schemas(work.spec, work.instances));

  // An instance that holds none of the schemas asked for has no part in this restore.
  if (!work.spec.databases.empty())
    std::erase_if(work.instances, [&](const RestoreWork::Instance& instance) {
      return std::none_of(instance.model->schemas.begin(), instance.model->schemas.end(),
                          [&](const galera::Schema& schema) {
                            return std::find(work.spec.databases.begin(), work.spec.databases.end(),
                                             schema.name) != work.spec.databases.end();
                          });
    });
  const api::Json& labels = api::member(object.at("metadata"), "labels");
  for (RestoreWork::Instance& instance : work.instances) {
    galera::RestoreOptions options;
    options.content = content_of(work.spec.content);
    options.existing =
        work.spec.existing == "Replace" ? galera::Existing::kReplace : galera::Existing::kFail;
    options.block_traffic = work.spec.block_traffic;
    if (environment.gates != nullptr)
      options.gate = environment.gates->gate(
          instance.endpoint, {ns, instance.target, object.at("metadata").value("name", ""),
                              object.at("metadata").value("uid", "")});
    options.not_the_source = !api::text_member(labels, kFollowLabel).empty();
    options.compare = work.spec.verification != "None";
    options.threads = environment.threads_within_memory(work.spec.threads, kRestoreThreadBytes);
    for (const galera::Schema& schema : instance.model->schemas) {
      if (!work.spec.databases.empty() &&
          std::find(work.spec.databases.begin(), work.spec.databases.end(), schema.name) ==
              work.spec.databases.end())
        continue;
      options.databases.push_back(schema.name);
      if (const auto it = work.spec.rename.find(schema.name); it != work.spec.rename.end())
        options.rename.emplace(it->first, it->second);
    }
    const std::string prefix = work.instances.size() > 1 ? instance.target + ": " : std::string();
    instance.restore = environment.engine->restore(
        instance.endpoint, std::move(options), *instance.model,
        [log, prefix](const std::string& text) { log->say(prefix + text); });
    auto plan = instance.restore->plan(stop);
    if (!plan) return wrap("instance \"" + instance.target + "\"", plan.error());
    instance.plan = std::move(*plan);
  }
  check_safety_name(environment, object, work);
  return work;
}

Status require_ready(const RestoreWork& work) {
  std::vector<std::string> failed;
  for (const RestoreWork::Instance& instance : work.instances)
    for (const galera::PreflightCheck& check : instance.plan.preflight)
      if (!check.passed)
        failed.push_back("instance \"" + instance.target + "\": " + check.check + ": " +
                         check.message);
  if (failed.empty()) return {};
  return fail(Code::kConflict, "the preflight failed, nothing was changed: " + join(failed, "; "));
}

}  // namespace gb::jobs
