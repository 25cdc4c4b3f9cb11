#include "services/peer/disk/entrance.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <set>

#include "services/peer/disk/rename_new.h"
#include "services/peer/disk/shared_folder.h"
#include "services/peer/testing/fakes.h"
#include "services/peer/testing/small_disk.h"

namespace arkshare {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;

class EntranceTest : public testing::Test {
 protected:
  absl::Status Check(const std::string& path) {
    Entrance::Checked checked;
    const absl::Status status = folder_->entrance().CheckPlace(path, checked);
    EXPECT_THAT(folder_->ListStaging(), IsEmpty()) << "the check leaves something behind";
    EXPECT_THAT(Parts(), IsEmpty());
    return status;
  }
  void Stage(const std::string& bytes) {
    const UniqueFd fd = Must(folder_->CreateStaging(id_, 0));
    Must(WriteFully(fd.get(), 0, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
  }
  // The books that wait in any folder, relative to the shared one.
  std::vector<std::string> Parts() {
    std::vector<std::string> parts;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(temp_.path())) {
      if (entry.path().extension() != ".part") continue;
      parts.push_back(entry.path().lexically_relative(temp_.path()).string());
    }
    return parts;
  }

  // First: a folder that is open already does not see mounts of a new namespace.
  const absl::StatusOr<std::unique_ptr<SmallDisk>> disk_ = SmallDisk::Mount(1 << 20);
  TempFolder temp_;
  std::unique_ptr<SharedFolder> folder_ = Must(SharedFolder::Open(temp_.path()));
  const TransferId id_ = TransferId::Random();
  const std::string part_ = Entrance::PartName(id_);
};

TEST_F(EntranceTest, APlaceInAnyFolderIsGood) {
  fs::create_directories(temp_ / "music/old");
  Must(Check("song"));
  Must(Check("music/old/song"));
  Must(Check("music/new/folder/song"));
  Must(Check("music/\xE2\x82\xAC: \"song\"?"));
  EXPECT_FALSE(Exists(temp_ / "music/new")) << "a check makes no folder";
}

TEST_F(EntranceTest, AFileOrALinkOnTheWayIsNamed) {
  WriteFileAt(temp_ / "music/file", "x");
  fs::create_directory_symlink(temp_.path(), temp_ / "link");
  EXPECT_THAT(Check("music/file/song").message(), HasSubstr("music/file is a file"));
  EXPECT_THAT(Check("music/file/folder/song").message(), HasSubstr("music/file is a file"));
  EXPECT_THAT(Check("link/song").message(), HasSubstr("link is a symbolic link"));
}

TEST_F(EntranceTest, ANameThatIsTooLongIsNamed) {
  // A book's name has parts of up to 255 bytes; some file systems take less.
  Must(Check(std::string(255, 'x')));
  EXPECT_THAT(Check(std::string(256, 'x')).message(), HasSubstr("too long"));
  EXPECT_THAT(Check("new/" + std::string(256, 'x') + "/song").message(), HasSubstr("too long"));
}

TEST_F(EntranceTest, AnotherFileSystemIsNamed) {
  if (!disk_.ok()) GTEST_SKIP() << disk_.status().message();
  fs::create_directories(temp_ / "music/old");
  ASSERT_EQ(::mount((*disk_)->path().c_str(), (temp_ / "music").c_str(), nullptr, MS_BIND, nullptr),
            0);
  EXPECT_THAT(Check("music/song").message(), HasSubstr("music is on another disk"));
  EXPECT_THAT(Check("music/new/song").message(), HasSubstr("music is on another disk"));
  ASSERT_EQ(::umount2((temp_ / "music").c_str(), MNT_DETACH), 0);
}

// It has the device of the shared folder, and a rename into it fails all the same.
TEST_F(EntranceTest, ABindMountIsNamed) {
  if (!disk_.ok()) GTEST_SKIP() << disk_.status().message();
  fs::create_directories(temp_ / "music");
  fs::create_directories(temp_ / "elsewhere");
  ASSERT_EQ(
      ::mount((temp_ / "elsewhere").c_str(), (temp_ / "music").c_str(), nullptr, MS_BIND, nullptr),
      0);
  EXPECT_THAT(Check("music/song").message(), HasSubstr("music is on another disk"));
  ASSERT_EQ(::umount2((temp_ / "music").c_str(), MNT_DETACH), 0);
}

TEST_F(EntranceTest, AReadOnlyMountIsNamed) {
  if (!disk_.ok()) GTEST_SKIP() << disk_.status().message();
  fs::create_directories(temp_ / "music");
  const std::string music = temp_ / "music";
  ASSERT_EQ(::mount(music.c_str(), music.c_str(), nullptr, MS_BIND, nullptr), 0);
  ASSERT_EQ(::mount(nullptr, music.c_str(), nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr), 0);
  EXPECT_FALSE(Check("music/song").ok());
  ASSERT_EQ(::umount2(music.c_str(), MNT_DETACH), 0);
}

TEST_F(EntranceTest, AFolderWithoutPermissionIsNamed) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  fs::create_directories(temp_ / "music");
  fs::permissions(temp_ / "music", fs::perms::owner_read | fs::perms::owner_exec);
  EXPECT_THAT(Check("music/song").message(), HasSubstr("may not write to music"));
  fs::permissions(temp_ / "music", fs::perms::owner_all);
}

TEST_F(EntranceTest, ABookTakesTwoSteps) {
  Stage("bytes");
  Must(folder_->entrance().BringNear(id_, "music/song"));
  Must(folder_->entrance().BringNear(id_, "music/song"));
  EXPECT_THAT(folder_->ListStaging(), IsEmpty());
  EXPECT_EQ(ReadFileAt(temp_ / ("music/" + part_)), "bytes");
  EXPECT_EQ(Must(folder_->entrance().Stat(id_, "music/song")).identity.size, 5U);
  Must(folder_->entrance().Enter(id_, "music/song"));
  EXPECT_EQ(ReadFileAt(temp_ / "music/song"), "bytes");
  EXPECT_THAT(Parts(), IsEmpty());
  EXPECT_TRUE(absl::IsNotFound(folder_->entrance().Stat(id_, "music/song").status()));
}

TEST_F(EntranceTest, ABookEntersFromStagingAndInAnotherFolder) {
  Stage("one");
  Must(folder_->entrance().Enter(id_, "one"));
  Stage("two");
  Must(folder_->entrance().BringNear(id_, "music/two"));
  Must(folder_->entrance().Enter(id_, "other/two"));
  EXPECT_EQ(ReadFileAt(temp_ / "one"), "one");
  EXPECT_EQ(ReadFileAt(temp_ / "other/two"), "two");
}

TEST_F(EntranceTest, ABookIsFoundInAFolderThatAPersonHasRenamed) {
  Stage("bytes");
  Must(folder_->entrance().BringNear(id_, "music/song"));
  fs::rename(temp_ / "music", temp_ / "musik");
  Must(folder_->entrance().Enter(id_, "music/song"));
  EXPECT_EQ(ReadFileAt(temp_ / "music/song"), "bytes");
}

TEST_F(EntranceTest, ABookUnderAMountIsNotLost) {
  if (!disk_.ok()) GTEST_SKIP() << disk_.status().message();
  Stage("bytes");
  Must(folder_->entrance().BringNear(id_, "music/song"));
  ASSERT_EQ(::mount("tmpfs", (temp_ / "music").c_str(), "tmpfs", 0, nullptr), 0);
  const absl::Status hidden = folder_->entrance().Stat(id_, "music/song").status();
  EXPECT_FALSE(hidden.ok());
  EXPECT_FALSE(absl::IsNotFound(hidden)) << hidden;
  ASSERT_EQ(::umount2((temp_ / "music").c_str(), MNT_DETACH), 0);
  Must(folder_->entrance().Stat(id_, "music/song"));
}

TEST_F(EntranceTest, AFileInItsPlaceIsNeverReplaced) {
  for (const RenameWays ways :
       {RenameWays::kAll, RenameWays::kWithoutNoReplace, RenameWays::kWithoutLinks}) {
    SetRenameWaysForTest(ways);
    Stage("bytes");
    WriteFileAt(temp_ / "song", "mine");
    Must(folder_->entrance().BringNear(id_, "song"));
    EXPECT_TRUE(absl::IsAlreadyExists(folder_->entrance().Enter(id_, "song")));
    EXPECT_EQ(ReadFileAt(temp_ / "song"), "mine");
    EXPECT_EQ(ReadFileAt(temp_ / part_), "bytes");
    Must(folder_->entrance().Remove(id_, "song"));
  }
  SetRenameWaysForTest(RenameWays::kAll);
}

TEST_F(EntranceTest, ABookIsTakenBackToBeReceivedFurther) {
  Must(folder_->entrance().TakeBack(id_, "music/song"));
  EXPECT_FALSE(Exists(temp_ / "music"));
  Stage("bytes");
  Must(folder_->entrance().BringNear(id_, "music/song"));
  Must(folder_->entrance().TakeBack(id_, "music/song"));
  EXPECT_THAT(folder_->ListStaging(), testing::ElementsAre(id_));
  EXPECT_THAT(Parts(), IsEmpty());
}

TEST_F(EntranceTest, OthersAreRemovedFromEveryFolder) {
  Stage("bytes");
  Must(folder_->entrance().BringNear(id_, "music/song"));
  const TransferId other = TransferId::Random();
  WriteFileAt(temp_ / ("a/b/" + Entrance::PartName(other)), "left behind");
  WriteFileAt(temp_ / "a/.arkshare-notes.part", "a person's");
  folder_->entrance().RemoveOthers([&](const TransferId& id) { return id == id_; });
  EXPECT_THAT(Parts(), testing::UnorderedElementsAre("music/" + part_, "a/.arkshare-notes.part"));
}

}  // namespace
}  // namespace arkshare
