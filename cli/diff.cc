// kubectl galera local diff: what of a running cluster is not as a backup has it.
#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <thread>

#include "api/decode.h"
#include "api/types.h"
#include "cli/local.h"
#include "cli/local_session.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "galera/live_diff.h"
#include "jobs/repo_streams.h"

namespace gb::cli {
namespace {

using State = galera::TableDifference::State;

// Shows how far the reading is until it is destroyed.
class Watch {
 public:
  explicit Watch(const galera::Progress& progress)
      : thread_([this, &progress](const std::stop_token& stop) { loop(progress, stop); }) {}

 private:
  void loop(const galera::Progress& progress, const std::stop_token& stop) {
    Progress shown;
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, stop, std::chrono::milliseconds(200), [] { return false; })) {
      if (stop.stop_requested()) return;
      const std::uint64_t rows = progress.rows;
      const std::uint64_t expected = progress.rows_expected;
      const std::uint64_t percent =
          expected == 0 ? 0 : std::min<std::uint64_t>(99, rows * 100 / expected);
      shown.show(
          {{"status",
            {{"phase", "Comparing"}, {"progress", {{"percent", percent}, {"rows", rows}}}}}});
    }
  }

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::jthread thread_;
};

struct Compared {
  OpenBackup backup;
  galera::LiveDifference difference;
};

Result<Compared> compare(const LocalDiff& command) {
  Session session;
  GB_TRY_ASSIGN(const galera::Endpoint endpoint, endpoint_of(command.cluster));
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

const char* state_text(State state) {
  switch (state) {
    case State::kEqual:
      return "Equal";
    case State::kRows:
      return "RowsDiffer";
    case State::kColumns:
      return "ColumnsDiffer";
    case State::kOnlyInBackup:
      return "OnlyInBackup";
    case State::kOnlyLive:
      return "OnlyLive";
  }
  return "";
}

std::size_t equal_tables(const galera::LiveDifference& difference) {
  return static_cast<std::size_t>(
      std::ranges::count(difference.tables, State::kEqual, &galera::TableDifference::state));
}

api::Json to_json(const Compared& compared) {
  const galera::LiveDifference& difference = compared.difference;
  api::Json tables = api::Json::array();
  for (const galera::TableDifference& t : difference.tables) {
    if (t.state == State::kEqual) continue;
    api::Json table = {{"schema", t.schema}, {"table", t.table}, {"state", state_text(t.state)}};
    if (t.state != State::kOnlyLive) table["backupRows"] = t.backup_rows;
    if (t.state != State::kOnlyInBackup) table["liveRows"] = t.live_rows;
    if (t.state == State::kRows)
      table.update({{"added", t.added}, {"changed", t.changed}, {"removed", t.removed}});
    tables.push_back(std::move(table));
  }
  return {{"backup", compared.backup.object->key().name},
          {"namespace", compared.backup.object->key().ns},
          {"instance", compared.backup.instance},
          {"node", difference.facts.node},
          {"snapshotTime", to_rfc3339(difference.facts.snapshot_time)},
          {"equal", difference.equal()},
          {"equalTables", equal_tables(difference)},
          {"tables", std::move(tables)},
          {"definitions", difference.definitions}};
}

void print_text(const galera::LiveDifference& difference) {
  std::vector<Row> rows;
  for (const galera::TableDifference& t : difference.tables) {
    const bool counted = t.state == State::kRows;
    const auto count = [](bool known, std::uint64_t number) {
      return known ? std::to_string(number) : std::string("-");
    };
    if (t.state == State::kEqual) continue;
    rows.push_back({printable(t.schema + "." + t.table), state_text(t.state),
                    count(t.state != State::kOnlyLive, t.backup_rows),
                    (t.state == State::kOnlyLive ? "~" : "") +
                        count(t.state != State::kOnlyInBackup, t.live_rows),
                    count(counted, t.added), count(counted, t.changed), count(counted, t.removed)});
  }
  if (!rows.empty())
    print_table({"TABLE", "STATE", "BACKUP ROWS", "LIVE ROWS", "ADDED", "CHANGED", "REMOVED"},
                rows);
  for (const std::string& change : difference.definitions)
    std::printf("%s\n", printable(change).c_str());
}

}  // namespace

int run(const LocalDiff& command) {
  const auto compared = compare(command);
  if (!compared) return failed(compared.error());
  const galera::LiveDifference& difference = compared->difference;
  if (command.output == "json")
    std::printf("%s\n", to_json(*compared).dump(4).c_str());
  else if (command.output == "yaml")
    std::printf("%s", api::to_yaml(to_json(*compared)).c_str());
  else
    print_text(difference);
  std::fprintf(stderr, "%zu of %zu tables of %s are as in backup \"%s\"%s\n",
               equal_tables(difference), difference.tables.size(), difference.facts.node.c_str(),
               compared->backup.object->key().name.c_str(),
               difference.definitions.empty() ? "" : "; definitions differ");
  return difference.equal() ? kDone : kDegraded;
}

}  // namespace gb::cli
