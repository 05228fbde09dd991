// kubectl galera local diff: what of a running cluster is not as a backup has it.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <thread>

#include "api/decode.h"
#include "api/types.h"
#include "base/wait.h"
#include "cli/difference.h"
#include "cli/local.h"
#include "cli/local_session.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "galera/live_diff.h"
#include "jobs/comparison.h"
#include "jobs/repo_streams.h"

namespace gb::cli {
namespace {

// Shows how far the reading is until it is destroyed.
class Watch {
 public:
  explicit Watch(const galera::Progress& progress)
      : thread_([this, &progress](const std::stop_token& stop) { loop(progress, stop); }) {}

 private:
  void loop(const galera::Progress& progress, const std::stop_token& stop) {
    Progress shown;
    while (sleep_for(stop, std::chrono::milliseconds(200))) {
      const std::uint64_t rows = progress.rows;
      const std::uint64_t expected = progress.rows_expected;
      const std::uint64_t percent =
          expected == 0 ? 0 : std::min<std::uint64_t>(99, rows * 100 / expected);
      shown.show(
          {{"status",
            {{"phase", "Comparing"}, {"progress", {{"percent", percent}, {"rows", rows}}}}}});
    }
  }

  std::jthread thread_;
};

struct Compared {
  OpenBackup backup;
  galera::LiveDifference difference;
};

Result<Compared> compare(const LocalDiff& command) {
  Session session;
  GB_TRY_ASSIGN(const galera::Endpoint endpoint, endpoint_of(command.galera));
  GB_TRY(require_repository(command.store));
  GB_TRY(session.open(command.store, true));
  Compared out;
  GB_TRY_ASSIGN(out.backup, open_backup(session, command.store, command.ns, command.backup,
                                        command.instance, "to compare"));
  const api::BackupSpec spec = api::read_backup_spec(out.backup.object->dom());
  galera::DumpOptions options;
  options.databases = command.databases.empty() ? spec.databases : command.databases;
  options.exclude_databases = spec.exclude_databases;
  options.exclude_tables = spec.exclude_tables;
  options.threads = command.threads;
  for (const std::string& name : command.databases) {
    const auto& schemas = out.backup.model.schemas;
    if (std::ranges::find(schemas, name, &galera::Schema::name) == schemas.end())
      return fail(Code::kInvalid, "the backup does not hold the schema \"" + name + "\"",
                  "kubectl galera local list -o yaml shows what it holds");
  }
  jobs::RepoSource source(out.backup.reader, out.backup.instance);
  galera::Progress progress;
  const Watch watch(progress);
  GB_TRY_ASSIGN(out.difference, galera::diff_live(endpoint, options, out.backup.model, source,
                                                  progress, interrupt_token()));
  return out;
}

}  // namespace

int run(const LocalDiff& command) {
  const auto compared = compare(command);
  if (!compared) return failed(compared.error());
  api::Json json = jobs::comparison_json(compared->difference);
  json["backup"] = compared->backup.object->key().name;
  json["namespace"] = compared->backup.object->key().ns;
  json["instance"] = compared->backup.instance;
  if (!print_object(json, command.output)) print_difference(json);
  say_how_much_differs(json, compared->backup.object->key().name);
  return compared->difference.equal() ? kDone : kDegraded;
}

}  // namespace gb::cli
