#include "services/peer/library/added_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/core/errors.h"
#include "services/peer/testing/must.h"
#include "services/peer/testing/peer_disk.h"
#include "services/peer/testing/temp_folder.h"

namespace arkshare {
namespace {

using testing::IsEmpty;

class AddedBookTest : public testing::Test {
 protected:
  AddedBookTest() : disk_(temp_.path()) { Must(disk_.library->Load()); }

  absl::StatusOr<std::unique_ptr<AddedBook>> Begin(const std::string& name, uint64_t size) {
    return AddedBook::Begin({disk_.folder.get(), disk_.library.get(), disk_.scanner.get()},
                            BookName::Parse(name).value(), size);
  }
  std::vector<std::string> Staged() { return NamesIn(disk_.folder->StatePath("staging")); }

  TempFolder temp_;
  PeerDisk disk_;
};

TEST_F(AddedBookTest, EntersAndIsListed) {
  auto book = Begin("sub/a book", 9).value();
  Must(book->Write("the "));
  EXPECT_FALSE(Exists(temp_ / "sub/a book")) << "it enters as a whole";
  Must(book->Write("bytes"));
  const std::optional<Book> listed = book->Finish().value();
  ASSERT_TRUE(listed.has_value());
  EXPECT_EQ(listed->record.name.value(), "sub/a book");
  EXPECT_EQ(listed->record.content.size, 9u);
  EXPECT_EQ(ReadFileAt(temp_ / "sub/a book"), "the bytes");
  EXPECT_THAT(Staged(), IsEmpty());
}

TEST_F(AddedBookTest, AnEmptyBookIsABook) {
  EXPECT_TRUE(Begin("empty", 0).value()->Finish().value().has_value());
}

TEST_F(AddedBookTest, AHalfOneLeavesNothing) {
  {
    auto book = Begin("half", 9).value();
    Must(book->Write("the"));
    EXPECT_EQ(ReasonOf(Begin("half", 1).status()), "NAME_TAKEN") << "the name is reserved";
    EXPECT_EQ(ReasonOf(book->Finish().status()), "INVALID_FIELD");
  }
  EXPECT_THAT(Staged(), IsEmpty());
  EXPECT_FALSE(Exists(temp_ / "half"));
  EXPECT_TRUE(Begin("half", 0).value()->Finish().ok()) << "the name is free again";
}

TEST_F(AddedBookTest, MoreThanWasAnnouncedIsRefused) {
  auto book = Begin("more", 3).value();
  Must(book->Write("abc"));
  EXPECT_EQ(ReasonOf(book->Write("d")), "INVALID_FIELD");
  EXPECT_TRUE(book->Finish().ok()) << "the first three bytes are as they were";
  EXPECT_EQ(ReadFileAt(temp_ / "more"), "abc");
}

TEST_F(AddedBookTest, NothingIsOverwritten) {
  WriteFileAt(temp_ / "here", "mine");
  EXPECT_EQ(ReasonOf(Begin("here", 4).status()), "NAME_TAKEN");
  auto book = Begin("soon", 4).value();
  Must(book->Write("new "));
  WriteFileAt(temp_ / "soon", "mine");
  EXPECT_EQ(ReasonOf(book->Finish().status()), "NAME_TAKEN");
  book.reset();
  EXPECT_EQ(ReadFileAt(temp_ / "here"), "mine");
  EXPECT_EQ(ReadFileAt(temp_ / "soon"), "mine");
  EXPECT_THAT(Staged(), IsEmpty());
}

TEST_F(AddedBookTest, ABookWithoutRoomIsRefusedBeforeItsBytes) {
  const absl::Status status = Begin("huge", uint64_t{1} << 62).status();
  EXPECT_EQ(ReasonOf(status), "DISK_FULL") << status;
  EXPECT_THAT(Staged(), IsEmpty());
}

TEST_F(AddedBookTest, ANameThatWasPrivateIsSharedNow) {
  Must(Begin("private", 0).value()->Finish().status());
  Must(disk_.library->unshared().Unshare("private"));
  disk_.scanner->Examine("private");
  ASSERT_FALSE(disk_.library->FindPath("private").has_value());
  ASSERT_EQ(std::remove((temp_ / "private").c_str()), 0);
  disk_.scanner->Examine("private");
  EXPECT_TRUE(Begin("private", 0).value()->Finish().value().has_value());
}

}  // namespace
}  // namespace arkshare
