#include "services/peer/library/library_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "services/peer/library/library.h"
#include "services/peer/testing/must.h"
#include "services/peer/testing/peer_disk.h"
#include "services/peer/testing/temp_folder.h"

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class LibraryWatchTest : public testing::Test {
 protected:
  LibraryWatchTest() { EXPECT_TRUE(library().Load().ok()); }

  Library& library() { return *disk_.library; }
  // Reads all that there is now.
  struct Seen {
    std::vector<std::string> paths, gone;
  };
  static Seen ReadAll(LibraryWatch& watch, size_t most = 2) {
    Seen seen;
    while (true) {
      const LibraryWatch::News news = watch.Next(most);
      for (const LibraryItem& item : news.items) seen.paths.push_back(item.path);
      seen.gone.insert(seen.gone.end(), news.gone.begin(), news.gone.end());
      if (!news.more) return seen;
    }
  }

  TempFolder folder_;
  PeerDisk disk_{folder_.path()};
  Bell bell_;
};

TEST_F(LibraryWatchTest, ReadsTheSnapshotThenTheChanges) {
  for (const char* name : {"a", "b", "c", "d", "e"}) disk_.List(name, FakeBook::OfSize(100));
  library().NoteUnshared("bb", 7, "private");
  const auto watch = library().Watch(&bell_);
  EXPECT_THAT(ReadAll(*watch).paths, ElementsAre("a", "b", "bb", "c", "d", "e"));
  EXPECT_EQ(bell_.rings().all, 0U);
  disk_.List("f", FakeBook::OfSize(200));
  EXPECT_EQ(bell_.rings().all, 1U);
  ASSERT_TRUE(library().Vanish("a", ListingRecord::State::kDeleted).ok());
  const Seen seen = ReadAll(*watch);
  EXPECT_THAT(seen.paths, ElementsAre("f"));
  EXPECT_THAT(seen.gone, ElementsAre("a"));
}

TEST_F(LibraryWatchTest, ChangesDuringTheSnapshotAreMissedNowhere) {
  for (const char* name : {"a", "b", "c", "d"}) disk_.List(name, FakeBook::OfSize(100));
  const auto watch = library().Watch(&bell_);
  EXPECT_EQ(watch->Next(2).items.size(), 2U);  // a, b
  ASSERT_TRUE(library().Vanish("a", ListingRecord::State::kDeleted).ok());
  ASSERT_TRUE(library().Vanish("d", ListingRecord::State::kDeleted).ok());
  disk_.List("e", FakeBook::OfSize(100));
  const Seen seen = ReadAll(*watch);
  EXPECT_THAT(seen.paths, ElementsAre("c", "e"));
  EXPECT_THAT(seen.gone, ElementsAre("a"));
}

TEST_F(LibraryWatchTest, ALateReaderSeesTheLatestValueOnce) {
  disk_.List("a", FakeBook::OfSize(100));
  const auto watch = library().Watch(&bell_);
  ReadAll(*watch);
  library().SetLendReason("a", "one");
  library().SetLendReason("a", "two");
  library().Confirm("a", /*lend_only=*/false, "cannot be read");
  const LibraryWatch::News news = watch->Next(9);
  ASSERT_EQ(news.items.size(), 1U);
  EXPECT_EQ(news.items[0].book->lend_reason, "two");
  EXPECT_EQ(news.items[0].book->trouble, "cannot be read");
}

TEST_F(LibraryWatchTest, WhatDoesNotChangeIsNotTold) {
  const Book book = disk_.List("a", FakeBook::OfSize(100));
  library().NoteUnshared("b", 7, "private");
  const auto watch = library().Watch(&bell_);
  ReadAll(*watch);
  library().Confirm("a", /*lend_only=*/false);
  library().SetLendReason("a", "");
  library().NoteUnshared("b", 7, "private");
  library().ConfirmAll({{{"a", book.record.identity, false}}});
  EXPECT_THAT(ReadAll(*watch).paths, IsEmpty());
  EXPECT_EQ(bell_.rings().all, 0U);
}

}  // namespace
}  // namespace arkshare
