#include "services/peer/disk/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>

#include "lib/core/errors.h"
#include "lib/core/limits.h"
#include "services/peer/testing/fake_book.h"
#include "services/peer/testing/must.h"
#include "services/peer/testing/small_disk.h"
#include "services/peer/testing/temp_folder.h"

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::ExitedWithCode;
using testing::Field;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;
using ListingState = ListingRecord::State;
using ReleaseState = ReleaseRecord::State;
using TransferState = TransferRecord::State;

ListingRecord Listing(const std::string& name, uint32_t seed = 1) {
  return {.name = Must(BookName::Parse(name)),
          .path = name,
          .content = FakeBook::OfSize(100, seed).id,
          .identity = {.inode = 1'000'000'007,
                       .size = 100,
                       .mtime_ns = 1'700'000'000'123'456'789,
                       .ctime_ns = 1'700'000'000'987'654'321}};
}

class LedgerTest : public testing::Test {
 protected:
  LedgerTest() { Reopen(); }

  void Reopen() {
    ledger_.reset();
    folder_.reset();
    folder_ = Must(SharedFolder::Open(temp_.path()));
    ledger_ = Must(Ledger::Open(folder_.get(), &clock_));
  }
  uint64_t Add(const ListingRecord& listing) {
    return Must(ledger_->listings()->Replace(0, ListingState::kDeleted, listing));
  }
  std::vector<uint64_t> Present() {
    std::vector<uint64_t> numbers;
    for (const ListingRecord& listing : Must(ledger_->listings()->Present())) {
      numbers.push_back(listing.number);
    }
    return numbers;
  }
  ReleaseRecord Released(uint64_t listing, const ContentId& content) {
    ReleaseRecord record{.item = {TransferId::Random(), listing, content},
                         .receiver = receiver_.public_key(),
                         .state = ReleaseState::kHidden};
    record.ticket = IssueTickets(
        key_, {{record.item.transfer_id, key_.public_key(), listing, record.receiver, content}})[0];
    return record;
  }
  ReleaseRecord Refused(uint64_t listing, const ContentId& content, absl::Status refusal) {
    return {.item = {TransferId::Random(), listing, content},
            .receiver = receiver_.public_key(),
            .refusal = std::move(refusal)};
  }
  TransferRecord Transfer(const std::string& name, bool move = true) {
    return {.id = TransferId::Random(),
            .move = move,
            .source = receiver_.public_key(),
            .source_listing = 9,
            .content = FakeBook::OfSize(100).id,
            .name = Must(BookName::Parse(name))};
  }

  const PrivateKey key_ = PrivateKey::Generate();
  PrivateKey receiver_ = PrivateKey::Generate();
  FakeClock clock_;
  TempFolder temp_;
  std::unique_ptr<SharedFolder> folder_;
  std::unique_ptr<Ledger> ledger_;
};

// --- Listings ---

TEST_F(LedgerTest, AListingComesBackAsItWas) {
  ListingRecord listing = Listing("caf\u00e9/book");
  listing.path = "cafe\u0301/book";  // as on the disk
  listing.unsettled = true;
  listing.content.size = listing.identity.size = uint64_t{1} << 62;
  listing.identity.inode = UINT64_MAX;
  listing.number = Add(listing);
  Reopen();
  const std::vector<ListingRecord> present = Must(ledger_->listings()->Present());
  ASSERT_EQ(present.size(), 1U);
  EXPECT_EQ(present[0].number, listing.number);
  EXPECT_EQ(present[0].name, listing.name);
  EXPECT_EQ(present[0].path, listing.path);
  EXPECT_EQ(present[0].content, listing.content);
  EXPECT_EQ(present[0].identity, listing.identity);
  EXPECT_EQ(present[0].state, ListingState::kPresent);
  EXPECT_TRUE(present[0].unsettled);
}

TEST_F(LedgerTest, KnowsWhenAListingWasAdded) {
  const uint64_t first =
      Must(ledger_->listings()->Replace(0, ListingState::kDeleted, Listing("a")));
  const absl::Time then = clock_.Now();
  clock_.Advance(absl::Hours(1));
  const uint64_t second =
      Must(ledger_->listings()->Replace(0, ListingState::kDeleted, Listing("b")));
  Reopen();
  EXPECT_THAT(Must(ledger_->listings()->Times({second, 999, first})),
              ElementsAre(clock_.Now(), absl::UnixEpoch(), then));
}

