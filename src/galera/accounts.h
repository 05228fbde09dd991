// Accounts and roles: how they are read from a server and made on another.
//
// Never those that belong to the server itself (root, mariadb.sys, mysql): the operator of the
// target owns their passwords.
//
// Thread safety: functions on a connection by who owns the connection; the others are pure.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "galera/connection.h"
#include "galera/definitions.h"
#include "galera/model.h"

namespace gb::galera {

// All accounts and roles with their grants, roles first.
// Errors: Forbidden without SELECT on the mysql schema.
Result<std::vector<Account>> read_accounts(Connection& connection);

struct TlsRequirement {
  std::string issuer;
  std::string subject;
  std::string cipher;
};

// MariaDB 10.5 and 11.8 print what an account's certificate must say without escaping it: a quote
// in it would end the text, and let what follows be a statement's. Some versions print it rightly,
// which is then left alone. `sql`: of SHOW CREATE USER or SHOW GRANTS.
[[nodiscard]] std::string with_quoted_requirement(const std::string& sql,
                                                  const TlsRequirement& required);

// user@host as I_S and SHOW print definers, of those that are there; roles by their name alone.
Result<std::set<std::string>> existing_accounts(Connection& connection);

// The name in existing_accounts() of an Account::name.
[[nodiscard]] std::string plain_account_name(const Account& account);

// Who a program runs as, of the text that I_S and SHOW print.
struct Definer {
  bool role = false;   // it is shown with an empty host
  std::string plain;   // the name in existing_accounts()
  std::string quoted;  // as a statement names it
};
[[nodiscard]] Definer read_definer(const std::string& shown);
// Whether it is among `accounts`, of existing_accounts().
[[nodiscard]] bool has_definer(const std::set<std::string>& accounts, const std::string& shown);

// The plugins that the account's CREATE USER names (IDENTIFIED VIA a OR b).
[[nodiscard]] std::vector<std::string> login_plugins(const Account& account);

// What GRANT says of schema `schema`: the text with the schema renamed, its IDENTIFIED clause taken
// off (a grant must not change a password); empty when it is about a schema that is not restored.
[[nodiscard]] Result<std::string> grant_for_target(const std::string& grant,
                                                   const std::vector<std::string>& schemas,
                                                   const SchemaNames& names);

// Makes the accounts, without any grant: roles that programs name as their definer have to be there
// before the programs. One that exists is left alone, whatever the restore does to schemas: its
// password stands in a Secret of the target. Those are told in `notes`; the number of those made is
// returned.
Result<std::uint64_t> create_accounts(Connection& connection, const std::vector<Account>& accounts,
                                      std::vector<std::string>& notes);

// Gives the accounts what they were granted on `schemas` (names in the backup) and globally.
Status grant_accounts(Connection& connection, const std::vector<Account>& accounts,
                      const std::vector<std::string>& schemas, const SchemaNames& names,
                      std::vector<std::string>& notes);

}  // namespace gb::galera
