#include "cli/local_session.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <set>
#include <stop_token>
#include <utility>

#include "api/meta.h"
#include "api/schema.h"
#include "api/text.h"
#include "api/types.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "jobs/environment.h"
#include "jobs/facts.h"
#include "jobs/left_blocks.h"
#include "jobs/restore.h"

namespace gb::cli {

Status Session::open(const std::string& directory, bool read_only) {
  using Mode = storage::FsBlobStore::Mode;
  GB_TRY_ASSIGN(
      blobs, storage::FsBlobStore::open(directory, read_only ? Mode::kReadOnly : Mode::kReadWrite));
  storage::Catalog::Options options;
  options.writer = "kubectl-galera";
  options.read_only = read_only;
  GB_TRY_ASSIGN(catalog, storage::Catalog::open(blobs, clock, rng, options));
  return {};
}

Status Session::start_jobs(const std::string& directory,
                           std::unique_ptr<jobs::InstanceResolver> where) {
  instances = std::move(where);
  engine = jobs::make_logical_engine(clock);
  jobs::Dependencies d;
  d.catalog = catalog.get();
  d.engine = engine.get();
  d.scratch = scratch.get();
  d.stores = {{"default", "file://" + directory, blobs}};
  d.instances = instances.get();
  d.clock = &clock;
  d.rng = &rng;
  GB_TRY_ASSIGN(jobs, jobs::Jobs::start(std::move(d)));
  return {};
}

namespace {

// As the server chooses it, by the rules of `latest`; but there one namespace is meant.
Result<api::ObjectPtr> find_latest(const storage::Catalog& catalog, WallTime now,
                                   const std::string& store, const std::string& ns) {
  std::set<std::string> namespaces;
  const auto newest = [&](bool of_everything) {
    return jobs::newest_backup(catalog, now, ns, [&](const api::Json& backup) {
      if (api::at_path(backup, "metadata.labels").contains(jobs::kSafetyLabel)) return false;
      namespaces.insert(jobs::namespace_of(backup));
      return !of_everything || !jobs::facts::partial(backup);
    });
  };
  api::ObjectPtr found = newest(true);
  if (found == nullptr) found = newest(false);
  if (found == nullptr)
    return fail(Code::kNotFound, "the repository holds no completed backup",
                "kubectl galera local list --store " + store + " shows what it holds");
  if (namespaces.size() > 1)
    return fail(Code::kInvalid,
                "there are backups in several namespaces: " +
                    join({namespaces.begin(), namespaces.end()}, ", "),
                "say of which the latest is meant with -n");
  return found;
}

}  // namespace

Result<api::ObjectPtr> find_backup(const storage::Catalog& catalog, WallTime now,
                                   const std::string& store, const std::string& ns,
                                   const std::string& backup) {
  if (backup == "latest") return find_latest(catalog, now, store, ns);
  std::vector<api::ObjectPtr> found;
  for (const api::ObjectPtr& object : catalog.list(api::kBackups, ns).objects)
    if (object->key().name == backup) found.push_back(object);
  if (found.empty())
    return fail(Code::kNotFound, "the repository holds no backup \"" + backup + "\"",
                "kubectl galera local list --store " + store + " shows what it holds");
  if (found.size() > 1)
    return fail(
        Code::kInvalid,
        "backup \"" + backup + "\" stands in " + std::to_string(found.size()) + " namespaces",
        "say which with -n");
  return found.front();
}

Status no_repository(const std::string& directory) {
  return fail(Code::kNotFound, directory + " holds no repository",
              "check --store: the first backup into a directory makes one there");
}

Status require_repository(const std::string& directory) {
  using Mode = storage::FsBlobStore::Mode;
  GB_TRY_ASSIGN(const auto blobs, storage::FsBlobStore::open(directory, Mode::kReadOnly));
  const auto head = blobs->get("repository.json");
  if (head || head.error().code != Code::kNotFound) return {};
  for (const char* ours : {"log/", "checkpoint/"}) {  // it has lost its head: opening it says so
    GB_TRY_ASSIGN(const auto found, blobs->list(ours));
    if (!found.empty()) return {};
  }
  return no_repository(directory);
}

Result<std::string> choose_instance(const api::ObjectPtr& backup, const std::string& asked,
                                    const std::string& to) {
  const std::vector<std::string> instances =
      api::read_backup_spec(backup->dom()).database_instances;
  if (!asked.empty()) return asked;
  if (instances.size() > 1)
    return fail(Code::kInvalid, "the backup holds several instances: " + join(instances, ", "),
                "say which one " + to + " with --instance");
  return instances.front();
}

Result<OpenBackup> open_backup(const Session& session, const std::string& store,
                               const std::string& ns, const std::string& backup,
                               const std::string& instance, const std::string& to) {
  OpenBackup out;
  GB_TRY_ASSIGN(out.object, find_backup(*session.catalog, session.clock.now(), store, ns, backup));
  const api::Json dom = out.object->dom();
  const std::string& name = out.object->key().name;
  if (api::phase_of(dom) != "Completed")
    return fail(Code::kInvalid,
                "backup \"" + name + "\" is " + api::phase_of(dom) + ", not Completed",
                "kubectl galera local list shows which are");
  GB_TRY_ASSIGN(out.instance, choose_instance(out.object, instance, to));
  GB_TRY_ASSIGN(out.reader, storage::BackupReader::open(*session.blobs, out.object->key().ns,
                                                        out.object->uid(), jobs::digest_of(dom)));
  for (const auto& content : out.reader->manifest().content.instances) {
    if (content.name != out.instance) continue;
    GB_TRY_ASSIGN(out.model, galera::from_json(content.content));
    return out;
  }
  return fail(Code::kInvalid, "the backup does not hold the instance \"" + out.instance + "\"",
              "kubectl galera local list -o yaml shows what it holds");
}

Result<api::Json> admit(const char* resource, const std::string& ns, api::Json object,
                        const Clock& clock, Rng& rng) {
  const api::ResourceType& type = *api::find_resource(resource);
  object["apiVersion"] = api::kGroupVersion;
  object["kind"] = type.kind;
  object["metadata"]["namespace"] = ns;
  api::apply_defaults(type, object);
  std::vector<std::string> warnings;
  if (auto prepared = api::prepare_create(type, ns, object, clock.now(), rng, warnings); !prepared)
    return fail(Code::kInvalid, prepared.error().message);
  return object;
}

Result<api::ObjectPtr> follow_to_end(Session& session, api::ObjectPtr object) {
  const std::stop_token interrupted = interrupt_token();
  Progress progress;
  bool cancelled = false;
  while (!api::is_terminal_phase(api::phase_of(object->dom()))) {
    GB_TRY_ASSIGN(object,
                  session.jobs->wait(object->key(), object->uid(), std::chrono::milliseconds(200),
                                     cancelled ? std::stop_token() : interrupted));
    progress.show(object->dom());
    if (cancelled || !interrupted.stop_requested()) continue;
    cancelled = true;
    if (session.jobs->cancel(object->key(), {}, false)) continue;
    session.jobs.reset();  // it ended in this moment, or its object cannot be written: wait for it
    if (auto last = session.catalog->get(object->key())) object = *last;
    break;
  }
  return object;
}

int follow(Session& session, api::ObjectPtr object, const std::string& output) {
  const auto end = follow_to_end(session, std::move(object));
  if (!end) return refused(end.error());
  const api::Json dom = (*end)->dom();
  const int code = print_end(dom, output);
  if (api::member(api::member(dom, "status"), jobs::kTrafficLeftBlocked).is_array())
    std::fprintf(stderr,
                 "       a node did not answer when applications were to be let in again, and may "
                 "be read_only still: the next restore gives it back, or SET GLOBAL read_only = 0 "
                 "there\n");
  return code;
}

}  // namespace gb::cli
