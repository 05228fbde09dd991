#include "galera/introspect.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "base/text.h"
#include "galera/exact_create.h"
#include "galera/privileges.h"
#include "galera/programs.h"
#include "galera/sql_text.h"
#include "galera/table_sql.h"

namespace gb::galera {
namespace {

constexpr std::string_view kOldName = "#mysql50#";

std::string text_list(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) {
    if (!out.empty()) out += ", ";
    out += quote_text(name);
  }
  return out;
}

std::uint64_t to_number(const Cell& cell) {
  return cell ? std::strtoull(cell->c_str(), nullptr, 10) : 0;
}

bool starts_with_old_name(const std::string& name) {
  return name.rfind(kOldName, 0) == 0;
}

// "AUTO_INCREMENT=123 " after the closing parenthesis: a counter, not a definition.
std::string without_counter(const std::string& create_sql) {
  constexpr std::string_view kOption = " AUTO_INCREMENT=";
  const std::size_t end_of_columns = create_sql.rfind("\n)");
  const std::size_t at = end_of_columns == std::string::npos
                             ? std::string::npos
                             : create_sql.find(kOption, end_of_columns);
  if (at == std::string::npos) return create_sql;
  std::size_t end = at + kOption.size();
  while (end < create_sql.size() && create_sql[end] >= '0' && create_sql[end] <= '9') ++end;
  return create_sql.substr(0, at) + create_sql.substr(end);
}

bool is_shape(const std::string& data_type) {
  static constexpr std::array<std::string_view, 8> kShapes = {
      "geometry",   "point",           "linestring",   "polygon",
      "multipoint", "multilinestring", "multipolygon", "geometrycollection"};
  return std::find(kShapes.begin(), kShapes.end(), data_type) != kShapes.end();
}

Column read_column(const Row& row) {
  Column column;
  column.name = row.at(2).value_or("");
  column.data_type = row.at(3).value_or("");
  column.column_type = row.at(4).value_or("");
  column.character_set = row.at(5).value_or("");
  column.collation = row.at(6).value_or("");
  column.nullable = row.at(7) == Cell("YES");
  column.kind = kind_of_column(column.data_type, column.column_type);
  const std::string extra = row.at(8).value_or("");
  column.invisible = extra.find("INVISIBLE") != std::string::npos;
  const std::string expression = row.at(10).value_or("");
  column.period =
      row.at(9) == Cell("ALWAYS") && (expression == "ROW START" || expression == "ROW END");
  column.generated = row.at(9) == Cell("ALWAYS");
  return column;
}

// How the past of a system-versioned table is read: by its period columns, shown or hidden.
void add_history(const std::string& schema, Table& table, std::vector<std::string>& notes) {
  const auto is_period = [](const Column& c) { return c.period; };
  const bool shown = std::any_of(table.columns.begin(), table.columns.end(), is_period);
  if (!shown) {
    for (const char* name : {"row_start", "row_end"}) {
      Column column;
      column.name = name;
      column.data_type = "timestamp";
      column.column_type = "timestamp(6)";
      column.kind = ValueKind::kDateTime;
      column.invisible = true;
      column.period = true;
      table.columns.push_back(std::move(column));
    }
  }
  const bool by_time = std::all_of(table.columns.begin(), table.columns.end(), [](const Column& c) {
    return !c.period || c.data_type == "timestamp";
  });
  if (!by_time) {
    notes.push_back(
        "table " + schema + "." + table.name +
        " keeps its history by transaction numbers, which no other server can take: only its "
        "present rows are in the backup");
    return;
  }
  table.history = true;
  for (Column& column : table.columns)
    if (column.period) column.generated = false;
}

using TableName = std::pair<std::string, std::string>;  // schema, table

// By what a row of information_schema begins with.
TableName name_of(const Row& row) {
  return {row.at(0).value_or(""), row.at(1).value_or("")};
}

// What information_schema tells of all tables of some schemas, beside what it tells of each.
struct TableFacts {
  std::map<TableName, std::vector<Column>> columns;
  std::map<TableName, ColumnTexts> defaults;
  std::map<TableName, ColumnTexts> systems;  // of coordinates
  std::map<TableName, std::vector<std::string>> primary_keys;
  std::set<TableName> odd_keys;  // with prefixes or descending: rows are not in their order
  std::map<TableName, std::vector<std::string>> odd_foreign_keys;  // with a backquote in the name
};

// `list`: the names of the schemas as SQL has them, here and below.
Result<std::map<std::string, Schema>> read_schemas(Connection& connection,
                                                   const std::string& list) {
  GB_TRY_ASSIGN(const Rows rows, connection.query("SELECT SCHEMA_NAME, DEFAULT_CHARACTER_SET_NAME, "
                                                  "DEFAULT_COLLATION_NAME, SCHEMA_COMMENT "
                                                  "FROM information_schema.SCHEMATA "
                                                  "WHERE SCHEMA_NAME IN (" +
                                                  list + ")"));
  std::map<std::string, Schema> by_name;
  for (const Row& row : rows.rows) {
    Schema& schema = by_name[row.at(0).value_or("")];
    schema.name = row[0].value_or("");
    schema.character_set = row.at(1).value_or("");
    schema.collation = row.at(2).value_or("");
    schema.comment = row.at(3).value_or("");
  }
  return by_name;
}

Status read_columns(Connection& connection, const std::string& list, TableFacts& facts) {
  GB_TRY_ASSIGN(
      const Rows rows,
      connection.query("SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, "
                       "CHARACTER_SET_NAME, COLLATION_NAME, IS_NULLABLE, EXTRA, IS_GENERATED, "
                       "GENERATION_EXPRESSION, COLUMN_DEFAULT FROM information_schema.COLUMNS "
                       "WHERE TABLE_SCHEMA IN (" +
                       list + ") ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION"));
  bool has_shapes = false;
  for (const Row& row : rows.rows) {
    facts.columns[name_of(row)].push_back(read_column(row));
    has_shapes = has_shapes || is_shape(row.at(3).value_or(""));
    if (row.at(11)) facts.defaults[name_of(row)][row.at(2).value_or("")] = *row.at(11);
  }
  // The server opens every table to tell: asked only where it matters.
  if (!has_shapes) return {};
  GB_TRY_ASSIGN(const Rows shapes,
                connection.query("SELECT G_TABLE_SCHEMA, G_TABLE_NAME, G_GEOMETRY_COLUMN, SRID "
                                 "FROM information_schema.GEOMETRY_COLUMNS WHERE SRID <> 0 AND "
                                 "G_TABLE_SCHEMA IN (" +
                                 list + ")"));
  for (const Row& row : shapes.rows)
    facts.systems[name_of(row)][row.at(2).value_or("")] = row.at(3).value_or("");
  return {};
}

Result<TableFacts> read_table_facts(Connection& connection, const std::string& list) {
  TableFacts facts;
  GB_TRY(read_columns(connection, list, facts));
  GB_TRY_ASSIGN(const Rows key_rows,
                connection.query("SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, SUB_PART, "
                                 "COLLATION FROM information_schema.STATISTICS "
                                 "WHERE INDEX_NAME = 'PRIMARY' AND TABLE_SCHEMA IN (" +
                                 list + ") ORDER BY TABLE_SCHEMA, TABLE_NAME, SEQ_IN_INDEX"));
  for (const Row& row : key_rows.rows) {
    facts.primary_keys[name_of(row)].push_back(row.at(2).value_or(""));
    if (row.at(3) || row.at(4) != Cell("A")) facts.odd_keys.insert(name_of(row));
  }
  GB_TRY_ASSIGN(const Rows foreign_rows,
                connection.query("SELECT CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME FROM "
                                 "information_schema.REFERENTIAL_CONSTRAINTS WHERE "
                                 "CONSTRAINT_SCHEMA IN (" +
                                 list + ") AND LOCATE('`', CONSTRAINT_NAME)"));
  for (const Row& row : foreign_rows.rows)
    facts.odd_foreign_keys[name_of(row)].push_back(row.at(2).value_or(""));
  return facts;
}

Result<Sequence> read_sequence(Connection& connection, const TableName& name) {
  const std::string quoted = quote_table(name.first, name.second);
  GB_TRY_ASSIGN(const Rows create, connection.query("SHOW CREATE SEQUENCE " + quoted));
  GB_TRY_ASSIGN(const Rows state, connection.query("SELECT * FROM " + quoted));
  if (create.rows.empty() || state.rows.empty())
    return fail(Code::kConflict, "sequence " + quoted + " vanished while it was read");
  Sequence sequence;
  sequence.name = name.second;
  sequence.create_sql = create.rows[0].at(1).value_or("");
  for (const Cell& cell : state.rows[0]) sequence.state.push_back(cell.value_or(""));
  return sequence;
}

// `row` is that of information_schema.TABLES. What is used of `facts` is taken from it.
Result<Table> read_table(Connection& connection, const Row& row, TableFacts& facts,
                         std::vector<std::string>& notes) {
  const TableName name = name_of(row);
  const std::string quoted = quote_table(name.first, name.second);
  if (!row.at(3))
    return fail(Code::kInternal, "table " + quoted + " cannot be opened by the server",
                "see what CHECK TABLE says of it, repair or drop it, or exclude its schema");
  Table table;
  table.name = name.second;
  table.engine = *row[3];
  table.transactional = table.engine == "InnoDB" || table.engine == "ROCKSDB";
  table.auto_increment = to_number(row.at(6));
  table.columns = std::move(facts.columns[name]);
  GB_TRY_ASSIGN(const Rows create, connection.query("SHOW CREATE TABLE " + quoted));
  if (create.rows.empty())
    return fail(Code::kConflict, "table " + quoted + " vanished while it was read");
  table.create_sql =
      with_quoted_foreign_keys(create.rows[0].at(1).value_or(""), facts.odd_foreign_keys[name]);
  GB_TRY_ASSIGN(table.create_sql, exact_create_sql(connection, name.first, table,
                                                   facts.defaults[name], facts.systems[name]));
  if (row.at(2) == Cell("SYSTEM VERSIONED")) add_history(name.first, table, notes);
  const auto is_read = [&](const std::string& key_column) {
    return std::ranges::any_of(
        table.columns, [&](const Column& c) { return c.name == key_column && !c.generated; });
  };
  std::vector<std::string>& key = facts.primary_keys[name];
  if (table.transactional && !facts.odd_keys.contains(name) && std::ranges::all_of(key, is_read))
    table.primary_key = std::move(key);
  return table;
}

// Whether its rows are in the backup, and of which moment.
void judge_rows(const std::string& schema, Table& table,
                const std::vector<std::string>& exclude_tables, std::vector<std::string>& notes) {
  const std::string full = schema + "." + table.name;
  table.data_excluded = std::ranges::any_of(
      exclude_tables, [&](const std::string& glob) { return glob_match(glob, full); });
  if (shows_other_rows(table)) {
    table.data_excluded = true;
    notes.push_back("table " + full + " is of engine " + table.engine +
                    ": it shows rows that are kept elsewhere, and comes back as a definition");
  } else if (!table.transactional && !table.data_excluded) {
    notes.push_back("table " + full + " is of engine " + table.engine +
                    ": its rows are outside the snapshot");
  }
}

}  // namespace

