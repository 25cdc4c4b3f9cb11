#include "services/peer/library/library_tables.h"

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <variant>
#include <vector>

#include "services/peer/testing/fake_book.h"
#include "services/peer/testing/must.h"

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Book BookAt(uint64_t number, const std::string& path, uint32_t seed, bool unsettled = false) {
  return {.record = {.number = number,
                     .name = Must(BookName::Parse(path)),
                     .path = path,
                     .content = FakeBook::OfSize(10, seed).id,
                     .identity = {},
                     .unsettled = unsettled}};
}

// Returns the numbers that the index is told, negative for a listing that is gone.
std::vector<int64_t> Told(LibraryTables& tables) {
  std::vector<int64_t> out;
  for (const ChangeFeed::Change& change : tables.feed.Take(1000)) {
    if (const auto* listing = std::get_if<BookListing>(&change)) {
      out.push_back(static_cast<int64_t>(listing->number));
    } else {
      out.push_back(-static_cast<int64_t>(std::get<uint64_t>(change)));
    }
  }
  return out;
}

TEST(LibraryTablesTest, ABookThatIsListedIsNoLongerPendingNorPartial) {
  LibraryTables tables;
  tables.unlisted.Put("a", {10, ""});
  const Book a = BookAt(2, "a", 1);
  tables.feed.AddPartial({1, a.record.name, a.record.content, /*partial=*/true});
  tables.List(a);
  EXPECT_EQ(tables.unlisted.pending(), 0U);
  EXPECT_THAT(Told(tables), ElementsAre(1, -1, 2));
  tables.End(2);
  EXPECT_THAT(Told(tables), ElementsAre(-2));
  EXPECT_EQ(tables.listings.size(), 0U);
}

TEST(LibraryTablesTest, AnUnsettledBookIsNotAnnounced) {
  LibraryTables tables;
  tables.List(BookAt(1, "a", 1, /*unsettled=*/true));
  tables.List(BookAt(2, "b", 2));
  const Book c = BookAt(3, "c", 3);
  tables.feed.AddPartial({3, c.record.name, c.record.content, /*partial=*/true});
  EXPECT_THAT(Told(tables), ElementsAre(2, 3));
  std::vector<uint64_t> numbers;
  for (const BookListing& listing : tables.Announced()) numbers.push_back(listing.number);
  EXPECT_THAT(numbers, ElementsAre(2, 3));
}

TEST(LibraryTablesTest, PathsBeneathAFolderAreThoseOfItsFilesOnly) {
  LibraryTables tables;
  tables.List(BookAt(1, "f/a", 1));
  tables.List(BookAt(2, "f-other", 2));
  tables.unlisted.Put("f/b", {1, "no"});
  EXPECT_THAT(tables.PathsBeneath("f"), ElementsAre("f/a", "f/b"));
  EXPECT_THAT(tables.PathsBeneath("f/a"), IsEmpty());
  EXPECT_THAT(tables.PathsBeneath(""), ElementsAre("f-other", "f/a", "f/b"));
}

TEST(LibraryTablesTest, OfTwoListingsOfOnePathTheEarlierIsSurplus) {
  std::vector<ListingRecord> listings;
  for (const Book& book : {BookAt(1, "a", 1), BookAt(2, "b", 2), BookAt(3, "a", 3)}) {
    listings.push_back(book.record);
  }
  std::vector<ListingRecord> fewer = listings;
  EXPECT_THAT(TakeSurplus(listings, 10), ElementsAre(1));
  ASSERT_EQ(listings.size(), 2U);
  EXPECT_EQ(listings[0].number, 3U);
  EXPECT_EQ(listings[1].number, 2U);
  EXPECT_THAT(TakeSurplus(fewer, 1), ElementsAre(2, 1));
}

}  // namespace
}  // namespace arkshare
