// What SHOW CREATE TABLE does not tell: it prints literal defaults and the members of an ENUM or
// SET by way of utf8mb3. Of what that does not hold a "?" is left, and of bytes that are no text
// something else. Where that may be, they are asked for one by one, and stand as hexadecimal digits
// in the definition that is backed up.
//
// Nor does it print the REF_SYSTEM_ID of a geometry, and before some version of each series the
// backquotes in the name of a foreign key as they are.
//
// Thread safety: by who owns the connection; with_quoted_foreign_keys() is pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "galera/connection.h"
#include "galera/model.h"

namespace gb::galera {

// What information_schema says of the columns, by their names.
using ColumnTexts = std::map<std::string, std::string>;

// `table` has its columns and the text that the server prints; `defaults`: COLUMN_DEFAULT;
// `systems`: the SRID, where it is not 0. The text, exact.
Result<std::string> exact_create_sql(Connection& connection, const std::string& schema,
                                     const Table& table, const ColumnTexts& defaults,
                                     const ColumnTexts& systems);

// `foreign_keys`: the names of those that hold a backquote. One that is printed rightly is left
// alone.
[[nodiscard]] std::string with_quoted_foreign_keys(std::string create_sql,
                                                   const std::vector<std::string>& foreign_keys);

}  // namespace gb::galera
