// What a dump knows of an instance beside its rows: enough to make everything again.
//
// Plain data. to_json/from_json are the form that stands in the backup's manifest.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "galera/stream.h"

namespace gb::galera {

// How a column's values travel and are encoded (column_codec.h).
enum class ValueKind {
  kSigned,    // TINYINT … BIGINT
  kUnsigned,  // the same, unsigned; YEAR; ENUM and SET by number
  kFloat,     // 4 bytes IEEE
  kDouble,    // 8 bytes IEEE
  kDate,      // DATE, zero and partly zero dates included
  kDateTime,  // DATETIME and TIMESTAMP (UTC), microseconds
  kTime,      // signed, microseconds
  kBytes,  // everything else: text in its own character set, binary, DECIMAL as text, BIT, GEOMETRY
};

struct Column {
  std::string name;
  ValueKind kind = ValueKind::kBytes;
  std::string data_type;    // information_schema DATA_TYPE: "varchar", "uuid", …
  std::string column_type;  // "varchar(255)", "enum('a','b')"
  std::string character_set;
  std::string collation;
  bool nullable = false;
  bool generated = false;  // not read and not loaded
  bool invisible = false;
  bool period =
      false;  // ROW START or ROW END: read, and loaded with system_versioning_insert_history
};

struct Table {
  std::string name;
  std::string engine;
  bool transactional = true;  // false: outside the snapshot, and said so
  std::string create_sql;     // SHOW CREATE TABLE, made exact
  std::vector<Column> columns;
  std::vector<std::string> primary_key;  // the columns that rows are ordered by; empty: none
  std::uint64_t auto_increment = 0;      // 0: none
  bool data_excluded = false;            // excludeTables
  bool history = false;                  // system-versioned: rows of the past are in the dump too
  TableTotals totals;
};

struct Sequence {
  std::string name;
  std::string create_sql;
  std::vector<std::string> state;  // the eight columns of SELECT * FROM seq
};

// A view, routine, trigger, event or package, with what its text depends on.
struct Program {
  enum class Kind { kView, kProcedure, kFunction, kPackage, kPackageBody, kTrigger, kEvent };
  Kind kind = Kind::kView;
  std::string name;
  std::string table;       // triggers only
  std::string create_sql;  // in the character set of its client
  std::string utf8_sql;    // views only: the same in UTF-8, where that is something else
  std::string definer;     // user@host as written
  std::string sql_mode;
  std::string character_set_client;
  std::string collation_connection;
  std::string database_collation;
  std::string time_zone;                  // events only
  std::string status;                     // events only: ENABLED, DISABLED, SLAVESIDE_DISABLED
  std::vector<std::string> view_columns;  // views only: for the placeholder
  int order = 0;                          // triggers: action_order; views: dependency order
};

struct Schema {
  std::string name;
  std::string character_set;
  std::string collation;
  std::string comment;
  std::vector<Table> tables;
  std::vector<Sequence> sequences;
  std::vector<Program> programs;
};

struct Account {
  std::string name;  // 'user'@'host' quoted, or a role's quoted name
  bool role = false;
  std::vector<std::string> create;  // SHOW CREATE USER, every row; CREATE ROLE
  std::vector<std::string> grants;  // SHOW GRANTS
};

// What a server has beside schemas and accounts.
struct ServerObject {
  std::string name;
  std::string create_sql;
};

struct Facts {
  std::string node;  // the donor, host:port
  std::string server_version;
  std::string sql_mode;
  std::string character_set;
  std::string collation;
  std::string time_zone;
  int lower_case_table_names = 0;
  std::string cluster_uuid;  // empty: no Galera
  std::uint64_t seqno = 0;
  std::string gtid;
  WallTime snapshot_time;
  std::string snapshot_method;             // Optimistic | BackupStage | Strict
  std::uint64_t innodb_page_size = 16384;  // as by default, where a backup does not tell it
};

struct InstanceModel {
  Facts facts;
  std::vector<Schema> schemas;  // by name
  std::vector<Account> accounts;
  // Of CREATE SERVER IF NOT EXISTS, passwords in it: where there are accounts.
  std::vector<ServerObject> foreign_servers;
  // Of CREATE FUNCTION … SONAME, code of a library of the server's installation: all that the
  // source had, whatever the content. They are not restored, programs may call them.
  std::vector<ServerObject> library_functions;
  std::vector<std::string> notes;  // what was left out and why, one sentence each
};

[[nodiscard]] std::string to_json(const InstanceModel& model);
// Corruption when the text is not such a model; bounds every size before it allocates.
[[nodiscard]] Result<InstanceModel> from_json(std::string_view text);

}  // namespace gb::galera
