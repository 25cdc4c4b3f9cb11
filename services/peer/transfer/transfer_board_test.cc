#include "services/peer/transfer/transfer_board.h"

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <string>
#include <utility>
#include <vector>

#include "services/peer/testing/fakes.h"

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using ViewState = TransferView::State;

class TransferBoardTest : public testing::Test {
 protected:
  static BookName Name(absl::string_view name) { return Must(BookName::Parse(name)); }
  static FetchWish Wish(absl::string_view name) { return {.name = Name(name)}; }
  static TransferPtr Make(absl::string_view name, bool move = false) {
    return std::make_shared<Transfer>(TransferRecord{.id = TransferId::Random(),
                                                     .move = move,
                                                     .source = PublicKey(),
                                                     .content = ContentId(),
                                                     .name = Name(name)});
  }
  TransferPtr Add(absl::string_view name, bool move = false) {
    TransferPtr transfer = Make(name, move);
    board_.Add(transfer, {.record = transfer->record, .from_peer_id = 1});
    return transfer;
  }
  // The transfer is over, also in its record.
  void End(Transfer& transfer) {
    transfer.record.state = TransferRecord::State::kDone;
    board_.Update(transfer, [](TransferView& view) { view.state = ViewState::kDone; });
  }
  TransferView View(const Transfer& transfer) {
    return Must(board_.Await(transfer.record.id, 0, absl::ZeroDuration())).view;
  }
  static std::vector<std::string> NamesOf(const TransferBoard::Changes& changes) {
    std::vector<std::string> names;
    for (const TransferView& view : changes.views) names.push_back(view.record.name.value());
    return names;
  }
  TransferBoard::GroupChanges News(TransferBoard::Group& group) {
    return board_.AwaitGroup(group, absl::ZeroDuration());
  }

  FakeClock clock_;
  TransferBoard board_{&clock_};
};

TEST_F(TransferBoardTest, APlaceIsChosenOnceForABookThatWaitsForOne) {
  const TransferPtr transfer = Add("a");
  const TransferId id = transfer->record.id;
  EXPECT_EQ(ReasonOf(board_.MayPlace(TransferId::Random())), "TRANSFER_UNKNOWN");
  EXPECT_EQ(ReasonOf(board_.MayPlace(id)), "TRANSFER_NOT_WAITING");
  board_.Update(*transfer, [](TransferView& view) { view.waits_for_place = true; });
  Must(board_.MayPlace(id));
  EXPECT_EQ(board_.ChosenPlace(*transfer), std::nullopt);
  const TransferBoard::PlaceWishPtr wish = Must(board_.AskPlace(id, Name("b")));
  EXPECT_EQ(wish->transfer, transfer);
  EXPECT_EQ(board_.ChosenPlace(*transfer)->value(), "b");
  EXPECT_EQ(ReasonOf(board_.AskPlace(id, Name("c")).status()), "TRANSFER_NOT_WAITING");
  EXPECT_EQ(board_.AwaitPlace(*wish, absl::ZeroDuration()), std::nullopt);
  board_.AnswerPlace(*transfer, absl::InvalidArgumentError("no"));
  EXPECT_TRUE(absl::IsInvalidArgument(*board_.AwaitPlace(*wish, absl::InfiniteDuration())));
  EXPECT_EQ(board_.ChosenPlace(*transfer), std::nullopt);
  Must(board_.AskPlace(id, Name("c")).status());
}

TEST_F(TransferBoardTest, ATransferThatEndsAnswersTheOwnerWhoHasChosenAPlace) {
  const TransferPtr transfer = Add("a");
  board_.Update(*transfer, [](TransferView& view) { view.waits_for_place = true; });
  const TransferBoard::PlaceWishPtr wish = Must(board_.AskPlace(transfer->record.id, Name("b")));
  board_.Fail(*transfer, absl::AbortedError("it is over"));
  EXPECT_TRUE(absl::IsAborted(*board_.AwaitPlace(*wish, absl::InfiniteDuration())));
}

