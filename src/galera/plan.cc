#include "galera/plan.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <map>
#include <optional>
#include <set>

#include "base/text.h"
#include "base/wait.h"
#include "galera/accounts.h"
#include "galera/introspect.h"
#include "galera/privileges.h"
#include "galera/programs.h"
#include "galera/server_version.h"
#include "galera/sql_text.h"
#include "galera/target_fit.h"
#include "galera/topology.h"

namespace gb::galera {
namespace {

constexpr std::size_t kMaxSchemaName = 64;  // characters
constexpr int kChangeLooks = 4;             // for a schema change that does not end
constexpr std::chrono::milliseconds kChangePause{500};

std::size_t characters(const std::string& utf8) {
  return static_cast<std::size_t>(std::count_if(utf8.begin(), utf8.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80;
  }));
}

// The beginning of a statement, for a message.
std::string shortened(const std::string& sql) {
  constexpr std::size_t kMost = 80;
  return sql.size() <= kMost ? sql : sql.substr(0, kMost) + "…";
}

Status check_version(const NodeState& node, const Facts& facts) {
  if (!is_newer_series(facts.server_version, node.version)) return {};
  return fail(Code::kInvalid,
              "the target runs MariaDB " + node.version + ", older than " + facts.server_version +
                  " that the backup was taken from",
              "upgrade the target, or restore onto another one");
}

// What a server asks of who makes programs, for the sake of its binary log.
struct BinaryLog {
  bool on = false;
  bool distrusts_functions = false;
  bool distrusts_triggers = false;  // Galera has no log of its own, and asks the same
};

Result<BinaryLog> binary_log_of(Connection& connection) {
  GB_TRY_ASSIGN(const Rows rows,
                connection.query("SHOW GLOBAL VARIABLES WHERE Variable_name IN ('log_bin', "
                                 "'wsrep_on', 'log_bin_trust_function_creators')"));
  std::map<std::string, bool> on;
  for (const Row& row : rows.rows) on[to_lower(cell(row, 0))] = cell(row, 1) == "ON";
  const bool trusts = on["log_bin_trust_function_creators"];
  return BinaryLog{on["log_bin"], on["log_bin"] && !trusts,
                   (on["log_bin"] || on["wsrep_on"]) && !trusts};
}

bool has_programs(const Selection& selection, Program::Kind kind) {
  return std::ranges::any_of(selection.schemas, [&](const SelectedSchema& s) {
    return std::ranges::any_of(s.schema->programs,
                               [&](const Program& p) { return p.kind == kind; });
  });
}

// With a binary log a function has to say what it does, whoever makes it.
Status check_functions(Connection& connection, const Selection& selection) {
  GB_TRY_ASSIGN(const BinaryLog log, binary_log_of(connection));
  if (!log.distrusts_functions) return {};
  std::vector<std::string> refused;
  for (const SelectedSchema& s : selection.schemas)
    for (const Program& p : s.schema->programs)
      if (p.kind == Program::Kind::kFunction && !says_what_it_does(p))
        refused.push_back(quote_table(s.schema->name, p.name));
  if (refused.empty()) return {};
  return fail(Code::kInvalid,
              "the target writes a binary log and takes no functions that are neither "
              "DETERMINISTIC nor NO SQL nor READS SQL DATA: " +
                  some(refused),
              "SET GLOBAL log_bin_trust_function_creators = 1 there (on every node) for as long "
              "as it is restored, or leave their schemas out by spec.databases");
}

Status check_privileges(Connection& connection, const InstanceModel& model,
                        const RestoreOptions& options, const Selection& selection,
                        const std::string& version) {
  std::vector<std::string> needed;
  if (!selection.schemas.empty())
    needed = {"SELECT",        "INSERT",     "CREATE",      "DROP",      "ALTER",
              "INDEX",         "REFERENCES", "CREATE VIEW", "SHOW VIEW", "CREATE ROUTINE",
              "ALTER ROUTINE", "TRIGGER",    "EVENT"};
  std::vector<std::string> lacking;
  for (const SelectedSchema& s : selection.schemas) {
    GB_TRY_ASSIGN(const std::set<std::string> have, privileges(connection, s.target));
    for (const std::string& p : needed)
      if (!have.contains(p)) lacking.push_back(p + " on " + quote_name(s.target) + ".*");
  }
  GB_TRY_ASSIGN(const std::set<std::string> have, privileges(connection));
  const auto need = [&](const char* privilege, std::string_view other_spelling = {}) {
    if (have.contains(privilege) || have.contains(std::string(other_spelling)) ||
        (have.contains("SUPER") && super_includes(privilege, version)))
      return;
    lacking.push_back(std::string(privilege) + " on *.*");
  };
  const bool programs =
      std::any_of(selection.schemas.begin(), selection.schemas.end(),
                  [](const SelectedSchema& s) { return !s.schema->programs.empty(); });
  if (programs) need("SET USER");
  GB_TRY_ASSIGN(const BinaryLog log, binary_log_of(connection));
  if ((log.distrusts_triggers && has_programs(selection, Program::Kind::kTrigger)) ||
      (log.distrusts_functions && has_programs(selection, Program::Kind::kFunction)))
    need("SUPER");
  // What was restored is read in a snapshot, which needs a lock of an instant there.
  if (!log.on && !selection.schemas.empty()) need("RELOAD");
  if (options.block_traffic) {
    if (options.gate == nullptr) need("READ_ONLY ADMIN", "READ ONLY ADMIN");
    need("CONNECTION ADMIN");
  }
  if (options.content != Content::kData) {
    need("CREATE USER");
    need("GRANT OPTION");
    if (!model.foreign_servers.empty()) need("FEDERATED ADMIN");
  }
  if (lacking.empty()) return {};
  GB_TRY_ASSIGN(const std::string user, current_user(connection));
  return fail(Code::kForbidden,
              "the user " + user + " lacks privileges on the target: " + some(lacking),
              "grant them, or use an account that has them");
}

Status check_definers(Connection& connection, const InstanceModel& model,
                      const RestoreOptions& options, const Selection& selection) {
  GB_TRY_ASSIGN(std::set<std::string> there, existing_accounts(connection));
  if (options.content != Content::kData)
    for (const Account& account : model.accounts) there.insert(plain_account_name(account));
  std::map<std::string, std::string> missing;  // definer → an example
  for (const SelectedSchema& s : selection.schemas)
    for (const Program& p : s.schema->programs)
      if (!p.definer.empty() && !has_definer(there, p.definer))
        missing.emplace(p.definer,
                        std::string(to_string(p.kind)) + " " + s.schema->name + "." + p.name);
  if (missing.empty()) return {};
  std::vector<std::string> names;
  for (const auto& [definer, example] : missing) names.push_back(definer + " (" + example + ")");
  return fail(Code::kInvalid,
              "accounts that programs of the backup run as are not on the target: " + some(names),
              model.accounts.empty()
                  ? "create them on the target (CREATE USER … ACCOUNT LOCK is enough)"
                  : "create them on the target, or restore the accounts too (content: All)");
}

// Galera takes a cached sequence only when it steps by 0, which stands for "by what the cluster
// says".
Status check_sequences(const Selection& selection) {
  std::vector<std::string> refused;
  for (const SelectedSchema& s : selection.schemas) {
    for (const Sequence& sequence : s.schema->sequences) {
      GB_TRY_ASSIGN(const std::vector<Token> tokens, tokenize(sequence.create_sql));
      bool cached = false;
      bool steps = true;
      for (TokenWalk walk(tokens); !walk.end(); walk.next()) {
        if (walk.take_word("CACHE")) cached = walk.token().text != "0";
        if (walk.take_word("INCREMENT")) {
          walk.take_word("BY");
          steps = walk.token().text != "0";
        }
      }
      if (cached && steps) refused.push_back(quote_table(s.schema->name, sequence.name));
    }
  }
  if (refused.empty()) return {};
  return fail(
      Code::kInvalid,
      "a Galera cluster takes no sequence with CACHE unless it has INCREMENT BY 0: " +
          some(refused),
      "alter these sequences at the source (ALTER SEQUENCE … NOCACHE) and back up again, or "
      "leave their schemas out by spec.databases");
}

// How much of a row a page takes depends on more than can be told from a definition.
Result<std::string> check_pages(Connection& connection, const Facts& facts, CheckedPlan& out) {
  GB_TRY_ASSIGN(const Cell size, connection.scalar("SELECT @@GLOBAL.innodb_page_size"));
  const std::uint64_t here = std::strtoull(size.value_or("0").c_str(), nullptr, 10);
  out.smaller_pages = here < facts.innodb_page_size;
  if (!out.smaller_pages) return std::string();
  return "not known: the target has innodb_page_size " + std::to_string(here) + ", the source " +
         std::to_string(facts.innodb_page_size) +
         ": a table whose rows do not fit into its pages fails the restore when it is made";
}

// An event is made in the time zone that its times were written in. One with a name is known by
// tables of the server's own, which are empty until somebody fills them.
Status check_time_zones(Connection& connection, const Selection& selection) {
  std::map<std::string, std::string> zones;  // zone → an example
  for (const SelectedSchema& s : selection.schemas)
    for (const Program& p : s.schema->programs)
      if (!p.time_zone.empty())
        zones.emplace(p.time_zone, "event " + quote_table(s.schema->name, p.name));
  std::vector<std::string> unknown;
  for (const auto& [zone, example] : zones) {
    GB_TRY_ASSIGN(const Cell there, connection.scalar("SELECT CONVERT_TZ('2026-01-01', '+00:00', " +
                                                      quote_text(zone) + ")"));
    if (!there) unknown.push_back(zone + " (" + example + ")");
  }
  if (unknown.empty()) return {};
  return fail(Code::kInvalid,
              "the target does not know time zones that events of the backup were made in: " +
                  some(unknown),
              "fill its tables (mariadb-tzinfo-to-sql /usr/share/zoneinfo | mariadb mysql), or "
              "leave their schemas out by spec.databases");
}

// Before MariaDB 10.11 no statement writes a row of the past.
Status check_history(Connection& connection, const Selection& selection) {
  std::vector<std::string> refused;
  for (const SelectedSchema& s : selection.schemas)
    for (const Table& table : s.schema->tables)
      if (table.history && !table.data_excluded)
        refused.push_back(quote_table(s.schema->name, table.name));
  if (refused.empty()) return {};
  GB_TRY_ASSIGN(const Rows setting,
                connection.query("SHOW SESSION VARIABLES LIKE 'system_versioning_insert_history'"));
  if (!setting.rows.empty()) return {};
  return fail(Code::kInvalid,
              "the target cannot take the history of system-versioned tables: " + some(refused),
              "restore onto MariaDB 10.11 or newer, or leave their schemas out by spec.databases");
}

// Who changes schemas meanwhile meets them dropped, or half of what is restored. Those that began
// on another node are seen here, too, when they are applied.
Result<std::string> check_schema_changes(Connection& connection) {
  GB_TRY_ASSIGN(const std::set<std::string> have, privileges(connection));
  if (!have.contains("PROCESS"))
    return "not known: without the privilege PROCESS the statements of others are not seen";
  // Most of them end in a moment.
  for (int looks = 1;; ++looks) {
    GB_TRY_ASSIGN(
        const Rows found,
        connection.query(
            "SELECT USER, INFO FROM information_schema.PROCESSLIST WHERE INFO REGEXP "
            "'(?is)^([[:space:]]|/[*].*?[*]/)*(ALTER|CREATE([[:space:]]+OR[[:space:]]+REPLACE)?|"
            "DROP|RENAME|TRUNCATE|OPTIMIZE)[[:space:]]+(?!(USER|ROLE|SERVER|TEMPORARY|PREPARE)"
            "[[:space:]])'"));
    if (found.rows.empty()) return std::string();
    if (looks < kChangeLooks) {
      (void)sleep_for({}, kChangePause);
      continue;
    }
    std::vector<std::string> running;
    for (const Row& row : found.rows)
      running.push_back(shortened(row.at(1).value_or("")) + " (" + row.at(0).value_or("") + ")");
    return fail(Code::kConflict, "the target's schemas are being changed: " + some(running),
                "wait until that has ended, or end it (KILL)");
  }
}

constexpr const char* kNoDisks = "not known: the plugin DISKS is not loaded on the target";

Result<std::string> check_space(Connection& connection, const CheckedPlan& plan) {
  GB_TRY_ASSIGN(
      const Cell there,
      connection.scalar("SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA "
                        "= 'information_schema' AND TABLE_NAME = 'DISKS'"));
  if (there != Cell("1")) return kNoDisks;
  GB_TRY_ASSIGN(
      const Cell kib,
      connection.scalar("SELECT Available FROM information_schema.DISKS WHERE "
                        "LOCATE(Path, @@datadir) = 1 ORDER BY LENGTH(Path) DESC LIMIT 1"));
  if (!kib) return "not known: the target does not tell what is free on the volume of its data";
  const std::uint64_t free = std::strtoull(kib->c_str(), nullptr, 10) * 1024;
  std::uint64_t needed = 0;
  for (const PlanEntry& entry : plan.plan.schemas) needed += entry.bytes;
  // What is replaced is dropped before the first row comes.
  if (needed <= free + plan.dropped_bytes) return std::string();
  return fail(Code::kNoSpace,
              "the target has " + to_quantity(free) + " free" +
                  (plan.dropped_bytes == 0 ? ""
                                           : ", the schemas that are replaced take " +
                                                 to_quantity(plan.dropped_bytes)) +
                  ", and the rows alone are " + to_quantity(needed),
              "enlarge the target's volume, or restore fewer schemas");
}

void add_remarked(CheckedPlan& plan, std::string check, Result<std::string> remark) {
  if (remark)
    add_check(plan, std::move(check), {}, std::move(*remark));
  else
    add_check(plan, std::move(check), fail(std::move(remark).error()));
}

// What a schema of the target holds.
struct Held {
  std::map<std::string, std::uint64_t> rows;  // of its tables, as the server estimates them
  std::uint64_t bytes = 0;                    // on its disk
};
Result<Held> tables_of(Connection& connection, const std::string& schema) {
  GB_TRY_ASSIGN(const Rows rows,
                connection.query("SELECT TABLE_NAME, TABLE_ROWS, DATA_LENGTH + INDEX_LENGTH FROM "
                                 "information_schema.TABLES WHERE TABLE_TYPE <> 'VIEW' AND "
                                 "TABLE_TYPE <> 'SEQUENCE' AND TABLE_SCHEMA = " +
                                 quote_text(schema) + " ORDER BY TABLE_NAME"));
  const auto number = [](const Cell& cell) {
    return std::strtoull(cell.value_or("0").c_str(), nullptr, 10);
  };
  Held out;
  for (const Row& row : rows.rows) {
    out.rows.emplace(row.at(0).value_or(""), number(row.at(1)));
    out.bytes += number(row.at(2));
  }
  return out;
}

Status plan_schema(Connection& connection, const SelectedSchema& selected, bool exists,
                   Existing existing, CheckedPlan& out) {
  PlanEntry entry;
  entry.schema = selected.target;
  entry.from = selected.schema->name;
  entry.action = !exists ? "Create" : existing == Existing::kReplace ? "Replace" : "Refuse";
  std::map<std::string, std::uint64_t> there;
  if (exists) {
    GB_TRY_ASSIGN(Held held, tables_of(connection, selected.target));
    there = std::move(held.rows);
    if (existing == Existing::kReplace) out.dropped_bytes += held.bytes;
  }
  for (const Table& table : selected.schema->tables) {
    ++entry.tables;
    entry.rows += table.totals.rows;
    entry.bytes += table.totals.bytes;
    PlanEntry::TableRows rows{table.name, table.totals.rows, std::nullopt};
    if (const auto found = there.find(table.name); found != there.end()) {
      rows.target_rows = found->second;
      there.erase(found);
    } else if (exists) {
      entry.only_in_backup.push_back(table.name);
    }
    entry.table_rows.push_back(std::move(rows));
  }
  for (const auto& [name, rows] : there) entry.only_in_target.push_back(name);
  out.plan.schemas.push_back(std::move(entry));
  return {};
}

// Grants on schemas that are not restored are not given.
Status note_grants(const InstanceModel& model, const Selection& selection,
                   const std::string& target_version, std::vector<std::string>& notes) {
  std::vector<std::string> left_out;
  for (const Account& account : model.accounts) {
    for (const std::string& grant : account.grants) {
      GB_TRY_ASSIGN(const std::string sql,
                    grant_for_target(grant, selection.sources(), selection.names));
      if (sql.empty()) left_out.push_back(grant);
    }
  }
  if (!left_out.empty())
    notes.push_back("grants on what is not restored are left out: " + some(left_out));
  if (const std::string said = lost_with_super(model, target_version); !said.empty())
    notes.push_back(said);
  return {};
}

Status add_notes(Connection& connection, const InstanceModel& model, const Selection& selection,
                 CheckedPlan& out) {
  std::vector<std::string>& notes = out.plan.notes;
  std::vector<std::string> lost =
      known_losses(model, selection, out.cluster_size > 1 ? out.node.text() : std::string());
  notes.insert(notes.end(), std::make_move_iterator(lost.begin()),
               std::make_move_iterator(lost.end()));
  GB_TRY_ASSIGN(const std::vector<UnfitForeignKey> unfit, unfit_foreign_keys(selection));
  for (const UnfitForeignKey& key : unfit) notes.push_back(key.note);
  const auto has_events = [](const SelectedSchema& s) {
    return std::any_of(s.schema->programs.begin(), s.schema->programs.end(),
                       [](const Program& p) { return p.kind == Program::Kind::kEvent; });
  };
  if (std::any_of(selection.schemas.begin(), selection.schemas.end(), has_events)) {
    GB_TRY_ASSIGN(const Cell scheduler, connection.scalar("SELECT @@GLOBAL.event_scheduler"));
    if (scheduler != Cell("ON"))
      notes.push_back("the target's event_scheduler is " + scheduler.value_or("?") +
                      ": events come back, but none of them will run until it is set to ON");
  }
  for (const SelectedSchema& s : selection.schemas) {
    for (const Table& table : s.schema->tables)
      if (table.data_excluded && !shows_other_rows(table))
        notes.push_back("the table " + quote_table(s.schema->name, table.name) +
                        " comes back empty: its rows were excluded from the backup");
    for (const Program& p : s.schema->programs) {
      const std::string what =
          std::string("the ") + to_string(p.kind) + " " + quote_table(s.schema->name, p.name);
      if (p.kind == Program::Kind::kView && p.view_columns.empty()) {
        notes.push_back(what +
                        " refers to something that was not there when it was backed up: it "
                        "cannot be made again");
        continue;
      }
      if (p.kind == Program::Kind::kEvent && p.status == "SLAVESIDE_DISABLED" &&
          !model.facts.cluster_uuid.empty())
        notes.push_back(what +
                        " was made through another node of its cluster, which this node "
                        "lists as SLAVESIDE_DISABLED: it comes back enabled");
      GB_TRY_ASSIGN(const std::set<std::string> named,
                    schemas_in_strings(p.create_sql, selection.names, quoting_of(p)));
      for (const std::string& schema : named)
        notes.push_back(what + " names the schema " + quote_name(schema) +
                        " in a string: what it builds from text is not renamed");
    }
  }
  return {};
}

}  // namespace

