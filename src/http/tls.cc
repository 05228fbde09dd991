#include "http/tls.h"

#include <arpa/inet.h>
#include <openssl/rand.h>

#include <ctime>

#include "http/ossl.h"
#include "http/tls_context.h"

namespace gb::http {
namespace {

std::string to_der(X509* certificate) {
  std::string der;
  const int size = i2d_X509(certificate, nullptr);
  if (size <= 0) return der;
  der.resize(static_cast<std::size_t>(size));
  auto* out = reinterpret_cast<unsigned char*>(der.data());
  i2d_X509(certificate, &out);
  return der;
}

int select_alpn(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                unsigned int in_size, void*) {
  static constexpr unsigned char kHttp11[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, kHttp11, sizeof kHttp11, in, in_size) !=
      OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

Result<SslCtxPtr> make_server_context(const KeyPair& pair) {
  SslCtxPtr context(SSL_CTX_new(TLS_server_method()));
  if (!context) return fail(Code::kInternal, "cannot make a TLS context: " + ossl_error());
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(context.get(), "ECDHE+AESGCM:ECDHE+CHACHA20");
  // No tickets and no session cache: a resumed session would skip the client's certificate.
  SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
                                         SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_num_tickets(context.get(), 0);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  // RELEASE_BUFFERS: idle connections and watches give their record buffers back (half their
  // memory).
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_alpn_select_cb(context.get(), select_alpn, nullptr);
  // Asked for, never required, never judged here: whom to believe is the authenticators' matter.
  // The list of authorities stays empty, since Go clients send a certificate only if its issuer is
  // listed or the list is empty.
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_cert_verify_callback(
      context.get(), [](X509_STORE_CTX*, void*) { return 1; }, nullptr);
  GB_TRY(use_key_pair(context.get(), pair));
  return context;
}

bool add_extension(X509* certificate, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  if (extension == nullptr) return false;
  const bool added = X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

std::string bio_text(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace

Result<std::vector<X509Ptr>> read_certificates(std::string_view pem, std::string_view what) {
  ERR_clear_error();
  std::vector<X509Ptr> certificates;
  const BioPtr bio = read_bio(pem);
  while (X509Ptr certificate{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)})
    certificates.push_back(std::move(certificate));
  // The loop ends with "no start line" at the end of the text; anything else is a broken block.
  const unsigned long code = ERR_peek_last_error();
  const bool at_end =
      ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
  const std::string reason = ossl_error();
  if (!at_end)
    return fail(Code::kInvalid, std::string(what) + " holds a broken certificate: " + reason,
                "give PEM blocks that begin with -----BEGIN CERTIFICATE-----");
  if (certificates.empty())
    return fail(Code::kInvalid, std::string(what) + " holds no certificate",
                "give PEM blocks that begin with -----BEGIN CERTIFICATE-----");
  return certificates;
}

Status use_key_pair(SSL_CTX* context, const KeyPair& pair) {
  GB_TRY_ASSIGN(const auto chain, read_certificates(pair.certificate_pem, "the certificate file"));
  const BioPtr bio = read_bio(pair.key_pem);
  // No pass phrase is ever asked for on a terminal.
  const auto no_pass = [](char*, int, int, void*) { return 0; };
  const KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_pass, nullptr));
  if (!key)
    return fail(Code::kInvalid, "the key file holds no usable private key: " + ossl_error(),
                "give an unencrypted PEM private key");
  if (X509_check_private_key(chain.front().get(), key.get()) != 1) {
    ERR_clear_error();
    return fail(Code::kInvalid, "the private key does not belong to the certificate",
                "give the key that the first certificate of the file was issued for");
  }
  if (SSL_CTX_use_certificate(context, chain.front().get()) != 1 ||
      SSL_CTX_use_PrivateKey(context, key.get()) != 1)
    return fail(Code::kInvalid, "TLS does not take the certificate: " + ossl_error());
  SSL_CTX_clear_chain_certs(context);
  for (std::size_t i = 1; i < chain.size(); ++i)
    if (SSL_CTX_add1_chain_cert(context, chain[i].get()) != 1)
      return fail(Code::kInvalid, "TLS does not take the certificate chain: " + ossl_error());
  return {};
}

Status trust(SSL_CTX* context, std::string_view ca_pem) {
  GB_TRY_ASSIGN(const auto authorities, read_certificates(ca_pem, "the bundle of authorities"));
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  for (const auto& authority : authorities) X509_STORE_add_cert(store, authority.get());
  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
  ERR_clear_error();  // the same authority twice is no defect of the bundle
  return {};
}

PeerCertificate peer_certificate(SSL* ssl) {
  PeerCertificate peer;
  if (X509* leaf = SSL_get0_peer_certificate(ssl)) {
    peer.chain.push_back(to_der(leaf));
    STACK_OF(X509)* rest = SSL_get_peer_cert_chain(ssl);  // on the server's side without the leaf
    for (int i = 0; i < sk_X509_num(rest); ++i)
      peer.chain.push_back(to_der(sk_X509_value(rest, i)));
  }
  return peer;
}

bool is_address(const std::string& host) {
  unsigned char bytes[sizeof(in6_addr)];
  return inet_pton(AF_INET, host.c_str(), bytes) == 1 ||
         inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

Result<KeyPair> make_self_signed(const std::vector<std::string>& hosts, WallTime now) {
  const auto broken = [] {
    return fail(Code::kInternal, "cannot make a certificate: " + ossl_error());
  };
  if (hosts.empty()) return fail(Code::kInvalid, "a certificate needs at least one host name");
  std::string names;
  for (const auto& host : hosts) {
    // A comma or a colon would be read as OpenSSL's configuration syntax.
    const bool address = is_address(host);
    if (host.empty() || (!address && host.find_first_of(",:;@\r\n") != std::string::npos))
      return fail(Code::kInvalid, "a certificate cannot be made for a host with such a name",
                  "give DNS names and IP addresses only");
    names += (names.empty() ? "" : ",") + std::string(address ? "IP:" : "DNS:") + host;
  }
  const KeyPtr key(EVP_EC_gen("P-256"));
  const X509Ptr certificate(X509_new());
  if (!key || !certificate) return broken();

  unsigned char serial[16] = {};
  if (RAND_bytes(serial, sizeof serial) != 1) return broken();
  serial[0] &= 0x7f;  // a serial number is positive
  BIGNUM* number = BN_bin2bn(serial, sizeof serial, nullptr);
  BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate.get()));
  BN_free(number);

