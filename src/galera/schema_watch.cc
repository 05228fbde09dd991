#include "galera/schema_watch.h"

#include <mysqld_error.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>
#include <utility>

namespace gb::galera {
namespace {

bool is_one_of(std::string_view name, const auto& names) {
  for (const std::string_view one : names)
    if (name == one) return true;
  return false;
}

constexpr std::array<std::string_view, 2> kMoves = {"Com_alter_table", "Com_rename_table"};
constexpr std::array<std::string_view, 3> kRemakes = {"Com_truncate", "Com_drop_table",
                                                      "Com_create_table"};
// They change no definition that a dump reads in its snapshot's name.
constexpr std::array<std::string_view, 10> kHarmless = {"Com_create_temporary_table",
                                                        "Com_drop_temporary_table",
                                                        "Com_create_user",
                                                        "Com_alter_user",
                                                        "Com_drop_user",
                                                        "Com_create_role",
                                                        "Com_drop_role",
                                                        "Com_create_server",
                                                        "Com_alter_server",
                                                        "Com_drop_server"};

Status changed(const std::string& what) {
  return fail(Code::kConflict, what,
              "the dump starts again; make no schema changes for its duration");
}

// Whether a part of a name as InnoDB has it may stand for this one. It writes letters beyond ASCII
// and signs as "@" and a number: those are taken for each other.
bool may_stand_for(std::string_view written, const std::string& name) {
  if (written == name) return true;
  const bool is_plain = std::ranges::all_of(
      name, [](unsigned char c) { return c == '_' || (c < 0x80 && std::isalnum(c) != 0); });
  return !is_plain && written.find('@') != std::string_view::npos;
}

// `written`: "nova/instances", or "nova/instances#P#p0" of a partition.
bool may_be_of(std::string_view written, const TableName& table) {
  const std::size_t slash = written.find('/');
  if (slash == std::string_view::npos) return false;
  const std::string_view of = written.substr(slash + 1);
  const std::size_t end = std::min(of.find("#P#"), of.find("#p#"));
  return may_stand_for(written.substr(0, slash), table.first) &&
         may_stand_for(of.substr(0, end), table.second);
}

}  // namespace

Status compare_around_rows(const SchemaSight& before, const SchemaSight& after,
                           const std::vector<TableName>& ended_empty) {
  for (const auto& [id, name] : after.names) {
    const auto known = before.names.find(id);
    if (known != before.names.end() && known->second != name)
      return changed("table " + known->second + " became " + name + " while the dump ran");
    if (known != before.names.end()) continue;
    for (const TableName& table : ended_empty)
      if (may_be_of(name, table))
        return changed("table " + table.first + "." + table.second +
                       " was emptied or made anew while the dump ran");
  }
  if (after.moves != before.moves)
    return changed("a table was altered or renamed while the dump ran");
  // Which one is not known, then.
  if (after.names.empty() && !ended_empty.empty() && after.remakes != before.remakes)
    return changed("a table was emptied or made anew while the dump ran");
  return {};
}

Result<SchemaSight> SchemaWatch::look(Connection& connection) {
  SchemaSight out;
  GB_TRY_ASSIGN(const Rows counters,
                connection.query("SHOW GLOBAL STATUS WHERE Variable_name REGEXP "
                                 "'^Com_((create|alter|drop)_|rename_table$|truncate$)'"));
  for (const Row& row : counters.rows) {
    const std::string name = row.at(0).value_or("");
    const std::uint64_t count = std::strtoull(row.at(1).value_or("0").c_str(), nullptr, 10);
    if (!is_one_of(name, kHarmless)) out.changes += count;
    if (is_one_of(name, kMoves)) out.moves += count;
    if (is_one_of(name, kRemakes)) out.remakes += count;
  }
  // A statement is counted when it begins: one that had begun before the first look and ended after
  // it shows here.
  auto tables = connection.query("SELECT TABLE_ID, NAME FROM information_schema.INNODB_SYS_TABLES");
  if (!tables && connection.last_errno() == ER_SPECIFIC_ACCESS_DENIED_ERROR) return out;
  if (!tables) return fail(std::move(tables).error());
  for (const Row& row : tables->rows) out.names[row.at(0).value_or("")] = row.at(1).value_or("");
  return out;
}

Result<SchemaWatch> SchemaWatch::begin(Connection& connection) {
  GB_TRY_ASSIGN(SchemaSight first, look(connection));
  return SchemaWatch(std::move(first));
}

Status SchemaWatch::after_definitions(Connection& connection) const {
  GB_TRY_ASSIGN(const SchemaSight now, look(connection));
  if (now.changes == first_.changes && now.names == first_.names) return {};
  return changed("a schema was changed between the snapshot and the reading of the definitions");
}

Status SchemaWatch::after_rows(Connection& connection,
                               const std::vector<TableName>& ended_empty) const {
  GB_TRY_ASSIGN(const SchemaSight now, look(connection));
  return compare_around_rows(first_, now, ended_empty);
}

}  // namespace gb::galera
