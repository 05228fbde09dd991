// Sees the schema changes that a comparison of definitions can not: tables that change places
// (RENAME, EXCHANGE PARTITION) while they are read, also back and forth, and whatever is made
// between the snapshot and the moment at which the definitions are read, which are not in the
// snapshot.
//
// Thread safety: by one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "base/error.h"
#include "galera/connection.h"

namespace gb::galera {

class SchemaWatch {
 public:
  // Before the snapshot is opened, on any connection to its node.
  static Result<SchemaWatch> begin(Connection& connection);
  // Once the definitions were read. Conflict: they may not be those of the snapshot.
  Status after_definitions(Connection& connection) const;
  // Once everything was read. Conflict: rows may have been read under another table's name.
  Status after_rows(Connection& connection) const;

 private:
  struct Sight {
    std::uint64_t changes = 0;  // statements that change any definition, of whoever, appliers too
    std::uint64_t moves = 0;    // those among them that may exchange tables
    // InnoDB's tables by their id, which they keep when they are renamed; none without PROCESS.
    std::map<std::string, std::string> names;
  };
  explicit SchemaWatch(Sight first) : first_(std::move(first)) {}
  static Result<Sight> look(Connection& connection);

  Sight first_;
};

}  // namespace gb::galera
