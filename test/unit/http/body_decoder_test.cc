#include "http/body_decoder.h"

#include <gtest/gtest.h>

namespace gb::http {
namespace {

using Framing = BodyDecoder::Framing;
using State = BodyDecoder::State;

struct Decoded {
  State state;
  std::string body;
  std::string rest;
};

Decoded decode(BodyDecoder decoder, const std::string& bytes, std::size_t step) {
  Decoded result{decoder.state(), "", bytes};
  while (!result.rest.empty() && result.state == State::kMore) {
    std::size_t used = 0;
    result.state = decoder.feed(std::string_view(result.rest).substr(0, step), used, result.body);
    result.rest.erase(0, used);
  }
  return result;
}

// Every split of the bytes gives the same answer.
Decoded decode(const BodyDecoder& decoder, const std::string& bytes) {
  const Decoded whole = decode(decoder, bytes, bytes.size() + 1);
  for (std::size_t step : {1, 2, 3, 7}) {
    const Decoded parts = decode(decoder, bytes, step);
    EXPECT_EQ(parts.state, whole.state) << "in steps of " << step;
    if (whole.state == State::kDone) {
      EXPECT_EQ(parts.body, whole.body);
      EXPECT_EQ(parts.rest, whole.rest);
    }
  }
  return whole;
}

BodyDecoder chunked(std::uint64_t budget = 100) {
  return {Framing::kChunked, 0, budget};
}

TEST(BodyDecoder, WithoutABodyIsDoneAtOnceAndTakesNothing) {
  const auto result = decode(BodyDecoder(), "GET / HTTP/1.1\r\n");
  EXPECT_EQ(result.state, State::kDone);
  EXPECT_EQ(result.rest, "GET / HTTP/1.1\r\n");
}

TEST(BodyDecoder, TakesTheDeclaredLengthAndLeavesTheNextRequest) {
  const auto result = decode(BodyDecoder(Framing::kLength, 5, 100), "helloGET /");
  EXPECT_EQ(result.state, State::kDone);
  EXPECT_EQ(result.body, "hello");
  EXPECT_EQ(result.rest, "GET /");
  EXPECT_EQ(decode(BodyDecoder(Framing::kLength, 5, 100), "hell").state, State::kMore);
}

TEST(BodyDecoder, RefusesALengthOverTheBudgetBeforeAnyByte) {
  EXPECT_EQ(BodyDecoder(Framing::kLength, 101, 100).state(), State::kTooLarge);
}

TEST(BodyDecoder, JoinsChunksAndLeavesTheNextRequest) {
  const auto result = decode(chunked(), "5\r\nhello\r\n00A\r\n, world..!\r\n0\r\n\r\nGET /");
  EXPECT_EQ(result.state, State::kDone);
  EXPECT_EQ(result.body, "hello, world..!");
  EXPECT_EQ(result.rest, "GET /");
}

TEST(BodyDecoder, IgnoresExtensionsAndTrailers) {
  const auto result =
      decode(chunked(), "2;name=\"v\"\r\nhi\r\n0\r\nX-Remote-User: admin\r\nA: b\r\n\r\nnext");
  EXPECT_EQ(result.state, State::kDone);
  EXPECT_EQ(result.body, "hi");
  EXPECT_EQ(result.rest, "next");
}

TEST(BodyDecoder, CountsChunksAgainstTheBudget) {
  EXPECT_EQ(decode(chunked(10), "5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n").state, State::kDone);
  EXPECT_EQ(decode(chunked(9), "5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n").state, State::kTooLarge);
  EXPECT_EQ(decode(chunked(), "FFFFFFFFFFFFFFF\r\n").state, State::kTooLarge);
}

TEST(BodyDecoder, RefusesBrokenChunks) {
  for (const char* bytes :
       {"\r\n", "g\r\n", "-1\r\n", "0x5\r\nhello\r\n", "5\nhello", "5\rhello", "5\r\nhelloX",
        "5\r\nhello\rX", "5\r\nhello\n", "0\r\nA: b\n\r\n", "1000000000000000\r\n", " 5\r\nhello",
        "+5\r\nhello", "5;\x01\r\nhello"})
    EXPECT_EQ(decode(chunked(), bytes).state, State::kMalformed) << bytes;
  EXPECT_EQ(decode(chunked(), "1;" + std::string(300, 'x')).state, State::kMalformed);
  EXPECT_EQ(decode(chunked(), "0\r\n" + std::string(9000, 'x')).state, State::kMalformed);
}

TEST(BodyDecoder, UntilTheConnectionEndsUnderABudget) {
  EXPECT_EQ(decode(BodyDecoder(Framing::kUntilClose, 0, 4), "1234").state, State::kMore);
  EXPECT_EQ(decode(BodyDecoder(Framing::kUntilClose, 0, 4), "12345").state, State::kTooLarge);
}

}  // namespace
}  // namespace gb::http
