// kubectl galera backup NAME --instance I…, also kubectl create galerabackup NAME --instance I….
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/job.h"

namespace gb::cli {

// What is empty or not set is left to the server.
struct Backup {
  JobFlags job;
  std::string name;
  std::vector<std::string> instances;
  std::vector<std::string> databases;
  std::vector<std::string> exclude_databases;
  std::vector<std::string> exclude_tables;
  std::string content;
  std::string store;
  std::string ttl;
  bool hold = false;
  std::string verification;
  std::string active_deadline;
  std::optional<unsigned> threads;
};

// metadata.name and spec.
[[nodiscard]] api::Json to_object(const Backup& command);
int run(const Backup& command);

}  // namespace gb::cli
