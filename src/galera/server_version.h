// Versions of MariaDB as servers tell them: "10.11.19-MariaDB-log". Thread safety: pure functions.
#pragma once

#include <string>

namespace gb::galera {

// Whether a server of version `a` is of a newer series (major.minor) than one of version `b`. What
// is no version is older than all.
[[nodiscard]] bool is_newer_series(const std::string& a, const std::string& b);

// Whether a server of version `a` is older than one of version `b`, to the third number.
[[nodiscard]] bool is_older_version(const std::string& a, const std::string& b);

}  // namespace gb::galera
