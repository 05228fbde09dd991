#include "galera/export.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/text.h"
#include "galera/accounts.h"
#include "galera/definitions.h"
#include "galera/engine.h"
#include "galera/expected_text.h"
#include "galera/introspect.h"
#include "galera/load_writer.h"
#include "galera/plan.h"
#include "galera/programs.h"
#include "galera/sql_text.h"
#include "galera/table_sql.h"
#include "galera/target_fit.h"
#include "galera/value_sql.h"

namespace gb::galera {
namespace {

// Rows of one INSERT, unless one row alone is larger: well below any server's max_allowed_packet.
constexpr std::size_t kMaxInsertBytes = std::size_t{512} << 10;
// A value that is larger is put together from pieces: as hexadecimal digits it takes twice its
// bytes, and the client sends no statement above 16 MiB, as most servers take none.
constexpr std::size_t kLargeValue = std::size_t{512} << 10;
constexpr std::size_t kLiteralPiece = std::size_t{4} << 20;

bool is_large(ValueKind kind, const DecodedColumn& column, std::size_t row) {
  return kind == ValueKind::kBytes && column.null[row] == 0 &&
         column.values[row].size() > kLargeValue;
}

// A row of the present ends with the last moment that its server knows, which is not the same for
// all versions: that of whoever loads the file is asked there.
constexpr std::string_view kPresentVariable = "@gb_present";

std::string present_sql() {
  return std::string(kPresentVariable) + " = IF(FROM_UNIXTIME(4294967295) IS NULL, '" +
         std::string(kPresent) + "', '" + std::string(kPresentFrom11_5) + "')";
}

// What stands behind "-- ", where a line break would end the comment.
std::string one_line(std::string text) {
  std::ranges::replace_if(text, [](unsigned char c) { return c < ' '; }, '?');
  return text;
}

// A delimiter that does not stand in the text: the client looks for it everywhere but in quotes.
std::string delimiter_for(std::string_view sql) {
  std::string out = ";;";
  while (sql.find(out) != std::string_view::npos) out += ';';
  if (!sql.ends_with(';')) return out;
  for (out = "//"; sql.find(out) != std::string_view::npos;) out += '/';
  return out;
}

// A statement that holds others, or texts that do.
std::string delimited(const std::string& sql) {
  const std::string delimiter = delimiter_for(sql);
  return "DELIMITER " + delimiter + "\n" + sql + "\n" + delimiter + "\nDELIMITER ;\n";
}

class Exporter {
 public:
  Exporter(const InstanceModel& model, const ExportOptions& options, DumpSource& source,
           const SqlSink& sink, std::stop_token stop)
      : model_(model), options_(options), source_(source), sink_(sink), stop_(std::move(stop)) {}

  Result<ExportReport> run() {
    RestoreOptions selected;
    selected.databases = options_.databases;
    GB_TRY_ASSIGN(selection_, select_for_restore(model_, selected));
    GB_TRY(check_texts(model_, selection_, options_.grants ? Content::kAll : Content::kData));
    report_.notes = model_.notes;
    GB_TRY(head());
    if (options_.grants) GB_TRY(accounts());
    if (options_.grants) GB_TRY(foreign_servers());
    GB_TRY(schemas());
    GB_TRY(tables());
    GB_TRY(foreign_keys());
    using Kind = Program::Kind;
    for (const Kind kind : {Kind::kPackage, Kind::kPackageBody, Kind::kFunction, Kind::kProcedure})
      GB_TRY(programs_of(kind));
    // A view on a view is made only where the definer of that one may read; what is not there yet
    // is granted at the end.
    if (options_.grants) GB_TRY(grants(false));
    GB_TRY(views());
    GB_TRY(programs_of(Kind::kTrigger));
    GB_TRY(programs_of(Kind::kEvent));
    if (options_.grants) GB_TRY(grants(true));
    // Who has this line has everything.
    GB_TRY(say("\n-- complete: " + std::to_string(report_.tables) + " tables, " +
               std::to_string(report_.rows) + " rows\n"));
    return std::move(report_);
  }

 private:
  Status say(const std::string& text) {
    if (stop_.stop_requested()) return fail(Code::kCancelled, "the export was stopped");
    return sink_(text);
  }
  Status statement(const std::string& sql) { return say(sql + ";\n"); }

