// A gzip file's end is proven: whatever is wrong with one, at whatever place, is found.
#include "galera/gzip_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gzip_support.h"

namespace gb::galera {
namespace {

using test::Files;
using test::gzip;
using test::noise;
using testing::HasSubstr;

class GzipFileTest : public testing::Test {
 protected:
  // The whole text, read in pieces of `piece` bytes.
  [[nodiscard]] static Result<std::string> read(const std::string& path, std::size_t piece = 1000,
                                                GzipFile::Tap tap = {}) {
    GB_TRY_ASSIGN(GzipFile file, GzipFile::open(path, std::move(tap)));
    std::string text;
    std::vector<char> into(piece);
    while (true) {
      GB_TRY_ASSIGN(const std::size_t got, file.read(into));
      if (got == 0) return text;
      text.append(into.data(), got);
    }
  }
  Files files_;
};

TEST_F(GzipFileTest, WhatWasCompressedIsReadInPiecesOfAnySize) {
  const std::string text = noise(700'000);
  const std::string file = gzip(text);
  const std::string path = files_.write("a.gz", file);
  for (const std::size_t piece : {std::size_t{1000}, std::size_t{65536}, std::size_t{2'000'000}}) {
    std::string seen;
    const auto got = read(path, piece, [&](Bytes bytes) { seen += as_text(bytes); });
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_TRUE(*got == text) << piece;
    EXPECT_TRUE(seen == file) << "the tap sees the file as it is";
  }
}

TEST_F(GzipFileTest, SeveralMembersAreOneText) {
  const auto got = read(files_.write("a.gz", gzip("one ") + gzip("") + gzip("two")));
  ASSERT_TRUE(got) << got.error().text();
  EXPECT_EQ(*got, "one two");
}

TEST_F(GzipFileTest, NothingCompressedIsNoText) {
  const auto got = read(files_.write("a.gz", gzip("")));
  ASSERT_TRUE(got) << got.error().text();
  EXPECT_EQ(*got, "");
}

TEST_F(GzipFileTest, AFileThatBreaksOffAnywhereIsTruncated) {
  const std::string whole = gzip(noise(400));
  for (std::size_t size = 1; size < whole.size(); ++size) {
    const auto got = read(files_.write("a.gz", whole.substr(0, size)));
    ASSERT_FALSE(got) << "cut after " << size << " of " << whole.size();
    EXPECT_EQ(got.error().code, Code::kCorruption);
    EXPECT_THAT(got.error().message,
                HasSubstr("truncated: its gzip data breaks off after " + std::to_string(size)));
  }
}

TEST_F(GzipFileTest, ASecondMemberThatBreaksOffIsTruncated) {
  const std::string first = gzip("one");
  const std::string second = gzip("two");
  for (std::size_t size = 1; size < second.size(); ++size) {
    const auto got = read(files_.write("a.gz", first + second.substr(0, size)));
    ASSERT_FALSE(got) << size;
    EXPECT_THAT(got.error().message, HasSubstr("truncated"));
  }
}

TEST_F(GzipFileTest, AByteThatChangedAnywhereInTheDataIsFound) {
  const std::string whole = gzip(noise(400));
  // The first ten bytes are the header: its time, its flags for people and its system say nothing.
  for (std::size_t at = 10; at < whole.size(); ++at) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 0x10);
    const auto got = read(files_.write("a.gz", changed));
    ASSERT_FALSE(got) << "byte " << at << " of " << whole.size();
    EXPECT_EQ(got.error().code, Code::kCorruption);
  }
}

TEST_F(GzipFileTest, BytesBehindTheEndAreFound) {
  const std::string whole = gzip("text");
  for (const std::string& more :
       {std::string("garbage"), std::string(512, '\0'), std::string("x")}) {
    const auto got = read(files_.write("a.gz", whole + more));
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, Code::kCorruption);
    EXPECT_THAT(got.error().message,
                testing::AnyOf(HasSubstr("behind its end"), HasSubstr("truncated")));
  }
}

TEST_F(GzipFileTest, WhatIsNoGzipIsSaidToBeNone) {
  EXPECT_THAT(read(files_.write("a.gz", "-- MariaDB dump")).error().message,
              HasSubstr("not a gzip file"));
  EXPECT_THAT(read(files_.write("a.gz", "")).error().message, HasSubstr("empty"));
  EXPECT_EQ(read(files_.path("none.gz")).error().code, Code::kNotFound);
}

}  // namespace
}  // namespace gb::galera
