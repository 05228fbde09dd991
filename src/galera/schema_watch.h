// Sees the schema changes that a comparison of definitions cannot: tables that change places
// (RENAME, EXCHANGE PARTITION) while they are read, also back and forth, and whatever is made
// between the snapshot and the moment at which the definitions are read, which are not in the
// snapshot; and tables that were emptied (TRUNCATE, DROP and CREATE) before they were read. As a
// rule the server refuses to read those (error 1412); of one whose definition it has meanwhile
// dropped from memory it does not know any more how old it is, and shows it without rows.
//
// Thread safety: by one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "galera/connection.h"
#include "galera/table_dump.h"

namespace gb::galera {

// What there is at one moment.
struct SchemaSight {
  std::uint64_t changes = 0;  // statements that change any definition, of whoever, appliers too
  std::uint64_t moves = 0;    // those among them that may exchange tables
  std::uint64_t remakes = 0;  // those that may leave a table without its rows
  // InnoDB's tables by their id, which they keep when they are renamed and lose when they are
  // emptied; none without PROCESS.
  std::map<std::string, std::string> names;
};

// Conflict: rows that were read between the two sights may be of another table than their name
// says, or missing. `ended_empty`: as dump_tables() tells.
Status compare_around_rows(const SchemaSight& before, const SchemaSight& after,
                           const std::vector<TableName>& ended_empty);

class SchemaWatch {
 public:
  // Before the snapshot is opened, on any connection to its node.
  static Result<SchemaWatch> begin(Connection& connection);
  // Once the definitions were read. Conflict: they may not be those of the snapshot.
  Status after_definitions(Connection& connection) const;
  // Once everything was read: see compare_around_rows().
  Status after_rows(Connection& connection, const std::vector<TableName>& ended_empty) const;

 private:
  explicit SchemaWatch(SchemaSight first) : first_(std::move(first)) {}
  static Result<SchemaSight> look(Connection& connection);

  SchemaSight first_;
};

}  // namespace gb::galera
