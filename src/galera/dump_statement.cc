#include "galera/dump_statement.h"

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <vector>

#include "base/text.h"
#include "galera/expected_text.h"

namespace gb::galera {
namespace {

// Of what a statement begins with; a SET of mariadb-dump is much shorter, too.
constexpr std::size_t kMostTokens = 256;
// Up to this one, every version of MariaDB that we know executes what such a comment holds.
constexpr std::uint64_t kAlwaysExecuted = 50699;

bool is_mark(const Token& token) {
  return token.kind == TokenKind::kComment &&
         (token.text.starts_with("/*!") || token.text.starts_with("/*M!"));
}

std::uint64_t version_of(const Token& mark) {
  std::uint64_t out = 0;
  for (const char c : mark.text)
    if (c >= '0' && c <= '9' && out < kAlwaysExecuted)
      out = out * 10 + static_cast<unsigned>(c - '0');
  return out;
}

// With its first line, newer dumps tell the client to obey nothing but SQL; servers do not see it.
std::string_view without_sandbox_line(std::string_view text) {
  for (const std::string_view begin : {"/*M!999999\\-", "/*!999999\\-"}) {
    const std::size_t end = text.find("*/");
    if (text.starts_with(begin) && end != std::string_view::npos) return text.substr(end + 2);
  }
  return text;
}

class Beginning {
 public:
  Beginning(std::string_view text, SqlQuoting quoting)
      : text_(without_sandbox_line(text)), tokens_(first_tokens(text_, kMostTokens, quoting)) {}

  [[nodiscard]] TokenWalk walk() const { return TokenWalk(tokens_); }
  [[nodiscard]] bool whole() const {
    return text_between(tokens_, 0, tokens_.size()).size() == text_.size();
  }
  // Whether all servers read it alike up to here, or as nothing at all.
  [[nodiscard]] bool is_certain(std::size_t upto) const {
    for (std::size_t i = 0; i < std::min(upto, tokens_.size()); ++i)
      if (is_mark(tokens_[i]) && version_of(tokens_[i]) > kAlwaysExecuted && !is_around_all(i))
        return false;
    return true;
  }

 private:
  [[nodiscard]] bool is_around_all(std::size_t mark) const {
    const auto nothing = [](const Token& token) {
      return token.kind == TokenKind::kSpace ||
             (token.kind == TokenKind::kComment && !is_mark(token) && token.text != "*/");
    };
    const auto begin = tokens_.begin() + static_cast<std::ptrdiff_t>(mark);
    const auto end = std::find_if(begin, tokens_.end(), [](const Token& token) {
      return token.kind == TokenKind::kComment && token.text == "*/";
    });
    return whole() && std::all_of(tokens_.begin(), begin, nothing) && end != tokens_.end() &&
           std::all_of(end + 1, tokens_.end(), nothing);
  }

  std::string_view text_;
  std::vector<Token> tokens_;
};

bool take_one_of(TokenWalk& walk, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return walk.take_word(word); });
}

// Variables of the session, or of the script.
bool sets_own_variables(const Beginning& beginning, TokenWalk& walk) {
  if (!beginning.whole()) return false;
  for (; !walk.end(); walk.next()) {
    const std::string text = to_lower(walk.token().text);
    if (walk.token().kind == TokenKind::kVariable &&
        (text.starts_with("@@global") || text.starts_with("@@`")))
      return false;
    if (walk.token().kind == TokenKind::kWord &&
        (text == "global" || text == "statement" || text == "password" || text == "role"))
      return false;
  }
  return true;
}

bool creates(TokenWalk& walk) {
  skip_attributes(walk);
  if (walk.take_word("FUNCTION")) {
    for (const char* word : {"IF", "NOT", "EXISTS"}) walk.take_word(word);
    walk.next();
    if (walk.take_punct('.')) walk.next();
    return !is_of_library(walk);
  }
  return take_one_of(
      walk, {"DATABASE", "TABLE", "VIEW", "TRIGGER", "SEQUENCE", "PROCEDURE", "PACKAGE", "EVENT"});
}

// Where a sequence stands.
bool sets_sequence(const Beginning& beginning, TokenWalk& walk) {
  if (!walk.take_word("SETVAL") || !walk.take_punct('(') || !beginning.whole()) return false;
  for (; !walk.end(); walk.next())
    if (walk.is_word("INTO")) return false;
  return true;
}

bool is_known(const Beginning& beginning, TokenWalk& walk) {
  if (take_one_of(walk, {"INSERT", "REPLACE", "USE", "UNLOCK", "COMMIT"})) return true;
  if (walk.take_word("LOCK")) return take_one_of(walk, {"TABLE", "TABLES"});
  if (walk.take_word("START")) return walk.take_word("TRANSACTION");
  if (walk.take_word("ALTER")) return take_one_of(walk, {"TABLE", "DATABASE"});
  if (walk.take_word("DROP"))
    return take_one_of(walk, {"DATABASE", "TABLE", "VIEW", "TRIGGER", "SEQUENCE", "PROCEDURE",
                              "FUNCTION", "PACKAGE", "EVENT"});
  if (walk.take_word("CREATE")) return creates(walk);
  if (walk.take_word("SET")) return sets_own_variables(beginning, walk);
  if (take_one_of(walk, {"SELECT", "DO"})) return sets_sequence(beginning, walk);
  return walk.end();  // nothing but comments
}

}  // namespace

bool is_dump_statement(std::string_view text, SqlQuoting quoting) {
  const Beginning beginning(text, quoting);
  TokenWalk walk = beginning.walk();
  return is_known(beginning, walk) && beginning.is_certain(walk.position());
}

bool is_grant_statement(std::string_view text, SqlQuoting quoting) {
  const Beginning beginning(text, quoting);
  TokenWalk walk = beginning.walk();
  const bool known = walk.take_word("GRANT") ||
                     (walk.take_word("SET") && walk.take_word("DEFAULT") && walk.take_word("ROLE"));
  return known && beginning.is_certain(walk.position());
}

std::string statement_beginning(std::string_view text, SqlQuoting quoting) {
  constexpr std::size_t kShown = 8;
  const std::vector<Token> tokens = first_tokens(without_sandbox_line(text), kShown, quoting);
  std::string out;
  for (TokenWalk walk(tokens); !walk.end(); walk.next()) {
    if (walk.token().kind == TokenKind::kString) break;
    const bool joined = walk.is_punct('.') || out.ends_with('.');
    out += (out.empty() || joined ? "" : " ") + std::string(walk.token().text);
  }
  return out;
}

}  // namespace gb::galera
