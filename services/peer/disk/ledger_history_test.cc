#include "services/peer/disk/ledger_history.h"

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

class LedgerHistoryTest : public testing::Test {
 protected:
  LedgerHistoryTest() { Reopen(); }

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
        Must(ledger_->listings()->Replace(0, ListingRecord::State::kDeleted, Listing(name, seed)));
    ReleaseRecord record{.item = {TransferId::Random(), number, ContentOf(seed)},
                         .receiver = other_.public_key(),
                         .state = ReleaseRecord::State::kHidden};
    record.ticket = IssueTickets(key_, {{record.item.transfer_id, key_.public_key(), number,
                                         record.receiver, record.item.content}})[0];
    Must(ledger_->releases()->Record({record}));
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
    Must(ledger_->transfers()->RecordIntents({record}));
    Must(ledger_->transfers()->RecordOwned({{&record, &listing}}).status());
    return record.id;
  }

  TempFolder temp_;
  FakeClock clock_;
  std::unique_ptr<SharedFolder> folder_;
  std::unique_ptr<Ledger> ledger_;
  const PrivateKey key_ = PrivateKey::Generate();
  const PrivateKey other_ = PrivateKey::Generate();
};

TEST_F(LedgerHistoryTest, TheHistoryIsNewestFirst) {
  EXPECT_THAT(Must(ledger_->history()->Read(std::nullopt, 9)), IsEmpty());
  Give("given", 1);
  clock_.Advance(absl::Seconds(1));
  Receive("moved", 2, /*move=*/true);
  clock_.Advance(absl::Seconds(1));
  Receive("copied", 3, /*move=*/false);
  clock_.Advance(absl::Seconds(1));
  const TransferId restored = Give("restored", 4);
  Must(ledger_->releases()->RecordState({restored}, ReleaseRecord::State::kRestored));
  Reopen();
  const std::vector<HistoryRecord> all = Must(ledger_->history()->Read(std::nullopt, 9));
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

TEST_F(LedgerHistoryTest, WhatIsNotOverIsNotHistory) {
  const TransferRecord record{.id = TransferId::Random(),
                              .source = other_.public_key(),
                              .content = ContentOf(1),
                              .name = Must(BookName::Parse("a"))};
  Must(ledger_->transfers()->RecordIntents({record}));
  EXPECT_THAT(Must(ledger_->history()->Read(std::nullopt, 9)), IsEmpty());
  Must(ledger_->transfers()->RecordDropped(record.id));
  EXPECT_THAT(Must(ledger_->history()->Read(std::nullopt, 9)), IsEmpty());
}

TEST_F(LedgerHistoryTest, PagesOfTheHistoryMissNothingOfOneMoment) {
  for (uint32_t seed = 1; seed <= 5; ++seed) {
    Receive("r" + std::to_string(seed), seed, /*move=*/true);
    Give("g" + std::to_string(seed), 10 + seed);
  }
  std::set<std::string> names;
  std::optional<HistoryPlace> after;
  for (int page = 0; page < 4; ++page) {
    const std::vector<HistoryRecord> records = Must(ledger_->history()->Read(after, 3));
    ASSERT_THAT(records, SizeIs(page == 3 ? 1 : 3));
    for (const HistoryRecord& record : records) names.insert(record.name);
    after = records.back().place;
  }
  EXPECT_THAT(names, SizeIs(10));
  EXPECT_THAT(Must(ledger_->history()->Read(after, 3)), IsEmpty());
}

TEST_F(LedgerHistoryTest, ALedgerOfAnEarlierVersionGetsItsColumns) {
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
  const std::vector<HistoryRecord> all = Must(ledger_->history()->Read(std::nullopt, 9));
  ASSERT_THAT(all, SizeIs(1));
  EXPECT_EQ(all[0].place.time, absl::UnixEpoch()) << "not known";
  EXPECT_THAT(Must(ledger_->wishes()->All()), IsEmpty());
}

}  // namespace
}  // namespace arkshare
