#include "services/peer/disk/removal_check.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "services/peer/disk/unique_fd.h"
#include "services/peer/testing/temp_folder.h"

namespace arkshare {
namespace {

using testing::HasSubstr;

class RemovalCheckTest : public testing::Test {
 protected:
  std::string Why(const std::string& name) {
    const UniqueFd root(::open(temp_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const UniqueFd folder(::open((temp_ / "folder").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return WhyNotRemovable(root.get(), folder.get(), name);
  }
  TempFolder temp_;
};

TEST_F(RemovalCheckTest, NothingIsSaidAgainstAnOrdinaryFile) {
  WriteFileAt(temp_ / "folder/book", "a book");
  EXPECT_EQ(Why("book"), "");
  EXPECT_EQ(Why(""), "");
}

TEST_F(RemovalCheckTest, AnImmutableFileStays) {
  WriteFileAt(temp_ / "folder/book", "a book");
  const UniqueFd fd(::open((temp_ / "folder/book").c_str(), O_RDONLY | O_CLOEXEC));
  int flags = FS_IMMUTABLE_FL;
  if (::ioctl(fd.get(), FS_IOC_SETFLAGS, &flags) != 0) {
    GTEST_SKIP() << "this process may not make a file immutable";
  }
  const std::string why = Why("book");
  flags = 0;
  ASSERT_EQ(::ioctl(fd.get(), FS_IOC_SETFLAGS, &flags), 0);
  EXPECT_THAT(why, HasSubstr("immutable"));
  EXPECT_EQ(Why("book"), "");
}

TEST_F(RemovalCheckTest, AFolderThatMayNotBeWrittenKeepsItsFiles) {
  WriteFileAt(temp_ / "folder/book", "a book");
  ASSERT_EQ(::chmod(temp_.path().c_str(), 0755), 0);
  ASSERT_EQ(::chmod((temp_ / "folder").c_str(), 0555), 0);
  const bool root = ::geteuid() == 0;
  // Root may write everywhere.
  if (root) {
    ASSERT_EQ(::seteuid(65534), 0);
  }
  const std::string why = Why("book");
  const std::string why_all = Why("");
  if (root) {
    ASSERT_EQ(::seteuid(0), 0);
  }
  ASSERT_EQ(::chmod((temp_ / "folder").c_str(), 0755), 0);
  EXPECT_THAT(why, HasSubstr("may not remove files"));
  EXPECT_EQ(why_all, why);
}

TEST_F(RemovalCheckTest, TheStickyBitKeepsFilesOfOthers) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs files of two users, which only root can make";
  WriteFileAt(temp_ / "folder/book", "a book");
  ASSERT_EQ(::chmod(temp_.path().c_str(), 0755), 0);
  ASSERT_EQ(::chmod((temp_ / "folder").c_str(), 01777), 0);
  ASSERT_EQ(::seteuid(65534), 0);
  const std::string why = Why("book");
  ASSERT_EQ(::seteuid(0), 0);
  EXPECT_THAT(why, HasSubstr("sticky"));
  EXPECT_EQ(Why("book"), "") << "root may take it";
}

}  // namespace
}  // namespace arkshare
