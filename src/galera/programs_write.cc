// The write side: one program at a time, each as one statement through the connector, so that
// nothing in a program's text (a delimiter, the end of a comment) can break out of it.
#include <mysqld_error.h>

#include <algorithm>
#include <map>

#include "galera/definitions_tokens.h"
#include "galera/exact_program.h"
#include "galera/programs.h"
#include "galera/sql_text.h"

namespace gb::galera {
namespace {

using Kind = Program::Kind;

// A routine keeps the collation that its schema had when it was made; the schema may have another
// now.
Result<std::string> schema_collation(Connection& connection) {
  GB_TRY_ASSIGN(const Cell collation, connection.scalar("SELECT @@collation_database"));
  return collation.value_or("");
}

// The text of an event around what it says of its state: ENABLE, DISABLE or DISABLE ON SLAVE.
struct EventText {
  std::string before;
  std::string state;
  std::string after;
};

Result<EventText> event_text(const Program& event) {
  GB_TRY_ASSIGN(const std::vector<Token> tokens, tokenize(event.create_sql, quoting_of(event)));
  for (TokenWalk walk(tokens); !walk.end() && !walk.is_word("DO"); walk.next()) {
    const std::size_t first = walk.position();
    if (!walk.is_word("ENABLE") && !walk.is_word("DISABLE")) continue;
    std::size_t last = first;
    TokenWalk rest(tokens, first + 1);
    if (walk.is_word("DISABLE") && rest.take_word("ON") && rest.is_word("SLAVE"))
      last = rest.position();
    return EventText{text_between(tokens, 0, first), text_between(tokens, first, last + 1),
                     text_between(tokens, last + 1, tokens.size())};
  }
  return EventText{event.create_sql, {}, {}};
}

// The text is that of the donor, which lists an event of another node as DISABLE ON SLAVE. To alter
// it afterwards would make whoever restores its definer.
Result<std::string> with_state(const Program& p) {
  GB_TRY_ASSIGN(const EventText text, event_text(p));
  if (!text.state.ends_with("SLAVE")) return p.create_sql;
  return text.before + (p.status == "DISABLED" ? "DISABLE" : "ENABLE") + text.after;
}

Status make(Connection& connection, const PlacedProgram& placed, const SchemaNames& names,
            bool from_galera) {
  const Program& p = *placed.program;
  const std::string what =
      std::string("the ") + to_string(p.kind) + " " + quote_table(placed.schema, p.name);
  // A text comes in the character set of its author's client and goes out under the same.
  SchemaNames said;
  for (const auto& [from, to] : names) {
    GB_TRY_ASSIGN(const std::string there,
                  in_character_set(connection, from, p.character_set_client));
    GB_TRY_ASSIGN(said[there], in_character_set(connection, to, p.character_set_client));
  }
  GB_TRY_ASSIGN(const std::string sql, program_sql(p, said, from_galera));
  GB_TRY(connection.exec(use_program_sql(placed)));
  GB_TRY(connection.exec(program_session_sql(p)));
  GB_TRY_ASSIGN(const std::string now, schema_collation(connection));
  const bool other_collation = !p.database_collation.empty() && p.database_collation != now;
  const auto alter = [&](const std::string& collation) {
    return connection.exec("ALTER DATABASE " + quote_name(placed.schema) + " COLLATE " + collation);
  };
  if (other_collation) GB_TRY(alter(p.database_collation));
  Status made = connection.exec(sql);
  // An author's choice of words is no change of what is made; neither is a scheduler that is off,
  // which the plan tells.
  if (made)
    made = refuse_warnings(connection, "making " + what,
                           {ER_WARN_DEPRECATED_SYNTAX, ER_WARN_DEPRECATED_SYNTAX_NO_REPLACEMENT,
                            p.kind == Kind::kEvent ? ER_UNKNOWN_ERROR : 0U});
  if (other_collation) GB_TRY(alter(now));
  if (!made) return wrap("cannot make " + what, std::move(made).error());
  return {};
}

}  // namespace

Result<std::string> without_state(const Program& event) {
  GB_TRY_ASSIGN(const EventText text, event_text(event));
  return text.before + text.after;
}

std::string use_program_sql(const PlacedProgram& placed) {
  return "USE " + quote_name(placed.schema);
}

std::string program_session_sql(const Program& p) {
  std::string set =
      "SET sql_mode = " + quote_text(p.kind == Kind::kView ? std::string() : p.sql_mode);
  if (!p.character_set_client.empty())
    set += ", character_set_client = " + quote_text(p.character_set_client);
  if (!p.collation_connection.empty())
    set += ", collation_connection = " + quote_text(p.collation_connection);
  if (p.kind == Kind::kEvent) {
    // An event whose time is over would vanish as it is made: at this time it is still to come.
    set += ", timestamp = 86400";
    if (!p.time_zone.empty()) set += ", time_zone = " + quote_text(p.time_zone);
  }
  return set;
}

Result<std::string> program_sql(const Program& p, const SchemaNames& names, bool from_galera) {
  std::string text = p.create_sql;
  if (p.kind == Kind::kEvent && from_galera) {
    GB_TRY_ASSIGN(text, with_state(p));
  }
  return rename_schemas(text, names, quoting_of(p));
}

Status create_program(Connection& connection, const PlacedProgram& placed, const SchemaNames& names,
                      bool from_galera) {
  Status made = make(connection, placed, names, from_galera);
  Status reset = reset_session(connection);
  return made ? reset : made;
}

std::string reset_session_sql() {
  return std::string("SET NAMES binary, sql_mode = '") + kRestoreSqlMode +
         "', time_zone = '+00:00', timestamp = DEFAULT";
}

Status reset_session(Connection& connection) {
  return connection.exec(reset_session_sql());
}

Status refuse_warnings(Connection& connection, const std::string& what,
                       std::initializer_list<unsigned> harmless) {
  if (connection.warning_count() == 0) return {};
  GB_TRY_ASSIGN(const std::vector<ServerWarning> warnings, connection.warnings());
  for (const ServerWarning& w : warnings) {
    if (w.level == "Note") continue;
    if (std::find(harmless.begin(), harmless.end(), w.number) != harmless.end()) continue;
    return fail(
        Code::kInternal, what + " gave the warning " + std::to_string(w.number) + ": " + w.message,
        "a restore never goes on after a warning: make the target's settings like those of the "
        "server that the backup was taken from");
  }
  return {};
}

Result<std::vector<PlacedProgram>> in_order_of_use(std::vector<PlacedProgram> views) {
  std::map<std::pair<std::string, std::string>, std::size_t> index;
  for (std::size_t i = 0; i < views.size(); ++i) index[{views[i].from, views[i].program->name}] = i;

  std::vector<std::vector<std::size_t>> needs(views.size());
  for (std::size_t i = 0; i < views.size(); ++i) {
    const Program& view = *views[i].program;
    GB_TRY_ASSIGN(const auto names, view.utf8_sql.empty()
                                        ? names_in(view.create_sql, quoting_of(view))
                                        : names_in(view.utf8_sql));
    for (const auto& [schema, name] : names) {
      // The server prints each view that is read with its schema; without, it is an alias.
      const auto it = index.find({schema, name});
      if (it != index.end() && it->second != i) needs[i].push_back(it->second);
    }
  }
  // Depth first. A name that only looks like a view's may close a circle: it is then passed over.
  std::vector<PlacedProgram> out;
  std::vector<char> seen(views.size(), 0);
  struct Frame {
    std::size_t view;
    std::size_t next;
  };
  for (std::size_t root = 0; root < views.size(); ++root) {
    if (seen[root] != 0) continue;
    seen[root] = 1;
    std::vector<Frame> stack{{root, 0}};
    while (!stack.empty()) {
      Frame& top = stack.back();
      if (top.next == needs[top.view].size()) {
        out.push_back(views[top.view]);
        stack.pop_back();
        continue;
      }
      const std::size_t need = needs[top.view][top.next++];
      if (seen[need] != 0) continue;
      seen[need] = 1;
      stack.push_back({need, 0});
    }
  }
  return out;
}

}  // namespace gb::galera
