// Views, routines, packages, triggers and events: how they are read from a server and made on
// another, each with the sql_mode, character sets and definer that its text depends on.
//
// Thread safety: functions on a connection by who owns the connection; the others are pure.
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "base/error.h"
#include "galera/connection.h"
#include "galera/definitions.h"
#include "galera/model.h"

namespace gb::galera {

// All programs of one schema, in the order of Program::Kind and by name; triggers in their order of
// action. The session must speak `SET NAMES binary` under an sql_mode without quoting options, as
// every session of this room does. Errors: Forbidden when a body may not be read (the message names
// what and the privilege).
Result<std::vector<Program>> read_programs(Connection& connection, const std::string& schema);

// Events whose status is that of a node which they were not made through (SLAVESIDE_DISABLED).
[[nodiscard]] bool has_unknown_event_states(const std::vector<Schema>& schemas);
// Takes over what this node knows better.
Status take_event_states(Connection& connection, std::vector<Schema>& schemas);

[[nodiscard]] const char* to_string(Program::Kind kind);  // "view", "package body", …

// "ansi quotes or not": how the text of this program is cut into tokens.
[[nodiscard]] SqlQuoting quoting_of(const Program& program);

// A program with the schema that it is made in.
struct PlacedProgram {
  const Program* program = nullptr;
  std::string from;    // its schema in the backup
  std::string schema;  // on the target
};

// Views so ordered that each stands after those that it selects from. Corruption when a text can
// not be read.
Result<std::vector<PlacedProgram>> in_order_of_use(std::vector<PlacedProgram> views);

// What is said before a program's own text: the schema that it is made in (for what it names
// without one), and the sql_mode, character sets and time zone that its text depends on.
[[nodiscard]] std::string use_program_sql(const PlacedProgram& placed);
[[nodiscard]] std::string program_session_sql(const Program& program);
// Its own text: with the schemas' names on the target, and an event in the state that it had, which
// its donor may not have known (`from_galera`: see create_program).
[[nodiscard]] Result<std::string> program_sql(const Program& program, const SchemaNames& names,
                                              bool from_galera);

// The text of an event without its state, of which each node of a cluster says something else.
[[nodiscard]] Result<std::string> without_state(const Program& event);
// Takes it out of all of them: to compare what two servers hold.
Status forget_event_states(std::vector<Schema>& schemas);

// Makes one program. `from_galera`: the backup comes from a cluster, where a node lists the events
// that another node created as SLAVESIDE_DISABLED; they are enabled. The session's sql_mode,
// character sets, time zone and schema are changed and left so: reset_session() gives back what
// this room starts with. Errors: those of the server; Internal when it was made with a warning (the
// message says which).
Status create_program(Connection& connection, const PlacedProgram& placed, const SchemaNames& names,
                      bool from_galera);
Status reset_session(Connection& connection);
[[nodiscard]] std::string reset_session_sql();

// The sql_mode of every session that restores: values come as they are, nothing is "corrected".
inline constexpr const char* kRestoreSqlMode =
    "NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION";

// Fails when the last statement left a warning; notes are let through, and those with a number of
// `harmless`. `what` begins the message.
Status refuse_warnings(Connection& connection, const std::string& what,
                       std::initializer_list<unsigned> harmless = {});

}  // namespace gb::galera
