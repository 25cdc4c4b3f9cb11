// The owner of a peer looks at it: the watch, uploads, retries, the history, orders of the library.
#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "lib/core/errors.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/status.h"
#include "tests/chaos/scene.h"
#include "tests/support/cluster.h"
#include "tests/support/files.h"
#include "tests/support/own_stream.h"

namespace arkshare {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

// Calls a peer as its owner does; the test fails when the call does.
template <typename Request, typename Response>
Response Call(PeerProcess& peer,
              grpc::Status (v1::PeerService::Stub::*method)(grpc::ClientContext*, const Request&,
                                                            Response*),
              const Request& request) {
  grpc::ClientContext context;
  SetTimeout(context, kPatience);
  Response response;
  const grpc::Status status = (peer.control_stub().*method)(&context, request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response;
}

// It has several pieces.
const std::string kBook = BookBytes(6'000'000, 1);
const std::string kSmall = BookBytes(1'000, 2);

class OwnerTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(Ok(cluster_.Start())); }

  // "s" has the book and sends it slowly; "r" has begun to get it.
  void BeginSlowMove() {
    WriteBook(cluster_.Books("s"), "book", kBook);
    ASSERT_TRUE(Ok(cluster_.StartPeer("s")));
    ASSERT_TRUE(Ok(cluster_.StartPeer("r")));
    ASSERT_TRUE(Ok(SetUploadLimit(cluster_.peer("s"), 1'000'000)));
    v1::FetchManyRequest request;
    *request.add_wishes() = Wish("book");
    request.set_detach(true);
    grpc::ClientContext context;
    SetTimeout(context, kPatience);
    const auto reader = cluster_.peer("r").control_stub().FetchMany(&context, request);
    v1::FetchManyResponse response;
    ASSERT_TRUE(reader->Read(&response));
    ASSERT_THAT(response.updates(), SizeIs(1));
    EXPECT_FALSE(response.updates(0).transfer().has_error());
    id_ = response.updates(0).transfer().transfer_id();
    EXPECT_THAT(id_, SizeIs(16));
    EXPECT_FALSE(reader->Read(&response)) << "it does not wait for the end";
    EXPECT_TRUE(reader->Finish().ok());
  }

  Cluster cluster_;
  std::string id_;  // of the transfer
};

TEST_F(OwnerTest, TheWatchShowsWhatIsThereAndThenWhatChanges) {
  WriteBook(cluster_.Books("p"), "a", kSmall);
  WriteBook(cluster_.Books("p"), "sub/b", "another");
  ASSERT_TRUE(Ok(cluster_.StartPeer("p")));
  OwnStream stream(cluster_.peer("p"));
  ASSERT_TRUE(stream.UntilComplete());
  EXPECT_THAT(stream.boot_id, SizeIs(16));
  ASSERT_TRUE(stream.status.has_value());
  EXPECT_TRUE(stream.status->online());
  EXPECT_EQ(stream.status->book_count(), 2U);
  EXPECT_FALSE(stream.status->version().empty());
  EXPECT_GT(stream.status->start_time().seconds(), 0);
  EXPECT_GE(stream.status->online_time().seconds(), stream.status->start_time().seconds());
  EXPECT_EQ(stream.status->free_disk_bytes() % (16 << 20), 0U);
  ASSERT_THAT(stream.library, SizeIs(2));
  EXPECT_EQ(stream.library["sub/b"].name(), "sub/b");
  EXPECT_GT(stream.library["a"].listed_time().seconds(), 0);
  EXPECT_THAT(stream.transfers, IsEmpty());

  WriteBook(cluster_.Books("p"), "c", "a third");
  ASSERT_TRUE(stream.Until([&] { return stream.library["c"].has_listing(); }));
  ASSERT_TRUE(stream.Until([&] { return stream.status->book_count() == 3; }));
  std::filesystem::remove(cluster_.Books("p") + "/a");
  ASSERT_TRUE(stream.Until([&] { return !stream.library.contains("a"); }));
  cluster_.index().process().Kill();
  ASSERT_TRUE(stream.Until([&] { return !stream.status->online(); }));
  EXPECT_FALSE(stream.status->trouble().empty());
}

TEST_F(OwnerTest, ASecondWatchOfAnotherProcessHasAnotherBootId) {
  ASSERT_TRUE(Ok(cluster_.StartPeer("p")));
  std::string first;
  {
    OwnStream stream(cluster_.peer("p"));
    ASSERT_TRUE(stream.UntilComplete());
    first = stream.boot_id;
  }
  {
    OwnStream stream(cluster_.peer("p"));
    ASSERT_TRUE(stream.UntilComplete());
    EXPECT_EQ(stream.boot_id, first);
  }
  cluster_.peer("p").process().Kill();
  ASSERT_TRUE(Ok(cluster_.peer("p").Restart()));
  OwnStream stream(cluster_.peer("p"));
  ASSERT_TRUE(stream.UntilComplete());
  EXPECT_NE(stream.boot_id, first);
}

TEST_F(OwnerTest, WatchesAreBounded) {
  ASSERT_TRUE(Ok(cluster_.StartPeer("p")));
  std::vector<std::unique_ptr<OwnStream>> streams;
  for (int i = 0; i < 16; ++i) {
    streams.push_back(std::make_unique<OwnStream>(cluster_.peer("p")));
    ASSERT_TRUE(streams.back()->UntilComplete());
  }
  OwnStream more(cluster_.peer("p"));
  EXPECT_FALSE(more.UntilComplete());
}

TEST_F(OwnerTest, BothSidesSeeABookOnItsWay) {
  BeginSlowMove();
  OwnStream source(cluster_.peer("s"));
  OwnStream receiver(cluster_.peer("r"));
  ASSERT_TRUE(receiver.Until([&] { return receiver.transfers[id_].bytes_done() > 0; }));
  EXPECT_EQ(receiver.transfers[id_].name(), "book");
  ASSERT_TRUE(source.Until(
      [&] { return !source.uploads.empty() && source.uploads.begin()->second.bytes_sent() > 0; }));
  const v1::ListUploadsResponse listed =
      Call(cluster_.peer("s"), &v1::PeerService::Stub::ListUploads, v1::ListUploadsRequest());
  ASSERT_THAT(listed.uploads(), Not(IsEmpty()));
  EXPECT_EQ(listed.uploads(0).name(), "book");
  EXPECT_EQ(listed.uploads(0).state(), v1::UPLOAD_STATE_RUNNING);
  EXPECT_EQ(listed.uploads(0).book_count(), 1U);
  EXPECT_EQ(listed.uploads(0).content().size_bytes(), kBook.size());
  EXPECT_THAT(listed.uploads(0).receiver_address(), ::testing::StartsWith("127.0.0.1:"));
  ASSERT_TRUE(Ok(LiftUploadLimit(cluster_.peer("s"))));
  ASSERT_TRUE(
      receiver.Until([&] { return receiver.transfers[id_].state() == v1::TRANSFER_STATE_DONE; }));
  ASSERT_TRUE(receiver.Until([&] { return receiver.library.contains("book"); }));
  ASSERT_TRUE(receiver.Until([&] { return receiver.status->bytes_downloaded() >= kBook.size(); }));
  ASSERT_TRUE(source.Until([&] { return source.uploads.empty() && source.library.empty(); }));
  ASSERT_TRUE(source.Until([&] { return source.status->bytes_uploaded() >= kBook.size(); }));
}

TEST_F(OwnerTest, AForgottenTransferLeavesTheWatch) {
  BeginSlowMove();
  OwnStream stream(cluster_.peer("r"));
  ASSERT_TRUE(stream.Until([&] { return stream.transfers.contains(id_); }));
  v1::CancelTransfersRequest cancel;
  cancel.add_transfer_ids(id_);
  Call(cluster_.peer("r"), &v1::PeerService::Stub::CancelTransfers, cancel);
  ASSERT_TRUE(
      stream.Until([&] { return stream.transfers[id_].state() == v1::TRANSFER_STATE_FAILED; }));
  v1::ForgetTransfersRequest forget;
  forget.add_transfer_ids(id_);
  Call(cluster_.peer("r"), &v1::PeerService::Stub::ForgetTransfers, forget);
  EXPECT_TRUE(stream.Until([&] { return !stream.transfers.contains(id_); }));
}

TEST_F(OwnerTest, ATransferThatWasGivenUpBeginsAgain) {
  BeginSlowMove();
  v1::CancelTransfersRequest cancel;
  cancel.add_transfer_ids(id_);
  Call(cluster_.peer("r"), &v1::PeerService::Stub::CancelTransfers, cancel);
  ASSERT_TRUE(Ok(LiftUploadLimit(cluster_.peer("s"))));
  v1::RetryTransfersRequest retry;
  retry.add_transfer_ids(id_);
  retry.add_transfer_ids(std::string(16, 'x'));
  const v1::RetryTransfersResponse response =
      Call(cluster_.peer("r"), &v1::PeerService::Stub::RetryTransfers, retry);
  ASSERT_THAT(response.results(), SizeIs(2));
  EXPECT_EQ(response.results(1).error().reason(), "TRANSFER_UNKNOWN");
  ASSERT_FALSE(response.results(0).has_error()) << response.results(0).error().message();
  EXPECT_EQ(response.results(0).transfer_id(), id_);
  const std::string again = response.results(0).new_transfer_id();
  EXPECT_NE(again, id_);
  OwnStream stream(cluster_.peer("r"));
  ASSERT_TRUE(
      stream.Until([&] { return stream.transfers[again].state() == v1::TRANSFER_STATE_DONE; }));
  EXPECT_FALSE(stream.transfers.contains(id_));
  retry.Clear();
  retry.add_transfer_ids(again);
  EXPECT_EQ(Call(cluster_.peer("r"), &v1::PeerService::Stub::RetryTransfers, retry)
                .results(0)
                .error()
                .reason(),
            "TRANSFER_NOT_WAITING");
  EXPECT_TRUE(EndsWith(cluster_, {{kBook, {"r"}}}));
}

TEST_F(OwnerTest, TheHistoryTellsBothSidesAlsoAfterARestart) {
  WriteBook(cluster_.Books("s"), "moved", kBook);
  WriteBook(cluster_.Books("s"), "copied", kSmall);
  ASSERT_TRUE(Ok(cluster_.StartPeer("s")));
  ASSERT_TRUE(Ok(cluster_.StartPeer("r")));
  v1::FetchRequest copy = Wish("copied");
  copy.set_copy_only(true);
  ASSERT_TRUE(Ok(cluster_.Get("r", copy)));
  ASSERT_TRUE(Ok(cluster_.Get("r", "moved")));
  cluster_.peer("r").process().Kill();
  ASSERT_TRUE(Ok(cluster_.peer("r").Restart()));
  v1::ListHistoryRequest request;
  request.set_page_size(1);
  std::vector<v1::HistoryEntry> entries;
  while (true) {
    const v1::ListHistoryResponse page =
        Call(cluster_.peer("r"), &v1::PeerService::Stub::ListHistory, request);
    entries.insert(entries.end(), page.entries().begin(), page.entries().end());
    if (page.next_page_token().empty()) break;
    request.set_page_token(page.next_page_token());
  }
  ASSERT_THAT(entries, SizeIs(2));
  EXPECT_EQ(entries[0].kind(), v1::HISTORY_KIND_RECEIVED);
  EXPECT_EQ(entries[0].name(), "moved");
  EXPECT_GT(entries[0].time().seconds(), 0);
  EXPECT_EQ(entries[0].public_key(), cluster_.KeyOf("s").bytes());
  EXPECT_EQ(entries[1].kind(), v1::HISTORY_KIND_COPIED);
  EXPECT_EQ(entries[1].name(), "copied");
  const v1::ListHistoryResponse given =
      Call(cluster_.peer("s"), &v1::PeerService::Stub::ListHistory, v1::ListHistoryRequest());
  ASSERT_THAT(given.entries(), SizeIs(1));
  EXPECT_EQ(given.entries(0).kind(), v1::HISTORY_KIND_GIVEN);
  EXPECT_EQ(given.entries(0).name(), "moved");
  EXPECT_EQ(given.entries(0).public_key(), cluster_.KeyOf("r").bytes());
}

TEST_F(OwnerTest, TheLibraryIsListedInOrders) {
  for (int i = 1; i <= 5; ++i) {
    WriteBook(cluster_.Books("p"), absl::StrCat("book ", i), std::string(100 * (6 - i), 'x'));
  }
  WriteBook(cluster_.Books("p"), "other", "x");
  ASSERT_TRUE(Ok(cluster_.StartPeer("p")));
  const auto names = [&](v1::ListLibraryRequest request, uint64_t total) {
    std::vector<std::string> all;
    request.set_page_size(2);
    while (true) {
      const v1::ListLibraryResponse page =
          Call(cluster_.peer("p"), &v1::PeerService::Stub::ListLibrary, request);
      EXPECT_EQ(page.total_count(), total);
      for (const v1::LibraryEntry& entry : page.entries()) all.push_back(entry.name());
      if (page.next_page_token().empty()) return all;
      request.set_page_token(page.next_page_token());
    }
  };
  v1::ListLibraryRequest request;
  EXPECT_THAT(names(request, 6),
              ElementsAre("book 1", "book 2", "book 3", "book 4", "book 5", "other"));
  request.set_order(v1::LIBRARY_ORDER_SIZE);
  request.set_reverse(true);
  EXPECT_THAT(names(request, 6),
              ElementsAre("other", "book 5", "book 4", "book 3", "book 2", "book 1"));
  request.set_keywords("boo");
  request.set_skip(3);
  EXPECT_THAT(names(request, 5), ElementsAre("book 2", "book 1"));
}

TEST_F(OwnerTest, HasBooksKnowsContents) {
  WriteBook(cluster_.Books("p"), "a", kSmall);
  ASSERT_TRUE(Ok(cluster_.StartPeer("p")));
  v1::HasBooksRequest request;
  *request.add_contents() = ToProto(ContentOf(kBook));
  *request.add_contents() = ToProto(ContentOf(kSmall));
  const v1::HasBooksResponse response =
      Call(cluster_.peer("p"), &v1::PeerService::Stub::HasBooks, request);
  ASSERT_THAT(response.results(), SizeIs(2));
  EXPECT_FALSE(response.results(0).here());
  EXPECT_TRUE(response.results(1).here());
  EXPECT_EQ(response.results(1).name(), "a");
}

// --- Wishes ---

TEST_F(OwnerTest, AWishIsKeptOverRestartsOfThePeerAndTheIndex) {
  ASSERT_TRUE(Ok(cluster_.StartPeer("r")));
  v1::AddWishRequest request;
  request.set_keywords("old man");
  request.set_action(v1::WISH_ACTION_ANY);
  const v1::Wish added = Call(cluster_.peer("r"), &v1::PeerService::Stub::AddWish, request).wish();
  EXPECT_EQ(added.wish_id(), 1U);
  cluster_.peer("r").process().Kill();
  ASSERT_TRUE(Ok(cluster_.peer("r").Restart()));
  OwnStream stream(cluster_.peer("r"));
  ASSERT_TRUE(stream.Until([&] { return stream.wish().watched(); }));
  EXPECT_EQ(stream.wish().keywords(), "old man");
  ASSERT_TRUE(Ok(cluster_.index().KillAndRestart()));
  WriteBook(cluster_.Books("s"), "The Old Man.txt", kSmall);
  WriteBook(cluster_.Books("s"), "Young", "another");
  ASSERT_TRUE(Ok(cluster_.StartPeer("s")));
  ASSERT_TRUE(stream.Until([&] { return stream.wish().fetched_count() == 1; }));
  EXPECT_EQ(stream.wish().found_count(), 1U);
  EXPECT_EQ(stream.wish().found(0).name(), "The Old Man.txt");
  EXPECT_TRUE(stream.wish().found(0).fetched());
  EXPECT_TRUE(EndsWith(cluster_, {{kSmall, {"r"}}, {"another", {"s"}}}));
}

TEST_F(OwnerTest, AWishThatOnlyTellsLeavesTheBookWhereItIs) {
  WriteBook(cluster_.Books("s"), "book", kSmall);
  ASSERT_TRUE(Ok(cluster_.StartPeer("s")));
  ASSERT_TRUE(Ok(cluster_.StartPeer("r")));
  OwnStream stream(cluster_.peer("r"));
  v1::AddWishRequest request;
  *request.mutable_content() = ToProto(ContentOf(kSmall));
  Call(cluster_.peer("r"), &v1::PeerService::Stub::AddWish, request);
  ASSERT_TRUE(stream.Until([&] { return stream.wish().found_count() == 1; }));
  EXPECT_EQ(stream.wish().found(0).peer_id(), cluster_.IdOf("s"));
  v1::RemoveWishRequest remove;
  remove.set_wish_id(stream.wish().wish_id());
  Call(cluster_.peer("r"), &v1::PeerService::Stub::RemoveWish, remove);
  ASSERT_TRUE(stream.Until([&] { return stream.wishes.empty(); }));
  EXPECT_TRUE(EndsWith(cluster_, {{kSmall, {"s"}}}));
}

}  // namespace
}  // namespace arkshare
