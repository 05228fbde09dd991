// What a program in a sandbox cannot do, whoever it runs as.
#include "galera/sandbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

#include "galera/child_process.h"

namespace gb::galera {
namespace {

namespace fs = std::filesystem;

class SandboxTest : public testing::Test {
 protected:
  SandboxTest() {
    std::string name = (fs::temp_directory_path() / "gb-sandbox-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    place_ = name;
    fs::create_directory(place_ / "own");
    std::ofstream(place_ / "kept") << "kept";
  }
  ~SandboxTest() override {
    std::error_code ignored;
    fs::remove_all(place_, ignored);
  }
  void SetUp() override {
    auto made = Sandbox::make((place_ / "own").string());
    ASSERT_TRUE(made) << made.error().text();
    if (!made->lacking().empty()) GTEST_SKIP() << made->lacking();
    sandbox_.emplace(std::move(*made));
  }
  // How a shell ends that does this in the sandbox.
  int run(const std::string& script) {
    auto child = ChildProcess::start({"/bin/sh", "-c", "cd " + place_.string() + " && " + script},
                                     (place_ / "log").string(), 0, &*sandbox_);
    EXPECT_TRUE(child) << child.error().text();
    const auto code = child->wait(std::chrono::seconds(20), {});
    EXPECT_TRUE(code);
    return code.value_or(-1);
  }
  fs::path place_;
  std::optional<Sandbox> sandbox_;
};

TEST_F(SandboxTest, ItsOwnFolderIsAsEver) {
  EXPECT_EQ(run("echo a > own/a && mkdir own/d && mv own/a own/d/b && ln -s x own/l && : > own/d/b "
                "&& rm -r own/d own/l && echo x > /dev/null && cat kept"),
            0);
}

TEST_F(SandboxTest, NothingOutsideIsWrittenMadeOrRemoved) {
  for (const char* script :
       {"echo x > made", "echo x >> kept", ": > kept", "mkdir made", "rm kept", "mv kept own/",
        "ln -s kept made", "ln kept own/made", "mkfifo made", "truncate -s 1 kept",
        "sh -c 'exec sh -c \"echo x > made\"'", "echo x > /proc/self/comm"})
    EXPECT_NE(run(script), 0) << script;
  EXPECT_FALSE(fs::exists(place_ / "made"));
  std::string kept;
  std::ifstream(place_ / "kept") >> kept;
  EXPECT_EQ(kept, "kept");
}

TEST_F(SandboxTest, AFolderThatIsNotThereHasNone) {
  const auto made = Sandbox::make((place_ / "none").string());
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Code::kInvalid);
}

}  // namespace
}  // namespace gb::galera
