#include "http/client_authorities.h"

#include <gmock/gmock.h>

#include "test/unit/http/certificates.h"

namespace gb::http::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Result<CertificateSubject> verify(const PeerCertificate& peer, const std::string& ca_pem,
                                  WallTime now = wall_now()) {
  return ClientAuthorities::parse(ca_pem).value()->verify(peer, now);
}

TEST(ClientAuthorities, BelievesACertificateOfTheAuthorityAndSaysWhoItIs) {
  const Authority ca("cluster-ca");
  const auto pair = ca.issue({.common_name = "jane", .organizations = {"dev", "system:masters"}});
  const auto subject = verify(as_peer(pair.certificate_pem), ca.pem());
  ASSERT_TRUE(subject) << subject.error().text();
  EXPECT_EQ(subject->common_name, "jane");
  EXPECT_THAT(subject->organizations, ElementsAre("dev", "system:masters"));
}

TEST(ClientAuthorities, FollowsIntermediatesThatTheClientSent) {
  Authority root("root");
  const Authority intermediate("intermediate", &root);
  const auto pair = intermediate.issue({.common_name = "jane"});
  const auto chain = as_peer(pair.certificate_pem + intermediate.pem());
  EXPECT_TRUE(verify(chain, root.pem()));
  EXPECT_TRUE(verify(as_peer(pair.certificate_pem), intermediate.pem()))
      << "an intermediate in the bundle is an anchor, as in Go";
  EXPECT_FALSE(verify(as_peer(pair.certificate_pem), root.pem()));
}

void expect_refused(const PeerCertificate& peer, const std::string& ca_pem,
                    const std::string& why) {
  const auto subject = verify(peer, ca_pem);
  ASSERT_FALSE(subject) << "believed " << subject->common_name;
  EXPECT_EQ(subject.error().code, Code::kUnauthenticated);
  EXPECT_THAT(subject.error().message, HasSubstr(why));
}

TEST(ClientAuthorities, RefusesAStrangersCertificate) {
  const Authority ca("cluster-ca");
  const Authority other("cluster-ca");  // the same name, another key
  expect_refused(as_peer(other.issue({.common_name = "jane"}).certificate_pem), ca.pem(), "");
}

TEST(ClientAuthorities, RefusesWhatIsOutOfDate) {
  const Authority ca("ca");
  using std::chrono::seconds;
  expect_refused(as_peer(ca.issue({.common_name = "a", .valid_to = seconds(-60)}).certificate_pem),
                 ca.pem(), "expired");
  expect_refused(
      as_peer(ca.issue({.common_name = "a", .valid_from = seconds(600)}).certificate_pem), ca.pem(),
      "not yet valid");
}

TEST(ClientAuthorities, AsksForTheClientAuthUsage) {
  const Authority ca("ca");
  expect_refused(as_peer(ca.issue({.common_name = "a", .usages = "serverAuth"}).certificate_pem),
                 ca.pem(), "purpose");
  expect_refused(as_peer(ca.issue({.common_name = "a", .usages = ""}).certificate_pem), ca.pem(),
                 "clientAuth");
}

TEST(ClientAuthorities, RefusesNoneAndGarbage) {
  const Authority ca("ca");
  expect_refused({}, ca.pem(), "none was sent");
  expect_refused({{"not a certificate"}}, ca.pem(), "parsed");
}

TEST(ClientAuthorities, ABundleMayHoldSeveralAndABrokenOneIsNamed) {
  const Authority a("a");
  const Authority b("b");
  const std::string both = "# comment\n" + a.pem() + "\n" + b.pem() + a.pem();
  EXPECT_TRUE(verify(as_peer(a.issue({.common_name = "x"}).certificate_pem), both));
  EXPECT_TRUE(verify(as_peer(b.issue({.common_name = "x"}).certificate_pem), both));
  EXPECT_EQ(ClientAuthorities::parse("").error().code, Code::kInvalid);
  EXPECT_EQ(ClientAuthorities::parse("hello").error().code, Code::kInvalid);
  const auto broken = ClientAuthorities::parse(
      a.pem() + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  EXPECT_THAT(broken.error().message, HasSubstr("broken"));
}

TEST(ClientAuthorities, AChainThatWasVerifiedIsStillRefusedOnceItExpired) {
  using std::chrono::seconds;
  Authority root("root");
  const Authority intermediate("intermediate", &root);
  const auto authorities = ClientAuthorities::parse(root.pem()).value();
  const auto pair = intermediate.issue({.common_name = "jane", .valid_to = seconds(600)});
  const auto peer = as_peer(pair.certificate_pem + intermediate.pem());
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(authorities->verify(peer, wall_now() + seconds(i)).value().common_name, "jane");
  EXPECT_THAT(authorities->verify(peer, wall_now() + seconds(900)).error().message,
              HasSubstr("expired"));
  EXPECT_THAT(authorities->verify(peer, wall_now() - std::chrono::hours(48)).error().message,
              HasSubstr("not yet valid"));
  EXPECT_TRUE(authorities->verify(peer, wall_now())) << "a clock that was set right again";
}

TEST(ClientAuthorities, WhatIsRememberedOfOneChainIsNotBelievedOfAnother) {
  const Authority ca("ca");
  const Authority stranger("ca");
  const auto authorities = ClientAuthorities::parse(ca.pem()).value();
  const auto good = as_peer(ca.issue({.common_name = "jane"}).certificate_pem);
  auto bad = as_peer(stranger.issue({.common_name = "jane"}).certificate_pem);
  ASSERT_TRUE(authorities->verify(good, wall_now()));
  EXPECT_FALSE(authorities->verify(bad, wall_now()));
  bad.chain.push_back(good.chain.front());
  EXPECT_FALSE(authorities->verify(bad, wall_now())) << "a believed one behind it helps nobody";
}

TEST(ClientAuthorities, ManyClientsAreAllToldApart) {
  const Authority ca("ca");
  const auto authorities = ClientAuthorities::parse(ca.pem()).value();
  std::vector<PeerCertificate> peers;
  for (int i = 0; i < 300; ++i)
    peers.push_back(
        as_peer(ca.issue({.common_name = "user-" + std::to_string(i)}).certificate_pem));
  for (int round = 0; round < 2; ++round)
    for (int i = 0; i < 300; ++i)
      EXPECT_EQ(authorities->verify(peers[std::size_t(i)], wall_now()).value().common_name,
                "user-" + std::to_string(i));
}

}  // namespace
}  // namespace gb::http::test
