#include "cli/difference.h"

#include <cstdint>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "api/text.h"
#include "cli/output.h"

namespace gb::cli {
namespace {

std::string count(const api::Json& table, const char* what) {
  const api::Json& number = api::member(table, what);
  return number.is_number_unsigned() ? std::to_string(number.get<std::uint64_t>())
                                     : std::string("-");
}

void print_left_out(const api::Json& comparison, const char* field, const char* what) {
  if (const std::uint64_t more = api::number_member(comparison, field); more > 0)
    std::printf("… and %ju %s more\n", static_cast<std::uintmax_t>(more), what);
}

}  // namespace

void print_difference(const api::Json& comparison) {
  std::vector<Row> rows;
  for (const api::Json& table : api::member(comparison, "tables")) {
    const std::string state = api::text_member(table, "state");
    rows.push_back(
        {printable(api::text_member(table, "schema") + "." + api::text_member(table, "table")),
         state, count(table, "backupRows"),
         // Not counted, but what the server's statistics say.
         (state == "OnlyLive" ? "~" : "") + count(table, "liveRows"), count(table, "added"),
         count(table, "changed"), count(table, "removed")});
  }
  if (!rows.empty())
    print_table({"TABLE", "STATE", "BACKUP ROWS", "LIVE ROWS", "ADDED", "CHANGED", "REMOVED"},
                rows);
  print_left_out(comparison, "moreTables", "tables");
  for (const api::Json& change : api::member(comparison, "definitions"))
    std::printf("%s\n", printable(change.get<std::string>()).c_str());
  print_left_out(comparison, "moreDefinitions", "definitions");
}

void say_how_much_differs(const api::Json& comparison, const std::string& backup) {
  const std::uint64_t same = api::number_member(comparison, "equalTables");
  const std::uint64_t all = same + api::number_member(comparison, "differentTables");
  std::fprintf(stderr, "%ju of %ju tables of %s are as in backup \"%s\"%s\n",
               static_cast<std::uintmax_t>(same), static_cast<std::uintmax_t>(all),
               api::text_member(comparison, "node").c_str(), backup.c_str(),
               api::member(comparison, "definitions").empty() ? "" : "; definitions differ");
}

}  // namespace gb::cli
