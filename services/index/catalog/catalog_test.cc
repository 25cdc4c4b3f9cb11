#include "services/index/catalog/catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "lib/core/errors.h"
#include "lib/core/search_words.h"
#include "services/index/testing/sample_books.h"
#include "services/index/testing/search_values.h"

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

BookQuery ByName(const std::string& name) { return BookQuery(BookName::Parse(name).value()); }
BookQuery ByWords(const std::string& text) { return BookQuery(Keywords{FoldedWords(text)}); }

class CatalogTest : public testing::Test {
 protected:
  explicit CatalogTest(Catalog::Options options = {}) : catalog_(std::move(options)) {}

  // A peer with an open stream.
  Catalog::ShelfPtr Join(uint32_t id, bool reachable = true) {
    return JoinAs(TestPeer(id, static_cast<uint8_t>(id)), reachable);
  }
  Catalog::ShelfPtr JoinAs(PeerInfo peer, bool reachable = true) {
    const Catalog::ShelfPtr shelf = catalog_.Open(std::move(peer), reachable);
    catalog_.SetStreaming(shelf, true);
    return shelf;
  }
  void State(const Catalog::ShelfPtr& shelf, const std::vector<StatementRecord>& statements) {
    const Catalog::Applied applied = catalog_.Apply(shelf, statements);
    ASSERT_TRUE(applied.status.ok()) << applied.status;
    ASSERT_EQ(applied.count, statements.size());
  }
  std::vector<uint32_t> HoldersOf(const std::string& name, bool loopback = true) {
    std::vector<uint32_t> ids;
    for (const SearchResult& result :
         SearchFor(catalog_, ByName(name), loopback, 100, std::nullopt).results) {
      for (const HolderRecord& holder : result.holders) ids.push_back(holder.peer->peer_id);
    }
    return ids;
  }
  std::vector<std::string> NamesFor(const BookQuery& query) {
    std::vector<std::string> names;
    for (const SearchResult& result : SearchFor(catalog_, query, true, 100, std::nullopt).results) {
      names.push_back(result.name);
    }
    return names;
  }
  // The holders of the content or a part of it, as "name peer" or "name peer partial", in order.
  std::vector<std::string> ContentHolders(uint64_t content, bool include_partial,
                                          bool loopback = true) {
    std::optional<uint64_t> seed;
    if (include_partial) seed = 1;
    std::vector<std::string> holders;
    const BookQuery query(TestContent(content));
    for (const SearchResult& result :
         SearchFor(catalog_, query, loopback, 100, std::nullopt, seed).results) {
      uint32_t whole = 0;
      for (const HolderRecord& holder : result.holders) {
        holders.push_back(result.name + " " + std::to_string(holder.peer->peer_id) +
                          (holder.partial ? " partial" : ""));
        if (!holder.partial) ++whole;
      }
      EXPECT_EQ(result.holder_count, whole);
    }
    return holders;
  }
  std::vector<std::string> BooksOf(uint32_t peer_id) {
    std::vector<std::string> names;
    const auto books = catalog_.ListBooks(peer_id, {}, 1'000'000);
    if (!books.ok()) return {"no such peer"};
    for (const BookListing& book : *books) names.push_back(book.name.value());
    return names;
  }
  absl::Status Move(const Catalog::ShelfPtr& receiver, const PublicKey& source, uint64_t listing,
                    StatementRecord present) {
    return catalog_.UpdateOwner(receiver, {OwnerChange{source, listing, std::move(present)}})[0];
  }

  Catalog catalog_;
};

TEST_F(CatalogTest, StatedBooksAreFoundUntilTheyAreGone) {
  const auto one = Join(1);
  State(one, {Present(1, "a", 1), Present(2, "b", 2)});
  EXPECT_THAT(HoldersOf("a"), ElementsAre(1));
  State(one, {StatementRecord::Gone(1)});
  EXPECT_THAT(HoldersOf("a"), IsEmpty());
  EXPECT_THAT(HoldersOf("b"), ElementsAre(1));
}

TEST_F(CatalogTest, GoneIsFinalWhateverComesLater) {
  const auto one = Join(1);
  State(one, {StatementRecord::Gone(1), Present(1, "a", 1)});
  EXPECT_THAT(HoldersOf("a"), IsEmpty());
  State(one, {Present(2, "a", 1), StatementRecord::Gone(2), Present(2, "a", 1)});
  EXPECT_THAT(HoldersOf("a"), IsEmpty());
  State(one, {Present(3, "a", 1)});
  EXPECT_THAT(HoldersOf("a"), ElementsAre(1));
}

TEST_F(CatalogTest, StatingTheSameTwiceIsOnceAndStatingAnotherIsAnError) {
  const auto one = Join(1);
  State(one, {Present(1, "a", 1), Present(1, "a", 1)});
  EXPECT_THAT(HoldersOf("a"), ElementsAre(1));
  const Catalog::Applied applied =
      catalog_.Apply(one, {Present(2, "b", 2), Present(1, "other", 1), Present(3, "c", 3)});
  EXPECT_EQ(applied.count, 1u);
  EXPECT_EQ(GetReason(applied.status), Reason::kInvalidField);
  EXPECT_THAT(BooksOf(1), ElementsAre("a", "b"));
}

TEST_F(CatalogTest, ABrokenStreamHidesAndANewOneShows) {
  const auto one = Join(1);
  State(one, {Present(1, "a", 1)});
  catalog_.SetStreaming(one, false);
  EXPECT_THAT(HoldersOf("a"), IsEmpty());
  EXPECT_FALSE(catalog_.FindPeer(1)->listed);
  EXPECT_EQ(catalog_.FindPeer(1)->book_count, 1u);
  EXPECT_THAT(BooksOf(1), IsEmpty());
  catalog_.SetStreaming(one, true);
  EXPECT_THAT(HoldersOf("a"), ElementsAre(1));
}

TEST_F(CatalogTest, UnreachablePeersAreThereButNotListed) {
  const auto one = Join(1, /*reachable=*/false);
  State(one, {Present(1, "a", 1)});
  EXPECT_THAT(HoldersOf("a"), IsEmpty());
  ASSERT_THAT(catalog_.ListPeers(0, 10), SizeIs(1));
  EXPECT_FALSE(catalog_.ListPeers(0, 10)[0].listed);
}

TEST_F(CatalogTest, AClosedShelfVanishesAtOnceAndIsFreedLater) {
  const auto one = Join(1);
  std::vector<StatementRecord> statements;
  for (uint64_t n = 1; n <= 1000; ++n) statements.push_back(Present(n, std::to_string(n), n));
  State(one, statements);
  for (StatementRecord& statement : statements) {
    statement = Present(statement.number + 1000, std::to_string(statement.number + 1000), 1);
  }
  State(one, statements);
  catalog_.Close(one);
  EXPECT_THAT(HoldersOf("5"), IsEmpty());
  EXPECT_EQ(catalog_.FindPeer(1), std::nullopt);
  EXPECT_THAT(BooksOf(1), ElementsAre("no such peer"));
  EXPECT_TRUE(catalog_.Reclaim());
  EXPECT_FALSE(catalog_.Reclaim());
  // The same key comes back under the same number.
  const auto again = Join(1);
  State(again, {Present(5, "5", 5)});
  EXPECT_THAT(BooksOf(1), ElementsAre("5"));
}

