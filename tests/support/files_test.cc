#include "tests/support/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/temp_dir.h"

namespace arkshare {
namespace {

using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

TEST(FilesTest, ReadFolderSeesWhatAPersonSees) {
  TempDir folder;
  WriteBook(folder.path(), "195", "abc");
  WriteBook(folder.path(), "deep/er/empty", "");
  WriteBook(folder.path(), ".arkshare/released/x", "hidden");
  WriteBook(folder.path(), ".hidden", "hidden");
  std::filesystem::create_symlink("195", folder / "link");
  EXPECT_THAT(ReadFolder(folder.path()),
              UnorderedElementsAre(
                  // The examples of FIPS 180-4.
                  Pair("195", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
                  Pair("deep/er/empty", Sha256Hex(""))));
  EXPECT_EQ(Sha256Hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_THAT(ReadFolder(folder / "missing"), IsEmpty());
}

TEST(FilesTest, BookBytesFollowTheSeed) {
  EXPECT_EQ(BookBytes(1001, 7).size(), 1001u);
  EXPECT_EQ(BookBytes(1001, 7), BookBytes(1001, 7));
  EXPECT_NE(BookBytes(1001, 7), BookBytes(1001, 8));
  EXPECT_EQ(BookBytes(0, 7), "");
}

TEST(FilesTest, ContentOfIsTheHashOfASmallBook) {
  const ContentId id = ContentOf("abc");
  EXPECT_EQ(id.size, 3u);
  EXPECT_EQ(ToHex(id.root), Sha256Hex("abc"));
}

TEST(FilesTest, EventuallyTrueEnds) {
  int asked = 0;
  EXPECT_TRUE(EventuallyTrue([&] { return ++asked == 3; }));
  EXPECT_EQ(asked, 3);
  EXPECT_FALSE(EventuallyTrue([] { return false; }, absl::Milliseconds(30)));
}

TEST(TempDirTest, GoesWithAllThatIsInIt) {
  std::string path;
  {
    TempDir folder;
    path = folder.path();
    WriteBook(path, "a/b", "text");
    EXPECT_EQ(ReadFile(folder / "a/b"), "text");
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace arkshare
