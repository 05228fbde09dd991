#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/text.h"
#include "http/digest.h"
#include "kube/standalone.h"
#include "test/unit/http/certificates.h"

namespace gb::kube {
namespace {

using http::test::as_peer;
using http::test::Authority;

TEST(Digest, KnownAnswers) {
  EXPECT_EQ(to_hex(as_bytes(http::sha256("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(as_bytes(http::hmac_sha256("Jefe", "what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(Standalone, ACertificateOfTheAuthorityNamesTheUser) {
  const Authority ca("ca");
  const Authority stranger("stranger");
  const auto file = std::filesystem::temp_directory_path() / ("gb-ca-" + std::to_string(getpid()));
  std::ofstream(file) << ca.pem();
  ManualClock clock{http::test::wall_now()};
  StandaloneAuthenticator authenticator(file, clock);
  http::RequestHead head;
  EXPECT_EQ(authenticator.authenticate(head)->name, kAnonymous);
  head.peer_certificate = as_peer(
      ca.issue({.common_name = "admin", .organizations = {"system:masters"}}).certificate_pem);
  const auto user = authenticator.authenticate(head);
  ASSERT_TRUE(user) << user.error().text();
  EXPECT_EQ(user->name, "admin");
  EXPECT_THAT(user->groups, ::testing::ElementsAre("system:masters", "system:authenticated"));
  head.peer_certificate = as_peer(stranger.issue({.common_name = "eve"}).certificate_pem);
  EXPECT_EQ(authenticator.authenticate(head).error().code, Code::kUnauthenticated);
  std::filesystem::remove(file);
}

TEST(Standalone, OnlyTheAdminGroupMayDoAnything) {
  StandaloneAuthorizer authorizer("admins");
  EXPECT_TRUE(authorizer.authorize({"a", "", {"admins"}, {}}, {})->allowed);
  const auto refused = authorizer.authorize({"b", "", {"others"}, {}}, {});
  EXPECT_FALSE(refused->allowed);
  EXPECT_THAT(refused->reason, ::testing::HasSubstr("\"admins\""));
  StandaloneNamespaces namespaces({"openstack"});
  EXPECT_EQ(*namespaces.state("openstack"), NamespaceState::kActive);
  EXPECT_EQ(*namespaces.state("x"), NamespaceState::kMissing);
}

}  // namespace
}  // namespace gb::kube
