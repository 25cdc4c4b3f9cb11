#include "services/peer/library/library.h"

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <future>
#include <thread>

#include "lib/core/errors.h"
#include "services/peer/testing/fake_book.h"
#include "services/peer/testing/must.h"
#include "services/peer/testing/peer_disk.h"
#include "services/peer/testing/temp_folder.h"

namespace arkshare {
namespace {

using testing::AnyOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr char kComposed[] = "caf\u00e9";
constexpr char kDecomposed[] = "cafe\u0301";

BookName Name(const std::string& name) { return Must(BookName::Parse(name)); }

class LibraryTest : public testing::Test {
 protected:
  void SetUp() override { Restart(); }

  void Restart(Library::Options options = {}) {
    disk_.reset();
    disk_ = std::make_unique<PeerDisk>(temp_.path(), options, &clock_);
    examined_.clear();
    library().SetExamineRequest([this](const std::string& path) { examined_.push_back(path); });
    Must(disk_->handover->Recover());
    Must(library().Load());
  }
  Library& library() { return *disk_->library; }
  const FakeBook& book(uint32_t seed) {
    return books_.try_emplace(seed, FakeBook::OfSize(100 + seed, seed)).first->second;
  }
  // Makes a record of a file that does not exist, for tests of the tables.
  ListingRecord Record(const std::string& path, uint32_t seed) {
    return {.name = Name(path),
            .path = path,
            .content = book(seed).id,
            .identity = {.inode = 1'000'000 + seed, .size = book(seed).id.size, .mtime_ns = 1}};
  }
  // Returns "+name" and "-number", in order, without waiting.
  std::vector<std::string> Changes() {
    std::vector<std::string> out;
    for (const Library::Change& change : library().feed().Next(absl::ZeroDuration(), 1000)) {
      if (const BookListing* listing = std::get_if<BookListing>(&change)) {
        out.push_back("+" + listing->name.value());
      } else {
        out.push_back(absl::StrCat("-", std::get<uint64_t>(change)));
      }
    }
    return out;
  }
  std::vector<std::string> Feed() {
    std::vector<std::string> out;
    for (const BookListing& listing : library().feed().Start()) out.push_back(listing.name.value());
    return out;
  }
  std::string WhyUnshared(const std::string& path) {
    const std::optional<LibraryItem> item = library().FindUnlisted(path);
    return item ? item->unshared_reason : "(not there)";
  }
  // Hands a listing over to a receiver that stays silent afterwards.
  void Release(const Book& given) {
    Must(disk_->handover->Release(receiver_, {PeerDisk::Wish(given)})[0].status());
  }

