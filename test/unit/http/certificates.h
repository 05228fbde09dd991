// Certificates for tests: an authority, and what it issues.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "http/tls.h"

namespace gb::http::test {

struct Issue {
  std::string common_name = {};
  std::vector<std::string> organizations = {};
  std::string usages = "clientAuth";   // of the extended key usage; empty: no such extension
  std::string alternative_names = {};  // "DNS:a,IP:127.0.0.1"
  bool authority = false;
  std::chrono::seconds valid_from{-3600};
  std::chrono::seconds valid_to{86400};
};

class Authority {
 public:
  explicit Authority(const std::string& name, Authority* parent = nullptr) {
    key_ = EVP_EC_gen("P-256");
    Issue issue{.common_name = name, .usages = "", .authority = true};
    certificate_ = make(issue, key_, parent != nullptr ? parent->certificate_ : nullptr,
                        parent != nullptr ? parent->key_ : key_);
  }
  ~Authority() {
    X509_free(certificate_);
    EVP_PKEY_free(key_);
  }
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;

  [[nodiscard]] std::string pem() const { return to_pem(certificate_); }
  [[nodiscard]] KeyPair issue(const Issue& issue) const {
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* certificate = make(issue, key, certificate_, key_);
    KeyPair pair{to_pem(certificate), to_pem(key)};
    X509_free(certificate);
    EVP_PKEY_free(key);
    return pair;
  }

 private:
  static void extend(X509* certificate, int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
  }
  static X509* make(const Issue& issue, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key) {
    X509* certificate = X509_new();
    X509_set_version(certificate, X509_VERSION_3);
    std::int64_t serial = 0;
    RAND_bytes(reinterpret_cast<unsigned char*>(&serial), 7);
    ASN1_INTEGER_set_int64(X509_get_serialNumber(certificate), serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), issue.valid_from.count());
    X509_gmtime_adj(X509_getm_notAfter(certificate), issue.valid_to.count());
    X509_set_pubkey(certificate, key);
    X509_NAME* name = X509_get_subject_name(certificate);
    const auto add = [name](const char* field, const std::string& value) {
      X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                                 reinterpret_cast<const unsigned char*>(value.data()),
                                 static_cast<int>(value.size()), -1, 0);
    };
    for (const auto& organization : issue.organizations) add("O", organization);
    add("CN", issue.common_name);
    X509_set_issuer_name(certificate,
                         X509_get_subject_name(issuer != nullptr ? issuer : certificate));
    extend(certificate, NID_basic_constraints, issue.authority ? "critical,CA:TRUE" : "CA:FALSE");
    if (!issue.usages.empty()) extend(certificate, NID_ext_key_usage, issue.usages);
    if (!issue.alternative_names.empty())
      extend(certificate, NID_subject_alt_name, issue.alternative_names);
    X509_sign(certificate, issuer_key, EVP_sha256());
    return certificate;
  }
  static std::string text(BIO* bio) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    std::string result(data, static_cast<std::size_t>(size));
    BIO_free(bio);
    return result;
  }
  static std::string to_pem(X509* certificate) {
    BIO* bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, certificate);
    return text(bio);
  }
  static std::string to_pem(EVP_PKEY* key) {
    BIO* bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
    return text(bio);
  }

  EVP_PKEY* key_ = nullptr;
  X509* certificate_ = nullptr;
};

// The chain of PEM certificates as a client would have sent it.
inline PeerCertificate as_peer(const std::string& pem) {
  PeerCertificate peer;
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  while (X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr)) {
    unsigned char* der = nullptr;
    const int size = i2d_X509(certificate, &der);
    peer.chain.emplace_back(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
    OPENSSL_free(der);
    X509_free(certificate);
  }
  BIO_free(bio);
  return peer;
}

inline WallTime wall_now() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

}  // namespace gb::http::test