bool is_system_schema(const std::string& name) {
  const std::string lower = to_lower(name);
  return lower == "mysql" || lower == "sys" || lower == "information_schema" ||
         lower == "performance_schema";
}

Result<std::vector<std::string>> list_schemas(Connection& connection,
                                              std::vector<std::string>& notes) {
  GB_TRY_ASSIGN(const Rows rows, connection.query("SHOW DATABASES"));
  std::vector<std::string> out;
  for (const Row& row : rows.rows) {
    const std::string name = row.at(0).value_or("");
    if (is_system_schema(name)) continue;
    if (starts_with_old_name(name))
      notes.push_back(
          "the folder " + name.substr(kOldName.size()) +
          " in the server's data directory is not a schema, and it is not in the backup");
    else
      out.push_back(name);
  }
  std::sort(out.begin(), out.end());
  return out;
}

Result<std::vector<std::string>> select_schemas(const std::vector<std::string>& present,
                                                const DumpOptions& options) {
  for (const std::string& name : options.databases) {
    if (is_system_schema(name))
      return fail(Code::kInvalid,
                  "schema \"" + name + "\" belongs to the server and is never backed up",
                  "accounts and grants are in the backup by content All or Grants");
    if (!options.databases_optional &&
        std::find(present.begin(), present.end(), name) == present.end())
      return fail(Code::kInvalid,
                  "there is no schema \"" + name + "\" (" +
                      (present.empty() ? "the instance has no schema at all"
                                       : "there are " + join(present, ", ")) +
                      ")",
                  "name only schemas that are there");
  }
  std::vector<std::string> out;
  for (const std::string& name : present) {
    const auto is_in = [&](const std::vector<std::string>& names) {
      return std::find(names.begin(), names.end(), name) != names.end();
    };
    if ((options.databases.empty() || is_in(options.databases)) &&
        !is_in(options.exclude_databases))
      out.push_back(name);
  }
  return out;
}

