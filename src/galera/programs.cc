#include "galera/programs.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "galera/exact_program.h"
#include "galera/sql_text.h"

namespace gb::galera {
namespace {

using Kind = Program::Kind;

// SHOW CREATE … names its columns by what it shows; the statement's text is found by name.
Result<Cell> shown(Connection& connection, const std::string& statement, std::string_view column) {
  GB_TRY_ASSIGN(const Rows rows, connection.query(statement));
  const auto at = std::find(rows.columns.begin(), rows.columns.end(), column);
  if (rows.rows.empty() || at == rows.columns.end()) return Cell{};
  return rows.rows[0].at(static_cast<std::size_t>(at - rows.columns.begin()));
}

Result<std::string> create_text(Connection& connection, const std::string& schema,
                                const Program& p) {
  static constexpr std::array<std::pair<const char*, const char*>, 7> kShow = {{
      {"VIEW", "Create View"},
      {"PROCEDURE", "Create Procedure"},
      {"FUNCTION", "Create Function"},
      {"PACKAGE", "Create Package"},
      {"PACKAGE BODY", "Create Package Body"},
      {"TRIGGER", "SQL Original Statement"},
      {"EVENT", "Create Event"},
  }};
  const auto& [show, column] = kShow.at(static_cast<std::size_t>(p.kind));
  auto text = shown(connection,
                    std::string("SHOW CREATE ") + show + " " + quote_table(schema, p.name), column);
  const std::string what =
      std::string("the ") + to_string(p.kind) + " " + quote_table(schema, p.name);
  if (!text) return wrap("cannot read " + what, std::move(text).error());
  if (!*text)
    return fail(Code::kForbidden, "the server hides the text of " + what,
                "grant SELECT on mysql.proc (or SHOW CREATE ROUTINE) to the user of the backup");
  return std::move(**text);
}

Status read_views(Connection& connection, const std::string& schema, std::vector<Program>& out) {
  const std::string of = hex_literal(schema);
  GB_TRY_ASSIGN(const Rows views,
                connection.query("SELECT TABLE_NAME, DEFINER, CHARACTER_SET_CLIENT, "
                                 "COLLATION_CONNECTION FROM information_schema.VIEWS WHERE "
                                 "TABLE_SCHEMA = " +
                                 of + " ORDER BY TABLE_NAME"));
  if (views.rows.empty()) return {};
  int order = 0;
  for (const Row& row : views.rows) {
    Program& p = out.emplace_back();
    p.kind = Kind::kView;
    p.name = cell(row, 0);
    p.definer = cell(row, 1);
    p.character_set_client = cell(row, 2);
    p.collation_connection = cell(row, 3);
    p.order = ++order;
    GB_TRY_ASSIGN(p.create_sql, create_text(connection, schema, p));
    if (is_foreign_text(p.create_sql, p.character_set_client)) {
      GB_TRY(connection.exec("SET character_set_results = utf8mb4"));
      GB_TRY_ASSIGN(p.utf8_sql, create_text(connection, schema, p));
      GB_TRY(connection.exec("SET character_set_results = binary"));
    }
    // A view whose tables are gone has no columns: it can be shown, but not made again.
    GB_TRY_ASSIGN(const Rows columns,
                  connection.query("SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE "
                                   "TABLE_SCHEMA = " +
                                   of + " AND TABLE_NAME = " + hex_literal(p.name) +
                                   " ORDER BY ORDINAL_POSITION"));
    for (const Row& column : columns.rows) p.view_columns.push_back(cell(column, 0));
  }
  return {};
}

// What information_schema says alike of routines, triggers and events: the name, then these.
const std::string kEnvironmentColumns =
    ", DEFINER, SQL_MODE, CHARACTER_SET_CLIENT, COLLATION_CONNECTION, DATABASE_COLLATION";
constexpr std::size_t kOwnColumns = 6;  // where what only one of them has begins

Program program_of(Kind kind, const Row& row) {
  Program p;
  p.kind = kind;
  p.name = cell(row, 0);
  p.definer = cell(row, 1);
  p.sql_mode = cell(row, 2);
  p.character_set_client = cell(row, 3);
  p.collation_connection = cell(row, 4);
  p.database_collation = cell(row, 5);
  return p;
}

Status read_routines(Connection& connection, const std::string& schema, std::vector<Program>& out) {
  static constexpr std::array<std::pair<Kind, std::string_view>, 4> kTypes = {{
      {Kind::kProcedure, "PROCEDURE"},
      {Kind::kFunction, "FUNCTION"},
      {Kind::kPackage, "PACKAGE"},
      {Kind::kPackageBody, "PACKAGE BODY"},
  }};
  GB_TRY_ASSIGN(const Rows routines,
                connection.query("SELECT SPECIFIC_NAME" + kEnvironmentColumns +
                                 ", ROUTINE_TYPE, ROUTINE_COMMENT FROM information_schema.ROUTINES "
                                 "WHERE ROUTINE_SCHEMA = " +
                                 hex_literal(schema) + " ORDER BY SPECIFIC_NAME"));
  for (const auto& [kind, type] : kTypes) {
    for (const Row& row : routines.rows) {
      if (cell(row, kOwnColumns) != type) continue;
      Program& p = out.emplace_back(program_of(kind, row));
      GB_TRY_ASSIGN(p.create_sql, create_text(connection, schema, p));
      GB_TRY_ASSIGN(p.create_sql,
                    exact_routine_sql(connection, schema, p, cell(row, kOwnColumns + 1)));
    }
  }
  return {};
}

Status read_triggers(Connection& connection, const std::string& schema, std::vector<Program>& out) {
  GB_TRY_ASSIGN(const Rows triggers,
                connection.query("SELECT TRIGGER_NAME" + kEnvironmentColumns +
                                 ", EVENT_OBJECT_TABLE, ACTION_ORDER FROM "
                                 "information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = " +
                                 hex_literal(schema) +
                                 " ORDER BY EVENT_OBJECT_TABLE, EVENT_MANIPULATION, ACTION_TIMING, "
                                 "ACTION_ORDER"));
  for (const Row& row : triggers.rows) {
    Program& p = out.emplace_back(program_of(Kind::kTrigger, row));
    p.table = cell(row, kOwnColumns);
    p.order = std::atoi(cell(row, kOwnColumns + 1).c_str());
    GB_TRY_ASSIGN(p.create_sql, create_text(connection, schema, p));
  }
  return {};
}

Status read_events(Connection& connection, const std::string& schema, std::vector<Program>& out) {
  GB_TRY_ASSIGN(const Rows events,
                connection.query("SELECT EVENT_NAME" + kEnvironmentColumns +
                                 ", TIME_ZONE, STATUS FROM information_schema.EVENTS "
                                 "WHERE EVENT_SCHEMA = " +
                                 hex_literal(schema) + " ORDER BY EVENT_NAME"));
  for (const Row& row : events.rows) {
    Program& p = out.emplace_back(program_of(Kind::kEvent, row));
    p.time_zone = cell(row, kOwnColumns);
    p.status = cell(row, kOwnColumns + 1);
    GB_TRY_ASSIGN(p.create_sql, create_text(connection, schema, p));
    GB_TRY_ASSIGN(p.create_sql, exact_event_sql(connection, p));
  }
  return {};
}

}  // namespace

bool has_unknown_event_states(const std::vector<Schema>& schemas) {
  return std::any_of(schemas.begin(), schemas.end(), [](const Schema& schema) {
    return std::any_of(schema.programs.begin(), schema.programs.end(), [](const Program& p) {
      return p.kind == Kind::kEvent && p.status == "SLAVESIDE_DISABLED";
    });
  });
}

Status take_event_states(Connection& connection, std::vector<Schema>& schemas) {
  GB_TRY_ASSIGN(const Rows events,
                connection.query("SELECT EVENT_SCHEMA, EVENT_NAME, STATUS FROM "
                                 "information_schema.EVENTS WHERE STATUS <> 'SLAVESIDE_DISABLED'"));
  std::map<std::pair<std::string, std::string>, std::string> known;
  for (const Row& row : events.rows) known[{cell(row, 0), cell(row, 1)}] = cell(row, 2);
  for (Schema& schema : schemas)
    for (Program& p : schema.programs) {
      if (p.kind != Kind::kEvent || p.status != "SLAVESIDE_DISABLED") continue;
      if (const auto found = known.find({schema.name, p.name}); found != known.end())
        p.status = found->second;
    }
  return {};
}

Status forget_event_states(std::vector<Schema>& schemas) {
  for (Schema& schema : schemas)
    for (Program& program : schema.programs) {
      if (program.kind != Kind::kEvent) continue;
      program.status.clear();
      GB_TRY_ASSIGN(program.create_sql, without_state(program));
    }
  return {};
}

const char* to_string(Program::Kind kind) {
  static constexpr std::array<const char*, 7> kNames = {
      "view", "procedure", "function", "package", "package body", "trigger", "event"};
  return kNames.at(static_cast<std::size_t>(kind));
}

SqlQuoting quoting_of(const Program& program) {
  // The server prints a view anew, in the sql_mode of the session that asks: ours.
  return quoting_of(program.kind == Kind::kView ? std::string() : program.sql_mode,
                    program.character_set_client);
}

Result<std::vector<Program>> read_programs(Connection& connection, const std::string& schema) {
  std::vector<Program> out;
  GB_TRY(read_views(connection, schema, out));
  GB_TRY(read_routines(connection, schema, out));
  GB_TRY(read_triggers(connection, schema, out));
  GB_TRY(read_events(connection, schema, out));
  return out;
}

}  // namespace gb::galera