std::vector<std::string> Selection::sources() const {
  std::vector<std::string> out;
  for (const SelectedSchema& s : schemas) out.push_back(s.schema->name);
  return out;
}

Result<Selection> select_for_restore(const InstanceModel& model, const RestoreOptions& options) {
  std::set<std::string> in_backup;
  for (const Schema& schema : model.schemas) in_backup.insert(schema.name);
  const std::string present = join({in_backup.begin(), in_backup.end()}, ", ");
  for (const std::string& name : options.databases)
    if (!in_backup.contains(name))
      return fail(Code::kInvalid,
                  "the backup has no schema \"" + name + "\" (it has " +
                      (present.empty() ? "none" : present) + ")",
                  "name only schemas that it has");
  const std::set<std::string> wanted(options.databases.begin(), options.databases.end());
  Selection out;
  std::map<std::string, std::string> taken;  // target → source
  for (const Schema& schema : model.schemas) {
    if (!wanted.empty() && !wanted.contains(schema.name)) continue;
    const std::string target = target_name(options.rename, schema.name);
    if (target.empty() || characters(target) > kMaxSchemaName || target.back() == ' ' ||
        target.find('\0') != std::string::npos)
      return fail(Code::kInvalid, "\"" + target + "\" cannot be the name of a schema",
                  "a name has 1 to 64 characters, and no space at its end");
    if (is_system_schema(target))
      return fail(Code::kInvalid, "the schema \"" + target + "\" belongs to the server itself",
                  "rename it to another name");
    if (const auto [it, fresh] = taken.emplace(target, schema.name); !fresh)
      return fail(Code::kInvalid,
                  "the schemas \"" + it->second + "\" and \"" + schema.name +
                      "\" would both become \"" + target + "\"",
                  "rename it to another name");
    if (target != schema.name) out.names[schema.name] = target;
    out.schemas.push_back({&schema, target});
  }
  for (const auto& [from, to] : options.rename)
    if (std::none_of(
            out.schemas.begin(), out.schemas.end(),
            [&, name = &from](const SelectedSchema& s) { return s.schema->name == *name; }))
      return fail(Code::kInvalid, "spec.rename names \"" + from + "\", which is not restored",
                  "correct spec.rename or spec.databases");
  return out;
}

