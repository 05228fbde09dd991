#include "cli/local.h"

#include <malloc.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <utility>
#include <vector>

#include "api/decode.h"
#include "api/types.h"
#include "base/text.h"
#include "base/watched_file.h"
#include "cli/local_session.h"
#include "cli/output.h"
#include "cli/signals.h"
#include "cli/spec.h"
#include "galera/engine.h"
#include "jobs/block_marks.h"
#include "jobs/configured_instances.h"
#include "jobs/environment.h"
#include "jobs/facts.h"
#include "jobs/left_blocks.h"
#include "storage/repo/repo.h"

namespace gb::cli {
namespace {

// The one cluster of the command line, under whatever name a spec gives it.
class OnlyInstance final : public jobs::InstanceResolver {
 public:
  explicit OnlyInstance(galera::Endpoint endpoint) : endpoint_(std::move(endpoint)) {}
  Result<galera::Endpoint> resolve(std::string_view /*ns*/, std::string_view name) override {
    galera::Endpoint endpoint = endpoint_;
    endpoint.name = name;
    return endpoint;
  }

 private:
  galera::Endpoint endpoint_;
};

// The check would find no damage where nothing is. A server's further stores have no objects, only
// data, and before the first backup not even that: just the folder for what is being written.
Status require_store(const std::string& directory) {
  using Mode = storage::FsBlobStore::Mode;
  if (require_repository(directory)) return {};
  GB_TRY_ASSIGN(const auto blobs, storage::FsBlobStore::open(directory, Mode::kReadOnly));
  GB_TRY_ASSIGN(const auto found, blobs->list("data/"));
  std::error_code unreadable;
  if (!found.empty() ||
      std::filesystem::is_directory(std::filesystem::path(directory) / "~tmp", unreadable))
    return {};
  return no_repository(directory);
}

// Nodes that did not answer at the end of an earlier restore are read_only still, which a mark in
// the store tells. A server gives them back by itself; without one the next restore does, or it
// would leave them as it found them.
Status give_back_left(Session& session, const galera::Endpoint& endpoint,
                      const std::string& instance) {
  GB_TRY_ASSIGN(const auto marks, jobs::list_block_marks(*session.blobs));
  for (const auto& [ns, uid] : marks) {
    const auto mark = jobs::read_block_mark(*session.blobs, ns, uid);
    if (!mark && mark.error().code == Code::kNotFound) continue;  // a server was quicker
    if (!mark) {
      std::fprintf(stderr, "warning: what an earlier restore left read_only cannot be told: %s\n",
                   printable(mark.error().text()).c_str());
      continue;
    }
    std::vector<std::string> still = mark->instances;
    if (std::erase(still, instance) == 0) continue;
    // One that has not ended is at work, or whoever takes it over gives back.
    const auto restore = session.catalog->get({api::kRestores, ns, mark->restore});
    if (restore && (*restore)->uid() == uid &&
        !api::is_terminal_phase(api::phase_of((*restore)->dom())))
      continue;
    GB_TRY(galera::give_back_traffic(endpoint, mark->read_only_before_on(instance),
                                     interrupt_token()));
    GB_TRY(jobs::record_left(*session.catalog, *session.blobs, *mark, still));
  }
  return {};
}

// A dump's buffers are megabytes: with one heap for all threads, and the large ones given back to
// the system as soon as they are free, it takes a fifth less memory and no more time. A restore,
// whose buffers are small and many, would take longer (docs/performance.md).
void hold_little_memory() {
  constexpr int kLarge = 4 << 20;  // bytes
  (void)mallopt(M_ARENA_MAX, 1);
  (void)mallopt(M_MMAP_THRESHOLD, kLarge);
}

}  // namespace

Result<galera::Endpoint> endpoint_of(const GaleraFlags& flags) {
  galera::Endpoint endpoint;
  for (const std::string& node : flags.nodes) {
    GB_TRY_ASSIGN(galera::Address address, jobs::parse_address(node));
    endpoint.nodes.push_back(std::move(address));
  }
  if (!flags.active_node.empty()) {
    GB_TRY_ASSIGN(const galera::Address active, jobs::parse_address(flags.active_node));
    endpoint.active_node = active.text();
    if (std::ranges::none_of(endpoint.nodes, [&](const galera::Address& node) {
          return node.text() == endpoint.active_node;
        }))
      return fail(Code::kInvalid,
                  "--active-node " + endpoint.active_node + " is none of the --nodes",
                  "write it as it stands there");
  }
  endpoint.user = flags.user;
  GB_TRY_ASSIGN(endpoint.password, jobs::read_password_file(flags.password_file));
  if (!flags.tls_ca_file.empty()) {
    GB_TRY(read_file(flags.tls_ca_file));  // or every node would be told to be unreachable
    endpoint.tls = galera::TlsMode::kRequired;
    endpoint.tls_ca_file = flags.tls_ca_file;
  }
  return endpoint;
}

int run(const LocalBackup& command) {
  hold_little_memory();
  const bool restored = command.verification == "Restore";
  if (!restored && !(command.scratch.empty() && command.mariadbd.empty()))
    return failed(Error{Code::kInvalid,
                        "--scratch and --mariadbd are for --verification Restore",
                        "add that, or leave them out",
                        {},
                        {}});
  Session session;
  auto endpoint = endpoint_of(command.galera);
  if (!endpoint) return failed(endpoint.error());
  if (!command.data_time.empty()) {
    const auto time = from_rfc3339(command.data_time);
    if (!time || *time > session.clock.now())
      return failed(Error{Code::kInvalid,
                          "--data-time " + command.data_time + " is not a time in the past",
                          "write it as 2026-11-20T02:00:00Z",
                          {},
                          {}});
    endpoint->data_time = *time;
  }
  if (const Status opened = session.open(command.store, false); !opened)
    return failed(opened.error());
  if (restored) {
    galera::ScratchOptions scratch;
    scratch.place = command.scratch;
    session.scratch =
        jobs::make_scratch_servers(command.mariadbd, scratch, {"--mariadbd", "--scratch"});
  }
  if (const Status started =
          session.start_jobs(command.store, std::make_unique<OnlyInstance>(std::move(*endpoint)));
      !started)
    return failed(started.error());
  std::string name = command.name;
  if (name.empty()) {
    name = "local-" + to_rfc3339(session.clock.now());
    std::erase_if(name, [](char c) { return c == ':'; });
    name = to_lower(name);
  }
  api::Json spec = {{"databaseInstances", {command.instance}}, {"threads", command.threads}};
  if (!command.databases.empty()) spec["databases"] = command.databases;
  if (!command.exclude_databases.empty()) spec["excludeDatabases"] = command.exclude_databases;
  if (!command.exclude_tables.empty()) spec["excludeTables"] = command.exclude_tables;
  if (!command.content.empty()) spec["content"] = command.content;
  if (!command.verification.empty()) spec["verification"] = command.verification;
  auto object = admit(api::kBackups, command.ns, {{"metadata", {{"name", name}}}, {"spec", spec}},
                      session.clock, session.rng);
  if (!object) return failed(object.error());
  auto submitted = session.jobs->submit_backup(std::move(*object), {}, false, interrupt_token());
  if (!submitted) return failed(submitted.error());
  return follow(session, *submitted, command.output);
}

int run(const LocalRestore& command) {
  Session session;
  auto endpoint = endpoint_of(command.galera);
  if (!endpoint) return failed(endpoint.error());
  const auto rename = parse_pairs("--rename", command.rename);
  if (!rename) return failed(rename.error());
  if (const Status there = require_repository(command.store); !there) return failed(there.error());
  if (const Status opened = session.open(command.store, false); !opened)
    return failed(opened.error());
  auto backup =
      find_backup(*session.catalog, session.clock.now(), command.store, command.ns, command.backup);
  if (!backup) return failed(backup.error());
  const auto instance = choose_instance(*backup, command.instance, "to restore");
  if (!instance) return failed(instance.error());
  if (!command.dry_run)
    if (const Status given_back = give_back_left(session, *endpoint, *instance); !given_back)
      std::fprintf(stderr,
                   "warning: what an earlier restore left read_only is not given back: %s\n",
                   printable(given_back.error().text()).c_str());
  if (const Status started =
          session.start_jobs(command.store, std::make_unique<OnlyInstance>(std::move(*endpoint)));
      !started)
    return failed(started.error());
  api::Json spec = {{"backup", (*backup)->key().name},
                    {"databaseInstances", {*instance}},
                    {"existing", command.existing},
                    {"content", command.grants ? "All" : "Data"},
                    {"safetyBackup", command.safety_backup},
                    {"blockTraffic", command.block_traffic},
                    {"threads", command.threads}};
  if (!command.databases.empty()) spec["databases"] = command.databases;
  if (!rename->empty()) spec["rename"] = *rename;
  const std::string name =
      (*backup)->key().name.substr(0, 200) + "-restore-" + make_name_suffix(session.rng, 5);
  auto object = admit(api::kRestores, (*backup)->key().ns,
                      {{"metadata", {{"name", name}}}, {"spec", spec}}, session.clock, session.rng);
  if (!object) return failed(object.error());
  auto submitted =
      session.jobs->submit_restore(std::move(*object), {}, command.dry_run, interrupt_token());
  if (!submitted) return failed(submitted.error());
  if (!command.dry_run) return follow(session, *submitted, command.output);
  const api::Json planned = (*submitted)->dom();
  if (!print_object(planned, command.output)) print_plan(planned["status"]);
  return preflight_result(planned["status"]);
}

int run(const LocalList& command) {
  Session session;
  if (const Status there = require_repository(command.store); !there) return failed(there.error());
  if (const Status opened = session.open(command.store, true); !opened)
    return failed(opened.error());
  const storage::Snapshot snapshot = session.catalog->list(api::kBackups, command.ns);
  if (command.output == "json" || command.output == "yaml") {
    api::Json items = api::Json::array();
    for (const api::ObjectPtr& object : snapshot.objects) items.push_back(object->dom());
    const api::Json list = {{"apiVersion", api::kGroupVersion},
                            {"kind", "GaleraBackupList"},
                            {"metadata", {{"resourceVersion", std::to_string(snapshot.revision)}}},
                            {"items", items}};
    std::printf("%s", command.output == "json" ? (list.dump(4) + "\n").c_str()
                                               : api::to_yaml(list).c_str());
    return kDone;
  }
  if (command.output == "name") {
    for (const api::ObjectPtr& object : snapshot.objects) print_object(object->dom(), "name");
    return kDone;
  }
  if (snapshot.objects.empty()) {
    std::fprintf(stderr, "No backups found in %s.\n", command.store.c_str());
    return kDone;
  }
  std::vector<std::vector<std::string>> rows;
  for (const api::ObjectPtr& object : snapshot.objects) {
    const api::Json dom = object->dom();
    const api::Json status = dom.value("status", api::Json::object());
    const api::Json size = status.value("size", api::Json::object());
    std::string verified = jobs::facts::condition(dom, "Verified").first;
    if (verified.empty()) verified = "Unknown";
    std::string age = "<unknown>";
    if (const auto created = from_rfc3339(dom["metadata"].value("creationTimestamp", "")))
      age =
          human_duration(std::chrono::floor<std::chrono::seconds>(session.clock.now() - *created));
    rows.push_back({object->key().ns, object->key().name,
                    join(api::read_backup_spec(dom).database_instances, ","), api::phase_of(dom),
                    size.value("logical", ""), size.value("added", ""), verified, age});
  }
  print_table({"NAMESPACE", "NAME", "INSTANCES", "PHASE", "SIZE", "ADDED", "VERIFIED", "AGE"},
              rows);
  return kDone;
}

int run(const LocalCheck& command) {
  if (const Status there = require_store(command.store); !there) return failed(there.error());
  using Mode = storage::FsBlobStore::Mode;
  auto blobs = storage::FsBlobStore::open(command.store,
                                          command.repair ? Mode::kReadWrite : Mode::kReadOnly);
  if (!blobs) return failed(blobs.error());
  storage::CheckOptions options;
  options.read_data = command.read_data;
  options.repair = command.repair;
  auto findings = storage::check_repository(**blobs, options, interrupt_token());
  if (!findings) return failed(findings.error());
  std::size_t damage = 0;
  for (const storage::Finding& finding : *findings) {
    if (finding.damage) ++damage;
    std::printf("%s: %s: %s\n", finding.damage ? "damage" : "note", finding.key.c_str(),
                finding.message.c_str());
  }
  if (damage > 0) {
    std::printf("%zu damaged\n", damage);
    return kDegraded;
  }
  std::printf("no damage found%s\n", command.read_data
                                         ? ": every byte was read"
                                         : " in the structure (--read-data reads every byte)");
  return kDone;
}

}  // namespace gb::cli