TEST_F(LedgerTest, NumbersAreNeverUsedTwice) {
  std::set<uint64_t> seen;
  for (int round = 0; round < 3; ++round) {
    const uint64_t a = Add(Listing("a"));
    const uint64_t b =
        Must(ledger_->listings()->Replace(a, ListingState::kChanged, Listing("a", 2)));
    EXPECT_TRUE(seen.insert(a).second);
    EXPECT_TRUE(seen.insert(b).second);
    Must(ledger_->listings()->End(b, ListingState::kDeleted));
    EXPECT_THAT(Present(), IsEmpty());
    Reopen();  // the highest number is remembered, although nothing is present
  }
  EXPECT_EQ(*seen.begin(), 1U);
  EXPECT_EQ(*seen.rbegin(), 6U);
}

TEST_F(LedgerTest, ListingsThatEndedSayHow) {
  const uint64_t a = Add(Listing("a"));
  const uint64_t b = Must(ledger_->listings()->Replace(a, ListingState::kChanged, Listing("a", 2)));
  const uint64_t c = Add(Listing("c"));
  Must(ledger_->listings()->End(c, ListingState::kDeleted));
  Reopen();
  EXPECT_THAT(Present(), ElementsAre(b));
  EXPECT_EQ(Must(ledger_->listings()->Find(a))->state, ListingState::kChanged);
  EXPECT_EQ(Must(ledger_->listings()->Find(c))->state, ListingState::kDeleted);
  EXPECT_EQ(Must(ledger_->listings()->Find(99)), std::nullopt);
}

TEST_F(LedgerTest, ManyListingsChangeInOneTransaction) {
  const uint64_t a = Add(Listing("a"));
  const uint64_t b = Add(Listing("b"));
  const ListingRecord changed = Listing("a", 2);
  const ListingRecord added = Listing("c");
  const std::vector<uint64_t> numbers =
      Must(ledger_->listings()->ReplaceAll({{a, ListingState::kChanged, &changed},
                                            {b, ListingState::kDeleted, nullptr},
                                            {0, ListingState::kDeleted, &added}}));
  ASSERT_EQ(numbers.size(), 3U);
  EXPECT_EQ(numbers[1], 0U);
  Reopen();
  EXPECT_THAT(Present(), ElementsAre(numbers[0], numbers[2]));
  EXPECT_EQ(Must(ledger_->listings()->Find(a))->state, ListingState::kChanged);
  EXPECT_EQ(Must(ledger_->listings()->Find(b))->state, ListingState::kDeleted);
}

TEST_F(LedgerTest, NumbersCanSkipThoseThatWereUsedBefore) {
  EXPECT_EQ(Must(ledger_->listings()->LastNumber()), 0U);
  const ListingRecord a = Listing("a");
  EXPECT_THAT(
      Must(ledger_->listings()->ReplaceAll({{0, ListingState::kDeleted, &a}}, /*above=*/41)),
      ElementsAre(42));
  EXPECT_THAT(
      Must(ledger_->listings()->ReplaceAll({{42, ListingState::kChanged, &a}}, /*above=*/7)),
      ElementsAre(43));
  Reopen();
  EXPECT_EQ(Must(ledger_->listings()->LastNumber()), 43U);
  EXPECT_THAT(Present(), ElementsAre(43));
}

