#include "services/index/catalog/book_changes.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/errors.h"
#include "services/index/testing/sample_books.h"

namespace arkshare {
namespace {

class BookChangesTest : public testing::Test {
 protected:
  static std::unique_ptr<Shelf> MakeShelf(uint32_t id, bool reachable = true) {
    auto shelf = std::make_unique<Shelf>(TestPeer(id, static_cast<uint8_t>(id)), reachable);
    shelf->streaming = true;
    return shelf;
  }
  absl::Status State(Shelf& shelf, const StatementRecord& statement) {
    const absl::Status status = changes_.StatePresent(shelf, statement, BookOf(statement));
    holdings_.AddWords();
    return status;
  }
  void Join(Shelf& shelf, const StatementRecord& statement) {
    changes_.Join(shelf, statement);
    holdings_.AddWords();
  }
  std::optional<BookEvent> GiveTo(Shelf& shelf, const StatementRecord& statement,
                                  Holdings::Limits limits) {
    std::optional<BookEvent> book = changes_.GiveTo(shelf, statement, limits);
    holdings_.AddWords();
    return book;
  }

  Holdings holdings_{100};
  SnapshotScans scans_;
  Events events_{Clock::Real(), absl::ZeroDuration()};
  Publisher publisher_{&events_};
  BookChanges changes_{&holdings_, &scans_, &publisher_};
};

TEST_F(BookChangesTest, EachVisibleChangeHasARevision) {
  const auto shelf = MakeShelf(1);
  ASSERT_TRUE(State(*shelf, Present(1, "a", 1)).ok());
  EXPECT_EQ(publisher_.revision(), 1u);
  ASSERT_TRUE(State(*shelf, Present(1, "a", 1)).ok());
  EXPECT_EQ(publisher_.revision(), 1u) << "it was there already";
  ASSERT_TRUE(changes_.StateGone(*shelf, 1).ok());
  EXPECT_EQ(publisher_.revision(), 2u);
  shelf->streaming = false;
  ASSERT_TRUE(State(*shelf, Present(2, "b", 2)).ok());
  ASSERT_TRUE(changes_.StateGone(*shelf, 2).ok());
  EXPECT_EQ(publisher_.revision(), 2u) << "its books are hidden";
  EXPECT_EQ(shelf->size(), 0u);
}

TEST_F(BookChangesTest, ANumberForTwoBooksIsRefusedOrWhenJoinedGoneInAnyOrder) {
  const auto stating = MakeShelf(1);
  ASSERT_TRUE(State(*stating, Present(1, "a", 1)).ok());
  EXPECT_EQ(GetReason(State(*stating, Present(1, "b", 2))), Reason::kInvalidField);
  EXPECT_TRUE(stating->Has(1));
  std::vector<StatementRecord> statements = {Present(1, "a", 1), Present(1, "b", 2)};
  for (uint32_t id : {2u, 3u}) {
    const auto joining = MakeShelf(id);
    for (const StatementRecord& statement : statements) Join(*joining, statement);
    for (const StatementRecord& statement : statements) Join(*joining, statement);
    EXPECT_FALSE(joining->Has(1));
    EXPECT_TRUE(joining->IsGone(1));
    std::swap(statements[0], statements[1]);
  }
}

TEST_F(BookChangesTest, AMoveReturnsTheVisibleBooksAndPublishesNothing) {
  for (const Holdings::Limits limits : {Holdings::Limits::kHeld, Holdings::Limits::kIgnored}) {
    const auto source = MakeShelf(1);
    const auto receiver = MakeShelf(2);
    Join(*source, Present(7, "a", 1));
    const uint64_t before = publisher_.revision();
    const std::optional<BookEvent> old_book = changes_.TakeFrom(*source, 7, limits);
    ASSERT_TRUE(old_book.has_value());
    EXPECT_EQ(old_book->listing.number, 7u);
    EXPECT_EQ(old_book->peer_id, 1u);
    EXPECT_FALSE(changes_.TakeFrom(*source, 7, limits).has_value()) << "it is gone already";
    const std::optional<BookEvent> book = GiveTo(*receiver, Present(3, "a", 1), limits);
    ASSERT_TRUE(book.has_value());
    EXPECT_EQ(book->listing.number, 3u);
    EXPECT_EQ(book->peer_id, 2u);
    EXPECT_FALSE(GiveTo(*receiver, Present(3, "a", 1), limits).has_value()) << "it is there";
    EXPECT_EQ(publisher_.revision(), before);
    EXPECT_TRUE(source->IsGone(7));
  }
}

TEST_F(BookChangesTest, AMoveOfHiddenPeersIsMadeAndNotSeen) {
  const auto source = MakeShelf(1);
  Join(*source, Present(7, "a", 1));
  source->streaming = false;
  EXPECT_FALSE(changes_.TakeFrom(*source, 7, Holdings::Limits::kHeld).has_value());
  EXPECT_TRUE(source->IsGone(7));
  const auto receiver = MakeShelf(2);
  receiver->streaming = false;
  EXPECT_FALSE(GiveTo(*receiver, Present(3, "a", 1), Holdings::Limits::kIgnored).has_value());
  EXPECT_TRUE(receiver->Has(3));
  const auto unproven = MakeShelf(3, /*reachable=*/false);
  EXPECT_FALSE(GiveTo(*unproven, Present(3, "a", 1), Holdings::Limits::kIgnored).has_value());
  EXPECT_FALSE(unproven->Has(3)) << "nothing of it is stored";
}

}  // namespace
}  // namespace arkshare
