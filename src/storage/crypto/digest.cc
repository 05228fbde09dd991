#include "storage/crypto/digest.h"

#include <openssl/evp.h>

#include <cstdlib>

namespace gb::storage {
namespace {

// OpenSSL's digests fail only when memory is gone or the library is broken; there is no way on
// then.
void require(bool done) {
  if (!done) std::abort();
}

// Fetched once: a fetch for each digest costs more than hashing a small blob.
const EVP_MD* algorithm(const char* name) {
  const EVP_MD* found = EVP_MD_fetch(nullptr, name, nullptr);
  require(found != nullptr);
  return found;
}

const EVP_MD* sha256_algorithm() {
  static const EVP_MD* const kAlgorithm = algorithm("SHA256");
  return kAlgorithm;
}

const EVP_MD* sha512_algorithm() {
  static const EVP_MD* const kAlgorithm = algorithm("SHA512");
  return kAlgorithm;
}

template <typename Digest>
Digest digest_of(const EVP_MD* algorithm, Bytes bytes) {
  Digest digest{};
  unsigned size = 0;
  require(EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(digest.data()),
                     &size, algorithm, nullptr) == 1 &&
          size == digest.size());
  return digest;
}

}  // namespace

Sha256 sha256(Bytes bytes) {
  return digest_of<Sha256>(sha256_algorithm(), bytes);
}
Sha512 sha512(Bytes bytes) {
  return digest_of<Sha512>(sha512_algorithm(), bytes);
}

struct Sha256Hasher::Impl {
  Impl() : context(EVP_MD_CTX_new()) { begin(); }
  ~Impl() { EVP_MD_CTX_free(context); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  void begin() {
    require(context != nullptr && EVP_DigestInit_ex2(context, sha256_algorithm(), nullptr) == 1);
  }
  EVP_MD_CTX* context;
};

Sha256Hasher::Sha256Hasher() : impl_(std::make_unique<Impl>()) {}
Sha256Hasher::~Sha256Hasher() = default;
Sha256Hasher::Sha256Hasher(Sha256Hasher&&) noexcept = default;
Sha256Hasher& Sha256Hasher::operator=(Sha256Hasher&&) noexcept = default;

void Sha256Hasher::update(Bytes bytes) {
  require(EVP_DigestUpdate(impl_->context, bytes.data(), bytes.size()) == 1);
}

Sha256 Sha256Hasher::finish() {
  Sha256 digest{};
  unsigned size = 0;
  require(EVP_DigestFinal_ex(impl_->context, reinterpret_cast<unsigned char*>(digest.data()),
                             &size) == 1 &&
          size == digest.size());
  impl_->begin();
  return digest;
}

}  // namespace gb::storage