TEST_F(LedgerTest, ListingsThatEndedLongAgoAreDeleted) {
  const uint64_t deleted = Add(Listing("deleted"));
  Must(ledger_->listings()->End(deleted, ListingState::kDeleted));
  const uint64_t present = Add(Listing("present"));
  const ListingRecord released = Listing("released");
  const uint64_t given = Add(released);
  Must(ledger_->releases()->Record({Released(given, released.content)}));
  Must(ledger_->listings()->Prune());
  EXPECT_TRUE(Must(ledger_->listings()->Find(deleted)).has_value()) << "a receiver may still ask";
  const ListingRecord late = Listing("late");
  Must(ledger_->listings()->ReplaceAll({{0, ListingState::kDeleted, &late}}, /*above=*/10'100));
  Must(ledger_->listings()->Prune());
  Reopen();
  EXPECT_FALSE(Must(ledger_->listings()->Find(deleted)).has_value());
  EXPECT_TRUE(Must(ledger_->listings()->Find(present)).has_value());
  EXPECT_EQ(Must(ledger_->listings()->Find(given))->state, ListingState::kReleased);
  EXPECT_GT(Add(Listing("next")), 10'101U);
}

TEST_F(LedgerTest, ASettledListingStaysSettled) {
  ListingRecord listing = Listing("a");
  listing.unsettled = true;
  const uint64_t a = Add(listing);
  const uint64_t b = Add(listing);
  Must(ledger_->listings()->Settle({a, 99}));
  Reopen();
  EXPECT_FALSE(Must(ledger_->listings()->Find(a))->unsettled);
  EXPECT_TRUE(Must(ledger_->listings()->Find(b))->unsettled);
}

TEST_F(LedgerTest, AListingTakesTheIdentityOfItsTouchedFile) {
  const uint64_t number = Add(Listing("a"));
  FileIdentity touched = Listing("a").identity;
  ++touched.ctime_ns;
  Must(ledger_->listings()->RecordIdentities({{number, touched}}));
  Reopen();
  EXPECT_EQ(Must(ledger_->listings()->Find(number))->identity, touched);
}

TEST_F(LedgerTest, ALedgerFromElsewhereDoubtsItsListings) {
  const uint64_t number = Add(Listing("a"));
  FolderTraits traits = folder_->traits();
  ++traits.place;
  for (int64_t expected : {kDoubtedCtime, Listing("a").identity.ctime_ns}) {
    ledger_.reset();
    folder_->SetTraitsForTest(traits);
    ledger_ = Must(Ledger::Open(folder_.get(), &clock_));
    const FileIdentity identity = Must(ledger_->listings()->Find(number))->identity;
    EXPECT_EQ(identity.ctime_ns, expected);
    EXPECT_TRUE(SameButCtime(identity, Listing("a").identity)) << "it stays listed meanwhile";
    // Hashed again; the next start at this place believes it.
    Must(ledger_->listings()->RecordIdentities({{number, Listing("a").identity}}));
  }
}

TEST_F(LedgerTest, WithoutATrustedCtimeEachStartDoubtsItsListings) {
  const uint64_t number = Add(Listing("a"));
  FolderTraits traits = folder_->traits();
  traits.ctime_trusted = false;
  for (int start = 0; start < 2; ++start) {
    ledger_.reset();
    folder_->SetTraitsForTest(traits);
    ledger_ = Must(Ledger::Open(folder_.get(), &clock_));
    EXPECT_EQ(Must(ledger_->listings()->Find(number))->identity.ctime_ns, kDoubtedCtime);
    Must(ledger_->listings()->RecordIdentities({{number, Listing("a").identity}}));
  }
}

TEST_F(LedgerTest, ALedgerWithoutCtimesGetsThem) {
  const uint64_t number = Add(Listing("a"));
  ledger_.reset();
  {
    const std::unique_ptr<SqlDatabase> db =
        Must(SqlDatabase::Open(folder_->StatePath("ledger.db"), /*durable=*/true));
    Must(db->Execute("ALTER TABLE listings DROP COLUMN ctime_ns"));
  }
  Reopen();
  EXPECT_EQ(Must(ledger_->listings()->Find(number))->identity.ctime_ns, kDoubtedCtime);
  EXPECT_THAT(Present(), ElementsAre(number));
  EXPECT_GT(Add(Listing("b")), number);
}

// --- The source's half ---

TEST_F(LedgerTest, AReleaseTakesTheListingWithIt) {
  const ListingRecord listing = Listing("a");
  const uint64_t number = Add(listing);
  const ReleaseRecord release = Released(number, listing.content);
  Must(ledger_->releases()->Record({release}));
  Reopen();
  EXPECT_THAT(Present(), IsEmpty());
  EXPECT_EQ(Must(ledger_->listings()->Find(number))->state, ListingState::kReleased);

  for (const std::optional<ReleaseRecord>& found :
       {Must(ledger_->releases()->Find(release.item.transfer_id)),
        Must(ledger_->releases()->FindOfListing(number)),
        Must(ledger_->releases()->FindOfContent(listing.content))}) {
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->item, release.item);
    EXPECT_EQ(found->receiver, release.receiver);
    EXPECT_EQ(found->state, ReleaseState::kHidden);
    EXPECT_EQ(found->ticket, release.ticket);
    EXPECT_TRUE(TicketVerifier().Verify(found->ticket).ok());
    EXPECT_EQ(found->time, clock_.Now());
  }
}

TEST_F(LedgerTest, ARefusalComesBackAsItWas) {
  const ListingRecord listing = Listing("a");
  const uint64_t number = Add(listing);
  const ReleaseRecord refused =
      Refused(number, listing.content,
              MakeError(Reason::kBookMoved, "it has moved; \"search\" again \u2014 \xe2\x80\xae",
                        {{"moved_to_public_key", receiver_.public_key().hex()},
                         {"other", "a=b"},
                         {"empty", ""}}));
  Must(ledger_->releases()->Record({refused}));
  Reopen();
  const std::optional<ReleaseRecord> found =
      Must(ledger_->releases()->Find(refused.item.transfer_id));
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->state, ReleaseState::kRefused);
  EXPECT_EQ(found->item, refused.item);
  EXPECT_EQ(found->refusal.message(), refused.refusal.message());
  EXPECT_EQ(ReasonOf(found->refusal), "BOOK_MOVED");
  EXPECT_EQ(GetErrorMetadata(found->refusal), GetErrorMetadata(refused.refusal));
  // A refusal releases nothing.
  EXPECT_THAT(Present(), ElementsAre(number));
  EXPECT_EQ(Must(ledger_->releases()->FindOfListing(number)), std::nullopt);
  EXPECT_EQ(Must(ledger_->releases()->FindOfContent(listing.content)), std::nullopt);
  EXPECT_THAT(Must(ledger_->releases()->Hidden()), IsEmpty());
}

TEST_F(LedgerTest, EveryFinalReasonIsKept) {
  std::vector<ReleaseRecord> records;
  for (Reason reason :
       {Reason::kBookMoved, Reason::kNotForTaking, Reason::kBookChanged, Reason::kBookGone}) {
    records.push_back(Refused(5, Listing("a").content, MakeError(reason, "no")));
  }
  Must(ledger_->releases()->Record(records));
  for (const ReleaseRecord& record : records) {
    EXPECT_EQ(Must(ledger_->releases()->Find(record.item.transfer_id))->refusal, record.refusal);
  }
}

TEST_F(LedgerTest, TheLastRefusalsOfEachReceiverAreKept) {
  const ContentId content = Listing("a").content;
  const auto refuse = [&](int64_t n) {
    std::vector<ReleaseRecord> records;
    for (int64_t i = 0; i < n; ++i) {
      records.push_back(Refused(1, content, MakeError(Reason::kNotForTaking, "no")));
    }
    Must(ledger_->releases()->Record(records));
    return records;
  };
  const auto known = [&](const ReleaseRecord& record) {
    return Must(ledger_->releases()->Find(record.item.transfer_id)).has_value();
  };
  const std::vector<ReleaseRecord> first = refuse(2);
  const ReleaseRecord released = Released(Add(Listing("b")), content);
  Must(ledger_->releases()->Record({released}));
  const std::vector<ReleaseRecord> more = refuse(kMaxRefusalsOfReceiver - 1);
  EXPECT_FALSE(known(first[0]));
  EXPECT_TRUE(known(first[1])) << "as many as are kept";
  EXPECT_TRUE(known(more.back()));
  EXPECT_TRUE(known(released)) << "what was given away is never forgotten";

  // Each stranger has keys without end, so all together are bounded too.
  for (int64_t all = 0; all < kMaxRefusals; all += kMaxRefusalsOfReceiver) {
    receiver_ = PrivateKey::Generate();
    refuse(kMaxRefusalsOfReceiver);
  }
  EXPECT_FALSE(known(more.back()));
  EXPECT_TRUE(known(released));
}

// A ledger and its folder.
struct OpenLedger {
  explicit OpenLedger(const std::string& path)
      : folder(Must(SharedFolder::Open(path))),
        ledger(Must(Ledger::Open(folder.get(), Clock::Real()))) {}

  const std::unique_ptr<SharedFolder> folder;
  const std::unique_ptr<Ledger> ledger;
};

// Runs in another process, which must die and leave nothing of the batch.
TEST_F(LedgerTest, TheDatabaseItselfRefusesASecondRelease) {
  TempFolder temp;
  const ListingRecord a = Listing("a");
  const ListingRecord b = Listing("b");
  const ReleaseRecord first = Released(1, a.content);
  const ReleaseRecord batch[] = {Released(2, b.content), Released(1, a.content)};
  EXPECT_EXIT(
      {
        OpenLedger disk(temp.path());
        Must(disk.ledger->listings()->Replace(0, ListingState::kDeleted, a));
        Must(disk.ledger->listings()->Replace(0, ListingState::kDeleted, b));
        Must(disk.ledger->releases()->Record({first}));
        disk.ledger->releases()->Record(batch).IgnoreError();
      },
      ExitedWithCode(70), "");
  OpenLedger disk(temp.path());
  EXPECT_TRUE(Must(disk.ledger->releases()->Find(first.item.transfer_id)).has_value());
  EXPECT_FALSE(Must(disk.ledger->releases()->Find(batch[0].item.transfer_id)).has_value());
  EXPECT_EQ(Must(disk.ledger->listings()->Find(2))->state, ListingState::kPresent);
}

TEST_F(LedgerTest, HiddenReleasesAreThoseNeitherConfirmedNorRestored) {
  std::vector<ReleaseRecord> records;
  for (const char* name : {"a", "b", "c", "d"}) {
    const ListingRecord listing = Listing(name);
    records.push_back(Released(Add(listing), listing.content));
  }
  Must(ledger_->releases()->Record(records));
  Must(ledger_->releases()->RecordState({records[1].item.transfer_id}, ReleaseState::kGone));
  Must(ledger_->releases()->RecordState({records[2].item.transfer_id}, ReleaseState::kRestored));
  Reopen();
  std::vector<uint64_t> hidden;
  for (const ReleaseRecord& record : Must(ledger_->releases()->Hidden())) {
    hidden.push_back(record.item.listing);
  }
  EXPECT_THAT(hidden, ElementsAre(records[0].item.listing, records[3].item.listing));
  // The ledger still knows the receiver.
  EXPECT_EQ(Must(ledger_->releases()->FindOfListing(records[1].item.listing))->state,
            ReleaseState::kGone);
}

TEST_F(LedgerTest, CountsHiddenReleasesAndTheirChanges) {
  const uint64_t before = ledger_->releases()->changes();
  const ListingRecord listing = Listing("a");
  const ReleaseRecord record = Released(Add(listing), listing.content);
  Must(ledger_->releases()->Record({record}));
  EXPECT_EQ(Must(ledger_->releases()->CountHidden()), 1U);
  const uint64_t given = ledger_->releases()->changes();
  EXPECT_GT(given, before);
  Must(ledger_->releases()->RecordState({record.item.transfer_id}, ReleaseState::kGone));
  EXPECT_EQ(Must(ledger_->releases()->CountHidden()), 0U);
  EXPECT_GT(ledger_->releases()->changes(), given);
}

TEST_F(LedgerTest, TheLatestReleaseOfAContentCounts) {
  const ListingRecord listing = Listing("a");
  const ReleaseRecord first = Released(Add(listing), listing.content);
  Must(ledger_->releases()->Record({first}));
  const ReleaseRecord second = Released(Add(listing), listing.content);  // it came back
  Must(ledger_->releases()->Record({second}));
  EXPECT_EQ(Must(ledger_->releases()->FindOfContent(listing.content))->item, second.item);
  ContentId longer = listing.content;
  ++longer.size;
  EXPECT_EQ(Must(ledger_->releases()->FindOfContent(longer)), std::nullopt);
}

// --- The receiver's half ---

TEST_F(LedgerTest, ATransferIsOpenUntilItIsDoneOrDropped) {
  const TransferRecord intent = Transfer("intent");
  const TransferRecord prepared = Transfer("prepared", /*move=*/false);
  const TransferRecord dropped = Transfer("dropped");
  TransferRecord done = Transfer("done");
  for (const TransferRecord& record : {intent, prepared, dropped, done}) {
    Must(ledger_->transfers()->RecordIntents({record}));
  }
  Must(ledger_->transfers()->RecordPrepared({prepared.id}));
  Must(ledger_->transfers()->RecordDropped(dropped.id));
  done.state = TransferState::kDone;
  Must(ledger_->transfers()->RecordProgress({done}));
  Reopen();
  const std::vector<TransferRecord> open = Must(ledger_->transfers()->Open());
  ASSERT_EQ(open.size(), 2U);
  EXPECT_EQ(open[0].id, intent.id);
  EXPECT_EQ(open[0].state, TransferState::kIntent);
  EXPECT_TRUE(open[0].move);
  EXPECT_EQ(open[0].source, intent.source);
  EXPECT_EQ(open[0].source_listing, intent.source_listing);
  EXPECT_EQ(open[0].content, intent.content);
  EXPECT_EQ(open[0].name, intent.name);
  EXPECT_EQ(open[0].listing, 0U);
  EXPECT_EQ(open[0].ticket, std::nullopt);
  EXPECT_EQ(open[1].id, prepared.id);
  EXPECT_EQ(open[1].state, TransferState::kPrepared);
  EXPECT_FALSE(open[1].move);
}

TEST_F(LedgerTest, OwningABookAddsItsListing) {
  TransferRecord record = Transfer("book");
  Must(ledger_->transfers()->RecordIntents({record}));
  Must(ledger_->transfers()->RecordPrepared({record.id}));
  record.ticket = Released(9, record.content).ticket;
  ListingRecord listing = Listing("book");
  listing.unsettled = true;
  const uint64_t number = Must(ledger_->transfers()->RecordOwned({{&record, &listing}})).at(0);
  Reopen();
  ASSERT_THAT(Present(), ElementsAre(number));
  std::vector<TransferRecord> open = Must(ledger_->transfers()->Open());
  ASSERT_EQ(open.size(), 1U);
  EXPECT_EQ(open[0].state, TransferState::kOwned);
  EXPECT_EQ(open[0].listing, number);
  EXPECT_EQ(open[0].ticket, record.ticket);
  EXPECT_FALSE(open[0].index_told);

  open[0].index_told = true;
  Must(ledger_->transfers()->RecordProgress({open[0]}));
  Must(ledger_->transfers()->RenameOwned(record.id, number, Must(BookName::Parse("book (2)"))));
  Reopen();
  EXPECT_EQ(Must(ledger_->listings()->Find(number))->name.value(), "book (2)");
  EXPECT_EQ(Must(ledger_->listings()->Find(number))->path, "book (2)");
  open = Must(ledger_->transfers()->Open());
  EXPECT_EQ(open[0].name.value(), "book (2)");
  EXPECT_TRUE(open[0].index_told);
  EXPECT_FALSE(open[0].confirmed);
}

TEST_F(LedgerTest, ManyTransfersAreRecordedTogether) {
  std::vector<TransferRecord> records;
  std::vector<ListingRecord> listings;
  std::vector<TransferId> ids;
  for (int i = 0; i < 100; ++i) {
    records.push_back(Transfer("book" + std::to_string(i), /*move=*/false));
    listings.push_back(Listing("book" + std::to_string(i)));
    ids.push_back(records.back().id);
  }
  Must(ledger_->transfers()->RecordIntents(records));
  Must(ledger_->transfers()->RecordPrepared(ids));
  for (const TransferRecord& record : Must(ledger_->transfers()->Open())) {
    EXPECT_EQ(record.state, TransferState::kPrepared);
  }
  std::vector<LedgerTransfers::Owned> owned;
  for (size_t i = 0; i < records.size(); ++i) owned.push_back({&records[i], &listings[i]});
  const std::vector<uint64_t> numbers = Must(ledger_->transfers()->RecordOwned(owned));
  Reopen();
  EXPECT_EQ(Present(), numbers);
  std::vector<TransferRecord> open = Must(ledger_->transfers()->Open());
  ASSERT_EQ(open.size(), 100U);
  for (size_t i = 0; i < open.size(); ++i) {
    EXPECT_EQ(open[i].name, records[i].name);
    EXPECT_EQ(open[i].listing, numbers[i]);
    EXPECT_EQ(Must(ledger_->listings()->Find(numbers[i]))->name, records[i].name);
    open[i].state = TransferState::kDone;
  }
  Must(ledger_->transfers()->RecordProgress(open));
  EXPECT_TRUE(Must(ledger_->transfers()->Open()).empty());
}

TEST_F(LedgerTest, ACopyIsOwnedWithoutATicket) {
  TransferRecord record = Transfer("book");
  Must(ledger_->transfers()->RecordIntents({record}));
  record.move = false;  // the source refused
  const ListingRecord listing = Listing("book");
  Must(ledger_->transfers()->RecordOwned({{&record, &listing}}));
  const std::vector<TransferRecord> open = Must(ledger_->transfers()->Open());
  ASSERT_EQ(open.size(), 1U);
  EXPECT_EQ(open[0].ticket, std::nullopt);
  EXPECT_FALSE(open[0].move);
  EXPECT_FALSE(open[0].kept);
}

TEST_F(LedgerTest, ACopyThatTheOwnerKeptIsKnownAsSuch) {
  TransferRecord record = Transfer("book");
  Must(ledger_->transfers()->RecordIntents({record}));
  Must(ledger_->transfers()->RecordPrepared({record.id}));
  EXPECT_FALSE(Must(ledger_->transfers()->Open())[0].kept);
  record.move = false;
  record.kept = true;
  const ListingRecord listing = Listing("book");
  Must(ledger_->transfers()->RecordOwned({{&record, &listing}}));
  Reopen();
  const std::vector<TransferRecord> open = Must(ledger_->transfers()->Open());
  ASSERT_EQ(open.size(), 1U);
  EXPECT_TRUE(open[0].kept);
  EXPECT_FALSE(open[0].move);
  EXPECT_EQ(open[0].ticket, std::nullopt);
}

// --- What the owner decided ---

TEST_F(LedgerTest, UnsharedPathsAndThePeerIdLast) {
  EXPECT_EQ(Must(ledger_->session()->LastPeerId()), 0U);
  Must(ledger_->unshared()->Put({{"a"}}));
  const UnsharedRecord marked{"a", /*folder=*/true, {4711, -8}};
  Must(ledger_->unshared()->Put({marked, {"not utf-8 \xff"}, {"b"}}));
  Must(ledger_->unshared()->Remove({"b", "never"}));
  Must(ledger_->session()->SetLastPeerId(3));
  Must(ledger_->session()->SetLastPeerId(5));
  Reopen();
  const std::vector<UnsharedRecord> unshared = Must(ledger_->unshared()->All());
  EXPECT_THAT(unshared, UnorderedElementsAre(Field(&UnsharedRecord::path, "a"),
                                             Field(&UnsharedRecord::path, "not utf-8 \xff")));
  const UnsharedRecord& a = unshared[0].path == "a" ? unshared[0] : unshared[1];
  EXPECT_TRUE(a.folder);
  EXPECT_EQ(a.mark, marked.mark);
  EXPECT_EQ(Must(ledger_->session()->LastPeerId()), 5U);
}

TEST_F(LedgerTest, TheRelayPortIsKeptAndCanBeCleared) {
  EXPECT_EQ(Must(ledger_->session()->LastRelayPort()), 0U);
  Must(ledger_->session()->SetLastRelayPort(65535));
  Reopen();
  EXPECT_EQ(Must(ledger_->session()->LastRelayPort()), 65535U);
  EXPECT_EQ(Must(ledger_->session()->LastPeerId()), 0U) << "another number";
  Must(ledger_->session()->SetLastRelayPort(0));
  Reopen();
  EXPECT_EQ(Must(ledger_->session()->LastRelayPort()), 0U);
}

// --- A full disk ---

class FullDiskTest : public LedgerTest {
 protected:
  void SetUp() override {
    absl::StatusOr<std::unique_ptr<SmallDisk>> disk = SmallDisk::Mount(4 << 20);
    if (!disk.ok()) GTEST_SKIP() << disk.status().message();
    disk_ = *std::move(disk);
    ReopenThere();
  }
  void TearDown() override {
    ledger_.reset();
    folder_.reset();
  }
  void ReopenThere() {
    ledger_.reset();
    folder_.reset();
    folder_ = Must(SharedFolder::Open(disk_->path()));
    ledger_ = Must(Ledger::Open(folder_.get(), &clock_));
  }

  std::unique_ptr<SmallDisk> disk_;
};

TEST_F(FullDiskTest, TheLedgerWritesIntoTheReserve) {
  const uint64_t number = Add(Listing("a"));
  disk_->Fill();
  // The reserve is enough for the moves that are under way, although no block was free.
  std::vector<ReleaseRecord> released = {Released(number, Listing("a").content)};
  Must(ledger_->releases()->Record(released));
  EXPECT_FALSE(folder_->FreeReserve()) << "it should be gone by now";
  for (int i = 0; i < 20; ++i) Must(ledger_->transfers()->RecordIntents({Transfer("b")}));
  Must(ledger_->releases()->RecordState({released[0].item.transfer_id}, ReleaseState::kGone));
}

TEST_F(FullDiskTest, WithoutTheReserveNoTransactionIsHalfWritten) {
  const uint64_t kept = Add(Listing("kept"));
  folder_->FreeReserve();
  disk_->Fill();
  // This batch is too large for the free room in the blocks of the database.
  const std::string long_name(250, 'n');
  std::vector<ReleaseRecord> batch = {Released(kept, Listing("kept").content)};
  for (uint64_t i = 0; i < 500; ++i) {
    batch.push_back(
        Refused(1000 + i, Listing("x").content, MakeError(Reason::kBookGone, long_name)));
  }
  EXPECT_TRUE(absl::IsResourceExhausted(ledger_->releases()->Record(batch)));
  EXPECT_THAT(Present(), ElementsAre(kept));
  EXPECT_EQ(Must(ledger_->releases()->Find(batch[0].item.transfer_id)), std::nullopt);

  // An owned book has a listing and a transfer, or neither.
  std::vector<uint64_t> owned = {kept};
  absl::Status full;
  for (int i = 0; i < 1000 && full.ok(); ++i) {
    const TransferRecord record = Transfer(long_name);
    full = ledger_->transfers()->RecordIntents({record});
    if (!full.ok()) break;
    const ListingRecord listing = Listing(long_name);
    const absl::StatusOr<std::vector<uint64_t>> number =
        ledger_->transfers()->RecordOwned({{&record, &listing}});
    full = number.status();
    if (number.ok()) owned.push_back(number->at(0));
  }
  EXPECT_TRUE(absl::IsResourceExhausted(full)) << full;
  const auto audit = [&] {
    EXPECT_EQ(Present(), owned);
    size_t transfers = 1;  // kept had none
    for (const TransferRecord& record : Must(ledger_->transfers()->Open())) {
      if (record.state == TransferState::kOwned) ++transfers;
    }
    EXPECT_EQ(transfers, owned.size());
  };
  audit();
  disk_->MakeRoom();
  owned.push_back(Add(Listing("after")));
  ReopenThere();
  EXPECT_EQ(Present(), owned);
}

TEST_F(FullDiskTest, ALedgerOpensOnAFullDisk) {
  const uint64_t number = Add(Listing("a"));
  ledger_.reset();
  folder_.reset();
  disk_->Fill();
  ReopenThere();
  EXPECT_THAT(Present(), ElementsAre(number));
}

TEST_F(FullDiskTest, AfterACrashALedgerOpensOnAFullDisk) {
  // As after SIGKILL, committed data is in the log and not yet in the database.
  TempFolder aside;
  const uint64_t number = Add(Listing("a"));
  const std::string db = ReadFileAt(folder_->StatePath("ledger.db"));
  const std::string wal = ReadFileAt(folder_->StatePath("ledger.db-wal"));
  ledger_.reset();
  folder_.reset();
  WriteFileAt(disk_->path() + "/.arkshare/ledger.db", db);
  WriteFileAt(disk_->path() + "/.arkshare/ledger.db-wal", wal);
  disk_->Fill();
  ReopenThere();
  EXPECT_THAT(Present(), ElementsAre(number));
}

TEST_F(FullDiskTest, TheReserveIsMadeAgainWhenThereIsRoom) {
  Add(Listing("a"));
  disk_->Fill();
  Must(ledger_->session()->SetLastPeerId(1));
  while (folder_->FreeReserve()) FAIL() << "the reserve was not needed";
  disk_->MakeRoom();
  Must(ledger_->session()->SetLastPeerId(2));
  disk_->Fill();
  EXPECT_TRUE(folder_->FreeReserve());
}

}  // namespace
}  // namespace arkshare
