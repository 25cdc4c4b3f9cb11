#include "clients/cli/commands_owner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "clients/cli/commands.h"
#include "clients/cli/testing/cli_fixture.h"
#include "lib/core/errors.h"

namespace arkshare {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class CommandsOwnerTest : public CliTest {
 protected:
  static v1::Transfer MakeTransfer(char id, const std::string& name, v1::TransferState state) {
    v1::Transfer transfer;
    transfer.set_transfer_id(std::string(16, id));
    transfer.set_name(name);
    *transfer.mutable_content() = MakeContent(0xab, 1000);
    transfer.set_state(state);
    return transfer;
  }
};

// --- Uploads ---

TEST_F(CommandsOwnerTest, UploadsSaysWhoTakesWhat) {
  v1::Upload upload;
  upload.set_upload_id(1);
  upload.set_state(v1::UPLOAD_STATE_RUNNING);
  upload.set_name("Moby Dick");
  upload.set_book_count(1);
  upload.set_range_length(2048);
  upload.set_bytes_sent(1024);
  upload.set_bytes_per_second(512);
  upload.set_receiver_address("10.0.0.1:4242");
  peer_.activity().AddUpload(upload);
  upload.set_upload_id(2);
  upload.set_state(v1::UPLOAD_STATE_WAITING);
  upload.set_name("Emma");
  upload.set_book_count(3);
  upload.set_queue_position(1);
  peer_.activity().AddUpload(upload);
  EXPECT_EQ(RunUploads(*session_), kExitDone);
  EXPECT_THAT(out(), AllOf(HasSubstr("Moby Dick"), HasSubstr("512 B/s"), HasSubstr("1.0 KiB"),
                           HasSubstr("10.0.0.1:4242"), HasSubstr("Emma and 2 more"),
                           HasSubstr("waiting, 1 before it")));
}

TEST_F(CommandsOwnerTest, WithoutUploadsItSaysSo) {
  EXPECT_EQ(RunUploads(*session_), kExitDone);
  EXPECT_EQ(out(), "no uploads now\n");
}

TEST_F(CommandsOwnerTest, UploadsPrintsJson) {
  session_->console.json = true;
  v1::Upload upload;
  upload.set_upload_id(7);
  upload.set_name("a\nb");
  peer_.activity().AddUpload(upload);
  EXPECT_EQ(RunUploads(*session_), kExitDone);
  EXPECT_THAT(out(), AllOf(HasSubstr("\"upload_id\":7"), HasSubstr("a\\u000ab")));
}

// --- The history ---

class HistoryTest : public CommandsOwnerTest {
 protected:
  HistoryTest() {
    for (const char* name : {"first", "second", "third", "fourth", "fifth"}) {
      v1::HistoryEntry entry;
      entry.set_kind(v1::HISTORY_KIND_GIVEN);
      entry.set_name(name);
      entry.set_public_key(std::string(32, 'k'));
      peer_.activity().AddHistory(entry);
    }
  }
};

TEST_F(HistoryTest, ReadsAllPages) {
  EXPECT_EQ(RunHistory(*session_, {}), kExitDone);
  EXPECT_THAT(out(), AllOf(HasSubstr("first"), HasSubstr("fifth"), HasSubstr("given"),
                           HasSubstr("6b6b6b6b6b6b")));
}

TEST_F(HistoryTest, PrintsNoMoreThanTheLimit) {
  EXPECT_EQ(RunHistory(*session_, {.limit = 3}), kExitDone);
  EXPECT_THAT(out(), AllOf(HasSubstr("third"), Not(HasSubstr("fourth"))));
}

TEST_F(CommandsOwnerTest, AnEmptyHistorySaysSo) {
  EXPECT_EQ(RunHistory(*session_, {}), kExitDone);
  EXPECT_EQ(out(), "no book has come or gone yet\n");
}

// --- Transfers as they change ---

TEST_F(CommandsOwnerTest, TransfersAreWatchedUntilThePeerEnds) {
  v1::WatchOwnResponse message;
  v1::Transfer transfer = MakeTransfer('a', "Emma", v1::TRANSFER_STATE_FETCHING);
  transfer.set_bytes_done(500);
  *message.add_transfers() = transfer;
  *message.add_transfers() = MakeTransfer('b', "Dune", v1::TRANSFER_STATE_DONE);
  message.set_snapshot_complete(true);
  peer_.activity().AddWatchMessage(message);
  message.Clear();
  *message.add_transfers() = transfer;  // nothing that is printed has changed
  message.add_transfers_forgotten(std::string(16, 'b'));
  peer_.activity().AddWatchMessage(message);
  message.Clear();
  transfer.set_state(v1::TRANSFER_STATE_FAILED);
  transfer.set_message("the disk is full");
  *message.add_transfers() = transfer;
  peer_.activity().AddWatchMessage(message);
  EXPECT_EQ(RunTransfers(*session_, {.watch = true}), kExitUnreachable);
  EXPECT_EQ(out(),
            "616161616161  Emma  50%  500 B of 1000 B\n"
            "626262626262  Dune  copied here\n"
            "watching: 2 transfers so far; Ctrl-C ends\n"
            "- 626262626262 is forgotten\n"
            "616161616161  Emma  failed: the disk is full\n");
  EXPECT_THAT(err(), HasSubstr("shutting down"));
}

TEST_F(CommandsOwnerTest, WatchedTransfersAreJsonIfAskedFor) {
  session_->console.json = true;
  v1::WatchOwnResponse message;
  *message.add_transfers() = MakeTransfer('a', "Emma", v1::TRANSFER_STATE_DONE);
  message.add_transfers_forgotten(std::string(16, 'b'));
  peer_.activity().AddWatchMessage(message);
  RunTransfers(*session_, {.watch = true});
  EXPECT_THAT(out(),
              AllOf(HasSubstr("\"name\":\"Emma\""), HasSubstr("{\"transfer_forgotten\":\"6262")));
}

TEST_F(CommandsOwnerTest, RetryGoesOnWithTheTransfersThatItNames) {
  peer_.transfers().AddTransfer(MakeTransfer('a', "Emma", v1::TRANSFER_STATE_FAILED));
  peer_.transfers().AddTransfer(MakeTransfer('b', "Dune", v1::TRANSFER_STATE_FAILED));
  peer_.transfers().RefuseToEnd(std::string(16, 'b'),
                                MakeError(Reason::kTransferNotWaiting, "the book is here already"));
  EXPECT_EQ(RunTransfers(*session_, {.retry = {"616161", "626262"}}), kExitFailed);
  EXPECT_EQ(out(), "going on with Emma\n");
  EXPECT_THAT(err(), HasSubstr("Dune: the book is here already"));
  EXPECT_THAT(peer_.transfers().ended(), ElementsAre(std::string(16, 'a')));
}

// --- Wishes ---

TEST_F(CommandsOwnerTest, AWishIsAddedListedAndRemoved) {
  EXPECT_EQ(RunWish(*session_, {.words = {"old", "man"}, .get = true, .limit = 3, .add = true}),
            kExitDone);
  EXPECT_EQ(out(), "wish 1: old man\n");
  ASSERT_THAT(peer_.wishes().all(), SizeIs(1));
  EXPECT_EQ(peer_.wishes().all()[0].keywords(), "old man");
  EXPECT_EQ(peer_.wishes().all()[0].action(), v1::WISH_ACTION_ANY);
  EXPECT_EQ(peer_.wishes().all()[0].fetch_limit(), 3U);
  EXPECT_EQ(RunWish(*session_, {}), kExitDone);
  EXPECT_THAT(out(), AllOf(HasSubstr("old man"), HasSubstr("get 3")));
  EXPECT_EQ(RunWish(*session_, {.remove = {1}}), kExitDone);
  EXPECT_THAT(out(), HasSubstr("removed wish 1\n"));
  EXPECT_THAT(peer_.wishes().all(), IsEmpty());
  EXPECT_EQ(RunWish(*session_, {.remove = {1}}), kExitNotFound);
}

TEST_F(CommandsOwnerTest, AWishHasOneQuery) {
  const std::string root(64, 'a');
  EXPECT_EQ(RunWish(*session_, {.name = "a name", .copy = true, .add = true}), kExitDone);
  EXPECT_EQ(RunWish(*session_, {.root = root, .size = 7, .add = true}), kExitDone);
  ASSERT_THAT(peer_.wishes().all(), SizeIs(2));
  EXPECT_EQ(peer_.wishes().all()[0].name(), "a name");
  EXPECT_EQ(peer_.wishes().all()[0].action(), v1::WISH_ACTION_COPY);
  EXPECT_EQ(peer_.wishes().all()[1].content().size_bytes(), 7U);
  const WishOptions wrong[] = {{.add = true},
                               {.words = {"a"}, .name = "b", .add = true},
                               {.root = root, .add = true},
                               {.root = "abc", .size = 7, .add = true},
                               {.words = {"a"}, .get = true, .copy = true, .add = true}};
  for (const WishOptions& options : wrong) EXPECT_NE(RunWish(*session_, options), kExitDone);
  EXPECT_THAT(peer_.wishes().all(), SizeIs(2));
}

TEST_F(CommandsOwnerTest, WithoutWishesItSaysHowToMakeOne) {
  EXPECT_EQ(RunWish(*session_, {}), kExitDone);
  EXPECT_EQ(out(), "no wishes; arkshare-cli wish add WORDS makes one\n");
}

}  // namespace
}  // namespace arkshare
