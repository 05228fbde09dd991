#include "galera/target_fit.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <utility>

#include "base/text.h"
#include "galera/accounts.h"
#include "galera/definitions.h"
#include "galera/privileges.h"
#include "galera/programs.h"
#include "galera/server_objects.h"
#include "galera/server_version.h"
#include "galera/sql_text.h"

namespace gb::galera {
namespace {

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

namespace {

// A unique key without prefixes whose columns are never NULL is as good as one to the server.
bool has_primary_key(const TableDefinition& table) {
  const auto is_never_null = [&](const KeyPart& part) {
    return !part.prefix && std::ranges::any_of(table.items, [&](const TableItem& item) {
      return item.kind == TableItem::Kind::kColumn && item.not_null &&
             to_lower(item.name) == to_lower(part.column);
    });
  };
  return std::ranges::any_of(table.items, [&](const TableItem& item) {
    return item.kind == TableItem::Kind::kPrimary ||
           (item.kind == TableItem::Kind::kUnique &&
            std::ranges::all_of(item.parts, is_never_null));
  });
}

}  // namespace

Status check_primary_keys(Connection& connection, const Selection& selection) {
  GB_TRY_ASSIGN(const Rows rows,
                connection.query("SHOW GLOBAL VARIABLES WHERE (Variable_name = "
                                 "'innodb_force_primary_key' AND Value = 'ON') OR (Variable_name = "
                                 "'wsrep_mode' AND Value LIKE '%REQUIRED_PRIMARY_KEY%')"));
  if (rows.rows.empty()) return {};
  std::vector<std::string> refused;
  for (const SelectedSchema& s : selection.schemas)
    for (const Table& table : s.schema->tables) {
      if (to_lower(table.engine) != "innodb") continue;
      GB_TRY_ASSIGN(const TableDefinition definition, parse_table(table.create_sql));
      if (!has_primary_key(definition)) refused.push_back(quote_table(s.schema->name, table.name));
    }
  if (refused.empty()) return {};
  return fail(Code::kInvalid,
              "the target takes no tables without a primary key (" + cell(rows.rows[0], 0) +
                  "): " + some(refused),
              "SET GLOBAL innodb_force_primary_key = OFF and take REQUIRED_PRIMARY_KEY out of "
              "wsrep_mode there (on every node), or leave their schemas out by spec.databases");
}

Status check_encryption(Connection& connection, const Selection& selection) {
  std::vector<std::string> encrypted;
  for (const SelectedSchema& s : selection.schemas)
    for (const Table& table : s.schema->tables) {
      GB_TRY_ASSIGN(const TableDefinition definition, parse_table(table.create_sql));
      const std::string options = to_lower(definition.options);
      if (options.find("encrypted`=yes") != std::string::npos ||
          options.find("encrypted`='yes'") != std::string::npos)
        encrypted.push_back(quote_table(s.schema->name, table.name));
    }
  if (encrypted.empty()) return {};
  GB_TRY_ASSIGN(const Cell keys,
                connection.scalar("SELECT COUNT(*) FROM information_schema.PLUGINS WHERE "
                                  "PLUGIN_TYPE = 'ENCRYPTION' AND PLUGIN_STATUS = 'ACTIVE'"));
  if (keys != Cell("0")) return {};
  return fail(
      Code::kInvalid,
      "the target has no plugin with keys for tables that are encrypted: " + some(encrypted),
      "load one there (plugin_load_add = file_key_management, with the keys' numbers of "
      "the source), or leave the tables' schemas out by spec.databases");
}

Status check_passwords(Connection& connection, const std::vector<Account>& accounts) {
  GB_TRY_ASSIGN(const Rows rows,
                connection.query("SELECT PLUGIN_NAME FROM information_schema.PLUGINS WHERE "
                                 "PLUGIN_TYPE = 'PASSWORD VALIDATION' AND PLUGIN_STATUS = 'ACTIVE' "
                                 "AND @@GLOBAL.strict_password_validation = 1"));
  if (rows.rows.empty()) return {};
  GB_TRY_ASSIGN(const std::set<std::string> there, existing_accounts(connection));
  std::vector<std::string> refused;
  for (const Account& account : accounts)
    if (!account.role && !there.contains(plain_account_name(account)))
      refused.push_back(account.name);
  if (refused.empty()) return {};
  return fail(
      Code::kInvalid,
      "the target's " + cell(rows.rows[0], 0) +
          " judges passwords and refuses those of which only the hash is known: " + some(refused),
      "SET GLOBAL strict_password_validation = OFF there (on every node) for as long as it "
      "is restored (an account without a password wants the plugin gone: UNINSTALL "
      "PLUGIN), or restore the rows alone (content: Data)");
}

Result<std::string> check_foreign_servers(Connection& connection, const Selection& selection,
                                          const std::vector<ServerObject>& coming) {
  std::vector<std::pair<std::string, std::string>> named;  // a table, and its server
  for (const SelectedSchema& s : selection.schemas)
    for (const Table& table : s.schema->tables) {
      GB_TRY_ASSIGN(std::string server, foreign_server_of(table));
      if (!server.empty())
        named.emplace_back(quote_table(s.schema->name, table.name), std::move(server));
    }
  if (named.empty()) return std::string();
  GB_TRY_ASSIGN(KnownNames there, foreign_server_names(connection));
  if (!there) return "not known: the user may not read mysql.servers on the target";
  for (const ServerObject& server : coming) there->insert(to_lower(server.name));
  std::vector<std::string> refused;
  for (const auto& [table, server] : named)
    if (!there->contains(to_lower(server))) refused.push_back(table + " (" + server + ")");
  if (refused.empty()) return std::string();
  return fail(Code::kInvalid,
              "the target does not have the servers (CREATE SERVER) that tables of the backup "
              "name: " +
                  some(refused),
              "create them there, restore the accounts too (content: All), which brings those of "
              "the backup, or leave the tables' schemas out by spec.databases");
}

Result<std::string> check_library_functions(Connection& connection, const InstanceModel& model,
                                            const Selection& selection,
                                            std::vector<std::string>& notes) {
  if (model.library_functions.empty()) return std::string();
  GB_TRY_ASSIGN(const KnownNames there, library_function_names(connection));
  struct Callers {
    std::vector<std::string> views;
    std::vector<std::string> others;
  };
  std::map<std::string, Callers> missing;  // by how the function is made
  for (const SelectedSchema& s : selection.schemas)
    for (const Program& p : s.schema->programs) {
      const bool view = p.kind == Program::Kind::kView;
      if (view && p.view_columns.empty()) continue;  // it is not made
      GB_TRY_ASSIGN(const std::vector<ServerObject> called, called_by(p, model.library_functions));
      for (const ServerObject& f : called) {
        if (there && there->contains(to_lower(f.name))) continue;
        Callers& callers = missing[f.create_sql];
        const std::string what =
            std::string(to_string(p.kind)) + " " + quote_table(s.schema->name, p.name);
        (view ? callers.views : callers.others).push_back(what);
      }
    }
  if (missing.empty()) return std::string();
  if (!there) return "not known: the user may not read mysql.func on the target";
  std::vector<std::string> refused;
  for (const auto& [create, callers] : missing) {
    if (!callers.views.empty()) refused.push_back(some(callers.views) + ": " + create);
    if (!callers.others.empty())
      notes.push_back("a function of a library is called that the target does not have (" + create +
                      "): these fail until it is made there: " + some(callers.others));
  }
  if (refused.empty()) return std::string();
  return fail(Code::kInvalid,
              "the target does not have functions of libraries that views of the backup call: " +
                  some(refused),
              "install the libraries on every node and make the functions, or leave the views' "
              "schemas out by spec.databases");
}

Status check_proxies(Connection& connection, const std::vector<Account>& accounts) {
  std::vector<std::string> proxies;
  for (const Account& account : accounts)
    if (std::ranges::any_of(account.grants,
                            [](const std::string& g) { return g.starts_with("GRANT PROXY "); }))
      proxies.push_back(account.name);
  if (proxies.empty()) return {};
  // An installation gives it to root@localhost alone, whatever else others may.
  GB_TRY_ASSIGN(
      const Cell may,
      connection.scalar("SELECT COUNT(*) FROM mysql.proxies_priv WHERE With_grant = 1 AND "
                        "Proxied_user = '' AND User IN ('', SUBSTRING_INDEX(USER(), '@', 1)) AND "
                        "(Host = '' OR SUBSTRING_INDEX(USER(), '@', -1) LIKE Host)"));
  if (may != Cell("0")) return {};
  GB_TRY_ASSIGN(const std::string user, current_user(connection));
  return fail(Code::kForbidden,
              "the user " + user +
                  " may not make accounts proxies of others, as these are: " + some(proxies),
              "on each node, as root@localhost: GRANT PROXY ON ''@'' TO the user WITH GRANT "
              "OPTION; or restore the rows alone (content: Data)");
}

std::string lost_with_super(const InstanceModel& model, const std::string& target_version) {
  const std::vector<std::string> lost =
      taken_from_super(model.facts.server_version, target_version);
  if (lost.empty()) return {};
  std::vector<std::string> accounts;
  for (const Account& account : model.accounts)
    if (std::ranges::any_of(account.grants, [](const std::string& grant) {
          const std::size_t on = grant.find(" ON *.* TO ");
          return on != std::string::npos && grant.substr(0, on).find("SUPER") != std::string::npos;
        }))
      accounts.push_back(account.name);
  if (accounts.empty()) return {};
  return "SUPER means less on MariaDB " + target_version + " than at the source (MariaDB " +
         model.facts.server_version + "); accounts that have it lack " + join(lost, ", ") + ": " +
         some(accounts) + "; grant these to whoever needs them";
}

bool says_what_it_does(const Program& function) {
  // Each on a line of its own, as the server prints it.
  return std::ranges::any_of(
      std::initializer_list<const char*>{"DETERMINISTIC", "NO SQL", "READS SQL DATA"},
      [&](const char* said) {
        return function.create_sql.find("\n    " + std::string(said) + "\n") != std::string::npos;
      });
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

namespace {

// Whether the parent has what a foreign key refers to: a key that begins with these columns, of the
// same types.
bool fits(const TableItem& key, const Table& child, const Table& parent,
          const TableDefinition& definition) {
  const auto names = [](const std::vector<KeyPart>& parts) {
    std::vector<std::string> out;
    for (const KeyPart& part : parts) out.push_back(to_lower(part.column));
    return out;
  };
  const std::vector<std::string> referring = names(key.parts);
  const std::vector<std::string> referred = names(key.parent_parts);
  const bool indexed = std::ranges::any_of(definition.items, [&](const TableItem& item) {
    using Kind = TableItem::Kind;
    if (item.kind != Kind::kPrimary && item.kind != Kind::kUnique && item.kind != Kind::kIndex)
      return false;
    const std::vector<std::string> parts = names(item.parts);
    return parts.size() >= referred.size() &&
           std::equal(referred.begin(), referred.end(), parts.begin());
  });
  const auto column = [](const Table& table, const std::string& name) {
    return std::ranges::find_if(table.columns,
                                [&](const Column& c) { return to_lower(c.name) == name; });
  };
  for (std::size_t i = 0; i < referring.size() && i < referred.size(); ++i) {
    const auto from = column(child, referring[i]);
    const auto to = column(parent, referred[i]);
    if (from == child.columns.end() || to == parent.columns.end()) return false;
    if (from->collation != to->collation || from->kind != to->kind) return false;
  }
  return indexed;
}

}  // namespace

Result<std::vector<UnfitForeignKey>> unfit_foreign_keys(const Selection& selection) {
  std::map<std::pair<std::string, std::string>, std::pair<const Table*, TableDefinition>> tables;
  for (const SelectedSchema& s : selection.schemas)
    for (const Table& table : s.schema->tables) {
      GB_TRY_ASSIGN(TableDefinition definition, parse_table(table.create_sql));
      tables[{s.schema->name, table.name}] = {&table, std::move(definition)};
    }
  std::vector<UnfitForeignKey> out;
  for (const auto& [name, table] : tables)
    for (const TableItem& item : table.second.items) {
      if (item.kind != TableItem::Kind::kForeignKey) continue;
      const std::string& schema = item.parent_schema.empty() ? name.first : item.parent_schema;
      const auto parent = tables.find({schema, item.parent});
      // One that refers to nothing is made as it was.
      if (parent == tables.end() ||
          fits(item, *table.first, *parent->second.first, parent->second.second))
        continue;
      out.push_back({table.first,
                     "the foreign key " + quote_name(item.name) + " of " +
                         quote_table(name.first, name.second) + " refers to columns of " +
                         quote_table(schema, item.parent) +
                         " that have no key there, or are of other types: MariaDB may not take it, "
                         "and then it is left out"});
    }
  return out;
}

std::vector<std::string> known_losses(const InstanceModel& model, const Selection& selection,
                                      const std::string& node) {
  std::vector<std::string> out;
  std::vector<std::string> alone;
  std::vector<std::string> remote;
  for (const SelectedSchema& s : selection.schemas) {
    for (const std::string& note : model.notes)
      if (note.starts_with("table " + s.schema->name + ".")) out.push_back(note);
    for (const Table& table : s.schema->tables) {
      if (!table.transactional && table.totals.rows > 0)
        alone.push_back(quote_table(s.target, table.name) + " (" + table.engine + ")");
      if (to_lower(table.engine) == "federated")
        remote.push_back(quote_table(s.target, table.name));
    }
  }
  if (!remote.empty())
    out.push_back("a FEDERATED table is made only while the server answers whose rows it shows: " +
                  some(remote));
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