  Status head() {
    const Facts& facts = model_.facts;
    GB_TRY(say("-- " + one_line(options_.title) + "\n-- of MariaDB " +
               one_line(facts.server_version) + ", as of " + to_rfc3339(facts.snapshot_time) +
               (facts.gtid.empty() ? "" : ", GTID " + one_line(facts.gtid)) +
               "\n-- Load it into a session of its own, with comments and line ends kept:"
               "\n-- mariadb --comments --binary-mode < FILE\n\n"));
    GB_TRY(
        statement("SET SESSION foreign_key_checks = 0, unique_checks = 1, "
                  "check_constraint_checks = 0, innodb_strict_mode = 0, "
                  "explicit_defaults_for_timestamp = 1, autocommit = 1, sql_safe_updates = 0"));
    const auto has_history = [](const SelectedSchema& s) {
      return std::ranges::any_of(s.schema->tables, &Table::history);
    };
    if (std::ranges::any_of(selection_.schemas, has_history))
      GB_TRY(
          statement("SET SESSION system_versioning_insert_history = 1, "
                    "system_versioning_alter_history = 'KEEP', " +
                    present_sql()));
    // As a restore: a name without more means what it meant at the source.
    GB_TRY(
        say("/*M!100601 SET SESSION old_mode = 'UTF8_IS_UTF8MB3' */;\n"
            "/*M!110300 SET SESSION character_set_collations = '' */;\n"));
    return session();
  }

  // What every statement but those of programs is written for.
  Status session() { return statement(reset_session_sql()); }

  Status accounts() {
    for (const Account& account : model_.accounts)
      for (std::string create : account.create) {
        // One that exists keeps its password, as in a restore.
        for (const std::string_view head : {"CREATE USER ", "CREATE ROLE "})
          if (create.starts_with(head)) create.insert(head.size(), "IF NOT EXISTS ");
        GB_TRY(statement(create));
      }
    return {};
  }

  Status foreign_servers() {
    for (const ServerObject& server : model_.foreign_servers) GB_TRY(statement(server.create_sql));
    return {};
  }

  // What a grant names may be gone, which SHOW GRANTS does not tell: that ends nothing, and is
  // shown by the client the `last` time.
  Status grants(bool last) {
    for (const Account& account : model_.accounts) {
      std::string given;
      for (const std::string& grant : account.grants) {
        GB_TRY_ASSIGN(const std::string sql,
                      grant_for_target(grant, selection_.sources(), selection_.names));
        if (!sql.empty())
          given += "  " + sql + ";\n";
        else if (last)
          report_.notes.push_back("a grant on what is not exported is left out: " + grant);
      }
      if (given.empty()) continue;
      GB_TRY(say(delimited(
          std::string("BEGIN NOT ATOMIC\n  DECLARE CONTINUE HANDLER FOR 1054, 1146, 1305 BEGIN") +
          (last ? " GET DIAGNOSTICS CONDITION 1 @gb_missing = MESSAGE_TEXT;"
                  " SELECT @gb_missing AS `a grant is left out`;"
                : "") +
          " END;\n" + given + "END")));
    }
    return {};
  }

  Status schemas() {
    for (const SelectedSchema& s : selection_.schemas) {
      std::string sql = "\nCREATE DATABASE " + quote_name(s.target) + " CHARACTER SET " +
                        s.schema->character_set + " COLLATE " + s.schema->collation;
      if (!s.schema->comment.empty()) sql += " COMMENT " + quote_text(s.schema->comment);
      GB_TRY(statement(sql));
      if (s.schema->sequences.empty()) continue;
      GB_TRY(statement("USE " + quote_name(s.target)));
      for (const Sequence& sequence : s.schema->sequences) {
        GB_TRY(statement(sequence.create_sql));
        GB_TRY(statement("INSERT INTO " + quote_name(sequence.name) + " VALUES (" +
                         join(sequence.state, ",") + ")"));
      }
    }
    return {};
  }