TEST_F(TransferBoardTest, AwaitReturnsAtAChangeAtStopAndAtOnceWithoutAWait) {
  const TransferPtr transfer = Add("a");
  const TransferId id = transfer->record.id;
  const uint64_t first = Must(board_.Await(id, 0, absl::Hours(1))).version;
  EXPECT_EQ(Must(board_.Await(id, first, absl::ZeroDuration())).version, first);
  std::future<TransferBoard::Change> changed =
      std::async(std::launch::async, [&] { return Must(board_.Await(id, first, absl::Hours(1))); });
  board_.Update(*transfer, [](TransferView& view) { view.bytes_done = 7; });
  const TransferBoard::Change change = changed.get();
  EXPECT_EQ(change.view.bytes_done, 7U);
  std::future<TransferBoard::Change> stopped = std::async(
      std::launch::async, [&] { return Must(board_.Await(id, change.version, absl::Hours(1))); });
  board_.Stop();
  EXPECT_EQ(stopped.get().version, change.version);
  EXPECT_TRUE(board_.stopped());
  EXPECT_EQ(ReasonOf(board_.Await(TransferId::Random(), 0, absl::Hours(1)).status()),
            "TRANSFER_UNKNOWN");
}

TEST_F(TransferBoardTest, AGroupIsToldEachChangeOnceAndEndsWithItsLastTransfer) {
  const TransferBoard::GroupPtr group = TransferBoard::NewGroup(3);
  const TransferPtr a = Make("a");
  const TransferPtr c = Make("c");
  board_.Add(a, {.record = a->record}, group, 0);
  board_.Refuse(*group, 1, absl::NotFoundError("no b"));
  board_.Add(c, {.record = c->record}, group, 2);
  EXPECT_EQ(Must(board_.TransferOf(*group, 0)), a->record.id);
  EXPECT_TRUE(absl::IsNotFound(board_.TransferOf(*group, 1).status()));

  TransferBoard::GroupChanges news = News(*group);
  ASSERT_THAT(news.changes, SizeIs(3));
  EXPECT_TRUE(absl::IsNotFound(news.changes[1].view.status()));
  EXPECT_FALSE(news.all_ended);
  EXPECT_THAT(News(*group).changes, IsEmpty());

  End(*c);
  news = News(*group);
  ASSERT_THAT(news.changes, SizeIs(1));
  EXPECT_EQ(news.changes[0].wish, 2U);
  EXPECT_EQ(Must(news.changes[0].view).state, ViewState::kDone);
  EXPECT_FALSE(news.all_ended);
  std::future<TransferBoard::GroupChanges> last =
      std::async(std::launch::async, [&] { return board_.AwaitGroup(*group, absl::Hours(1)); });
  board_.Fail(*a, absl::UnavailableError("away"));
  EXPECT_TRUE(last.get().all_ended);
}

TEST_F(TransferBoardTest, JoinFindsTheOpenTransferThatAnswersAWish) {
  const TransferPtr copy = Add("copy");
  const TransferPtr move = Add("move", /*move=*/true);
  const TransferPtr received = Add("received");
  received->record.state = TransferRecord::State::kPrepared;
  board_.Update(*received, [](TransferView&) {});
  const auto answered = [&](const FetchWish& wish) {
    return board_.Join({wish}, TransferBoard::NewGroup(1), 0).others.empty();
  };
  EXPECT_TRUE(answered(Wish("copy")));
  EXPECT_TRUE(answered(Wish("move")));
  EXPECT_FALSE(answered(Wish("received")));
  EXPECT_FALSE(answered({.name = Name("move"), .copy_only = true}));
  EXPECT_FALSE(answered({.name = Name("copy"), .save_as = Name("other")}));
  EXPECT_TRUE(answered({.name = Name("other"), .save_as = Name("copy")}));
  EXPECT_TRUE(answered({.name = Name("copy"), .from_peer_id = 1}));
  EXPECT_FALSE(answered({.name = Name("copy"), .from_peer_id = 2}));
  EXPECT_FALSE(answered({.name = Name("copy"), .content = FakeBook::OfSize(1).id}));
  EXPECT_TRUE(answered({.content = copy->record.content}));
  EXPECT_FALSE(answered({}));
}

