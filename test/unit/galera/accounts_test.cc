#include "galera/accounts.h"

#include <gtest/gtest.h>

namespace gb::galera {
namespace {

std::string given(const std::string& grant) {
  const auto out =
      grant_for_target(grant, {"nova", "nova_api"}, {{"nova_api", "api_2"}, {"nova", "n2"}});
  EXPECT_TRUE(out);
  return out.value_or("?");
}

TEST(Grants, NeverCarryAPassword) {
  EXPECT_EQ(given("GRANT USAGE ON *.* TO `u`@`%` IDENTIFIED BY PASSWORD '*B69027D44F6E5EDC'"),
            "GRANT USAGE ON *.* TO `u`@`%`");
  EXPECT_EQ(
      given(
          "GRANT SELECT ON *.* TO `u`@`%` IDENTIFIED VIA ed25519 USING 'x' OR unix_socket REQUIRE "
          "SSL WITH GRANT OPTION"),
      "GRANT SELECT ON *.* TO `u`@`%` REQUIRE SSL WITH GRANT OPTION");
}

TEST(Grants, FollowARenamedSchema) {
  EXPECT_EQ(given("GRANT ALL PRIVILEGES ON `nova`.* TO `u`@`%`"),
            "GRANT ALL PRIVILEGES ON `n2`.* TO `u`@`%`");
  EXPECT_EQ(given("GRANT SELECT ON `nova\\_api`.* TO `u`@`%`"),
            "GRANT SELECT ON `api\\_2`.* TO `u`@`%`");
  EXPECT_EQ(given("GRANT SELECT (`on`, `nova`) ON `nova_api`.`t` TO `nova`"),
            "GRANT SELECT (`on`, `nova`) ON `api_2`.`t` TO `nova`");
  EXPECT_EQ(given("GRANT EXECUTE ON PROCEDURE `nova`.`p` TO `u`@`%`"),
            "GRANT EXECUTE ON PROCEDURE `n2`.`p` TO `u`@`%`");
  EXPECT_EQ(given("GRANT EXECUTE ON PACKAGE BODY `nova`.`p` TO `u`@`%`"),
            "GRANT EXECUTE ON PACKAGE BODY `n2`.`p` TO `u`@`%`");
}

TEST(Grants, OnAnotherSchemaAreLeftOut) {
  EXPECT_EQ(given("GRANT SELECT ON `glance`.* TO `u`@`%`"), "");
}

TEST(Grants, OnPatternsAndOnTheServersOwnTablesStay) {
  for (const char* grant :
       {"GRANT SELECT ON `nova\\_%`.* TO `u`@`%`", "GRANT SELECT ON `nov_`.* TO `u`@`%`",
        "GRANT SELECT ON `nova\\_ap_`.* TO `u`@`%`", "GRANT SELECT ON `mysql`.`proc` TO `r`",
        "GRANT SELECT ON `mysql`.* TO PUBLIC"})
    EXPECT_EQ(given(grant), grant);
  EXPECT_EQ(given("GRANT SELECT ON `glance_api`.* TO `u`@`%`"), "");
  EXPECT_EQ(given("GRANT SELECT ON `nova\\_`.* TO `u`@`%`"), "");
}

TEST(Grants, OfRolesAndProxiesStay) {
  for (const char* grant : {"GRANT `r1` TO `r2`", "GRANT `r2` TO `u`@`h` WITH ADMIN OPTION",
                            "SET DEFAULT ROLE `r2` FOR `u`@`h`",
                            "GRANT PROXY ON ``@`%` TO `u`@`localhost` WITH GRANT OPTION",
                            "GRANT SELECT ON `%`.* TO `u`@`h`"})
    EXPECT_EQ(given(grant), grant);
}

TEST(Accounts, KeepAQuoteInWhatTheirCertificateMustSay) {
  const TlsRequirement required{"/CN=ca", "/CN=it's \\", "TLS_AES_256_GCM_SHA384"};
  const std::string rest = " CIPHER 'TLS_AES_256_GCM_SHA384' WITH GRANT OPTION";
  const std::string begin = "GRANT USAGE ON *.* TO `u`@`%` REQUIRE ISSUER '/CN=ca' SUBJECT ";
  EXPECT_EQ(with_quoted_requirement(begin + R"('/CN=it's \')" + rest, required),
            begin + R"('/CN=it\'s \\')" + rest);
  const std::string rightly = begin + R"('/CN=it''s \\')" + rest;
  EXPECT_EQ(with_quoted_requirement(rightly, required), rightly);
  const std::string at_the_end = "CREATE USER `u`@`%` REQUIRE SUBJECT ";
  const TlsRequirement ends_in_a_quote{"", "a'", ""};
  EXPECT_EQ(with_quoted_requirement(at_the_end + "'a''", ends_in_a_quote), at_the_end + R"('a\'')");
  EXPECT_EQ(with_quoted_requirement(at_the_end + "'a'''", ends_in_a_quote), at_the_end + "'a'''");
  const std::string none = "CREATE USER `u`@`%` REQUIRE X509";
  EXPECT_EQ(with_quoted_requirement(none, {}), none);
}

TEST(Accounts, AreFoundByTheNameThatTheServerLists) {
  EXPECT_EQ(plain_account_name({"`u``x`@`%.example`", false, {}, {}}), "u`x@%.example");
  EXPECT_EQ(plain_account_name({"`reader`", true, {}, {}}), "reader");
}

TEST(Accounts, NameThePluginsByWhichTheyLogIn) {
  const auto plugins = [](const std::string& sql) {
    return login_plugins({"`u`@`%`", false, {sql}, {}});
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(plugins("CREATE USER `via`@`%` IDENTIFIED BY PASSWORD '*B69027D44F6E5EDC'"), Names());
  EXPECT_EQ(plugins("CREATE USER `u`@`%` IDENTIFIED VIA ed25519 USING 'VIA x' OR unix_socket "
                    "REQUIRE SUBJECT '/CN=VIA y' WITH MAX_USER_CONNECTIONS 4"),
            (Names{"ed25519", "unix_socket"}));
  EXPECT_EQ(plugins("CREATE USER `u`@`%`"), Names());
}

TEST(Definers, ARoleIsShownWithoutAHost) {
  for (const char* shown : {"it's", "it's@"}) {
    const Definer role = read_definer(shown);
    EXPECT_TRUE(role.role) << shown;
    EXPECT_EQ(role.plain, "it's");
    EXPECT_EQ(role.quoted, "`it's`");
  }
  const Definer user = read_definer("a@b@%.example");
  EXPECT_FALSE(user.role);
  EXPECT_EQ(user.plain, "a@b@%.example");
  EXPECT_EQ(user.quoted, "'a@b'@'%.example'");
  EXPECT_EQ(read_definer("@localhost").quoted, "''@'localhost'");

  EXPECT_TRUE(has_definer({"reader"}, "reader@"));
  EXPECT_TRUE(has_definer({"old@"}, "old@")) << "a user with an empty host";
  EXPECT_TRUE(has_definer({"u@%"}, "u@%"));
  EXPECT_FALSE(has_definer({"u@localhost", "reader"}, "u@%"));
}

}  // namespace
}  // namespace gb::galera