void add_check(CheckedPlan& plan, std::string check, Status result, std::string remark) {
  plan.codes.push_back(result ? Code::kInternal : result.error().code);
  plan.plan.preflight.push_back(
      {std::move(check), result.has_value(), result ? std::move(remark) : result.error().text()});
}

CheckedPlan check_target(const Endpoint& target, const Result<Topology>& topology,
                         const InstanceModel& model, bool not_the_source) {
  CheckedPlan out;
  if (!topology) {
    add_check(out, "TargetReachable", fail(topology.error()));
    return out;
  }
  add_check(out, "TargetReachable", {});
  const auto reachable = [](const NodeState& n) { return n.error.empty(); };
  const bool galera = std::any_of(topology->nodes.begin(), topology->nodes.end(),
                                  [&](const NodeState& n) { return reachable(n) && n.galera; });
  const bool primary =
      !galera || std::any_of(topology->nodes.begin(), topology->nodes.end(),
                             [&](const NodeState& n) { return reachable(n) && n.primary; });
  out.galera = galera;
  add_check(out, "TargetPrimary",
            primary ? Status()
                    : fail(Code::kUnavailable,
                           "no node of \"" + target.name + "\" is part of a primary component",
                           "wait until the cluster has a quorum, or bootstrap it"));
  if (!primary) return out;
  if (not_the_source) {
    const bool same =
        galera && std::ranges::any_of(topology->nodes, [&](const NodeState& n) {
          return reachable(n) && n.galera && n.cluster_uuid == model.facts.cluster_uuid;
        });
    add_check(out, "NotTheSource",
              !same
                  ? Status()
                  : fail(Code::kInvalid,
                         "\"" + target.name + "\" is the cluster that the backup was taken from (" +
                             model.facts.cluster_uuid + ")",
                         "name another cluster in spec.targets"));
  }
  auto ranked = rank_donors(target, *topology);
  if (!ranked) {
    Error error = std::move(ranked).error();
    error.hint =
        "wait until one of them is Synced: a donor is, when it has caught up; one that was taken "
        "out by hand comes back by SET GLOBAL wsrep_desync = OFF";
    add_check(out, "TargetSynced", fail(std::move(error)));
    return out;
  }
  add_check(out, "TargetSynced", {});
  // Through the node that applications use: an event is enabled on the node alone that it was made
  // through.
  const auto active = std::find_if(ranked->begin(), ranked->end(), [&](const NodeState& node) {
    return node.address.text() == target.active_node;
  });
  const NodeState& chosen = active == ranked->end() ? ranked->front() : *active;
  out.node = chosen.address;
  out.cluster_size = chosen.cluster_size;
  out.version = chosen.version;
  add_check(out, "ServerVersion", check_version(chosen, model.facts));
  return out;
}