TEST_F(TransferBoardTest, OneTransferAnswersOneWishOfAGroup) {
  Add("a");
  const TransferBoard::GroupPtr group = TransferBoard::NewGroup(3);
  EXPECT_THAT(board_.Join({Wish("b"), Wish("a")}, group, 0).others, ElementsAre(0));
  EXPECT_THAT(board_.Join({Wish("a")}, group, 2).others, ElementsAre(0));
}

TEST_F(TransferBoardTest, AFailedTransferIsReopenedOnceAndTellsTheNewGroup) {
  const TransferPtr transfer = Add("a");
  board_.Fail(*transfer, absl::UnavailableError("away"));
  EXPECT_EQ(View(*transfer).message, "away");
  const TransferBoard::GroupPtr group = TransferBoard::NewGroup(1);
  EXPECT_THAT(board_.Join({Wish("a")}, group, 0).reopened, ElementsAre(transfer));
  EXPECT_EQ(View(*transfer).state, ViewState::kFetching);
  EXPECT_EQ(View(*transfer).message, "");
  EXPECT_FALSE(News(*group).all_ended);
  const TransferBoard::GroupPtr other = TransferBoard::NewGroup(1);
  EXPECT_THAT(board_.Join({Wish("a")}, other, 0).reopened, IsEmpty());
  End(*transfer);
  EXPECT_TRUE(News(*group).all_ended);
  EXPECT_TRUE(News(*other).all_ended);
}

TEST_F(TransferBoardTest, KeepIsForAMoveThatWaitsForItsSource) {
  const TransferPtr transfer = Add("a", /*move=*/true);
  const TransferId id = transfer->record.id;
  EXPECT_EQ(ReasonOf(board_.AskKeep(TransferId::Random()).status()), "TRANSFER_UNKNOWN");
  EXPECT_EQ(ReasonOf(board_.AskKeep(id).status()), "TRANSFER_NOT_WAITING");
  EXPECT_FALSE(transfer->keep);
  transfer->record.state = TransferRecord::State::kPrepared;
  board_.Update(*transfer, [](TransferView&) {});
  EXPECT_EQ(Must(board_.AskKeep(id)), transfer);
  EXPECT_TRUE(transfer->keep.exchange(false));
  transfer->record.move = false;
  transfer->record.kept = true;
  board_.Update(*transfer, [](TransferView&) {});
  Must(board_.AskKeep(id).status());
  EXPECT_FALSE(transfer->keep) << "it is kept already";
}

TEST_F(TransferBoardTest, ADownloadMayEndUntilItIsPrepared) {
  const char* const why = "cancelled";
  const auto ask = [&](const TransferPtr& transfer) {
    return ReasonOf(board_.AskEnd(transfer->record.id, why).status());
  };
  const TransferPtr transfer = Add("a", /*move=*/true);
  EXPECT_EQ(ask(transfer), "OK");
  EXPECT_EQ(transfer->end.load(), why);
  const TransferPtr later = Add("b", /*move=*/true);
  for (const auto state : {TransferRecord::State::kPrepared, TransferRecord::State::kOwned,
                           TransferRecord::State::kDone, TransferRecord::State::kDropped}) {
    later->record.state = state;
    board_.Update(*later, [](TransferView&) {});
    EXPECT_EQ(ask(later), "TRANSFER_NOT_ENDABLE");
  }
  EXPECT_EQ(later->end.load(), nullptr);
  EXPECT_EQ(ask(Make("c")), "TRANSFER_UNKNOWN");
}

TEST_F(TransferBoardTest, WhatHasEndedIsForgotten) {
  const TransferPtr done = Add("a");
  const TransferPtr open = Add("b");
  const TransferPtr told_later = Add("c", /*move=*/true);
  told_later->record.state = TransferRecord::State::kOwned;
  board_.Update(*told_later, [](TransferView& view) { view.state = ViewState::kDone; });
  End(*done);
  Must(board_.Forget(done->record.id));
  EXPECT_EQ(ReasonOf(board_.Forget(done->record.id)), "TRANSFER_UNKNOWN");
  EXPECT_EQ(ReasonOf(board_.Forget(open->record.id)), "TRANSFER_NOT_ENDABLE");
  EXPECT_EQ(ReasonOf(board_.Forget(told_later->record.id)), "TRANSFER_NOT_ENDABLE");
  EXPECT_THAT(board_.List(), SizeIs(2));
}

