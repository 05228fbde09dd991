// kubectl galera local …: backup and restore with a directory and a cluster, no Kubernetes
// anywhere.
//
// It drives the same rooms as the server and writes the same repository, so a directory made by
// hand can be served and a served one read by hand.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/exit_code.h"
#include "galera/endpoint.h"

namespace gb::cli {

struct GaleraFlags {
  std::vector<std::string> nodes;
  std::string active_node;
  std::string user = "root";
  std::string password_file;
  std::string tls_ca_file;  // given: TLS is required and verified
};

// Invalid when an address is none, or a file cannot be read.
Result<galera::Endpoint> endpoint_of(const GaleraFlags& flags);

struct LocalBackup {
  GaleraFlags galera;
  std::string store;
  std::string ns = "default";
  std::string name;  // empty: made from the time
  std::string instance = "galera";
  std::vector<std::string> databases;
  std::vector<std::string> exclude_databases;
  std::vector<std::string> exclude_tables;
  std::string content;
  std::string verification;
  std::string mariadbd;   // with Restore; empty: the one that is installed
  std::string scratch;    // where the scratch server lies; empty: with the temporary files
  std::string data_time;  // RFC 3339: of when the data of a server is that holds a copy
  unsigned threads = 4;
  std::string output;
};

struct LocalRestore {
  GaleraFlags galera;
  std::string store;
  std::string ns;        // empty: wherever the backup is
  std::string backup;    // a name or latest
  std::string instance;  // of the backup; empty: its only one
  std::vector<std::string> databases;
  std::vector<std::string> rename;  // a=b
  std::string existing = "Fail";
  bool grants = false;
  bool dry_run = false;
  bool safety_backup = true;
  bool block_traffic = true;
  unsigned threads = 4;
  std::string output;
};

struct LocalExport {
  std::string store;
  std::string ns;        // empty: wherever the backup is
  std::string backup;    // a name or latest
  std::string instance;  // of the backup; empty: its only one
  std::vector<std::string> databases;
  bool grants = false;
  std::string output;  // a file; "-": standard output
};

struct LocalDiff {
  GaleraFlags galera;
  std::string store;
  std::string ns;        // empty: wherever the backup is
  std::string backup;    // a name or latest
  std::string instance;  // of the backup; empty: its only one
  std::vector<std::string> databases;
  unsigned threads = 4;
  std::string output;
};

struct LocalList {
  std::string store;
  std::string ns;  // empty: all
  std::string output;
};

struct LocalCheck {
  std::string store;
  bool read_data = false;
  bool repair = false;
};

int run(const LocalBackup& command);
int run(const LocalRestore& command);
int run(const LocalExport& command);
int run(const LocalDiff& command);
int run(const LocalList& command);
int run(const LocalCheck& command);

}  // namespace gb::cli
