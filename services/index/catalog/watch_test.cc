#include "services/index/catalog/watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "lib/core/errors.h"
#include "services/index/testing/sample_books.h"

namespace arkshare {
namespace {

using Kind = CatalogEvent::Kind;

bool Wanted(const std::optional<BookQuery>& filter, const BookListing& book) {
  CatalogEvent event;
  event.kind = CatalogEvent::Kind::kBookListed;
  event.book = BookEvent{1, book};
  return EventQueue(filter, nullptr).Wants(event);
}

// A client that applies every event and checks that it makes sense.
class Replica {
 public:
  using Books = std::map<std::pair<uint32_t, uint64_t>, std::string>;

  explicit Replica(std::optional<BookQuery> filter = std::nullopt) : filter_(std::move(filter)) {}

  void Apply(const CatalogEvent& event) {
    switch (event.kind) {
      case Kind::kBookListed:
        Add(*event.book);
        break;
      case Kind::kBookGone:
        Remove(*event.book);
        break;
      case Kind::kBookMoved:
        // With a filter, only one of the two may match.
        if (Wanted(filter_, event.old_book->listing)) Remove(*event.old_book);
        if (Wanted(filter_, event.book->listing)) Add(*event.book);
        break;
      case Kind::kPeerListed:
        peers_.insert(event.peer->info.peer_id);
        break;
      case Kind::kPeerGone:
        EXPECT_EQ(peers_.erase(event.peer_id), 1u) << "a peer leaves that never came";
        std::erase_if(books_, [&](const auto& book) { return book.first.first == event.peer_id; });
        break;
      case Kind::kSnapshotComplete:
        break;
    }
  }
  const Books& books() const { return books_; }
  const std::set<uint32_t>& peers() const { return peers_; }

 private:
  void Add(const BookEvent& book) {
    EXPECT_TRUE(peers_.contains(book.peer_id)) << "a book of a peer that never came";
    EXPECT_TRUE(
        books_.emplace(std::pair(book.peer_id, book.listing.number), book.listing.name.value())
            .second)
        << "listed twice";
  }
  void Remove(const BookEvent& book) {
    EXPECT_EQ(books_.erase({book.peer_id, book.listing.number}), 1u)
        << "a book leaves that was never listed";
  }

