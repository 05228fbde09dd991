#include "apiserver/config.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <set>
#include <sstream>

#include "base/text.h"
#include "base/watched_file.h"
#include "http/tls.h"

namespace gb::apiserver {
namespace {

constexpr std::array<std::pair<const char*, log::Level>, 4> kLogLevels{
    {{"debug", log::Level::kDebug},
     {"info", log::Level::kInfo},
     {"warn", log::Level::kWarn},
     {"error", log::Level::kError}}};

// One mapping of the file that is being read: remembers the first error, so that reading is a list
// of plain calls, and knows which keys were asked for, so that the rest is unknown.
class Section {
 public:
  Section(const YAML::Node& node, std::string path, std::string file, std::optional<Error>& error)
      : node_(node), path_(std::move(path)), file_(std::move(file)), error_(error) {
    if (node_.IsDefined() && !node_.IsNull() && !node_.IsMap())
      report(node_, path_, "must be a mapping", "");
  }

  [[nodiscard]] bool has(const std::string& key) {
    known_.insert(key);
    return node_.IsMap() && node_[key].IsDefined();
  }

  void text(const std::string& key, std::string& value) {
    if (const YAML::Node n = scalar(key); n.IsDefined()) value = n.Scalar();
  }

  void number(const std::string& key, std::uint64_t min, std::uint64_t max, auto& value) {
    const YAML::Node n = scalar(key);
    if (!n.IsDefined()) return;
    std::uint64_t number = 0;
    if (!YAML::convert<std::uint64_t>::decode(n, number) || number < min || number > max)
      report(n, name(key),
             "must be a whole number from " + std::to_string(min) + " to " + std::to_string(max) +
                 ", not \"" + n.Scalar() + "\"",
             "");
    else
      value = static_cast<std::remove_reference_t<decltype(value)>>(number);
  }

  void texts(const std::string& key, std::vector<std::string>& values) {
    known_.insert(key);
    const YAML::Node n = child(key);
    if (!n.IsDefined()) return;
    if (!n.IsSequence()) return report(n, name(key), "must be a list", "");
    values.clear();
    for (const auto& item : n) {
      if (!item.IsScalar()) return report(item, name(key), "must be a list of strings", "");
      values.push_back(item.Scalar());
    }
  }

  [[nodiscard]] Section section(const std::string& key) {
    known_.insert(key);
    return {child(key), name(key), file_, error_};
  }

  [[nodiscard]] std::vector<Section> sections(const std::string& key) {
    known_.insert(key);
    std::vector<Section> list;
    const YAML::Node n = child(key);
    if (!n.IsDefined() || n.IsNull()) return list;
    if (!n.IsSequence()) {
      report(n, name(key), "must be a list", "");
      return list;
    }
    for (std::size_t i = 0; i < n.size(); ++i)
      list.emplace_back(n[i], name(key) + "[" + std::to_string(i) + "]", file_, error_);
    return list;
  }

  void refuse(const std::string& key, const std::string& what, const std::string& hint) {
    known_.insert(key);
    const YAML::Node n = child(key);
    report(n.IsDefined() ? n : node_, key.empty() ? path_ : name(key), what, hint);
  }

  // Called last: whatever was not asked for is a mistake.
  void no_other_keys() {
    if (!node_.IsMap()) return;
    for (const auto& entry : node_) {
      const std::string key = entry.first.Scalar();
      if (known_.contains(key)) continue;
      report(entry.first, name(key), "is not a known key",
             "known here: " + join({known_.begin(), known_.end()}, ", "));
    }
  }

  [[nodiscard]] std::string name(const std::string& key) const {
    return path_.empty() ? key : path_ + "." + key;
  }

 private:
  // A key that is absent gives yaml-cpp's "zombie" node, which throws at almost every use: an
  // undefined one of our own does not.
  [[nodiscard]] YAML::Node child(const std::string& key) const {
    YAML::Node found(YAML::NodeType::Undefined);
    if (node_.IsMap() && node_[key].IsDefined()) found.reset(node_[key]);
    return found;
  }

  [[nodiscard]] YAML::Node scalar(const std::string& key) {
    known_.insert(key);
    YAML::Node n = child(key);
    if (!n.IsDefined() || n.IsNull()) return YAML::Node(YAML::NodeType::Undefined);
    if (!n.IsScalar()) {
      report(n, name(key), "must be a single value", "");
      return YAML::Node(YAML::NodeType::Undefined);
    }
    return n;
  }

