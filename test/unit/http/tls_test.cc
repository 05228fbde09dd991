#include "http/tls.h"

#include <gmock/gmock.h>

#include "test/unit/http/certificates.h"

namespace gb::http::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(VerifyClientCertificate, BelievesACertificateOfTheAuthorityAndSaysWhoItIs) {
  const Authority ca("cluster-ca");
  const auto pair = ca.issue({.common_name = "jane", .organizations = {"dev", "system:masters"}});
  const auto subject =
      verify_client_certificate(as_peer(pair.certificate_pem), ca.pem(), wall_now());
  ASSERT_TRUE(subject) << subject.error().text();
  EXPECT_EQ(subject->common_name, "jane");
  EXPECT_THAT(subject->organizations, ElementsAre("dev", "system:masters"));
}

TEST(VerifyClientCertificate, FollowsIntermediatesThatTheClientSent) {
  Authority root("root");
  const Authority intermediate("intermediate", &root);
  const auto pair = intermediate.issue({.common_name = "jane"});
  const auto chain = as_peer(pair.certificate_pem + intermediate.pem());
  EXPECT_TRUE(verify_client_certificate(chain, root.pem(), wall_now()));
  EXPECT_TRUE(
      verify_client_certificate(as_peer(pair.certificate_pem), intermediate.pem(), wall_now()))
      << "an intermediate in the bundle is an anchor, as in Go";
  EXPECT_FALSE(verify_client_certificate(as_peer(pair.certificate_pem), root.pem(), wall_now()));
}

void expect_refused(const PeerCertificate& peer, const std::string& ca_pem,
                    const std::string& why) {
  const auto subject = verify_client_certificate(peer, ca_pem, wall_now());
  ASSERT_FALSE(subject) << "believed " << subject->common_name;
  EXPECT_EQ(subject.error().code, Code::kUnauthenticated);
  EXPECT_THAT(subject.error().message, HasSubstr(why));
}

TEST(VerifyClientCertificate, RefusesAStrangersCertificate) {
  const Authority ca("cluster-ca");
  const Authority other("cluster-ca");  // the same name, another key
  expect_refused(as_peer(other.issue({.common_name = "jane"}).certificate_pem), ca.pem(), "");
}

TEST(VerifyClientCertificate, RefusesWhatIsOutOfDate) {
  const Authority ca("ca");
  using std::chrono::seconds;
  expect_refused(as_peer(ca.issue({.common_name = "a", .valid_to = seconds(-60)}).certificate_pem),
                 ca.pem(), "expired");
  expect_refused(
      as_peer(ca.issue({.common_name = "a", .valid_from = seconds(600)}).certificate_pem), ca.pem(),
      "not yet valid");
}

TEST(VerifyClientCertificate, AsksForTheClientAuthUsage) {
  const Authority ca("ca");
  expect_refused(as_peer(ca.issue({.common_name = "a", .usages = "serverAuth"}).certificate_pem),
                 ca.pem(), "purpose");
  expect_refused(as_peer(ca.issue({.common_name = "a", .usages = ""}).certificate_pem), ca.pem(),
                 "clientAuth");
}

TEST(VerifyClientCertificate, RefusesNoneAndGarbage) {
  const Authority ca("ca");
  expect_refused({}, ca.pem(), "none was sent");
  expect_refused({{"not a certificate"}}, ca.pem(), "parsed");
}

TEST(VerifyClientCertificate, ABrokenBundleIsTheAdministratorsMistakeNotTheClients) {
  const Authority ca("ca");
  const auto peer = as_peer(ca.issue({.common_name = "a"}).certificate_pem);
  EXPECT_EQ(verify_client_certificate(peer, "", wall_now()).error().code, Code::kInvalid);
}

TEST(CheckCaBundle, CountsCertificatesAndNamesWhatIsBroken) {
  const Authority a("a");
  const Authority b("b");
  EXPECT_EQ(check_ca_bundle("# comment\n" + a.pem() + "\n" + b.pem()).value(), 2U);
  EXPECT_EQ(check_ca_bundle("hello").error().code, Code::kInvalid);
  EXPECT_THAT(
      check_ca_bundle(a.pem() + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
          .error()
          .message,
      HasSubstr("broken"));
}

TEST(MakeSelfSigned, IsTakenByAServerAndNamesTheHosts) {
  const auto pair = make_self_signed({"galera.backup.svc", "127.0.0.1", "::1"}, wall_now());
  ASSERT_TRUE(pair) << pair.error().text();
  EXPECT_EQ(check_ca_bundle(pair->certificate_pem).value(), 1U);
  EXPECT_TRUE(TlsContext::server(*pair));
  EXPECT_FALSE(make_self_signed({}, wall_now()));
  EXPECT_FALSE(make_self_signed({"a,DNS:evil"}, wall_now()));
}

TEST(TlsContext, ABadPairIsRefusedAndTheOldOneStays) {
  const auto pair = *make_self_signed({"a"}, wall_now());
  const auto other = *make_self_signed({"b"}, wall_now());
  auto context = TlsContext::server(pair);
  ASSERT_TRUE(context);
  EXPECT_TRUE((*context)->replace(other));
  const auto mixed = (*context)->replace({pair.certificate_pem, other.key_pem});
  ASSERT_FALSE(mixed);
  EXPECT_EQ(mixed.error().code, Code::kInvalid);
  EXPECT_THAT(mixed.error().message, HasSubstr("does not belong"));
  EXPECT_FALSE((*context)->replace({"", ""}));
  EXPECT_FALSE((*context)->replace({pair.certificate_pem, "no key"}));
}

}  // namespace
}  // namespace gb::http::test