TEST_F(CatalogTest, ANewSessionBeginsWithNothingListed) {
  const auto old_session = Join(1);
  State(old_session, {Present(1, "a", 1), Present(2, "b", 2)});
  const auto new_session = Join(1);
  EXPECT_THAT(HoldersOf("a"), IsEmpty());
  State(new_session, {Present(1, "a", 1)});
  catalog_.CompleteSnapshot(new_session);
  EXPECT_THAT(BooksOf(1), ElementsAre("a"));
  // Late statements of the old session mean nothing.
  catalog_.SetStreaming(old_session, true);
  catalog_.Close(old_session);
  EXPECT_THAT(BooksOf(1), ElementsAre("a"));
}

TEST_F(CatalogTest, AMoveIsOneStep) {
  const auto source = Join(1);
  const auto receiver = Join(2);
  State(source, {Present(7, "a", 1)});
  EXPECT_TRUE(Move(receiver, TestKey(1), 7, Present(1, "mine", 1)).ok());
  EXPECT_THAT(BooksOf(1), IsEmpty());
  EXPECT_THAT(BooksOf(2), ElementsAre("mine"));
  // Again changes nothing, also after the receiver has lost it.
  EXPECT_TRUE(Move(receiver, TestKey(1), 7, Present(1, "mine", 1)).ok());
  EXPECT_THAT(BooksOf(2), ElementsAre("mine"));
  State(receiver, {StatementRecord::Gone(1)});
  EXPECT_TRUE(Move(receiver, TestKey(1), 7, Present(1, "mine", 1)).ok());
  EXPECT_THAT(BooksOf(2), IsEmpty());
}

TEST_F(CatalogTest, AMovedListingStaysGoneWhenItsSourceStatesItLate) {
  const auto source = Join(1);
  const auto receiver = Join(2);
  EXPECT_TRUE(Move(receiver, TestKey(1), 7, Present(1, "a", 1)).ok());
  State(source, {Present(7, "a", 1)});
  EXPECT_THAT(HoldersOf("a"), ElementsAre(2));
  State(source, {StatementRecord::Gone(7)});
  EXPECT_THAT(HoldersOf("a"), ElementsAre(2));
}

TEST_F(CatalogTest, ATombstoneOutlivesTheSessionUntilALaterSnapshotIsComplete) {
  const auto receiver = Join(2);
  auto source = Join(1);
  EXPECT_TRUE(Move(receiver, TestKey(1), 7, Present(1, "a", 1)).ok());
  catalog_.Close(source);
  source = Join(1);
  State(source, {Present(7, "a", 1)});
  EXPECT_THAT(HoldersOf("a"), ElementsAre(2));
  catalog_.CompleteSnapshot(source);
  // The owner has said everything: only what it says from now on counts.
  State(source, {Present(7, "a", 1)});
  EXPECT_THAT(HoldersOf("a"), UnorderedElementsAre(1, 2));
}

TEST_F(CatalogTest, ATombstoneWaitsForASourceThatIsNotThere) {
  const auto receiver = Join(2);
  EXPECT_TRUE(Move(receiver, TestKey(1), 7, Present(1, "a", 1)).ok());
  const auto source = Join(1);
  State(source, {Present(7, "a", 1), Present(8, "b", 2)});
  EXPECT_THAT(BooksOf(1), ElementsAre("b"));
}

TEST_F(CatalogTest, ANewSessionIsToldTheLargestNumberOfItsKey) {
  const auto first = Join(1);
  EXPECT_EQ(first->largest_earlier, 0U);
  State(first, {Present(3, "a", 1), Present(8, "b", 2), StatementRecord::Gone(5)});
  // Present in a session that still lives.
  const auto second = Join(1);
  EXPECT_EQ(second->largest_earlier, 8U);
  State(second, {StatementRecord::Gone(9), StatementRecord::Gone(7)});
  catalog_.Close(second);
  // Gone before.
  EXPECT_EQ(Join(1)->largest_earlier, 9U);
  EXPECT_EQ(Join(2)->largest_earlier, 0U);
}

TEST_F(CatalogTest, NumbersOfAnUnprovenSessionAreNotBelieved) {
  const auto false_one = Join(1, /*reachable=*/false);
  State(false_one, {Present(1'000'000, "a", 1), StatementRecord::Gone(2'000'000)});
  EXPECT_EQ(Join(1)->largest_earlier, 0U);
}

TEST_F(CatalogTest, TombstonesOfAnUnprovenSessionEndWithIt) {
  const auto replaced = Join(1, /*reachable=*/false);
  State(replaced, {StatementRecord::Gone(7)});
  const auto closed = Join(1, /*reachable=*/false);
  State(closed, {StatementRecord::Gone(8), Present(8, "b", 2)});
  catalog_.Close(closed);
  const auto owner = Join(1);
  State(owner, {Present(7, "a", 1), Present(8, "b", 2)});
  EXPECT_THAT(BooksOf(1), ElementsAre("a", "b"));
}

TEST_F(CatalogTest, NothingIsStoredForAnUnprovenSession) {
  const auto unproven = Join(1, /*reachable=*/false);
  State(unproven, {Present(1, "a", 1), PresentPart(2, "b", 2), StatementRecord::Gone(3)});
  State(unproven, {Present(1, "another name of this number", 1)});
  EXPECT_TRUE(Move(unproven, TestKey(2), 7, Present(4, "d", 4)).ok());
  EXPECT_EQ(catalog_.FindPeer(1)->book_count, 0U);
  EXPECT_EQ(unproven->size(), 0U);
  EXPECT_TRUE(unproven->gone.empty());
}

class CatalogMemoryTest : public CatalogTest {
 protected:
  static constexpr uint64_t kBytes = 4 << 20;

  CatalogMemoryTest() : CatalogTest(Options()) {}

  static Catalog::Options Options() {
    Catalog::Options options;
    options.max_bytes = kBytes;
    return options;
  }
  // States books with long names of their own until the index refuses one. Returns how many it
  // took.
  uint64_t Fill(const Catalog::ShelfPtr& shelf) {
    const uint64_t first = ++next_number_;
    while (true) {
      const std::string name = std::to_string(++next_number_) + std::string(200, 'x');
      const Catalog::Applied applied =
          catalog_.Apply(shelf, {Present(next_number_, name, next_number_)});
      if (applied.status.ok() && next_number_ < kBytes / 100) continue;
      EXPECT_EQ(GetReason(applied.status), Reason::kLimitExceeded);
      return next_number_ - first - 1;
    }
  }
  void ReclaimAll() {
    while (catalog_.Reclaim()) {
    }
  }

 private:
  uint64_t next_number_ = 0;
};

