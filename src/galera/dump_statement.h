// Which statements a dump of somebody else may hold: those that mariadb-dump of 10.5 to 11.8 writes
// for schemas, and SHOW GRANTS for accounts. A server that is fed anything else could be told to
// write files, to load libraries or to make accounts.
//
// What a statement begins with is looked at, and all of one that sets variables; not the body of a
// trigger that it makes, nor what is inserted. A comment that only some versions execute
// (/*!50701 … */) may hold a whole statement or stand where it does not matter.
//
// Thread safety: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "galera/definitions_tokens.h"

namespace gb::galera {

[[nodiscard]] bool is_dump_statement(std::string_view text, SqlQuoting quoting = {});
[[nodiscard]] bool is_grant_statement(std::string_view text, SqlQuoting quoting = {});

// The words that it begins with, for a message: up to its first string, which may be a secret.
[[nodiscard]] std::string statement_beginning(std::string_view text, SqlQuoting quoting = {});

}  // namespace gb::galera
