#include "services/peer/library/unshared_files.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <optional>
#include <string>

#include "services/peer/testing/must.h"
#include "services/peer/testing/peer_disk.h"
#include "services/peer/testing/temp_folder.h"

namespace arkshare {
namespace {

class UnsharedFilesTest : public testing::Test {
 protected:
  UnsharedFilesTest() { Restart(); }

  void Restart() {
    files_.emplace(disk_.folder.get(), disk_.ledger->unshared());
    Must(files_->Load());
  }
  bool Follow(const std::string& path) {
    return files_->Follow(path, Must(disk_.folder->Stat(path)));
  }
  void Rename(const std::string& from, const std::string& to) {
    std::filesystem::rename(temp_ / from, temp_ / to);
  }

  TempFolder temp_;
  PeerDisk disk_{temp_.path()};
  std::optional<UnsharedFiles> files_;
};

TEST_F(UnsharedFilesTest, AFileIsFollowedToItsNewNameAlsoAfterARestart) {
  WriteFileAt(temp_ / "diary", "a day");
  Must(files_->Unshare("diary"));
  Rename("diary", "letters");
  EXPECT_FALSE(files_->Covers("letters"));
  Restart();
  EXPECT_TRUE(Follow("letters"));
  EXPECT_TRUE(files_->Covers("letters"));
  Restart();
  EXPECT_TRUE(files_->Covers("letters"));
  EXPECT_TRUE(files_->Covers("diary"));  // for what comes there next
}

TEST_F(UnsharedFilesTest, ASharedFileIsSharedUnderAllItsNames) {
  WriteFileAt(temp_ / "diary", "a day");
  Must(files_->Unshare("diary"));
  Rename("diary", "letters");
  EXPECT_TRUE(Follow("letters"));
  Must(files_->Share("letters"));
  EXPECT_FALSE(files_->Covers("diary"));
  EXPECT_FALSE(Follow("letters"));
  Restart();
  EXPECT_FALSE(files_->Covers("diary"));
}

TEST_F(UnsharedFilesTest, AFolderIsSharedWithAllThatWasPrivateBeneathIt) {
  WriteFileAt(temp_ / "folder/a", "a");
  WriteFileAt(temp_ / "folder/b", "b");
  WriteFileAt(temp_ / "other", "o");
  Must(files_->Unshare("folder"));
  Must(files_->Unshare("folder/a"));
  Must(files_->Unshare("other"));
  EXPECT_TRUE(Follow("folder/b"));
  Must(files_->ShareBeneath("folder"));
  EXPECT_FALSE(files_->Covers("folder/a"));
  EXPECT_FALSE(files_->Covers("folder/b"));
  EXPECT_TRUE(files_->Covers("other"));
  Must(files_->ShareBeneath(""));
  EXPECT_FALSE(files_->Covers("other"));
}

}  // namespace
}  // namespace arkshare