  constexpr std::time_t kHour = 3600;
  const std::time_t from =
      std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count() - kHour;
  ASN1_TIME_set(X509_getm_notBefore(certificate.get()), from);
  ASN1_TIME_set(X509_getm_notAfter(certificate.get()), from + 366 * 24 * kHour);
  X509_set_version(certificate.get(), X509_VERSION_3);
  X509_set_pubkey(certificate.get(), key.get());
  X509_NAME* name = X509_get_subject_name(certificate.get());
  const std::string common = hosts.front().substr(0, 64);  // the longest that X.520 allows
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(common.data()),
                             static_cast<int>(common.size()), -1, 0);
  X509_set_issuer_name(certificate.get(), name);
  // An authority of its own, so that its PEM can be given to a client as the bundle to trust.
  if (!add_extension(certificate.get(), NID_basic_constraints, "critical,CA:TRUE") ||
      !add_extension(certificate.get(), NID_key_usage, "critical,digitalSignature,keyCertSign") ||
      !add_extension(certificate.get(), NID_ext_key_usage, "serverAuth,clientAuth") ||
      !add_extension(certificate.get(), NID_subject_alt_name, names) ||
      X509_sign(certificate.get(), key.get(), EVP_sha256()) == 0)
    return broken();

  const BioPtr certificate_bio(BIO_new(BIO_s_mem()));
  const BioPtr key_bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(certificate_bio.get(), certificate.get()) != 1 ||
      PEM_write_bio_PrivateKey(key_bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) !=
          1)
    return broken();
  return KeyPair{bio_text(certificate_bio.get()), bio_text(key_bio.get())};
}

Result<std::shared_ptr<TlsContext>> TlsContext::server(const KeyPair& pair) {
  GB_TRY_ASSIGN(auto context, make_server_context(pair));
  return std::make_shared<ServerTlsContext>(std::shared_ptr<SSL_CTX>(std::move(context)));
}

Status ServerTlsContext::replace(const KeyPair& pair) {
  GB_TRY_ASSIGN(auto context, make_server_context(pair));
  std::shared_ptr<SSL_CTX> next(std::move(context));
  const std::lock_guard lock(mutex_);
  context_.swap(next);
  return {};
}

SslPtr ServerTlsContext::new_connection() const {
  std::shared_ptr<SSL_CTX> context;
  {
    const std::lock_guard lock(mutex_);
    context = context_;
  }
  SslPtr ssl(SSL_new(context.get()));  // takes its own reference to the context
  if (ssl) SSL_set_accept_state(ssl.get());
  return ssl;
}

}  // namespace gb::http
