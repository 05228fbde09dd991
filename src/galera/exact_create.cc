#include "galera/exact_create.h"

#include <algorithm>

#include "base/text.h"
#include "galera/definitions_tokens.h"
#include "galera/sql_text.h"

namespace gb::galera {
namespace {

bool is_plain(const std::string& text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return c >= ' ' && c <= '~' && c != '?'; });
}

// Whether a text of this column may have been printed as another.
bool is_doubtful(const Column& column, const std::string& text) {
  if (is_plain(text)) return false;
  if (column.character_set.empty())
    return column.data_type == "binary" || column.data_type == "varbinary" ||
           column.data_type.ends_with("blob");
  const bool unicode = column.character_set == "utf8mb4" || column.character_set == "utf8mb3" ||
                       column.character_set == "utf8";
  return !unicode || text.find('?') != std::string::npos;
}

bool has_members(const Column& column) {
  return column.data_type == "enum" || column.data_type == "set";
}

// Where the texts of a column stand in the definition.
struct Places {
  std::size_t type = 0;
  std::vector<std::size_t> members;
  bool typed = false;             // the parentheses of the type were closed
  std::size_t default_value = 0;  // 0: it has no literal
};

std::map<std::string, Places> places_of(const std::vector<Token>& tokens) {
  std::map<std::string, Places> out;
  Places* column = nullptr;
  int depth = 0;
  bool begins = false;
  bool after_default = false;
  for (TokenWalk walk(tokens); !walk.end(); walk.next()) {
    const Token& token = walk.token();
    if (walk.is_punct('(')) {
      begins = ++depth == 1;
    } else if (walk.is_punct(')')) {
      if (--depth == 0) break;
      if (depth == 1 && column != nullptr) column->typed = true;
    } else if (walk.is_punct(',') && depth == 1) {
      begins = true;
    } else if (begins) {
      begins = false;
      column = token.kind == TokenKind::kName ? &out[name_of(token)] : nullptr;
    } else if (column != nullptr && column->type == 0) {
      column->type = walk.position();
    } else if (column != nullptr && token.kind == TokenKind::kString) {
      if (depth == 1 && after_default) column->default_value = walk.position();
      if (depth == 2 && !column->typed) column->members.push_back(walk.position());
    }
    after_default = depth == 1 && walk.is_word("DEFAULT");
  }
  return out;
}

// Empty where no statement tells: of a column that is NOT NULL, in a table without rows.
Result<std::string> default_of(Connection& connection, const std::string& table,
                               const Column& column) {
  const std::string ask = "SELECT HEX(CAST(DEFAULT(" + quote_name(column.name) + ") AS BINARY)) ";
  // A row that an outer join makes up has NULL in place of any default of a NOT NULL column.
  GB_TRY_ASSIGN(const Rows digits,
                connection.query(ask + (column.nullable ? "FROM (SELECT 1 AS x) AS x LEFT JOIN " +
                                                              table + " ON 0"
                                                        : "FROM " + table + " LIMIT 1")));
  if (digits.rows.empty() || !digits.rows[0].at(0)) return std::string();
  const std::string introducer =
      column.character_set.empty() ? "" : "_" + column.character_set + " ";
  return introducer + "X'" + *digits.rows[0][0] + "'";
}

// By a variable of the column's type, since no function tells a member by its number.
Result<std::vector<std::string>> members_of(Connection& connection, const std::string& table,
                                            const Column& column, std::size_t count) {
  std::string block =
      "BEGIN NOT ATOMIC DECLARE v TYPE OF " + table + "." + quote_name(column.name) + "; ";
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t number = column.data_type == "enum" ? i + 1 : std::uint64_t{1} << i;
    block += "SET v = " + std::to_string(number) + "; SET @gb_members = ";
    block += i == 0 ? "HEX(v); " : "CONCAT(@gb_members, ',', HEX(v)); ";
  }
  GB_TRY(connection.exec(block + "END"));
  GB_TRY_ASSIGN(const Cell digits, connection.scalar("SELECT @gb_members"));
  std::vector<std::string> out = split(digits.value_or(""), ',');
  if (out.size() != count)
    return fail(Code::kInternal, "the members of column " + quote_name(column.name) + " of table " +
                                     table + " cannot be read");
  return out;
}

}  // namespace

std::string with_quoted_foreign_keys(std::string create_sql,
                                     const std::vector<std::string>& foreign_keys) {
  const auto line = [](const std::string& quoted) {
    return "\n  CONSTRAINT " + quoted + " FOREIGN KEY ";
  };
  for (const std::string& name : foreign_keys) {
    const std::string printed = line("`" + name + "`");
    const std::string quoted = line(quote_name(name));
    const std::size_t at = printed == quoted ? std::string::npos : create_sql.find(printed);
    if (at != std::string::npos) create_sql.replace(at, printed.size(), quoted);
  }
  return create_sql;
}

Result<std::string> exact_create_sql(Connection& connection, const std::string& schema,
                                     const Table& table, const ColumnTexts& defaults,
                                     const ColumnTexts& systems) {
  const auto is_default_doubtful = [&](const Column& column) {
    const auto found = defaults.find(column.name);
    return found != defaults.end() && found->second.starts_with('\'') &&
           is_doubtful(column, found->second);
  };
  const auto are_members_doubtful = [](const Column& column) {
    return has_members(column) && is_doubtful(column, column.column_type);
  };
  if (systems.empty() &&
      std::none_of(table.columns.begin(), table.columns.end(), [&](const Column& c) {
        return is_default_doubtful(c) || are_members_doubtful(c);
      }))
    return table.create_sql;

  const std::string name = quote_table(schema, table.name);
  GB_TRY_ASSIGN(const std::vector<Token> tokens, tokenize(table.create_sql));
  std::map<std::string, Places> places = places_of(tokens);
  std::map<std::size_t, std::string> exact;
  for (const Column& column : table.columns) {
    const Places& at = places[column.name];
    if (const auto system = systems.find(column.name); system != systems.end())
      exact[at.type] = std::string(tokens.at(at.type).text) + " REF_SYSTEM_ID=" + system->second;
    if (is_default_doubtful(column) && at.default_value != 0) {
      // Else the printed text stays, which is right but for what utf8mb3 does not hold.
      GB_TRY_ASSIGN(const std::string text, default_of(connection, name, column));
      if (!text.empty()) exact[at.default_value] = text;
    }
    if (!are_members_doubtful(column) || at.members.empty()) continue;
    GB_TRY_ASSIGN(const std::vector<std::string> members,
                  members_of(connection, name, column, at.members.size()));
    for (std::size_t i = 0; i < members.size(); ++i) exact[at.members[i]] = "X'" + members[i] + "'";
  }
  std::string out;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const auto found = exact.find(i);
    out += found == exact.end() ? tokens[i].text : std::string_view(found->second);
  }
  return out;
}

}  // namespace gb::galera
