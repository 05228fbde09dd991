#include "cli/action.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "api/types.h"
#include "cli/output.h"
#include "cli/signals.h"

namespace gb::cli {
namespace {

// A job that is being stopped may need some seconds; kube-apiserver gives a call a minute.
constexpr std::chrono::seconds kTimeout{70};

// Asks for the subresource of an object, and says that it is `done`.
int act(const KubeFlags& kube, const ObjectName& object, const char* sub, const api::Json& body,
        bool dry_run, const std::string& output, const char* done) {
  const auto cluster = Cluster::open(kube);
  if (!cluster) return refused(cluster.error());
  Request request;
  request.method = "POST";
  request.path =
      (*cluster)->path(object.type->plural, object.name, sub) + (dry_run ? "?dryRun=All" : "");
  request.body = body.dump();
  request.timeout = kTimeout;
  const auto answer = (*cluster)->ask(request, interrupt_token());
  if (!answer) return refused(answer.error());
  if (!print_object(*answer, output))
    std::printf("%s %s%s\n", full_name(*answer).c_str(), done, dry_run ? " (server dry run)" : "");
  return kDone;
}

}  // namespace

int run(const Cancel& command) {
  const auto object = parse_object_name(command.object);
  if (!object) return failed(object.error());
  return act(command.kube, *object, "cancel", api::Json::object(), command.dry_run, command.output,
             "cancelled");
}

int run(const Undelete& command) {
  const auto object = parse_backup_name(command.name);
  if (!object) return failed(object.error());
  api::Json body = api::Json::object();
  if (!command.uid.empty()) body["uid"] = command.uid;
  return act(command.kube, *object, "undelete", body, command.dry_run, command.output, "undeleted");
}

}  // namespace gb::cli
