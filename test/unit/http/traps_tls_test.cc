// What TLS must not let through (docs/adr/0001-transport.md).
#include <openssl/err.h>

#include <memory>
#include <string>

#include "test/unit/http/server_fixture.h"

namespace gb::http::test {
namespace {

class TlsTrapsTest : public ServerTest {};

// A client whose TLS a test shapes by its context.
class Handshake {
 public:
  Handshake(std::uint16_t port, SSL_CTX* context, SSL_SESSION* resumed = nullptr)
      : raw_(port, {.tls = false}), ssl_(SSL_new(context)) {
    SSL_set_fd(ssl_, raw_.fd());
    if (resumed != nullptr) SSL_set_session(ssl_, resumed);
    ERR_clear_error();
    done_ = SSL_connect(ssl_) == 1;
    const char* reason = ERR_reason_error_string(ERR_peek_last_error());
    if (reason != nullptr) refused_ = reason;
  }
  ~Handshake() { SSL_free(ssl_); }
  Handshake(const Handshake&) = delete;
  Handshake& operator=(const Handshake&) = delete;

  [[nodiscard]] bool done() const { return done_; }
  [[nodiscard]] const std::string& refused() const { return refused_; }
  [[nodiscard]] SSL* ssl() const { return ssl_; }
  // Sends a request, and reads what is there first.
  [[nodiscard]] bool answered() const {
    char some[64];
    return SSL_write(ssl_, kGet.data(), static_cast<int>(kGet.size())) > 0 &&
           SSL_read(ssl_, some, sizeof some) > 0;
  }

 private:
  RawClient raw_;
  SSL* ssl_;
  bool done_ = false;
  std::string refused_;
};

using ClientContext = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;

ClientContext client_context(int version = 0) {
  ClientContext context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  SSL_CTX_set_min_proto_version(context.get(), version);
  SSL_CTX_set_max_proto_version(context.get(), version);
  return context;
}

// Trap: an ALPN that is not ours.
TEST_F(TlsTrapsTest, OnlyHttp11IsNegotiated) {
  start();
  const auto shake = [&](std::string protocols) {
    const ClientContext context = client_context();
    SSL_CTX_set_alpn_protos(context.get(), reinterpret_cast<const unsigned char*>(protocols.data()),
                            static_cast<unsigned>(protocols.size()));
    const Handshake client(port(), context.get());
    if (!client.done()) return std::string("refused");
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(client.ssl(), &name, &size);
    return std::string(reinterpret_cast<const char*>(name), size);
  };
  EXPECT_EQ(shake("\x02h2\x08http/1.1"), "http/1.1");
  EXPECT_EQ(shake("\x02h2"), "refused");
}

TEST_F(TlsTrapsTest, TlsBefore12IsRefused) {
  start();
  const auto shake = [&](int version) {
    const ClientContext context = client_context(version);
    // Else it is the client's own library that refuses.
    SSL_CTX_set_cipher_list(context.get(), "ALL:@SECLEVEL=0");
    const Handshake client(port(), context.get());
    return client.done() ? std::string(SSL_get_version(client.ssl())) : client.refused();
  };
  EXPECT_EQ(shake(TLS1_VERSION), "tlsv1 alert protocol version");
  EXPECT_EQ(shake(TLS1_1_VERSION), "tlsv1 alert protocol version");
  EXPECT_EQ(shake(TLS1_2_VERSION), "TLSv1.2");
  EXPECT_EQ(shake(TLS1_3_VERSION), "TLSv1.3");
}

// A resumed session would skip the client's certificate.
TEST_F(TlsTrapsTest, NoSessionIsResumed) {
  start();
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const ClientContext context = client_context(version);
    SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_CLIENT);
    const Handshake first(port(), context.get());
    ASSERT_TRUE(first.done()) << first.refused();
    ASSERT_TRUE(first.answered()) << "tickets of TLS 1.3 come before the first answer";
    const std::unique_ptr<SSL_SESSION, decltype(&SSL_SESSION_free)> session(
        SSL_get1_session(first.ssl()), SSL_SESSION_free);
    EXPECT_EQ(SSL_SESSION_has_ticket(session.get()), 0) << version;
    const Handshake second(port(), context.get(), session.get());
    ASSERT_TRUE(second.done()) << second.refused();
    EXPECT_EQ(SSL_session_reused(second.ssl()), 0) << version;
    EXPECT_TRUE(second.answered());
  }
}

TEST_F(TlsTrapsTest, TheKeyThatWeMakeIsOfP256) {
  start();
  const ClientContext context = client_context();
  const Handshake client(port(), context.get());
  ASSERT_TRUE(client.done()) << client.refused();
  char group[64] = {};
  std::size_t size = 0;
  EVP_PKEY* key = X509_get0_pubkey(SSL_get0_peer_certificate(client.ssl()));
  ASSERT_EQ(EVP_PKEY_get_group_name(key, group, sizeof group, &size), 1) << "no elliptic curve";
  EXPECT_STREQ(group, "prime256v1");
}

}  // namespace
}  // namespace gb::http::test