  Status tables() {
    for (const SelectedSchema& s : selection_.schemas) {
      for (const Table& table : s.schema->tables) {
        GB_TRY_ASSIGN(const TableDefinition definition, parse_table(table.create_sql));
        GB_TRY_ASSIGN(const std::string sql,
                      create_table_sql(definition, s.target, Keys::kAll, selection_.names));
        // The text is what the server printed; under NAMES binary a literal would become bytes of
        // the column's own character set.
        GB_TRY(say("\nSET NAMES utf8mb4;\n"));
        if (shows_other_rows(table)) GB_TRY(statement("USE " + quote_name(s.target)));
        GB_TRY(statement(sql));
        GB_TRY(say("SET NAMES binary;\n"));
        if (table.totals.rows > 0 && !table.data_excluded) GB_TRY(rows(s, table));
        if (table.data_excluded && !shows_other_rows(table))
          report_.notes.push_back("the rows of " + quote_table(s.target, table.name) +
                                  " are not in the backup (excludeTables)");
        // The rows may have moved it: one that was above them all is not again by itself.
        if (table.auto_increment != 0)
          GB_TRY(statement("ALTER TABLE " + quote_table(s.target, table.name) +
                           " AUTO_INCREMENT = " + std::to_string(table.auto_increment)));
        ++report_.tables;
      }
    }
    return {};
  }

  // The value in a variable of the session. A server whose max_allowed_packet is smaller makes NULL
  // of it, without more than a warning: that ends the loading.
  Status put_together(const std::string& variable, std::string_view value) {
    for (std::size_t at = 0; at < value.size(); at += kLiteralPiece) {
      const std::string piece = bytes_text(value.substr(at, kLiteralPiece));
      GB_TRY(statement("SET " + variable + " = " +
                       (at == 0 ? piece : "CONCAT(" + variable + ", " + piece + ")")));
    }
    const std::string size = std::to_string(value.size());
    return say(delimited("IF COALESCE(OCTET_LENGTH(" + variable + "), 0) <> " + size +
                         " THEN\n  SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'a value of " + size +
                         " bytes: raise max_allowed_packet of this server';\nEND IF"));
  }

  Status rows(const SelectedSchema& s, const Table& table) {
    const std::vector<const Column*> columns = loaded_columns(table);
    std::string names;
    for (const Column* column : columns)
      names += (names.empty() ? "" : ",") + quote_name(column->name);
    const std::string begin =
        "INSERT INTO " + quote_table(s.target, table.name) + " (" + names + ") VALUES\n";
    GB_TRY_ASSIGN(const std::unique_ptr<TableSource> chunks,
                  source_.table(s.schema->name, table.name));
    std::uint64_t written = 0;
    std::string sql;
    for (std::size_t i = 0, n = chunks->chunk_count(); i < n; ++i) {
      GB_TRY_ASSIGN(Chunk encoded, chunks->chunk(i));
      GB_TRY_ASSIGN(const DecodedChunk chunk, decode_chunk(table, std::move(encoded), false));
      for (std::size_t row = 0; row < chunk.chunk.rows; ++row) {
        sql += sql.empty() ? begin + "(" : ",\n(";
        std::vector<std::string> large;  // variables
        for (std::size_t c = 0; c < columns.size(); ++c) {
          if (c > 0) sql += ',';
          if (columns[c]->period && is_present(chunk.columns[c], row)) {
            sql += kPresentVariable;
          } else if (is_large(columns[c]->kind, chunk.columns[c], row)) {
            large.push_back("@gb_value_" + std::to_string(c));
            GB_TRY(put_together(large.back(), chunk.columns[c].values[row]));
            sql += large.back();
          } else {
            append_value(sql, columns[c]->kind, chunk.columns[c], row);
          }
        }
        sql += ')';
        ++written;
        if (sql.size() >= kMaxInsertBytes || !large.empty()) {
          GB_TRY(statement(sql));
          sql.clear();
        }
        for (const std::string& variable : large) GB_TRY(statement("SET " + variable + " = NULL"));
      }
    }
    if (!sql.empty()) GB_TRY(statement(sql));
    if (written != table.totals.rows)
      return fail(Code::kCorruption, "the table " + quote_table(s.schema->name, table.name) +
                                         " has another number of rows than the backup says");
    report_.rows += written;
    return {};
  }