  void report(const YAML::Node& where, const std::string& key, const std::string& what,
              const std::string& hint) {
    if (error_) return;
    const int line = where.IsDefined() ? where.Mark().line + 1 : 1;
    error_ = Error{Code::kInvalid, file_ + ":" + std::to_string(line) + ": " + key + " " + what,
                   hint, std::nullopt, nullptr};
  }

  YAML::Node node_;
  std::string path_;
  std::string file_;
  std::optional<Error>& error_;
  std::set<std::string> known_;
};

void read_serving(Section section, ServingConfig& serving) {
  section.text("bindAddress", serving.bind_address);
  if (const Status usable = check_bind_address(serving.bind_address); !usable)
    section.refuse("bindAddress", usable.error().message, usable.error().hint);
  section.number("port", 1, 65535, serving.port);
  section.text("certFile", serving.cert_file);
  section.text("keyFile", serving.key_file);
  section.text("clientCAFile", serving.client_ca_file);
  if (serving.cert_file.empty() != serving.key_file.empty())
    section.refuse(serving.cert_file.empty() ? "keyFile" : "certFile",
                   serving.cert_file.empty() ? "is set without certFile" : "is set without keyFile",
                   "name both certFile and keyFile, or neither");
  section.no_other_keys();
}

void read_store(Section section, std::vector<StoreConfig>& stores) {
  StoreConfig store;
  section.text("name", store.name);
  if (store.name.empty()) section.refuse("name", "is missing", "every store has a name");
  for (const StoreConfig& other : stores)
    if (other.name == store.name)
      section.refuse("name", "\"" + store.name + "\" is taken by another store", "");
  if (section.has("s3"))
    section.refuse("s3", "is not available in this release", "use filesystem: {path: …}");
  Section filesystem = section.section("filesystem");
  filesystem.text("path", store.path);
  filesystem.no_other_keys();
  if (store.path.empty() || store.path.front() != '/')
    filesystem.refuse("", "needs an absolute path", "filesystem: {path: /var/lib/galera-backup}");
  Section encryption = section.section("encryption");
  std::string key_file;
  encryption.text("keyFile", key_file);
  if (!key_file.empty() || encryption.has("secretRef"))
    encryption.refuse(key_file.empty() ? "secretRef" : "keyFile",
                      "is not available in this release",
                      "leave it empty, and encrypt the volume below the store");
  encryption.no_other_keys();
  section.text("trashRetention", store.trash_retention);
  if (const auto duration = parse_duration(store.trash_retention); !duration)
    section.refuse("trashRetention", "is not a duration: " + duration.error().text(), "");
  section.no_other_keys();
  stores.push_back(std::move(store));
}

void read_instance(Section section, std::vector<jobs::ConfiguredInstance>& instances) {
  jobs::ConfiguredInstance instance;
  section.text("namespace", instance.ns);
  section.text("name", instance.endpoint.name);
  for (const auto& [key, value] :
       {std::pair{"namespace", instance.ns}, std::pair{"name", instance.endpoint.name}})
    if (value.empty()) section.refuse(key, "is missing", "every instance has one");
  for (const jobs::ConfiguredInstance& other : instances)
    if (other.ns == instance.ns && other.endpoint.name == instance.endpoint.name)
      section.refuse("name",
                     "\"" + instance.endpoint.name + "\" is defined twice in this namespace", "");
  std::vector<std::string> nodes;
  section.texts("nodes", nodes);
  if (nodes.empty()) section.refuse("nodes", "is missing", "nodes: [\"10.0.0.1:3306\", …]");
  for (const std::string& node : nodes) {
    if (auto address = jobs::parse_address(node))
      instance.endpoint.nodes.push_back(std::move(*address));
    else
      section.refuse("nodes", "has a bad entry: " + address.error().message, address.error().hint);
  }
  section.text("activeNode", instance.endpoint.active_node);
  if (!instance.endpoint.active_node.empty()) {
    if (const auto address = jobs::parse_address(instance.endpoint.active_node);
        !address || std::find(instance.endpoint.nodes.begin(), instance.endpoint.nodes.end(),
                              *address) == instance.endpoint.nodes.end())
      section.refuse("activeNode", "\"" + instance.endpoint.active_node + "\" is none of the nodes",
                     "write it as it stands in nodes");
    else
      instance.endpoint.active_node = address->text();
  }
  section.text("user", instance.endpoint.user);
  section.text("passwordFile", instance.password_file);
  if (instance.password_file.empty())
    section.refuse("passwordFile", "is missing", "a file whose first line is the password");
  Section tls = section.section("tls");
  std::string mode = "Disabled";
  tls.text("mode", mode);
  tls.text("caFile", instance.endpoint.tls_ca_file);
  if (mode == "Required")
    instance.endpoint.tls = galera::TlsMode::kRequired;
  else if (mode != "Disabled")
    tls.refuse("mode", "must be Disabled or Required, not \"" + mode + "\"", "");
  tls.no_other_keys();
  section.no_other_keys();
  instances.push_back(std::move(instance));
}

void read_quota(Section section, std::vector<jobs::NamespaceQuota>& quotas) {
  jobs::NamespaceQuota quota;
  section.text("namespace", quota.ns);
  if (quota.ns.empty())
    section.refuse("namespace", "is missing", "name one, or \"*\" for every other");
  for (const jobs::NamespaceQuota& other : quotas)
    if (other.ns == quota.ns || other.ns == "*")
      section.refuse("namespace",
                     "\"" + quota.ns + "\" would never count: the entry for \"" + other.ns +
                         "\" stands before it",
                     "one entry a namespace, \"*\" last");
  section.number("backups", 0, 1000000, quota.backups);
  section.number("parallelBackups", 0, 64, quota.parallel_backups);
  std::string size;
  section.text("size", size);
  if (!size.empty()) {
    if (const auto bytes = parse_quantity(size))
      quota.bytes = *bytes;
    else
      section.refuse("size", "must be a quantity, such as 500Gi, not \"" + size + "\"", "");
  }
  section.no_other_keys();
  quotas.push_back(std::move(quota));
}

// What may be asked for: the reasons of Events that tell of a failure.
void read_events(Section& webhook, std::set<std::string>& events) {
  const std::set<std::string> known = events;
  std::vector<std::string> wanted(known.begin(), known.end());
  webhook.texts("events", wanted);
  if (wanted.empty())
    webhook.refuse("events", "is empty: nothing would be sent", "leave it out: all are sent then");
  for (const std::string& event : wanted)
    if (!known.contains(event))
      webhook.refuse("events", "has no \"" + event + "\"",
                     "known: " + join({known.begin(), known.end()}, ", "));
  events = {wanted.begin(), wanted.end()};
}

void read_notifications(Section section, Config& config) {
  if (section.has("webhook")) {
    kube::WebhookConfig& webhook = config.webhook.emplace();
    Section read = section.section("webhook");
    read.text("url", webhook.url);
    if (const auto target = kube::parse_webhook_url(webhook.url); !target)
      read.refuse("url", target.error().message, target.error().hint);
    read.text("caFile", webhook.ca_file);
    read.text("secretFile", webhook.secret_file);
    if (webhook.secret_file.empty())
      read.refuse("secretFile", "is missing", "a file with the key by which messages are signed");
    read_events(read, webhook.events);
    std::vector<std::string> namespaces;
    read.texts("namespaces", namespaces);
    webhook.namespaces = {namespaces.begin(), namespaces.end()};
    read.no_other_keys();
  }
  section.no_other_keys();
}

void read_limits(Section section, LimitsConfig& limits) {
  section.number("inFlightReads", 1, 100000, limits.in_flight_reads);
  section.number("inFlightWrites", 1, 100000, limits.in_flight_writes);
  section.number("parallelBackups", 1, 64, limits.parallel_backups);
  std::string memory;
  section.text("memory", memory);
  if (!memory.empty()) {
    if (const auto bytes = parse_quantity(memory); bytes && *bytes >= (std::uint64_t{128} << 20))
      limits.memory = *bytes;
    else
      section.refuse("memory", "must be a quantity of at least 128Mi, not \"" + memory + "\"", "");
  }
  for (Section& quota : section.sections("namespaces")) read_quota(quota, limits.namespaces);
  section.no_other_keys();
}

void read_verification(Section section, VerificationConfig& verification) {
  for (const auto& [key, value] :
       {std::pair{"server", &verification.server}, std::pair{"place", &verification.place}}) {
    section.text(key, *value);
    if (!value->empty() && value->front() != '/')
      section.refuse(key, "needs an absolute path, not \"" + *value + "\"", "");
  }
  std::string memory;
  section.text("memory", memory);
  if (!memory.empty()) {
    if (const auto bytes = parse_quantity(memory); bytes && *bytes >= (std::uint64_t{32} << 20))
      verification.memory = *bytes;
    else
      section.refuse("memory", "must be a quantity of at least 32Mi, not \"" + memory + "\"", "");
  }
  section.no_other_keys();
}

void read_log(Section section, Config& config) {
  std::string level = "info";
  std::string format = "json";
  section.text("level", level);
  section.text("format", format);
  if (const auto parsed = parse_log_level(level))
    config.log_level = *parsed;
  else
    section.refuse("level", "is wrong: " + parsed.error().message, parsed.error().hint);
  if (format == "text")
    config.log_format = log::Format::kText;
  else if (format != "json")
    section.refuse("format", "must be json or text, not \"" + format + "\"", "");
  section.no_other_keys();
}

void read_all(Section& top, Config& config) {
  std::string api_version;
  std::string kind;
  top.text("apiVersion", api_version);
  top.text("kind", kind);
  if (api_version != kConfigApiVersion)
    top.refuse("apiVersion", std::string("must be ") + kConfigApiVersion, "");
  if (kind != kConfigKind) top.refuse("kind", std::string("must be ") + kConfigKind, "");
  read_serving(top.section("serving"), config.serving);
  if (top.has("cluster")) {
    config.cluster.emplace();
    Section cluster = top.section("cluster");
    cluster.text("kubeconfig", config.cluster->kubeconfig);
    cluster.no_other_keys();
    if (top.has("standalone"))
      top.refuse("standalone", "cannot be combined with cluster",
                 "keep one: cluster for a server behind kube-apiserver, standalone for one alone");
  }
  Section standalone = top.section("standalone");
  standalone.texts("namespaces", config.standalone.namespaces);
  standalone.text("adminGroup", config.standalone.admin_group);
  standalone.no_other_keys();
  if (!config.cluster && config.serving.client_ca_file.empty())
    top.refuse("serving", "needs clientCAFile in the standalone mode",
               "users prove who they are by a certificate of that authority; or add cluster:");
  for (Section& store : top.sections("stores")) read_store(store, config.stores);
  if (config.stores.empty()) top.refuse("stores", "names no store", "at least one is needed");
  for (Section& instance : top.sections("instances")) read_instance(instance, config.instances);
  read_notifications(top.section("notifications"), config);
  read_verification(top.section("verification"), config.verification);
  read_limits(top.section("limits"), config.limits);
  read_log(top.section("log"), config);
  top.no_other_keys();
}

}  // namespace

Result<log::Level> parse_log_level(const std::string& name) {
  for (const auto& [known, level] : kLogLevels)
    if (name == known) return level;
  return fail(Code::kInvalid, "\"" + name + "\" is not a log level",
              "use debug, info, warn or error");
}

const char* log_level_name(log::Level level) {
  return std::ranges::find(kLogLevels, level, &std::pair<const char*, log::Level>::second)->first;
}

Status check_bind_address(const std::string& address) {
  if (http::is_address(address)) return {};
  return fail(Code::kInvalid, "must be an IP address, not \"" + address + "\"",
              "0.0.0.0 or :: for every address of this machine, 127.0.0.1 for clients on it alone");
}

Result<Config> parse_config(const std::string& text, const std::string& file) {
  Config config;
  config.file = file;
  YAML::Node root;
  try {
    root = YAML::Load(text);
  } catch (const YAML::Exception& e) {
    return fail(Code::kInvalid, file + ":" + std::to_string(e.mark.line + 1) + ": " + e.msg,
                "the file must be YAML");
  }
  std::optional<Error> error;
  try {
    Section top(root, "", file, error);
    read_all(top, config);
  } catch (const YAML::Exception& e) {
    return fail(Code::kInvalid, file + ":" + std::to_string(e.mark.line + 1) + ": " + e.msg);
  }
  if (error) return fail(std::move(*error));
  return config;
}

Result<Config> read_config(const std::string& file) {
  GB_TRY_ASSIGN(const std::string text, read_file(file));
  return parse_config(text, file);
}

}  // namespace gb::apiserver
