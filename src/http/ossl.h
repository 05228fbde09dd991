// OpenSSL's objects with an owner, and its error queue as text. Internal to src/http.
#pragma once

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

namespace gb::http {

template <auto Free>
struct OsslDelete {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
inline void free_chain(STACK_OF(X509) * chain) {
  sk_X509_pop_free(chain, X509_free);
}

using BioPtr = std::unique_ptr<BIO, OsslDelete<BIO_free_all>>;
using X509Ptr = std::unique_ptr<X509, OsslDelete<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, OsslDelete<EVP_PKEY_free>>;
using ChainPtr = std::unique_ptr<STACK_OF(X509), OsslDelete<free_chain>>;
using StorePtr = std::unique_ptr<X509_STORE, OsslDelete<X509_STORE_free>>;
using StoreCtxPtr = std::unique_ptr<X509_STORE_CTX, OsslDelete<X509_STORE_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, OsslDelete<SSL_free>>;
using SslCtxPtr = std::unique_ptr<SSL_CTX, OsslDelete<SSL_CTX_free>>;

inline BioPtr read_bio(std::string_view text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// The newest entry of this thread's error queue, which is emptied.
inline std::string ossl_error() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  if (code == 0) return "no detail";
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "error " + std::to_string(code);
}

}  // namespace gb::http
