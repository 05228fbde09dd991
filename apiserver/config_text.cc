// The configuration as text again: one function for each section of config.cc, in the same shape,
// so that what --check-config prints can be read back.
#include <yaml-cpp/yaml.h>

#include "apiserver/config.h"
#include "base/text.h"

namespace gb::apiserver {
namespace {

void pair(YAML::Emitter& out, const char* key, const auto& value) {
  out << YAML::Key << key << YAML::Value << value;
}

// A value that may be left empty, and what counts then.
void pair_or(YAML::Emitter& out, const char* key, const std::string& value, const char* otherwise) {
  pair(out, key, value);
  if (value.empty()) out << YAML::Comment(otherwise);
}

void list(YAML::Emitter& out, const char* key, const auto& values) {
  out << YAML::Key << key << YAML::Value << YAML::Flow
      << std::vector<std::string>(values.begin(), values.end());
}

void begin(YAML::Emitter& out, const char* key) {
  out << YAML::Key << key << YAML::Value << YAML::BeginMap;
}

void write_serving(YAML::Emitter& out, const ServingConfig& serving) {
  begin(out, "serving");
  pair(out, "bindAddress", serving.bind_address);
  pair(out, "port", serving.port);
  pair_or(out, "certFile", serving.cert_file, "a self-signed one, made in memory");
  pair(out, "keyFile", serving.key_file);
  pair(out, "clientCAFile", serving.client_ca_file);
  out << YAML::EndMap;
}

void write_mode(YAML::Emitter& out, const Config& config) {
  if (config.cluster) {
    begin(out, "cluster");
    pair_or(out, "kubeconfig", config.cluster->kubeconfig, "the pod's service account");
  } else {
    begin(out, "standalone");
    list(out, "namespaces", config.standalone.namespaces);
    pair(out, "adminGroup", config.standalone.admin_group);
  }
  out << YAML::EndMap;
}

void write_stores(YAML::Emitter& out, const std::vector<StoreConfig>& stores) {
  out << YAML::Key << "stores" << YAML::Value << YAML::BeginSeq;
  for (const StoreConfig& store : stores) {
    out << YAML::BeginMap;
    pair(out, "name", store.name);
    begin(out, "filesystem");
    pair(out, "path", store.path);
    out << YAML::EndMap;
    pair(out, "trashRetention", store.trash_retention);
    out << YAML::EndMap;
  }
  out << YAML::EndSeq;
}

void write_instances(YAML::Emitter& out, const std::vector<jobs::ConfiguredInstance>& instances) {
  out << YAML::Key << "instances" << YAML::Value << YAML::BeginSeq;
  for (const jobs::ConfiguredInstance& instance : instances) {
    const galera::Endpoint& endpoint = instance.endpoint;
    std::vector<std::string> nodes;
    nodes.reserve(endpoint.nodes.size());
    for (const galera::Address& node : endpoint.nodes) nodes.push_back(node.text());
    out << YAML::BeginMap;
    pair(out, "namespace", instance.ns);
    pair(out, "name", endpoint.name);
    list(out, "nodes", nodes);
    pair(out, "activeNode", endpoint.active_node);
    pair(out, "user", endpoint.user);
    pair(out, "passwordFile", instance.password_file);
    begin(out, "tls");
    pair(out, "mode", endpoint.tls == galera::TlsMode::kRequired ? "Required" : "Disabled");
    pair(out, "caFile", endpoint.tls_ca_file);
    out << YAML::EndMap << YAML::EndMap;
  }
  out << YAML::EndSeq;
}

void write_webhook(YAML::Emitter& out, const kube::WebhookConfig& webhook) {
  begin(out, "notifications");
  begin(out, "webhook");
  // The path is a secret with some receivers.
  const auto target = kube::parse_webhook_url(webhook.url);
  pair(out, "url", target ? "https://" + target->receiver() + "/(hidden)" : "(hidden)");
  pair_or(out, "caFile", webhook.ca_file, "the system's authorities");
  pair(out, "secretFile", webhook.secret_file);
  list(out, "events", webhook.events);
  list(out, "namespaces", webhook.namespaces);
  out << YAML::EndMap << YAML::EndMap;
}

void write_verification(YAML::Emitter& out, const VerificationConfig& verification) {
  begin(out, "verification");
  pair_or(out, "server", verification.server, "the one that is installed");
  pair_or(out, "place", verification.place, "the folder for temporary files");
  pair(out, "memory", to_quantity(verification.memory));
  out << YAML::EndMap;
}

void write_limits(YAML::Emitter& out, const LimitsConfig& limits) {
  begin(out, "limits");
  pair(out, "inFlightReads", limits.in_flight_reads);
  pair(out, "inFlightWrites", limits.in_flight_writes);
  pair(out, "parallelBackups", limits.parallel_backups);
  pair(out, "memory", to_quantity(limits.memory));
  out << YAML::Key << "namespaces" << YAML::Value << YAML::BeginSeq;
  for (const jobs::NamespaceQuota& quota : limits.namespaces) {
    out << YAML::BeginMap;
    pair(out, "namespace", quota.ns);
    pair(out, "backups", quota.backups);
    pair(out, "size", to_quantity(quota.bytes));
    pair(out, "parallelBackups", quota.parallel_backups);
    out << YAML::EndMap;
  }
  out << YAML::EndSeq << YAML::EndMap;
}

void write_log(YAML::Emitter& out, const Config& config) {
  begin(out, "log");
  pair(out, "level", log_level_name(config.log_level));
  pair(out, "format", config.log_format == log::Format::kJson ? "json" : "text");
  out << YAML::EndMap;
}

}  // namespace

std::string describe(const Config& config) {
  YAML::Emitter out;
  out << YAML::BeginMap;
  pair(out, "apiVersion", kConfigApiVersion);
  pair(out, "kind", kConfigKind);
  write_serving(out, config.serving);
  write_mode(out, config);
  write_stores(out, config.stores);
  write_instances(out, config.instances);
  if (config.webhook) write_webhook(out, *config.webhook);
  write_verification(out, config.verification);
  write_limits(out, config.limits);
  write_log(out, config);
  out << YAML::EndMap;
  return std::string(out.c_str()) + "\n";
}

}  // namespace gb::apiserver
