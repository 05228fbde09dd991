#include "apiserver/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gb::apiserver {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kMinimal = R"(apiVersion: config.backup.rhoso.io/v1alpha1
kind: ServerConfiguration
serving:
  clientCAFile: /ca.crt
stores:
- name: default
  filesystem: {path: /backups}
)";

// The error of kMinimal with `more` behind it.
std::string error_of(const std::string& more) {
  const auto config = parse_config(kMinimal + more, "conf.yaml");
  return config ? "no error" : config.error().text();
}

TEST(Config, TheShortestFileStandsAlone) {
  const auto config = parse_config(kMinimal, "conf.yaml");
  ASSERT_TRUE(config) << config.error().text();
  EXPECT_FALSE(config->cluster);
  EXPECT_EQ(config->serving.port, 8443);
  EXPECT_EQ(config->standalone.namespaces, std::vector<std::string>{"default"});
  EXPECT_EQ(config->stores[0].path, "/backups");
  EXPECT_EQ(config->limits.parallel_backups, 2U);
}

TEST(Config, AServerListensOnAddressesOnly) {
  const auto parsed = [](const std::string& address) {
    return parse_config(
        "apiVersion: config.backup.rhoso.io/v1alpha1\nkind: ServerConfiguration\n"
        "serving:\n  clientCAFile: /ca\n  bindAddress: \"" +
            address + "\"\nstores:\n- {name: a, filesystem: {path: /b}}\n",
        "conf.yaml");
  };
  for (const char* address : {"0.0.0.0", "127.0.0.1", "::", "fd00::1"})
    EXPECT_TRUE(parsed(address)) << address;
  for (const char* address : {"localhost", "", "127.0.0", "127.0.0.1:8443", "[::]"}) {
    const auto config = parsed(address);
    ASSERT_FALSE(config) << address;
    EXPECT_THAT(
        config.error().text(),
        testing::StartsWith("conf.yaml:5: serving.bindAddress must be an IP address, not \"" +
                            std::string(address) + "\"; "));
  }
}

TEST(Config, EverythingThatIsDocumentedIsRead) {
  const auto config = parse_config(R"(
apiVersion: config.backup.rhoso.io/v1alpha1
kind: ServerConfiguration
serving: {bindAddress: 127.0.0.1, port: 9443, certFile: /c, keyFile: /k, clientCAFile: ""}
cluster: {kubeconfig: ""}
stores:
- name: default
  filesystem: {path: /backups}
  encryption: {keyFile: ""}
  trashRetention: 24h
instances:
- namespace: openstack
  name: openstack
  nodes: ["10.0.0.1:3306", "10.0.0.2"]
  activeNode: "10.0.0.2:3306"
  user: backup
  passwordFile: /p
  tls: {mode: Required, caFile: /ca}
notifications:
  webhook:
    url: https://alerts.example.com/hooks/T0P-SECRET
    caFile: /wca
    secretFile: /w
    events: [Failed, RunMissed]
    namespaces: [openstack]
verification: {server: /usr/sbin/mariadbd, place: /scratch, memory: 1Gi}
limits:
  {inFlightReads: 4, inFlightWrites: 2, parallelBackups: 3, memory: 1Gi, namespaces: [{namespace: a, backups: 5, size: 2Gi}]}
log: {level: debug, format: text}
)",
                                   "conf.yaml");
  ASSERT_TRUE(config) << config.error().text();
  ASSERT_TRUE(config->cluster);
  const galera::Endpoint& endpoint = config->instances.at(0).endpoint;
  EXPECT_EQ(endpoint.nodes.at(1).text(), "10.0.0.2:3306");
  EXPECT_EQ(endpoint.active_node, "10.0.0.2:3306");
  EXPECT_EQ(endpoint.tls, galera::TlsMode::kRequired);
  EXPECT_EQ(config->limits.memory, 1ULL << 30);
  EXPECT_EQ(config->verification.server, "/usr/sbin/mariadbd");
  EXPECT_EQ(config->verification.place, "/scratch");
  EXPECT_EQ(config->verification.memory, 1ULL << 30);
  ASSERT_TRUE(config->webhook);
  EXPECT_EQ(config->webhook->secret_file, "/w");
  EXPECT_EQ(config->webhook->events, (std::set<std::string>{"Failed", "RunMissed"}));
  EXPECT_EQ(config->webhook->namespaces, std::set<std::string>{"openstack"});
  EXPECT_EQ(config->limits.namespaces.at(0).bytes, 2ULL << 30);
  EXPECT_EQ(config->limits.namespaces.at(0).parallel_backups, 0U);

  const std::string shown = describe(*config);
  EXPECT_THAT(shown, HasSubstr("url: https://alerts.example.com:443/(hidden)"));
  EXPECT_THAT(shown, Not(HasSubstr("T0P")));
  const auto again = parse_config(shown, "shown.yaml");
  ASSERT_TRUE(again) << again.error().text() << "\n" << shown;
  EXPECT_EQ(describe(*again), shown);
  for (const char* line :
       {"passwordFile: /p", "secretFile: /w", "caFile: /wca", "mode: Required", "path: /backups",
        "trashRetention: 24h", "events: [Failed, RunMissed]", "place: /scratch", "level: debug"})
    EXPECT_THAT(shown, HasSubstr(std::string(" ") + line + "\n"));
}

TEST(Config, TheShortestFileIsShownWithItsDefaultsAndReadBack) {
  const std::string shown = describe(*parse_config(kMinimal, "conf.yaml"));
  EXPECT_THAT(shown, HasSubstr("certFile: \"\"  # a self-signed one, made in memory\n"));
  const auto again = parse_config(shown, "shown.yaml");
  ASSERT_TRUE(again) << again.error().text() << "\n" << shown;
  EXPECT_EQ(describe(*again), shown);
}

