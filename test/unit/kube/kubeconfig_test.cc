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

TEST_F(Kubeconfig, WhatCanNotBeHonouredIsSaid) {
  EXPECT_THAT(refused("server: 'http://x'", ""), HasSubstr("not an https:// URL"));
  EXPECT_THAT(refused("server: 'https://x:nope'", ""), HasSubstr("\"nope\" is no port"));
  EXPECT_THAT(refused("server: 'https://x', insecure-skip-tls-verify: true", ""),
              HasSubstr("insecure-skip-tls-verify"));
  EXPECT_THAT(refused("server: 'https://x'", "exec: {command: a}"), HasSubstr("exec plugins"));
  EXPECT_THAT(refused("server: 'https://x'", "username: a"), HasSubstr("basic authentication"));
  EXPECT_THAT(refused("server: 'https://x', certificate-authority-data: '%'", ""),
              HasSubstr("certificate-authority-data is not base64"));
  EXPECT_THAT(read("current-context: nope\n").error().text(),
              HasSubstr("there is no context \"nope\""));
  EXPECT_THAT(read("a: [").error().text(), HasSubstr((folder_ / "config").string()));
  EXPECT_THAT(read("{}").error().text(), HasSubstr("current-context"));
  EXPECT_EQ(read_kubeconfig("/does/not/exist").error().code, Code::kInvalid);
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
