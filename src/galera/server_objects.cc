#include "galera/server_objects.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/text.h"
#include "galera/definitions.h"
#include "galera/programs.h"
#include "galera/sql_text.h"

namespace gb::galera {
namespace {

using Options = std::vector<std::string>;  // "HOST 'here'"

// From MariaDB 11.8 on all of them stand in a JSON object, as their author gave them. Nothing when
// it is none: a server does not escape the names that it writes there.
std::optional<Options> options_in(const std::string& json) {
  Options out;
  if (json.empty()) return out;
  const auto object = nlohmann::ordered_json::parse(json, nullptr, false);
  if (!object.is_object()) return std::nullopt;
  for (const auto& [name, value] : object.items()) {
    if (!value.is_string()) return std::nullopt;
    const auto text = value.get<std::string>();
    // The one that is a number, and a keyword.
    const bool port = name == "PORT" && !text.empty() &&
                      text.find_first_not_of("0123456789") == std::string::npos;
    out.push_back(port ? "PORT " + text : quote_name(name) + " " + quote_text(text));
  }
  return out;
}

// Those of older versions, each of which has a column: HOST, DATABASE, USER, PASSWORD, SOCKET,
// OWNER, PORT from `first` on. A HOST also when it is empty, since without it, or a SOCKET, MariaDB
// makes no server; and a PORT, since without one it takes its own.
Options options_of(const Row& row, std::size_t first) {
  constexpr std::array<const char*, 6> kTexts{"HOST",     "DATABASE", "USER",
                                              "PASSWORD", "SOCKET",   "OWNER"};
  Options out;
  for (std::size_t i = 0; i < kTexts.size(); ++i)
    if (const std::string value = cell(row, first + i); i == 0 || !value.empty())
      out.push_back(std::string(kTexts.at(i)) + " " + quote_text(value));
  out.push_back("PORT " + cell(row, first + kTexts.size()));
  return out;
}

// Nothing when the account may not read them.
Result<std::optional<Rows>> rows_if_allowed(Connection& connection, const std::string& sql) {
  auto rows = connection.query(sql);
  if (rows) return std::optional(std::move(*rows));
  if (rows.error().code == Code::kForbidden) return std::optional<Rows>();
  return fail(std::move(rows).error());
}

Result<KnownNames> names_of(Connection& connection, const std::string& sql) {
  GB_TRY_ASSIGN(const std::optional<Rows> rows, rows_if_allowed(connection, sql));
  if (!rows) return KnownNames();
  std::set<std::string> out;
  for (const Row& row : rows->rows) out.insert(to_lower(cell(row, 0)));
  return KnownNames(std::move(out));
}

}  // namespace

Result<std::vector<ServerObject>> read_foreign_servers(Connection& connection,
                                                       std::vector<std::string>& notes) {
  GB_TRY_ASSIGN(const Rows columns, connection.query("SHOW COLUMNS FROM mysql.servers"));
  const bool has_options = std::ranges::any_of(
      columns.rows, [](const Row& row) { return to_lower(cell(row, 0)) == "options"; });
  GB_TRY_ASSIGN(
      const Rows rows,
      connection.query("SELECT Server_name, Wrapper, Host, Db, Username, Password, Socket, Owner, "
                       "Port, " +
                       std::string(has_options ? "Options" : "''") +
                       " FROM mysql.servers ORDER BY Server_name"));
  std::vector<ServerObject> out;
  for (const Row& row : rows.rows) {
    const std::string name = cell(row, 0);
    std::optional<Options> options = options_in(cell(row, 9));
    if (!options) {
      notes.push_back("the server " + quote_name(name) +
                      " (CREATE SERVER) is not in the backup: mysql.servers holds options of it "
                      "that cannot be read");
      continue;
    }
    if (options->empty()) options = options_of(row, 2);
    out.push_back({name, "CREATE SERVER IF NOT EXISTS " + quote_name(name) +
                             " FOREIGN DATA WRAPPER " + quote_name(cell(row, 1)) + " OPTIONS (" +
                             join(*options, ", ") + ")"});
  }
  return out;
}

Result<std::uint64_t> create_foreign_servers(Connection& connection,
                                             const std::vector<ServerObject>& servers,
                                             std::vector<std::string>& notes) {
  if (servers.empty()) return 0;
  GB_TRY_ASSIGN(const KnownNames there, foreign_server_names(connection));
  std::uint64_t made = 0;
  std::vector<std::string> kept;
  for (const ServerObject& server : servers) {
    if (there && there->contains(to_lower(server.name))) {
      kept.push_back(quote_name(server.name));
      continue;
    }
    if (auto created = connection.exec(server.create_sql); !created)
      return wrap("cannot create the server " + quote_name(server.name),
                  std::move(created).error());
    ++made;
  }
  if (!kept.empty())
    notes.push_back("servers (CREATE SERVER) that exist are left as they are: " + some(kept));
  return made;
}

Result<std::vector<ServerObject>> read_library_functions(Connection& connection) {
  GB_TRY_ASSIGN(
      const std::optional<Rows> rows,
      rows_if_allowed(connection, "SELECT name, ret, dl, type FROM mysql.func ORDER BY name"));
  // By their number in mysql.func: STRING, REAL, INTEGER, a row, DECIMAL.
  constexpr std::array<const char*, 5> kReturns{"STRING", "REAL", "INTEGER", "ROW", "DECIMAL"};
  std::vector<ServerObject> out;
  if (!rows) return out;
  for (const Row& row : rows->rows) {
    const std::string name = cell(row, 0);
    const std::string number = cell(row, 1);
    const std::size_t returns = number.size() == 1 ? static_cast<std::size_t>(number[0] - '0') : 0;
    out.push_back({name, "CREATE " + std::string(cell(row, 3) == "aggregate" ? "AGGREGATE " : "") +
                             "FUNCTION " + quote_name(name) + " RETURNS " +
                             kReturns.at(returns < kReturns.size() ? returns : 0) + " SONAME " +
                             quote_text(cell(row, 2))});
  }
  return out;
}

Result<KnownNames> foreign_server_names(Connection& connection) {
  return names_of(connection, "SELECT Server_name FROM mysql.servers");
}

Result<KnownNames> library_function_names(Connection& connection) {
  return names_of(connection, "SELECT name FROM mysql.func");
}

Result<std::string> foreign_server_of(const Table& table) {
  if (to_lower(table.engine) != "federated") return std::string();
  GB_TRY_ASSIGN(const TableDefinition definition, parse_table(table.create_sql));
  GB_TRY_ASSIGN(const std::vector<Token> tokens, tokenize(definition.options));
  for (TokenWalk walk(tokens); !walk.end(); walk.next()) {
    if (!walk.take_word("CONNECTION")) continue;
    walk.take_punct('=');
    if (walk.token().kind != TokenKind::kString) continue;
    const std::string connection = string_of(walk.token());
    // mysql://user@host/database/table
    if (connection.find("://") != std::string::npos || connection.find('@') != std::string::npos)
      return std::string();
    return connection.substr(0, connection.find('/'));
  }
  return std::string();
}

Result<std::vector<ServerObject>> called_by(const Program& program,
                                            const std::vector<ServerObject>& functions) {
  std::vector<ServerObject> out;
  if (functions.empty()) return out;
  const SqlQuoting quoting = quoting_of(program);
  GB_TRY_ASSIGN(const std::vector<Token> tokens, tokenize(program.create_sql, quoting));
  std::set<std::string> called;
  bool qualified = false;  // `a`.`f`(…) is a function of a schema
  for (TokenWalk walk(tokens); !walk.end();) {
    if (!walk.is_name()) {
      qualified = walk.is_punct('.');
      walk.next();
      continue;
    }
    const std::string name = to_lower(name_of(walk.token(), quoting));
    walk.next();
    if (walk.is_punct('(') && !qualified && name != to_lower(program.name)) called.insert(name);
    qualified = false;
  }
  for (const ServerObject& function : functions)
    if (called.contains(to_lower(function.name))) out.push_back(function);
  return out;
}

}  // namespace gb::galera
