#include "services/peer/serve/handover.h"

#include <absl/functional/function_ref.h>
#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <set>
#include <thread>

#include "services/peer/library/lend_reasons.h"
#include "services/peer/serve/served_content.h"
#include "services/peer/testing/fakes.h"

namespace arkshare {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using ListingState = ListingRecord::State;
using ReleaseState = ReleaseRecord::State;

class HandoverTest : public testing::Test {
 protected:
  void SetUp() override { Restart(); }

  void Restart(Library::Options options = {}) {
    disk_.reset();
    disk_ = std::make_unique<PeerDisk>(temp_.path(), options);
    Must(disk_->handover->Recover());
    Must(disk_->library->Load());
  }
  Handover& handover() { return *disk_->handover; }

  absl::StatusOr<MoveTicket> Release(const ReleaseItem& item) {
    return handover().Release(receiver_, {item})[0];
  }
  // Waits until the hidden copy is read, if it must be.
  absl::Status Confirm(const TransferId& id) {
    const absl::Status status = handover().Confirm(receiver_, {id})[0];
    handover().AwaitRead();
    return status;
  }
  // As FileService does: serves a range of a book, once its file is old enough to be proven by it.
  void Serve(const Book& book, uint64_t offset, uint64_t size) {
    ServedBook served = Must(disk_->library->OpenForServing(book.record.content));
    while (disk_->folder->traits().UntilSettled(served.identity, absl::Now()) >
           absl::ZeroDuration()) {
      std::this_thread::yield();
    }
    std::vector<uint8_t> bytes(size);
    Must(ReadServed(served, offset, absl::MakeSpan(bytes), disk_->proofs.get()));
  }
  // Releases to a receiver whose bytes all came from here.
  absl::StatusOr<MoveTicket> ReleaseVerified(const ReleaseItem& item) {
    return handover().Release(receiver_, {item}, {item.transfer_id})[0];
  }
  // Lists a book whose file has other bytes than its hash says.
  Book ListFalsely(const std::string& name, const FakeBook& book, const std::string& bytes) {
    const Book listed = disk_->List(name, book);
    WriteFileAt(disk_->PathOf(name), bytes);
    MakeOld(disk_->PathOf(name));
    Must(disk_->library->Vanish(name, ListingState::kDeleted));
    Must(disk_->library->Appear({.name = listed.record.name,
                                 .path = name,
                                 .content = book.id,
                                 .identity = Must(disk_->folder->Stat(name)).identity},
                                false));
    return *disk_->library->FindPath(name);
  }
  ReleaseState StateOf(const ReleaseItem& item) {
    return Must(disk_->ledger->releases()->Find(item.transfer_id))->state;
  }
  std::string File(const std::string& name) { return ReadFileAt(disk_->PathOf(name)); }
  // Examines all of the folder, as the scanner does.
  void Scan() {
    for (const std::string& name : NamesIn(temp_.path())) disk_->scanner->Examine(name);
  }
  void Hide(const std::string& path, const SharedFolder::HiddenFile& hidden) {
    Must(disk_->folder->Hide(path, hidden));
    disk_->folder->SyncHidden({path});
  }

