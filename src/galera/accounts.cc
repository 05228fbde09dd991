#include "galera/accounts.h"

#include <mysqld_error.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "galera/introspect.h"
#include "galera/privileges.h"
#include "galera/sql_text.h"

namespace gb::galera {
namespace {

bool belongs_to_server(const std::string& user) {
  return user == "root" || user == "mariadb.sys" || user == "mysql";
}

Result<std::vector<std::string>> first_column(Connection& connection, const std::string& sql) {
  GB_TRY_ASSIGN(const Rows rows, connection.query(sql));
  std::vector<std::string> out;
  for (const Row& row : rows.rows) out.push_back(cell(row, 0));
  return out;
}

// A schema in a grant is a pattern: nova\_api stands for nova_api.
std::string unescape_pattern(const std::string& pattern) {
  std::string out;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '\\' && i + 1 < pattern.size() &&
        (pattern[i + 1] == '_' || pattern[i + 1] == '%'))
      ++i;
    out += pattern[i];
  }
  return out;
}

// Whether a pattern has a wildcard that is no escaped character.
bool has_wildcard(const std::string& pattern, char wildcard) {
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '\\')
      ++i;
    else if (pattern[i] == wildcard)
      return true;
  }
  return false;
}

// Of a pattern without %.
bool matches(const std::string& pattern, const std::string& name) {
  std::size_t at = 0;
  for (std::size_t i = 0; i < pattern.size(); ++i, ++at) {
    if (at == name.size()) return false;
    if (pattern[i] == '_') continue;
    if (pattern[i] == '\\' && i + 1 < pattern.size()) ++i;
    if (pattern[i] != name[at]) return false;
  }
  return at == name.size();
}

