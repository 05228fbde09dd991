#include "cli/backup.h"

#include <nlohmann/json.hpp>

#include "api/types.h"
#include "cli/spec.h"

namespace gb::cli {

api::Json to_object(const Backup& command) {
  api::Json spec = {{"databaseInstances", command.instances}};
  set_list(spec, "databases", command.databases);
  set_list(spec, "excludeDatabases", command.exclude_databases);
  set_list(spec, "excludeTables", command.exclude_tables);
  set_text(spec, "content", command.content);
  set_text(spec, "store", command.store);
  set_text(spec, "ttl", command.ttl);
  if (command.hold) spec["hold"] = true;
  set_text(spec, "verification", command.verification);
  set_text(spec, "activeDeadline", command.active_deadline);
  if (command.threads) spec["threads"] = *command.threads;
  return {{"metadata", {{"name", command.name}}}, {"spec", std::move(spec)}};
}

int run(const Backup& command) {
  return create_job(command.job, *api::find_resource(api::kBackups), to_object(command));
}

}  // namespace gb::cli