  const FakeBook one_ = FakeBook::OfSize(1000, 1);
  const FakeBook two_ = FakeBook::OfSize(1000, 2);
  const PublicKey receiver_ = PrivateKey::Generate().public_key();
  const PublicKey stranger_ = PrivateKey::Generate().public_key();
  TempFolder temp_;
  std::unique_ptr<PeerDisk> disk_;
};

// --- Release ---

TEST_F(HandoverTest, ATicketMeansThatTheBookIsHiddenAndRecorded) {
  const Book book = disk_->List("sub/book", one_);
  const ReleaseItem item = PeerDisk::Wish(book);
  const MoveTicket ticket = Must(Release(item));
  EXPECT_TRUE(TicketVerifier().Verify(ticket).ok());
  EXPECT_EQ(ticket.body, (TicketBody{item.transfer_id, disk_->key.public_key(), item.listing,
                                     receiver_, item.content}));
  EXPECT_FALSE(Exists(disk_->PathOf("sub/book")));
  EXPECT_THAT(disk_->Hidden(),
              ElementsAre(absl::StrCat(item.transfer_id.hex(), "-", item.listing)));
  EXPECT_EQ(ReadFileAt(disk_->folder->StatePath("released/" + disk_->Hidden()[0])), one_.bytes);
  EXPECT_EQ(Must(disk_->ledger->listings()->Find(item.listing))->state, ListingState::kReleased);
  EXPECT_FALSE(disk_->library->Find(book.record.name).has_value());
  EXPECT_THAT(Must(handover().Limbo()), SizeIs(1));
  EXPECT_EQ(handover().NameOf(item.listing), "sub/book");
}

TEST_F(HandoverTest, TheSameTransferGetsTheSameTicketForEver) {
  const ReleaseItem item = PeerDisk::Wish(disk_->List("book", one_));
  const MoveTicket ticket = Must(Release(item));
  EXPECT_EQ(Must(Release(item)), ticket);
  Restart();
  EXPECT_EQ(Must(Release(item)), ticket);
  Must(Confirm(item.transfer_id));
  EXPECT_EQ(Must(Release(item)), ticket);
  Restart({.policy = SharePolicy::kCopy});  // the policy counted at the first Release
  EXPECT_EQ(Must(Release(item)), ticket);
}

TEST_F(HandoverTest, ATransferIsForOneThing) {
  const Book book = disk_->List("book", one_);
  const Book other = disk_->List("other", two_);
  const ReleaseItem item = PeerDisk::Wish(book);
  Must(Release(item));
  ReleaseItem changed = item;
  changed.listing = other.record.number;
  EXPECT_EQ(ReasonOf(Release(changed).status()), "TRANSFER_CONFLICT");
  changed = item;
  changed.content = two_.id;
  EXPECT_EQ(ReasonOf(Release(changed).status()), "TRANSFER_CONFLICT");
  EXPECT_EQ(ReasonOf(handover().Release(stranger_, {item})[0].status()), "TRANSFER_CONFLICT");
  EXPECT_EQ(File("other"), two_.bytes);
  EXPECT_TRUE(Release(item).ok());
}

TEST_F(HandoverTest, ASecondTransferIsToldWhereTheBookWent) {
  const Book book = disk_->List("book", one_);
  Must(Release(PeerDisk::Wish(book)));
  const ReleaseItem late = PeerDisk::Wish(book);
  for (int i = 0; i < 2; ++i) {
    const absl::Status status = handover().Release(stranger_, {late})[0].status();
    EXPECT_EQ(ReasonOf(status), "BOOK_MOVED");
    EXPECT_EQ(GetErrorMetadata(status)["moved_to_public_key"], receiver_.hex());
    Restart();
  }
}

// Each refusal once, then again after the cause is gone and the peer was restarted.
TEST_F(HandoverTest, ARefusalIsFinal) {
  const Book lent = disk_->List("lent", FakeBook::OfSize(10, 11));
  const Book edited = disk_->List("edited", FakeBook::OfSize(10, 12));
  const Book deleted = disk_->List("deleted", FakeBook::OfSize(10, 13));
  ASSERT_EQ(::link(disk_->PathOf("lent").c_str(), (temp_ / "lent too").c_str()), 0);
  WriteFileAt(disk_->PathOf("edited"), "something else");
  ::unlink(disk_->PathOf("deleted").c_str());

  const std::map<std::string, ReleaseItem> wishes = {{"NOT_FOR_TAKING", PeerDisk::Wish(lent)},
                                                     {"BOOK_CHANGED", PeerDisk::Wish(edited)},
                                                     {"BOOK_GONE", PeerDisk::Wish(deleted)}};
  for (const auto& [reason, item] : wishes) {
    EXPECT_EQ(ReasonOf(Release(item).status()), reason);
  }
  EXPECT_THAT(disk_->Hidden(), IsEmpty());
  EXPECT_EQ(File("lent"), FakeBook::OfSize(10, 11).bytes);
  EXPECT_EQ(File("edited"), "something else");

  ::unlink((temp_ / "lent too").c_str());
  ::unlink(disk_->PathOf("edited").c_str());
  disk_->List("edited", FakeBook::OfSize(10, 12));
  disk_->List("deleted", FakeBook::OfSize(10, 13));
  Restart();
  for (const auto& [reason, item] : wishes) {
    EXPECT_EQ(ReasonOf(Release(item).status()), reason);
    EXPECT_EQ(ReasonOf(handover().Release(stranger_, {item})[0].status()), "TRANSFER_CONFLICT");
  }
  // Another transfer may have what can be taken now.
  disk_->scanner->Examine("lent");
  EXPECT_TRUE(Release(PeerDisk::Wish(lent)).ok());
}

TEST_F(HandoverTest, ALenderNeverLosesABook) {
  const Book book = disk_->List("book", one_);
  Restart({.policy = SharePolicy::kCopy});
  const ReleaseItem item = PeerDisk::Wish(book);
  EXPECT_EQ(ReasonOf(Release(item).status()), "NOT_FOR_TAKING");
  EXPECT_EQ(File("book"), one_.bytes);
  Restart({.policy = SharePolicy::kMove});
  EXPECT_EQ(ReasonOf(Release(item).status()), "NOT_FOR_TAKING");
  EXPECT_TRUE(Release(PeerDisk::Wish(book)).ok());
}

TEST_F(HandoverTest, AnUnsettledBookMayBeAskedForAgain) {
  ListingRecord record = disk_->List("book", one_).record;
  record.unsettled = true;
  record.number =
      Must(disk_->ledger->listings()->Replace(record.number, ListingState::kDeleted, record));
  Restart();
  const ReleaseItem item = PeerDisk::Wish(*disk_->library->FindPath("book"));
  const absl::Status status = Release(item).status();
  EXPECT_EQ(ReasonOf(status), "BOOK_UNSETTLED");
  EXPECT_TRUE(GetRetryAfter(status).has_value());
  EXPECT_EQ(File("book"), one_.bytes);
  EXPECT_EQ(Must(disk_->ledger->releases()->Find(item.transfer_id)), std::nullopt);
  Must(disk_->library->Settle({record.number}));
  EXPECT_TRUE(Release(item).ok());
}

// A file that another program puts there between the listing and the Release is not given away.
TEST_F(HandoverTest, OnlyTheFileThatWasListedIsGivenAway) {
  const Book book = disk_->List("book", one_);
  const auto expect_refused = [&](const char* how) {
    SCOPED_TRACE(how);
    const std::string before = File("book");
    EXPECT_EQ(ReasonOf(Release(PeerDisk::Wish(book)).status()), "BOOK_CHANGED");
    EXPECT_EQ(File("book"), before) << "it belongs where it was";
    EXPECT_THAT(disk_->Hidden(), IsEmpty());
    EXPECT_EQ(Must(disk_->ledger->releases()->FindOfListing(book.record.number)), std::nullopt);
  };
  WriteFileAt(temp_ / "other", one_.bytes);
  ASSERT_EQ(::rename((temp_ / "other").c_str(), disk_->PathOf("book").c_str()), 0);
  expect_refused("the same bytes in another file");
  ::unlink(disk_->PathOf("book").c_str());
  ASSERT_EQ(::symlink("other", disk_->PathOf("book").c_str()), 0);
  expect_refused("a symlink");
  ::unlink(disk_->PathOf("book").c_str());
  WriteFileAt(disk_->PathOf("book/inside"), "a folder");
  expect_refused("a folder");
  EXPECT_EQ(File("book/inside"), "a folder");
}

TEST_F(HandoverTest, ASwappedFileWhosePlaceIsTakenKeepsAnotherName) {
  const SharedFolder::HiddenFile hidden{TransferId::Random(), 77};
  const Book book = disk_->List("a.txt", one_);
  disk_->List("a (2).txt", two_);
  // Hidden for a release that was never recorded; meanwhile the owner put another file there.
  Hide("a.txt", {hidden.transfer_id, book.record.number});
  WriteFileAt(temp_ / "a.txt", "another");
  Restart();
  EXPECT_EQ(File("a.txt"), "another");
  EXPECT_EQ(File("a (2).txt"), two_.bytes);
  EXPECT_EQ(File("a (3).txt"), one_.bytes);
  EXPECT_THAT(disk_->Hidden(), IsEmpty());
}

// A stranger could otherwise fill the ledger with made-up transfers.
TEST_F(HandoverTest, ARefusalOfWhatNeverWasHereNeedsNoRecord) {
  const Book book = disk_->List("book", one_);
  std::vector<ReleaseItem> items;
  for (uint64_t i = 0; i < 1000; ++i) {
    items.push_back({TransferId::Random(), book.record.number + 1 + (i << 40), one_.id});
  }
  for (int repeat = 0; repeat < 2; ++repeat) {
    for (const absl::StatusOr<MoveTicket>& answer : handover().Release(receiver_, items)) {
      EXPECT_EQ(ReasonOf(answer.status()), "BOOK_GONE");
    }
  }
  for (const ReleaseItem& item : items) {
    EXPECT_EQ(Must(disk_->ledger->releases()->Find(item.transfer_id)), std::nullopt);
  }
  // A listing that was here is another matter.
  ReleaseItem other = PeerDisk::Wish(book);
  other.content = two_.id;
  EXPECT_EQ(ReasonOf(Release(other).status()), "BOOK_CHANGED");
  EXPECT_EQ(StateOf(other), ReleaseState::kRefused);
}

// --- Batches ---

TEST_F(HandoverTest, ABatchIsAnsweredItemByItem) {
  const Book good = disk_->List("good", one_);
  const Book gone = disk_->List("gone", two_);
  ::unlink(disk_->PathOf("gone").c_str());
  const Book also_good = disk_->List("also good", FakeBook::OfSize(5));
  const ReleaseItem earlier = PeerDisk::Wish(disk_->List("earlier", FakeBook::OfSize(6)));
  const MoveTicket earlier_ticket = Must(Release(earlier));
  ReleaseItem conflict = PeerDisk::Wish(also_good);
  conflict.transfer_id = earlier.transfer_id;

  const std::vector<ReleaseItem> items = {PeerDisk::Wish(also_good), PeerDisk::Wish(gone), earlier,
                                          PeerDisk::Wish(good)};
  std::vector<absl::StatusOr<MoveTicket>> answers = handover().Release(receiver_, items);
  ASSERT_THAT(answers, SizeIs(4));
  EXPECT_EQ(Must(answers[0]).body.source_listing, also_good.record.number);
  EXPECT_EQ(ReasonOf(answers[1].status()), "BOOK_GONE");
  EXPECT_EQ(Must(answers[2]), earlier_ticket);
  EXPECT_EQ(Must(answers[3]).body.source_listing, good.record.number);
  EXPECT_EQ(Must(answers[3]).batch_size, 2U);
  TicketVerifier verifier;
  EXPECT_TRUE(verifier.Verify(*answers[0]).ok());
  EXPECT_TRUE(verifier.Verify(*answers[3]).ok());
  EXPECT_EQ(ReasonOf(Release(conflict).status()), "TRANSFER_CONFLICT");
}

TEST_F(HandoverTest, AThousandAtOnce) {
  std::vector<ReleaseItem> items;
  for (int i = 0; i < 1000; ++i) {
    items.push_back(
        PeerDisk::Wish(disk_->List(absl::StrCat(i % 10, "/", i), FakeBook::OfSize(4, i))));
  }
  std::reverse(items.begin(), items.end());
  const std::vector<absl::StatusOr<MoveTicket>> answers = handover().Release(receiver_, items);
  TicketVerifier verifier;
  for (size_t i = 0; i < items.size(); ++i) {
    const MoveTicket ticket = Must(answers[i]);
    EXPECT_EQ(ticket.body.transfer_id, items[i].transfer_id);
    EXPECT_EQ(ticket.batch_size, 1000U);
    EXPECT_TRUE(verifier.Verify(ticket).ok());
  }
  EXPECT_THAT(disk_->Hidden(), SizeIs(1000));
  EXPECT_EQ(disk_->library->GetTotals().books, 0U);
  std::vector<TransferId> ids;
  for (const ReleaseItem& item : items) ids.push_back(item.transfer_id);
  for (const absl::Status& status : handover().Confirm(receiver_, ids)) Must(status);
  handover().AwaitRead();
  EXPECT_THAT(disk_->Hidden(), IsEmpty());
  EXPECT_THAT(Must(handover().Limbo()), IsEmpty());
}

// --- Several at a time ---

TEST_F(HandoverTest, TheSameTransferTwiceAtATime) {
  for (int round = 0; round < 10; ++round) {
    const ReleaseItem item =
        PeerDisk::Wish(disk_->List(absl::StrCat("book ", round), FakeBook::OfSize(9, round)));
    std::vector<absl::StatusOr<MoveTicket>> answers(4, absl::UnknownError(""));
    std::vector<std::thread> threads;
    for (absl::StatusOr<MoveTicket>& answer : answers) {
      threads.emplace_back([&] { answer = Release(item); });
    }
    for (std::thread& thread : threads) thread.join();
    for (const absl::StatusOr<MoveTicket>& answer : answers) EXPECT_EQ(Must(answer), *answers[0]);
  }
}

TEST_F(HandoverTest, OneListingForManyReceivers) {
  for (int round = 0; round < 10; ++round) {
    const Book book = disk_->List(absl::StrCat("book ", round), FakeBook::OfSize(9, round));
    std::vector<absl::StatusOr<MoveTicket>> answers(4, absl::UnknownError(""));
    std::vector<PublicKey> receivers;
    for (size_t i = 0; i < answers.size(); ++i) {
      receivers.push_back(PrivateKey::Generate().public_key());
    }
    std::vector<std::thread> threads;
    for (size_t i = 0; i < answers.size(); ++i) {
      threads.emplace_back(
          [&, i] { answers[i] = handover().Release(receivers[i], {PeerDisk::Wish(book)})[0]; });
    }
    for (std::thread& thread : threads) thread.join();
    std::string winner;
    for (size_t i = 0; i < answers.size(); ++i) {
      if (!answers[i].ok()) continue;
      EXPECT_EQ(winner, "") << "released twice";
      winner = receivers[i].hex();
    }
    EXPECT_NE(winner, "");
    for (const absl::StatusOr<MoveTicket>& answer : answers) {
      if (answer.ok()) continue;
      EXPECT_EQ(ReasonOf(answer.status()), "BOOK_MOVED");
      EXPECT_EQ(GetErrorMetadata(answer.status())["moved_to_public_key"], winner);
    }
  }
}

// Two receivers want the same books, in opposite order, and one of them asks twice for some.
TEST_F(HandoverTest, OverlappingBatchesEndAndShareNothing) {
  constexpr size_t kBooks = 60;
  std::vector<Book> books;
  for (size_t i = 0; i < kBooks; ++i) {
    books.push_back(disk_->List(absl::StrCat("book ", i), FakeBook::OfSize(9, i)));
  }
  std::vector<ReleaseItem> up, down, again;
  for (const Book& book : books) up.push_back(PeerDisk::Wish(book));
  for (auto it = books.rbegin(); it != books.rend(); ++it) down.push_back(PeerDisk::Wish(*it));
  again.assign(up.rbegin(), up.rbegin() + kBooks / 2);

  std::vector<absl::StatusOr<MoveTicket>> up_answers, down_answers, again_answers;
  std::thread a([&] { up_answers = handover().Release(receiver_, up); });
  std::thread b([&] { down_answers = handover().Release(stranger_, down); });
  std::thread c([&] { again_answers = handover().Release(receiver_, again); });
  a.join();
  b.join();
  c.join();
  for (size_t i = 0; i < kBooks; ++i) {
    const absl::StatusOr<MoveTicket>& mine = up_answers[i];
    const absl::StatusOr<MoveTicket>& theirs = down_answers[kBooks - 1 - i];
    EXPECT_NE(mine.ok(), theirs.ok()) << books[i].record.path;
    EXPECT_EQ(ReasonOf(mine.ok() ? theirs.status() : mine.status()), "BOOK_MOVED");
  }
  for (size_t i = 0; i < again.size(); ++i) {
    const absl::StatusOr<MoveTicket>& first = up_answers[kBooks - 1 - i];
    EXPECT_EQ(again_answers[i].ok(), first.ok());
    if (first.ok()) {
      EXPECT_EQ(*again_answers[i], *first);
    }
  }
  EXPECT_THAT(disk_->Hidden(), SizeIs(kBooks));
}

TEST_F(HandoverTest, ReleaseConfirmAndRestoreOfOneTransferAtATime) {
  for (int round = 0; round < 10; ++round) {
    const std::string name = absl::StrCat("book ", round);
    const ReleaseItem item = PeerDisk::Wish(disk_->List(name, FakeBook::OfSize(9, round)));
    Must(Release(item));
    absl::StatusOr<std::string> restored = absl::UnknownError("");
    absl::Status confirmed;
    std::thread a([&] { restored = handover().Restore(item.transfer_id); });
    std::thread b([&] { confirmed = Confirm(item.transfer_id); });
    a.join();
    b.join();
    handover().AwaitRead();
    EXPECT_TRUE(confirmed.ok());
    EXPECT_EQ(Exists(disk_->PathOf(name)), restored.ok());
    EXPECT_THAT(disk_->Hidden(), IsEmpty());
    EXPECT_EQ(Must(disk_->ledger->releases()->Find(item.transfer_id))->state,
              restored.ok() ? ReleaseState::kRestored : ReleaseState::kGone);
  }
}

// --- Confirm ---

TEST_F(HandoverTest, ConfirmForgetsTheHiddenCopyOnce) {
  const ReleaseItem item = PeerDisk::Wish(disk_->List("book", one_));
  Must(Release(item));
  for (int i = 0; i < 2; ++i) {
    Must(Confirm(item.transfer_id));
    EXPECT_THAT(disk_->Hidden(), IsEmpty());
    EXPECT_THAT(Must(handover().Limbo()), IsEmpty());
    Restart();
  }
  EXPECT_EQ(ReasonOf(handover().Restore(item.transfer_id).status()), "TRANSFER_UNKNOWN");
}

TEST_F(HandoverTest, KeepsAFileThatWasWrittenAfterTheHandOver) {
  const ReleaseItem item = PeerDisk::Wish(disk_->List("book", one_));
  Must(Release(item));
  const std::string hidden = disk_->folder->StatePath("released/" + disk_->Hidden()[0]);
  WriteFileAt(hidden, one_.bytes + "edited");

  Must(Confirm(item.transfer_id));
  EXPECT_THAT(disk_->Hidden(), IsEmpty());
  EXPECT_EQ(File("book"), one_.bytes + "edited");
  Must(Confirm(item.transfer_id));
  EXPECT_EQ(File("book"), one_.bytes + "edited");
  // A new book: the old listing stays released.
  EXPECT_EQ(Must(disk_->ledger->listings()->Find(item.listing))->state, ListingState::kReleased);
}

TEST_F(HandoverTest, KeepsAFileThatAProgramStillWritesTo) {
  const Book book = disk_->List("book", one_);
  Serve(book, 0, one_.bytes.size());
  const ReleaseItem item = PeerDisk::Wish(book);
  Must(ReleaseVerified(item));
  const std::string hidden = disk_->folder->StatePath("released/" + disk_->Hidden()[0]);
  const UniqueFd writer(::open(hidden.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  Must(Confirm(item.transfer_id));
  EXPECT_EQ(File("book"), one_.bytes);
  ASSERT_EQ(::write(writer.get(), "edited", 6), 6);
  EXPECT_EQ(File("book"), one_.bytes + "edited");
}

// --- The proof that a hidden copy is the book ---

// The receiver has the book from another holder; what is here are the only such bytes.
TEST_F(HandoverTest, AFileThatIsNotTheBookComesBack) {
  const std::string bytes(one_.bytes.size(), 'x');
  const ReleaseItem item = PeerDisk::Wish(ListFalsely("book", one_, bytes));
  Must(Release(item));
  Must(Confirm(item.transfer_id));
  EXPECT_EQ(File("book"), bytes);
  EXPECT_THAT(disk_->Hidden(), IsEmpty());
  EXPECT_EQ(StateOf(item), ReleaseState::kRestored);
  disk_->scanner->Examine("book");
  EXPECT_EQ(disk_->library->FindPath("book")->record.content, FakeBook::Of(bytes).id);
}

// A false listing shows that the file was not read: reading it would bring it back.
TEST_F(HandoverTest, AFileThatTheReceiverHasVerifiedIsNotRead) {
  const Book book = ListFalsely("book", one_, std::string(one_.bytes.size(), 'x'));
  Serve(book, 500, 500);
  Serve(book, 0, 500);
  const ReleaseItem item = PeerDisk::Wish(book);
  Must(ReleaseVerified(item));
  Must(handover().Confirm(receiver_, {item.transfer_id})[0]);
  EXPECT_THAT(disk_->Hidden(), IsEmpty());
  EXPECT_EQ(StateOf(item), ReleaseState::kGone);
  EXPECT_FALSE(Exists(disk_->PathOf("book")));
}

TEST_F(HandoverTest, AnythingLessIsNoProof) {
  const std::string bytes(one_.bytes.size(), 'x');
  const auto expect_read = [&](const std::string& name, absl::FunctionRef<ReleaseItem(Book)> give) {
    SCOPED_TRACE(name);
    const ReleaseItem item = give(ListFalsely(name, one_, bytes));
    Must(Confirm(item.transfer_id));
    EXPECT_EQ(StateOf(item), ReleaseState::kRestored);
    EXPECT_EQ(File(name), bytes);
  };
  expect_read("all was served, but another holder brought bytes too", [&](const Book& book) {
    Serve(book, 0, 1000);
    const ReleaseItem item = PeerDisk::Wish(book);
    Must(Release(item));
    return item;
  });
  expect_read("a byte was not served", [&](const Book& book) {
    Serve(book, 0, 999);
    const ReleaseItem item = PeerDisk::Wish(book);
    Must(ReleaseVerified(item));
    return item;
  });
  expect_read("it was touched in released", [&](const Book& book) {
    Serve(book, 0, 1000);
    const ReleaseItem item = PeerDisk::Wish(book);
    Must(ReleaseVerified(item));
    MakeOld(disk_->folder->StatePath("released/" + disk_->Hidden()[0]));
    return item;
  });
  expect_read("the source has restarted", [&](const Book& book) {
    Serve(book, 0, 1000);
    const ReleaseItem item = PeerDisk::Wish(book);
    Must(ReleaseVerified(item));
    Restart();
    return item;
  });
}

TEST_F(HandoverTest, AReadingThatACrashInterruptedIsDoneAtTheNextStart) {
  const std::string bytes(one_.bytes.size(), 'x');
  const ReleaseItem good = PeerDisk::Wish(disk_->List("good", two_));
  const ReleaseItem other = PeerDisk::Wish(ListFalsely("other", one_, bytes));
  const ReleaseItem deleted = PeerDisk::Wish(disk_->List("deleted", FakeBook::OfSize(7)));
  for (const ReleaseItem& item : {good, other, deleted}) Must(Release(item));
  Must(disk_->ledger->releases()->RecordState(
      {good.transfer_id, other.transfer_id, deleted.transfer_id}, ReleaseState::kConfirmed));
  Must(disk_->folder->RemoveHidden({{deleted.transfer_id, deleted.listing}}));
  EXPECT_THAT(Must(handover().Limbo()), IsEmpty()) << "no owner waits for them";
  EXPECT_EQ(ReasonOf(handover().Restore(good.transfer_id).status()), "TRANSFER_UNKNOWN");
  Restart();
  handover().AwaitRead();
  EXPECT_THAT(disk_->Hidden(), IsEmpty());
  EXPECT_EQ(StateOf(good), ReleaseState::kGone);
  EXPECT_FALSE(Exists(disk_->PathOf("good")));
  EXPECT_EQ(StateOf(other), ReleaseState::kRestored);
  EXPECT_EQ(File("other"), bytes);
  EXPECT_EQ(StateOf(deleted), ReleaseState::kGone);
}

// --- Files that cannot be taken ---

TEST_F(HandoverTest, AFileThatAProgramWritesToIsOnlyLent) {
  const Book book = disk_->List("book", one_);
  const ReleaseItem item = PeerDisk::Wish(book);
  UniqueFd writer(::open(disk_->PathOf("book").c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  const absl::Status refused = Release(item).status();
  EXPECT_EQ(ReasonOf(refused), "NOT_FOR_TAKING");
  EXPECT_THAT(refused.message(), HasSubstr("open for writing"));
  EXPECT_EQ(disk_->library->FindPath("book")->lend_reason, kOpenForWriting);
  EXPECT_EQ(File("book"), one_.bytes);
  writer = UniqueFd();
  disk_->scanner->Examine("book");
  EXPECT_EQ(disk_->library->FindPath("book")->lend_reason, "");
  EXPECT_EQ(ReasonOf(Release(item).status()), "NOT_FOR_TAKING") << "the answer is final";
  Must(Release(PeerDisk::Wish(book)));
}

TEST_F(HandoverTest, AFileThatMayNotLeaveItsFolderIsOnlyLent) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs a folder of root and a peer of another user";
  const Book book = disk_->List("sub/book", one_);
  const ReleaseItem item = PeerDisk::Wish(book);
  ASSERT_EQ(::chmod(temp_.path().c_str(), 0755), 0);
  ASSERT_EQ(::chmod((temp_ / "sub").c_str(), 0555), 0);
  ASSERT_EQ(::seteuid(65534), 0);
  const absl::Status refused = Release(item).status();
  ASSERT_EQ(::seteuid(0), 0);
  EXPECT_EQ(ReasonOf(refused), "NOT_FOR_TAKING");
  EXPECT_EQ(File("sub/book"), one_.bytes);
  EXPECT_THAT(disk_->library->FindPath("sub/book")->lend_reason, HasSubstr("Permission denied"));
}

TEST_F(HandoverTest, AFileThatWasTouchedIsHashedAgainBeforeItIsGivenAway) {
  const Book book = disk_->List("book", one_);
  const ReleaseItem item = PeerDisk::Wish(book);
  ASSERT_EQ(::chmod(disk_->PathOf("book").c_str(), 0600), 0);
  const absl::Status status = Release(item).status();
  EXPECT_EQ(ReasonOf(status), "BOOK_UNSETTLED");
  EXPECT_TRUE(GetRetryAfter(status).has_value());
  EXPECT_TRUE(disk_->library->OpenForServing(one_.id).ok()) << "its receivers check the bytes";
  disk_->scanner->Examine("book");
  EXPECT_EQ(disk_->library->FindPath("book")->record.number, book.record.number);
  Must(Release(item));
}

TEST_F(HandoverTest, OnlyTheReceiverConfirms) {
  const ReleaseItem item = PeerDisk::Wish(disk_->List("book", one_));
  const Book lent = disk_->List("lent", two_);
  Must(Release(item));
  ASSERT_EQ(::link(disk_->PathOf("lent").c_str(), (temp_ / "link").c_str()), 0);
  const ReleaseItem refused = PeerDisk::Wish(lent);
  EXPECT_FALSE(Release(refused).ok());

  const std::vector<absl::Status> answers = handover().Confirm(
      receiver_, {TransferId::Random(), item.transfer_id, refused.transfer_id, item.transfer_id});
  EXPECT_EQ(ReasonOf(answers[0]), "TRANSFER_UNKNOWN");
  EXPECT_EQ(ReasonOf(answers[1]), "OK");
  EXPECT_EQ(ReasonOf(answers[2]), "TRANSFER_UNKNOWN");
  EXPECT_EQ(ReasonOf(answers[3]), "OK");
  const ReleaseItem other = PeerDisk::Wish(disk_->List("other", FakeBook::OfSize(3)));
  Must(Release(other));
  EXPECT_EQ(ReasonOf(handover().Confirm(stranger_, {other.transfer_id})[0]), "TRANSFER_UNKNOWN");
  handover().AwaitRead();
  EXPECT_THAT(disk_->Hidden(), SizeIs(1));
}

TEST_F(HandoverTest, AHiddenCopyThatBecameAFolderComesBack) {
  const ReleaseItem item = PeerDisk::Wish(disk_->List("book", one_));
  Must(Release(item));
  const std::string hidden = disk_->folder->StatePath("released/" + disk_->Hidden()[0]);
  ASSERT_EQ(::rename(hidden.c_str(), (temp_ / "aside").c_str()), 0);
  WriteFileAt(hidden + "/inside", "a folder");
  const std::vector<absl::Status> answers =
      handover().Confirm(receiver_, {item.transfer_id, TransferId::Random()});
  EXPECT_EQ(ReasonOf(answers[0]), "OK");
  EXPECT_EQ(ReasonOf(answers[1]), "TRANSFER_UNKNOWN");
  handover().AwaitRead();
  EXPECT_THAT(Must(handover().Limbo()), IsEmpty());
  EXPECT_EQ(File("book/inside"), "a folder");
}

// --- Restore ---

TEST_F(HandoverTest, TheOwnerTakesAHiddenCopyBack) {
  const Book book = disk_->List("sub/book", one_);
  const ReleaseItem item = PeerDisk::Wish(book);
  const MoveTicket ticket = Must(Release(item));
  EXPECT_EQ(Must(handover().Restore(item.transfer_id)), "sub/book");
  disk_->scanner->Examine("sub/book");
  const Book back = *disk_->library->FindPath("sub/book");
  EXPECT_NE(back.record.number, book.record.number) << "gone is final";
  EXPECT_EQ(back.record.content, one_.id);
  EXPECT_EQ(ReasonOf(handover().Restore(item.transfer_id).status()), "TRANSFER_UNKNOWN");
  EXPECT_THAT(Must(handover().Limbo()), IsEmpty());

  // The receiver turns up after all: it has its ticket, and its Confirm changes nothing here.
  EXPECT_EQ(Must(Release(item)), ticket);
  Must(Confirm(item.transfer_id));
  EXPECT_EQ(File("sub/book"), one_.bytes);
  Restart();
  EXPECT_EQ(File("sub/book"), one_.bytes);
  // The restored book can be given away like any other.
  EXPECT_TRUE(Release(PeerDisk::Wish(back)).ok());
}

TEST_F(HandoverTest, ARestoredBookWhosePlaceIsTakenGetsAnotherName) {
  const ReleaseItem item = PeerDisk::Wish(disk_->List("book", one_));
  Must(Release(item));
  disk_->List("book", two_);
  EXPECT_EQ(Must(handover().Restore(item.transfer_id)), "book (2)");
  EXPECT_EQ(File("book"), two_.bytes);
  EXPECT_EQ(File("book (2)"), one_.bytes);
}

TEST_F(HandoverTest, ARestoredBookWhoseFolderIsAFileNowComesBackToo) {
  const ReleaseItem item = PeerDisk::Wish(disk_->List("sub/book", one_));
  Must(Release(item));
  ASSERT_EQ(::rmdir(disk_->PathOf("sub").c_str()), 0);
  WriteFileAt(temp_ / "sub", "a file");
  const std::string path = Must(handover().Restore(item.transfer_id));
  EXPECT_EQ(path, "book");
  EXPECT_EQ(File(path), one_.bytes);
  EXPECT_EQ(File("sub"), "a file");
}

TEST_F(HandoverTest, RestoreRefusesWhatIsNotHidden) {
  EXPECT_EQ(ReasonOf(handover().Restore(TransferId::Random()).status()), "TRANSFER_UNKNOWN");
  const ReleaseItem item = PeerDisk::Wish(disk_->List("book", one_));
  Must(Release(item));
  ::unlink(disk_->folder->StatePath("released/" + disk_->Hidden()[0]).c_str());
  EXPECT_EQ(ReasonOf(handover().Restore(item.transfer_id).status()), "FILE_NOT_FOUND");
  const Book lent = disk_->List("lent", two_);
  ASSERT_EQ(::link(disk_->PathOf("lent").c_str(), (temp_ / "link").c_str()), 0);
  const ReleaseItem refused = PeerDisk::Wish(lent);
  EXPECT_FALSE(Release(refused).ok());
  EXPECT_EQ(ReasonOf(handover().Restore(refused.transfer_id).status()), "TRANSFER_UNKNOWN");
}

// --- After a crash: the disk decides ---

TEST_F(HandoverTest, HiddenButNotRecordedComesBackAsTheSameListing) {
  const Book book = disk_->List("sub/book", one_);
  const ReleaseItem item = PeerDisk::Wish(book);
  Hide("sub/book", {item.transfer_id, item.listing});
  Restart();
  EXPECT_EQ(File("sub/book"), one_.bytes);
  EXPECT_THAT(disk_->Hidden(), IsEmpty());
  EXPECT_EQ(disk_->library->FindPath("sub/book")->record.number, book.record.number);
  EXPECT_TRUE(disk_->library->OpenForServing(one_.id).ok());
  // Nothing was decided, so the receiver's next Release decides, once the scanner has looked.
  EXPECT_EQ(ReasonOf(Release(item).status()), "BOOK_UNSETTLED");
  disk_->scanner->Examine("sub/book");
  EXPECT_TRUE(Release(item).ok());
}

TEST_F(HandoverTest, HiddenButRefusedComesBack) {
  const Book book = disk_->List("book", one_);
  const ReleaseItem item = PeerDisk::Wish(book);
  ASSERT_EQ(::link(disk_->PathOf("book").c_str(), (temp_ / "link").c_str()), 0);
  EXPECT_FALSE(Release(item).ok());
  ::unlink((temp_ / "link").c_str());
  Hide("book", {item.transfer_id, item.listing});
  Restart();
  EXPECT_EQ(File("book"), one_.bytes);
}

TEST_F(HandoverTest, HiddenForAnotherListingThanTheOneReleasedComesBack) {
  const Book book = disk_->List("book", one_);
  const Book other = disk_->List("other", two_);
  const ReleaseItem item = PeerDisk::Wish(book);
  Must(Release(item));
  Hide("other", {item.transfer_id, other.record.number});
  Restart();
  EXPECT_EQ(File("other"), two_.bytes);
  EXPECT_THAT(disk_->Hidden(), SizeIs(1));
}

TEST_F(HandoverTest, HiddenAndRecordedStaysHidden) {
  const ReleaseItem item = PeerDisk::Wish(disk_->List("book", one_));
  Must(Release(item));
  Restart();
  Scan();
  EXPECT_FALSE(Exists(disk_->PathOf("book")));
  EXPECT_FALSE(disk_->library->FindContent(one_.id).has_value());
  EXPECT_THAT(disk_->Hidden(), SizeIs(1));
  EXPECT_THAT(Must(handover().Limbo()), SizeIs(1));
  Must(Confirm(item.transfer_id));
  EXPECT_THAT(disk_->Hidden(), IsEmpty());
}

TEST_F(HandoverTest, ConfirmedButStillThereIsRemoved) {
  const ReleaseItem item = PeerDisk::Wish(disk_->List("book", one_));
  Must(Release(item));
  Must(disk_->ledger->releases()->RecordState({item.transfer_id}, ReleaseState::kGone));
  Restart();
  EXPECT_THAT(disk_->Hidden(), IsEmpty());
  EXPECT_FALSE(Exists(disk_->PathOf("book")));
}

TEST_F(HandoverTest, UnlinkedButNotRecordedIsGone) {
  const ReleaseItem item = PeerDisk::Wish(disk_->List("book", one_));
  Must(Release(item));
  Must(disk_->folder->RemoveHidden({{item.transfer_id, item.listing}}));
  Restart();
  // Nothing is left for the owner to restore.
  EXPECT_THAT(Must(handover().Limbo()), IsEmpty());
  Must(Confirm(item.transfer_id));
  EXPECT_TRUE(Release(item).ok());
}

TEST_F(HandoverTest, RestoredButStillHiddenComesBack) {
  const ReleaseItem item = PeerDisk::Wish(disk_->List("book", one_));
  Must(Release(item));
  Must(disk_->ledger->releases()->RecordState({item.transfer_id}, ReleaseState::kRestored));
  WriteFileAt(temp_ / "book", "another");
  Restart();
  EXPECT_EQ(File("book"), "another");
  EXPECT_EQ(File("book (2)"), one_.bytes);
  EXPECT_THAT(disk_->Hidden(), IsEmpty());
}

TEST_F(HandoverTest, AHiddenFileOfAnUnknownListingIsNotLost) {
  disk_->List("book", one_);
  const SharedFolder::HiddenFile hidden{TransferId::Random(), 12'345};
  Hide("book", hidden);
  Restart();
  EXPECT_EQ(File(hidden.transfer_id.hex()), one_.bytes);
}

TEST_F(HandoverTest, AFileWhereItsFolderWasDoesNotKeepAPeerFromStarting) {
  const ReleaseItem item = PeerDisk::Wish(disk_->List("sub/book", one_));
  Hide("sub/book", {item.transfer_id, item.listing});
  ASSERT_EQ(::rmdir(disk_->PathOf("sub").c_str()), 0);
  WriteFileAt(temp_ / "sub", "a file");
  WriteFileAt(temp_ / "book", "another");
  Restart();
  EXPECT_EQ(File("sub"), "a file");
  EXPECT_EQ(File("book"), "another");
  EXPECT_EQ(File("book (2)"), one_.bytes);
}

// --- A full disk ---

class FullDiskHandoverTest : public HandoverTest {
 protected:
  void SetUp() override {
    absl::StatusOr<std::unique_ptr<SmallDisk>> small = SmallDisk::Mount(24 << 20);
    if (!small.ok()) GTEST_SKIP() << small.status().message();
    small_ = *std::move(small);
    RestartThere();
  }
  void TearDown() override { disk_.reset(); }
  void RestartThere() {
    disk_.reset();
    disk_ = std::make_unique<PeerDisk>(small_->path());
    Must(disk_->handover->Recover());
    Must(disk_->library->Load());
  }
  // This batch cannot be recorded without the reserve.
  std::vector<ReleaseItem> ManyWishes() {
    std::vector<ReleaseItem> items;
    for (int i = 0; i < 200; ++i) {
      items.push_back(
          PeerDisk::Wish(disk_->List(absl::StrCat("book ", i), FakeBook::OfSize(4, i))));
    }
    return items;
  }

  std::unique_ptr<SmallDisk> small_;
};

TEST_F(FullDiskHandoverTest, TheReserveIsForHandingOver) {
  const std::vector<ReleaseItem> items = ManyWishes();
  small_->Fill();
  for (const absl::StatusOr<MoveTicket>& answer : handover().Release(receiver_, items)) {
    EXPECT_TRUE(answer.ok()) << answer.status();
  }
}

TEST_F(FullDiskHandoverTest, WithoutRoomNothingIsDecided) {
  const std::vector<ReleaseItem> items = ManyWishes();
  disk_->folder->FreeReserve();
  small_->Fill();
  for (const absl::StatusOr<MoveTicket>& answer : handover().Release(receiver_, items)) {
    EXPECT_EQ(ReasonOf(answer.status()), "DISK_FULL");
    EXPECT_TRUE(GetRetryAfter(answer.status()).has_value());
  }
  EXPECT_THAT(disk_->Hidden(), IsEmpty());
  EXPECT_EQ(disk_->library->GetTotals().books, items.size());
  EXPECT_TRUE(disk_->library->OpenForServing(items[0].content).ok());
  small_->MakeRoom();
  // They were renamed, so the scanner looks at them first.
  for (const std::string& name : NamesIn(small_->path())) disk_->scanner->Examine(name);
  for (const absl::StatusOr<MoveTicket>& answer : handover().Release(receiver_, items)) {
    EXPECT_TRUE(answer.ok()) << answer.status();
  }
}

TEST_F(FullDiskHandoverTest, AConfirmThatCannotBeRecordedIsAskedForAgain) {
  std::vector<ReleaseItem> items;
  std::vector<TransferId> ids;
  for (int i = 0; i < 500; ++i) {
    // Empty, because room that is given back with the books would do.
    items.push_back(PeerDisk::Wish(disk_->List(absl::StrCat("book ", i), FakeBook::Of(""))));
    ids.push_back(items.back().transfer_id);
  }
  for (const absl::StatusOr<MoveTicket>& answer : handover().Release(receiver_, items)) {
    Must(answer.status());
  }
  RestartThere();  // with an empty log, which has no room left in it
  disk_->folder->FreeReserve();
  small_->Fill();
  for (const absl::Status& answer : handover().Confirm(receiver_, ids)) {
    EXPECT_EQ(ReasonOf(answer), "DISK_FULL");
  }
  EXPECT_THAT(Must(handover().Limbo()), SizeIs(ids.size()));
  small_->MakeRoom();
  for (const absl::Status& answer : handover().Confirm(receiver_, ids)) Must(answer);
  EXPECT_THAT(Must(handover().Limbo()), IsEmpty());
}

}  // namespace
}  // namespace arkshare
