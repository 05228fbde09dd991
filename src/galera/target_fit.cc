#include "galera/target_fit.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <utility>

#include "base/text.h"
#include "galera/accounts.h"
#include "galera/sql_text.h"

namespace gb::galera {
namespace {

constexpr std::size_t kShown = 5;  // names in a message

// What shares the names of tables: each with how it is told.
std::vector<std::string> names_of_tables(const Schema& schema) {
  std::vector<std::string> out;
  for (const Table& table : schema.tables) out.push_back(table.name);
  for (const Sequence& sequence : schema.sequences) out.push_back(sequence.name);
  for (const Program& program : schema.programs)
    if (program.kind == Program::Kind::kView) out.push_back(program.name);
  return out;
}

}  // namespace

std::string some(const std::vector<std::string>& names) {
  std::vector<std::string> shown(
      names.begin(), names.begin() + static_cast<std::ptrdiff_t>(std::min(names.size(), kShown)));
  std::string out = join(shown, ", ");
  if (names.size() > kShown) out += " and " + std::to_string(names.size() - kShown) + " more";
  return out;
}

Status fit_engines(const std::set<std::string>& engines, const Selection& selection) {
  std::vector<std::string> refused;
  for (const SelectedSchema& s : selection.schemas)
    for (const Table& table : s.schema->tables)
      if (!table.engine.empty() && !engines.contains(to_lower(table.engine)))
        refused.push_back(quote_table(s.schema->name, table.name) + " (" + table.engine + ")");
  if (refused.empty()) return {};
  return fail(Code::kInvalid,
              "the target does not have the engines of tables of the backup: " + some(refused),
              "load them there (INSTALL SONAME, on every node), or leave the tables' schemas out "
              "by spec.databases");
}

Status check_engines(Connection& connection, const Selection& selection) {
  GB_TRY_ASSIGN(const Rows rows, connection.query("SHOW ENGINES"));
  std::set<std::string> engines;
  for (const Row& row : rows.rows)
    if (row.at(1) == Cell("YES") || row.at(1) == Cell("DEFAULT"))
      engines.insert(to_lower(row.at(0).value_or("")));
  return fit_engines(engines, selection);
}

Status check_login_plugins(Connection& connection, const std::vector<Account>& accounts) {
  GB_TRY_ASSIGN(const Rows rows,
                connection.query("SELECT PLUGIN_NAME FROM information_schema.PLUGINS WHERE "
                                 "PLUGIN_TYPE = 'AUTHENTICATION' AND PLUGIN_STATUS = 'ACTIVE'"));
  std::set<std::string> plugins;
  for (const Row& row : rows.rows) plugins.insert(to_lower(row.at(0).value_or("")));
  GB_TRY_ASSIGN(const std::set<std::string> there, existing_accounts(connection));
  std::vector<std::string> refused;
  for (const Account& account : accounts) {
    if (there.contains(plain_account_name(account))) continue;  // it stays as it is
    for (const std::string& plugin : login_plugins(account))
      if (!plugins.contains(to_lower(plugin)))
        refused.push_back(account.name + " (" + plugin + ")");
  }
  if (refused.empty()) return {};
  return fail(Code::kInvalid,
              "the target does not have the plugins by which accounts of the backup log in: " +
                  some(refused),
              "load them there (INSTALL SONAME, on every node), or restore the rows alone "
              "(content: Data)");
}

Result<std::string> fit_table_names(int lower_case_table_names, const Facts& source,
                                    const Selection& selection) {
  if (lower_case_table_names == 0)
    return source.lower_case_table_names == 0
               ? std::string()
               : "not known: the source took the names of tables in any case, the target "
                 "(lower_case_table_names 0) does not: a program whose text writes one in another "
                 "case fails when it is used";
  // By 1 they are kept in lower case, by 2 as they are; either way those that differ by case alone
  // are one. Letters beyond ASCII are not looked at.
  const auto is_lost = [&](const std::string& name, std::size_t alike) {
    return alike > 1 || (lower_case_table_names == 1 && to_lower(name) != name);
  };
  std::map<std::string, std::size_t> schemas;
  for (const SelectedSchema& s : selection.schemas) ++schemas[to_lower(s.target)];
  std::vector<std::string> lost;
  for (const SelectedSchema& s : selection.schemas) {
    if (is_lost(s.target, schemas[to_lower(s.target)])) lost.push_back(quote_name(s.target));
    const std::vector<std::string> names = names_of_tables(*s.schema);
    std::map<std::string, std::size_t> alike;
    for (const std::string& name : names) ++alike[to_lower(name)];
    for (const std::string& name : names)
      if (is_lost(name, alike[to_lower(name)])) lost.push_back(quote_table(s.target, name));
  }
  if (lost.empty()) return std::string();
  return fail(Code::kInvalid,
              "the target (lower_case_table_names " + std::to_string(lower_case_table_names) +
                  ") does not keep names as they are: " + some(lost),
              "restore onto a server with lower_case_table_names 0, give schemas names in lower "
              "case by spec.rename, or leave them out by spec.databases");
}

std::vector<std::string> known_losses(const InstanceModel& model, const Selection& selection,
                                      const std::string& node) {
  std::vector<std::string> out;
  std::vector<std::string> alone;
  for (const SelectedSchema& s : selection.schemas) {
    for (const std::string& note : model.notes)
      if (note.starts_with("table " + s.schema->name + ".")) out.push_back(note);
    for (const Table& table : s.schema->tables)
      if (!table.transactional && table.totals.rows > 0)
        alone.push_back(quote_table(s.target, table.name) + " (" + table.engine + ")");
  }
  if (!node.empty() && !alone.empty())
    out.push_back(
        "rows of tables that are not InnoDB's come back on node " + node +
        " alone, since Galera replicates them only where wsrep_mode says so: " + some(alone));
  return out;
}

Result<std::string> check_table_names(Connection& connection, const Facts& source,
                                      const Selection& selection) {
  GB_TRY_ASSIGN(const Cell here, connection.scalar("SELECT @@GLOBAL.lower_case_table_names"));
  return fit_table_names(std::atoi(here.value_or("0").c_str()), source, selection);
}

}  // namespace gb::galera
