// The part of the ledger that only the owner's calls read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "services/peer/disk/ledger.h"
#include "services/peer/testing/fake_book.h"
#include "services/peer/testing/must.h"
#include "services/peer/testing/temp_folder.h"

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using Kind = HistoryRecord::Kind;

ContentId ContentOf(uint32_t seed) { return FakeBook::OfSize(100, seed).id; }

class LedgerOwnerTest : public testing::Test {
 protected:
  LedgerOwnerTest() { Reopen(); }

  void Reopen() {
    ledger_.reset();
    folder_.reset();
    folder_ = Must(SharedFolder::Open(temp_.path()));
    ledger_ = Must(Ledger::Open(folder_.get(), &clock_));
  }
  static ListingRecord Listing(const std::string& name, uint32_t seed = 1) {
    return {.name = Must(BookName::Parse(name)),
            .path = name,
            .content = ContentOf(seed),
            .identity = {.inode = seed, .size = 100}};
  }
  // Gives a new listing away.
  TransferId Give(const std::string& name, uint32_t seed) {
    const uint64_t number =
        Must(ledger_->ReplaceListing(0, ListingRecord::State::kDeleted, Listing(name, seed)));
    ReleaseRecord record{.item = {TransferId::Random(), number, ContentOf(seed)},
                         .receiver = other_.public_key(),
                         .state = ReleaseRecord::State::kHidden};
    record.ticket = IssueTickets(key_, {{record.item.transfer_id, key_.public_key(), number,
                                         record.receiver, record.item.content}})[0];
    Must(ledger_->RecordReleases({record}));
    return record.item.transfer_id;
  }
  // Receives a book.
  TransferId Receive(const std::string& name, uint32_t seed, bool move) {
    const TransferRecord record{.id = TransferId::Random(),
                                .move = move,
                                .source = other_.public_key(),
                                .content = ContentOf(seed),
                                .name = Must(BookName::Parse(name))};
    const ListingRecord listing = Listing(name, seed);
    Must(ledger_->RecordIntents({record}));
    Must(ledger_->RecordOwned({{&record, &listing}}).status());
    return record.id;
  }

  TempFolder temp_;
  FakeClock clock_;
  std::unique_ptr<SharedFolder> folder_;
  std::unique_ptr<Ledger> ledger_;
  const PrivateKey key_ = PrivateKey::Generate();
  const PrivateKey other_ = PrivateKey::Generate();
};

TEST_F(LedgerOwnerTest, KnowsWhenAListingWasAdded) {
  const uint64_t first =
      Must(ledger_->ReplaceListing(0, ListingRecord::State::kDeleted, Listing("a")));
  const absl::Time then = clock_.Now();
  clock_.Advance(absl::Hours(1));
  const uint64_t second =
      Must(ledger_->ReplaceListing(0, ListingRecord::State::kDeleted, Listing("b")));
  Reopen();
  EXPECT_THAT(Must(ledger_->ListedTimes({second, 999, first})),
              ElementsAre(clock_.Now(), absl::UnixEpoch(), then));
}

TEST_F(LedgerOwnerTest, TheHistoryIsNewestFirst) {
  EXPECT_THAT(Must(ledger_->History(std::nullopt, 9)), IsEmpty());
  Give("given", 1);
  clock_.Advance(absl::Seconds(1));
  Receive("moved", 2, /*move=*/true);
  clock_.Advance(absl::Seconds(1));
  Receive("copied", 3, /*move=*/false);
  clock_.Advance(absl::Seconds(1));
  const TransferId restored = Give("restored", 4);
  Must(ledger_->RecordReleaseStates({restored}, ReleaseRecord::State::kRestored));
  Reopen();
  const std::vector<HistoryRecord> all = Must(ledger_->History(std::nullopt, 9));
  std::vector<std::pair<std::string, Kind>> found;
  for (const HistoryRecord& record : all) {
    found.emplace_back(record.name, record.kind);
    EXPECT_EQ(record.other, other_.public_key());
  }
  EXPECT_THAT(
      found, ElementsAre(std::pair("restored", Kind::kRestored), std::pair("copied", Kind::kCopied),
                         std::pair("moved", Kind::kReceived), std::pair("given", Kind::kGiven)));
  EXPECT_EQ(all[0].place.id, restored);
  EXPECT_EQ(all[0].place.time, clock_.Now());
  EXPECT_EQ(all[2].content, ContentOf(2));
}

TEST_F(LedgerOwnerTest, WhatIsNotOverIsNotHistory) {
  const TransferRecord record{.id = TransferId::Random(),
                              .source = other_.public_key(),
                              .content = ContentOf(1),
                              .name = Must(BookName::Parse("a"))};
  Must(ledger_->RecordIntents({record}));
  EXPECT_THAT(Must(ledger_->History(std::nullopt, 9)), IsEmpty());
  Must(ledger_->RecordDropped(record.id));
  EXPECT_THAT(Must(ledger_->History(std::nullopt, 9)), IsEmpty());
}

TEST_F(LedgerOwnerTest, PagesOfTheHistoryMissNothingOfOneMoment) {
  for (uint32_t seed = 1; seed <= 5; ++seed) {
    Receive("r" + std::to_string(seed), seed, /*move=*/true);
    Give("g" + std::to_string(seed), 10 + seed);
  }
  std::set<std::string> names;
  std::optional<HistoryPlace> after;
  for (int page = 0; page < 4; ++page) {
    const std::vector<HistoryRecord> records = Must(ledger_->History(after, 3));
    ASSERT_THAT(records, SizeIs(page == 3 ? 1 : 3));
    for (const HistoryRecord& record : records) names.insert(record.name);
    after = records.back().place;
  }
  EXPECT_THAT(names, SizeIs(10));
  EXPECT_THAT(Must(ledger_->History(after, 3)), IsEmpty());
}

