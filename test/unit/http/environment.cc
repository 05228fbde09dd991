// What all tests of this program need of the machine: descriptors for both ends of 1,500
// connections.
#include <gtest/gtest.h>

#include "base/file_limit.h"

namespace gb::http::test {
namespace {

class Environment final : public testing::Environment {
 public:
  void SetUp() override {
    EXPECT_GE(raise_file_limit(), 4096U) << "raise the hard limit: ulimit -Hn";
  }
};

const auto* const kEnvironment = testing::AddGlobalTestEnvironment(new Environment);

}  // namespace
}  // namespace gb::http::test
