#include "cli/verify.h"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "api/text.h"
#include "api/types.h"
#include "cli/difference.h"
#include "cli/job.h"
#include "cli/output.h"
#include "cli/signals.h"

namespace gb::cli {
namespace {

using Outcome = tl::expected<api::Json, ExitCode>;

// The check is recorded when the answer comes: it is followed by looking at the object.
Result<api::Json> begin(const Cluster& cluster, const std::string& name,
                        const std::string& method) {
  Request request;
  request.method = "POST";
  request.path = cluster.path(api::kBackups, name, "verify");
  request.body = api::Json{{"method", method}}.dump();
  request.respond_async = true;
  return cluster.ask(request, interrupt_token());
}

std::optional<api::Json> check_at_work(const api::Json& object) {
  const api::Json& check = api::at_path(object, "status.check");
  if (api::text_member(check, "phase") != "Running") return std::nullopt;
  return check;
}

// The backup as it is when it has been checked, or, without `wait`, when that has begun.
Outcome check(const KubeFlags& flags, const std::string& named, const std::string& method,
              bool wait) {
  const auto object = parse_backup_name(named);
  if (!object) return tl::unexpected(failed(object.error()));
  const auto cluster = Cluster::open(flags);
  if (!cluster) return tl::unexpected(refused(cluster.error()));
  auto begun = begin(**cluster, object->name, method);
  if (!begun) return tl::unexpected(refused(begun.error()));
  if (!wait) return std::move(*begun);
  return follow(**cluster, flags, *object->type, std::move(*begun), check_at_work);
}

ExitCode exit_code_of(const std::string& phase) {
  if (phase == "Passed") return kDone;
  return phase == "Inconclusive" || phase == "Differs" ? kDegraded : kFailed;
}

}  // namespace

int run(const Verify& command) {
  const Outcome object = check(command.kube, command.name, command.method, command.wait);
  if (!object) return object.error();
  const api::Json& last = api::at_path(*object, "status.check");
  const std::string phase = api::text_member(last, "phase");
  if (!print_object(*object, command.output)) {
    const std::string message = printable(api::text_member(last, "message"));
    std::printf("%s: %s%s%s\n", full_name(*object).c_str(), phase.c_str(),
                message.empty() ? "" : ": ", message.c_str());
  }
  return command.wait ? exit_code_of(phase) : kDone;
}

int run(const Diff& command) {
  const Outcome object = check(command.kube, command.name, "Live", true);
  if (!object) return object.error();
  const api::Json& last = api::at_path(*object, "status.check");
  const std::string phase = api::text_member(last, "phase");
  if (phase != "Passed" && phase != "Differs")
    return refused(Error{Code::kUnavailable,
                         "it could not be compared: " + api::text_member(last, "message"),
                         {},
                         {},
                         {}});
  const api::Json& comparison = api::at_path(*object, "status.comparison");
  const std::string backup = api::text_member(api::member(*object, "metadata"), "name");
  const bool printed = print_object(comparison, command.output);
  for (const api::Json& instance : api::member(comparison, "instances")) {
    if (!printed) print_difference(instance);
    say_how_much_differs(instance, backup);
  }
  return exit_code_of(phase);
}

}  // namespace gb::cli