  const PublicKey receiver_ = PrivateKey::Generate().public_key();
  FakeClock clock_;
  TempFolder temp_;
  std::map<uint32_t, FakeBook> books_;
  std::vector<std::string> examined_;
  std::unique_ptr<PeerDisk> disk_;
};

// --- What the scanner finds in the folder ---

TEST_F(LibraryTest, ABookThatAppearsIsFoundByEachKey) {
  const Book a = disk_->List("a", book(1));
  const Book b = disk_->List("sub/b", book(2));
  EXPECT_LT(a.record.number, b.record.number);
  EXPECT_EQ(library().Find(Name("a"))->record.number, a.record.number);
  EXPECT_EQ(library().FindPath("sub/b")->record.number, b.record.number);
  EXPECT_EQ(library().FindContent(book(2).id)->record.number, b.record.number);
  EXPECT_FALSE(library().Find(Name("b")).has_value());
  EXPECT_FALSE(library().FindContent(book(3).id).has_value());
  EXPECT_THAT(library().PathsBeneath(""), UnorderedElementsAre("a", "sub/b"));
  EXPECT_EQ(library().GetTotals().books, 2U);
  EXPECT_EQ(library().GetTotals().bytes, book(1).id.size + book(2).id.size);
  EXPECT_THAT(Changes(), ElementsAre("+a", "+sub/b"));

  Restart();
  EXPECT_EQ(library().FindPath("sub/b")->record.number, b.record.number);
  EXPECT_EQ(library().GetTotals().bytes, book(1).id.size + book(2).id.size);
  EXPECT_THAT(Changes(), IsEmpty());  // a new session begins with Start
  EXPECT_THAT(Feed(), ElementsAre("a", "sub/b"));
}

TEST_F(LibraryTest, OneFileAppearsOnce) {
  Must(library().Appear(Record("a", 1), false));
  const uint64_t number = library().FindPath("a")->record.number;
  Must(library().Appear(Record("a", 1), false));
  EXPECT_EQ(library().FindPath("a")->record.number, number);
  EXPECT_THAT(Changes(), ElementsAre("+a"));
}

TEST_F(LibraryTest, ManyFindingsAreAppliedTogether) {
  Must(library().Appear(Record("gone", 1), false));
  Must(library().Appear(Record("changed", 2), false));
  Must(library().Appear(Record(kDecomposed, 3), false));
  Changes();
  std::vector<Finding> findings;
  for (const ListingRecord& record :
       {Record("new", 4), Record("changed", 5), Record(kComposed, 3)}) {
    findings.push_back({.path = record.path, .book = record});
  }
  findings.push_back({.path = "gone"});
  findings.push_back({.path = kDecomposed});  // renamed to a name that is the same in NFC
  findings.push_back({.path = "pending", .unlisted = Finding::Unlisted{7, ""}});
  EXPECT_EQ(Must(library().Apply(std::move(findings))), 5U);
  EXPECT_THAT(library().PathsBeneath(""),
              UnorderedElementsAre("new", "changed", kComposed, "pending"));
  EXPECT_EQ(library().GetTotals().pending, 1U);
  EXPECT_EQ(library().FindPath("changed")->record.content, book(5).id);
  Restart();
  EXPECT_THAT(Feed(), UnorderedElementsAre("new", "changed", kComposed));
}

TEST_F(LibraryTest, OfTwoFindingsWithOneNameTheFirstIsListed) {
  EXPECT_EQ(Must(library().Apply({{.path = kDecomposed, .book = Record(kDecomposed, 1)},
                                  {.path = kComposed, .book = Record(kComposed, 2)}})),
            1U);
  EXPECT_TRUE(library().FindPath(kDecomposed).has_value());
  EXPECT_THAT(library().FindUnlisted(kComposed)->unshared_reason, HasSubstr("Unicode NFC"));
}

TEST_F(LibraryTest, AnOlderLedgerGivesItsListingsNewNumbers) {
  Must(library().Appear(Record("a", 1), false));
  Must(library().Appear(Record("b", 2), true));
  library().ClaimPath("claimed");
  EXPECT_EQ(Must(library().Renumber(1000)), 2U);
  EXPECT_GT(library().FindPath("a")->record.number, 1000U);
  EXPECT_GT(library().FindPath("b")->record.number, 1000U);
  EXPECT_TRUE(library().FindPath("b")->lend_only);
  EXPECT_EQ(library().FindContent(book(1).id)->record.path, "a");
  Restart();
  EXPECT_GT(library().FindPath("a")->record.number, 1000U);
  Must(library().Appear(Record("c", 3), false));
  EXPECT_GT(library().FindPath("c")->record.number, library().FindPath("a")->record.number);
}

TEST_F(LibraryTest, AnOlderLedgerGivesPartialListingsNewNumbers) {
  const uint64_t key = Must(disk_->ledger->listings()->DrawNumber());
  library().feed().AnnouncePartial({key, Name("a"), book(1).id, /*partial=*/true});
  Must(library().Renumber(1000));
  const std::vector<BookListing> announced = library().feed().Start();
  ASSERT_EQ(announced.size(), 1U);
  EXPECT_GT(announced[0].number, 1000U);
  library().feed().WithdrawPartial(key);
  EXPECT_THAT(Changes(), ElementsAre(absl::StrCat("-", announced[0].number)));
}

TEST_F(LibraryTest, AnotherFileInItsPlaceIsAnotherListing) {
  Must(library().Appear(Record("a", 1), false));
  const uint64_t old = library().FindPath("a")->record.number;
  Changes();
  Must(library().Appear(Record("a", 2), true));
  const Book now = *library().FindPath("a");
  EXPECT_NE(now.record.number, old);
  EXPECT_TRUE(now.lend_only);
  EXPECT_FALSE(library().FindContent(book(1).id).has_value());
  EXPECT_EQ(library().GetTotals().books, 1U);
  EXPECT_EQ(library().GetTotals().bytes, book(2).id.size);
  EXPECT_THAT(Changes(), ElementsAre(absl::StrCat("-", old), "+a"));
  EXPECT_EQ(Must(disk_->ledger->listings()->Find(old))->state, ListingRecord::State::kChanged);
}

TEST_F(LibraryTest, ABookThatVanishesIsGone) {
  const Book a = disk_->List("a", book(1));
  const ServedBook served = Must(library().OpenForServing(book(1).id));
  Changes();
  EXPECT_FALSE(served.ended->load());
  Must(library().Vanish("a", ListingRecord::State::kDeleted));
  EXPECT_TRUE(served.ended->load());
  EXPECT_FALSE(library().FindPath("a").has_value());
  EXPECT_FALSE(library().Find(Name("a")).has_value());
  EXPECT_EQ(library().GetTotals().books, 0U);
  EXPECT_EQ(library().GetTotals().bytes, 0U);
  EXPECT_THAT(Changes(), ElementsAre(absl::StrCat("-", a.record.number)));
  Must(library().Vanish("a", ListingRecord::State::kDeleted));
  Must(library().Vanish("never", ListingRecord::State::kDeleted));
  EXPECT_THAT(Changes(), IsEmpty());
  Restart();
  EXPECT_THAT(Feed(), IsEmpty());
}

TEST_F(LibraryTest, ConfirmTellsOfHardLinks) {
  const Book a = disk_->List("a", book(1));
  EXPECT_FALSE(a.lend_only);
  library().Confirm("a", true);
  EXPECT_TRUE(library().FindPath("a")->lend_only);
  library().Confirm("a", false);
  EXPECT_FALSE(library().FindPath("a")->lend_only);
  library().Confirm("never", true);
  EXPECT_EQ(library().FindPath("a")->record.number, a.record.number);
}

TEST_F(LibraryTest, ConfirmAllConfirmsWhatIsListedLikeThat) {
  std::vector<Library::SeenFile> files;
  std::vector<Finding> findings;
  // Beyond one slice.
  for (uint32_t i = 0; i < 300; ++i) {
    const ListingRecord record = Record(absl::StrCat("f", i), i);
    files.push_back({record.path, record.identity, /*lend_only=*/true});
    findings.push_back({.path = record.path, .book = record});
  }
  Must(library().Apply(std::move(findings)));
  ++files[1].identity.mtime_ns;
  library().Confirm("f2", false, "cannot be read");
  files.push_back({"never", {}, true});
  library().SetLendReason("f299", "immutable");

  const std::vector<std::optional<std::string>> reasons = library().ConfirmAll(files);
  ASSERT_EQ(reasons.size(), files.size());
  for (size_t i = 0; i < reasons.size(); ++i) {
    const bool confirmed = i != 1 && i != 2 && i != 300;
    EXPECT_EQ(reasons[i].has_value(), confirmed) << i;
    const std::optional<Book> book = library().FindPath(files[i].path);
    if (book) {
      EXPECT_EQ(book->lend_only, confirmed) << i;
    }
  }
  EXPECT_EQ(reasons[0], "");
  EXPECT_EQ(reasons[299], "immutable");
}

TEST_F(LibraryTest, TwoPathsOfOneNameAreOneBook) {
  Must(library().Appear(Record(kDecomposed, 1), false));
  Changes();
  Must(library().Appear(Record(kComposed, 2), false));
  EXPECT_EQ(library().Find(Name(kComposed))->record.content, book(1).id);
  EXPECT_EQ(library().FindPath(kDecomposed)->record.name.value(), kComposed);
  EXPECT_THAT(WhyUnshared(kComposed), HasSubstr("rename one of them"));
  EXPECT_THAT(Changes(), IsEmpty());
  // The first file may change; the second is listed when the first is gone.
  Must(library().Appear(Record(kDecomposed, 3), false));
  EXPECT_EQ(library().Find(Name(kComposed))->record.content, book(3).id);
  Must(library().Vanish(kDecomposed, ListingRecord::State::kDeleted));
  Must(library().Appear(Record(kComposed, 2), false));
  EXPECT_EQ(library().Find(Name(kComposed))->record.content, book(2).id);
  EXPECT_EQ(WhyUnshared(kComposed), "(not there)");
}

TEST_F(LibraryTest, AFileBeyondTheLimitIsNotListed) {
  Restart({.max_books = 2});
  Must(library().Appear(Record("a", 1), false));
  Must(library().Appear(Record("b", 2), false));
  Must(library().Appear(Record("c", 3), false));
  EXPECT_EQ(library().GetTotals().books, 2U);
  EXPECT_THAT(WhyUnshared("c"), HasSubstr("the limit of 2 books"));
  // A file in place of another does not raise the count.
  Must(library().Appear(Record("a", 4), false));
  EXPECT_EQ(library().FindPath("a")->record.content, book(4).id);
  Must(library().Vanish("b", ListingRecord::State::kDeleted));
  Must(library().Appear(Record("c", 3), false));
  EXPECT_TRUE(library().FindPath("c").has_value());
  EXPECT_EQ(WhyUnshared("c"), "(not there)");
}

TEST_F(LibraryTest, PendingFilesAreCounted) {
  library().NotePending("a", 10);
  library().NotePending("a", 11);
  library().NotePending("b", 20);
  EXPECT_EQ(library().GetTotals().pending, 2U);
  library().NoteUnshared("a", 11, "no");
  library().NoteUnshared("a", 11, "never");
  EXPECT_EQ(library().GetTotals().pending, 1U);
  EXPECT_EQ(WhyUnshared("a"), "never");
  library().NotePending("a", 12);
  EXPECT_EQ(library().GetTotals().pending, 2U);
  EXPECT_EQ(WhyUnshared("a"), "");
  Must(library().Appear(Record("a", 1), false));
  EXPECT_EQ(library().GetTotals().pending, 1U);
  Must(library().Vanish("b", ListingRecord::State::kDeleted));
  EXPECT_EQ(library().GetTotals().pending, 0U);
}

TEST_F(LibraryTest, ItemsComeInOrderPageByPage) {
  Must(library().Appear(Record("b", 1), false));
  Must(library().Appear(Record("d", 2), false));
  library().NoteUnshared("a", 1, "no");
  library().NotePending("c", 2);
  library().NoteUnshared("e", 3, "no");
  for (size_t page : {size_t{1}, size_t{2}, size_t{5}, size_t{6}}) {
    std::vector<std::string> paths;
    std::string after;
    while (true) {
      const std::vector<LibraryItem> items = library().Items(after, page);
      EXPECT_LE(items.size(), page);
      for (const LibraryItem& item : items) {
        paths.push_back(item.path);
        EXPECT_EQ(item.book.has_value(), item.path == "b" || item.path == "d");
      }
      if (items.size() < page) break;
      after = items.back().path;
    }
    EXPECT_THAT(paths, ElementsAre("a", "b", "c", "d", "e")) << page;
  }
}

TEST_F(LibraryTest, AnUnsharedPathStaysUnsharedAfterARestart) {
  Must(library().unshared().Unshare("a"));
  Must(library().unshared().Unshare("b"));
  Must(library().unshared().Share("b"));
  Restart();
  EXPECT_TRUE(library().unshared().Covers("a"));
  EXPECT_FALSE(library().unshared().Covers("b"));
}

// --- Names and paths in use by transfers ---

TEST_F(LibraryTest, ANameIsReservedOnce) {
  Must(library().Appear(Record(kDecomposed, 1), false));
  EXPECT_EQ(ReasonOf(library().ReserveName(Name(kComposed))), "NAME_TAKEN");
  Must(library().ReserveName(Name("b")));
  EXPECT_EQ(ReasonOf(library().ReserveName(Name("b"))), "NAME_TAKEN");
  library().UnreserveName(Name("b"));
  EXPECT_TRUE(library().ReserveName(Name("b")).ok());
}

TEST_F(LibraryTest, AClaimedPathIsLeftAlone) {
  Must(library().Appear(Record("a", 1), false));
  Changes();
  library().ClaimPath("a");
  library().ClaimPath("b");
  EXPECT_TRUE(library().Claimed("a"));
  Must(library().Appear(Record("a", 2), false));
  Must(library().Appear(Record("b", 3), false));
  Must(library().Vanish("a", ListingRecord::State::kDeleted));
  EXPECT_EQ(library().FindPath("a")->record.content, book(1).id);
  EXPECT_FALSE(library().FindPath("b").has_value());
  EXPECT_THAT(Changes(), IsEmpty());
  EXPECT_THAT(examined_, IsEmpty());
  library().UnclaimPath("a");
  library().UnclaimPath("b");
  EXPECT_FALSE(library().Claimed("a"));
  // Both paths are examined now.
  EXPECT_THAT(examined_, ElementsAre("a", "b"));
}

TEST_F(LibraryTest, TheNextClaimWaitsForTheFirst) {
  library().SetExamineRequest(nullptr);
  library().ClaimPath("a");
  std::atomic<bool> given_back{false};
  std::thread second([&] {
    library().ClaimPath("a");
    EXPECT_TRUE(given_back.load());
    library().UnclaimPath("a");
  });
  given_back = true;
  library().UnclaimPath("a");
  second.join();
  EXPECT_FALSE(library().Claimed("a"));
}

// --- Receiving ---

TEST_F(LibraryTest, AReceivedBookIsAnnouncedOnceTheIndexHasAnswered) {
  ListingRecord record = Record("a", 1);
  record.unsettled = true;
  record.number =
      Must(disk_->ledger->listings()->Replace(0, ListingRecord::State::kDeleted, record));
  library().Receive({record});
  EXPECT_TRUE(library().FindPath("a").has_value());
  EXPECT_THAT(Changes(), IsEmpty());
  EXPECT_THAT(Feed(), IsEmpty());
  EXPECT_EQ(ReasonOf(library().releases().Begin(PeerDisk::Wish(*library().FindPath("a"))).status()),
            "BOOK_UNSETTLED");
  Restart();
  EXPECT_THAT(Feed(), IsEmpty());

  Must(library().Settle({record.number}));
  EXPECT_THAT(Changes(), ElementsAre("+a"));
  Must(library().Settle({record.number}));
  EXPECT_THAT(Changes(), IsEmpty());
  EXPECT_THAT(Feed(), ElementsAre("a"));
  Restart();
  EXPECT_THAT(Feed(), ElementsAre("a"));
  EXPECT_TRUE(library().releases().Begin(PeerDisk::Wish(*library().FindPath("a"))).ok());
}

TEST_F(LibraryTest, AReceivedBookThatVanishedBeforeItWasSettledIsAnnouncedAsGone) {
  ListingRecord record = Record("a", 1);
  record.unsettled = true;
  record.number =
      Must(disk_->ledger->listings()->Replace(0, ListingRecord::State::kDeleted, record));
  library().Receive({record});
  Must(library().Vanish("a", ListingRecord::State::kDeleted));
  Changes();
  // The UpdateOwner that is answered now has listed the book at the index.
  Must(library().Settle({record.number}));
  EXPECT_THAT(Changes(), ElementsAre(absl::StrCat("-", record.number)));
}

TEST_F(LibraryTest, AListingOfADeletedFileGivesWayToAReceivedBook) {
  // A file was there and is deleted again, which the scanner has not seen yet.
  Must(library().Appear(Record("a", 1), false));
  const uint64_t old = library().FindPath("a")->record.number;
  Changes();
  library().ClaimPath("a");
  ListingRecord record = Record("a", 2);
  record.number =
      Must(disk_->ledger->listings()->Replace(0, ListingRecord::State::kDeleted, record));
  library().Receive({record});
  library().UnclaimPath("a");
  EXPECT_THAT(Changes(), ElementsAre(absl::StrCat("-", old), "+a"));
  EXPECT_EQ(library().FindPath("a")->record.number, record.number);
  EXPECT_NE(Must(disk_->ledger->listings()->Find(old))->state, ListingRecord::State::kPresent);
  Restart();
  EXPECT_EQ(library().GetTotals().books, 1U);
  EXPECT_EQ(library().GetTotals().bytes, book(2).id.size);
  EXPECT_FALSE(library().FindContent(book(1).id).has_value());
}

TEST_F(LibraryTest, LoadKeepsTheLaterOfTwoListingsOfOnePath) {
  // As after a crash between the new listing and the end of the old one.
  const uint64_t old =
      Must(disk_->ledger->listings()->Replace(0, ListingRecord::State::kDeleted, Record("a", 1)));
  const uint64_t now =
      Must(disk_->ledger->listings()->Replace(0, ListingRecord::State::kDeleted, Record("a", 2)));
  Restart();
  EXPECT_EQ(library().FindPath("a")->record.number, now);
  EXPECT_EQ(library().GetTotals().books, 1U);
  EXPECT_EQ(ReasonOf(library().OpenForServing(book(1).id).status()), "BOOK_GONE");
  EXPECT_NE(Must(disk_->ledger->listings()->Find(old))->state, ListingRecord::State::kPresent);
}

TEST_F(LibraryTest, OneOfTwoBooksOfOneNameCanGoWithoutTheOther) {
  // The name was free when the transfer reserved it. Then a file came under another path, with a
  // name that is the same in NFC.
  Must(library().ReserveName(Name(kComposed)));
  Must(library().Appear(Record(kDecomposed, 1), false));
  ListingRecord record = Record(kComposed, 2);
  record.number =
      Must(disk_->ledger->listings()->Replace(0, ListingRecord::State::kDeleted, record));
  library().Receive({record});
  Must(library().Vanish(kDecomposed, ListingRecord::State::kDeleted));
  ASSERT_TRUE(library().Find(Name(kComposed)).has_value());
  EXPECT_EQ(library().Find(Name(kComposed))->record.content, book(2).id);
}

// --- The feed ---

TEST_F(LibraryTest, TheFeedIsASnapshotAndWhatFollows) {
  Must(library().Appear(Record("b", 1), false));
  Must(library().Appear(Record("a", 2), false));
  EXPECT_THAT(Feed(), ElementsAre("a", "b"));
  EXPECT_THAT(Changes(), IsEmpty()) << "they are in the snapshot";
  Must(library().Appear(Record("c", 3), false));
  Must(library().Vanish("a", ListingRecord::State::kDeleted));
  Must(library().Appear(Record("d", 4), false));
  EXPECT_EQ(library().feed().Next(absl::ZeroDuration(), 2).size(), 2U);
  EXPECT_THAT(Changes(), ElementsAre("+d"));
  Must(library().Appear(Record("e", 5), false));
  EXPECT_THAT(Feed(), ElementsAre("b", "c", "d", "e"));
  EXPECT_THAT(Changes(), IsEmpty());
}

TEST_F(LibraryTest, TheFeedWaitsForAChangeOrACall) {
  std::thread other([&] { Must(library().Appear(Record("a", 1), false)); });
  EXPECT_EQ(library().feed().Next(absl::Hours(1), 10).size(), 1U);
  other.join();
  std::thread waker([&] { library().feed().Wake(); });
  EXPECT_EQ(library().feed().Next(absl::Hours(1), 10).size(), 0U);
  waker.join();
  // A call before the wait is not lost, and counts once.
  library().feed().Wake();
  EXPECT_EQ(library().feed().Next(absl::Hours(1), 10).size(), 0U);
  Must(library().Appear(Record("b", 2), false));
  EXPECT_EQ(library().feed().Next(absl::Hours(1), 10).size(), 1U);
}

// --- Books that are being received ---

TEST_F(LibraryTest, APartialListingIsWithdrawnBeforeTheWholeBookIsAnnounced) {
  ListingRecord record = Record("a", 1);
  library().feed().AnnouncePartial({100, Name("a"), record.content, /*partial=*/true});
  library().feed().AnnouncePartial({101, Name("b"), book(2).id, /*partial=*/true});
  EXPECT_THAT(Feed(), ElementsAre("a", "b"));
  record.number =
      Must(disk_->ledger->listings()->Replace(0, ListingRecord::State::kDeleted, record));
  library().Receive({record});
  EXPECT_THAT(Changes(), ElementsAre("-100", "+a"));
  library().feed().WithdrawPartial(100);
  EXPECT_THAT(Changes(), IsEmpty()) << "it is withdrawn already";
  // The same when the owner puts the file there by hand.
  Must(library().Appear(Record("c", 2), false));
  EXPECT_THAT(Changes(), ElementsAre("-101", "+c"));
  library().feed().AnnouncePartial({102, Name("d"), book(2).id, /*partial=*/true});
  EXPECT_THAT(Changes(), IsEmpty()) << "the whole book is here";
}

TEST_F(LibraryTest, APartialListingIsAnnouncedUntilItIsWithdrawn) {
  library().feed().AnnouncePartial({100, Name("a"), book(1).id, /*partial=*/true});
  EXPECT_THAT(Changes(), ElementsAre("+a"));
  EXPECT_THAT(Feed(), ElementsAre("a"));
  library().feed().WithdrawPartial(100);
  library().feed().WithdrawPartial(100);
  EXPECT_THAT(Changes(), ElementsAre("-100"));
  EXPECT_THAT(Feed(), IsEmpty());
}

TEST_F(LibraryTest, AReleasedListingStaysAnnouncedForAMoment) {
  const Book a = disk_->List("a", book(1));
  const Book b = disk_->List("b", book(2));
  Changes();
  Release(a);
  Release(b);
  EXPECT_THAT(Changes(), IsEmpty());
  clock_.Advance(absl::Milliseconds(1999));
  EXPECT_THAT(Changes(), IsEmpty());
  // The receiver of b has told the index.
  library().releases().AnnounceGone(b.record.number);
  library().releases().AnnounceGone(b.record.number);
  EXPECT_THAT(Changes(), ElementsAre(absl::StrCat("-", b.record.number)));
  // The receiver of a is silent.
  clock_.Advance(absl::Milliseconds(1));
  EXPECT_THAT(Changes(), ElementsAre(absl::StrCat("-", a.record.number)));
  library().releases().AnnounceGone(a.record.number);
  EXPECT_THAT(Changes(), IsEmpty());
}

TEST_F(LibraryTest, ASnapshotLeavesReleasedListingsOut) {
  const Book a = disk_->List("a", book(1));
  Release(a);
  EXPECT_THAT(Feed(), IsEmpty());
  clock_.Advance(absl::Seconds(5));
  EXPECT_THAT(Changes(), IsEmpty());
}

// --- Serving ---

TEST_F(LibraryTest, ServesAHashedFile) {
  disk_->List("a", book(1));
  const ServedBook served = Must(library().OpenForServing(book(1).id));
  EXPECT_EQ(Must(StatFd(served.fd.get())).identity, served.book.record.identity);
  EXPECT_EQ(ReasonOf(library().OpenForServing(book(2).id).status()), "BOOK_GONE");
  ContentId longer = book(1).id;
  ++longer.size;
  EXPECT_EQ(ReasonOf(library().OpenForServing(longer).status()), "BOOK_GONE");
}

TEST_F(LibraryTest, DoesNotServeAFileThatChangedSinceItWasHashed) {
  const std::string path = disk_->PathOf("a");
  const auto expect_changed = [&](const char* how) {
    SCOPED_TRACE(how);
    examined_.clear();
    EXPECT_EQ(ReasonOf(library().OpenForServing(book(1).id).status()), "BOOK_CHANGED");
    EXPECT_THAT(examined_, ElementsAre("a"));
    ::unlink(path.c_str());
    disk_->List("a", book(1));
    EXPECT_TRUE(library().OpenForServing(book(1).id).ok());
  };
  disk_->List("a", book(1));
  WriteFileAt(path, book(1).bytes + "x");
  expect_changed("appended to");
  std::string bytes = book(1).bytes;
  bytes[50] ^= 1;
  WriteFileAt(path, bytes);
  expect_changed("edited in place");
  WriteFileAt(path + ".new", book(1).bytes);
  ASSERT_EQ(::rename((path + ".new").c_str(), path.c_str()), 0);
  expect_changed("replaced by a file with the same bytes");
  ::unlink(path.c_str());
  expect_changed("deleted");
  WriteFileAt(temp_ / "b", book(1).bytes);
  ::unlink(path.c_str());
  ASSERT_EQ(::symlink("b", path.c_str()), 0);
  expect_changed("a symlink");
}

TEST_F(LibraryTest, ATouchedFileIsServedAndExamined) {
  disk_->List("a", book(1));
  ASSERT_EQ(::chmod(disk_->PathOf("a").c_str(), 0600), 0);
  const ServedBook served = Must(library().OpenForServing(book(1).id));
  EXPECT_EQ(served.identity, Must(disk_->folder->Stat("a")).identity);
  EXPECT_NE(served.identity, served.book.record.identity);
  EXPECT_THAT(examined_, ElementsAre("a"));
}

TEST_F(LibraryTest, ServesTheListingThatTheReceiverWillAskFor) {
  const Book a = disk_->List("a", book(1));
  const Book b = disk_->List("b", book(1));
  for (const Book& wanted : {a, b}) {
    const ServedBook served = Must(library().OpenForServing(book(1).id, wanted.record.number));
    EXPECT_EQ(served.book.record.number, wanted.record.number);
  }
  EXPECT_TRUE(library().OpenForServing(book(1).id, 99).ok());
}

TEST_F(LibraryTest, ComplaintsMakeThisPeerHashOnlySoMuch) {
  const Book a = disk_->List("a", book(1));
  std::vector<FileIdentity> forgotten;
  const auto forget = [&](const FileIdentity& identity) { forgotten.push_back(identity); };
  library().Doubt(book(1).id, forget);
  EXPECT_THAT(forgotten, ElementsAre(a.record.identity));
  EXPECT_EQ(library().FindPath("a")->record.identity.ctime_ns, kDoubtedCtime);
  EXPECT_TRUE(library().OpenForServing(book(1).id).ok());
  library().Doubt(book(1).id, forget);
  EXPECT_EQ(forgotten.size(), 1U) << "once a minute";
  clock_.Advance(absl::Seconds(61));
  library().Doubt(book(1).id, forget);
  EXPECT_EQ(forgotten.size(), 2U);
  for (uint32_t i = 2; i < 30; ++i) {
    disk_->List(absl::StrCat(i), book(i));
    library().Doubt(book(i).id, forget);
  }
  EXPECT_EQ(forgotten.size(), 11U) << "ten listings a minute";
}

TEST_F(LibraryTest, AListingTakesTheIdentityOfItsTouchedFile) {
  ListingRecord record = Record("a", 1);
  Must(library().Appear(record, false));
  const uint64_t number = library().FindPath("a")->record.number;
  Changes();
  record.identity.ctime_ns = 5;
  Must(library().Appear(record, true));
  EXPECT_EQ(library().FindPath("a")->record.number, number);
  EXPECT_EQ(library().FindPath("a")->record.identity, record.identity);
  EXPECT_TRUE(library().FindPath("a")->lend_only);
  EXPECT_THAT(Changes(), IsEmpty()) << "the index knows it";
  Restart();
  EXPECT_EQ(library().FindPath("a")->record.identity, record.identity);
}

TEST_F(LibraryTest, AnotherListingOfTheContentIsServedInstead) {
  const Book a = disk_->List("a", book(1));
  const Book b = disk_->List("b", book(1));
  ::unlink(disk_->PathOf("a").c_str());
  EXPECT_EQ(Must(library().OpenForServing(book(1).id)).book.record.number, b.record.number);
  Must(library().Vanish("a", ListingRecord::State::kDeleted));
  EXPECT_TRUE(library().FindContent(book(1).id).has_value());
  Release(b);
  EXPECT_EQ(ReasonOf(library().OpenForServing(book(1).id).status()), "BOOK_MOVED");
}

TEST_F(LibraryTest, SaysWhereABookWent) {
  const Book a = disk_->List("a", book(1));
  const ServedBook served = Must(library().OpenForServing(book(1).id));
  Release(a);
  EXPECT_TRUE(served.ended->load());
  const absl::Status status = library().OpenForServing(book(1).id).status();
  EXPECT_EQ(ReasonOf(status), "BOOK_MOVED");
  EXPECT_EQ(GetErrorMetadata(status)["moved_to_public_key"], receiver_.hex());
  Restart();
  EXPECT_EQ(ReasonOf(library().OpenForServing(book(1).id).status()), "BOOK_MOVED");
  // A book that comes back is served again.
  disk_->List("a", book(1));
  EXPECT_TRUE(library().OpenForServing(book(1).id).ok());
}

TEST_F(LibraryTest, NoNewReaderIsServedWhileAReleaseIsDecided) {
  const Book a = disk_->List("a", book(1));
  const ServedBook served = Must(library().OpenForServing(book(1).id));
  Must(library().releases().Begin(PeerDisk::Wish(a)));
  const absl::Status status = library().OpenForServing(book(1).id).status();
  EXPECT_EQ(ReasonOf(status), "BOOK_UNSETTLED");
  EXPECT_TRUE(GetRetryAfter(status).has_value());
  EXPECT_FALSE(served.ended->load()) << "a reader that has begun may go on";
  library().releases().Cancel(a.record.number);
  EXPECT_THAT(examined_, ElementsAre("a"));
  EXPECT_FALSE(served.ended->load());
  EXPECT_TRUE(library().OpenForServing(book(1).id).ok());
}

// --- Giving away ---

TEST_F(LibraryTest, ARefusedReleaseSaysWhy) {
  const Book a = disk_->List("a", book(1));
  const auto begin = [&](const Book& wanted) {
    return ReasonOf(library().releases().Begin(PeerDisk::Wish(wanted)).status());
  };
  Book unknown = a;
  unknown.record.number = 99;
  EXPECT_EQ(begin(unknown), "BOOK_GONE");
  Book other_content = a;
  other_content.record.content = book(2).id;
  EXPECT_EQ(begin(other_content), "BOOK_CHANGED");
  library().SetLendReason("a", "of a reason");
  EXPECT_EQ(begin(a), "NOT_FOR_TAKING");
  EXPECT_THAT(library().releases().Begin(PeerDisk::Wish(a)).status().message(),
              testing::HasSubstr("of a reason"));
  library().SetLendReason("a", "");
  library().Confirm("a", /*lend_only=*/true);
  EXPECT_EQ(begin(a), "NOT_FOR_TAKING");
  library().Confirm("a", false);

  Must(library().Vanish("a", ListingRecord::State::kChanged));
  EXPECT_EQ(begin(a), "BOOK_CHANGED");
  const Book b = disk_->List("a", book(2));
  EXPECT_EQ(begin(a), "BOOK_CHANGED");
  Must(library().Vanish("a", ListingRecord::State::kDeleted));
  EXPECT_EQ(begin(b), "BOOK_GONE");

  const Book c = disk_->List("c", book(3));
  Release(c);
  const absl::Status moved = library().releases().Begin(PeerDisk::Wish(c)).status();
  EXPECT_EQ(ReasonOf(moved), "BOOK_MOVED");
  EXPECT_EQ(GetErrorMetadata(moved)["moved_to_public_key"], receiver_.hex());
  EXPECT_THAT(library().Claimed("a"), false);

  const Book d = disk_->List("d", book(4));
  Restart({.policy = SharePolicy::kCopy});
  EXPECT_EQ(begin(d), "NOT_FOR_TAKING");
  EXPECT_EQ(begin(c), "BOOK_MOVED");
}

TEST_F(LibraryTest, OneOfTwoRacersGetsTheListing) {
  library().SetExamineRequest(nullptr);
  for (int round = 0; round < 20; ++round) {
    const std::string name = absl::StrCat("book ", round);
    const Book given = disk_->List(name, FakeBook::OfSize(50, 1000 + round));
    std::atomic<int> winners{0};
    const auto race = [&] {
      const ReleaseItem item = PeerDisk::Wish(given);
      absl::StatusOr<Book> begun = library().releases().Begin(item);
      if (!begun.ok()) {
        EXPECT_EQ(ReasonOf(begun.status()), "BOOK_MOVED");
        return;
      }
      EXPECT_EQ(winners.fetch_add(1), 0) << "two at a time";
      ReleaseRecord record{.item = item, .receiver = receiver_};
      record.state = ReleaseRecord::State::kHidden;
      record.ticket = IssueTickets(disk_->key, {{item.transfer_id, disk_->key.public_key(),
                                                 item.listing, receiver_, item.content}})[0];
      Must(disk_->ledger->releases()->Record({record}));
      library().releases().Finish(item.listing);
    };
    std::thread first(race);
    std::thread second(race);
    first.join();
    second.join();
    EXPECT_EQ(winners.load(), 1);
  }
}

TEST_F(LibraryTest, AWaitingReleaseGetsTheListingWhenTheFirstIsCancelled) {
  library().SetExamineRequest(nullptr);
  const Book a = disk_->List("a", book(1));
  Must(library().releases().Begin(PeerDisk::Wish(a)));
  std::atomic<bool> cancelled{false};
  std::thread second([&] {
    EXPECT_TRUE(library().releases().Begin(PeerDisk::Wish(a)).ok());
    EXPECT_TRUE(cancelled.load());
  });
  cancelled = true;
  library().releases().Cancel(a.record.number);
  second.join();
}

TEST_F(LibraryTest, AReleaseWaitsForTheClaimOfItsPath) {
  library().SetExamineRequest(nullptr);
  const Book a = disk_->List("a", book(1));
  library().ClaimPath("a");
  std::atomic<bool> given_back{false};
  std::thread release([&] {
    EXPECT_TRUE(library().releases().Begin(PeerDisk::Wish(a)).ok());
    EXPECT_TRUE(given_back.load());
  });
  given_back = true;
  library().UnclaimPath("a");
  release.join();
  EXPECT_TRUE(library().Claimed("a"));
}

}  // namespace
}  // namespace arkshare
