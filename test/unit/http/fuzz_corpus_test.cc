// The fuzzer's properties over fixed inputs and their mutations, so that every build holds them.
#include <gtest/gtest.h>

#include "base/rng.h"
#include "test/fuzz/http_head_fuzz.cc"

namespace gb::http {
namespace {

const std::string_view kSeeds[] = {
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /x?y=%20 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\n",
    "PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nT: "
    "v\r\n\r\nGET",
    "GET / HTTP/1.0\r\nConnection: keep-alive\r\nAccept-Encoding: gzip;q=0.5, br\r\n\r\n",
    "GET / HTTP/1.1\nHost: a\n\n",
    "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    "3e8\r\n",
    "5;ext=\"a\"\r\nhello\r\n0\r\n\r\n",
    "\r\n\r\n",
    "",
};

TEST(HttpHeadFuzz, SeedsAndTheirMutationsHold) {
  SeededRng rng(20261121);
  static constexpr char kPool[] =
      "\0\r\n :;,\x7f\xff"
      "0159afAFGT/-%\t";
  const std::string_view pool(kPool, sizeof kPool - 1);
  for (const auto seed : kSeeds) {
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(seed.data()), seed.size());
    for (int round = 0; round < 3000; ++round) {
      std::string bytes(seed);
      for (std::uint64_t edits = 1 + rng.next() % 4; edits > 0; --edits) {
        const std::size_t at = rng.next() % (bytes.size() + 1);
        const char byte = pool[rng.next() % pool.size()];
        switch (rng.next() % 4) {
          case 0:
            bytes.insert(at, 1, byte);
            break;
          case 1:
            bytes.erase(at, 1 + rng.next() % 3);
            break;
          case 2:
            bytes.insert(at, bytes.substr(rng.next() % (bytes.size() + 1), 20));
            break;
          default:
            if (at < bytes.size()) bytes[at] = byte;
        }
      }
      LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    }
  }
}

}  // namespace
}  // namespace gb::http
