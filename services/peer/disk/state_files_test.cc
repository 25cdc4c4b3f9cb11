#include "services/peer/disk/state_files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "services/peer/disk/unique_fd.h"
#include "services/peer/testing/temp_folder.h"

namespace arkshare {
namespace {

class StateFilesTest : public testing::Test {
 protected:
  TempFolder temp_;
  const UniqueFd folder_{::open(temp_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  const StateFiles files_{folder_.get()};
};

TEST_F(StateFilesTest, AFileIsReplacedAsAWhole) {
  EXPECT_EQ(files_.Read("a").value(), std::nullopt);
  ASSERT_TRUE(files_.Write("a", "the first content").ok());
  ASSERT_TRUE(files_.Write("a", "second").ok());
  EXPECT_EQ(files_.Read("a").value(), "second");
  struct stat st;
  ASSERT_EQ(::stat((temp_ / "a").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600);
  EXPECT_FALSE(std::filesystem::exists(temp_ / "a.new"));
}

TEST_F(StateFilesTest, ARemovedFileIsAbsent) {
  ASSERT_TRUE(files_.Write("a", "").ok());
  EXPECT_EQ(files_.Read("a").value(), "");
  EXPECT_TRUE(files_.Remove("a").ok());
  EXPECT_TRUE(files_.Remove("a").ok()) << "absent";
  EXPECT_EQ(files_.Read("a").value(), std::nullopt);
}

TEST_F(StateFilesTest, OtherThingsAreNotTakenForFiles) {
  std::filesystem::create_directory(temp_ / "folder");
  EXPECT_FALSE(files_.Read("folder").ok());
  EXPECT_FALSE(files_.Remove("folder").ok());
  WriteFileAt(temp_ / "other", "x");
  std::filesystem::create_symlink("other", temp_ / "link");
  EXPECT_FALSE(files_.Read("link").ok());
  // A symlink is replaced, and what it points to stays.
  ASSERT_TRUE(files_.Write("link", "mine").ok());
  EXPECT_EQ(files_.Read("other").value(), "x");
  std::filesystem::resize_file(temp_ / "other", 9 * 1024 * 1024);
  EXPECT_TRUE(absl::IsInvalidArgument(files_.Read("other").status())) << "too large";
}

}  // namespace
}  // namespace arkshare
