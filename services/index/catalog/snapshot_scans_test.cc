#include "services/index/catalog/snapshot_scans.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "services/index/testing/sample_books.h"

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Kind = CatalogEvent::Kind;

constexpr uint64_t kRevision = 42;

class SnapshotScansTest : public testing::Test {
 protected:
  // A visible shelf with `count` books, from number 1 on.
  std::shared_ptr<Shelf> AddShelf(uint32_t id, uint64_t count) {
    auto shelf = std::make_shared<Shelf>(TestPeer(id, static_cast<uint8_t>(id)), true);
    shelf->streaming = true;
    shelves_[id] = shelf;
    for (uint64_t number = 1; number <= count; ++number) Put(*shelf, number);
    return shelf;
  }
  static std::string NameOf(const Shelf& shelf, uint64_t number) {
    return std::to_string(shelf.info.peer_id) + "/" + std::to_string(number);
  }
  // Adds a book to the shelf, without a word to the scans.
  void Put(Shelf& shelf, uint64_t number) {
    const StatementRecord statement = Present(number, NameOf(shelf, number), number);
    ASSERT_TRUE(holdings_.Present(
        shelf, statement,
        {statement.present->name.value(), &statement.present->content, &statement.keys}));
    holdings_.AddWords();
  }
  void Add(Shelf& shelf, uint64_t number) {
    Put(shelf, number);
    scans_.Added(shelf, number);
  }
  void Remove(Shelf& shelf, uint64_t number) {
    const std::optional<BookListing> removed = holdings_.Gone(shelf, number);
    ASSERT_TRUE(removed.has_value());
    scans_.Removed(shelf, *removed);
  }
  SnapshotScans::ScanPtr Start(std::optional<BookQuery> filter = std::nullopt) {
    queue_ = std::make_shared<EventQueue>(std::move(filter), nullptr);
    return scans_.Start(queue_, kRevision, shelves_);
  }
  // The names of the books in the next slice; "peer N" for a peer and "end" for the mark.
  std::vector<std::string> Continue(SnapshotScan& scan) {
    std::vector<std::string> texts;
    for (const EventPtr& event : scans_.Continue(scan, holdings_)) {
      EXPECT_EQ(event->revision, kRevision);
      if (event->kind == Kind::kPeerListed) {
        texts.push_back("peer " + std::to_string(event->peer->info.peer_id));
      } else if (event->kind == Kind::kSnapshotComplete) {
        texts.push_back("end");
      } else {
        texts.push_back(event->book->listing.name.value());
      }
    }
    return texts;
  }

  Holdings holdings_{1'000'000};
  absl::btree_map<uint32_t, std::shared_ptr<Shelf>> shelves_;
  std::shared_ptr<EventQueue> queue_;
  SnapshotScans scans_;
};

TEST_F(SnapshotScansTest, ReadsVisibleShelvesInOrder) {
  AddShelf(2, 1);
  AddShelf(1, 2);
  AddShelf(3, 1)->streaming = false;
  const auto scan = Start();
  EXPECT_THAT(Continue(*scan), ElementsAre("peer 1", "1/1", "1/2", "peer 2", "2/1", "end"));
  EXPECT_THAT(Continue(*scan), IsEmpty()) << "it has ended";
}

TEST_F(SnapshotScansTest, LeavesOutABookThatIsAddedAheadOfTheScan) {
  const auto shelf = AddShelf(1, 1);
  const auto scan = Start();
  Add(*shelf, 2);
  EXPECT_THAT(Continue(*scan), ElementsAre("peer 1", "1/1", "end"));
}

TEST_F(SnapshotScansTest, KeepsABookThatIsRemovedAheadOfTheScan) {
  const auto shelf = AddShelf(1, 2);
  const auto scan = Start();
  Remove(*shelf, 1);
  EXPECT_THAT(Continue(*scan), ElementsAre("peer 1", "1/1", "1/2", "end"));
}

TEST_F(SnapshotScansTest, ABookThatComesAndGoesAheadOfTheScanIsNoPartOfIt) {
  const auto shelf = AddShelf(1, 1);
  const auto scan = Start();
  Add(*shelf, 2);
  Remove(*shelf, 2);
  EXPECT_THAT(Continue(*scan), ElementsAre("peer 1", "1/1", "end"));
}

