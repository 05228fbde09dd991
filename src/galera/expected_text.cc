#include "galera/expected_text.h"

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <set>
#include <utility>

#include "base/text.h"
#include "galera/accounts.h"
#include "galera/programs.h"
#include "galera/sql_script.h"
#include "galera/sql_text.h"

namespace gb::galera {
namespace {

using ProgramKind = Program::Kind;

// More than stand before a program's body: attributes, kind, name, a trigger's event and table.
constexpr std::size_t kHeadTokens = 48;

bool is_plain(std::string_view name) {
  return std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return c == '_' || c == '$' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
           (c >= 'a' && c <= 'z');
  });
}

bool is_ascii(std::string_view name) {
  return std::all_of(name.begin(), name.end(), [](unsigned char c) { return c < 0x80; });
}

// /*!50003 or */: whether what such a comment holds is code depends on who reads it.
bool has_mark(const std::vector<Token>& tokens, std::size_t upto) {
  return std::any_of(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(upto),
                     [](const Token& token) {
                       return token.kind == TokenKind::kComment &&
                              (token.text.starts_with("/*!") || token.text.starts_with("/*M!") ||
                               token.text == "*/");
                     });
}

bool take_words(TokenWalk& walk, std::initializer_list<std::string_view> words) {
  return std::all_of(words.begin(), words.end(),
                     [&](std::string_view word) { return walk.take_word(word); });
}

// `user`@`host`, or a role's name: as existing_accounts() has it.
std::optional<std::string> take_account(TokenWalk& walk) {
  const Token& name = walk.token();
  std::string out;
  if (walk.is_name())
    out = name_of(name);
  else if (name.kind == TokenKind::kString)
    out = string_of(name);
  else
    return std::nullopt;
  walk.next();
  if (walk.token().kind != TokenKind::kVariable) return out;
  const std::string_view host = walk.token().text.substr(1);
  walk.next();
  if (host.starts_with('\'') || host.starts_with('"'))
    return out + "@" + string_of({TokenKind::kString, host});
  return out + "@" + name_of({host.starts_with('`') ? TokenKind::kName : TokenKind::kWord, host});
}

// What may follow an account's name: how it logs in, its limits, whether it may grant. One account
// alone: no comma begins another.
bool is_account_tail(TokenWalk walk) {
  for (; !walk.end(); walk.next()) {
    const TokenKind kind = walk.token().kind;
    const bool in_number = walk.is_punct('.') || walk.is_punct('-');
    if (kind == TokenKind::kVariable || (kind == TokenKind::kPunct && !in_number)) return false;
  }
  return true;
}

std::optional<std::vector<Token>> tokens_without_comments(const std::string& sql) {
  auto tokens = tokenize(sql);
  const auto is_comment = [](const Token& token) { return token.kind == TokenKind::kComment; };
  if (!tokens || std::ranges::any_of(*tokens, is_comment)) return std::nullopt;
  return std::move(*tokens);
}

// The names of a program's text. It is in the character set of its author's client, the model in
// UTF-8: where these differ, all that can be told of a name in other letters is that it has some.
// (No letter beyond ASCII is a letter or a digit of ASCII in any of them, also not in swe7.)
class HeadNames {
 public:
  HeadNames(const Program& program, const Schema& schema, bool any_case)
      : schema_(schema), quoting_(quoting_of(program)), any_case_(any_case) {
    const std::string& set = program.character_set_client;
    foreign_ = any_case || !(set.empty() || set == "binary" || set.starts_with("utf8"));
  }

  [[nodiscard]] bool take(TokenWalk& walk, const std::string& name) const {
    std::string said;
    if (!take_one(walk, said)) return false;
    if (!walk.take_punct('.')) return is(said, name, true);
    return is(said, schema_.name, any_case_) && take_one(walk, said) && is(said, name, true);
  }

 private:
  bool take_one(TokenWalk& walk, std::string& said) const {
    if (!walk.is_name()) return false;
    said = name_of(walk.token(), quoting_);
    walk.next();
    return true;
  }
  [[nodiscard]] bool is(const std::string& said, const std::string& name, bool any_case) const {
    if (said == name || (any_case && to_lower(said) == to_lower(name))) return true;
    return foreign_ && !is_ascii(name) && !is_plain(said);
  }

  const Schema& schema_;
  const SqlQuoting quoting_;
  const bool any_case_;  // of schemas: the server does not tell them apart by it
  bool foreign_ = false;
};

