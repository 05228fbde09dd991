// What is thrown where nobody expects it: no memory, no threads, a library that gives up. One job
// ends by it, or one look; the process and all else that it does go on.
#include "test/unit/jobs/jobs_fixture.h"

namespace gb::jobs::test {
namespace {

using testing::Contains;
using testing::HasSubstr;

constexpr const char* kNoMemory =
    "the server met an error that it did not expect: std::bad_alloc; it has too little memory: "
    "give "
    "it more, or lower limits.memory in its configuration";

class WallsTest : public QuickLooksTest {};

TEST_F(WallsTest, ABackupThatRunsOutOfMemoryFailsAndTheNextOneRuns) {
  cluster_.out_of_memory = true;
  const api::Json failed = finish(submit(backup("a")));
  EXPECT_EQ(failed["status"]["phase"], "Failed");
  EXPECT_EQ(condition(failed, "Completed"), "False Internal");
  EXPECT_THAT(failed["status"]["message"].get<std::string>(), HasSubstr(kNoMemory));
  EXPECT_TRUE(eventually([&] { return blobs_->list("data/")->empty(); })) << "what it had written";
  cluster_.out_of_memory = false;
  EXPECT_EQ(finish(submit(backup("b")))["status"]["phase"], "Completed");
}

TEST_F(WallsTest, ARestoreThatRunsOutOfMemoryGivesBackWhatItBlocked) {
  finish(submit(backup("a")));
  cluster_.out_of_memory = true;
  const api::Json failed = finish(submit(restore("r", {{"backup", "a"}})));
  EXPECT_EQ(failed["status"]["phase"], "Failed");
  EXPECT_EQ(condition(failed, "Completed"), "False Internal");
  const std::scoped_lock lock(cluster_.mutex);
  EXPECT_THAT(cluster_.steps, Contains("give back main"));
}

TEST_F(WallsTest, AVerificationThatRunsOutOfMemorySaysThatNothingIsKnown) {
  const auto made = submit(backup("a"));
  finish(made);
  cluster_.out_of_memory = true;
  const api::Json done = finish(jobs_->verify((*made)->key(), "Live", alice_, false, {}));
  EXPECT_EQ(done["status"]["phase"], "Completed") << "of the backup nothing was shown";
  EXPECT_EQ(done["status"]["check"]["phase"], "Inconclusive");
  EXPECT_EQ(done["status"]["check"]["message"], kNoMemory);
}

TEST_F(WallsTest, ALookThatThrowsIsFollowedByTheNext) {
  {
    const std::scoped_lock lock(gates_.mutex);
    gates_.looks = 0;
    gates_.out_of_memory = true;
  }
  EXPECT_TRUE(eventually([&] {
    const std::scoped_lock lock(gates_.mutex);
    return gates_.looks >= 2;
  }));
}

// Outside of every step: what tells of it does not come to its end.
TEST_F(WallsTest, AJobThatThrowsBetweenItsStepsEndsTooAndIsToldOf) {
  events_.before = [](const std::string& event) {
    if (event == "a Started") throw std::bad_alloc();
  };
  const auto submitted = submit(backup("a"));
  ASSERT_TRUE(submitted);
  EXPECT_TRUE(fails(api::kBackups, "a"));
  EXPECT_EQ(condition(finish(submitted), "Completed"), "False Internal");
}

}  // namespace
}  // namespace gb::jobs::test