  Status foreign_keys() {
    GB_TRY_ASSIGN(const std::vector<UnfitForeignKey> unfit, unfit_foreign_keys(selection_));
    for (const UnfitForeignKey& key : unfit) report_.notes.push_back(key.note);
    for (const SelectedSchema& s : selection_.schemas) {
      for (const Table& table : s.schema->tables) {
        GB_TRY_ASSIGN(const TableDefinition definition, parse_table(table.create_sql));
        if (std::ranges::find(unfit, &table, &UnfitForeignKey::table) != unfit.end()) {
          GB_TRY(foreign_keys_that_fit(s, definition));
          continue;
        }
        GB_TRY_ASSIGN(const std::string sql,
                      add_foreign_keys_sql(definition, s.target, selection_.names));
        if (!sql.empty()) GB_TRY(statement(sql));
      }
    }
    return {};
  }

  // Each by itself: the client shows which of them the server did not take.
  Status foreign_keys_that_fit(const SelectedSchema& s, const TableDefinition& definition) {
    std::string statements;
    for (const TableItem& item : definition.items) {
      if (item.kind != TableItem::Kind::kForeignKey) continue;
      GB_TRY_ASSIGN(const std::string sql,
                    add_foreign_key_sql(definition, item, s.target, selection_.names));
      statements += "  " + sql + ";\n";
    }
    return say(
        delimited("BEGIN NOT ATOMIC\n  DECLARE CONTINUE HANDLER FOR 1822 BEGIN GET "
                  "DIAGNOSTICS CONDITION 1 @gb_unfit = MESSAGE_TEXT; SELECT @gb_unfit AS "
                  "`a foreign key is left out`; END;\n" +
                  statements + "END"));
  }

  Status programs_of(Program::Kind kind) {
    for (const SelectedSchema& s : selection_.schemas)
      for (const Program& p : s.schema->programs)
        if (p.kind == kind) GB_TRY(program(*s.schema, {&p, s.schema->name, s.target}));
    return {};
  }

  Status views() {
    std::vector<PlacedProgram> all;
    std::map<std::string, const Schema*> schemas;
    for (const SelectedSchema& s : selection_.schemas) {
      schemas[s.schema->name] = s.schema;
      for (const Program& p : s.schema->programs) {
        if (p.kind != Program::Kind::kView) continue;
        if (p.view_columns.empty())
          report_.notes.push_back("the view " + quote_table(s.schema->name, p.name) +
                                  " was already broken when it was backed up, and is left out");
        else
          all.push_back({&p, s.schema->name, s.target});
      }
    }
    GB_TRY_ASSIGN(all, in_order_of_use(std::move(all)));
    for (const PlacedProgram& view : all) GB_TRY(program(*schemas[view.from], view));
    return {};
  }

  Status program(const Schema& schema, const PlacedProgram& placed) {
    const Program& p = *placed.program;
    GB_TRY(say("\n"));
    GB_TRY(statement(use_program_sql(placed)));
    GB_TRY(statement(program_session_sql(p)));
    const bool other_collation =
        !p.database_collation.empty() && p.database_collation != schema.collation;
    const auto collate = [&](const std::string& collation) {
      return statement("ALTER DATABASE " + quote_name(placed.schema) + " COLLATE " + collation);
    };
    if (other_collation) GB_TRY(collate(p.database_collation));
    GB_TRY_ASSIGN(const std::string sql,
                  program_sql(p, selection_.names, !model_.facts.cluster_uuid.empty()));
    // So the client, too, sees where a character of two bytes ends in what would be a backslash.
    const bool wide = quoting_of(p).second_byte != SecondByte::kNone;
    if (wide) GB_TRY(say("\\C " + p.character_set_client + "\n"));
    GB_TRY(say(delimited(sql)));
    if (wide) GB_TRY(say("\\C utf8mb4\n"));
    if (other_collation) GB_TRY(collate(schema.collation));
    return session();
  }

  const InstanceModel& model_;
  const ExportOptions& options_;
  DumpSource& source_;
  const SqlSink& sink_;
  const std::stop_token stop_;
  Selection selection_;
  ExportReport report_;
};

}  // namespace

Result<ExportReport> export_sql(const InstanceModel& model, const ExportOptions& options,
                                DumpSource& source, const SqlSink& sink, std::stop_token stop) {
  return Exporter(model, options, source, sink, std::move(stop)).run();
}

}  // namespace gb::galera
