// kubectl galera local adopt: the dumps that OSK's GaleraBackup left become backups of a
// repository.
//
// Each is checked to its end, loaded into a scratch server and backed up from there as any instance
// is: what comes out is a backup like every other, whose snapshot is of the dump's time. What is
// damaged is told and never adopted; what was adopted before is left alone.
#pragma once

#include <string>
#include <vector>

namespace gb::cli {

// The marks of an adopted backup.
inline constexpr const char* kAdoptedLabel = "backup.rhoso.io/adopted";  // "true"
inline constexpr const char* kAdoptedFile = "backup.rhoso.io/adopted-file";
inline constexpr const char* kAdoptedSha256 = "backup.rhoso.io/adopted-sha256";  // of the file
// What the dump says of the server that it was taken from.
inline constexpr const char* kAdoptedVersion = "backup.rhoso.io/adopted-server-version";

struct LocalAdopt {
  std::string from;   // the folder with the dumps
  std::string store;  // may be empty with dry_run
  std::string ns = "default";
  std::string instance;           // empty: by the files' names
  std::vector<std::string> only;  // globs on the files' names; empty: all
  std::string content;            // Data leaves the grants out
  std::string ttl;
  std::string mariadbd;  // empty: the one that is installed
  std::string scratch;   // where the scratch server lies; empty: with the temporary files
  bool dry_run = false;  // list and check
  unsigned threads = 4;
  std::string output;
};

// The name of the backup of an instance whose dump has this stamp in its name and is of this time
// ("2026-11-20T02:00:00Z" as to_rfc3339 writes it).
[[nodiscard]] std::string adopted_name(const std::string& instance, const std::string& stamp,
                                       bool stamp_is_time, const std::string& time);

// kDone: all are adopted, now or before. kDegraded: the same, but for damaged ones. kFailed: one
// could not be adopted, and why.
int run(const LocalAdopt& command);

}  // namespace gb::cli
