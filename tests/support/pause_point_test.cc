#include "tests/support/pause_point.h"

#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"

namespace arkshare {
namespace {

// Does what a failpoint does, as a shell script: opens for writing, then for reading.
std::unique_ptr<Process> StartMeeting(const std::string& fifo, int times) {
  ProcessOptions options;
  options.argv = {
      "/bin/sh", "-c", "for i in $(seq $2); do : >\"$1\"; : <\"$1\"; echo passed $i; done",
      "sh",      fifo, std::to_string(times)};
  return *Process::Start(options);
}

TEST(PausePointTest, HoldsUntilResumedEachTime) {
  TempDir folder;
  PausePoint point("release", folder / "fifo");
  EXPECT_EQ(point.Setting(), "release=pause:" + (folder / "fifo"));
  std::unique_ptr<Process> program = StartMeeting(folder / "fifo", 2);
  for (const char* passed : {"passed 1", "passed 2"}) {
    ASSERT_TRUE(point.WaitUntilReached().ok());
    EXPECT_EQ(program->Output().find(passed), std::string::npos);
    ASSERT_TRUE(point.Resume().ok());
    EXPECT_EQ(*program->WaitForLine("passed"), passed);
  }
}

TEST(PausePointTest, NobodyThereIsNotSuccess) {
  TempDir folder;
  PausePoint point("release", folder / "fifo");
  EXPECT_FALSE(point.WaitUntilReached(absl::Milliseconds(30)).ok());
  EXPECT_FALSE(point.Resume(absl::Milliseconds(30)).ok());
}

TEST(PausePointTest, AProgramKilledThereMayComeAgain) {
  TempDir folder;
  PausePoint point("release", folder / "fifo");
  std::unique_ptr<Process> program = StartMeeting(folder / "fifo", 1);
  ASSERT_TRUE(point.WaitUntilReached().ok());
  program->Kill();
  EXPECT_FALSE(point.WaitUntilReached(absl::Milliseconds(30)).ok());
  program = StartMeeting(folder / "fifo", 1);
  ASSERT_TRUE(point.WaitUntilReached().ok());
  ASSERT_TRUE(point.Resume().ok());
  EXPECT_EQ(*program->WaitForLine("passed"), "passed 1");
}

}  // namespace
}  // namespace arkshare
