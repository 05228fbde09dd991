// kubectl galera status [-A]
#pragma once

#include <string>

#include "cli/cluster.h"

namespace gb::cli {

struct StatusCommand {
  KubeFlags kube;
  bool all_namespaces = false;
  std::string output;  // json, yaml or empty: one screen
};

int run(const StatusCommand& command);

}  // namespace gb::cli
