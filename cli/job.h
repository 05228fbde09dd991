// A backup or restore in the cluster: create its object, follow it, say how it ended.
#pragma once

#include <string>

#include "api/schema.h"
#include "cli/cluster.h"
#include "cli/exit_code.h"

namespace gb::cli {

struct JobFlags {
  KubeFlags kube;
  std::string output;  // json, yaml, name or empty
  bool wait = true;
  std::string dry_run = "none";  // none, client or server
};

// `object` is all but its namespace. kDone when it is Completed (or created, without wait), kFailed
// when it failed or could not be created, kInterrupted when the user no longer waits for it: the
// job goes on.
ExitCode create_job(const JobFlags& flags, const api::ResourceType& type, api::Json object);

}  // namespace gb::cli
