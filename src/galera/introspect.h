// What an instance holds, read through one connection: schemas, tables, columns, keys, sequences.
// Inside a snapshot the answers are those of the moment of reading, not of the snapshot: who needs
// them to be the same reads them again at the end and compares (definitions_changed()).
//
// Thread safety: by who owns the connection.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "galera/connection.h"
#include "galera/engine.h"
#include "galera/model.h"

namespace gb::galera {

// One that belongs to the server itself: neither backed up nor restored.
[[nodiscard]] bool is_system_schema(const std::string& name);

// Every schema that is not the server's own, sorted; names in the old on-disk form (#mysql50#…, as
// lost+found becomes one) go to `notes` instead.
Result<std::vector<std::string>> list_schemas(Connection& connection,
                                              std::vector<std::string>& notes);

// The schemas that the options select. Invalid names one that is not there, and lists what is.
Result<std::vector<std::string>> select_schemas(const std::vector<std::string>& present,
                                                const DumpOptions& options);

struct TableSize {
  std::uint64_t rows = 0;  // the server's estimates
  std::uint64_t bytes = 0;
};

struct Definitions {
  std::vector<Schema> schemas;                                     // without programs
  std::map<std::pair<std::string, std::string>, TableSize> sizes;  // by schema and table
  std::vector<std::string> notes;
};

Result<Definitions> read_definitions(Connection& connection,
                                     const std::vector<std::string>& schemas,
                                     const std::vector<std::string>& exclude_tables);

// Of an engine whose tables are a view of others, or of another server: writing to one would write
// there. Only its definition is backed up.
[[nodiscard]] bool shows_other_rows(const Table& table);

// What differs, one phrase each ("table `a`.`b` was altered"). AUTO_INCREMENT counters and the
// state of sequences are no difference.
[[nodiscard]] std::vector<std::string> definition_changes(const std::vector<Schema>& before,
                                                          const std::vector<Schema>& after);
// The first of them; empty when nothing differs.
[[nodiscard]] std::string definitions_changed(const std::vector<Schema>& before,
                                              const std::vector<Schema>& after);

// Version, character set, time zone and Galera's view of the node.
Result<Facts> read_facts(Connection& connection);

// Forbidden names the first privilege that the user lacks to dump these schemas.
Status check_dump_privileges(Connection& connection, const DumpOptions& options);

}  // namespace gb::galera
