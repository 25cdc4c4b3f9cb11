#include "services/peer/disk/mount_points.h"

#include <gtest/gtest.h>

#include "services/peer/testing/temp_folder.h"

namespace arkshare {
namespace {

TEST(MountPointsTest, AMountPointWithoutADiskIsNamed) {
  TempFolder temp;
  const std::string fstab = temp / "fstab";
  const std::string mounts = temp / "mounts";
  WriteFileAt(fstab,
              "# a comment\n"
              "/dev/sda1 / ext4 defaults 0 1\n"
              "/dev/sda2 none swap sw 0 0\n"
              "/dev/sdb1 /srv/books ext4 nofail 0 2\n"
              "/dev/sdc1 /srv/with\\040space ext4 noauto 0 2\n");
  WriteFileAt(mounts, "/dev/sda1 / ext4 rw 0 0\n");
  const auto unmounted = [&](const std::string& path) {
    return UnmountedMountPoint(path, fstab.c_str(), mounts.c_str());
  };
  EXPECT_EQ(unmounted("/srv/books"), "/srv/books");
  EXPECT_EQ(unmounted("/srv/books/mine"), "/srv/books");
  EXPECT_EQ(unmounted("/srv/with space/mine"), "/srv/with space");
  EXPECT_EQ(unmounted("/srv/bookshelf"), "");
  EXPECT_EQ(unmounted("/home/me"), "");
  WriteFileAt(mounts, "/dev/sda1 / ext4 rw 0 0\n/dev/sdb1 /srv/books ext4 rw 0 0\n");
  EXPECT_EQ(unmounted("/srv/books"), "");
  EXPECT_EQ(UnmountedMountPoint("/srv/books", "/none", "/none"), "");
}

}  // namespace
}  // namespace arkshare