Result<Definitions> read_definitions(Connection& connection,
                                     const std::vector<std::string>& schemas,
                                     const std::vector<std::string>& exclude_tables) {
  Definitions out;
  if (schemas.empty()) return out;
  const std::string list = text_list(schemas);
  GB_TRY_ASSIGN(auto by_name, read_schemas(connection, list));
  GB_TRY_ASSIGN(const Rows table_rows,
                connection.query("SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_ROWS, "
                                 "DATA_LENGTH, AUTO_INCREMENT FROM information_schema.TABLES "
                                 "WHERE TABLE_SCHEMA IN (" +
                                 list + ") ORDER BY TABLE_SCHEMA, TABLE_NAME"));
  GB_TRY_ASSIGN(TableFacts facts, read_table_facts(connection, list));
  for (const Row& row : table_rows.rows) {
    const TableName name = name_of(row);
    const std::string type = row.at(2).value_or("");
    if (type == "VIEW" || type == "SYSTEM VIEW" || type == "TEMPORARY") continue;
    Schema& schema = by_name[name.first];
    if (starts_with_old_name(name.second)) {
      out.notes.push_back("table " + name.first + "." + name.second +
                          " has a name of an old file format and is not in the backup");
      continue;
    }
    if (type == "SEQUENCE") {
      GB_TRY_ASSIGN(Sequence sequence, read_sequence(connection, name));
      schema.sequences.push_back(std::move(sequence));
      continue;
    }
    GB_TRY_ASSIGN(Table table, read_table(connection, row, facts, out.notes));
    judge_rows(name.first, table, exclude_tables, out.notes);
    out.sizes[name] = {to_number(row.at(4)), to_number(row.at(5))};
    schema.tables.push_back(std::move(table));
  }
  for (auto& [name, schema] : by_name) out.schemas.push_back(std::move(schema));
  return out;
}

