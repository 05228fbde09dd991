// What src/http itself needs of a TlsContext: a new connection's SSL object. Internal to src/http.
#pragma once

#include <mutex>

#include "http/ossl.h"
#include "http/tls.h"

namespace gb::http {

class ServerTlsContext final : public TlsContext {
 public:
  explicit ServerTlsContext(std::shared_ptr<SSL_CTX> context) : context_(std::move(context)) {}
  Status replace(const KeyPair& pair) override;
  // In accept state; keeps the context that was current at the call alive. Null when out of memory.
  [[nodiscard]] SslPtr new_connection() const;

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<SSL_CTX> context_;
};

// The certificates of a PEM text, at least one. Invalid names `what` when a block is broken.
Result<std::vector<X509Ptr>> read_certificates(std::string_view pem, std::string_view what);

// Puts a certificate chain and its key into a context. Invalid says what is wrong with them.
Status use_key_pair(SSL_CTX* context, const KeyPair& pair);

// Makes every certificate of a PEM bundle an anchor of trust of a context. Invalid: a broken
// bundle.
Status trust(SSL_CTX* context, std::string_view ca_pem);

// The certificates that the peer sent, leaf first; empty when it sent none.
PeerCertificate peer_certificate(SSL* ssl);

}  // namespace gb::http
