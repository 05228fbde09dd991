#include "galera/exact_program.h"

#include <algorithm>
#include <utility>

#include "galera/definitions_tokens.h"
#include "galera/sql_text.h"

namespace gb::galera {
namespace {

// What stands behind the backslash for this byte; 0: it needs none.
char escape_of(char c) {
  switch (c) {
    case '\0':
      return '0';
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\\':
      return '\\';
    default:
      return 0;
  }
}

// A value between quotes, for a session of this quoting. Without any, it is what the server prints.
std::string quoted(const std::string& value, char quote, SqlQuoting quoting) {
  const bool escapes = quote == '\'' && !quoting.no_backslash_escapes;
  std::string out(1, quote);
  for (std::size_t i = 0; i < value.size();) {
    const std::size_t width = width_at(std::string_view(value).substr(i), quoting.second_byte);
    const char c = value[i];
    if (width == 1 && escapes && escape_of(c) != 0) {
      out += '\\';
      out += escape_of(c);
    } else {
      if (width == 1 && c == quote) out += quote;
      out.append(value, i, width);
    }
    i += width;
  }
  return out + quote;
}

// A part that was printed, as its author's client would have said it. Only what stands between
// quotes is converted: swe7 has letters in the place of backquotes.
Result<std::string> as_said(Connection& connection, const std::string& part,
                            const Program& program) {
  const SqlQuoting quoting = quoting_of(program.sql_mode, program.character_set_client);
  GB_TRY_ASSIGN(const std::vector<Token> tokens, tokenize(part, {quoting.ansi_quotes, false}));
  std::string out;
  for (const Token& token : tokens) {
    const bool string = token.kind == TokenKind::kString;
    const std::size_t at = token.text.find_first_of("`'\"");  // @`host`: behind the first byte
    const bool differs = is_foreign_text(std::string(token.text), program.character_set_client) ||
                         (string && quoting.no_backslash_escapes);
    if (!differs || at == std::string_view::npos || token.kind == TokenKind::kComment) {
      out += token.text;
      continue;
    }
    const Token inner{string ? TokenKind::kString : TokenKind::kName, token.text.substr(at)};
    GB_TRY_ASSIGN(const std::string value,
                  in_character_set(connection, string ? string_of(inner) : name_of(inner),
                                   program.character_set_client));
    out += token.text.substr(0, at);
    out += quoted(value, inner.text.front(), quoting);
  }
  return out;
}

void replace_first(std::string& text, const std::string& what, const std::string& with) {
  if (const std::size_t at = text.find(what); at != std::string::npos)
    text.replace(at, what.size(), with);
}

}  // namespace

bool is_foreign_text(const std::string& text, const std::string& character_set) {
  // What a client of `binary` says is taken as it is.
  if (character_set.empty() || character_set == "binary" || character_set.starts_with("utf8"))
    return false;
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
}

Result<std::string> in_character_set(Connection& connection, const std::string& text,
                                     const std::string& character_set) {
  if (!is_foreign_text(text, character_set)) return text;
  const std::string there =
      "CONVERT(CONVERT(" + hex_literal(text) + " USING utf8mb4) USING " + character_set + ")";
  GB_TRY_ASSIGN(const Rows rows,
                connection.query("SELECT " + there + ", CONVERT(" + there + " USING utf8mb4)"));
  if (rows.rows.empty() || cell(rows.rows[0], 1) != text) return text;
  return cell(rows.rows[0], 0);
}

Result<std::string> exact_routine_sql(Connection& connection, const std::string& schema,
                                      const Program& routine, const std::string& comment) {
  std::string sql = routine.create_sql;
  if (routine.kind == Program::Kind::kFunction) {
    // information_schema takes it for a text of the client's, as SHOW CREATE does.
    GB_TRY_ASSIGN(
        const Cell returns,
        connection.scalar("SELECT `returns` FROM mysql.proc WHERE db = " + hex_literal(schema) +
                          " AND name = " + hex_literal(routine.name) + " AND type = 'FUNCTION'"));
    GB_TRY_ASSIGN(const std::string said, as_said(connection, returns.value_or(""), routine));
    // RETURN is ORACLE's.
    for (const char* word : {" RETURNS ", " RETURN "})
      if (returns && said != *returns) replace_first(sql, word + *returns, word + said);
  }
  if (!comment.empty()) {
    const std::string clause = "COMMENT " + quoted(comment, '\'', {});
    GB_TRY_ASSIGN(const std::string said, as_said(connection, clause, routine));
    // Four blanks before it; of a package without a line of its own.
    if (said != clause) replace_first(sql, "    " + clause + "\n", "    " + said + "\n");
  }
  return sql;
}

Result<std::string> exact_event_sql(Connection& connection, const Program& event) {
  const std::string& sql = event.create_sql;
  const SqlQuoting printed_quoting{quoting_of(event.sql_mode).ansi_quotes, false};
  GB_TRY_ASSIGN(const std::size_t head, position_of_word(sql, "DO", printed_quoting));
  if (head == std::string::npos) return sql;
  GB_TRY_ASSIGN(const std::string said, as_said(connection, sql.substr(0, head), event));
  return said + sql.substr(head);
}

}  // namespace gb::galera
