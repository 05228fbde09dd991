#include <gtest/gtest.h>

#include "storage/crypto/digest.h"

namespace gb::storage {
namespace {

// The vectors of FIPS 180-4.
TEST(Digest, IsTheStandardOne) {
  EXPECT_EQ(to_hex(sha256(as_bytes("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(sha256({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(to_hex(sha512(as_bytes("abc"))).substr(0, 32), "ddaf35a193617abacc417349ae204131");
}

TEST(Digest, OfPiecesIsThatOfTheWhole) {
  Sha256Hasher hasher;
  hasher.update(as_bytes("a"));
  hasher.update({});
  hasher.update(as_bytes("bc"));
  EXPECT_EQ(hasher.finish(), sha256(as_bytes("abc")));
  hasher.update(as_bytes("other"));
  EXPECT_EQ(hasher.finish(), sha256(as_bytes("other"))) << "finish() begins anew";
}

}  // namespace
}  // namespace gb::storage