TEST_F(CatalogMemoryTest, TheBooksOfAllPeersTakeNoMoreThanTheBudget) {
  std::vector<Catalog::ShelfPtr> shelves;
  std::vector<uint64_t> taken;
  for (uint32_t id = 1; id <= 200; ++id) {
    shelves.push_back(Join(id));
    taken.push_back(Fill(shelves.back()));
  }
  EXPECT_GT(taken.front(), kBytes / 4 * 3 / 1000) << "the first may use what the others do not";
  EXPECT_GT(taken[1], 0U) << "one peer leaves room for others";
  EXPECT_EQ(taken.back(), 0U);
  for (const auto& shelf : shelves) catalog_.Close(shelf);
  ReclaimAll();
  EXPECT_GE(Fill(Join(1)), taken.front() * 9 / 10);
}

TEST_F(CatalogMemoryTest, APeerLearnsHowManyBooksFit) {
  const uint64_t at_first = catalog_.RoomInBooks();
  EXPECT_GT(at_first, 1000U);
  const auto large = Join(1);
  Fill(large);
  const uint64_t rest = catalog_.RoomInBooks();
  EXPECT_LT(rest, at_first / 10);
  EXPECT_GE(rest, 1U);
  catalog_.Close(large);
  EXPECT_GT(catalog_.RoomInBooks(), rest) << "a large peer can come back at once";
  ReclaimAll();
  EXPECT_EQ(catalog_.RoomInBooks(), at_first);
}

TEST_F(CatalogMemoryTest, TicketsDoNotFillTheMemoryWithNumbersThatAreGone) {
  const auto source = Join(1);
  const auto receiver = Join(2);
  std::vector<OwnerChange> changes;
  for (uint64_t n = 1; n <= 1000; ++n) changes.push_back({TestKey(1), 0, Present(n, "a", 1)});
  uint64_t number = 1'000'000'000;
  for (int round = 0; round < 500; ++round) {
    for (OwnerChange& change : changes) change.source_listing = number -= 2;
    catalog_.UpdateOwner(receiver, changes);
  }
  EXPECT_LT(source->gone.range_count() * 24, kBytes);
}

TEST_F(CatalogTest, APeerThatDoesNotAnswerIsHiddenUntilItDoes) {
  const auto one = Join(1);
  State(one, {Present(1, "a", 1)});
  catalog_.SetAnswering(one, false);
  EXPECT_THAT(HoldersOf("a"), IsEmpty());
  EXPECT_FALSE(catalog_.FindPeer(1)->listed);
  State(one, {Present(2, "b", 2)});
  catalog_.SetAnswering(one, true);
  EXPECT_THAT(HoldersOf("a"), ElementsAre(1));
  EXPECT_THAT(HoldersOf("b"), ElementsAre(1));
  EXPECT_TRUE(catalog_.FindPeer(1)->listed);
}

TEST_F(CatalogTest, TombstonesOutliveTheSnapshotOfAnUnprovenSession) {
  const auto receiver = Join(2);
  EXPECT_TRUE(Move(receiver, TestKey(1), 7, Present(1, "a", 1)).ok());
  const auto unproven = Join(1, /*reachable=*/false);
  catalog_.CompleteSnapshot(unproven);
  const auto owner = Join(1);
  State(owner, {Present(7, "a", 1), Present(8, "b", 2)});
  EXPECT_THAT(BooksOf(1), ElementsAre("b"));
  catalog_.CompleteSnapshot(owner);
  State(owner, {Present(7, "a", 1)});
  EXPECT_THAT(BooksOf(1), ElementsAre("a", "b"));
}

TEST_F(CatalogTest, ASignedMoveFromAnUnprovenSessionOutlivesIt) {
  const auto receiver = Join(2);
  const auto unproven = Join(1, /*reachable=*/false);
  State(unproven, {StatementRecord::Gone(7)});
  EXPECT_TRUE(Move(receiver, TestKey(1), 7, Present(1, "a", 1)).ok());
  catalog_.CompleteSnapshot(unproven);
  const auto owner = Join(1);
  State(owner, {Present(7, "a", 1), Present(8, "b", 2)});
  EXPECT_THAT(BooksOf(1), ElementsAre("b"));
}

TEST_F(CatalogTest, TombstonesOfStrangersAreBounded) {
  const auto receiver = Join(2);
  // Tickets signed by keys that never register: the oldest are forgotten, nothing grows.
  for (int round = 0; round < 101; ++round) {
    std::vector<OwnerChange> changes;
    for (uint64_t n = 0; n < 1000; ++n) {
      std::string key(32, 'k');
      key[0] = static_cast<char>(round);
      key[1] = static_cast<char>(n >> 8);
      key[2] = static_cast<char>(n & 0xff);
      const uint64_t number = static_cast<uint64_t>(round) * 1000 + n + 1;
      changes.push_back({PublicKey::FromBytes(key).value(), 1, Present(number, "a", 1)});
    }
    for (const absl::Status& status : catalog_.UpdateOwner(receiver, changes)) {
      ASSERT_TRUE(status.ok()) << status;
    }
  }
  std::string oldest(32, 'k');
  oldest[0] = oldest[1] = oldest[2] = 0;
  PeerInfo peer = TestPeer(3, 3);
  peer.key = PublicKey::FromBytes(oldest).value();
  const auto forgotten = JoinAs(peer);
  State(forgotten, {Present(1, "b", 2)});
  EXPECT_THAT(BooksOf(3), ElementsAre("b"));
  std::string newest(32, 'k');
  newest[0] = 100;
  newest[1] = static_cast<char>(999 >> 8);
  newest[2] = static_cast<char>(999 & 0xff);
  peer = TestPeer(4, 4);
  peer.key = PublicKey::FromBytes(newest).value();
  const auto remembered = JoinAs(peer);
  State(remembered, {Present(1, "b", 2)});
  EXPECT_THAT(BooksOf(4), IsEmpty());
}

