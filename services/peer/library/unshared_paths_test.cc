#include "services/peer/library/unshared_paths.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(UnsharedPathsTest, AFolderCoversWhatIsInIt) {
  UnsharedPaths paths;
  paths.Put({"private", /*folder=*/true, {1, 1}});
  paths.Put({"file", /*folder=*/false, {2, 2}});
  EXPECT_TRUE(paths.Covers("private"));
  EXPECT_TRUE(paths.Covers("private/a"));
  EXPECT_TRUE(paths.Covers("private/deep/a"));
  EXPECT_TRUE(paths.Covers("file"));
  EXPECT_FALSE(paths.Covers("private2/a"));
  EXPECT_FALSE(paths.Covers("priv"));
  EXPECT_FALSE(paths.Covers("file/a"));  // a folder has taken the name of the file
  paths.Erase("private");
  EXPECT_FALSE(paths.Covers("private/a"));
}

TEST(UnsharedPathsTest, MarksOfEarlierFilesOfAPathCount) {
  UnsharedPaths paths;
  for (int64_t save = 0; save < 10; ++save) {
    paths.Put({"diary", false, {100 + static_cast<uint64_t>(save), save}});
  }
  EXPECT_FALSE(paths.HasInode(101)) << "eight marks are enough";
  for (uint64_t inode = 102; inode < 110; ++inode) EXPECT_TRUE(paths.Has("diary", inode));
  EXPECT_TRUE(paths.HasMark({105, 5}));
  EXPECT_FALSE(paths.HasMark({105, 6})) << "another file with the inode";
  paths.Erase("diary");
  EXPECT_FALSE(paths.HasInode(105));
  EXPECT_FALSE(paths.Has("diary"));
}

TEST(UnsharedPathsTest, TheNamesOfOneFileBelongTogether) {
  UnsharedPaths paths;
  paths.Put({"old", false, {1, 1}});
  paths.Put({"new", false, {1, 1}});
  paths.Put({"other", false, {2, 2}});
  EXPECT_THAT(paths.WithMark({1, 1}), ElementsAre("new", "old"));
  EXPECT_THAT(paths.Related({"new", "unknown"}), ElementsAre("new", "old", "unknown"));
  EXPECT_THAT(paths.Beneath(""), ElementsAre("new", "old", "other"));
}

TEST(UnsharedPathsTest, APathWithoutAFileHasNoMark) {
  UnsharedPaths paths;
  paths.Put({"gone"});
  EXPECT_TRUE(paths.Covers("gone"));
  EXPECT_FALSE(paths.HasInode(0));
  paths.Put({"folder/a"});
  paths.Put({"folder2/b"});
  EXPECT_THAT(paths.Beneath("folder"), ElementsAre("folder/a"));
  EXPECT_THAT(paths.WithMark({}), IsEmpty());
}

}  // namespace
}  // namespace arkshare
