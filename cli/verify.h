// kubectl galera verify backup/NAME, and diff backup/NAME: the subresource verify, followed to its
// end.
#pragma once

#include <string>

#include "cli/cluster.h"

namespace gb::cli {

struct Verify {
  KubeFlags kube;
  std::string name;  // of a backup; backup/NAME is the same
  std::string method = "Checksum";
  std::string output;
  bool wait = true;
};

struct Diff {
  KubeFlags kube;
  std::string name;
  std::string output;
};

// kDone: Passed; kFailed: Failed; kDegraded: nothing was found out.
int run(const Verify& command);
// kDone: nothing differs; kDegraded: something does; kFailed: it could not be compared.
int run(const Diff& command);

}  // namespace gb::cli
