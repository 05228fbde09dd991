#include "jobs/comparison.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/text.h"

namespace gb::jobs {
namespace {

using State = galera::TableDifference::State;

const char* state_text(State state) {
  switch (state) {
    case State::kEqual:
      return "Equal";
    case State::kRows:
      return "RowsDiffer";
    case State::kNotCounted:
      return "RowsNotCounted";
    case State::kColumns:
      return "ColumnsDiffer";
    case State::kOnlyInBackup:
      return "OnlyInBackup";
    case State::kOnlyLive:
      return "OnlyLive";
  }
  return "";
}

api::Json table_json(const galera::TableDifference& t) {
  api::Json table = {{"schema", t.schema}, {"table", t.table}, {"state", state_text(t.state)}};
  if (t.state != State::kOnlyLive) table["backupRows"] = t.backup_rows;
  if (t.state != State::kOnlyInBackup) table["liveRows"] = t.live_rows;
  if (t.state == State::kRows)
    table.update({{"added", t.added}, {"changed", t.changed}, {"removed", t.removed}});
  return table;
}

}  // namespace

api::Json comparison_json(const galera::LiveDifference& difference, std::size_t most) {
  api::Json tables = api::Json::array();
  std::size_t different = 0;
  for (const galera::TableDifference& table : difference.tables)
    if (table.state != State::kEqual && ++different <= most) tables.push_back(table_json(table));
  std::vector<std::string> definitions = difference.definitions;
  definitions.resize(std::min(definitions.size(), most));
  api::Json json = {
      {"node", difference.facts.node}, {"snapshotTime", to_rfc3339(difference.facts.snapshot_time)},
      {"equal", difference.equal()},   {"equalTables", difference.tables.size() - different},
      {"differentTables", different},  {"tables", std::move(tables)},
      {"definitions", definitions}};
  if (different > most) json["moreTables"] = different - most;
  if (definitions.size() < difference.definitions.size())
    json["moreDefinitions"] = difference.definitions.size() - definitions.size();
  return json;
}

}  // namespace gb::jobs
