#include "services/peer/library/listing_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/peer/testing/fake_book.h"
#include "services/peer/testing/must.h"

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::Pair;

BookName NameOf(const std::string& name) { return Must(BookName::Parse(name)); }

Book MakeBook(uint64_t number, const std::string& path, const ContentId& content) {
  return {.record = {.number = number,
                     .name = NameOf(path),
                     .path = path,
                     .content = content,
                     .identity = {}}};
}

TEST(ListingTableTest, FindsAListingByEachOfItsKeys) {
  const ContentId content = FakeBook::OfSize(100).id;
  ListingTable table;
  table.Insert(MakeBook(7, "sub/a", content));
  ASSERT_NE(table.Find(7), nullptr);
  EXPECT_EQ(table.Find(7)->book.record.path, "sub/a");
  EXPECT_FALSE(table.Find(7)->releasing);
  EXPECT_EQ(table.FindName(NameOf("sub/a")), table.Find(7));
  EXPECT_EQ(table.FindPath("sub/a"), table.Find(7));
  EXPECT_THAT(table.FindContent(content), ElementsAre(table.Find(7)));
  EXPECT_TRUE(table.HasContent(content));
  EXPECT_EQ(table.size(), 1U);
  EXPECT_EQ(table.bytes(), 100U);

  EXPECT_EQ(table.Find(8), nullptr);
  EXPECT_EQ(table.FindName(NameOf("a")), nullptr);
  EXPECT_EQ(table.FindPath("a"), nullptr);
  EXPECT_FALSE(table.HasContent(FakeBook::OfSize(100, 2).id));
}

TEST(ListingTableTest, AnErasedListingEndsItsReaders) {
  const ContentId content = FakeBook::OfSize(100).id;
  ListingTable table;
  table.Insert(MakeBook(7, "a", content));
  const std::shared_ptr<const std::atomic<bool>> ended = table.Find(7)->ended;
  EXPECT_FALSE(ended->load());
  table.Erase(7);
  EXPECT_TRUE(ended->load());
  EXPECT_EQ(table.Find(7), nullptr);
  EXPECT_EQ(table.FindName(NameOf("a")), nullptr);
  EXPECT_EQ(table.FindPath("a"), nullptr);
  EXPECT_TRUE(table.FindContent(content).empty());
  EXPECT_FALSE(table.HasContent(content));
  EXPECT_EQ(table.size(), 0U);
  EXPECT_EQ(table.bytes(), 0U);
  table.Erase(7);
  EXPECT_EQ(table.bytes(), 0U);
}

TEST(ListingTableTest, ListingsOfOneContentAreInOrderOfNumber) {
  const ContentId content = FakeBook::OfSize(100).id;
  ListingTable table;
  table.Insert(MakeBook(9, "a", content));
  table.Insert(MakeBook(3, "b", content));
  EXPECT_THAT(table.FindContent(content), ElementsAre(table.Find(3), table.Find(9)));
  EXPECT_THAT(table.by_path(), ElementsAre(Pair("a", 9), Pair("b", 3)));
  table.Erase(3);
  EXPECT_TRUE(table.HasContent(content));
  EXPECT_EQ(table.bytes(), 100U);
}

// One listing is a file whose path has this name only in NFC, the other a received book.
TEST(ListingTableTest, ErasingOneOfTwoListingsOfANameKeepsTheOther) {
  ListingTable table;
  Book decomposed = MakeBook(1, "cafe\u0301", FakeBook::OfSize(10, 1).id);
  ASSERT_EQ(decomposed.record.name, NameOf("caf\u00e9"));
  table.Insert(decomposed);
  table.Insert(MakeBook(2, "caf\u00e9", FakeBook::OfSize(10, 2).id));
  EXPECT_EQ(table.FindName(NameOf("caf\u00e9")), table.Find(2));
  table.Erase(1);
  EXPECT_EQ(table.FindName(NameOf("caf\u00e9")), table.Find(2));
  EXPECT_EQ(table.FindPath("cafe\u0301"), nullptr);
}

}  // namespace
}  // namespace arkshare