bool shows_other_rows(const Table& table) {
  static const std::set<std::string> kEngines = {"mrg_myisam", "federated", "connect", "spider",
                                                 "oqgraph",    "sphinx",    "s3"};
  return kEngines.contains(to_lower(table.engine));
}

std::vector<std::string> definition_changes(const std::vector<Schema>& before,
                                            const std::vector<Schema>& after) {
  using Texts = std::map<std::string, std::string>;
  const auto texts = [](const std::vector<Schema>& schemas) {
    Texts out;
    for (const Schema& schema : schemas) {
      out["schema " + quote_name(schema.name)] = schema.collation + " " + schema.comment;
      for (const Table& table : schema.tables)
        out["table " + quote_table(schema.name, table.name)] = without_counter(table.create_sql);
      for (const Sequence& sequence : schema.sequences)
        out["sequence " + quote_table(schema.name, sequence.name)] = sequence.create_sql;
      for (const Program& program : schema.programs) {
        // Where a view stands among the others is nothing of its own.
        const int order = program.kind == Program::Kind::kTrigger ? program.order : 0;
        out[std::string(to_string(program.kind)) + " " + quote_table(schema.name, program.name)] =
            join({program.create_sql, program.definer, program.sql_mode,
                  program.character_set_client, program.collation_connection,
                  program.database_collation, program.time_zone, program.status,
                  std::to_string(order)},
                 "\n");
      }
    }
    return out;
  };
  const Texts old_texts = texts(before);
  const Texts new_texts = texts(after);
  std::vector<std::string> out;
  for (const auto& [name, text] : old_texts) {
    const auto now = new_texts.find(name);
    if (now == new_texts.end())
      out.push_back(name + " was dropped");
    else if (now->second != text)
      out.push_back(name + " was altered");
  }
  for (const auto& [name, text] : new_texts)
    if (!old_texts.contains(name)) out.push_back(name + " was created");
  return out;
}

