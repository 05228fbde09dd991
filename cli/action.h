// kubectl galera cancel backup/NAME|restore/NAME, and undelete NAME.
#pragma once

#include <string>

#include "cli/cluster.h"

namespace gb::cli {

struct Cancel {
  KubeFlags kube;
  std::string object;
  std::string output;
  bool dry_run = false;
};

struct Undelete {
  KubeFlags kube;
  std::string name;  // of a backup; backup/NAME is the same
  std::string uid;   // of several deleted ones this one; empty: the newest
  std::string output;
  bool dry_run = false;
};

int run(const Cancel& command);
int run(const Undelete& command);

}  // namespace gb::cli
