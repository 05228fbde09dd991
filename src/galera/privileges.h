// What the user of a connection may do.
//
// Thread safety: a function on a connection, by who owns the connection.
#pragma once

#include <set>
#include <string>

#include "base/error.h"
#include "galera/connection.h"

namespace gb::galera {

// Names as information_schema has them ("SELECT", "SHOW VIEW"): what the user or the active role
// was granted on *.* and, when a schema is named, on it or on a pattern that it matches; "GRANT
// OPTION" when something on *.* may be handed on.
Result<std::set<std::string>> privileges(Connection& connection, const std::string& schema = {});

// "user@host", as the server knows the connection's user.
Result<std::string> current_user(Connection& connection);

}  // namespace gb::galera
