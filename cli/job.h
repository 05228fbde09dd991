// A backup or restore in the cluster: create its object, follow it, say how it ended.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <tl/expected.hpp>

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

// What is going on of an object, as a status that Progress shows; nothing when that has ended.
using AtWork = std::function<std::optional<api::Json>(const api::Json& object)>;

// Shows how far the work on an object is until it has ended: the object then. Else how to end,
// after the user was told why.
tl::expected<api::Json, ExitCode> follow(const Cluster& cluster, const KubeFlags& flags,
                                         const api::ResourceType& type, api::Json object,
                                         const AtWork& at_work);

// `object` is all but its namespace. kDone when it is Completed (or created, without wait), kFailed
// when it failed or could not be created, kInterrupted when the user no longer waits for it: the
// job goes on.
ExitCode create_job(const JobFlags& flags, const api::ResourceType& type, api::Json object);

}  // namespace gb::cli
