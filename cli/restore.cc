#include "cli/restore.h"

#include <nlohmann/json.hpp>

#include "api/types.h"
#include "cli/output.h"
#include "cli/spec.h"

namespace gb::cli {

Result<api::Json> to_object(const Restore& command) {
  api::Json spec = api::Json::object();
  set_text(spec, "backup", command.from);
  set_text(spec, "asOf", command.as_of);
  set_text(spec, "schedule", command.schedule);
  if (command.follow) spec["follow"] = true;
  set_text(spec, "sourceNamespace", command.source_namespace);
  set_list(spec, "databaseInstances", command.instances);
  GB_TRY_ASSIGN(const StringMap targets, parse_pairs("--target", command.targets));
  if (!targets.empty()) spec["targets"] = targets;
  set_list(spec, "databases", command.databases);
  GB_TRY_ASSIGN(const StringMap rename, parse_pairs("--rename", command.rename));
  if (!rename.empty()) spec["rename"] = rename;
  set_text(spec, "content", command.content);
  set_text(spec, "existing", command.existing);
  if (!command.safety_backup) spec["safetyBackup"] = false;
  if (!command.block_traffic) spec["blockTraffic"] = false;
  set_text(spec, "verification", command.verification);
  if (command.threads) spec["threads"] = *command.threads;
  return api::Json{{"metadata", {{"name", command.name}}}, {"spec", std::move(spec)}};
}

int run(const Restore& command) {
  auto object = to_object(command);
  if (!object) return failed(object.error());
  JobFlags job = command.job;
  // It has no end that could be waited for.
  if (command.follow) job.wait = false;
  return create_job(job, *api::find_resource(api::kRestores), std::move(*object));
}

}  // namespace gb::cli
