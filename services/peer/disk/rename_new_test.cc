#include "services/peer/disk/rename_new.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "services/peer/disk/unique_fd.h"
#include "services/peer/testing/fakes.h"

namespace arkshare {
namespace {

class RenameNewTest : public testing::TestWithParam<RenameWays> {
 protected:
  RenameNewTest() { SetRenameWaysForTest(GetParam()); }
  ~RenameNewTest() override { SetRenameWaysForTest(RenameWays::kAll); }

  absl::Status Rename(const std::string& from, const std::string& to) {
    const UniqueFd dir(::open(temp_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return RenameNew(dir.get(), from, dir.get(), to);
  }

  TempFolder temp_;
};

TEST_P(RenameNewTest, RenamesAFile) {
  WriteFileAt(temp_ / "a", "bytes");
  Must(Rename("a", "b"));
  EXPECT_FALSE(Exists(temp_ / "a"));
  EXPECT_EQ(ReadFileAt(temp_ / "b"), "bytes");
  EXPECT_EQ(std::filesystem::hard_link_count(temp_ / "b"), 1U);
}

TEST_P(RenameNewTest, NeverReplacesAFile) {
  WriteFileAt(temp_ / "a", "bytes");
  WriteFileAt(temp_ / "b", "");
  EXPECT_TRUE(absl::IsAlreadyExists(Rename("a", "b")));
  EXPECT_EQ(ReadFileAt(temp_ / "a"), "bytes");
  EXPECT_EQ(ReadFileAt(temp_ / "b"), "");
  std::filesystem::create_symlink("nowhere", temp_ / "c");
  EXPECT_TRUE(absl::IsAlreadyExists(Rename("a", "c")));
  EXPECT_TRUE(Exists(temp_ / "a"));
}

TEST_P(RenameNewTest, AMissingFileIsNotFoundAndLeavesNothing) {
  EXPECT_TRUE(absl::IsNotFound(Rename("a", "b")));
  EXPECT_FALSE(Exists(temp_ / "b"));
}

TEST_P(RenameNewTest, CompletesWhatACrashLeftWithBothNames) {
  WriteFileAt(temp_ / "a", "bytes");
  std::filesystem::create_hard_link(temp_ / "a", temp_ / "b");
  Must(Rename("a", "b"));
  EXPECT_FALSE(Exists(temp_ / "a"));
  EXPECT_EQ(ReadFileAt(temp_ / "b"), "bytes");
}

TEST_P(RenameNewTest, CompletesWhatACrashLeftAtItsPlaceholder) {
  WriteFileAt(temp_ / "a", "bytes");
  WriteFileAt(temp_ / "b", "arkshare keeps this name for a\n");
  Must(Rename("a", "b"));
  EXPECT_FALSE(Exists(temp_ / "a"));
  EXPECT_EQ(ReadFileAt(temp_ / "b"), "bytes");

  WriteFileAt(temp_ / "a", "other");
  WriteFileAt(temp_ / "c", "arkshare keeps this name for x\n");
  EXPECT_TRUE(absl::IsAlreadyExists(Rename("a", "c"))) << "another file's placeholder";
}

INSTANTIATE_TEST_SUITE_P(All, RenameNewTest,
                         testing::Values(RenameWays::kAll, RenameWays::kWithoutNoReplace,
                                         RenameWays::kWithoutLinks),
                         [](const auto& info) {
                           return info.param == RenameWays::kAll                ? "NoReplace"
                                  : info.param == RenameWays::kWithoutNoReplace ? "Link"
                                                                                : "Placeholder";
                         });

}  // namespace
}  // namespace arkshare