bool take_kind(TokenWalk& walk, ProgramKind kind) {
  switch (kind) {
    case ProgramKind::kView:
      return walk.take_word("VIEW");
    case ProgramKind::kProcedure:
      return walk.take_word("PROCEDURE");
    case ProgramKind::kFunction:
      return walk.take_word("FUNCTION");
    case ProgramKind::kPackage:
      return walk.take_word("PACKAGE") && !walk.is_word("BODY");
    case ProgramKind::kPackageBody:
      return take_words(walk, {"PACKAGE", "BODY"});
    case ProgramKind::kTrigger:
      return walk.take_word("TRIGGER");
    case ProgramKind::kEvent:
      return walk.take_word("EVENT");
  }
  return false;
}

bool is_program(const Program& p, const Schema& schema, bool any_case) {
  const std::vector<Token> tokens = first_tokens(p.create_sql, kHeadTokens, quoting_of(p));
  const HeadNames names(p, schema, any_case);
  TokenWalk walk(tokens);
  if (!walk.take_word("CREATE")) return false;
  skip_attributes(walk);
  if (!take_kind(walk, p.kind)) return false;
  if (walk.take_word("IF") && !take_words(walk, {"NOT", "EXISTS"})) return false;
  if (!names.take(walk, p.name)) return false;
  if (p.kind == ProgramKind::kTrigger) {
    // Without a schema before its own name, a trigger is made in that of its table.
    if (!walk.take_word("BEFORE") && !walk.take_word("AFTER")) return false;
    while (!walk.end() && !walk.is_word("ON")) walk.next();
    if (!walk.take_word("ON") || !names.take(walk, p.table)) return false;
  }
  if (has_mark(tokens, walk.position())) return false;
  if (p.kind == ProgramKind::kFunction) return !is_of_library(walk);
  if (p.kind != ProgramKind::kView) return true;
  // A view has no body that could hold a semicolon.
  const auto all = tokenize(p.create_sql, quoting_of(p));
  return all && !has_mark(*all, all->size()) && std::ranges::none_of(*all, [](const Token& token) {
           return token.kind == TokenKind::kPunct && token.text == ";";
         });
}

// A table or a sequence, of which there is nothing but a definition.
bool is_definition(const std::string& sql, std::string_view kind, const std::string& name) {
  const auto tokens = tokenize(sql);
  if (!tokens) return false;
  TokenWalk walk(*tokens);
  if (!take_words(walk, {"CREATE", kind}) || !walk.is_name() ||
      to_lower(name_of(walk.token())) != to_lower(name))
    return false;
  walk.next();
  if (walk.is_punct('.') || has_mark(*tokens, walk.position())) return false;
  for (; !walk.end(); walk.next())
    if (walk.is_punct(';') || walk.is_word("SELECT")) return false;
  return true;
}

bool is_sequence(const Sequence& sequence) {
  const auto tokens = tokens_without_comments(sequence.create_sql);
  return tokens && is_definition(sequence.create_sql, "SEQUENCE", sequence.name) &&
         std::ranges::all_of(sequence.state, [](const std::string& value) {
           return value.find_first_not_of("0123456789-") == std::string::npos;
         });
}

bool makes_account(const std::string& sql, const Account& account) {
  const auto tokens = tokens_without_comments(sql);
  if (!tokens) return false;
  TokenWalk walk(*tokens);
  if (account.role
          ? !take_words(walk, {"CREATE", "ROLE"})
          : !(walk.take_word("CREATE") || walk.take_word("ALTER")) || !walk.take_word("USER"))
    return false;
  return take_account(walk) == plain_account_name(account) && is_account_tail(walk);
}

// SHOW GRANTS of a role tells those of the roles that it has, too.
bool may_be_granted(const std::optional<std::string>& name, const Account& account,
                    const std::set<std::string>& roles) {
  return name && (*name == plain_account_name(account) || roles.contains(*name));
}

bool grants_to(const std::string& sql, const Account& account, const std::set<std::string>& roles) {
  const auto tokens = tokens_without_comments(sql);
  if (!tokens) return false;
  TokenWalk walk(*tokens);
  if (walk.take_word("SET")) {
    if (!take_words(walk, {"DEFAULT", "ROLE"}) || !take_account(walk) || !walk.take_word("FOR"))
      return false;
    return may_be_granted(take_account(walk), account, roles) && walk.end();
  }
  if (!walk.take_word("GRANT")) return false;
  while (!walk.end() && !walk.is_word("TO")) {
    if (walk.is_punct(';')) return false;
    walk.next();
  }
  if (!walk.take_word("TO")) return false;
  return may_be_granted(take_account(walk), account, roles) && is_account_tail(walk);
}

