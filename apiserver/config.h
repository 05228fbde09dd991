// The configuration file of galera-backup-apiserver (docs/configuration.md has every key).
//
// Reading is strict: an unknown key, a wrong type or a value out of range is an error that names
// the key, the file and the line, and nothing starts.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "jobs/configured_instances.h"
#include "kube/webhook.h"

namespace gb::apiserver {

// What the file says it is.
inline constexpr const char* kConfigApiVersion = "config.backup.rhoso.io/v1alpha1";
inline constexpr const char* kConfigKind = "ServerConfiguration";

struct ServingConfig {
  std::string bind_address = "0.0.0.0";
  std::uint16_t port = 8443;
  std::string cert_file;
  std::string key_file;
  std::string client_ca_file;
};

struct ClusterConfig {
  std::string kubeconfig;  // empty: the pod's service account
};

struct StandaloneConfig {
  std::vector<std::string> namespaces{"default"};
  std::string admin_group = "system:masters";
};

struct StoreConfig {
  std::string name;
  std::string path;
  std::string trash_retention = "336h";
};

struct LimitsConfig {
  unsigned in_flight_reads = 400;
  unsigned in_flight_writes = 200;
  unsigned parallel_backups = 2;
  std::uint64_t memory = std::uint64_t{512} << 20;
  std::vector<jobs::NamespaceQuota> namespaces;
};

// Where a backup with verification: Restore is restored.
struct VerificationConfig {
  std::string server;  // mariadbd; empty: the one that is installed
  std::string place;   // the folder that it lies in; empty: that for temporary files
  std::uint64_t memory = std::uint64_t{256} << 20;  // of InnoDB
};

struct Config {
  std::string file;
  ServingConfig serving;
  std::optional<ClusterConfig> cluster;  // absent: standalone
  StandaloneConfig standalone;
  std::vector<StoreConfig> stores;
  std::vector<jobs::ConfiguredInstance> instances;
  std::optional<kube::WebhookConfig> webhook;  // notifications.webhook
  VerificationConfig verification;
  LimitsConfig limits;
  log::Level log_level = log::Level::kInfo;
  log::Format log_format = log::Format::kJson;
};

// Reads and checks the text; `file` is for messages.
Result<Config> parse_config(const std::string& text, const std::string& file);
Result<Config> read_config(const std::string& file);
Result<log::Level> parse_log_level(const std::string& name);
[[nodiscard]] const char* log_level_name(log::Level level);
// Invalid when it is none that can be listened on; the message goes on behind the key's name.
Status check_bind_address(const std::string& address);

// Reads every file that the configuration names, and looks at every store's folder. The first
// problem.
Status check_files(const Config& config);

// What was understood, as YAML that reads back as the same; of the webhook's URL the path, which
// may be a secret, is left out.
[[nodiscard]] std::string describe(const Config& config);

}  // namespace gb::apiserver