Status check_contents(Connection& connection, const InstanceModel& model,
                      const RestoreOptions& options, const Selection& selection, CheckedPlan& out) {
  const bool rows = options.content != Content::kGrants;
  Selection made = selection;
  if (!rows) made.schemas.clear();
  add_check(out, "Privileges", check_privileges(connection, model, options, made, out.version));

  std::vector<std::string> ignored;
  GB_TRY_ASSIGN(const std::vector<std::string> present, list_schemas(connection, ignored));
  out.quiet = options.block_traffic || present.empty();
  std::vector<std::string> in_the_way;
  for (const SelectedSchema& s : made.schemas) {
    const bool exists = std::find(present.begin(), present.end(), s.target) != present.end();
    if (exists && options.existing == Existing::kFail) in_the_way.push_back(s.target);
    GB_TRY(plan_schema(connection, s, exists, options.existing, out));
  }
  add_check(out, "Schemas",
            in_the_way.empty()
                ? Status()
                : fail(Code::kAlreadyExists, "the target already has " + some(in_the_way),
                       "use existing: Replace to drop and recreate them, or spec.rename to restore "
                       "beside them"));
  add_check(out, "Definers", check_definers(connection, model, options, made));
  if (out.galera) add_check(out, "SequenceCache", check_sequences(made));
  add_check(out, "Engines", check_engines(connection, made));
  add_check(out, "Functions", check_functions(connection, made));
  add_check(out, "PrimaryKeys", check_primary_keys(connection, made));
  add_check(out, "Encryption", check_encryption(connection, made));
  add_remarked(out, "ForeignServers",
               check_foreign_servers(connection, made,
                                     options.content == Content::kData ? std::vector<ServerObject>()
                                                                       : model.foreign_servers));
  add_remarked(out, "LibraryFunctions",
               check_library_functions(connection, model, made, out.plan.notes));
  add_remarked(out, "TableNames", check_table_names(connection, model.facts, made));
  if (options.content != Content::kData) {
    add_check(out, "LoginPlugins", check_login_plugins(connection, model.accounts));
    add_check(out, "Passwords", check_passwords(connection, model.accounts));
    add_check(out, "Proxies", check_proxies(connection, model.accounts));
  }
  add_check(out, "History", check_history(connection, made));
  add_check(out, "TimeZones", check_time_zones(connection, made));
  if (rows) add_remarked(out, "PageSize", check_pages(connection, model.facts, out));
  add_remarked(out, "FreeSpace", check_space(connection, out));
  add_remarked(out, "SchemaChanges", check_schema_changes(connection));
  if (!rows && model.accounts.empty())
    add_check(out, "Accounts",
              fail(Code::kInvalid, "the backup has no accounts",
                   "restore content: Data, or a backup that was taken with content: All"));
  if (options.content != Content::kData)
    GB_TRY(note_grants(model, selection, out.version, out.plan.notes));
  return add_notes(connection, model, made, out);
}

Status ready(const CheckedPlan& plan, const std::string& target) {
  for (std::size_t i = 0; i < plan.plan.preflight.size(); ++i) {
    const PreflightCheck& check = plan.plan.preflight[i];
    if (!check.passed)
      return fail(plan.codes[i], "nothing was changed on \"" + target + "\": the check " +
                                     check.check + " failed: " + check.message);
  }
  return {};
}

}  // namespace gb::galera
