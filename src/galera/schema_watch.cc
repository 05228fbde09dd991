#include "galera/schema_watch.h"

#include <mysqld_error.h>

#include <array>
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

}  // namespace

Result<SchemaWatch::Sight> SchemaWatch::look(Connection& connection) {
  Sight out;
  GB_TRY_ASSIGN(const Rows counters,
                connection.query("SHOW GLOBAL STATUS WHERE Variable_name REGEXP "
                                 "'^Com_((create|alter|drop)_|rename_table$|truncate$)'"));
  for (const Row& row : counters.rows) {
    const std::string name = row.at(0).value_or("");
    const std::uint64_t count = std::strtoull(row.at(1).value_or("0").c_str(), nullptr, 10);
    if (!is_one_of(name, kHarmless)) out.changes += count;
    if (is_one_of(name, kMoves)) out.moves += count;
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
  GB_TRY_ASSIGN(Sight first, look(connection));
  return SchemaWatch(std::move(first));
}

Status SchemaWatch::after_definitions(Connection& connection) const {
  GB_TRY_ASSIGN(const Sight now, look(connection));
  if (now.changes == first_.changes && now.names == first_.names) return {};
  return changed("a schema was changed between the snapshot and the reading of the definitions");
}

Status SchemaWatch::after_rows(Connection& connection) const {
  GB_TRY_ASSIGN(const Sight now, look(connection));
  for (const auto& [id, name] : now.names)
    if (const auto before = first_.names.find(id);
        before != first_.names.end() && before->second != name)
      return changed("table " + before->second + " became " + name + " while the dump ran");
  if (now.moves == first_.moves) return {};
  return changed("a table was altered or renamed while the dump ran");
}

}  // namespace gb::galera
