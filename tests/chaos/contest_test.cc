// Several receivers want one book, and one of them wants it again: which one gets it, which ones
// are refused, and for how long.
#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "lib/core/errors.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/status.h"
#include "tests/chaos/scene.h"
#include "tests/support/cluster.h"
#include "tests/support/files.h"
#include "tests/support/pause_point.h"

namespace arkshare {
namespace {

namespace fs = std::filesystem;

const std::string kBook = BookBytes(2'000'000, 1);

uint64_t ListingNumber(Cluster& cluster, const std::string& peer, const std::string& book) {
  const std::optional<v1::LibraryEntry> entry = cluster.Entry(peer, book);
  return entry ? entry->listing().listing_number() : 0;
}

ReleaseItem Item(uint64_t listing, const std::string& bytes) {
  return {TransferId::Random(), listing, ContentOf(bytes)};
}

TEST(ContestTest, TwoReceiversRace) {
  Cluster cluster;
  PausePoint pause("receiver.prepared", cluster.path() + "/pause");
  PausePoint other_pause("receiver.prepared", cluster.path() + "/other");
  ASSERT_TRUE(Ok(StartMove(cluster, kBook, "", pause.Setting())));
  PeerOptions options;
  options.env = Cluster::Failpoints(other_pause.Setting());
  ASSERT_TRUE(Ok(cluster.StartPeer("x", options)));
  PendingFetch first(cluster.peer("r"), Wish("195"));
  PendingFetch second(cluster.peer("x"), Wish("195"));
  ASSERT_TRUE(Ok(pause.WaitUntilReached()));
  ASSERT_TRUE(Ok(other_pause.WaitUntilReached()));
  ASSERT_TRUE(Ok(pause.Resume()));
  ASSERT_TRUE(Ok(other_pause.Resume()));
  absl::StatusOr<v1::Transfer> at_r = first.Await();
  absl::StatusOr<v1::Transfer> at_x = second.Await();
  ASSERT_NE(at_r.ok(), at_x.ok()) << at_r.status() << " " << at_x.status();
  const absl::Status loser = at_r.ok() ? at_x.status() : at_r.status();
  EXPECT_EQ(GetReason(loser), Reason::kBookMoved) << loser;
  const std::string winner = at_r.ok() ? "r" : "x";
  EXPECT_EQ(GetErrorMetadata(loser)["moved_to_public_key"], cluster.KeyOf(winner).hex());
  EXPECT_TRUE(EndsWith(cluster, {{kBook, {winner}}}));
}

// Ten peers at once, each with its own race for the same five books.
TEST(ContestTest, ManyReceiversManyBooks) {
  Cluster cluster;
  std::vector<std::string> books;
  for (uint32_t i = 0; i < 5; ++i) {
    books.push_back(BookBytes(200'000 + i, 10 + i));
    WriteBook(cluster.Books("s"), absl::StrCat("book", i), books.back());
  }
  ASSERT_TRUE(Ok(StartMove(cluster, kBook)));
  const std::vector<std::string> receivers = {"r", "r1", "r2", "r3"};
  for (const std::string& name : receivers) {
    ASSERT_TRUE(name == "r" || Ok(cluster.StartPeer(name)));
  }
  for (const std::string& book : books) {
    ASSERT_TRUE(cluster.WaitForHolders(ContentOf(book), {"s"}));
  }
  std::map<std::pair<size_t, std::string>, std::unique_ptr<PendingFetch>> fetches;
  for (size_t i = 0; i < books.size(); ++i) {
    for (const std::string& name : receivers) {
      fetches[{i, name}] =
          std::make_unique<PendingFetch>(cluster.peer(name), Wish(absl::StrCat("book", i)));
    }
  }
  // A fast receiver may give the book on to a slow one: the last receiver is not known here,
  // but every book is somewhere, once.
  for (auto& [key, fetch] : fetches) {
    absl::StatusOr<v1::Transfer> transfer = fetch->Await();
    EXPECT_FALSE(absl::IsDeadlineExceeded(transfer.status())) << transfer.status();
  }
  std::vector<Ending> endings;
  for (size_t i = 0; i < books.size(); ++i) {
    std::vector<std::string> holders;
    for (const std::string& name : receivers) {
      if (fs::exists(cluster.Books(name) + absl::StrCat("/book", i))) holders.push_back(name);
    }
    EXPECT_EQ(holders.size(), 1u) << i;
    endings.push_back({books[i], holders});
  }
  EXPECT_TRUE(EndsWith(cluster, endings));
}

TEST(ContestTest, SeveralMovesAtOnceInBothDirections) {
  Cluster cluster;
  std::vector<Ending> endings;
  for (uint32_t i = 0; i < 10; ++i) {
    const std::string to_r = BookBytes(300'000 * (i % 3), 100 + i) + absl::StrCat("r", i);
    const std::string to_s = BookBytes(300'000 * (i % 3), 200 + i) + absl::StrCat("s", i);
    WriteBook(cluster.Books("s"), absl::StrCat("to r/", i), to_r);
    WriteBook(cluster.Books("r"), absl::StrCat("to s/", i), to_s);
    endings.push_back({to_r, {"r"}});
    endings.push_back({to_s, {"s"}});
  }
  ASSERT_TRUE(Ok(StartMove(cluster, kBook)));
  for (const Ending& ending : endings) {
    ASSERT_TRUE(
        cluster.WaitForHolders(ContentOf(ending.bytes), {ending.holders[0] == "r" ? "s" : "r"}));
  }
  std::vector<std::unique_ptr<PendingFetch>> fetches;
  for (int i = 0; i < 10; ++i) {
    fetches.push_back(
        std::make_unique<PendingFetch>(cluster.peer("r"), Wish(absl::StrCat("to r/", i))));
    fetches.push_back(
        std::make_unique<PendingFetch>(cluster.peer("s"), Wish(absl::StrCat("to s/", i))));
  }
  for (auto& fetch : fetches) EXPECT_TRUE(Ok(fetch->Await()));
  EXPECT_TRUE(EndsWith(cluster, endings));
}

TEST(ContestTest, ThereAndBackAgain) {
  Cluster cluster;
  ASSERT_TRUE(Ok(StartMove(cluster, kBook)));
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(Ok(cluster.Get("r", "195"))) << round;
    ASSERT_TRUE(EndsWith(cluster, {{kBook, {"r"}}})) << round;
    ASSERT_TRUE(Ok(cluster.Get("s", "195"))) << round;
    ASSERT_TRUE(EndsWith(cluster, {{kBook, {"s"}}})) << round;
  }
}

// Back before the first move is confirmed: the source still hides its old copy.
TEST(ContestTest, BackBeforeTheFirstMoveIsConfirmed) {
  Cluster cluster;
  PausePoint pause("source.confirm_asked", cluster.path() + "/pause");
  ASSERT_TRUE(Ok(StartMove(cluster, kBook, pause.Setting())));
  PendingFetch fetch(cluster.peer("r"), Wish("195"));
  ASSERT_TRUE(Ok(pause.WaitUntilReached()));
  ASSERT_TRUE(cluster.WaitForHolders(ContentOf(kBook), {"r"}));
  absl::StatusOr<v1::Transfer> back = cluster.Get("s", "195");
  ASSERT_TRUE(Ok(back));
  EXPECT_TRUE(back->moving());
  ASSERT_TRUE(Ok(pause.Resume()));
  EXPECT_TRUE(Ok(fetch.Await()));
  EXPECT_TRUE(EndsWith(cluster, {{kBook, {"s"}}}));
}

TEST(ContestTest, APolicyOfCopyNeverLosesABook) {
  Cluster cluster;
  WriteBook(cluster.Books("lender"), "196", kBook);
  ASSERT_TRUE(Ok(StartMove(cluster, BookBytes(10, 10))));
  PeerOptions options;
  options.policy = "copy";
  ASSERT_TRUE(Ok(cluster.StartPeer("lender", options)));
  ASSERT_TRUE(cluster.WaitForHolders(ContentOf(kBook), {"lender"}));
  absl::StatusOr<v1::Transfer> transfer = cluster.Get("r", "196");
  ASSERT_TRUE(Ok(transfer));
  EXPECT_FALSE(transfer->moving());
  EXPECT_TRUE(EndsWith(cluster, {{kBook, {"lender", "r"}}}));
  // Nor when a stranger insists.
  Stranger stranger;
  absl::StatusOr<MoveTicket> ticket =
      stranger.Release(cluster.peer("lender"), cluster.KeyOf("lender"),
                       Item(ListingNumber(cluster, "lender", "196"), kBook));
  EXPECT_EQ(GetReason(ticket.status()), Reason::kNotForTaking) << ticket.status();
  EXPECT_TRUE(EndsWith(cluster, {{kBook, {"lender", "r"}}}));
  // Where one lends and another would lose it, the lender is asked.
  absl::StatusOr<v1::Transfer> again = cluster.Get("s", "196");
  ASSERT_TRUE(Ok(again));
  EXPECT_FALSE(again->moving());
  EXPECT_TRUE(EndsWith(cluster, {{kBook, {"lender", "r", "s"}}}));
}

TEST(ContestTest, CopyOnlyTakesNothingFromAMover) {
  Cluster cluster;
  ASSERT_TRUE(Ok(StartMove(cluster, kBook)));
  v1::FetchRequest wish = Wish("195");
  wish.set_copy_only(true);
  absl::StatusOr<v1::Transfer> transfer = cluster.Get("r", wish);
  ASSERT_TRUE(Ok(transfer));
  EXPECT_FALSE(transfer->moving());
  EXPECT_TRUE(EndsWith(cluster, {{kBook, {"r", "s"}}}));
}

TEST(ContestTest, AFileWithASecondHardLinkIsLent) {
  Cluster cluster;
  WriteBook(cluster.Books("s"), "195", kBook);
  const std::string link = cluster.path() + "/link";
  fs::create_hard_link(cluster.Books("s") + "/195", link);
  ASSERT_TRUE(Ok(StartMove(cluster, kBook)));
  ASSERT_TRUE(EventuallyTrue([&] {
    const auto entry = cluster.Entry("s", "195");
    return entry && entry->lend_only();
  }));
  absl::StatusOr<v1::Transfer> transfer = cluster.Get("r", "195");
  ASSERT_TRUE(Ok(transfer));
  EXPECT_FALSE(transfer->moving());
  EXPECT_TRUE(EndsWith(cluster, {{kBook, {"r", "s"}}}));
  EXPECT_EQ(ReadFile(link), kBook);
}

// The second link appears between the question and the rename.
TEST(ContestTest, AFileLinkedAtTheLastMomentIsLent) {
  Cluster cluster;
  PausePoint pause("source.release_asked", cluster.path() + "/pause");
  ASSERT_TRUE(Ok(StartMove(cluster, kBook, pause.Setting())));
  PendingFetch fetch(cluster.peer("r"), Wish("195"));
  ASSERT_TRUE(Ok(pause.WaitUntilReached()));
  fs::create_hard_link(cluster.Books("s") + "/195", cluster.path() + "/link");
  ASSERT_TRUE(Ok(pause.Resume()));
  absl::StatusOr<v1::Transfer> transfer = fetch.Await();
  ASSERT_TRUE(Ok(transfer));
  EXPECT_FALSE(transfer->moving());
  EXPECT_TRUE(EndsWith(cluster, {{kBook, {"r", "s"}}}));
}

TEST(ContestTest, ASourceBackOnAnotherPort) {
  Cluster cluster;
  PausePoint pause("receiver.prepared", cluster.path() + "/pause");
  ASSERT_TRUE(Ok(StartMove(cluster, kBook, "", pause.Setting())));
  PendingFetch fetch(cluster.peer("r"), Wish("195"));
  ASSERT_TRUE(Ok(pause.WaitUntilReached()));
  const std::string address = cluster.peer("s").address();
  cluster.peer("s").process().Kill();
  ASSERT_TRUE(Ok(pause.Resume()));
  ASSERT_TRUE(fetch.WaitFor([](const v1::Transfer& transfer) {
    return transfer.message().find("waiting for the source") != std::string::npos;
  }));
  ASSERT_TRUE(Ok(cluster.peer("s").Restart()));
  EXPECT_NE(cluster.peer("s").address(), address);
  EXPECT_TRUE(Ok(fetch.Await()));
  EXPECT_TRUE(EndsWith(cluster, {{kBook, {"r"}}}));
}

// Another peer listens where the source was: it must not be taken for it.
TEST(ContestTest, AnotherPeerOnTheSourcesPort) {
  Cluster cluster;
  PausePoint pause("receiver.prepared", cluster.path() + "/pause");
  ASSERT_TRUE(Ok(StartMove(cluster, kBook, "", pause.Setting())));
  PendingFetch fetch(cluster.peer("r"), Wish("195"));
  ASSERT_TRUE(Ok(pause.WaitUntilReached()));
  const std::string address = cluster.peer("s").address();
  cluster.peer("s").process().Kill();
  PeerOptions options;
  options.listen = address;
  ASSERT_TRUE(Ok(cluster.StartPeer("x", options)));
  ASSERT_TRUE(Ok(pause.Resume()));
  ASSERT_TRUE(fetch.WaitFor([](const v1::Transfer& transfer) {
    return transfer.message().find("waiting for the source") != std::string::npos;
  }));
  ASSERT_TRUE(Ok(cluster.peer("s").Restart()));
  EXPECT_TRUE(Ok(fetch.Await()));
  EXPECT_TRUE(EndsWith(cluster, {{kBook, {"r"}}}));
}

// --- Strangers with a key of their own ---

class StrangerTest : public testing::Test {
 protected:
  void SetUp() override {
    WriteBook(cluster_.Books("s"), "195", kBook);
    fs::create_hard_link(cluster_.Books("s") + "/195", cluster_.path() + "/link");
    ASSERT_TRUE(Ok(StartMove(cluster_, kBook)));
    ASSERT_TRUE(EventuallyTrue([&] {
      const auto entry = cluster_.Entry("s", "195");
      return entry && entry->lend_only();
    }));
    item_ = Item(ListingNumber(cluster_, "s", "195"), kBook);
  }
  // From now on the book can be taken.
  void RemoveLink() {
    fs::remove(cluster_.path() + "/link");
    // A link that goes elsewhere is no event in this folder; a change of the permissions is.
    fs::permissions(cluster_.Books("s") + "/195", fs::perms::owner_all);
    ASSERT_TRUE(EventuallyTrue([&] {
      const auto entry = cluster_.Entry("s", "195");
      return entry && !entry->lend_only();
    }));
    item_.listing = ListingNumber(cluster_, "s", "195");
  }
  absl::StatusOr<MoveTicket> Release(const Stranger& who, const ReleaseItem& item) {
    return who.Release(cluster_.peer("s"), cluster_.KeyOf("s"), item);
  }
  absl::Status Confirm(const Stranger& who, const TransferId& transfer) {
    return who.Confirm(cluster_.peer("s"), cluster_.KeyOf("s"), transfer);
  }
  void RestartSource() {
    cluster_.peer("s").process().Kill();
    ASSERT_TRUE(Ok(cluster_.peer("s").Restart()));
    ASSERT_TRUE(Ok(cluster_.peer("s").WaitOnline()));
  }

  Cluster cluster_;
  Stranger stranger_;
  ReleaseItem item_;
};

TEST_F(StrangerTest, ARefusalIsForEver) {
  const uint64_t lent = item_.listing;
  EXPECT_EQ(GetReason(Release(stranger_, item_).status()), Reason::kNotForTaking);
  ASSERT_NO_FATAL_FAILURE(RemoveLink());
  ASSERT_EQ(item_.listing, lent);
  // The same transfer, though the book could be taken now.
  EXPECT_EQ(GetReason(Release(stranger_, item_).status()), Reason::kNotForTaking);
  ASSERT_NO_FATAL_FAILURE(RestartSource());
  EXPECT_EQ(GetReason(Release(stranger_, item_).status()), Reason::kNotForTaking);
  EXPECT_EQ(GetReason(Confirm(stranger_, item_.transfer_id)), Reason::kTransferUnknown);
  // With other fields it is a conflict, not a new question.
  ReleaseItem other = item_;
  other.content.size += 1;
  EXPECT_EQ(GetReason(Release(stranger_, other).status()), Reason::kTransferConflict);
  EXPECT_EQ(GetReason(Release(Stranger(), item_).status()), Reason::kTransferConflict);
  EXPECT_TRUE(EndsWith(cluster_, {{kBook, {"s"}}}));
  // A new transfer is.
  ASSERT_TRUE(Ok(cluster_.Get("r", "195")));
  EXPECT_TRUE(EndsWith(cluster_, {{kBook, {"r"}}}));
  EXPECT_EQ(GetReason(Release(stranger_, item_).status()), Reason::kNotForTaking);
}

TEST_F(StrangerTest, ATicketIsForEver) {
  ASSERT_NO_FATAL_FAILURE(RemoveLink());
  absl::StatusOr<MoveTicket> ticket = Release(stranger_, item_);
  ASSERT_TRUE(Ok(ticket));
  TicketVerifier verifier;
  EXPECT_TRUE(Ok(verifier.Verify(*ticket)));
  EXPECT_TRUE(cluster_.WaitForHolders(ContentOf(kBook), {}));
  EXPECT_EQ(*Release(stranger_, item_), *ticket);
  ASSERT_NO_FATAL_FAILURE(RestartSource());
  EXPECT_EQ(*Release(stranger_, item_), *ticket);

  const Stranger late;
  absl::StatusOr<MoveTicket> refused = Release(late, Item(item_.listing, kBook));
  EXPECT_EQ(GetReason(refused.status()), Reason::kBookMoved);
  EXPECT_EQ(GetErrorMetadata(refused.status())["moved_to_public_key"], stranger_.key().hex());
  EXPECT_EQ(GetReason(Confirm(late, item_.transfer_id)), Reason::kTransferUnknown);

  // Hidden until its receiver confirms; then gone, and the ticket is still the same.
  absl::StatusOr<v1::ListLimboResponse> limbo = Limbo(cluster_.peer("s"));
  ASSERT_TRUE(Ok(limbo));
  EXPECT_EQ(limbo->entries_size(), 1);
  EXPECT_TRUE(Ok(Confirm(stranger_, item_.transfer_id)));
  EXPECT_TRUE(Ok(Confirm(stranger_, item_.transfer_id)));
  EXPECT_EQ(*Release(stranger_, item_), *ticket);
  EXPECT_TRUE(EndsWith(cluster_, {{kBook, {}}}));
}

TEST_F(StrangerTest, WhatIsNotSignedIsNotDone) {
  ASSERT_NO_FATAL_FAILURE(RemoveLink());
  const PublicKey source = cluster_.KeyOf("s");
  const v1::ReleaseRequest good = stranger_.ReleaseRequestFor(source, item_);
  const auto refused = [&](const v1::ReleaseRequest& request) {
    return GetReason(CallRelease(cluster_.peer("s"), request).status());
  };
  v1::ReleaseRequest bad = good;
  bad.clear_signature();
  EXPECT_EQ(refused(bad), Reason::kSignatureInvalid);
  bad = good;
  bad.mutable_signature()->back() ^= 1;
  EXPECT_EQ(refused(bad), Reason::kSignatureInvalid);
  bad = good;
  bad.mutable_items(0)->set_listing_number(item_.listing + 1);
  EXPECT_EQ(refused(bad), Reason::kSignatureInvalid);
  bad = good;
  bad.set_receiver_public_key(Stranger().key().bytes());
  EXPECT_EQ(refused(bad), Reason::kSignatureInvalid) << "released in another's name";
  bad = stranger_.ReleaseRequestFor(cluster_.KeyOf("r"), item_);
  EXPECT_EQ(refused(bad), Reason::kSignatureInvalid) << "meant for another source";
  bad = good;
  bad.clear_items();
  EXPECT_EQ(refused(bad), Reason::kInvalidField);
  bad = good;
  *bad.add_items() = bad.items(0);
  EXPECT_EQ(refused(bad), Reason::kInvalidField);
  bad = good;
  bad.mutable_items(0)->set_transfer_id("short");
  EXPECT_EQ(refused(bad), Reason::kInvalidField);
  bad = good;
  bad.set_source_public_key("short");
  EXPECT_EQ(refused(bad), Reason::kInvalidField);
  bad = good;
  bad.mutable_items(0)->mutable_content()->clear_root();
  EXPECT_EQ(refused(bad), Reason::kInvalidField);

  v1::ConfirmRequest confirm = stranger_.ConfirmRequestFor(source, item_.transfer_id);
  confirm.mutable_signature()->front() ^= 1;
  EXPECT_EQ(GetReason(CallConfirm(cluster_.peer("s"), confirm).status()),
            Reason::kSignatureInvalid);
  EXPECT_EQ(GetReason(Confirm(stranger_, item_.transfer_id)), Reason::kTransferUnknown);
  EXPECT_TRUE(EndsWith(cluster_, {{kBook, {"s"}}})) << "nothing of it was done";
  EXPECT_TRUE(Ok(CallRelease(cluster_.peer("s"), good))) << "and the good one is good";
}

TEST_F(StrangerTest, ListingsThatDoNotExistAreRefused) {
  const auto reason = [&](const ReleaseItem& item) {
    return GetReason(Release(stranger_, item).status());
  };
  EXPECT_EQ(reason(Item(item_.listing + 1000, kBook)), Reason::kBookGone);
  EXPECT_EQ(reason(Item(uint64_t{1} << 63, kBook)), Reason::kBookGone);
  EXPECT_EQ(reason(Item(~uint64_t{0}, kBook)), Reason::kBookGone);
  EXPECT_EQ(reason(Item(item_.listing, "another book")), Reason::kBookChanged);
  EXPECT_TRUE(EndsWith(cluster_, {{kBook, {"s"}}}));
}

// --- Limbo: the receiver never comes back ---

TEST_F(StrangerTest, ARestoredCopyStaysWhenTheConfirmComesLate) {
  ASSERT_NO_FATAL_FAILURE(RemoveLink());
  ASSERT_TRUE(Ok(Release(stranger_, item_)));
  ASSERT_TRUE(cluster_.WaitForHolders(ContentOf(kBook), {}));
  const std::string control = cluster_.peer("s").control();
  absl::StatusOr<Finished> listed = RunCli({"--peer", control, "limbo"});
  ASSERT_TRUE(Ok(listed));
  EXPECT_EQ(listed->exit, ExitStatus{});
  EXPECT_THAT(listed->output, testing::HasSubstr("195"));
  EXPECT_THAT(listed->output, testing::HasSubstr(item_.transfer_id.hex()));

  absl::StatusOr<Finished> restored =
      RunCli({"--peer", control, "limbo", "restore", item_.transfer_id.hex()});
  ASSERT_TRUE(Ok(restored));
  EXPECT_EQ(restored->exit, ExitStatus{}) << restored->output << restored->log;
  ASSERT_TRUE(EndsWith(cluster_, {{kBook, {"s"}}}));
  const uint64_t anew = ListingNumber(cluster_, "s", "195");
  EXPECT_GT(anew, item_.listing);

  EXPECT_TRUE(Ok(Confirm(stranger_, item_.transfer_id)));
  ASSERT_NO_FATAL_FAILURE(RestartSource());
  EXPECT_TRUE(Ok(Confirm(stranger_, item_.transfer_id)));
  EXPECT_TRUE(EndsWith(cluster_, {{kBook, {"s"}}}));
  EXPECT_EQ(ListingNumber(cluster_, "s", "195"), anew);
  // The restored book is a book like any other.
  ASSERT_TRUE(Ok(cluster_.Get("r", "195")));
  EXPECT_TRUE(EndsWith(cluster_, {{kBook, {"r"}}}));
}

TEST_F(StrangerTest, RestoredUnderAnotherNameWhenItsOwnIsTaken) {
  ASSERT_NO_FATAL_FAILURE(RemoveLink());
  ASSERT_TRUE(Ok(Release(stranger_, item_)));
  WriteBook(cluster_.Books("s"), "195", "another");
  ASSERT_TRUE(cluster_.WaitForHolders(ContentOf("another"), {"s"}));
  grpc::ClientContext context;
  v1::RestoreLimboRequest request;
  request.set_transfer_id(item_.transfer_id.bytes());
  v1::RestoreLimboResponse response;
  const grpc::Status status =
      cluster_.peer("s").control_stub().RestoreLimbo(&context, request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.listing().name(), "195 (2)");
  EXPECT_TRUE(EndsWith(cluster_, {{kBook, {"s"}}, {"another", {"s"}}}));
  // Only once.
  grpc::ClientContext again;
  EXPECT_EQ(GetReason(FromGrpcStatus(
                cluster_.peer("s").control_stub().RestoreLimbo(&again, request, &response), "it")),
            Reason::kTransferUnknown);
}

// --- A received book that the index does not know yet ---

TEST(UnsettledTest, IsNotReleasedBeforeTheIndexHasAnswered) {
  Cluster cluster;
  PausePoint pause("receiver.admitted", cluster.path() + "/pause");
  ASSERT_TRUE(Ok(StartMove(cluster, kBook, "", pause.Setting())));
  PendingFetch fetch(cluster.peer("r"), Wish("195"));
  ASSERT_TRUE(Ok(pause.WaitUntilReached()));
  cluster.index().process().Kill();
  ASSERT_TRUE(Ok(pause.Resume()));
  ASSERT_TRUE(Ok(fetch.Await()));
  const Stranger stranger;
  const ReleaseItem item = Item(ListingNumber(cluster, "r", "195"), kBook);
  for (int i = 0; i < 3; ++i) {
    absl::StatusOr<MoveTicket> ticket =
        stranger.Release(cluster.peer("r"), cluster.KeyOf("r"), item);
    EXPECT_EQ(GetReason(ticket.status()), Reason::kBookUnsettled) << ticket.status();
  }
  // Nor after a restart.
  cluster.peer("r").process().Kill();
  ASSERT_TRUE(Ok(cluster.peer("r").Restart()));
  EXPECT_EQ(GetReason(stranger.Release(cluster.peer("r"), cluster.KeyOf("r"), item).status()),
            Reason::kBookUnsettled);
  ASSERT_TRUE(Ok(cluster.index().KillAndRestart()));
  ASSERT_TRUE(EndsWith(cluster, {{kBook, {"r"}}}));
  // It was no refusal: the same transfer gets its ticket now.
  EXPECT_TRUE(Ok(stranger.Release(cluster.peer("r"), cluster.KeyOf("r"), item)));
  EXPECT_TRUE(Ok(stranger.Confirm(cluster.peer("r"), cluster.KeyOf("r"), item.transfer_id)));
  EXPECT_TRUE(EndsWith(cluster, {{kBook, {}}}));
}

}  // namespace
}  // namespace arkshare
