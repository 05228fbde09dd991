#include "base/guarded.h"

#include <gtest/gtest.h>

#include <new>
#include <stdexcept>
#include <string>

namespace gb {
namespace {

TEST(GuardedTest, WhatIsReturnedPasses) {
  EXPECT_EQ(guarded("a sum", [] { return Result<int>(7); }).value(), 7);
  EXPECT_TRUE(guarded("nothing", [] {}));
  const Status failed = guarded("a write", []() -> Status { return fail(Code::kNoSpace, "full"); });
  EXPECT_EQ(failed.error().code, Code::kNoSpace);
}

TEST(GuardedTest, WhatIsThrownIsAnErrorThatSaysWhatToDo) {
  const auto thrown = guarded("a sum", []() -> Result<int> { throw std::runtime_error("odd"); });
  ASSERT_FALSE(thrown);
  EXPECT_EQ(thrown.error().code, Code::kInternal);
  EXPECT_EQ(thrown.error().text(),
            "the server met an error that it did not expect: odd; try again; if it comes back, "
            "report it together with the server's log");
  const Status no_memory = guarded("a look", [] { throw std::bad_alloc(); });
  EXPECT_EQ(no_memory.error().hint,
            "it has too little memory: give it more, or lower limits.memory in its configuration");
  EXPECT_EQ(guarded("a look", [] { throw 1; }).error().code, Code::kInternal);
}

}  // namespace
}  // namespace gb
