#include "http/tls.h"

#include <gmock/gmock.h>

#include "http/client_authorities.h"
#include "test/unit/http/certificates.h"

namespace gb::http::test {
namespace {

using testing::HasSubstr;

TEST(MakeSelfSigned, IsTakenByAServerAndNamesTheHosts) {
  const auto pair = make_self_signed({"galera.backup.svc", "127.0.0.1", "::1"}, wall_now());
  ASSERT_TRUE(pair) << pair.error().text();
  EXPECT_TRUE(ClientAuthorities::parse(pair->certificate_pem));
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
