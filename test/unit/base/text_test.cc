#include "base/text.h"

#include <gtest/gtest.h>

namespace gb {
namespace {

using namespace std::chrono_literals;

TEST(Hex, RoundTripsEveryByte) {
  std::string all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
  EXPECT_EQ(*from_hex(to_hex(as_bytes(all))), all);
  EXPECT_EQ(from_hex("abc").error().code, Code::kInvalid);
  EXPECT_EQ(from_hex("zz").error().code, Code::kInvalid);
}

TEST(Base64, MatchesTheVectorsOfRfc4648) {
  for (const auto& [plain, encoded] : std::vector<std::pair<std::string, std::string>>{
           {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}}) {
    EXPECT_EQ(to_base64(as_bytes(plain)), encoded);
    EXPECT_EQ(*from_base64(encoded), plain);
  }
  EXPECT_EQ(to_base64(as_bytes("\xFF\xFE"), Base64::kUrlUnpadded), "__4");
  EXPECT_EQ(*from_base64("__4", Base64::kUrlUnpadded), "\xFF\xFE");
}

TEST(Base64, RefusesWhatNoEncoderWrites) {
  EXPECT_FALSE(from_base64("Zg="));
  EXPECT_FALSE(from_base64("Zh=="));  // bits that belong to no byte
  EXPECT_FALSE(from_base64("Z*=="));
}

TEST(Percent, DecodesStrictly) {
  EXPECT_EQ(*percent_decode("a%20b%2Fc+d"), "a b/c+d");
  EXPECT_EQ(*percent_decode("a+b", true), "a b");
  EXPECT_EQ(percent_decode("%zz").error().message, "invalid URL escape \"%zz\"");
  EXPECT_FALSE(percent_decode("%4"));
  EXPECT_EQ(percent_encode("a b/c"), "a%20b%2Fc");
}

TEST(Rfc3339, RoundTripsAndTakesOffsets) {
  const WallTime t = *from_rfc3339("2026-11-20T02:00:00Z");
  EXPECT_EQ(to_rfc3339(t), "2026-11-20T02:00:00Z");
  EXPECT_EQ(*from_rfc3339("2026-11-20T04:00:00+02:00"), t);
  EXPECT_EQ(to_rfc3339_micro(*from_rfc3339("2026-11-20T02:00:00.25Z")),
            "2026-11-20T02:00:00.250000Z");
}

TEST(Rfc3339, RefusesWhatIsNoTime) {
  for (const char* text : {"", "2026-11-20", "2026-02-30T00:00:00Z", "2026-11-20T24:00:00Z",
                           "2026-11-20T02:00:00", "2026-11-20T02:00:00Zx", "2026-11-20T02:00:00.Z"})
    EXPECT_FALSE(from_rfc3339(text)) << text;
}

TEST(Duration, ReadsWhatGoWrites) {
  EXPECT_EQ(*parse_duration("1h30m"), 90min);
  EXPECT_EQ(*parse_duration("720h"), 720h);
  EXPECT_EQ(*parse_duration("1.5s"), 1500ms);
  EXPECT_EQ(*parse_duration("-2m"), -2min);
  EXPECT_EQ(*parse_duration("0"), 0s);
  for (const char* text : {"", "abc", "10", "1d", "h", "1h-3m", "99999999999h"})
    EXPECT_FALSE(parse_duration(text)) << text;
}

TEST(HumanDuration, PrintsAgesAsKubectlDoes) {
  EXPECT_EQ(human_duration(0s), "0s");
  EXPECT_EQ(human_duration(119s), "119s");
  EXPECT_EQ(human_duration(125s), "2m5s");
  EXPECT_EQ(human_duration(11min), "11m");
  EXPECT_EQ(human_duration(3h + 5min), "3h5m");
  EXPECT_EQ(human_duration(47h), "47h");
  EXPECT_EQ(human_duration(24h * 3 + 4h), "3d4h");
  EXPECT_EQ(human_duration(24h * 400), "400d");
  EXPECT_EQ(human_duration(24h * 365 * 3 + 24h), "3y1d");
}

TEST(Quantity, ReadsAndWrites) {
  EXPECT_EQ(*parse_quantity("512Mi"), 512ULL << 20);
  EXPECT_EQ(*parse_quantity("1G"), 1000000000ULL);
  EXPECT_EQ(*parse_quantity("1500"), 1500ULL);
  EXPECT_FALSE(parse_quantity("12 MB"));
  EXPECT_FALSE(parse_quantity("-1"));
  EXPECT_EQ(to_quantity(0), "0");
  EXPECT_EQ(to_quantity(9999), "9999");
  EXPECT_EQ(to_quantity(10000), "10Ki");
  EXPECT_EQ(to_quantity(120ULL << 20), "120Mi");
}

TEST(Glob, MatchesTheWholeText) {
  EXPECT_TRUE(glob_match("nova.shadow_*", "nova.shadow_instances"));
  EXPECT_FALSE(glob_match("nova.shadow_*", "nova.instances"));
  EXPECT_TRUE(glob_match("*", ""));
  EXPECT_TRUE(glob_match("*a*b?", "xxaxxbyabz"));
  EXPECT_FALSE(glob_match("a", "ab"));
  EXPECT_TRUE(glob_match("a**", "a"));
}

}  // namespace
}  // namespace gb
