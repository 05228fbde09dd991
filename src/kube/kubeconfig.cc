#include "kube/kubeconfig.h"

#include <yaml-cpp/yaml.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "base/watched_file.h"

namespace gb::kube {
namespace {

constexpr const char* kPodNamespace = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

struct Document {
  std::string path;
  YAML::Node root;
};
// A cluster, user or context, and the file that it stands in.
struct Entry {
  std::string path;
  YAML::Node node;
};

std::string text_at(const YAML::Node& node, const char* key) {
  if (!node.IsMap()) return {};
  const YAML::Node value = node[key];
  return value && value.IsScalar() ? value.Scalar() : std::string();
}

bool flag_at(const YAML::Node& node, const char* key) {
  return text_at(node, key) == "true";
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : value;
}

std::vector<std::string> candidates(const KubeconfigChoice& choice) {
  if (!choice.file.empty()) return {choice.file};
  std::vector<std::string> files;
  for (const std::string& file : split(environment("KUBECONFIG"), ':'))
    if (!file.empty()) files.push_back(file);
  if (const std::string home = environment("HOME"); files.empty() && !home.empty())
    files.push_back(home + "/.kube/config");
  return files;
}

Result<std::vector<Document>> load(const KubeconfigChoice& choice) {
  std::vector<Document> documents;
  for (const std::string& file : candidates(choice)) {
    std::error_code ignored;
    if (choice.file.empty() && !std::filesystem::exists(file, ignored)) continue;
    GB_TRY_ASSIGN(const std::string text, read_file(file));
    try {
      documents.push_back({file, YAML::Load(text)});
    } catch (const YAML::Exception& error) {
      return fail(Code::kInvalid, "kubeconfig " + file + ": " + error.what());
    }
  }
  return documents;
}

std::vector<std::string> names_in(const std::vector<Document>& documents, const char* list) {
  std::vector<std::string> names;
  for (const Document& document : documents)
    for (const YAML::Node& entry : document.root[list]) names.push_back(text_at(entry, "name"));
  return names;
}

// The entry with this name of the first file that has one.
Result<Entry> named(const std::vector<Document>& documents, const char* list, const char* kind,
                    const std::string& name) {
  for (const Document& document : documents)
    for (const YAML::Node& entry : document.root[list])
      if (text_at(entry, "name") == name)
        return Entry{document.path, entry[kind] ? entry[kind] : YAML::Node()};
  const std::vector<std::string> there = names_in(documents, list);
  return fail(Code::kInvalid, std::string("there is no ") + kind + " \"" + name + "\" in it",
              there.empty() ? "" : "there is: " + join(there, ", "));
}

Result<std::string> decoded(const YAML::Node& node, const char* key) {
  auto text = from_base64(text_at(node, key));
  if (!text) return fail(Code::kInvalid, std::string(key) + " is not base64");
  return text;
}

std::string file_at(const Entry& entry, const char* key) {
  std::string file = text_at(entry.node, key);
  if (file.empty() || file.front() == '/') return file;
  return (std::filesystem::path(entry.path).parent_path() / file).string();
}

Status refuse_unsupported(const YAML::Node& cluster, const YAML::Node& user) {
  constexpr const char* kInstead = "give a client certificate, a token, a tokenFile or exec";
  if (flag_at(cluster, "insecure-skip-tls-verify"))
    return fail(Code::kInvalid, "insecure-skip-tls-verify is set: the server is always verified",
                "give certificate-authority or certificate-authority-data instead");
  if (!text_at(cluster, "proxy-url").empty())
    return fail(Code::kInvalid, "proxy-url is not supported");
  if (user.IsMap() && user["auth-provider"])
    return fail(Code::kInvalid, "auth-provider plugins are not supported", kInstead);
  if (!text_at(user, "username").empty())
    return fail(Code::kInvalid, "basic authentication is not supported", kInstead);
  return {};
}

// spec.cluster of the ExecCredential that a plugin gets which asks for it.
std::string cluster_for_plugin(const YAML::Node& cluster, const ClusterAccess& access) {
  nlohmann::json json = {{"server", text_at(cluster, "server")}};
  if (!access.server_name.empty()) json["tls-server-name"] = access.server_name;
  std::string ca = access.ca_pem;
  if (const auto file = read_file(access.ca_file); ca.empty() && file) ca = *file;
  if (!ca.empty()) json["certificate-authority-data"] = to_base64(as_bytes(ca));
  return json.dump();
}

Result<ExecPlugin> exec_plugin(const Entry& user, const YAML::Node& cluster,
                               const ClusterAccess& access) {
  const YAML::Node exec = user.node["exec"];
  ExecPlugin plugin;
  plugin.api_version = text_at(exec, "apiVersion");
  plugin.command = text_at(exec, "command");
  // Like a path, and unlike a name that the PATH is searched for.
  if (plugin.command.find('/') != std::string::npos && plugin.command.front() != '/')
    plugin.command = (std::filesystem::path(user.path).parent_path() / plugin.command).string();
  if (plugin.command.empty()) return fail(Code::kInvalid, "exec names no command");
  if (plugin.api_version != "client.authentication.k8s.io/v1" &&
      plugin.api_version != "client.authentication.k8s.io/v1beta1")
    return fail(Code::kInvalid,
                "exec plugins of apiVersion \"" + plugin.api_version + "\" are not supported",
                "set it to client.authentication.k8s.io/v1 or v1beta1");
  for (const YAML::Node& argument : exec["args"]) plugin.arguments.push_back(argument.Scalar());
  for (const YAML::Node& variable : exec["env"])
    plugin.environment.emplace_back(text_at(variable, "name"), text_at(variable, "value"));
  plugin.install_hint = text_at(exec, "installHint");
  const std::string mode = text_at(exec, "interactiveMode");
  plugin.may_ask = mode != "Never";
  plugin.must_ask = mode == "Always";
  if (flag_at(exec, "provideClusterInfo"))
    plugin.cluster_json = cluster_for_plugin(cluster, access);
  return plugin;
}

void impersonate(const KubeconfigChoice& choice, const YAML::Node& user, ClusterAccess& access) {
  const std::string as = choice.as.empty() ? text_at(user, "as") : choice.as;
  if (as.empty() && choice.as_groups.empty()) return;
  access.headers.emplace_back("Impersonate-User", as);
  for (const std::string& group : choice.as_groups)
    access.headers.emplace_back("Impersonate-Group", group);
  if (!choice.as.empty()) return;
  if (choice.as_groups.empty())
    for (const YAML::Node& group : user["as-groups"])
      access.headers.emplace_back("Impersonate-Group", group.Scalar());
  if (const std::string uid = text_at(user, "as-uid"); !uid.empty())
    access.headers.emplace_back("Impersonate-Uid", uid);
  for (const auto& extra : user["as-user-extra"])
    for (const YAML::Node& value : extra.second)
      access.headers.emplace_back("Impersonate-Extra-" + percent_encode(extra.first.Scalar()),
                                  value.Scalar());
}

Result<UserAccess> chosen(const std::vector<Document>& documents, const KubeconfigChoice& choice) {
  std::string context_name = choice.context;
  for (const Document& document : documents)
    if (context_name.empty()) context_name = text_at(document.root, "current-context");
  Entry context;
  if (!context_name.empty()) {
    GB_TRY_ASSIGN(context, named(documents, "contexts", "context", context_name));
  } else if (choice.cluster.empty()) {
    return fail(Code::kInvalid, "it sets no current-context",
                "choose one: kubectl config use-context NAME, or --context NAME");
  }
  const std::string cluster_name =
      choice.cluster.empty() ? text_at(context.node, "cluster") : choice.cluster;
  GB_TRY_ASSIGN(const Entry cluster, named(documents, "clusters", "cluster", cluster_name));
  Entry user;
  const std::string user_name = choice.user.empty() ? text_at(context.node, "user") : choice.user;
  if (!user_name.empty()) {
    GB_TRY_ASSIGN(user, named(documents, "users", "user", user_name));
  }
  GB_TRY(refuse_unsupported(cluster.node, user.node));
  UserAccess result;
  result.ns = text_at(context.node, "namespace");
  if (result.ns.empty()) result.ns = "default";
  ClusterAccess& access = result.cluster;
  GB_TRY(parse_server(text_at(cluster.node, "server"), access));
  access.server_name = text_at(cluster.node, "tls-server-name");
  GB_TRY_ASSIGN(access.ca_pem, decoded(cluster.node, "certificate-authority-data"));
  if (access.ca_pem.empty()) access.ca_file = file_at(cluster, "certificate-authority");
  GB_TRY_ASSIGN(access.certificate_pem, decoded(user.node, "client-certificate-data"));
  if (access.certificate_pem.empty()) access.certificate_file = file_at(user, "client-certificate");
  GB_TRY_ASSIGN(access.key_pem, decoded(user.node, "client-key-data"));
  if (access.key_pem.empty()) access.key_file = file_at(user, "client-key");
  access.token = text_at(user.node, "token");
  if (access.token.empty()) access.token_file = file_at(user, "tokenFile");
  if (user.node.IsMap() && user.node["exec"]) {
    GB_TRY_ASSIGN(access.exec, exec_plugin(user, cluster.node, access));
  }
  impersonate(choice, user.node, access);
  return result;
}

Result<UserAccess> pod_access(const KubeconfigChoice& choice) {
  auto access = in_cluster_access();
  if (!access)
    return fail(Code::kInvalid, "there is no kubeconfig at " + join(candidates(choice), ", "),
                "name one with --kubeconfig FILE, or set KUBECONFIG");
  UserAccess result{std::move(*access), "default"};
  if (const auto ns = read_file(kPodNamespace); ns && !trim(*ns).empty()) result.ns = trim(*ns);
  impersonate(choice, YAML::Node(), result.cluster);
  return result;
}

}  // namespace

Result<UserAccess> user_access(const KubeconfigChoice& choice) {
  GB_TRY_ASSIGN(const std::vector<Document> documents, load(choice));
  if (documents.empty()) return pod_access(choice);
  std::vector<std::string> paths;
  for (const Document& document : documents) paths.push_back(document.path);
  const std::string where = "kubeconfig " + join(paths, ":");
  try {
    auto access = chosen(documents, choice);
    if (!access) return wrap(where, std::move(access).error());
    return access;
  } catch (const YAML::Exception& error) {
    return fail(Code::kInvalid, where + ": " + error.what());
  }
}

Result<ClusterAccess> read_kubeconfig(const std::string& path) {
  KubeconfigChoice choice;
  choice.file = path;
  GB_TRY_ASSIGN(UserAccess access, user_access(choice));
  return std::move(access.cluster);
}

Result<std::vector<std::string>> context_names(const KubeconfigChoice& choice) {
  GB_TRY_ASSIGN(const std::vector<Document> documents, load(choice));
  try {
    return names_in(documents, "contexts");
  } catch (const YAML::Exception& error) {
    return fail(Code::kInvalid, error.what());
  }
}

}  // namespace gb::kube
