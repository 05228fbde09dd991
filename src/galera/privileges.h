// What the user of a connection may do.
//
// Thread safety: functions on a connection by who owns the connection; the others are pure.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "galera/connection.h"

namespace gb::galera {

// Names as information_schema has them ("SELECT", "SHOW VIEW"): what the user or the active role
// was granted on *.* and, when a schema is named, on it or on a pattern that it matches; "GRANT
// OPTION" when something on *.* may be handed on.
Result<std::set<std::string>> privileges(Connection& connection, const std::string& schema = {});

// Whether SUPER stands for this privilege, too, on a server of this version: MariaDB 10.11 and 11.0
// took some out of it.
[[nodiscard]] bool super_includes(std::string_view privilege, const std::string& version);

// What SUPER includes on a server of version `from`, and on one of version `to` no more.
[[nodiscard]] std::vector<std::string> taken_from_super(const std::string& from,
                                                        const std::string& to);

// "user@host", as the server knows the connection's user.
Result<std::string> current_user(Connection& connection);

}  // namespace gb::galera
