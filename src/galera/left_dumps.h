// The dumps that OpenStack's mariadb-operator (OSK) leaves on the volume of a GaleraBackup: found
// by their names, and read to their end, since its job also kept what broke off.
//
// A run of its CronJob leaves two files, by mariadb-dump and by SHOW GRANTS:
//   <word>_backup_<stamp>.sql.gz         every schema with an InnoDB table; no routines, no events
//   <word>_backup-grants_<stamp>.sql.gz  the accounts but root, one GRANT a line
// with .tmp behind both until it ends. <word> was the instance at first; newer releases write
// "openstack" whatever the instance is. <stamp> is the time (UTC) or what the user set for it.
//
// Thread safety: functions, from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "galera/gzip_file.h"
#include "galera/sql_script.h"

namespace gb::galera {

struct LeftDump {
  std::string file;              // its name in the folder
  std::string path;              // with the folder
  std::string word;              // what its name begins with
  std::string stamp;             // as it stands in the name
  std::optional<WallTime> time;  // of the stamp, when that is a time
  std::uint64_t bytes = 0;       // of the file
  std::string grants_path;       // empty: there is none
};

struct LeftDumps {
  std::vector<LeftDump> dumps;           // by time, then by name; those without a time first
  std::vector<std::string> unfinished;   // names with .tmp: their job runs, or died
  std::vector<std::string> lone_grants;  // names whose dump is not there
};

// Whether the word in a file's name may be another instance's than its own.
[[nodiscard]] bool word_says_nothing(std::string_view word);

// "2026-11-20_02-00-00"; no value for any other text.
[[nodiscard]] std::optional<WallTime> time_of_stamp(std::string_view stamp);

// NotFound: no such folder. Invalid: it cannot be read. A folder without dumps is no error.
Result<LeftDumps> find_left_dumps(const std::string& folder);

struct DumpFacts {
  std::uint64_t sql_bytes = 0;
  std::string server_version;     // of the server that was dumped: "10.11.6-MariaDB"
  std::optional<WallTime> ended;  // what its last line says, by the clock of who dumped
};

// Reads a dump to its end. Corruption says what is wrong with it: no gzip, damaged, truncated,
// empty, or without the line that mariadb-dump writes when it succeeded. NotFound, Invalid: it can
// not be read. Cancelled.
Result<DumpFacts> check_dump(const std::string& path, const GzipFile::Tap& tap,
                             const std::stop_token& stop);
// The same for a file of grants, which has no such last line: each of its lines is a whole
// statement of the kinds that SHOW GRANTS prints.
Status check_grants(const std::string& path, const std::stop_token& stop);

// A view over another one is refused where the definer of that one is no account: OSK leaves root
// out of the grants, and grants may be left out altogether. Makes that account, locked and with all
// privileges, by what the server said when it refused; its name, quoted, or no value when the
// refusal was for another reason. For a scratch server only.
Result<std::optional<std::string>> make_missing_definer(Connection& connection, unsigned number,
                                                        const std::string& refusal);

// The text of a gzip file, for a script.
[[nodiscard]] SqlScript::Reader text_of(GzipFile file);
// The same for a file of grants: OSK's client escaped backslashes and line breaks, as it does for
// tables.
[[nodiscard]] SqlScript::Reader grants_text_of(GzipFile file);

}  // namespace gb::galera