bool makes_server(const ServerObject& server) {
  const auto tokens = tokens_without_comments(server.create_sql);
  if (!tokens) return false;
  TokenWalk walk(*tokens);
  if (!take_words(walk, {"CREATE", "SERVER"})) return false;
  if (walk.take_word("IF") && !take_words(walk, {"NOT", "EXISTS"})) return false;
  if (!walk.is_name() || name_of(walk.token()) != server.name) return false;
  walk.next();
  if (!take_words(walk, {"FOREIGN", "DATA", "WRAPPER"})) return false;
  for (; !walk.end(); walk.next())
    if (walk.is_punct(';')) return false;
  return true;
}

class Texts {
 public:
  explicit Texts(bool any_case) : any_case_(any_case) {}

  void look_at(const Schema& schema) {
    for (const Table& table : schema.tables)
      expect(is_definition(table.create_sql, "TABLE", table.name), "table", schema, table.name,
             table.create_sql);
    for (const Sequence& sequence : schema.sequences)
      expect(is_sequence(sequence), "sequence", schema, sequence.name, sequence.create_sql);
    for (const Program& program : schema.programs)
      // One that was broken at the source is not made again.
      if (program.kind != ProgramKind::kView || !program.view_columns.empty())
        expect(is_program(program, schema, any_case_), to_string(program.kind), schema,
               program.name, program.create_sql);
  }

  void look_at(const std::vector<Account>& accounts) {
    std::set<std::string> roles;
    for (const Account& account : accounts)
      if (account.role) roles.insert(plain_account_name(account));
    for (const Account& account : accounts) {
      for (const std::string& sql : account.create)
        if (!makes_account(sql, account)) add("account " + account.name, sql);
      for (const std::string& sql : account.grants)
        if (!grants_to(sql, account, roles)) add("grants of " + account.name, sql);
    }
  }

  void look_at(const std::vector<ServerObject>& servers) {
    for (const ServerObject& server : servers)
      if (!makes_server(server)) add("server " + quote_name(server.name), server.create_sql);
  }

  std::vector<std::string> take() { return std::move(found_); }

 private:
  void expect(bool good, const std::string& kind, const Schema& schema, const std::string& name,
              const std::string& sql) {
    if (!good) add(kind + " " + quote_table(schema.name, name), sql);
  }
  void add(const std::string& what, const std::string& sql) {
    found_.push_back(what + " (" + statement_kind(sql) + ")");
  }

  const bool any_case_;
  std::vector<std::string> found_;
};

}  // namespace

void skip_attributes(TokenWalk& walk) {
  while (true) {
    if (walk.take_word("OR")) {
      walk.take_word("REPLACE");
    } else if (walk.take_word("ALGORITHM")) {
      walk.take_punct('=');
      walk.next();
    } else if (walk.take_word("DEFINER")) {
      walk.take_punct('=');
      (void)take_account(walk);
    } else if (walk.take_word("SQL")) {
      walk.take_word("SECURITY");
      walk.next();
    } else if (!walk.take_word("AGGREGATE")) {
      return;
    }
  }
}

bool is_of_library(const TokenWalk& walk) {
  return walk.is_word("RETURNS");
}

std::vector<std::string> unexpected_texts(const InstanceModel& model,
                                          const std::vector<const Schema*>& schemas,
                                          bool accounts) {
  Texts texts(model.facts.lower_case_table_names != 0);
  for (const Schema* schema : schemas) texts.look_at(*schema);
  if (accounts) {
    texts.look_at(model.accounts);
    texts.look_at(model.foreign_servers);
  }
  return texts.take();
}

Status check_texts(const InstanceModel& model, const Selection& selection, Content content) {
  std::vector<const Schema*> schemas;
  if (content != Content::kGrants)
    for (const SelectedSchema& s : selection.schemas) schemas.push_back(s.schema);
  const std::vector<std::string> found =
      unexpected_texts(model, schemas, content != Content::kData);
  if (found.empty()) return {};
  return fail(Code::kCorruption,
              "the backup holds statements that do not make what they should: " + some(found),
              "find out what answered when it was taken, and trust it with nothing until then; "
              "leave these schemas out by spec.databases, or the accounts by content: Data");
}

}  // namespace gb::galera
