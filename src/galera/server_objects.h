// What schemas may need of a server that is neither a schema nor an account: the servers of CREATE
// SERVER, which are backed up with the accounts, and functions of libraries (CREATE FUNCTION …
// SONAME), which are not made again. A library is a part of the server's installation as a plugin
// is, and a node of a cluster that lacks it fails where the others go on; who restores is told.
//
// Thread safety: functions on a connection by who owns the connection; the others are pure.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "galera/connection.h"
#include "galera/model.h"

namespace gb::galera {

// One that cannot be read is left out, and told in `notes`. Errors: Forbidden without SELECT on
// the mysql schema.
Result<std::vector<ServerObject>> read_foreign_servers(Connection& connection,
                                                       std::vector<std::string>& notes);

// Makes those that are not there, and returns how many. Others are left as they are, and told in
// `notes`.
Result<std::uint64_t> create_foreign_servers(Connection& connection,
                                             const std::vector<ServerObject>& servers,
                                             std::vector<std::string>& notes);

// None when the account may not see them (SELECT on mysql.func).
Result<std::vector<ServerObject>> read_library_functions(Connection& connection);

// The names of the foreign servers, or of the functions of libraries, in lower case; nothing when
// the account may not see them.
using KnownNames = std::optional<std::set<std::string>>;
Result<KnownNames> foreign_server_names(Connection& connection);
Result<KnownNames> library_function_names(Connection& connection);

// The server that a FEDERATED table names in its CONNECTION; empty: none. Corruption for a table
// that cannot be read.
[[nodiscard]] Result<std::string> foreign_server_of(const Table& table);

// Which of `functions` the program calls. Corruption for one that cannot be read.
[[nodiscard]] Result<std::vector<ServerObject>> called_by(
    const Program& program, const std::vector<ServerObject>& functions);

}  // namespace gb::galera