std::string definitions_changed(const std::vector<Schema>& before,
                                const std::vector<Schema>& after) {
  const std::vector<std::string> changes = definition_changes(before, after);
  return changes.empty() ? std::string() : changes.front();
}

Result<Facts> read_facts(Connection& connection) {
  Facts out;
  GB_TRY_ASSIGN(
      const Rows rows,
      connection.query(
          "SELECT @@GLOBAL.version, @@GLOBAL.sql_mode, @@GLOBAL.character_set_server, "
          "@@GLOBAL.collation_server, IF(@@GLOBAL.time_zone = 'SYSTEM', "
          "@@GLOBAL.system_time_zone, @@GLOBAL.time_zone), @@GLOBAL.lower_case_table_names, "
          "@@GLOBAL.innodb_page_size"));
  const Row& row = rows.rows.at(0);
  out.node = connection.node().text();
  out.server_version = row.at(0).value_or("");
  out.sql_mode = row.at(1).value_or("");
  out.character_set = row.at(2).value_or("");
  out.collation = row.at(3).value_or("");
  out.time_zone = row.at(4).value_or("");
  out.lower_case_table_names = static_cast<int>(to_number(row.at(5)));
  out.innodb_page_size = to_number(row.at(6));
  return out;
}

Status check_dump_privileges(Connection& connection, const DumpOptions& options) {
  GB_TRY_ASSIGN(const std::set<std::string> everywhere, privileges(connection));
  GB_TRY_ASSIGN(const std::string user, current_user(connection));
  const auto lacks = [&](const std::string& privilege, const std::string& where) {
    return fail(
        Code::kForbidden, "user " + user + " lacks the privilege " + privilege + " on " + where,
        "GRANT " + privilege + " ON " + where + " TO the user, or use an account that has it");
  };
  // Without it on *.*, a schema could be missing unseen: only schemas that are named can be
  // checked.
  const bool all = options.databases.empty() || options.content != Content::kData;
  for (const char* privilege : {"SELECT", "SHOW VIEW", "TRIGGER", "EVENT"}) {
    if (everywhere.contains(privilege)) continue;
    if (all) return lacks(privilege, "*.*");
    for (const std::string& schema : options.databases) {
      GB_TRY_ASSIGN(const std::set<std::string> there, privileges(connection, schema));
      if (!there.contains(privilege)) return lacks(privilege, quote_name(schema) + ".*");
    }
  }
  // Routines of others are hidden without a word from who may not read this.
  if (!everywhere.contains("SELECT")) {
    const auto readable = connection.query("SELECT 1 FROM mysql.proc LIMIT 0");
    if (!readable && readable.error().code == Code::kForbidden)
      return lacks("SELECT", "mysql.proc");
    if (!readable) return fail(readable.error());
  }
  if (!everywhere.contains("RELOAD")) return lacks("RELOAD", "*.*");
  return {};
}

}  // namespace gb::galera