TEST_F(CatalogTest, TheManyTombstonesOfOnePeerPushOutNoOthers) {
  const auto receiver = Join(2);
  EXPECT_TRUE(Move(receiver, TestKey(1), 7, Present(1, "a", 1)).ok());
  // Every second number is gone, so each costs a range.
  const auto bury = [&](uint32_t id, uint64_t count) {
    const auto peer = Join(id);
    for (uint64_t first = 1; first <= count; first += 1000) {
      std::vector<StatementRecord> gone;
      for (uint64_t n = first; n < first + 1000; ++n) gone.push_back(StatementRecord::Gone(2 * n));
      State(peer, gone);
    }
    catalog_.Close(peer);
  };
  bury(3, 10'000);
  bury(4, 100'000);
  const std::vector<StatementRecord> two = {Present(7, "b", 2), Present(20'000, "c", 3)};
  State(Join(1), two);
  EXPECT_THAT(BooksOf(1), ElementsAre("c"));
  State(Join(3), two);
  EXPECT_THAT(BooksOf(3), ElementsAre("b")) << "large, but not too large";
  State(Join(4), two);
  EXPECT_THAT(BooksOf(4), ElementsAre("b", "c")) << "forgotten itself";
}

TEST_F(CatalogTest, MovesFromHiddenAndToHiddenPeersCountToo) {
  const auto source = Join(1);
  const auto receiver = Join(2);
  State(source, {Present(7, "a", 1)});
  catalog_.SetStreaming(receiver, false);
  EXPECT_TRUE(Move(receiver, TestKey(1), 7, Present(1, "a", 1)).ok());
  EXPECT_THAT(HoldersOf("a"), IsEmpty());
  catalog_.SetStreaming(receiver, true);
  EXPECT_THAT(HoldersOf("a"), ElementsAre(2));
}

class SmallCatalogTest : public CatalogTest {
 protected:
  SmallCatalogTest() : CatalogTest({.max_books_per_peer = 3, .on_change = nullptr}) {}
};

TEST_F(SmallCatalogTest, APeerListsAtMostItsLimitOfBooks) {
  const auto one = Join(1);
  const Catalog::Applied applied =
      catalog_.Apply(one, {Present(1, "a", 1), Present(2, "b", 2), Present(3, "c", 3),
                           Present(3, "c", 3), Present(4, "d", 4)});
  EXPECT_EQ(applied.count, 4u);
  EXPECT_EQ(GetReason(applied.status), Reason::kLimitExceeded);
  State(one, {StatementRecord::Gone(1), Present(4, "d", 4)});
  EXPECT_THAT(BooksOf(1), ElementsAre("b", "c", "d"));
}

// Otherwise the next session of the peer would have more books than its limit.
TEST_F(SmallCatalogTest, AMoveIsNotOneBookMore) {
  const auto one = Join(1);
  const auto two = Join(2);
  State(one, {Present(1, "a", 1), Present(2, "b", 2)});
  State(two, {Present(1, "x", 11), Present(2, "y", 12), Present(3, "z", 13)});
  const absl::Status moved = Move(two, TestKey(1), 1, Present(4, "a", 1));
  EXPECT_EQ(GetReason(moved), Reason::kLimitExceeded);
  EXPECT_THAT(HoldersOf("a"), IsEmpty()) << "its source has given it away";
  EXPECT_THAT(BooksOf(2), ElementsAre("x", "y", "z"));
  State(two, {StatementRecord::Gone(1)});
  EXPECT_TRUE(Move(two, TestKey(1), 2, Present(5, "b", 2)).ok());
  EXPECT_TRUE(Move(two, TestKey(1), 2, Present(5, "b", 2)).ok()) << "the same again";
  EXPECT_THAT(HoldersOf("b"), ElementsAre(2));
}

TEST_F(SmallCatalogTest, TombstonesOutOfSequenceAreBoundedToo) {
  const auto one = Join(1);
  std::vector<StatementRecord> gone;
  for (uint64_t n = 1; n <= 10; ++n) gone.push_back(StatementRecord::Gone(n * 2));
  EXPECT_EQ(GetReason(catalog_.Apply(one, gone).status), Reason::kLimitExceeded);
}

// --- holders of a part

TEST_F(CatalogTest, PartialHoldersAreFoundByContentWhenTheyAreAskedFor) {
  State(Join(1), {Present(1, "a", 1), Present(2, "c", 1)});
  State(Join(2), {PresentPart(1, "a", 1)});
  State(Join(3), {PresentPart(7, "b", 1), PresentPart(8, "b", 2)});
  EXPECT_THAT(ContentHolders(1, false), ElementsAre("a 1", "c 1"));
  EXPECT_THAT(ContentHolders(1, true), ElementsAre("a 1", "a 2 partial", "b 3 partial", "c 1"));
  EXPECT_THAT(ContentHolders(2, false), IsEmpty());
  EXPECT_THAT(ContentHolders(2, true), ElementsAre("b 3 partial"));
  const SearchPage page = SearchFor(catalog_, BookQuery(TestContent(2)), true, 10, std::nullopt, 1);
  ASSERT_THAT(page.results, SizeIs(1));
  EXPECT_EQ(page.results[0].holders[0].listing_number, 8u);
  // Other queries do not look at them.
  for (const BookQuery& query : {ByName("a"), ByName("b"), ByWords("a"), ByWords("b")}) {
    for (const SearchResult& result :
         SearchFor(catalog_, query, true, 10, std::nullopt, 1).results) {
      EXPECT_THAT(result.holders, SizeIs(1)) << query.Fingerprint();
      EXPECT_EQ(result.name, "a");
    }
  }
}

TEST_F(CatalogTest, PartialListingsAreNeitherBrowsedNorCounted) {
  const auto one = Join(1);
  State(one, {Present(1, "a", 1), PresentPart(2, "b", 2)});
  EXPECT_THAT(BooksOf(1), ElementsAre("a"));
  EXPECT_EQ(catalog_.FindPeer(1)->book_count, 1u);
  const CatalogTable table = catalog_.Table(10, 10);
  EXPECT_EQ(table.rows[0].peer.book_count, 1u);
  EXPECT_THAT(table.rows[0].first_books, ElementsAre("a"));
}

TEST_F(CatalogTest, APartThatBecomesWholeHasOneEndWhateverTheOrder) {
  const std::vector<StatementRecord> statements = {PresentPart(1, "a", 1), PresentPart(1, "a", 1),
                                                   StatementRecord::Gone(1), Present(2, "a", 1)};
  std::vector<size_t> order = {0, 1, 2, 3};
  uint32_t id = 0;
  do {
    const auto shelf = Join(++id);
    for (const size_t i : order) State(shelf, {statements[i]});
    EXPECT_THAT(ContentHolders(1, true), ElementsAre("a " + std::to_string(id)));
    EXPECT_EQ(shelf->size(), 1u);
    catalog_.Close(shelf);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_F(CatalogTest, ANumberIsOfAPartOrOfAWholeBookNeverOfBoth) {
  const auto one = Join(1);
  State(one, {PresentPart(1, "a", 1), Present(2, "b", 2)});
  for (const StatementRecord& statement :
       {Present(1, "a", 1), PresentPart(1, "a", 3), PresentPart(2, "b", 2)}) {
    EXPECT_EQ(GetReason(catalog_.Apply(one, {statement}).status), Reason::kInvalidField);
  }
  EXPECT_EQ(GetReason(Move(one, TestKey(2), 7, Present(1, "a", 1))), Reason::kInvalidField);
  EXPECT_THAT(ContentHolders(1, true), ElementsAre("a 1 partial"));
}

TEST_F(CatalogTest, PartialListingsAreSeenWhenTheirPeerIs) {
  const auto one = Join(1);
  const auto unreachable = Join(2, /*reachable=*/false);
  PeerInfo local = TestPeer(3, 3);
  local.loopback = true;
  const auto loopback = JoinAs(local);
  for (const auto& shelf : {one, unreachable, loopback}) State(shelf, {PresentPart(1, "a", 1)});
  EXPECT_THAT(ContentHolders(1, true), UnorderedElementsAre("a 1 partial", "a 3 partial"));
  EXPECT_THAT(ContentHolders(1, true, /*loopback=*/false), ElementsAre("a 1 partial"));
  catalog_.SetStreaming(one, false);
  EXPECT_THAT(ContentHolders(1, true), ElementsAre("a 3 partial"));
  catalog_.SetStreaming(one, true);
  EXPECT_THAT(ContentHolders(1, true), UnorderedElementsAre("a 1 partial", "a 3 partial"));
  catalog_.Close(loopback);
  EXPECT_THAT(ContentHolders(1, true), ElementsAre("a 1 partial"));
}

TEST_F(CatalogTest, AClosedShelfFreesItsPartialListingsToo) {
  const auto one = Join(1);
  // One slice of whole books, so that the parts are in another slice.
  std::vector<StatementRecord> statements;
  for (uint64_t n = 1; n <= 1000; ++n) statements.push_back(Present(n, std::to_string(n), n + 10));
  State(one, statements);
  State(one, {PresentPart(1001, "a", 1), PresentPart(1003, "c", 1)});
  catalog_.Close(one);
  while (catalog_.Reclaim()) {
  }
  EXPECT_EQ(one->size(), 0u);
  const auto again = Join(1);
  EXPECT_THAT(ContentHolders(1, true), IsEmpty()) << "a new session begins with nothing";
  State(again, {PresentPart(1003, "c", 1)});
  EXPECT_THAT(ContentHolders(1, true), ElementsAre("c 1 partial"));
}

TEST_F(SmallCatalogTest, PartialListingsGetTheRoomThatIsLeft) {
  const auto one = Join(1);
  State(one, {PresentPart(1, "a", 1), Present(2, "b", 2), PresentPart(3, "c", 3),
              PresentPart(3, "c", 3), PresentPart(4, "d", 4)});
  EXPECT_THAT(ContentHolders(3, true), ElementsAre("c 1 partial"));
  EXPECT_THAT(ContentHolders(4, true), IsEmpty()) << "left out, without an error";
  State(one, {Present(5, "e", 5), Present(6, "f", 6)});
  EXPECT_THAT(BooksOf(1), ElementsAre("b", "e", "f"))
      << "partial books take no room from whole ones";
  EXPECT_EQ(GetReason(catalog_.Apply(one, {Present(7, "g", 7)}).status), Reason::kLimitExceeded);
  State(one, {StatementRecord::Gone(1), StatementRecord::Gone(3), StatementRecord::Gone(4),
              StatementRecord::Gone(2), PresentPart(8, "h", 8)});
  EXPECT_THAT(ContentHolders(8, true), ElementsAre("h 1 partial"));
}

TEST_F(CatalogTest, OfManyPartialHoldersEachSearchGetsAnotherThirty) {
  constexpr uint32_t kPeers = 100;
  for (uint32_t id = 1; id <= kPeers; ++id) {
    PeerInfo peer = TestPeer(id, static_cast<uint8_t>(id));
    peer.free_slots = id % 2;
    State(JoinAs(peer), {PresentPart(1, "a", 1)});
  }
  for (uint32_t id = 101; id <= 125; ++id) {
    State(JoinAs(TestPeer(id, static_cast<uint8_t>(id))), {Present(1, "a", 1)});
  }
  const auto choose = [&](uint64_t seed) {
    const BookQuery query(TestContent(1));
    const SearchPage page = SearchFor(catalog_, query, true, 10, std::nullopt, seed);
    std::vector<uint32_t> ids;
    EXPECT_THAT(page.results, SizeIs(1));
    EXPECT_EQ(page.results[0].holder_count, 25u);
    EXPECT_THAT(page.results[0].holders, SizeIs(50));
    for (size_t i = 0; i < page.results[0].holders.size(); ++i) {
      const HolderRecord& holder = page.results[0].holders[i];
      EXPECT_EQ(holder.partial, i >= 20) << "whole ones come first";
      if (!holder.partial) continue;
      EXPECT_EQ(holder.peer->free_slots, 1u) << "enough have a free slot";
      ids.push_back(holder.peer->peer_id);
    }
    return ids;
  };
  std::set<uint32_t> chosen;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const std::vector<uint32_t> ids = choose(seed);
    EXPECT_EQ(ids, choose(seed));
    EXPECT_NE(ids, choose(seed + 1));
    chosen.insert(ids.begin(), ids.end());
  }
  EXPECT_THAT(chosen, SizeIs(kPeers / 2)) << "each peer is chosen by some search";
}

TEST_F(CatalogTest, MovesToAPeerThatHasLeftAreNotMade) {
  const auto one = Join(1);
  const auto two = Join(2);
  State(one, {Present(1, "a", 1)});
  catalog_.Close(two);
  const std::vector<OwnerChange> change = {{TestKey(1), 1, Present(1, "a", 1)}};
  EXPECT_THAT(catalog_.UpdateOwner(two, change), IsEmpty());
  EXPECT_THAT(HoldersOf("a"), ElementsAre(1));
}

// --- search

TEST_F(CatalogTest, ExactSearchGroupsByContentInOrder) {
  const auto one = Join(1);
  const auto two = Join(2);
  State(one, {Present(1, "a", 2)});
  State(two, {Present(1, "a", 2), Present(2, "a", 1), Present(3, "A", 3)});
  const SearchPage page = SearchFor(catalog_, ByName("a"), true, 10, std::nullopt);
  ASSERT_THAT(page.results, SizeIs(2));
  EXPECT_EQ(page.results[0].content, TestContent(1));
  EXPECT_EQ(page.results[0].holder_count, 1u);
  EXPECT_EQ(page.results[1].content, TestContent(2));
  EXPECT_EQ(page.results[1].holder_count, 2u);
  EXPECT_EQ(page.last, std::nullopt);
}

TEST_F(CatalogTest, ContentSearchFindsEveryName) {
  const auto one = Join(1);
  State(one, {Present(1, "z", 1), Present(2, "y", 1), Present(3, "x", 2)});
  EXPECT_THAT(NamesFor(BookQuery(TestContent(1))), ElementsAre("y", "z"));
  EXPECT_THAT(NamesFor(BookQuery(TestContent(9))), IsEmpty());
}

TEST_F(CatalogTest, KeywordSearchRanksByFitThenHoldersThenName) {
  const auto one = Join(1);
  const auto two = Join(2);
  State(one, {Present(1, "war and peace.txt", 1), Present(2, "peaceful war", 2),
              Present(3, "war peace", 3), Present(4, "peace war", 4), Present(5, "war", 5)});
  State(two, {Present(1, "war peace", 3)});
  EXPECT_THAT(NamesFor(ByWords("peace WAR")),
              ElementsAre("war peace", "peace war", "war and peace.txt", "peaceful war"));
  EXPECT_THAT(NamesFor(ByWords("pea")), SizeIs(4));
  EXPECT_THAT(NamesFor(ByWords("peace nothing")), IsEmpty());
}

// Compares with a scan of all books: long and short names, popular and other ones, shown and hidden
// peers, whole words and prefixes, all pages.
TEST_F(CatalogTest, KeywordSearchFindsTheSameAsAScanOfAllBooks) {
  std::mt19937 random(11);
  const std::vector<std::string> vocabulary = {"a",   "an",  "and", "ant",  "b", "be",
                                               "bee", "one", "two", "twos", "x", "xy"};
  std::map<std::pair<std::string, ContentId>, int> shown_holders;
  std::vector<BookListing> books;
  std::set<std::string> names;
  while (books.size() < 400) {
    std::string name = "b";
    for (size_t words = random() % 20 / (1 + random() % 8); words > 0; --words) {
      name += " " + vocabulary[random() % vocabulary.size()];
    }
    if (!names.insert(name).second) continue;
    books.push_back(TestListing(1, name, random() % 300));
    if (random() % 4 == 0) books.push_back(TestListing(1, name, 300 + random() % 300));
  }
  for (uint32_t id = 1; id <= 90; ++id) {
    PeerInfo peer = TestPeer(id, static_cast<uint8_t>(id));
    peer.loopback = id % 7 == 0;
    const bool reachable = id % 3 != 0;
    std::vector<StatementRecord> statements;
    for (size_t book = 0; book < books.size(); ++book) {
      if (random() % (book % 10 == 0 ? 2 : 30) != 0) continue;
      books[book].number = book + 1;
      statements.push_back(StatementRecord::Present(books[book]));
      if (reachable && !peer.loopback) {
        ++shown_holders[{books[book].name.value(), books[book].content}];
      }
    }
    State(JoinAs(peer, reachable), statements);
  }
  for (int query = 0; query < 300; ++query) {
    std::set<std::string> words;
    for (uint64_t count = 1 + random() % 3; count > 0; --count) {
      words.insert(vocabulary[random() % vocabulary.size()].substr(0, 1 + random() % 3));
    }
    const Keywords keywords{{words.begin(), words.end()}};
    std::vector<SearchKey> expected;
    for (const auto& [book, holders] : shown_holders) {
      const std::string folded = NameWords(book.first);
      const std::optional<Fit> fit = FitOf(keywords, DistinctWords(folded));
      if (!fit.has_value()) continue;
      const int bits = static_cast<int>(std::bit_width(static_cast<unsigned>(holders)));
      expected.push_back({*fit, -bits, ShuffleOf(book.first), book.first, book.second});
    }
    std::sort(expected.begin(), expected.end());
    const size_t page_size = 1 + random() % 60;
    // Each page has the next results of that order; equally good ones are in order of name.
    for (size_t first = 0; first < expected.size(); first += page_size) {
      const auto begin = expected.begin() + static_cast<ptrdiff_t>(first);
      const auto page_results =
          static_cast<ptrdiff_t>(std::min(page_size, expected.size() - first));
      std::sort(begin, begin + page_results, [](const SearchKey& a, const SearchKey& b) {
        return std::tie(a.fit, a.unpopularity, a.name, a.content) <
               std::tie(b.fit, b.unpopularity, b.name, b.content);
      });
    }
    std::vector<std::pair<std::string, ContentId>> found;
    std::optional<SearchKey> after;
    do {
      const SearchPage page = SearchFor(catalog_, BookQuery(keywords), false, page_size, after);
      for (const SearchResult& result : page.results) {
        found.emplace_back(result.name, result.content);
      }
      after = page.last;
    } while (after.has_value());
    ASSERT_EQ(found.size(), expected.size()) << BookQuery(keywords).Fingerprint();
    for (size_t i = 0; i < found.size(); ++i) {
      ASSERT_EQ(found[i], std::pair(expected[i].name, expected[i].content))
          << BookQuery(keywords).Fingerprint() << " " << i << " " << expected[i].name;
    }
  }
}

TEST_F(CatalogTest, HoldersWithFreeSlotsComeFirstAndAreAtMostTwenty) {
  for (uint32_t id = 1; id <= 30; ++id) {
    PeerInfo peer = TestPeer(id, static_cast<uint8_t>(id));
    peer.free_slots = id % 3;
    State(JoinAs(peer), {Present(1, "a", 1)});
  }
  const SearchPage page = SearchFor(catalog_, ByName("a"), true, 10, std::nullopt);
  ASSERT_THAT(page.results, SizeIs(1));
  EXPECT_EQ(page.results[0].holder_count, 30u);
  ASSERT_THAT(page.results[0].holders, SizeIs(20));
  for (size_t i = 1; i < 20; ++i) {
    EXPECT_GE(page.results[0].holders[i - 1].peer->free_slots,
              page.results[0].holders[i].peer->free_slots);
  }
}

TEST_F(CatalogTest, LoopbackHoldersAreForLoopbackCallers) {
  PeerInfo peer = TestPeer(1, 1);
  peer.loopback = true;
  State(JoinAs(peer), {Present(1, "a", 1), Present(2, "b", 2)});
  State(Join(2), {Present(1, "a", 1)});
  EXPECT_THAT(HoldersOf("a", /*loopback=*/true), ElementsAre(1, 2));
  EXPECT_THAT(HoldersOf("a", /*loopback=*/false), ElementsAre(2));
  EXPECT_THAT(HoldersOf("b", /*loopback=*/false), IsEmpty());
}

TEST_F(CatalogTest, PagesOfEveryKindCoverEverythingOnce) {
  const auto one = Join(1);
  std::vector<StatementRecord> statements;
  for (uint64_t n = 1; n <= 50; ++n) {
    statements.push_back(Present(n, "same", n));
    statements.push_back(Present(100 + n, "book " + std::to_string(n), 1000));
    // Under a name under which another peer has the whole book, or not; keywords find none of them.
    statements.push_back(n % 2 == 0 ? Present(200 + n, "x " + std::to_string(n), 2000)
                                    : PresentPart(200 + n, "x " + std::to_string(n), 2000));
    if (n % 3 == 0) statements.push_back(PresentPart(300 + n, "x " + std::to_string(n), 2000));
  }
  State(one, statements);
  for (const BookQuery& query : {ByName("same"), BookQuery(TestContent(1000)), ByWords("book"),
                                 ByWords("b"), BookQuery(TestContent(2000))}) {
    for (size_t size : {1u, 7u, 50u, 1000u}) {
      std::set<std::tuple<std::string, ContentId>> seen;
      std::vector<SearchResult> all;
      std::optional<SearchKey> after;
      do {
        const SearchPage page = SearchFor(catalog_, query, true, size, after, /*partial_seed=*/1);
        EXPECT_LE(page.results.size(), size);
        for (const SearchResult& result : page.results) {
          EXPECT_TRUE(seen.insert({result.name, result.content}).second);
        }
        after = page.last;
      } while (after.has_value());
      EXPECT_EQ(seen.size(), 50u) << query.Fingerprint() << " " << size;
    }
  }
}

TEST_F(CatalogTest, LongPagesEndEarly) {
  const auto one = Join(1);
  const std::string part(250, 'x');
  const std::string folder = part + "/" + part + "/" + part + "/";
  for (int message = 0; message < 2; ++message) {
    std::vector<StatementRecord> statements;
    for (uint64_t n = 1; n <= 1000; ++n) {
      const uint64_t number = static_cast<uint64_t>(message) * 1000 + n;
      statements.push_back(Present(number, folder + std::to_string(number), 1));
    }
    State(one, statements);
  }
  const SearchPage page = SearchFor(catalog_, BookQuery(TestContent(1)), true, 2000, std::nullopt);
  EXPECT_LT(page.results.size(), 2000u);
  ASSERT_TRUE(page.last.has_value());
  EXPECT_EQ(page.last->name, page.results.back().name);
}

TEST_F(CatalogTest, BooksOfAPeerArePagedByNameThenNumber) {
  const auto one = Join(1);
  State(one, {Present(3, "b", 1), Present(2, "a", 1), Present(1, "b", 2)});
  const auto first = catalog_.ListBooks(1, {}, 2);
  ASSERT_THAT(*first, SizeIs(2));
  EXPECT_EQ((*first)[0].number, 2u);
  EXPECT_EQ((*first)[1].number, 1u);
  const auto second = catalog_.ListBooks(1, {"b", 1}, 2);
  ASSERT_THAT(*second, SizeIs(1));
  EXPECT_EQ((*second)[0].number, 3u);
  EXPECT_EQ(GetReason(catalog_.ListBooks(9, {}, 2).status()), Reason::kPeerUnknown);
}

TEST_F(CatalogTest, PeersAreListedInOrder) {
  Join(5);
  Join(1);
  Join(3, /*reachable=*/false);
  std::vector<uint32_t> ids;
  for (const PeerSummary& peer : catalog_.ListPeers(1, 10)) ids.push_back(peer.info.peer_id);
  EXPECT_THAT(ids, ElementsAre(3, 5));
  EXPECT_THAT(catalog_.ListPeers(0, 1), SizeIs(1));
  EXPECT_EQ(catalog_.FindPeer(TestKey(5))->info.peer_id, 5u);
  EXPECT_EQ(catalog_.FindPeer(TestKey(9)), std::nullopt);
}

TEST_F(CatalogTest, TheTableIsBounded) {
  for (uint32_t id = 1; id <= 5; ++id) {
    const auto shelf = Join(id);
    State(shelf, {Present(1, "a", 1), Present(2, "b", 2), Present(3, "c", 3)});
    if (id == 5) catalog_.SetStreaming(shelf, false);
  }
  const CatalogTable table = catalog_.Table(2, 2);
  EXPECT_EQ(table.peer_count, 5u);
  EXPECT_EQ(table.connection_count, 4u);
  ASSERT_THAT(table.rows, SizeIs(2));
  EXPECT_THAT(table.rows[0].first_books, ElementsAre("a", "b"));
  EXPECT_EQ(table.rows[0].peer.book_count, 3u);
}

// --- the fold

// The same statements in any order give the same catalog, because gone is final: replicas that
// receive them in different orders agree.
TEST(CatalogFoldTest, TheOrderOfArrivalDoesNotMatter) {
  constexpr int kPeers = 4;
  std::mt19937 random(2024);
  for (int scenario = 0; scenario < 30; ++scenario) {
    struct Fact {
      bool is_move = false;
      int peer = 0;  // the receiver of a move
      StatementRecord statement;
      int source = 0;
      uint64_t source_listing = 0;
    };
    std::vector<Fact> facts;
    using Listed = std::tuple<int, uint64_t, std::string>;
    std::set<Listed> stated;
    std::set<Listed> stated_parts;
    std::set<std::pair<int, uint64_t>> gone;
    // Every fourth number belongs to a partial book.
    const auto present = [&](int peer, uint64_t number) {
      const std::string name = "book " + std::to_string((static_cast<uint64_t>(peer) + number) % 7);
      const bool partial = number % 4 == 0;
      (partial ? stated_parts : stated).insert({peer, number, name});
      return partial ? PresentPart(number, name, number % 5) : Present(number, name, number % 5);
    };
    for (int i = 0; i < 80; ++i) {
      Fact fact;
      fact.peer = static_cast<int>(random() % kPeers);
      const uint64_t number = 1 + random() % 20;
      switch (random() % 4) {
        case 0:
        case 1:
          fact.statement = present(fact.peer, number);
          break;
        case 2:
          fact.statement = StatementRecord::Gone(number);
          gone.insert({fact.peer, number});
          break;
        case 3:
          fact.is_move = true;
          fact.statement = present(fact.peer, number % 4 == 0 ? number - 1 : number);
          fact.source = static_cast<int>(random() % kPeers);
          fact.source_listing = 1 + random() % 20;
          gone.insert({fact.source, fact.source_listing});
          break;
      }
      facts.push_back(fact);
      if (random() % 5 == 0) facts.push_back(facts[random() % facts.size()]);  // a repetition
    }
    const auto without_gone = [&](const std::set<Listed>& all) {
      std::set<Listed> left;
      for (const Listed& listed : all) {
        if (!gone.contains({std::get<0>(listed), std::get<1>(listed)})) left.insert(listed);
      }
      return left;
    };
    const std::set<Listed> expected = without_gone(stated);
    const std::set<Listed> expected_parts = without_gone(stated_parts);

    for (int order = 0; order < 10; ++order) {
      std::shuffle(facts.begin(), facts.end(), random);
      Catalog catalog({});
      std::vector<Catalog::ShelfPtr> shelves;
      for (int peer = 0; peer < kPeers; ++peer) {
        shelves.push_back(catalog.Open(
            TestPeer(static_cast<uint32_t>(peer) + 1, static_cast<uint8_t>(peer)), true));
      }
      for (const Fact& fact : facts) {
        const Catalog::ShelfPtr& shelf = shelves[static_cast<size_t>(fact.peer)];
        if (random() % 3 == 0) catalog.SetStreaming(shelf, random() % 2 == 0);
        if (fact.is_move) {
          const OwnerChange change{TestKey(static_cast<uint8_t>(fact.source)), fact.source_listing,
                                   fact.statement};
          ASSERT_TRUE(catalog.UpdateOwner(shelf, {change})[0].ok());
        } else {
          ASSERT_TRUE(catalog.Apply(shelf, {fact.statement}).status.ok());
        }
      }
      std::set<Listed> actual;
      std::map<std::string, uint32_t> holder_counts;
      for (int peer = 0; peer < kPeers; ++peer) {
        catalog.SetStreaming(shelves[static_cast<size_t>(peer)], true);
        const auto books = catalog.ListBooks(static_cast<uint32_t>(peer) + 1, {}, 1000);
        ASSERT_TRUE(books.ok());
        for (const BookListing& book : *books) {
          actual.insert({peer, book.number, book.name.value()});
          ++holder_counts[book.name.value()];
        }
      }
      ASSERT_EQ(actual, expected);
      std::set<Listed> actual_parts;
      for (uint64_t content = 0; content < 5; ++content) {
        const BookQuery query(TestContent(content));
        for (const SearchResult& result :
             SearchFor(catalog, query, true, 1000, std::nullopt, order).results) {
          for (const HolderRecord& holder : result.holders) {
            if (!holder.partial) continue;
            const int peer = static_cast<int>(holder.peer->peer_id) - 1;
            EXPECT_TRUE(actual_parts.insert({peer, holder.listing_number, result.name}).second);
          }
        }
      }
      ASSERT_EQ(actual_parts, expected_parts);
      // Search finds the same books.
      for (const auto& [name, count] : holder_counts) {
        uint32_t found = 0;
        for (const SearchResult& result :
             SearchFor(catalog, ByName(name), true, 1000, std::nullopt).results) {
          found += result.holder_count;
        }
        ASSERT_EQ(found, count) << name;
      }
    }
  }
}

// Searches run while peers announce, leave and move books. Under TSan this tests the locks.
TEST(CatalogThreadsTest, ReadersAndWritersAgree) {
  Catalog catalog({});
  constexpr uint64_t kBooks = 300;
  const auto write = [&](uint32_t id) {
    for (int round = 0; round < 5; ++round) {
      const auto shelf = catalog.Open(TestPeer(id, static_cast<uint8_t>(id)), true);
      catalog.SetStreaming(shelf, true);
      for (uint64_t n = 1; n <= kBooks; ++n) {
        catalog.Apply(shelf, {Present(n, "book " + std::to_string(n % 10), n)});
        if (n % 3 == 0) catalog.Apply(shelf, {StatementRecord::Gone(n)});
        catalog.Apply(shelf, {PresentPart(kBooks + n, "part " + std::to_string(n % 10), 1)});
        if (n % 2 == 0) catalog.Apply(shelf, {StatementRecord::Gone(kBooks + n)});
        catalog.SetLoad(shelf, static_cast<uint32_t>(n), 0);
      }
      catalog.Close(shelf);
      while (catalog.Reclaim()) {
      }
    }
  };
  std::vector<std::thread> threads;
  for (uint32_t id = 1; id <= 2; ++id) threads.emplace_back(write, id);
  threads.emplace_back([&] {
    for (int i = 0; i < 200; ++i) {
      const SearchPage page = SearchFor(catalog, ByWords("book"), true, 5, std::nullopt);
      for (const SearchResult& result : page.results) {
        EXPECT_EQ(result.holders.size(), result.holder_count);
        EXPECT_GE(result.holder_count, 1u);
      }
      const BookQuery content(TestContent(1));
      for (const SearchResult& result :
           SearchFor(catalog, content, true, 5, std::nullopt, /*partial_seed=*/1).results) {
        EXPECT_FALSE(result.holders.empty());
      }
      catalog.Table(10, 10);
      catalog.ListBooks(1, {}, 10).IgnoreError();
    }
  });
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(catalog.ListPeers(0, 10), IsEmpty());
}

TEST(CatalogNetworkTest, OnlyPeersOfANetworkAreListed) {
  Catalog catalog({});
  std::vector<Catalog::ShelfPtr> shelves;
  for (uint32_t id = 1; id <= 4; ++id) {
    shelves.push_back(catalog.Open(TestPeer(id, static_cast<uint8_t>(id)), true));
  }
  catalog.SetPlace(shelves[0], "192.168.1.5:4000", "198.51.100.1");
  catalog.SetPlace(shelves[1], "192.168.1.5:4000", "198.51.100.2");
  catalog.SetPlace(shelves[2], "", "198.51.100.1");
  catalog.SetPlace(shelves[3], "192.168.1.6:4000", "198.51.100.1");
  const auto ids = [&](const std::string& network, uint32_t after = 0) {
    std::vector<uint32_t> found;
    for (const PeerSummary& peer : catalog.ListPeersOf(network, after, 10)) {
      found.push_back(peer.info.peer_id);
    }
    return found;
  };
  EXPECT_THAT(ids("198.51.100.1"), ElementsAre(1, 4));
  EXPECT_THAT(ids("198.51.100.1", 1), ElementsAre(4));
  EXPECT_THAT(ids("198.51.100.2"), ElementsAre(2));
  EXPECT_THAT(ids("198.51.100.3"), IsEmpty());
  catalog.SetPlace(shelves[0], "", "");
  EXPECT_THAT(ids("198.51.100.1"), ElementsAre(4));
}

// --- Budgets of searches

class SearchBudgetTest : public testing::Test {
 protected:
  SearchBudgetTest() : shelf_(catalog_.Open(TestPeer(1, 1), true)) {
    catalog_.SetStreaming(shelf_, true);
    for (uint64_t n = 1; n <= 3'000; ++n) {
      const std::string name = "alpha" + std::to_string(n) + " beta " + std::string(200, 'x');
      EXPECT_TRUE(catalog_.Apply(shelf_, {Present(n, name, n)}).status.ok());
    }
  }
  size_t Search(const BookQuery& query, SearchBudget& budget) const {
    SearchWriter writer;
    catalog_.Search(query, false, 1'000, std::nullopt, std::nullopt, writer, budget);
    return writer.result_count();
  }

  Catalog catalog_{{}};
  const Catalog::ShelfPtr shelf_;
};

// A name of 200 bytes costs some hundreds to fold, so the budget is over long before the end.
TEST_F(SearchBudgetTest, ASearchThatCostsMoreEndsWithWhatItHasFound) {
  const BookQuery query(Keywords{{"al", "be"}});
  SearchBudget small(100'000);
  const size_t found = Search(query, small);
  EXPECT_TRUE(small.incomplete());
  EXPECT_GT(found, 0u);
  EXPECT_LT(found, 500u);
  SearchBudget large = SearchBudget::Unlimited();
  EXPECT_EQ(Search(query, large), 1'000u);
  EXPECT_FALSE(large.incomplete());
}

TEST_F(SearchBudgetTest, AShortPrefixReadsNoNames) {
  SearchBudget budget(400'000);
  EXPECT_EQ(Search(BookQuery(Keywords{{"a"}}), budget), 1'000u);
  EXPECT_FALSE(budget.incomplete());
}

TEST_F(SearchBudgetTest, ASearchEndsWhenItsCallerHasGone) {
  const std::atomic<bool> gone = true;
  SearchBudget budget(std::numeric_limits<size_t>::max(), &gone);
  EXPECT_EQ(Search(BookQuery(Keywords{{"al", "be"}}), budget), 0u);
  EXPECT_TRUE(budget.incomplete());
  EXPECT_EQ(Search(BookQuery(TestContent(3)), budget), 0u);
}

// The editions of a name are many; the next page goes on where the budget was over.
TEST_F(SearchBudgetTest, TheNextPageOfANameGoesOnWhereTheBudgetWasOver) {
  for (uint64_t n = 10'001; n <= 15'000; ++n) {
    ASSERT_TRUE(catalog_.Apply(shelf_, {Present(n, "same", n)}).status.ok());
  }
  catalog_.SetStreaming(shelf_, false);  // hidden: no result fills the page
  const BookQuery query(BookName::Parse("same").value());
  size_t pages = 0;
  std::optional<SearchKey> after;
  do {
    SearchBudget budget(1);
    SearchWriter writer;
    after = catalog_.Search(query, false, 50, after, std::nullopt, writer, budget);
    ++pages;
    ASSERT_LT(pages, 100u);
  } while (after.has_value());
  EXPECT_EQ(pages, 6u) << "a thousand editions each, and the end";
}

}  // namespace
}  // namespace arkshare
