#include "services/peer/disk/file_attributes.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>

#include "services/peer/disk/unique_fd.h"
#include "services/peer/testing/fakes.h"

namespace arkshare {
namespace {

class FileAttributesTest : public testing::Test {
 protected:
  // Makes a file under this umask, as a staged file is made.
  UniqueFd Make(mode_t mask) {
    const mode_t before = ::umask(mask);
    const std::string path = temp_ / std::to_string(++made_);
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    ::umask(before);
    return fd;
  }

  TempFolder temp_;
  int made_ = 0;
  const absl::Time time_ = absl::FromUnixSeconds(1'052'204'889) + absl::Nanoseconds(123'456'700);
};

TEST_F(FileAttributesTest, AFileGetsThem) {
  for (const uint32_t permissions : {0755U, 0600U, 0444U, 0644U}) {
    const UniqueFd fd = Make(022);
    const FileAttributes wanted{time_, permissions};
    Must(ApplyAttributes(fd.get(), wanted));
    EXPECT_EQ(AttributesOf(fd.get()), wanted) << permissions;
    Must(ApplyAttributes(fd.get(), wanted));
    EXPECT_EQ(AttributesOf(fd.get()), wanted) << "again";
  }
}

TEST_F(FileAttributesTest, TheUmaskHoldsAndTheOwnerMayRead) {
  const UniqueFd all = Make(027);
  Must(ApplyAttributes(all.get(), {time_, 0777}));
  EXPECT_EQ(AttributesOf(all.get())->permissions, 0750U);
  const UniqueFd none = Make(027);
  Must(ApplyAttributes(none.get(), {time_, 0}));
  EXPECT_EQ(AttributesOf(none.get())->permissions, 0400U);
}

TEST_F(FileAttributesTest, NoBitButThePermissionsIsSet) {
  const UniqueFd fd = Make(0);
  Must(ApplyAttributes(fd.get(), {time_, 07777}));
  struct stat st;
  ASSERT_EQ(::fstat(fd.get(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777U, 0777U);
}

TEST_F(FileAttributesTest, AnAbsurdTimeIsNotSet) {
  const UniqueFd fd = Make(022);
  Must(ApplyAttributes(fd.get(), {time_, 0644}));
  Must(ApplyAttributes(fd.get(), {absl::InfiniteFuture(), 0644}));
  EXPECT_EQ(AttributesOf(fd.get())->modified, time_);
}

}  // namespace
}  // namespace arkshare
