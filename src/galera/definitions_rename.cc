// Schema names inside of SQL text. Views come as the server prints them, with every name quoted;
// routines, triggers and events as their author wrote them, so `nova.t` may be a table of the
// schema nova or a column of an alias nova.
#include <algorithm>
#include <array>

#include "galera/definitions.h"
#include "galera/sql_text.h"

namespace gb::galera {
namespace {

// The positions of the tokens that mean something.
std::vector<std::size_t> significant(const std::vector<Token>& tokens) {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < tokens.size(); ++i)
    if (tokens[i].kind != TokenKind::kSpace && tokens[i].kind != TokenKind::kComment)
      out.push_back(i);
  return out;
}

class Names {
 public:
  Names(const std::vector<Token>& tokens, SqlQuoting quoting)
      : tokens_(tokens), quoting_(quoting), at_(significant(tokens)) {}

  [[nodiscard]] std::size_t size() const { return at_.size(); }
  [[nodiscard]] std::size_t token(std::size_t i) const { return at_[i]; }
  [[nodiscard]] bool punct(std::size_t i, char c) const {
    return i < size() && tokens_[at_[i]].kind == TokenKind::kPunct &&
           tokens_[at_[i]].text.front() == c;
  }
  [[nodiscard]] bool name(std::size_t i) const {
    if (i >= size()) return false;
    const Token& t = tokens_[at_[i]];
    if (t.kind == TokenKind::kName) return true;
    // A number is a word too, but never a name.
    return t.kind == TokenKind::kWord &&
           !std::all_of(t.text.begin(), t.text.end(), [](char c) { return c >= '0' && c <= '9'; });
  }
  [[nodiscard]] std::string text(std::size_t i) const { return name_of(tokens_[at_[i]], quoting_); }
  [[nodiscard]] bool word(std::size_t i, std::string_view keyword) const {
    if (i >= size() || tokens_[at_[i]].kind != TokenKind::kWord) return false;
    return TokenWalk(tokens_, at_[i]).is_word(keyword);
  }
  template <std::size_t N>
  [[nodiscard]] bool word_of(std::size_t i, const std::array<std::string_view, N>& set) const {
    return std::any_of(set.begin(), set.end(), [&](std::string_view k) { return word(i, k); });
  }
  // `a`.`b` or `a`.*: i is the first of a qualified name.
  [[nodiscard]] bool qualifies(std::size_t i) const {
    return name(i) && punct(i + 1, '.') && (name(i + 2) || punct(i + 2, '*')) &&
           !(i > 0 && punct(i - 1, '.'));
  }

 private:
  const std::vector<Token>& tokens_;
  const SqlQuoting quoting_;
  std::vector<std::size_t> at_;
};

// After these comes something that lives in a schema.
constexpr std::array<std::string_view, 19> kBeforeObject = {
    "FROM",     "JOIN",       "STRAIGHT_JOIN", "INTO",      "UPDATE",   "TABLE",   "TABLES",
    "CALL",     "REFERENCES", "VIEW",          "PROCEDURE", "FUNCTION", "TRIGGER", "EVENT",
    "SEQUENCE", "EXISTS",     "TRUNCATE",      "PACKAGE",   "BODY"};
// These end the list of tables that FROM begins.
constexpr std::array<std::string_view, 13> kAfterTables = {
    "WHERE",  "SET", "GROUP", "ORDER",  "HAVING", "LIMIT",    "UNION",
    "SELECT", "ON",  "USING", "VALUES", "EXCEPT", "INTERSECT"};

// Whether the text also has something else of that name: an alias, a table, a column, a variable.
bool is_ambiguous(const Names& names, const std::string& schema) {
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names.name(i) && names.text(i) == schema && !names.qualifies(i)) return true;
  return false;
}

bool stands_for_schema(const Names& names, std::size_t i, bool in_tables) {
  if (names.punct(i + 3, '.')) return true;  // `schema`.`table`.`column`
  if (names.punct(i + 3, '(')) {
    // A call, or the list of columns of INSERT INTO `schema`.`table` (…): both qualified by a
    // schema.
    return true;
  }
  std::size_t before = i;
  while (before > 0 && names.punct(before - 1, '(')) --before;
  if (before > 0 && names.word_of(before - 1, kBeforeObject)) return true;
  if (i > 0 && names.punct(i - 1, ',') && in_tables) return true;
  return i > 0 && names.word(i - 1, "ON") && names.word(i + 3, "FOR") && names.word(i + 4, "EACH");
}

}  // namespace

Result<std::string> rename_schemas(std::string_view sql, const SchemaNames& renames,
                                   SqlQuoting quoting) {
  if (renames.empty()) return std::string(sql);
  GB_TRY_ASSIGN(const std::vector<Token> tokens, tokenize(sql, quoting));
  const Names names(tokens, quoting);
  std::map<std::string, bool> ambiguous;
  for (const auto& [from, to] : renames) ambiguous[from] = is_ambiguous(names, from);

  std::map<std::size_t, std::string> replaced;
  bool in_tables = false;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names.word(i, "FROM") || names.word(i, "UPDATE")) in_tables = true;
    if (names.word_of(i, kAfterTables) || names.punct(i, ';')) in_tables = false;
    if (!names.qualifies(i)) continue;
    const auto to = renames.find(names.text(i));
    if (to == renames.end()) continue;
    if (ambiguous[to->first] && !stands_for_schema(names, i, in_tables)) continue;
    replaced[names.token(i)] = quote_name(to->second);
  }

  std::string out;
  out.reserve(sql.size());
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const auto it = replaced.find(i);
    out += it == replaced.end() ? tokens[i].text : std::string_view(it->second);
  }
  return out;
}

Result<std::set<std::string>> schemas_in_strings(std::string_view sql, const SchemaNames& renames,
                                                 SqlQuoting quoting) {
  std::set<std::string> out;
  if (renames.empty()) return out;
  GB_TRY_ASSIGN(const std::vector<Token> tokens, tokenize(sql, quoting));
  for (const Token& token : tokens) {
    if (token.kind != TokenKind::kString) continue;
    // In a statement a schema's name is followed by a dot, perhaps after its closing quote.
    for (const auto& [from, to] : renames)
      if (token.text.find(from + ".") != std::string_view::npos ||
          token.text.find(from + "`.") != std::string_view::npos)
        out.insert(from);
  }
  return out;
}

Result<std::set<std::pair<std::string, std::string>>> names_in(std::string_view sql,
                                                               SqlQuoting quoting) {
  GB_TRY_ASSIGN(const std::vector<Token> tokens, tokenize(sql, quoting));
  const Names names(tokens, quoting);
  std::set<std::pair<std::string, std::string>> out;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names.qualifies(i) && names.name(i + 2))
      out.emplace(names.text(i), names.text(i + 2));
    else if (names.name(i) && !(i > 0 && names.punct(i - 1, '.')))
      out.emplace("", names.text(i));
  }
  return out;
}

}  // namespace gb::galera
