#include "kube/cluster_access.h"

#include <charconv>
#include <cstdlib>

namespace gb::kube {
namespace {

constexpr const char* kServiceAccount = "/var/run/secrets/kubernetes.io/serviceaccount";

Status parse_port(std::string_view text, std::uint16_t& port) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port == 0)
    return fail(Code::kInvalid, "\"" + std::string(text) + "\" is not a port");
  return {};
}

}  // namespace

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

Result<ClusterAccess> in_cluster_access() {
  const char* host = std::getenv("KUBERNETES_SERVICE_HOST");
  const char* port = std::getenv("KUBERNETES_SERVICE_PORT");
  if (host == nullptr || port == nullptr)
    return fail(
        Code::kInvalid,
        "this is not a pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set",
        "set cluster.kubeconfig to the path of a kubeconfig file, or serve standalone");
  ClusterAccess access;
  access.host = host;
  GB_TRY(parse_port(port, access.port));
  access.ca_file = std::string(kServiceAccount) + "/ca.crt";
  access.token_file = std::string(kServiceAccount) + "/token";
  return access;
}

}  // namespace gb::kube
