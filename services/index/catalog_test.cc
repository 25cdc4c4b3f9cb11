#include "services/index/catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "lib/core/errors.h"
#include "services/index/test_books.h"

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

  // A peer whose stream stands.
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
         catalog_.Search(ByName(name), loopback, 100, std::nullopt).results) {
      for (const HolderRecord& holder : result.holders) ids.push_back(holder.peer.peer_id);
    }
    return ids;
  }
  std::vector<std::string> NamesFor(const BookQuery& query) {
    std::vector<std::string> names;
    for (const SearchResult& result : catalog_.Search(query, true, 100, std::nullopt).results) {
      names.push_back(result.name);
    }
    return names;
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
  // The old session's late words mean nothing.
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

TEST_F(SmallCatalogTest, APeerListsAtMostSoManyBooks) {
  const auto one = Join(1);
  const Catalog::Applied applied =
      catalog_.Apply(one, {Present(1, "a", 1), Present(2, "b", 2), Present(3, "c", 3),
                           Present(3, "c", 3), Present(4, "d", 4)});
  EXPECT_EQ(applied.count, 4u);
  EXPECT_EQ(GetReason(applied.status), Reason::kLimitExceeded);
  State(one, {StatementRecord::Gone(1), Present(4, "d", 4)});
  EXPECT_THAT(BooksOf(1), ElementsAre("b", "c", "d"));
}

TEST_F(SmallCatalogTest, TombstonesOutOfSequenceAreBoundedToo) {
  const auto one = Join(1);
  std::vector<StatementRecord> gone;
  for (uint64_t n = 1; n <= 10; ++n) gone.push_back(StatementRecord::Gone(n * 2));
  EXPECT_EQ(GetReason(catalog_.Apply(one, gone).status), Reason::kLimitExceeded);
}

// --- search

TEST_F(CatalogTest, ExactSearchGroupsByContentInOrder) {
  const auto one = Join(1);
  const auto two = Join(2);
  State(one, {Present(1, "a", 2)});
  State(two, {Present(1, "a", 2), Present(2, "a", 1), Present(3, "A", 3)});
  const SearchPage page = catalog_.Search(ByName("a"), true, 10, std::nullopt);
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

TEST_F(CatalogTest, HoldersWithFreeSlotsComeFirstAndAreAtMostTwenty) {
  for (uint32_t id = 1; id <= 30; ++id) {
    PeerInfo peer = TestPeer(id, static_cast<uint8_t>(id));
    peer.free_slots = id % 3;
    State(JoinAs(peer), {Present(1, "a", 1)});
  }
  const SearchPage page = catalog_.Search(ByName("a"), true, 10, std::nullopt);
  ASSERT_THAT(page.results, SizeIs(1));
  EXPECT_EQ(page.results[0].holder_count, 30u);
  ASSERT_THAT(page.results[0].holders, SizeIs(20));
  for (size_t i = 1; i < 20; ++i) {
    EXPECT_GE(page.results[0].holders[i - 1].peer.free_slots,
              page.results[0].holders[i].peer.free_slots);
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
  }
  State(one, statements);
  for (const BookQuery& query :
       {ByName("same"), BookQuery(TestContent(1000)), ByWords("book"), ByWords("b")}) {
    for (size_t size : {1u, 7u, 50u, 1000u}) {
      std::set<std::tuple<std::string, ContentId>> seen;
      std::vector<SearchResult> all;
      std::optional<SearchKey> after;
      do {
        const SearchPage page = catalog_.Search(query, true, size, after);
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
  const SearchPage page = catalog_.Search(BookQuery(TestContent(1)), true, 2000, std::nullopt);
  EXPECT_LT(page.results.size(), 1000u);
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

// The same statements in any order give the same catalog, as long as gone is final: replicas that
// hear them in different orders agree.
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
    std::set<std::pair<int, uint64_t>> gone;
    const auto present = [&](int peer, uint64_t number) {
      const std::string name = "book " + std::to_string((static_cast<uint64_t>(peer) + number) % 7);
      stated.insert({peer, number, name});
      return Present(number, name, number % 5);
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
          fact.statement = present(fact.peer, number);
          fact.source = static_cast<int>(random() % kPeers);
          fact.source_listing = 1 + random() % 20;
          gone.insert({fact.source, fact.source_listing});
          break;
      }
      facts.push_back(fact);
      if (random() % 5 == 0) facts.push_back(facts[random() % facts.size()]);  // a repetition
    }
    std::set<Listed> expected;
    for (const Listed& listed : stated) {
      if (!gone.contains({std::get<0>(listed), std::get<1>(listed)})) expected.insert(listed);
    }

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
      // Search sees the same world.
      for (const auto& [name, count] : holder_counts) {
        uint32_t found = 0;
        for (const SearchResult& result :
             catalog.Search(ByName(name), true, 1000, std::nullopt).results) {
          found += result.holder_count;
        }
        ASSERT_EQ(found, count) << name;
      }
    }
  }
}

// Searches run while peers announce, leave and move books; under TSan this is the test of the
// locks.
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
      const SearchPage page = catalog.Search(ByWords("book"), true, 5, std::nullopt);
      for (const SearchResult& result : page.results) {
        EXPECT_EQ(result.holders.size(), result.holder_count);
        EXPECT_GE(result.holder_count, 1u);
      }
      catalog.Table(10, 10);
      catalog.ListBooks(1, {}, 10).IgnoreError();
    }
  });
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(catalog.ListPeers(0, 10), IsEmpty());
}

}  // namespace
}  // namespace arkshare