  const std::optional<BookQuery> filter_;
  std::set<uint32_t> peers_;
  Books books_;
};

// Returns the same from the catalog itself.
Replica::Books BooksIn(const Catalog& catalog,
                       const std::optional<BookQuery>& filter = std::nullopt) {
  Replica::Books books;
  for (const PeerSummary& peer : catalog.ListPeers(0, 1000)) {
    const auto listed = catalog.ListBooks(peer.info.peer_id, {}, 1'000'000);
    for (const BookListing& book : listed.value()) {
      if (Wanted(filter, book)) books[{peer.info.peer_id, book.number}] = book.name.value();
    }
  }
  return books;
}

// Applies all events that wait; returns the last status.
absl::Status Drain(Watch& watch, Replica& replica) {
  while (true) {
    const absl::StatusOr<EventPtr> event = watch.Next();
    if (!event.ok() || (*event == nullptr && !watch.more())) return event.status();
    if (*event != nullptr) replica.Apply(**event);
  }
}

Catalog::ShelfPtr Join(Catalog& catalog, uint32_t id) {
  const auto shelf = catalog.Open(TestPeer(id, static_cast<uint8_t>(id)), true);
  catalog.SetStreaming(shelf, true);
  return shelf;
}

void StateMany(Catalog& catalog, const Catalog::ShelfPtr& shelf, uint64_t first, uint64_t count) {
  for (uint64_t n = first; n < first + count; ++n) {
    ASSERT_TRUE(catalog.Apply(shelf, {Present(n, "book " + std::to_string(n), n)}).status.ok());
  }
}

TEST(WatchTest, ASnapshotAMarkAndTheChanges) {
  Catalog catalog({});
  const auto one = Join(catalog, 1);
  StateMany(catalog, one, 1, 2);
  int wakes = 0;
  Watch watch(&catalog, std::nullopt, [&] { ++wakes; });
  std::vector<Kind> kinds;
  uint64_t revision = 0;
  for (int i = 0; i < 4; ++i) {
    const EventPtr event = watch.Next().value();
    kinds.push_back(event->kind);
    if (i > 0) {
      EXPECT_EQ(event->revision, revision) << "the snapshot has one revision";
    }
    revision = event->revision;
  }
  EXPECT_THAT(kinds, testing::ElementsAre(Kind::kPeerListed, Kind::kBookListed, Kind::kBookListed,
                                          Kind::kSnapshotComplete));
  EXPECT_EQ(watch.Next().value(), nullptr);
  const auto two = Join(catalog, 2);
  EXPECT_EQ(wakes, 1);
  ASSERT_TRUE(
      catalog.UpdateOwner(two, {OwnerChange{TestKey(1), 1, Present(9, "mine", 1)}})[0].ok());
  EventPtr event = watch.Next().value();
  EXPECT_EQ(event->kind, Kind::kPeerListed);
  EXPECT_EQ(event->revision, ++revision);
  event = watch.Next().value();
  EXPECT_EQ(event->kind, Kind::kBookMoved);
  EXPECT_EQ(event->revision, ++revision);
  EXPECT_EQ(event->old_book->peer_id, 1u);
  EXPECT_EQ(event->book->listing.name.value(), "mine");
  catalog.Close(one);
  event = watch.Next().value();
  EXPECT_EQ(event->kind, Kind::kPeerGone);
  EXPECT_EQ(event->peer_id, 1u);
}

TEST(WatchTest, ChangedLoadIsAnEventOfThePeer) {
  Catalog catalog({});
  const auto one = Join(catalog, 1);
  Watch watch(&catalog, std::nullopt, nullptr);
  Replica replica;
  ASSERT_TRUE(Drain(watch, replica).ok());
  catalog.SetLoad(one, 3, 77);
  catalog.SetLoad(one, 3, 77);
  EventPtr event = watch.Next().value();
  EXPECT_EQ(event->peer->info.free_slots, 3u);
  EXPECT_EQ(event->peer->info.upload_limit, 77u);
  EXPECT_EQ(watch.Next().value(), nullptr);
}

TEST(WatchTest, PartialListingsAreNoEvents) {
  Catalog catalog({});
  const auto one = Join(catalog, 1);
  const auto two = Join(catalog, 2);
  const auto apply = [&](const StatementRecord& statement) {
    ASSERT_TRUE(catalog.Apply(one, {statement}).status.ok());
  };
  apply(PresentPart(1, "a", 1));
  Watch watch(&catalog, std::nullopt, nullptr);
  // A book that goes before the snapshot reads it, and the events after the snapshot.
  apply(PresentPart(2, "b", 2));
  apply(StatementRecord::Gone(1));
  apply(PresentPart(3, "c", 3));
  Replica replica;
  ASSERT_TRUE(Drain(watch, replica).ok());
  EXPECT_THAT(replica.peers(), testing::ElementsAre(1, 2));
  EXPECT_THAT(replica.books(), testing::IsEmpty());
  apply(StatementRecord::Gone(2));
  EXPECT_EQ(watch.Next().value(), nullptr);
  // A ticket may name any number of its source.
  ASSERT_TRUE(
      catalog.UpdateOwner(two, {OwnerChange{TestKey(1), 3, Present(9, "mine", 3)}})[0].ok());
  const EventPtr event = watch.Next().value();
  EXPECT_EQ(event->kind, Kind::kBookListed) << "nothing moved that anybody saw";
  EXPECT_EQ(event->book->listing.name.value(), "mine");
  apply(PresentPart(4, "d", 4));
  EXPECT_EQ(watch.Next().value(), nullptr);
  catalog.SetStreaming(one, false);
  catalog.SetStreaming(one, true);
  ASSERT_TRUE(Drain(watch, replica).ok());
  EXPECT_THAT(replica.books(), testing::IsEmpty());
}

TEST(WatchTest, AFilterShowsOnlyWhatMatches) {
  Catalog catalog({});
  const auto one = Join(catalog, 1);
  StateMany(catalog, one, 1, 3000);
  Watch watch(&catalog, BookQuery(Keywords{{"2999"}}), nullptr);
  Replica replica;
  ASSERT_TRUE(Drain(watch, replica).ok());
  EXPECT_THAT(replica.books(), testing::SizeIs(1));
  StateMany(catalog, one, 29990, 3);
  ASSERT_TRUE(Drain(watch, replica).ok());
  EXPECT_THAT(replica.books(), testing::SizeIs(4));
}

// However many books there are: what is found at once does not read them.
TEST(WatchTest, AFilterThatMatchesLittleReadsNoShelf) {
  Catalog catalog({});
  const auto one = Join(catalog, 1);
  StateMany(catalog, one, 1, 5'000);
  for (const BookQuery& filter : {BookQuery(Keywords{{"nothing"}}), BookQuery(Keywords{{"4999"}}),
                                  BookQuery(BookName::Parse("book 77").value()),
                                  BookQuery(TestContent(78)), BookQuery(TestContent(999'999))}) {
    Watch watch(&catalog, filter, nullptr);
    Replica replica;
    ASSERT_TRUE(Drain(watch, replica).ok());
    EXPECT_EQ(replica.books(), BooksIn(catalog, filter));
    EXPECT_EQ(watch.slices(), 1u);
    EXPECT_THAT(replica.peers(), testing::ElementsAre(1));
  }
}

TEST(WatchTest, AFilterOfCommonWordsReadsOneSliceAtATime) {
  Catalog catalog({});
  const auto one = Join(catalog, 1);
  for (uint64_t n = 1; n <= 6'000; ++n) {
    const std::string name = (n % 2 == 0 ? "even " : "odd ") + std::to_string(n) + " z";
    ASSERT_TRUE(catalog.Apply(one, {Present(n, name, n)}).status.ok());
  }
  Watch watch(&catalog, BookQuery(Keywords{{"even", "odd"}}), nullptr);
  EXPECT_EQ((*watch.Next())->kind, Kind::kPeerListed);
  size_t pauses = 0;
  while (true) {
    const size_t slices = watch.slices();
    const EventPtr event = watch.Next().value();
    EXPECT_LE(watch.slices(), slices + 1);
    if (event == nullptr) {
      EXPECT_TRUE(watch.more());
      ++pauses;
      continue;
    }
    EXPECT_EQ(event->kind, Kind::kSnapshotComplete);
    break;
  }
  EXPECT_GE(pauses, 20u);
  EXPECT_EQ(watch.Next().value(), nullptr);
  EXPECT_FALSE(watch.more());
}

TEST(WatchTest, AReaderThatFallsBehindIsCutOff) {
  Catalog catalog({});
  const auto one = Join(catalog, 1);
  Watch watch(&catalog, std::nullopt, nullptr);
  for (uint32_t i = 0; i <= kMostEventsBehind; ++i) catalog.SetLoad(one, i + 100, 0);
  EXPECT_EQ(GetReason(watch.Next().status()), Reason::kWatchLagged);
}

TEST(WatchTest, AShelfTooLargeToShowAtOnceCutsWatchersOff) {
  Catalog catalog({});
  const auto one = Join(catalog, 1);
  catalog.SetStreaming(one, false);
  StateMany(catalog, one, 1, kMostEventsBehind + 1);
  Watch watch(&catalog, std::nullopt, nullptr);
  Replica replica;
  ASSERT_TRUE(Drain(watch, replica).ok());
  catalog.SetStreaming(one, true);
  EXPECT_EQ(GetReason(Drain(watch, replica)), Reason::kWatchLagged);
  Watch again(&catalog, std::nullopt, nullptr);
  Replica second;
  ASSERT_TRUE(Drain(again, second).ok());
  EXPECT_EQ(second.books(), BooksIn(catalog));
}

TEST(WatchTest, AnEndedWatchHoldsNothingUp) {
  Catalog catalog({});
  const auto one = Join(catalog, 1);
  StateMany(catalog, one, 1, 5000);
  {
    Watch watch(&catalog, std::nullopt, nullptr);
    Replica replica;
    replica.Apply(**watch.Next());
    catalog.Close(one);
    EXPECT_FALSE(catalog.Reclaim()) << "the snapshot still reads it";
    ASSERT_TRUE(Drain(watch, replica).ok());
    EXPECT_TRUE(replica.books().empty());
  }
  EXPECT_TRUE(catalog.Reclaim());
  while (catalog.Reclaim()) {
  }
}

TEST(WatchTest, AWatcherThatIsCutOffInItsSnapshotHoldsNothingUp) {
  Catalog catalog({});
  const auto one = Join(catalog, 1);
  StateMany(catalog, one, 1, 5000);
  const auto two = Join(catalog, 2);
  int wakes = 0;
  auto watch = std::make_unique<Watch>(&catalog, std::nullopt, [&] { ++wakes; });
  Replica replica;
  replica.Apply(**watch->Next());
  catalog.Close(one);
  for (uint32_t i = 0; i <= kMostEventsBehind; ++i) catalog.SetLoad(two, i + 100, 0);
  StateMany(catalog, two, 1, 1);
  EXPECT_EQ(GetReason(watch->status()), Reason::kWatchLagged);
  EXPECT_GE(wakes, 1) << "its reader is told to end it";
  EXPECT_EQ(GetReason(Drain(*watch, replica)), Reason::kWatchLagged);
  watch.reset();
  EXPECT_TRUE(catalog.Reclaim()) << "no snapshot reads the shelf any more";
}

// The snapshot is exact while everything changes between its slices: what a watcher knows at the
// mark is the catalog at the watch's beginning, and what it knows at the end is the catalog at the
// end.
TEST(WatchTest, SnapshotAndChangesFitTogetherWhateverHappensMeanwhile) {
  std::mt19937 random(99);
  // All books, the few of a word, the many of a common one, and those of two that are common.
  const std::optional<BookQuery> filters[] = {std::nullopt, BookQuery(Keywords{{"7"}}),
                                              BookQuery(Keywords{{"book"}}),
                                              BookQuery(Keywords{{"b", "1"}})};
  int lagged = 0;
  for (int scenario = 0; scenario < 24; ++scenario) {
    const std::optional<BookQuery>& filter = filters[scenario % 4];
    Catalog catalog({});
    constexpr uint32_t kPeers = 5;
    std::vector<Catalog::ShelfPtr> shelves(kPeers + 1);
    std::vector<uint64_t> next_number(kPeers + 1, 1);
    for (uint32_t id = 1; id <= kPeers; ++id) {
      shelves[id] = Join(catalog, id);
      const uint64_t count = id == 1 ? 2500 : random() % 800;
      StateMany(catalog, shelves[id], 1, count);
      next_number[id] = count + 1;
    }
    const auto change = [&] {
      const uint32_t id = 1 + static_cast<uint32_t>(random() % kPeers);
      const Catalog::ShelfPtr& shelf = shelves[id];
      switch (random() % 10) {
        case 0:
          catalog.SetStreaming(shelf, random() % 4 != 0);
          break;
        case 1: {
          if (random() % 3 != 0) break;
          catalog.Close(shelf);
          shelves[id] = Join(catalog, id);
          break;
        }
        case 2:
        case 3:
        case 4:
          catalog.Apply(shelf, {StatementRecord::Gone(1 + random() % next_number[id])});
          break;
        case 5:
        case 6:
        case 7: {
          const uint64_t number = next_number[id]++;
          catalog.Apply(shelf, {Present(number, "new " + std::to_string(random() % 50), number)});
          break;
        }
        default: {
          const uint32_t source = 1 + static_cast<uint32_t>(random() % kPeers);
          const uint64_t number = next_number[id]++;
          catalog.UpdateOwner(
              shelf, {OwnerChange{TestKey(static_cast<uint8_t>(source)),
                                  1 + random() % next_number[source],
                                  Present(number, "moved " + std::to_string(number), number)}});
          break;
        }
      }
      if (random() % 8 == 0) catalog.Reclaim();
    };
    for (int i = 0; i < 50; ++i) change();

    const Replica::Books at_start = BooksIn(catalog, filter);
    Watch watch(&catalog, filter, nullptr);
    Replica replica(filter);
    uint64_t revision = 0;
    bool complete = false;
    while (true) {
      // Many events come from one slice: change much between some of them.
      if (!complete && random() % 40 == 0) {
        for (int i = 0; i < 60; ++i) change();
      }
      const absl::StatusOr<EventPtr> event = watch.Next();
      if (GetReason(event.status()) == Reason::kWatchLagged) {
        ++lagged;  // large shelves came and went several times
        break;
      }
      ASSERT_TRUE(event.ok()) << event.status();
      if (*event == nullptr) {
        if (watch.more()) continue;
        ASSERT_EQ(replica.books(), BooksIn(catalog, filter));
        break;
      }
      replica.Apply(**event);
      if ((*event)->kind == Kind::kSnapshotComplete) {
        complete = true;
        ASSERT_EQ(replica.books(), at_start);
      }
      if (complete) {
        EXPECT_GE((*event)->revision, revision);
      }
      revision = (*event)->revision;
    }
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_LE(lagged, 8) << "most scenarios reach their end";
}

// Returns the kinds of the events that wait, in order.
std::vector<Kind> KindsOf(Watch& watch) {
  std::vector<Kind> kinds;
  while (true) {
    const absl::StatusOr<EventPtr> event = watch.Next();
    EXPECT_TRUE(event.ok()) << event.status();
    if (!event.ok() || (*event == nullptr && !watch.more())) return kinds;
    if (*event != nullptr) kinds.push_back((*event)->kind);
  }
}

TEST(WatchPartsTest, AReaderGetsThePartsThatItWants) {
  const BookQuery query{Keywords{{"book"}}};
  const struct {
    WatchParts parts;
    std::optional<BookQuery> filter;
    std::vector<Kind> snapshot, changes;
  } cases[] = {
      {{},
       std::nullopt,
       {Kind::kPeerListed, Kind::kBookListed, Kind::kSnapshotComplete},
       {Kind::kBookListed, Kind::kPeerListed}},
      {{.snapshot = false},
       std::nullopt,
       {Kind::kSnapshotComplete},
       {Kind::kBookListed, Kind::kPeerListed}},
      {{.snapshot = false},
       query,
       {Kind::kSnapshotComplete},
       {Kind::kBookListed, Kind::kPeerListed}},
      {{.books = false},
       std::nullopt,
       {Kind::kPeerListed, Kind::kSnapshotComplete},
       {Kind::kPeerListed}},
      {{.books = false, .snapshot = false},
       std::nullopt,
       {Kind::kSnapshotComplete},
       {Kind::kPeerListed}},
      {{.peers = false},
       std::nullopt,
       {Kind::kBookListed, Kind::kSnapshotComplete},
       {Kind::kBookListed}},
      {{.peers = false}, query, {Kind::kBookListed, Kind::kSnapshotComplete}, {Kind::kBookListed}},
  };
  int number = 0;
  for (const auto& one : cases) {
    SCOPED_TRACE(number++);
    Catalog catalog({});
    const auto shelf = Join(catalog, 1);
    StateMany(catalog, shelf, 1, 1);
    Watch watch(
        &catalog, one.filter, [] {}, one.parts);
    EXPECT_EQ(KindsOf(watch), one.snapshot);
    StateMany(catalog, shelf, 2, 1);
    Join(catalog, 2);
    EXPECT_EQ(KindsOf(watch), one.changes);
  }
}

}  // namespace
}  // namespace arkshare
