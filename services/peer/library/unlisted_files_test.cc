#include "services/peer/library/unlisted_files.h"

#include <gtest/gtest.h>

namespace arkshare {
namespace {

TEST(UnlistedFilesTest, CountsTheFilesThatAreStillToBeHashed) {
  UnlistedFiles files;
  files.Put("a", {.size = 10, .reason = ""});
  files.Put("a", {.size = 11, .reason = ""});
  files.Put("b", {.size = 20, .reason = ""});
  files.Put("c", {.size = 30, .reason = "a symbolic link"});
  EXPECT_EQ(files.pending(), 2U);
  files.Put("a", {.size = 11, .reason = "cannot be read"});
  EXPECT_EQ(files.pending(), 1U);
  files.Put("c", {.size = 31, .reason = ""});
  EXPECT_EQ(files.pending(), 2U);
  files.Erase("b");
  files.Erase("b");
  EXPECT_EQ(files.pending(), 1U);
}

TEST(UnlistedFilesTest, FindsTheLatestEntryOfAPath) {
  UnlistedFiles files;
  EXPECT_EQ(files.Find("a"), nullptr);
  files.Put("a", {.size = 10, .reason = ""});
  files.Put("a", {.size = 11, .reason = "not a regular file"});
  ASSERT_NE(files.Find("a"), nullptr);
  EXPECT_EQ(files.Find("a")->size, 11U);
  EXPECT_EQ(files.Find("a")->reason, "not a regular file");
  EXPECT_EQ(files.by_path().size(), 1U);
  files.Erase("a");
  EXPECT_EQ(files.Find("a"), nullptr);
}

}  // namespace
}  // namespace arkshare