TEST_F(LedgerOwnerTest, ALedgerOfAnEarlierVersionGetsItsColumns) {
  Receive("a", 1, /*move=*/true);
  ledger_.reset();
  {
    const std::unique_ptr<SqlDatabase> db =
        Must(SqlDatabase::Open(folder_->StatePath("ledger.db"), /*durable=*/true));
    Must(db->Execute("DROP INDEX transfers_history"));
    Must(db->Execute("ALTER TABLE transfers DROP COLUMN time"));
    Must(db->Execute("ALTER TABLE listings DROP COLUMN time"));
    Must(db->Execute("DROP TABLE wishes"));
  }
  Reopen();
  const std::vector<HistoryRecord> all = Must(ledger_->History(std::nullopt, 9));
  ASSERT_THAT(all, SizeIs(1));
  EXPECT_EQ(all[0].place.time, absl::UnixEpoch()) << "not known";
  EXPECT_THAT(Must(ledger_->Wishes()), IsEmpty());
}

TEST_F(LedgerOwnerTest, CountsHiddenReleasesAndTheirChanges) {
  const uint64_t before = ledger_->release_changes();
  const TransferId id = Give("a", 1);
  EXPECT_EQ(Must(ledger_->CountHidden()), 1U);
  const uint64_t given = ledger_->release_changes();
  EXPECT_GT(given, before);
  Must(ledger_->RecordReleaseStates({id}, ReleaseRecord::State::kGone));
  EXPECT_EQ(Must(ledger_->CountHidden()), 0U);
  EXPECT_GT(ledger_->release_changes(), given);
}

TEST_F(LedgerOwnerTest, WishesSurviveARestart) {
  const WishRecord wishes[] = {
      {.query = Must(BookName::Parse("a name")), .action = WishRecord::Action::kTell},
      {.query = WishKeywords{"Some Words"}, .action = WishRecord::Action::kCopy, .fetch_limit = 7},
      {.query = ContentOf(1), .action = WishRecord::Action::kAny, .time = clock_.Now()}};
  std::vector<uint64_t> ids;
  for (const WishRecord& wish : wishes) ids.push_back(Must(ledger_->RecordWish(wish)));
  EXPECT_THAT(ids, ElementsAre(1, 2, 3));
  Must(ledger_->RecordFinds(2, {{ContentOf(5), Must(BookName::Parse("found")), 4, clock_.Now()},
                                {ContentOf(6), Must(BookName::Parse("other")), 4, clock_.Now()}}));
  Must(ledger_->RecordFetched(2, ContentOf(6)));
  Reopen();
  const std::vector<WishRecord> all = Must(ledger_->Wishes());
  ASSERT_THAT(all, SizeIs(3));
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(all[i].id, i + 1);
    EXPECT_EQ(all[i].query, wishes[i].query);
    EXPECT_EQ(all[i].action, wishes[i].action);
    EXPECT_EQ(all[i].fetch_limit, wishes[i].fetch_limit);
  }
  EXPECT_EQ(all[2].time, clock_.Now());
  ASSERT_THAT(all[1].finds, SizeIs(2));
  EXPECT_EQ(all[1].finds[0].content, ContentOf(5));
  EXPECT_EQ(all[1].finds[0].name.value(), "found");
  EXPECT_EQ(all[1].finds[0].peer_id, 4U);
  EXPECT_EQ(all[1].finds[0].time, clock_.Now());
  EXPECT_FALSE(all[1].finds[0].fetched);
  EXPECT_TRUE(all[1].finds[1].fetched);
}

TEST_F(LedgerOwnerTest, AWishWithTheSameQueryTakesThePlaceOfTheFirst) {
  const uint64_t id = Must(ledger_->RecordWish({.query = WishKeywords{"a"}}));
  Must(ledger_->RecordFinds(id, {{ContentOf(5), Must(BookName::Parse("found"))}}));
  EXPECT_EQ(
      Must(ledger_->RecordWish({.query = WishKeywords{"a"}, .action = WishRecord::Action::kAny})),
      id);
  // A name of the same text is another query.
  EXPECT_NE(Must(ledger_->RecordWish({.query = Must(BookName::Parse("a"))})), id);
  const std::vector<WishRecord> all = Must(ledger_->Wishes());
  ASSERT_THAT(all, SizeIs(2));
  EXPECT_EQ(all[0].action, WishRecord::Action::kAny);
  EXPECT_THAT(all[0].finds, SizeIs(1));
}

TEST_F(LedgerOwnerTest, ARemovedWishLeavesNothingAndItsIdIsNotUsedAgain) {
  const uint64_t id = Must(ledger_->RecordWish({.query = WishKeywords{"a"}}));
  Must(ledger_->RecordFinds(id, {{ContentOf(5), Must(BookName::Parse("found"))}}));
  Must(ledger_->RemoveWish(id));
  // A find that comes late.
  Must(ledger_->RecordFinds(id, {{ContentOf(6), Must(BookName::Parse("late"))}}));
  EXPECT_THAT(Must(ledger_->Wishes()), IsEmpty());
  const uint64_t next = Must(ledger_->RecordWish({.query = WishKeywords{"a"}}));
  EXPECT_GT(next, id);
  EXPECT_THAT(Must(ledger_->Wishes())[0].finds, IsEmpty());
}

}  // namespace
}  // namespace arkshare