TEST_F(TransferBoardTest, RemembersOpenTransfersAndAThousandInAll) {
  const TransferPtr oldest = Add("oldest");
  const TransferPtr ended = Add("ended");
  End(*ended);
  for (int i = 0; i < 998; ++i) Add(absl::StrCat(i));
  EXPECT_THAT(board_.List(), SizeIs(1000));
  Add("newest");
  const std::vector<TransferView> views = board_.List();
  EXPECT_THAT(views, SizeIs(1000));
  EXPECT_EQ(views.front().record.name, Name("newest"));
  EXPECT_EQ(views.back().record.name, Name("oldest"));
  EXPECT_EQ(ReasonOf(board_.AskKeep(ended->record.id).status()), "TRANSFER_UNKNOWN");
  board_.Update(*ended, [](TransferView&) { FAIL() << "it is forgotten"; });
  Add("one more");
  EXPECT_EQ(View(*oldest).state, ViewState::kFetching) << "the open ones are kept";
}

TEST_F(TransferBoardTest, TellsWhatHasChangedSinceAMark) {
  const TransferPtr a = Add("a");
  const TransferPtr b = Add("b");
  TransferBoard::Changes changes = board_.ChangesSince(0, 9);
  EXPECT_THAT(NamesOf(changes), ElementsAre("a", "b"));
  EXPECT_FALSE(changes.remaining.has_value());
  EXPECT_THAT(NamesOf(board_.ChangesSince(changes.mark, 9)), IsEmpty());
  Add("c");
  board_.Update(*a, [](TransferView& view) { view.bytes_done = 1; });
  board_.Update(*a, [](TransferView& view) { view.bytes_done = 2; });
  changes = board_.ChangesSince(changes.mark, 9);
  EXPECT_THAT(NamesOf(changes), ElementsAre("c", "a")) << "in the order of their last changes";
  EXPECT_EQ(changes.views.back().bytes_done, 2U);
}

TEST_F(TransferBoardTest, ChangesThatAreTooManyComeInParts) {
  for (const char* name : {"a", "b", "c"}) Add(name);
  TransferBoard::Changes changes = board_.ChangesSince(0, 2);
  EXPECT_THAT(NamesOf(changes), ElementsAre("a", "b"));
  EXPECT_TRUE(changes.more);
  changes = board_.ChangesSince(changes.mark, 2);
  EXPECT_THAT(NamesOf(changes), ElementsAre("c"));
  EXPECT_FALSE(changes.more);
}

TEST_F(TransferBoardTest, TellsWhichTransfersRemainWhenOneIsForgotten) {
  const TransferPtr a = Add("a");
  const TransferPtr b = Add("b");
  const uint64_t mark = board_.ChangesSince(0, 9).mark;
  End(*a);
  Must(board_.Forget(a->record.id));
  const TransferBoard::Changes changes = board_.ChangesSince(mark, 9);
  EXPECT_THAT(NamesOf(changes), IsEmpty());
  ASSERT_TRUE(changes.remaining.has_value());
  EXPECT_THAT(*changes.remaining, ElementsAre(b->record.id));
  EXPECT_FALSE(board_.ChangesSince(changes.mark, 9).remaining.has_value());
}

TEST_F(TransferBoardTest, RingsWhenAViewChanges) {
  Bell bell;
  TransferBoard board(&clock_, &bell);
  const TransferPtr a = Make("a");
  board.Add(a, {.record = a->record});
  EXPECT_EQ(bell.rings().all, 1U);
  board.Update(*a, [](TransferView&) {});
  EXPECT_EQ(bell.rings().all, 2U);
}

}  // namespace
}  // namespace arkshare