std::string escape_like(const std::string& pattern, const std::string& name) {
  // Escaped as the pattern was: a target name gets escapes only where wildcards mean something.
  if (pattern.find('\\') == std::string::npos && name.find_first_of("_%") == std::string::npos)
    return name;
  std::string out;
  for (const char c : name) {
    if (c == '_' || c == '%') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

Result<std::vector<Account>> read_accounts(Connection& connection) {
  GB_TRY_ASSIGN(
      const Rows users,
      connection.query("SELECT User, Host, is_role, x509_issuer, x509_subject, ssl_cipher "
                       "FROM mysql.user ORDER BY is_role DESC, User, Host"));
  std::vector<Account> out;
  for (const Row& row : users.rows) {
    const std::string user = cell(row, 0);
    if (belongs_to_server(user)) continue;
    Account account;
    account.role = cell(row, 2) == "Y";
    if (user == "PUBLIC") {  // everybody: there wherever it is known
      account.name = user;
      GB_TRY_ASSIGN(account.grants, first_column(connection, "SHOW GRANTS FOR PUBLIC"));
      out.push_back(std::move(account));
      continue;
    }
    account.name =
        account.role ? quote_name(user) : quote_name(user) + "@" + quote_name(cell(row, 1));
    if (account.role) {
      account.create = {"CREATE ROLE " + account.name};
    } else {
      GB_TRY_ASSIGN(account.create, first_column(connection, "SHOW CREATE USER " + account.name));
    }
    GB_TRY_ASSIGN(account.grants, first_column(connection, "SHOW GRANTS FOR " + account.name));
    const TlsRequirement required{cell(row, 3), cell(row, 4), cell(row, 5)};
    for (std::string& text : account.create) text = with_quoted_requirement(text, required);
    for (std::string& text : account.grants) text = with_quoted_requirement(text, required);
    out.push_back(std::move(account));
  }
  return out;
}

std::string with_quoted_requirement(const std::string& sql, const TlsRequirement& required) {
  std::string printed;
  std::string quoted;
  const auto add = [&](const char* what, const std::string& value) {
    if (value.empty()) return;
    printed += std::string(" ") + what + " '" + value + "'";
    quoted += std::string(" ") + what + " " + quote_text(value);
  };
  add("ISSUER", required.issuer);
  add("SUBJECT", required.subject);
  add("CIPHER", required.cipher);
  if (printed == quoted) return sql;
  const std::size_t at = sql.rfind(" REQUIRE" + printed);
  if (at == std::string::npos) return sql;
  const std::string rest = sql.substr(at + std::string_view(" REQUIRE").size() + printed.size());
  // What ends in a quote and was printed rightly begins with the same text: 'a'' of 'a'''.
  if (rest.starts_with('\'')) return sql;
  return sql.substr(0, at) + " REQUIRE" + quoted + rest;
}

Result<std::set<std::string>> existing_accounts(Connection& connection) {
  GB_TRY_ASSIGN(const Rows users, connection.query("SELECT User, Host, is_role FROM mysql.user"));
  std::set<std::string> out;
  for (const Row& row : users.rows)
    out.insert(cell(row, 2) == "Y" ? cell(row, 0) : cell(row, 0) + "@" + cell(row, 1));
  return out;
}

std::string plain_account_name(const Account& account) {
  const auto tokens = tokenize(account.name);
  if (!tokens || tokens->empty()) return account.name;
  std::string out = name_of(tokens->front());
  if (tokens->size() > 1 && tokens->at(1).kind == TokenKind::kVariable)
    out += "@" + name_of({TokenKind::kName, tokens->at(1).text.substr(1)});
  return out;
}

std::vector<std::string> login_plugins(const Account& account) {
  std::vector<std::string> out;
  for (const std::string& sql : account.create) {
    const auto tokens = tokenize(sql);
    if (!tokens) continue;
    bool via = false;
    for (TokenWalk walk(*tokens); !walk.end(); walk.next()) {
      if (walk.is_word("REQUIRE")) break;  // whose SUBJECT … does not name any
      const bool another = via && walk.is_word("OR");
      if (!another && !walk.is_word("VIA")) continue;
      via = true;
      walk.next();
      if (walk.is_name()) out.push_back(name_of(walk.token()));
    }
  }
  return out;
}

Definer read_definer(const std::string& shown) {
  const std::size_t at = shown.rfind('@');
  const std::string name = shown.substr(0, at);
  if (at == std::string::npos || at + 1 == shown.size()) return {true, name, quote_name(name)};
  return {false, shown, quote_text(name) + "@" + quote_text(shown.substr(at + 1))};
}

bool has_definer(const std::set<std::string>& accounts, const std::string& shown) {
  // As it is shown, too: of a user whose host is empty.
  return accounts.contains(shown) || accounts.contains(read_definer(shown).plain);
}

Result<std::string> grant_for_target(const std::string& grant,
                                     const std::vector<std::string>& schemas,
                                     const SchemaNames& names) {
  GB_TRY_ASSIGN(const std::vector<Token> tokens, tokenize(grant));
  TokenWalk walk(tokens);
  if (!walk.is_word("GRANT")) return grant;  // SET DEFAULT ROLE …
  std::string out;
  std::size_t copied = 0;
  int depth = 0;
  for (; !walk.end(); walk.next()) {
    if (walk.is_punct('(')) ++depth;
    if (walk.is_punct(')')) --depth;
    if (depth == 0 && walk.is_word("ON")) {
      walk.next();
      for (const char* kind : {"PROCEDURE", "FUNCTION", "PACKAGE", "TABLE"}) walk.take_word(kind);
      walk.take_word("BODY");
      if (walk.token().kind != TokenKind::kName) continue;  // *.*
      const std::string pattern = name_of(walk.token());
      const std::string schema = unescape_pattern(pattern);
      const std::size_t at = walk.position();
      walk.next();
      if (!walk.is_punct('.')) continue;  // PROXY ON `user`@`host`
      walk.next();
      const bool whole = walk.is_punct('*');
      // A pattern with a live wildcard may match what is restored and what is not: it is kept as it
      // is. So is what is granted on the server's own tables, which every server has.
      if ((whole && has_wildcard(pattern, '%')) || is_system_schema(schema)) continue;
      if (std::find(schemas.begin(), schemas.end(), schema) == schemas.end()) {
        if (whole && has_wildcard(pattern, '_') &&
            std::any_of(schemas.begin(), schemas.end(),
                        [&](const std::string& s) { return matches(pattern, s); }))
          continue;
        return std::string();
      }
      const auto to = names.find(schema);
      if (to == names.end()) continue;
      out += text_between(tokens, copied, at);
      out += quote_name(whole ? escape_like(pattern, to->second) : to->second);
      copied = at + 1;
    } else if (walk.is_word("IDENTIFIED")) {
      out += text_between(tokens, copied, walk.position());
      while (!walk.end() && !walk.is_word("REQUIRE") && !walk.is_word("WITH")) walk.next();
      copied = walk.position();
      if (walk.end()) break;
    }
  }
  out += text_between(tokens, copied, tokens.size());
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

Result<std::uint64_t> create_accounts(Connection& connection, const std::vector<Account>& accounts,
                                      std::vector<std::string>& notes) {
  GB_TRY_ASSIGN(const std::set<std::string> there, existing_accounts(connection));
  std::uint64_t made = 0;
  std::vector<std::string> kept;
  for (const Account& account : accounts) {
    if (account.create.empty()) continue;
    if (there.contains(plain_account_name(account))) {
      kept.push_back(account.name);
      continue;
    }
    for (const std::string& statement : account.create)
      if (auto created = connection.exec(statement); !created)
        return wrap("cannot create the account " + account.name, std::move(created).error());
    ++made;
  }
  if (!kept.empty())
    notes.push_back("accounts that exist keep their passwords and get the backup's grants added: " +
                    some(kept));
  return made;
}

Status grant_accounts(Connection& connection, const std::vector<Account>& accounts,
                      const std::vector<std::string>& schemas, const SchemaNames& names,
                      std::vector<std::string>& notes) {
  GB_TRY_ASSIGN(const std::string self, current_user(connection));
  for (const Account& account : accounts) {
    if (plain_account_name(account) == self) continue;
    for (const std::string& grant : account.grants) {
      GB_TRY_ASSIGN(const std::string sql, grant_for_target(grant, schemas, names));
      if (sql.empty()) continue;
      auto done = connection.exec(sql);
      if (done) continue;
      const unsigned number = connection.last_errno();
      // MariaDB keeps a grant on a column that was dropped.
      if (number == ER_NO_SUCH_TABLE || number == ER_SP_DOES_NOT_EXIST ||
          number == ER_BAD_FIELD_ERROR) {
        notes.push_back("a grant to " + account.name +
                        " names something that is not there: " + done.error().text());
        continue;
      }
      return wrap("cannot give the account " + account.name + " its grants",
                  std::move(done).error());
    }
  }
  return {};
}

}  // namespace gb::galera
