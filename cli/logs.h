// kubectl galera logs backup/NAME|restore/NAME [-f]
#pragma once

#include <optional>
#include <string>

#include "cli/cluster.h"

namespace gb::cli {

struct Logs {
  KubeFlags kube;
  std::string object;
  bool follow = false;
  std::optional<unsigned> tail;
};

int run(const Logs& command);

}  // namespace gb::cli
