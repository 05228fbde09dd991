// Connections: nothing of ours is sent to a server that is not who it should be, and every refusal
// says what to do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <future>
#include <iterator>
#include <utility>

#include "test/eventually.h"
#include "test/integration/galera/dump_support.h"

namespace gb::galera::test {
namespace {

using testing::HasSubstr;

class ConnectionTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!bed_has("GB_TEST_NODES"))
      GTEST_SKIP() << "no test bed: run through test/harness/bed galera";
  }
  static bool bed_is_encrypted() { return bed_has("GB_TEST_CA_FILE"); }
  static Result<Connection> open(const Endpoint& endpoint) {
    return Connection::open(endpoint, endpoint.nodes.front(), {}, {});
  }
};

TEST_F(ConnectionTest, AVerifiedCertificateIsAccepted) {
  if (!bed_is_encrypted()) GTEST_SKIP() << "needs bed galera --tls";
  auto connection = open(bed_endpoint());
  ASSERT_TRUE(connection) << connection.error().text();
  EXPECT_TRUE(connection->encrypted());
}

TEST_F(ConnectionTest, ACertificateOfAnotherAuthorityIsRefused) {
  if (!bed_is_encrypted()) GTEST_SKIP() << "needs bed galera --tls";
  Endpoint endpoint = bed_endpoint();
  endpoint.tls_ca_file.clear();  // the system's authorities do not know the bed's
  const auto connection = open(endpoint);
  ASSERT_FALSE(connection);
  EXPECT_EQ(connection.error().code, Code::kUnavailable);
  EXPECT_THAT(connection.error().text(), HasSubstr("TLS"));
}

TEST_F(ConnectionTest, AServerThatRequiresTlsIsToldApartFromAWrongPassword) {
  if (!bed_is_encrypted()) GTEST_SKIP() << "needs bed galera --tls";
  Endpoint endpoint = bed_endpoint();
  endpoint.tls = TlsMode::kDisabled;
  const auto connection = open(endpoint);
  ASSERT_FALSE(connection);
  EXPECT_EQ(connection.error().code, Code::kForbidden);
  EXPECT_THAT(connection.error().text(), HasSubstr("TLS"));
}

TEST_F(ConnectionTest, AServerWithoutTlsNeverGetsThePasswordWhenTlsIsRequired) {
  if (bed_is_encrypted()) GTEST_SKIP() << "needs a bed without --tls";
  Endpoint endpoint = bed_endpoint();
  endpoint.tls = TlsMode::kRequired;
  const auto connection = open(endpoint);
  ASSERT_FALSE(connection);
  EXPECT_EQ(connection.error().code, Code::kUnavailable);
  EXPECT_THAT(connection.error().text(), HasSubstr("TLS"));
}

TEST_F(ConnectionTest, AnAuthorityMayBeTextInsteadOfAFile) {
  if (!bed_is_encrypted()) GTEST_SKIP() << "needs bed galera --tls";
  Endpoint endpoint = bed_endpoint();
  std::ifstream file(std::exchange(endpoint.tls_ca_file, ""));
  endpoint.tls_ca_pem.assign(std::istreambuf_iterator<char>(file), {});
  auto connection = open(endpoint);
  ASSERT_TRUE(connection) << connection.error().text();
  EXPECT_TRUE(connection->encrypted());
}

TEST_F(ConnectionTest, ANameThatLeadsElsewhereIsNotFollowed) {
  if (bed_is_encrypted()) GTEST_SKIP() << "needs a bed without --tls";
  Endpoint endpoint = bed_endpoint();
  Address& node = endpoint.nodes.front();
  node.name = "openstack-galera-0";
  node.ips = {std::exchange(node.host, "no.such.name.invalid")};
  auto connection = open(endpoint);
  ASSERT_TRUE(connection) << connection.error().text() << ": the address needs no name";
  EXPECT_EQ(connection->node().text(), "openstack-galera-0");
}

