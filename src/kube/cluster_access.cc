#include "kube/cluster_access.h"

#include <yaml-cpp/yaml.h>

#include <charconv>
#include <cstdlib>
#include <filesystem>

#include "base/text.h"
#include "base/watched_file.h"

namespace gb::kube {
namespace {

constexpr const char* kServiceAccount = "/var/run/secrets/kubernetes.io/serviceaccount";

std::string text_at(const YAML::Node& node, const char* key) {
  const YAML::Node value = node[key];
  return value && value.IsScalar() ? value.Scalar() : std::string();
}

// The `cluster`, `user` or `context` of the entry with this name.
Result<YAML::Node> named(const YAML::Node& root, const char* list, const char* kind,
                         const std::string& name) {
  for (const YAML::Node& entry : root[list])
    if (text_at(entry, "name") == name) return entry[kind];
  return fail(Code::kInvalid, std::string("there is no ") + kind + " \"" + name + "\" in it");
}

Status parse_port(std::string_view text, std::uint16_t& port) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port == 0)
    return fail(Code::kInvalid, "\"" + std::string(text) + "\" is no port");
  return {};
}

// "https://host:port/path".
Status parse_server(std::string_view url, ClusterAccess& access) {
  constexpr std::string_view kScheme = "https://";
  if (!url.starts_with(kScheme))
    return fail(Code::kInvalid, "the server \"" + std::string(url) + "\" is not an https:// URL");
  url.remove_prefix(kScheme.size());
  const std::size_t slash = url.find('/');
  std::string_view authority = url.substr(0, slash);
  if (slash != std::string_view::npos) access.base_path = url.substr(slash);
  while (access.base_path.ends_with('/')) access.base_path.pop_back();
  std::size_t colon = authority.rfind(':');
  if (authority.starts_with('[')) {
    const std::size_t bracket = authority.find(']');
    if (bracket == std::string_view::npos)
      return fail(Code::kInvalid, "the server's address lacks a \"]\"");
    access.host = authority.substr(1, bracket - 1);
    colon = authority.find(':', bracket);
  } else {
    access.host = authority.substr(0, colon);
  }
  if (access.host.empty()) return fail(Code::kInvalid, "the server's URL names no host");
  if (colon != std::string_view::npos) return parse_port(authority.substr(colon + 1), access.port);
  return {};
}

Result<std::string> decoded(const YAML::Node& node, const char* key) {
  const std::string data = text_at(node, key);
  auto text = from_base64(data);
  if (!text) return fail(Code::kInvalid, std::string(key) + " is not base64");
  return text;
}

std::string beside(const std::string& config, const std::string& file) {
  if (file.empty() || file.front() == '/') return file;
  return (std::filesystem::path(config).parent_path() / file).string();
}

Status refuse_unsupported(const YAML::Node& cluster, const YAML::Node& user) {
  if (text_at(cluster, "insecure-skip-tls-verify") == "true")
    return fail(Code::kInvalid, "insecure-skip-tls-verify is set: the server is always verified",
                "give certificate-authority or certificate-authority-data instead");
  if (!text_at(cluster, "proxy-url").empty())
    return fail(Code::kInvalid, "proxy-url is not supported");
  for (const char* key : {"exec", "auth-provider"})
    if (user[key])
      return fail(Code::kInvalid, std::string(key) + " plugins are not supported",
                  "give a client certificate, a token or a tokenFile");
  if (!text_at(user, "username").empty())
    return fail(Code::kInvalid, "basic authentication is not supported",
                "give a client certificate, a token or a tokenFile");
  return {};
}

Result<ClusterAccess> parse_kubeconfig(const std::string& path, const YAML::Node& root) {
  const std::string context_name = text_at(root, "current-context");
  if (context_name.empty()) return fail(Code::kInvalid, "it sets no current-context");
  GB_TRY_ASSIGN(const YAML::Node context, named(root, "contexts", "context", context_name));
  GB_TRY_ASSIGN(const YAML::Node cluster,
                named(root, "clusters", "cluster", text_at(context, "cluster")));
  YAML::Node user;
  if (const std::string name = text_at(context, "user"); !name.empty()) {
    GB_TRY_ASSIGN(user, named(root, "users", "user", name));
  }
  GB_TRY(refuse_unsupported(cluster, user));
  ClusterAccess access;
  GB_TRY(parse_server(text_at(cluster, "server"), access));
  access.server_name = text_at(cluster, "tls-server-name");
  GB_TRY_ASSIGN(access.ca_pem, decoded(cluster, "certificate-authority-data"));
  if (access.ca_pem.empty())
    access.ca_file = beside(path, text_at(cluster, "certificate-authority"));
  GB_TRY_ASSIGN(access.certificate_pem, decoded(user, "client-certificate-data"));
  if (access.certificate_pem.empty())
    access.certificate_file = beside(path, text_at(user, "client-certificate"));
  GB_TRY_ASSIGN(access.key_pem, decoded(user, "client-key-data"));
  if (access.key_pem.empty()) access.key_file = beside(path, text_at(user, "client-key"));
  access.token = text_at(user, "token");
  if (access.token.empty()) access.token_file = beside(path, text_at(user, "tokenFile"));
  return access;
}

}  // namespace

Result<ClusterAccess> read_kubeconfig(const std::string& path) {
  GB_TRY_ASSIGN(const std::string text, read_file(path));
  try {
    auto access = parse_kubeconfig(path, YAML::Load(text));
    if (!access) return wrap("kubeconfig " + path, std::move(access).error());
    return access;
  } catch (const YAML::Exception& error) {
    return fail(Code::kInvalid, "kubeconfig " + path + ": " + error.what());
  }
}

Result<ClusterAccess> in_cluster_access() {
  const char* host = std::getenv("KUBERNETES_SERVICE_HOST");
  const char* port = std::getenv("KUBERNETES_SERVICE_PORT");
  if (host == nullptr || port == nullptr)
    return fail(Code::kInvalid,
                "this is no pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set",
                "set cluster.kubeconfig to the path of a kubeconfig file, or serve standalone");
  ClusterAccess access;
  access.host = host;
  GB_TRY(parse_port(port, access.port));
  access.ca_file = std::string(kServiceAccount) + "/ca.crt";
  access.token_file = std::string(kServiceAccount) + "/token";
  return access;
}

}  // namespace gb::kube
