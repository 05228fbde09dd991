// kubectl galera restore NAME --from BACKUP|latest, also kubectl create galerarestore NAME --from
// ….
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/job.h"

namespace gb::cli {

// What is empty or not set is left to the server.
struct Restore {
  JobFlags job;
  std::string name;
  std::string from;      // a backup's name, or latest; or
  std::string as_of;     // the newest backup whose snapshot is not later than this time; or
  std::string schedule;  // the newest backup of this schedule,
  bool follow = false;   // and every one that comes after it
  std::string source_namespace;
  std::vector<std::string> instances;
  std::vector<std::string> targets;  // a=b
  std::vector<std::string> databases;
  std::vector<std::string> rename;  // a=b
  std::string content;
  std::string existing;
  bool safety_backup = true;
  bool block_traffic = true;
  std::string verification;
  std::optional<unsigned> threads;
};

// metadata.name and spec. Invalid: a pair that is none.
[[nodiscard]] Result<api::Json> to_object(const Restore& command);
int run(const Restore& command);

}  // namespace gb::cli