TEST_F(SnapshotScansTest, ChangesBehindTheScanMeanNothingToIt) {
  const auto shelf = AddShelf(1, 300);
  const auto scan = Start();
  EXPECT_EQ(Continue(*scan).size(), 250u) << "a slice: the peer and 249 books";
  Remove(*shelf, 249);
  Remove(*shelf, 250);
  const std::vector<std::string> rest = Continue(*scan);
  EXPECT_THAT(rest, testing::Not(testing::Contains("1/249")));
  EXPECT_THAT(rest, testing::Contains("1/250"));
}

TEST_F(SnapshotScansTest, AChangeIsRememberedOnceForAllScans) {
  const auto shelf = AddShelf(1, 3);
  std::vector<SnapshotScans::ScanPtr> scans;
  for (int i = 0; i < 1'000; ++i) scans.push_back(Start());
  Add(*shelf, 4);
  Remove(*shelf, 2);
  EXPECT_EQ(shelf->scan_log->added.size(), 1u);
  EXPECT_EQ(shelf->scan_log->removed.size(), 1u);
  const auto later = Start();
  for (const auto& scan : scans) {
    ASSERT_THAT(Continue(*scan), ElementsAre("peer 1", "1/1", "1/2", "1/3", "end"));
  }
  EXPECT_THAT(Continue(*later), ElementsAre("peer 1", "1/1", "1/3", "1/4", "end"));
  Add(*shelf, 5);
  EXPECT_EQ(shelf->scan_log, nullptr) << "no scan needs it any more";
}

TEST_F(SnapshotScansTest, TellsTheBooksThatWereFoundBefore) {
  const auto one = AddShelf(1, 3);
  const auto two = AddShelf(2, 3);
  AddShelf(3, 3);
  queue_ = std::make_shared<EventQueue>(std::nullopt, nullptr);
  const auto scan = SnapshotScans::StartFound(queue_, kRevision, shelves_,
                                              {{2, TestListing(2, NameOf(*two, 2), 2)},
                                               {1, TestListing(3, NameOf(*one, 3), 3)},
                                               {1, TestListing(1, NameOf(*one, 1), 1)}});
  Remove(*one, 1);
  EXPECT_EQ(one->pins, 0);
  EXPECT_THAT(Continue(*scan),
              ElementsAre("peer 1", "1/1", "1/3", "peer 2", "2/2", "peer 3", "end"));
}

TEST_F(SnapshotScansTest, PinsAShelfUntilItIsRead) {
  const auto one = AddShelf(1, 1);
  const auto two = AddShelf(2, 400);
  const auto scan = Start();
  EXPECT_EQ(one->pins, 1);
  Continue(*scan);
  EXPECT_EQ(one->pins, 0);
  EXPECT_EQ(two->pins, 1);
  scans_.End(*scan);
  EXPECT_EQ(two->pins, 0);
  scans_.End(*scan);
  EXPECT_EQ(two->pins, 0) << "ending twice changes nothing";
}

TEST_F(SnapshotScansTest, AScanThatWasCutOffReadsNothing) {
  const auto one = AddShelf(1, 1);
  const auto scan = Start();
  queue_->CutOff();
  EXPECT_THAT(Continue(*scan), IsEmpty());
  EXPECT_EQ(one->pins, 1);
  scans_.End(*scan);
  EXPECT_EQ(one->pins, 0);
}

TEST_F(SnapshotScansTest, TooManyRemovedBooksCutTheWatcherOff) {
  const auto shelf = AddShelf(1, kMostRemovedDuringScans + 1);
  const auto scan = Start();
  for (uint64_t number = 1; number <= kMostRemovedDuringScans; ++number) Remove(*shelf, number);
  EXPECT_TRUE(queue_->status().ok());
  Remove(*shelf, kMostRemovedDuringScans + 1);
  EXPECT_FALSE(queue_->status().ok());
  EXPECT_EQ(shelf->pins, 0) << "it holds nothing up";
  EXPECT_EQ(shelf->scan_log, nullptr);
  scans_.End(*scan);
  EXPECT_EQ(shelf->pins, 0);
}

TEST_F(SnapshotScansTest, TooManyAddedBooksCutTheWatcherOff) {
  const auto shelf = AddShelf(1, 1);
  const auto scan = Start();
  for (uint64_t number = 2; number <= kMostAddedDuringScans + 1; ++number) {
    scans_.Added(*shelf, number);
  }
  EXPECT_TRUE(queue_->status().ok());
  scans_.Added(*shelf, kMostAddedDuringScans + 2);
  EXPECT_FALSE(queue_->status().ok());
}

}  // namespace
}  // namespace arkshare