TEST_F(ConnectionTest, ACertificateDoesNotMakeAnotherAddressRight) {
  if (!bed_is_encrypted()) GTEST_SKIP() << "needs bed galera --tls";
  Endpoint endpoint = bed_endpoint();
  Address& node = endpoint.nodes.front();
  node.ips = {endpoint.nodes.back().host, "::1"};
  const auto connection = open(endpoint);
  ASSERT_FALSE(connection);
  EXPECT_EQ(connection.error().code, Code::kUnavailable);
  EXPECT_THAT(connection.error().text(), HasSubstr("is not the address of"));
  node.ips.push_back(node.host);
  EXPECT_TRUE(open(endpoint));
}

TEST_F(ConnectionTest, APasswordThatWasChangedIsLookedForOnce) {
  Endpoint endpoint = bed_endpoint();
  int reads = 0;
  endpoint.rotation = std::make_shared<RotatingPassword>(
      "the old one", [&, right = endpoint.password]() -> Result<std::vector<std::string>> {
        ++reads;
        return std::vector<std::string>{"the old one", "the one that is not yet", right};
      });
  ASSERT_TRUE(open(endpoint));
  ASSERT_TRUE(open(endpoint));
  EXPECT_EQ(reads, 1);
  EXPECT_EQ(endpoint.rotation->value(), endpoint.password);
}

TEST_F(ConnectionTest, APasswordThatCannotBeLookedForSaysWhy) {
  Endpoint endpoint = bed_endpoint();
  endpoint.rotation =
      std::make_shared<RotatingPassword>("the old one", []() -> Result<std::vector<std::string>> {
        return fail(Code::kUnavailable, "its Secret is gone", "create it again");
      });
  const auto gone = open(endpoint);
  ASSERT_FALSE(gone);
  EXPECT_THAT(gone.error().text(), HasSubstr("was refused by"));
  EXPECT_THAT(gone.error().text(), HasSubstr("its Secret is gone; create it again"));
  endpoint.rotation = std::make_shared<RotatingPassword>(
      "the old one",
      []() -> Result<std::vector<std::string>> { return std::vector<std::string>{"the old one"}; });
  const auto refused = open(endpoint);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kForbidden);
}

TEST_F(ConnectionTest, AStopEndsAStatementHereAndOnTheServer) {
  Connection connection = connect_to(bed_endpoint(), bed_endpoint().nodes.front());
  const std::uint64_t id = connection.id();
  std::stop_source stop;
  connection.use_stop(stop.get_token());
  auto status = std::async(std::launch::async, [&] { return connection.exec("DO SLEEP(600)"); });
  const std::string running =
      "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE "
      "'DO SLEEP%' AND ID = " +
      std::to_string(id);
  EXPECT_TRUE(eventually([&] { return value_of(running) != "0"; })) << "it does not begin";
  stop.request_stop();
  const Status ended = status.get();
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, Code::kCancelled);
  EXPECT_TRUE(eventually([&] { return value_of(running) == "0"; })) << "the server goes on";
}

TEST_F(ConnectionTest, NullsNamesAndWarningsAreKept) {
  Connection connection = connect_to(bed_endpoint(), bed_endpoint().nodes.front());
  const auto rows = connection.query("SELECT NULL AS a, '' AS b, X'00FF' AS c");
  ASSERT_TRUE(rows);
  EXPECT_EQ(rows->columns, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_FALSE(rows->rows.at(0).at(0));
  EXPECT_EQ(rows->rows[0].at(1), Cell(""));
  EXPECT_EQ(rows->rows[0].at(2), Cell(std::string("\0\xff", 2)));
  ASSERT_TRUE(connection.exec("DO CAST('x' AS INT)"));
  EXPECT_EQ(connection.warning_count(), 1U);
  const auto warnings = connection.warnings();
  ASSERT_TRUE(warnings);
  EXPECT_THAT(warnings->at(0).message, HasSubstr("incorrect INTEGER"));
  EXPECT_FALSE(connection.exec("SELECT 1; SELECT 2")) << "several statements in one text";
  EXPECT_EQ(connection.last_errno(), 1064U);
}

}  // namespace
}  // namespace gb::galera::test
