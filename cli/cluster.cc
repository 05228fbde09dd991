#include "cli/cluster.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "api/text.h"
#include "api/types.h"
#include "base/text.h"
#include "cli/output.h"

namespace gb::cli {
namespace {

constexpr const char* kLookAtService =
    "see whether it runs: kubectl get apiservice v1beta1.backup.rhoso.io; kubectl get pods -n "
    "galera-backup";

// What the server said, as a person should read it.
Error error_of(const http::ClientResponse& response) {
  const api::Json body = api::Json::parse(response.body, nullptr, /*allow_exceptions=*/false);
  Error error;
  const std::string reason = api::text_member(body, "reason");
  error.code = kube::code_of_answer(response.status, reason);
  error.message = api::text_member(body, "message");
  if (error.message.empty()) error.message = trim(response.body);
  if (error.message.empty())
    error.message = "the server answered " + std::to_string(response.status);
  if (error.code == Code::kUnauthenticated) {
    error.message = "you are not logged in to the cluster (" + error.message + ")";
    error.hint = "check the credentials of the kubeconfig, or log in again";
  } else if (response.status == 404 &&
             (!body.is_object() || api::member(body, "details").is_null())) {
    // About no object: the path itself is not known.
    error.hint = std::string("the cluster does not serve galera-backup's API; ") + kLookAtService;
  } else if (response.status == 503 && !api::member(body, "details").is_object()) {
    error.message = "galera-backup's server does not answer: " + error.message;
    error.hint = kLookAtService;
  }
  return error;
}

// `299 - "text"` without its escapes.
std::string warning_text(std::string_view header) {
  const std::size_t from = header.find('"');
  const std::size_t to = header.rfind('"');
  if (from == std::string_view::npos || to <= from) return std::string(header);
  std::string text;
  for (std::size_t i = from + 1; i < to; ++i) {
    if (header[i] == '\\' && i + 1 < to) ++i;
    text += header[i];
  }
  return text;
}

void print_warnings(const http::ClientResponse& response) {
  for (const auto& [name, value] : response.headers)
    if (to_lower(name) == "warning")
      std::fprintf(stderr, "Warning: %s\n", printable(warning_text(value)).c_str());
}

Error unreachable(Error error) {
  if (error.code == Code::kUnavailable && error.hint.empty())
    error.hint = "check that the cluster runs, and --context";
  return error;
}

bool success(const http::ClientResponse& response) {
  return response.status >= 200 && response.status <= 299;
}

}  // namespace

Result<std::unique_ptr<Cluster>> Cluster::open(const KubeFlags& flags) {
  GB_TRY_ASSIGN(kube::UserAccess access, kube::user_access(flags.kubeconfig));
  GB_TRY_ASSIGN(auto client, kube::KubeClient::make(std::move(access.cluster), "kubectl-galera"));
  return std::make_unique<Cluster>(std::move(client), flags.ns.empty() ? access.ns : flags.ns);
}

std::string Cluster::path(std::string_view resource, std::string_view name,
                          std::string_view sub) const {
  std::string path = std::string("/apis/") + api::kGroupVersion + "/namespaces/" +
                     percent_encode(ns_) + "/" + std::string(resource);
  if (!name.empty()) path += "/" + percent_encode(name);
  if (!sub.empty()) path += "/" + std::string(sub);
  return path;
}

Result<api::Json> Cluster::ask(const Request& request, std::stop_token stop) const {
  kube::Call call;
  call.method = request.method;
  call.path = request.path;
  call.timeout = request.timeout;
  call.body = request.body;
  if (request.respond_async) call.headers = {{"Prefer", "respond-async"}};
  auto response = client_->send(call, std::move(stop));
  if (!response) return fail(unreachable(std::move(response).error()));
  print_warnings(*response);
  if (!success(*response)) return fail(error_of(*response));
  api::Json body = api::Json::parse(response->body, nullptr, /*allow_exceptions=*/false);
  if (!body.is_object())
    return fail(Code::kUnavailable, "the server's answer is no JSON object",
                "check that the kubeconfig names a kube-apiserver");
  return body;
}

Result<api::Json> Cluster::get(const std::string& path, std::stop_token stop) const {
  Request request;
  request.path = path;
  return ask(request, std::move(stop));
}

Status Cluster::lines(const std::string& path, const std::function<void(std::string_view)>& on_line,
                      std::stop_token stop) const {
  auto response = client_->lines(
      path,
      [&](std::string_view line) {
        on_line(line);
        return true;
      },
      std::move(stop));
  if (!response) return fail(unreachable(std::move(response).error()));
  if (!success(*response)) return fail(error_of(*response));
  return {};
}

Result<ObjectName> parse_object_name(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view name = slash == std::string_view::npos ? "" : text.substr(slash + 1);
  std::string kind = to_lower(text.substr(0, slash));
  if (const std::string suffix = std::string(".") + api::kGroup; kind.ends_with(suffix))
    kind.resize(kind.size() - suffix.size());
  for (const char* plural : {api::kBackups, api::kRestores}) {
    const api::ResourceType& type = *api::find_resource(plural);
    const bool named = kind == type.plural || kind == type.singular ||
                       "galera" + kind == type.singular || "galera" + kind == type.plural ||
                       std::ranges::find(type.short_names, kind) != type.short_names.end();
    if (named && !name.empty()) return ObjectName{&type, std::string(name)};
  }
  return fail(Code::kInvalid, "\"" + std::string(text) + "\" names neither a backup nor a restore",
              "write backup/NAME or restore/NAME");
}

Result<ObjectName> parse_backup_name(std::string_view text) {
  const api::ResourceType& backups = *api::find_resource(api::kBackups);
  if (text.find('/') == std::string_view::npos) return ObjectName{&backups, std::string(text)};
  GB_TRY_ASSIGN(ObjectName object, parse_object_name(text));
  if (object.type == &backups) return object;
  return fail(Code::kInvalid, "\"" + std::string(text) + "\" is a restore, not a backup",
              "write NAME or backup/NAME");
}

std::string short_form(const api::ResourceType& type, std::string_view name) {
  return type.singular.substr(std::string_view("galera").size()) + "/" + std::string(name);
}

}  // namespace gb::cli
