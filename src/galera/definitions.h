// What SHOW CREATE TABLE prints, taken apart: so that a table is made with the keys that its rows
// are stored by, filled, and only then given the others (building a key at once costs a fraction of
// maintaining it row by row), and so that a schema gets another name inside our own structures.
//
// Errors: Corruption when a text is not what a server prints.
// Thread safety: pure functions and values.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "galera/definitions_tokens.h"

namespace gb::galera {

// Schema in the backup → schema on the target; one that is not named keeps its name.
using SchemaNames = std::map<std::string, std::string>;
[[nodiscard]] std::string target_name(const SchemaNames& names, const std::string& schema);

struct KeyPart {
  std::string column;
  bool prefix = false;  // `c`(10)
};

// One entry between the parentheses of CREATE TABLE.
struct TableItem {
  enum class Kind { kColumn, kPrimary, kUnique, kIndex, kFulltext, kForeignKey, kCheck, kPeriod };
  Kind kind = Kind::kColumn;
  std::string name;            // of the column, key or constraint; empty for the primary key
  std::string text;            // as the server prints it
  std::vector<KeyPart> parts;  // of a key; of a foreign key the referring columns
  std::string parent_schema;   // of a foreign key; empty: the same schema
  std::string parent;
  std::vector<KeyPart> parent_parts;
  bool not_null = false;        // of a column
  bool auto_increment = false;  // of a column
};

struct TableDefinition {
  std::string name;
  std::vector<TableItem> items;
  std::string options;  // what follows the closing parenthesis: engine, comment, partitions
  std::string engine;   // as printed: "InnoDB"
};

[[nodiscard]] Result<TableDefinition> parse_table(std::string_view create_sql);

// The text of a table, or of its options, without DATA DIRECTORY and INDEX DIRECTORY.
[[nodiscard]] Result<std::string> without_directories(std::string_view sql);

enum class Keys {
  // Those that the rows are stored by, and what AUTO_INCREMENT needs. InnoDB recalculates no
  // statistics meanwhile: else a thread of the server keeps a core busy for as long as a
  // transaction fills the table over the bulk path (docs/performance.md).
  kFirst,
  kAll,
};

// CREATE TABLE without foreign keys, for schema `schema` of the target.
[[nodiscard]] Result<std::string> create_table_sql(const TableDefinition& table,
                                                   const std::string& schema, Keys keys,
                                                   const SchemaNames& names);
// The statements that add what Keys::kFirst left out; none when that is nothing. Each FULLTEXT key
// is a statement of its own, since InnoDB builds one at a time. ANALYZE TABLE is to follow.
[[nodiscard]] std::vector<std::string> complete_table_sql(const TableDefinition& table,
                                                          const std::string& schema);
// The statement that adds the foreign keys; empty when there is none.
[[nodiscard]] Result<std::string> add_foreign_keys_sql(const TableDefinition& table,
                                                       const std::string& schema,
                                                       const SchemaNames& names);
// The one that adds this one of them alone.
[[nodiscard]] Result<std::string> add_foreign_key_sql(const TableDefinition& table,
                                                      const TableItem& foreign_key,
                                                      const std::string& schema,
                                                      const SchemaNames& names);

// Gives the schemas that `names` names their new name wherever the text qualifies something by them
// (`a`.`t`, `a`.`t`.`c`, `a`.`f`(…)). An alias, table or variable that bears a schema's name is
// told apart by where it stands.
[[nodiscard]] Result<std::string> rename_schemas(std::string_view sql, const SchemaNames& names,
                                                 SqlQuoting quoting = {});

// The schemas of `names` that stand in a string of the text: statements that a program builds at
// run time cannot be renamed, and who renames is told.
[[nodiscard]] Result<std::set<std::string>> schemas_in_strings(std::string_view sql,
                                                               const SchemaNames& names,
                                                               SqlQuoting quoting = {});

// Every name or pair of names that the text holds: {"", "t"} and {"s", "t"}. For the order in which
// views are made; a name too many costs nothing there.
[[nodiscard]] Result<std::set<std::pair<std::string, std::string>>> names_in(
    std::string_view sql, SqlQuoting quoting = {});

}  // namespace gb::galera
