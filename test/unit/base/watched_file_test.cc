#include "base/watched_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace gb {
namespace {

class WatchedFileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = "/tmp/gb-watched-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  void replace(const std::string& text) {
    std::ofstream(folder_ / "new") << text;
    std::filesystem::rename(folder_ / "new", folder_ / "file");
  }
  std::filesystem::path folder_;
};

TEST_F(WatchedFileTest, ReadsAgainWhenTheFileIsReplaced) {
  WatchedFile file(folder_ / "file");
  EXPECT_EQ(file.read().error().code, Code::kInvalid);
  replace("one");
  EXPECT_EQ(*file.read(), "one");
  EXPECT_EQ(*file.read(), "one");
  EXPECT_EQ(file.generation(), 1U);
  replace("two");
  EXPECT_EQ(*file.read(), "two");
  EXPECT_EQ(file.generation(), 2U);
}

TEST_F(WatchedFileTest, SaysWhichFileIsMissing) {
  const auto text = WatchedFile(folder_ / "none").read();
  ASSERT_FALSE(text);
  EXPECT_NE(text.error().message.find("none cannot be read"), std::string::npos);
}

}  // namespace
}  // namespace gb
