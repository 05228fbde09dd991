#include "galera/privileges.h"

#include <array>

#include "galera/server_version.h"
#include "galera/sql_text.h"

namespace gb::galera {
namespace {

// What MariaDB took out of SUPER, and the series that did.
struct Taken {
  std::string_view privilege;
  const char* series;
};
constexpr std::array<Taken, 9> kTaken{{{"READ_ONLY ADMIN", "10.11"},
                                       {"SET USER", "11.0"},
                                       {"FEDERATED ADMIN", "11.0"},
                                       {"CONNECTION ADMIN", "11.0"},
                                       {"REPLICATION SLAVE ADMIN", "11.0"},
                                       {"BINLOG ADMIN", "11.0"},
                                       {"BINLOG REPLAY", "11.0"},
                                       {"REPLICA MONITOR", "11.0"},
                                       {"REPLICATION MASTER ADMIN", "11.0"}}};

}  // namespace

bool super_includes(std::string_view privilege, const std::string& version) {
  for (const Taken& taken : kTaken)
    if (taken.privilege == privilege) return is_newer_series(taken.series, version);
  return false;
}

std::vector<std::string> taken_from_super(const std::string& from, const std::string& to) {
  std::vector<std::string> out;
  for (const Taken& taken : kTaken)
    if (super_includes(taken.privilege, from) && !super_includes(taken.privilege, to))
      out.emplace_back(taken.privilege);
  return out;
}

Result<std::string> current_user(Connection& connection) {
  GB_TRY_ASSIGN(const Cell user, connection.scalar("SELECT CURRENT_USER()"));
  return user.value_or("@");
}

Result<std::set<std::string>> privileges(Connection& connection, const std::string& schema) {
  GB_TRY_ASSIGN(const std::string user, current_user(connection));
  const std::size_t at = user.rfind('@');  // a name may hold one, a host cannot
  const std::string grantee = "'" + user.substr(0, at) + "'@'" + user.substr(at + 1) + "'";
  // A user who may read mysql sees everybody's rows. A role's grantee is its bare name.
  const std::string mine =
      " WHERE GRANTEE IN (" + quote_text(grantee) +
      ", IFNULL(CURRENT_ROLE(), ''), CONCAT('\\'', IFNULL(CURRENT_ROLE(), ''), "
      "'\\'@\\'\\''))";
  std::string sql =
      "SELECT PRIVILEGE_TYPE, IS_GRANTABLE FROM information_schema.USER_PRIVILEGES" + mine;
  if (!schema.empty())  // the name of a grant is a pattern, by the rules of LIKE
    sql += " UNION SELECT PRIVILEGE_TYPE, 'NO' FROM information_schema.SCHEMA_PRIVILEGES" + mine +
           " AND " + quote_text(schema) + " LIKE TABLE_SCHEMA";
  GB_TRY_ASSIGN(const Rows rows, connection.query(sql));
  std::set<std::string> out;
  for (const Row& row : rows.rows) {
    out.insert(row.at(0).value_or(""));
    if (row.at(1) == Cell("YES")) out.insert("GRANT OPTION");
  }
  return out;
}

}  // namespace gb::galera