TEST(Config, AWebhookIsReadStrictly) {
  const std::string begin = "notifications:\n  webhook:\n    url: ";
  EXPECT_THAT(error_of(begin + "http://h/x\n    secretFile: /w\n"),
              HasSubstr("conf.yaml:10: notifications.webhook.url is not an https:// URL"));
  EXPECT_THAT(error_of(begin + "https://user:pw@h/\n    secretFile: /w\n"),
              testing::AllOf(HasSubstr("names a user"), testing::Not(HasSubstr("pw"))));
  EXPECT_THAT(error_of(begin + "https://h/\n"), HasSubstr("notifications.webhook.secretFile"));
  EXPECT_THAT(
      error_of(begin + "https://h/\n    secretFile: /w\n    events: [Failed, Done]\n"),
      HasSubstr("conf.yaml:12: notifications.webhook.events has no \"Done\"; known: Failed, "
                "NotUnderstood, RunMissed, RunNotStarted, TrafficLeftBlocked, VerificationFailed"));
  EXPECT_THAT(error_of(begin + "https://h/\n    secretFile: /w\n    retries: 3\n"),
              HasSubstr("conf.yaml:12: notifications.webhook.retries is not a known key"));
  const auto all = parse_config(kMinimal + begin + "https://h/\n    secretFile: /w\n", "c");
  ASSERT_TRUE(all) << all.error().text();
  EXPECT_EQ(all->webhook->events.size(), 6U);
}

TEST(Config, AMistakeNamesKeyFileAndLine) {
  EXPECT_EQ(error_of("limitz: {}\n"),
            "conf.yaml:8: limitz is not a known key; known here: apiVersion, cluster, "
            "instances, kind, limits, log, notifications, serving, standalone, stores, "
            "verification");
  EXPECT_EQ(error_of("limits:\n  parallelBackups: 0\n"),
            "conf.yaml:9: limits.parallelBackups must be a whole number from 1 to 64, not \"0\"");
  EXPECT_EQ(error_of("limits: {memory: 12 MB}\n"),
            "conf.yaml:8: limits.memory must be a quantity of at least 128Mi, not \"12 MB\"");
  EXPECT_EQ(error_of("verification: {memory: 16Mi}\n"),
            "conf.yaml:8: verification.memory must be a quantity of at least 32Mi, not \"16Mi\"");
  EXPECT_EQ(error_of("verification: {place: scratch}\n"),
            "conf.yaml:8: verification.place needs an absolute path, not \"scratch\"");
  EXPECT_EQ(error_of("limits: {namespaces: [{backups: 5}]}\n"),
            "conf.yaml:8: limits.namespaces[0].namespace is missing; name one, or \"*\" for every "
            "other");
  EXPECT_EQ(error_of("limits: {namespaces: [{namespace: a, size: much}]}\n"),
            "conf.yaml:8: limits.namespaces[0].size must be a quantity, such as 500Gi, not "
            "\"much\"");
  EXPECT_EQ(error_of("limits:\n  namespaces:\n  - {namespace: \"*\"}\n  - {namespace: a}\n"),
            "conf.yaml:11: limits.namespaces[1].namespace \"a\" would never count: the entry for "
            "\"*\" stands before it; one entry a namespace, \"*\" last");
  EXPECT_THAT(error_of("log: {level: loud}\n"),
              HasSubstr("\"loud\" is not a log level; use debug"));
  EXPECT_THAT(error_of("log: [\n"), HasSubstr("conf.yaml:"));
  EXPECT_THAT(error_of("log: nice\n"), HasSubstr("log must be a mapping"));
}

TEST(Config, InstancesAreChecked) {
  const auto instance = [](const std::string& fields) {
    return "instances:\n- namespace: a\n  name: b\n  passwordFile: /p\n" + fields;
  };
  EXPECT_THAT(error_of(instance("")), HasSubstr("instances[0].nodes is missing"));
  EXPECT_THAT(error_of(instance("  nodes: [\"h:99999\"]\n")), HasSubstr("is not host:port"));
  EXPECT_THAT(error_of(instance("  nodes: [\"h:1\"]\n  activeNode: \"x:1\"\n")),
              HasSubstr("instances[0].activeNode \"x:1\" is none of the nodes"));
  EXPECT_THAT(error_of(instance("  nodes: [\"h:1\"]\n  tls: {mode: Maybe}\n")),
              HasSubstr("must be Disabled or Required"));
  EXPECT_EQ(error_of(instance("  nodes: [\"h:1\"]\n")), "no error");
}

TEST(Config, WhatThisReleaseCannotDoIsRefused) {
  EXPECT_THAT(error_of("- name: s\n  s3: {bucket: b}\n"),
              HasSubstr("stores[1].s3 is not available in this release"));
  EXPECT_THAT(error_of("- name: s\n  filesystem: {path: /s}\n  encryption: {keyFile: /k}\n"),
              HasSubstr("encryption.keyFile is not available in this release"));
}

TEST(Config, StandaloneAndClusterExcludeEachOther) {
  EXPECT_THAT(error_of("cluster: {}\nstandalone: {}\n"),
              HasSubstr("cannot be combined with cluster"));
  const std::string text =
      "apiVersion: config.backup.rhoso.io/v1alpha1\nkind: ServerConfiguration\n"
      "stores: [{name: s, filesystem: {path: /s}}]\n";
  EXPECT_THAT(parse_config(text, "f").error().text(), HasSubstr("needs clientCAFile"));
}

}  // namespace
}  // namespace gb::apiserver
