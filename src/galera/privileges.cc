#include "galera/privileges.h"

#include "galera/sql_text.h"

namespace gb::galera {

Result<std::string> current_user(Connection& connection) {
  GB_TRY_ASSIGN(const Cell user, connection.scalar("SELECT CURRENT_USER()"));
  return user.value_or("@");
}

Result<std::set<std::string>> privileges(Connection& connection, const std::string& schema) {
  GB_TRY_ASSIGN(const std::string user, current_user(connection));
  const std::size_t at = user.rfind('@');  // a name may hold one, a host can not
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
