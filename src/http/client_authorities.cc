#include "http/client_authorities.h"

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <limits>
#include <mutex>
#include <unordered_map>

#include "http/ossl.h"
#include "http/tls_context.h"

namespace gb::http {
namespace {

// So many verified chains are remembered; one more and all are forgotten.
constexpr std::size_t kRemembered = 256;

X509Ptr from_der(const std::string& der) {
  const auto* in = reinterpret_cast<const unsigned char*>(der.data());
  return X509Ptr(d2i_X509(nullptr, &in, static_cast<long>(der.size())));
}

std::vector<std::string> subject_values(const X509* certificate, int nid) {
  std::vector<std::string> values;
  const X509_NAME* name = X509_get_subject_name(certificate);
  for (int at = -1; (at = X509_NAME_get_index_by_NID(name, nid, at)) >= 0;) {
    unsigned char* text = nullptr;
    const int size =
        ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
    if (size < 0) continue;
    values.emplace_back(reinterpret_cast<char*>(text), static_cast<std::size_t>(size));
    OPENSSL_free(text);
  }
  return values;
}

CertificateSubject subject_of(const X509* leaf) {
  CertificateSubject subject;
  // The last common name counts, as in Go's pkix.Name.
  if (auto names = subject_values(leaf, NID_commonName); !names.empty())
    subject.common_name = std::move(names.back());
  subject.organizations = subject_values(leaf, NID_organizationName);
  return subject;
}

std::time_t seconds_of(WallTime time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

// What else than the time decides about a chain does not change, so this is the whole judgement.
struct Verified {
  CertificateSubject subject;
  std::time_t from = 0;  // every certificate of the chain is valid in [from, to]
  std::time_t to = 0;

  [[nodiscard]] bool holds(std::time_t now) const { return from <= now && now <= to; }
};

// False when a certificate's dates cannot be read: such a chain is not remembered.
bool narrow(Verified& verified, const X509* certificate) {
  std::tm from{};
  std::tm to{};
  if (ASN1_TIME_to_tm(X509_get0_notBefore(certificate), &from) != 1 ||
      ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &to) != 1)
    return false;
  verified.from = std::max(verified.from, ::timegm(&from));
  verified.to = std::min(verified.to, ::timegm(&to));
  return true;
}

tl::unexpected<Error> refuse(const std::string& why) {
  return fail(Code::kUnauthenticated, "the client's certificate is not accepted: " + why);
}

class ParsedAuthorities final : public ClientAuthorities {
 public:
  explicit ParsedAuthorities(StorePtr store) : store_(std::move(store)) {}

  Result<CertificateSubject> verify(const PeerCertificate& peer, WallTime now) const override {
    if (peer.empty()) return refuse("none was sent");
    std::string chain;
    for (const std::string& der : peer.chain) chain += der;  // DER says where it ends
    {
      const std::lock_guard lock(mutex_);
      const auto found = remembered_.find(chain);
      if (found != remembered_.end() && found->second.holds(seconds_of(now)))
        return found->second.subject;
    }
    Verified verified{
        {}, std::numeric_limits<std::time_t>::min(), std::numeric_limits<std::time_t>::max()};
    bool lasts = false;
    GB_TRY(verify_now(peer, seconds_of(now), verified, lasts));
    CertificateSubject subject = verified.subject;
    if (lasts) {
      const std::lock_guard lock(mutex_);
      if (remembered_.size() >= kRemembered) remembered_.clear();
      remembered_.insert_or_assign(std::move(chain), std::move(verified));
    }
    return subject;
  }

 private:
  Status verify_now(const PeerCertificate& peer, std::time_t now, Verified& verified,
                    bool& lasts) const {
    const X509Ptr leaf = from_der(peer.chain.front());
    const ChainPtr intermediates(sk_X509_new_null());
    if (!leaf || !intermediates) return refuse("it cannot be parsed: " + ossl_error());
    for (std::size_t i = 1; i < peer.chain.size(); ++i) {
      const X509Ptr certificate = from_der(peer.chain[i]);
      if (!certificate) return refuse("its chain cannot be parsed: " + ossl_error());
      if (X509_add_cert(intermediates.get(), certificate.get(), X509_ADD_FLAG_UP_REF) != 1)
        return fail(Code::kInternal, "out of memory in TLS");
    }
    const StoreCtxPtr context(X509_STORE_CTX_new());
    if (!context ||
        X509_STORE_CTX_init(context.get(), store_.get(), leaf.get(), intermediates.get()) != 1)
      return fail(Code::kInternal, "cannot verify a certificate: " + ossl_error());
    X509_VERIFY_PARAM* param = X509_STORE_CTX_get0_param(context.get());
    // Every certificate of the bundle is an anchor, as in Go, whether self-signed or not.
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
    X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_CLIENT);
    X509_VERIFY_PARAM_set_time(param, now);
    if (X509_verify_cert(context.get()) != 1) {
      const int error = X509_STORE_CTX_get_error(context.get());
      ERR_clear_error();
      return refuse(X509_verify_cert_error_string(error));
    }
    // OpenSSL lets a leaf without any extended usage pass; we ask for clientAuth by name.
    const std::uint32_t usage = X509_get_extended_key_usage(leaf.get());
    if ((X509_get_extension_flags(leaf.get()) & EXFLAG_XKUSAGE) == 0 ||
        (usage & (XKU_SSL_CLIENT | XKU_ANYEKU)) == 0)
      return refuse("it lacks the extended key usage clientAuth");
    verified.subject = subject_of(leaf.get());
    lasts = true;
    STACK_OF(X509)* followed = X509_STORE_CTX_get0_chain(context.get());
    for (int i = 0; i < sk_X509_num(followed); ++i)
      lasts = narrow(verified, sk_X509_value(followed, i)) && lasts;
    return {};
  }

  const StorePtr store_;
  mutable std::mutex mutex_;
  mutable std::unordered_map<std::string, Verified> remembered_;  // by the chain's bytes
};

}  // namespace

Result<std::shared_ptr<const ClientAuthorities>> ClientAuthorities::parse(std::string_view pem) {
  GB_TRY_ASSIGN(const auto authorities, read_certificates(pem, "the bundle of authorities"));
  StorePtr store(X509_STORE_new());
  if (!store) return fail(Code::kInternal, "out of memory in TLS");
  for (const auto& authority : authorities) X509_STORE_add_cert(store.get(), authority.get());
  ERR_clear_error();  // the same authority twice is no defect of the bundle
  return std::make_shared<const ParsedAuthorities>(std::move(store));
}

}  // namespace gb::http
