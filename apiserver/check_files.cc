#include <unistd.h>

#include <filesystem>

#include "apiserver/config.h"
#include "apiserver/files.h"
#include "base/watched_file.h"
#include "galera/scratch_server.h"
#include "http/client_authorities.h"
#include "http/tls.h"

namespace gb::apiserver {

namespace fs = std::filesystem;

Result<std::string> read_named_file(const std::string& key, const std::string& path) {
  auto text = read_file(path);
  if (!text) return wrap(key, text.error());
  return text;
}

Result<http::KeyPair> read_key_pair(const ServingConfig& serving) {
  GB_TRY_ASSIGN(std::string certificate, read_named_file("serving.certFile", serving.cert_file));
  GB_TRY_ASSIGN(std::string key, read_named_file("serving.keyFile", serving.key_file));
  return http::KeyPair{std::move(certificate), std::move(key)};
}

Status check_files(const Config& config) {
  if (!config.serving.cert_file.empty()) {
    GB_TRY_ASSIGN(const http::KeyPair pair, read_key_pair(config.serving));
    if (const auto context = http::TlsContext::server(pair); !context)
      return wrap("serving.certFile and serving.keyFile", context.error());
  }
  const auto check_ca = [](const std::string& key, const std::string& path) -> Status {
    if (path.empty()) return {};
    GB_TRY_ASSIGN(const std::string pem, read_named_file(key, path));
    if (const auto bundle = http::ClientAuthorities::parse(pem); !bundle)
      return wrap(key + ": " + path, bundle.error());
    return {};
  };
  GB_TRY(check_ca("serving.clientCAFile", config.serving.client_ca_file));
  if (config.cluster && !config.cluster->kubeconfig.empty())
    GB_TRY(read_named_file("cluster.kubeconfig", config.cluster->kubeconfig));
  if (config.webhook) {
    constexpr const char* kKey = "notifications.webhook.secretFile";
    GB_TRY_ASSIGN(const std::string secret, read_named_file(kKey, config.webhook->secret_file));
    if (const auto key = kube::parse_webhook_secret(secret); !key)
      return wrap(std::string(kKey) + ": " + config.webhook->secret_file, key.error());
    GB_TRY(check_ca("notifications.webhook.caFile", config.webhook->ca_file));
  }
  if (const std::string& server = config.verification.server; !server.empty())
    if (const auto programs = galera::find_server_programs(server, {}); !programs)
      return wrap("verification.server", programs.error());
  if (const std::string& place = config.verification.place; !place.empty()) {
    std::error_code error;
    if (!fs::is_directory(place, error) || ::access(place.c_str(), W_OK | X_OK) != 0)
      return fail(Code::kInvalid, "verification.place: " + place + " cannot be used",
                  "it must be a folder that this program may write into");
  }
  for (const StoreConfig& store : config.stores) {
    std::error_code error;
    const fs::path path(store.path);
    const bool there = fs::is_directory(path, error);
    const fs::path must_be_writable = there ? path : path.parent_path();
    if ((!there && fs::exists(path, error)) || ::access(must_be_writable.c_str(), W_OK | X_OK) != 0)
      return fail(
          Code::kInvalid,
          "stores: the folder " + store.path + " of store \"" + store.name + "\" cannot be used",
          "it must be a folder that this program may write into");
  }
  for (const jobs::ConfiguredInstance& instance : config.instances) {
    const std::string key = "instances: " + instance.ns + "/" + instance.endpoint.name;
    if (const auto password = jobs::read_password_file(instance.password_file); !password)
      return wrap(key + ": passwordFile", password.error());
    GB_TRY(check_ca(key + ": tls.caFile", instance.endpoint.tls_ca_file));
  }
  return {};
}

}  // namespace gb::apiserver
