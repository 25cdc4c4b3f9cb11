#include "services/index/replica/steps.h"

#include <gtest/gtest.h>

#include "services/index/testing/sample_books.h"

namespace arkshare {
namespace {

TEST(StepsTest, KeysAreParsedAsTheyAreMade) {
  const PublicKey peer = TestKey(7);
  const auto page = LogKey::Parse(PageKey(peer, 0x1234, "00ff", 3));
  ASSERT_TRUE(page.has_value());
  EXPECT_EQ(page->kind, LogKey::Kind::kPage);
  EXPECT_EQ(page->peer, peer);
  EXPECT_EQ(page->epoch, 0x1234);
  EXPECT_EQ(LogKey::Parse(SessionKey(peer))->kind, LogKey::Kind::kSession);
  EXPECT_EQ(LogKey::Parse(SessionKey(peer))->peer, peer);
  EXPECT_EQ(LogKey::Parse(ClaimKey(peer))->kind, LogKey::Kind::kClaim);
  EXPECT_EQ(LogKey::Parse(GraveKey(peer, "00ff", 3))->kind, LogKey::Kind::kGrave);
  EXPECT_EQ(LogKey::Parse(GraveKey(peer, "00ff", 3))->peer, peer);
  EXPECT_EQ(LogKey::Parse(NumberKey(300))->number, 300u);
  EXPECT_EQ(LogKey::Parse(ReplicaKey("00ff"))->replica, "00ff");
}

TEST(StepsTest, KeysOfTheLogAndOfOtherVersionsAreIgnored) {
  for (const char* key : {"", "birth", "head", "compact", "s/", "s/12", "x/00ff", "n/", "n/z",
                          "c/00", "t/", "s/00/00", "r/a/b"}) {
    EXPECT_FALSE(LogKey::Parse(key).has_value()) << key;
  }
}

TEST(StepsTest, APageKeepsItsStatements) {
  const std::vector<StatementRecord> statements = {Present(4, "a", 1), StatementRecord::Gone(3),
                                                   PresentPart(5, "b", 2)};
  replica::PageRecord record = MakePage(7, statements, /*complete=*/true);
  replica::PageRecord::Origin& origin = *record.add_origins();
  origin.set_public_key(TestKey(9).bytes());
  origin.set_listing_number(12);
  origin.set_statement(1);
  record.add_origins()->set_public_key(TestKey(8).bytes());
  const std::optional<Page> page = ReadPage(record.SerializeAsString());
  ASSERT_TRUE(page.has_value());
  EXPECT_EQ(page->through, 9u);
  EXPECT_TRUE(page->complete);
  ASSERT_EQ(page->statements.size(), 3u);
  EXPECT_EQ(page->statements[0].present, statements[0].present);
  EXPECT_EQ(page->statements[1].number, 3u);
  EXPECT_FALSE(page->statements[1].present.has_value());
  EXPECT_TRUE(page->statements[2].present->partial);
  ASSERT_EQ(page->origins.size(), 2u);
  EXPECT_EQ(page->origins[0].source, TestKey(9));
  EXPECT_EQ(page->origins[0].listing, 12u);
  EXPECT_EQ(page->origins[0].statement, 0u);
  EXPECT_EQ(page->origins[1].statement, Page::Origin::kNone);
}

TEST(StepsTest, APageOutOfSequenceMovesNothingOn) {
  EXPECT_EQ(ReadPage(MakePage(0, {StatementRecord::Gone(3)}, false).SerializeAsString())->through,
            0u);
  replica::PageRecord merged = MakePage(0, {StatementRecord::Gone(3)}, false);
  merged.set_through(40);
  EXPECT_EQ(ReadPage(merged.SerializeAsString())->through, 40u);
}

TEST(StepsTest, AStatementThatIsLeftOutIsStillInSequence) {
  const std::vector<StatementRecord> statements = {Present(4, "a", 1), StatementRecord::Gone(3),
                                                   Present(5, "b", 2)};
  const std::vector<size_t> left_out = {0, 2};
  const auto page = ReadPage(MakePage(7, statements, false, left_out).SerializeAsString());
  EXPECT_EQ(page->through, 9u);
  ASSERT_EQ(page->statements.size(), 1u);
  EXPECT_EQ(page->statements[0].number, 3u);
}

TEST(StepsTest, RangesThatAreGoneAreKept) {
  replica::PageRecord record = MakePage(0, {Present(7, "a", 1), StatementRecord::Gone(9)}, false);
  AddStated({{TestListing(12, "b", 2)}, {{1, 5}, {11, 11}}}, record);
  replica::Range& wrong = *record.add_gone();
  wrong.set_first(20);
  wrong.set_last(19);
  const auto page = ReadPage(record.SerializeAsString());
  ASSERT_TRUE(page.has_value());
  EXPECT_EQ(page->gone, (std::vector<NumberRange>{{1, 5}, {11, 11}}));
  EXPECT_EQ(page->statements.back().present, TestListing(12, "b", 2));
  EXPECT_EQ(NumbersOf(*page), (std::vector<NumberRange>{{1, 5}, {7, 7}, {9, 9}, {11, 12}}));
  replica::GraveRecord grave;
  grave.add_listing_numbers(6);
  *grave.add_ranges() = record.gone(0);
  *grave.add_ranges() = wrong;
  EXPECT_EQ(NumbersOf(grave), (std::vector<NumberRange>{{1, 6}}));
}

TEST(StepsTest, BytesThatAreNoPageAreRefused) {
  EXPECT_FALSE(ReadPage("\xff").has_value());
  replica::PageRecord wrong = MakePage(1, {}, false);
  wrong.add_origins()->set_statement(1);
  EXPECT_FALSE(ReadPage(wrong.SerializeAsString()).has_value());
}

}  // namespace
}  // namespace arkshare
