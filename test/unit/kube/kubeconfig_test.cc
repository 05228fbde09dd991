#include "kube/kubeconfig.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/text.h"

namespace gb::kube {
namespace {

using ::testing::HasSubstr;

class Kubeconfig : public ::testing::Test {
 protected:
  Kubeconfig() {
    folder_ =
        std::filesystem::temp_directory_path() / ("gb-kubeconfig-" + std::to_string(getpid()));
    std::filesystem::create_directories(folder_);
  }
  ~Kubeconfig() override { std::filesystem::remove_all(folder_); }

  Result<ClusterAccess> read(const std::string& text) {
    const std::string path = folder_ / "config";
    std::ofstream(path) << text;
    return read_kubeconfig(path);
  }
  static std::string config(const std::string& cluster, const std::string& user) {
    return "current-context: here\n"
           "contexts: [{name: other, context: {}}, {name: here, context: {cluster: c, user: u}}]\n"
           "clusters: [{name: c, cluster: {" +
           cluster +
           "}}]\n"
           "users: [{name: u, user: {" +
           user + "}}]\n";
  }
  std::string refused(const std::string& cluster, const std::string& user) {
    const auto access = read(config(cluster, user));
    return access ? "accepted" : access.error().text();
  }

  std::filesystem::path folder_;
};

TEST_F(Kubeconfig, TheCurrentContextIsRead) {
  const auto access =
      read(config("server: 'https://api.example:6443', certificate-authority-data: " +
                      to_base64(as_bytes("CA")) + ", tls-server-name: kubernetes",
                  "client-certificate: tls.crt, client-key: /abs/tls.key, token: t"));
  ASSERT_TRUE(access) << access.error().text();
  EXPECT_EQ(access->host, "api.example");
  EXPECT_EQ(access->port, 6443);
  EXPECT_EQ(access->base_path, "");
  EXPECT_EQ(access->server_name, "kubernetes");
  EXPECT_EQ(access->ca_pem, "CA");
  EXPECT_EQ(access->certificate_file, (folder_ / "tls.crt").string()) << "beside the kubeconfig";
  EXPECT_EQ(access->key_file, "/abs/tls.key");
  EXPECT_EQ(access->token, "t");
}

TEST_F(Kubeconfig, ServersMayHavePathsAndNumericAddresses) {
  const auto path = read(config("server: 'https://rancher.example/k8s/clusters/c-1/'", ""));
  ASSERT_TRUE(path) << path.error().text();
  EXPECT_EQ(path->base_path, "/k8s/clusters/c-1");
  EXPECT_EQ(path->port, 443);
  const auto six = read(config("server: 'https://[::1]:6443'", ""));
  ASSERT_TRUE(six);
  EXPECT_EQ(six->host, "::1");
  EXPECT_EQ(six->port, 6443);
}

TEST_F(Kubeconfig, WhatCannotBeHonouredIsSaid) {
  EXPECT_THAT(refused("server: 'http://x'", ""), HasSubstr("not an https:// URL"));
  EXPECT_THAT(refused("server: 'https://x:nope'", ""), HasSubstr("\"nope\" is not a port"));
  EXPECT_THAT(refused("server: 'https://x', insecure-skip-tls-verify: true", ""),
              HasSubstr("insecure-skip-tls-verify"));
  EXPECT_THAT(refused("server: 'https://x'", "exec: {command: a}"),
              HasSubstr("set it to client.authentication.k8s.io/v1 or v1beta1"));
  EXPECT_THAT(refused("server: 'https://x'", "exec: {apiVersion: v1}"), HasSubstr("no command"));
  EXPECT_THAT(refused("server: 'https://x'", "auth-provider: {name: gcp}"),
              HasSubstr("auth-provider plugins are not supported"));
  EXPECT_THAT(refused("server: 'https://x'", "username: a"), HasSubstr("basic authentication"));
  EXPECT_THAT(refused("server: 'https://x', certificate-authority-data: '%'", ""),
              HasSubstr("certificate-authority-data is not base64"));
  EXPECT_THAT(read("current-context: nope\n").error().text(),
              HasSubstr("there is no context \"nope\""));
  EXPECT_THAT(read("a: [").error().text(), HasSubstr((folder_ / "config").string()));
  EXPECT_THAT(read("{}").error().text(), HasSubstr("current-context"));
  EXPECT_EQ(read_kubeconfig("/does/not/exist").error().code, Code::kInvalid);
}

// As kubectl merges them: the first file that has an entry counts.
class UserKubeconfig : public Kubeconfig {
 protected:
  UserKubeconfig() {
    unsetenv("KUBERNETES_SERVICE_HOST");
    setenv("HOME", folder_.c_str(), 1);
    unsetenv("KUBECONFIG");
  }
  std::string write(const std::string& name, const std::string& text) {
    const std::filesystem::path path = folder_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return path;
  }
  static std::string one(const std::string& name, const std::string& more = "") {
    return "contexts: [{name: " + name + ", context: {cluster: " + name + ", user: " + name +
           ", namespace: ns-" + name + "}}]\nclusters: [{name: " + name +
           ", cluster: {server: 'https://" + name + ".example'}}]\nusers: [{name: " + name +
           ", user: {token: token-" + name + "}}]\n" + more;
  }
};

TEST_F(UserKubeconfig, WithoutAnyThereIsSaidWhereItWasLookedFor) {
  EXPECT_THAT(user_access({}).error().text(),
              HasSubstr("there is no kubeconfig at " + (folder_ / ".kube/config").string()));
  setenv("KUBECONFIG", "/nope/a:/nope/b", 1);
  EXPECT_THAT(user_access({}).error().text(), HasSubstr("/nope/a, /nope/b"));
}

TEST_F(UserKubeconfig, TheHomeFolderHasOne) {
  write(".kube/config", one("home", "current-context: home\n"));
  const auto access = user_access({});
  ASSERT_TRUE(access) << access.error().text();
  EXPECT_EQ(access->cluster.host, "home.example");
  EXPECT_EQ(access->ns, "ns-home");
}

TEST_F(UserKubeconfig, OfAListTheFirstThatSaysItCounts) {
  const std::string a = write("a/config", one("x"));
  const std::string b = write("b/config", "current-context: y\n" + one("y"));
  const std::string c = write("c/config",
                              "current-context: x\n"
                              "clusters: [{name: x, cluster: {server: 'https://other'}}]\n");
  setenv("KUBECONFIG", (a + ":/not/there::" + b + ":" + c).c_str(), 1);
  EXPECT_EQ(user_access({})->cluster.host, "y.example");
  KubeconfigChoice x;
  x.context = "x";
  EXPECT_EQ(user_access(x)->cluster.host, "x.example") << "not the cluster of the last file";
  EXPECT_EQ(user_access(x)->cluster.token, "token-x");
  EXPECT_EQ(*context_names({}), (std::vector<std::string>{"x", "y"}));
  KubeconfigChoice mixed = x;
  mixed.cluster = "y";
  EXPECT_EQ(user_access(mixed)->cluster.host, "y.example");
  EXPECT_EQ(user_access(mixed)->cluster.token, "token-x");
}

TEST_F(UserKubeconfig, AFileOfTheCommandLineStandsAloneAndMustBeThere) {
  setenv("KUBECONFIG", write("env", one("env", "current-context: env\n")).c_str(), 1);
  KubeconfigChoice choice;
  choice.file = write("flag", one("flag", "current-context: flag\n"));
  EXPECT_EQ(user_access(choice)->cluster.host, "flag.example");
  choice.file = "/not/there";
  EXPECT_THAT(user_access(choice).error().text(), HasSubstr("/not/there cannot be read"));
}

TEST_F(UserKubeconfig, AnUnknownContextSaysWhichThereAre) {
  write(".kube/config", one("home"));
  KubeconfigChoice choice;
  choice.context = "prod";
  EXPECT_THAT(user_access(choice).error().text(),
              HasSubstr("there is no context \"prod\" in it; there is: home"));
  EXPECT_THAT(user_access({}).error().text(), HasSubstr("kubectl config use-context"));
}

TEST_F(UserKubeconfig, ImpersonationIsHonoured) {
  write(".kube/config",
        "current-context: c\ncontexts: [{name: c, context: {cluster: c, user: u}}]\n"
        "clusters: [{name: c, cluster: {server: 'https://x'}}]\n"
        "users: [{name: u, user: {as: bob, as-groups: [g1, g2], as-user-extra: {scopes: [s]}}}]\n");
  using Headers = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(user_access({})->cluster.headers, (Headers{{"Impersonate-User", "bob"},
                                                       {"Impersonate-Group", "g1"},
                                                       {"Impersonate-Group", "g2"},
                                                       {"Impersonate-Extra-scopes", "s"}}));
  KubeconfigChoice choice;
  choice.as = "eve";
  EXPECT_EQ(user_access(choice)->cluster.headers, (Headers{{"Impersonate-User", "eve"}}));
}

TEST_F(UserKubeconfig, AnExecPluginIsReadWhole) {
  write(".kube/config",
        "current-context: c\ncontexts: [{name: c, context: {cluster: c, user: u}}]\n"
        "clusters: [{name: c, cluster: {server: 'https://x', certificate-authority-data: Q0E=}}]\n"
        "users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: "
        "bin/login, "
        "args: [a, b], env: [{name: K, value: v}], interactiveMode: Never, installHint: get it, "
        "provideClusterInfo: true}}}]\n");
  const auto access = user_access({});
  ASSERT_TRUE(access) << access.error().text();
  const ExecPlugin& plugin = access->cluster.exec.value();
  EXPECT_EQ(plugin.command, (folder_ / ".kube/bin/login").string());
  EXPECT_EQ(plugin.arguments, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(plugin.environment.front().second, "v");
  EXPECT_FALSE(plugin.may_ask);
  EXPECT_EQ(plugin.cluster_json, R"({"certificate-authority-data":"Q0E=","server":"https://x"})");
}

TEST(InCluster, ThePodsEnvironmentIsUsed) {
  unsetenv("KUBERNETES_SERVICE_HOST");
  EXPECT_THAT(in_cluster_access().error().text(), HasSubstr("cluster.kubeconfig"));
  setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1", 1);
  setenv("KUBERNETES_SERVICE_PORT", "443", 1);
  const auto access = in_cluster_access();
  ASSERT_TRUE(access);
  EXPECT_EQ(access->host, "10.0.0.1");
  EXPECT_THAT(access->token_file, HasSubstr("serviceaccount/token"));
  unsetenv("KUBERNETES_SERVICE_HOST");
  unsetenv("KUBERNETES_SERVICE_PORT");
}

}  // namespace
}  // namespace gb::kube
