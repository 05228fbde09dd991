#include <map>
#include <utility>

#include "galera/engine.h"
#include "galera/live_view.h"
#include "galera/table_dump.h"

namespace gb::galera {

Result<std::vector<TableComparison>> compare_live(const Endpoint& endpoint,
                                                  const InstanceModel& model, unsigned threads,
                                                  std::stop_token stop) {
  GB_TRY_ASSIGN(LiveView view, open_live_view(endpoint, threads, stop));
  std::vector<std::string> schemas;
  for (const Schema& schema : model.schemas) schemas.push_back(schema.name);
  GB_TRY_ASSIGN(Definitions live, read_live_definitions(view, schemas));

  std::map<std::pair<std::string, std::string>, TableComparison> wanted;
  for (const Schema& schema : model.schemas)
    for (const Table& table : schema.tables)
      if (!table.data_excluded)
        wanted[{schema.name, table.name}] = {schema.name, table.name, table.totals, {}, true};
  std::vector<TableToRead> tables;
  for (Schema& schema : live.schemas)
    for (Table& table : schema.tables)
      if (wanted.contains({schema.name, table.name}))
        tables.push_back({schema.name, &table, live.sizes[{schema.name, table.name}]});
  Progress progress;
  GB_TRY(dump_tables(view.connections, tables, nullptr, progress, nullptr, stop));

  for (const TableToRead& read : tables) {
    TableComparison& comparison = wanted.at({read.schema, read.table->name});
    comparison.found = read.table->totals;
    comparison.missing = false;
  }
  std::vector<TableComparison> out;
  for (auto& [name, comparison] : wanted) out.push_back(std::move(comparison));
  return out;
}

}  // namespace gb::galera
