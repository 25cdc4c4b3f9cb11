// The rules of TransferQueues, a rule a test, without threads or time that passes by itself.
#include "services/peer/transfer/transfer_queues.h"

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <utility>
#include <vector>

#include "lib/core/limits.h"
#include "services/peer/testing/fakes.h"

namespace arkshare {
namespace {

using State = TransferRecord::State;
using Kind = FetchTask::Kind;
using Step = TransferQueues::Step;
using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::IsEmpty;
using testing::SizeIs;

constexpr absl::Duration kMs = absl::Milliseconds(1);
constexpr absl::Duration kDelay = absl::Milliseconds(200);  // before the first retry

class TransferQueuesTest : public testing::Test {
 protected:
  static PublicKey Key() { return PrivateKey::Generate().public_key(); }

  TransferPtr Make(uint64_t size, State state = State::kIntent) {
    ContentId content;
    content.size = size;
    return std::make_shared<Transfer>(
        TransferRecord{.id = TransferId::Random(),
                       .move = true,
                       .source = source_,
                       .content = content,
                       .name = Must(BookName::Parse(absl::StrCat("book ", ++made_))),
                       .state = state});
  }
  TransferPtr Large() { return Make(kMaxSmallBookBytes + 1); }
  // Without holders it is received by itself.
  TransferPtr Small() { return Make(kMaxSmallBookBytes); }
  TransferPtr SmallOf(const PublicKey& source) {
    TransferPtr transfer = Small();
    transfer->record.source = source;
    transfer->holders.push_back({.peer_id = 1,
                                 .key = source,
                                 .address = "an address",
                                 .listing = 1,
                                 .name = transfer->record.name});
    return transfer;
  }
  TransferPtr Prepared() { return Make(1, State::kPrepared); }
  Batch Enter(size_t count, const std::function<TransferPtr()>& make) {
    Batch entered;
    for (size_t i = 0; i < count; ++i) {
      entered.push_back(make());
      queues_.Enter(entered.back(), now_);
    }
    return entered;
  }
  TransferPtr Enter(TransferPtr transfer) {
    queues_.Enter(transfer, now_);
    return transfer;
  }
  static void SetReceived(Transfer& transfer) {
    transfer.received.emplace(UniqueFd(), std::vector<Sha256Digest>{});
  }
  FetchTask TakeToFetch() {
    std::optional<FetchTask> task = queues_.TakeToFetch();
    EXPECT_TRUE(task.has_value());
    return task ? *std::move(task) : FetchTask{};
  }
  // Receives a small book by itself and hands it on.
  TransferPtr Receive() {
    FetchTask task = TakeToFetch();
    EXPECT_THAT(task.transfers, SizeIs(1));
    SetReceived(*task.transfers[0]);
    queues_.FetchDone(task, {.go_on = task.transfers}, now_);
    return task.transfers[0];
  }
  // An interruption ended the fetch of this task.
  void Interrupt(const FetchTask& task, bool later) {
    task.transfers[0]->interrupted = true;
    queues_.FetchDone(task, {.later = later ? task.transfers : Batch{}}, now_);
  }
  Batch TakeToSettle() {
    std::optional<TransferQueues::Round> round = queues_.TakeToSettle(now_);
    return round ? round->items : Batch{};
  }

  const PublicKey source_ = Key();
  int made_ = 0;
  absl::Time now_ = absl::FromUnixSeconds(1'000'000);
  TransferQueues queues_;
};

// --- Fetching ---

TEST_F(TransferQueuesTest, EightLargeBooksAreReceivedAtATime) {
  Enter(9, [this] { return Large(); });
  std::vector<FetchTask> tasks;
  for (int i = 0; i < 8; ++i) {
    tasks.push_back(TakeToFetch());
    EXPECT_EQ(tasks.back().kind, Kind::kLarge);
    EXPECT_THAT(tasks.back().transfers, SizeIs(1));
  }
  EXPECT_FALSE(queues_.TakeToFetch());
  const TransferPtr small = Enter(Small());
  EXPECT_THAT(TakeToFetch().transfers, ElementsAre(small)) << "small ones need not wait for them";
  queues_.FetchDone(tasks[0], {}, now_);
  EXPECT_EQ(TakeToFetch().kind, Kind::kLarge);
}

TEST_F(TransferQueuesTest, OneHundredAndTwentyEightSmallBooksShareAStreamTwoStreamsASource) {
  const PublicKey source = Key();
  const Batch books = Enter(300, [&] { return SmallOf(source); });
  const FetchTask first = TakeToFetch();
  EXPECT_EQ(first.kind, Kind::kSmallOfSource);
  EXPECT_EQ(first.source, source);
  EXPECT_THAT(first.transfers, ElementsAreArray(books.begin(), books.begin() + 128));
  EXPECT_THAT(TakeToFetch().transfers, SizeIs(128));
  EXPECT_FALSE(queues_.TakeToFetch()) << "two streams run";
  const PublicKey other = Key();
  const TransferPtr of_other = Enter(SmallOf(other));
  EXPECT_THAT(TakeToFetch().transfers, ElementsAre(of_other));
  queues_.FetchDone(first, {}, now_);
  EXPECT_THAT(TakeToFetch().transfers, SizeIs(44));
}

TEST_F(TransferQueuesTest, ASmallBookWithoutHoldersIsReceivedByItself) {
  const PublicKey source = Key();
  Enter(2, [&] { return SmallOf(source); });
  const FetchTask stream = TakeToFetch();
  ASSERT_THAT(stream.transfers, SizeIs(2));
  for (const TransferPtr& transfer : stream.transfers) transfer->holders.clear();
  queues_.FetchDone(stream, {.go_on = stream.transfers}, now_);
  for (const TransferPtr& transfer : stream.transfers) {
    const FetchTask task = TakeToFetch();
    EXPECT_EQ(task.kind, Kind::kSmall);
    EXPECT_THAT(task.transfers, ElementsAre(transfer));
  }
}

TEST_F(TransferQueuesTest, NothingIsFetchedWhile256ReceivedBooksWait) {
  const PublicKey source = Key();
  Enter(300, [&] { return SmallOf(source); });
  const std::vector<FetchTask> streams = {TakeToFetch(), TakeToFetch()};
  for (const FetchTask& stream : streams) {
    for (const TransferPtr& transfer : stream.transfers) {
      EXPECT_FALSE(queues_.full());
      SetReceived(*transfer);
      queues_.BookReceived(transfer, now_);
    }
    queues_.FetchDone(stream, {}, now_);
  }
  EXPECT_TRUE(queues_.full());
  EXPECT_FALSE(queues_.TakeToFetch());
  queues_.TakeWake();
  EXPECT_THAT(TakeToSettle(), SizeIs(256));
  EXPECT_EQ(queues_.TakeWake().fetchers, TransferQueues::Wake::kAll) << "all that waited for room";
  EXPECT_THAT(TakeToFetch().transfers, SizeIs(44));
}

// --- Gathering for one sync ---

TEST_F(TransferQueuesTest, AReceivedSmallBookWaitsForOthersForTwentyMilliseconds) {
  Enter(3, [this] { return Small(); });
  const TransferPtr first = Receive();
  EXPECT_EQ(queues_.NextTime(), now_ + 20 * kMs);
  EXPECT_THAT(TakeToSettle(), IsEmpty());
  now_ += 19 * kMs;
  const TransferPtr second = Receive();
  EXPECT_EQ(queues_.NextTime(), now_ + kMs) << "the first one's time counts";
  EXPECT_THAT(TakeToSettle(), IsEmpty());
  now_ += kMs;
  EXPECT_THAT(TakeToSettle(), ElementsAre(first, second));
  EXPECT_EQ(queues_.NextTime(), std::nullopt);
}

TEST_F(TransferQueuesTest, SixtyFourReceivedBooksWaitNoLonger) {
  Enter(65, [this] { return Small(); });
  for (int i = 0; i < 63; ++i) Receive();
  EXPECT_THAT(TakeToSettle(), IsEmpty());
  queues_.TakeWake();
  Receive();
  EXPECT_TRUE(queues_.TakeWake().settler);
  EXPECT_THAT(TakeToSettle(), SizeIs(64));
}

TEST_F(TransferQueuesTest, TheLastSmallBookWaitsForNoOther) {
  Enter(2, [this] { return Small(); });
  const TransferPtr first = Receive();
  EXPECT_THAT(TakeToSettle(), IsEmpty());
  const TransferPtr last = Receive();
  EXPECT_THAT(TakeToSettle(), ElementsAre(first, last));
}

TEST_F(TransferQueuesTest, ALargeBookWaitsForSmallOnesOnly) {
  Enter(2, [this] { return Large(); });
  const TransferPtr large = Receive();
  EXPECT_THAT(TakeToSettle(), ElementsAre(large)) << "the other one is large as well";
}

TEST_F(TransferQueuesTest, AReceivedBookDoesNotWaitForOneThatFailed) {
  Enter(2, [this] { return Small(); });
  const TransferPtr first = Receive();
  const FetchTask failed = TakeToFetch();
  queues_.TakeWake();
  failed.transfers[0]->record.state = State::kDropped;
  queues_.FetchDone(failed, {}, now_);
  EXPECT_TRUE(queues_.TakeWake().settler);
  EXPECT_THAT(TakeToSettle(), ElementsAre(first));
}

TEST_F(TransferQueuesTest, OnlyTheFirstAndTheLastReceivedBookWakeAThread) {
  Enter(4, [this] { return Small(); });
  queues_.TakeWake();
  std::vector<bool> wakes;
  for (int i = 0; i < 4; ++i) {
    Receive();
    wakes.push_back(queues_.TakeWake().settler);
  }
  EXPECT_THAT(wakes, ElementsAre(true, false, false, true));
}

// --- Lanes ---

TEST_F(TransferQueuesTest, EachStateHasItsLane) {
  TransferPtr with_ticket = Prepared();
  with_ticket->record.ticket.emplace();
  TransferPtr copy = Prepared();
  copy->record.move = false;
  TransferPtr to_admit = Make(1, State::kOwned);
  to_admit->to_admit = ListingRecord{.name = to_admit->record.name,
                                     .path = "a path",
                                     .content = to_admit->record.content,
                                     .identity = FileIdentity()};
  TransferPtr owned_copy = Make(1, State::kOwned);
  owned_copy->record.move = false;
  TransferPtr received = Small();
  SetReceived(*received);
  const std::vector<std::pair<TransferPtr, TransferQueues::Lanes::Lane>> cases = {
      {received, {Step::kPrepare}}, {Prepared(), {Step::kRelease, source_}},
      {with_ticket, {Step::kOwn}},  {copy, {Step::kOwn}},
      {to_admit, {Step::kOwn}},     {Make(1, State::kOwned), {Step::kReport, source_}},
      {owned_copy, {Step::kReport}}};
  for (const auto& [transfer, lane] : cases) {
    queues_.Enter(transfer, now_);
    const std::optional<TransferQueues::Round> round = queues_.TakeToSettle(now_);
    ASSERT_TRUE(round.has_value());
    EXPECT_EQ(round->lane, lane);
    EXPECT_THAT(round->items, ElementsAre(transfer));
    queues_.SettleDone(*round, {}, now_);
  }
}

TEST_F(TransferQueuesTest, ATransferThatEndedEntersNoLane) {
  Enter(Make(1, State::kDone));
  Enter(Make(1, State::kDropped));
  EXPECT_THAT(TakeToSettle(), IsEmpty());
  EXPECT_FALSE(queues_.TakeToFetch());
}

TEST_F(TransferQueuesTest, ARoundHasAtMostAThousandTransfersAndItsLaneWaitsForIt) {
  const Batch all = Enter(1001, [this] { return Prepared(); });
  const std::optional<TransferQueues::Round> round = queues_.TakeToSettle(now_);
  ASSERT_TRUE(round.has_value());
  EXPECT_THAT(round->items, SizeIs(1000));
  EXPECT_THAT(TakeToSettle(), IsEmpty()) << "a thread works on this lane";
  queues_.SettleDone(*round, {}, now_);
  EXPECT_THAT(TakeToSettle(), ElementsAre(all.back()));
}

TEST_F(TransferQueuesTest, ATransferThatGoesOnTakesItsNextStep) {
  const TransferPtr transfer = Enter(Prepared());
  const std::optional<TransferQueues::Round> round = queues_.TakeToSettle(now_);
  ASSERT_TRUE(round.has_value());
  transfer->record.ticket.emplace();
  queues_.SettleDone(*round, {.go_on = {transfer}}, now_);
  const std::optional<TransferQueues::Round> next = queues_.TakeToSettle(now_);
  ASSERT_TRUE(next.has_value());
  EXPECT_EQ(next->lane.step, Step::kOwn);
}

// --- Delays ---

TEST_F(TransferQueuesTest, EachDelayIsTwiceTheLastUpToTenSeconds) {
  const TransferPtr transfer = Enter(Prepared());
  std::vector<absl::Duration> delays;
  for (int i = 0; i < 8; ++i) {
    const std::optional<TransferQueues::Round> round = queues_.TakeToSettle(now_);
    ASSERT_TRUE(round.has_value());
    queues_.SettleDone(*round, {.later = {transfer}}, now_);
    ASSERT_TRUE(queues_.NextTime().has_value());
    delays.push_back(*queues_.NextTime() - now_);
    now_ = *queues_.NextTime();
    now_ -= kMs;
    EXPECT_THAT(TakeToSettle(), IsEmpty());
    now_ += kMs;
  }
  EXPECT_THAT(delays, ElementsAre(200 * kMs, 400 * kMs, 800 * kMs, 1600 * kMs, 3200 * kMs,
                                  6400 * kMs, 10000 * kMs, 10000 * kMs));
}

TEST_F(TransferQueuesTest, EndDelaysEntersWhatWaits) {
  const TransferPtr transfer = Enter(Prepared());
  queues_.SettleDone(*queues_.TakeToSettle(now_), {.later = {transfer}}, now_);
  EXPECT_THAT(TakeToSettle(), IsEmpty());
  queues_.EndDelays(now_);
  EXPECT_TRUE(queues_.TakeWake().settler);
  EXPECT_THAT(TakeToSettle(), ElementsAre(transfer));
}

TEST_F(TransferQueuesTest, AStreamThatWasRefusedIsTriedAgainAsAStream) {
  const PublicKey source = Key();
  const Batch books = Enter(2, [&] { return SmallOf(source); });
  queues_.FetchDone(TakeToFetch(), {.later = books}, now_);
  EXPECT_FALSE(queues_.TakeToFetch());
  now_ += kDelay;
  EXPECT_THAT(TakeToSettle(), IsEmpty()) << "but what is due has entered";
  EXPECT_EQ(queues_.TakeWake().fetchers, 2U + 2U) << "at first, and now";
  const FetchTask again = TakeToFetch();
  EXPECT_EQ(again.kind, Kind::kSmallOfSource);
  EXPECT_THAT(again.transfers, ElementsAreArray(books));
}

// --- Asked for again ---

TEST_F(TransferQueuesTest, AParkedTransferResumesAtOnceAndOnce) {
  for (const bool later : {true, false}) {
    const TransferPtr transfer = Enter(Large());
    Interrupt(TakeToFetch(), later);
    transfer->try_until = now_;
    EXPECT_FALSE(queues_.TakeToFetch());
    queues_.Resume(transfer, now_);
    EXPECT_EQ(transfer->try_until, absl::InfinitePast()) << "its time counts from now";
    const FetchTask task = TakeToFetch();
    EXPECT_THAT(task.transfers, ElementsAre(transfer));
    EXPECT_EQ(queues_.NextTime(), std::nullopt) << "it does not wait as well";
    queues_.Resume(transfer, now_);
    EXPECT_FALSE(queues_.TakeToFetch()) << "it is being received";
    transfer->record.state = State::kDropped;
    queues_.FetchDone(task, {}, now_);
  }
}

TEST_F(TransferQueuesTest, ResumedWhileItsWorkerGivesUpItIsReceivedAgainOnce) {
  for (const bool later : {true, false}) {
    const TransferPtr transfer = Enter(Large());
    const FetchTask task = TakeToFetch();
    transfer->try_until = now_;
    queues_.Resume(transfer, now_);
    EXPECT_EQ(transfer->try_until, now_) << "its worker has it";
    EXPECT_FALSE(queues_.TakeToFetch());
    Interrupt(task, later);
    EXPECT_EQ(transfer->try_until, absl::InfinitePast());
    EXPECT_EQ(queues_.NextTime(), std::nullopt);
    const FetchTask again = TakeToFetch();
    EXPECT_THAT(again.transfers, ElementsAre(transfer));
    EXPECT_FALSE(queues_.TakeToFetch());
    Interrupt(again, /*later=*/false);
    EXPECT_FALSE(queues_.TakeToFetch()) << "it was asked for once";
  }
}

TEST_F(TransferQueuesTest, ResumedWhileItWaitsForAWorkerItIsReceivedOnce) {
  const TransferPtr transfer = Enter(Large());
  Interrupt(TakeToFetch(), /*later=*/true);
  queues_.EndDelays(now_);
  queues_.Resume(transfer, now_);
  EXPECT_THAT(TakeToFetch().transfers, ElementsAre(transfer));
  EXPECT_FALSE(queues_.TakeToFetch());
}

TEST_F(TransferQueuesTest, ResumedWhenItsBytesAreHereItTakesItsNextStepOnce) {
  const TransferPtr transfer = Enter(Large());
  const FetchTask task = TakeToFetch();
  queues_.Resume(transfer, now_);
  SetReceived(*transfer);
  queues_.FetchDone(task, {.go_on = {transfer}}, now_);
  EXPECT_THAT(TakeToSettle(), ElementsAre(transfer));
  EXPECT_FALSE(queues_.TakeToFetch());
}

// --- Kept ---

TEST_F(TransferQueuesTest, AWithdrawnTransferLeavesEveryQueueAndNeverEntersAgain) {
  const TransferPtr large = Enter(Large());
  const TransferPtr small = Enter(Small());
  const TransferPtr of_source = Enter(SmallOf(source_));
  for (const TransferPtr& transfer : {large, small, of_source}) {
    transfer->end = "cancelled";
    EXPECT_TRUE(queues_.Withdraw(transfer));
    EXPECT_FALSE(queues_.Withdraw(transfer)) << "once";
    queues_.Resume(transfer, now_);
  }
  EXPECT_FALSE(queues_.TakeToFetch().has_value());

  // And from the wait for its next try.
  const TransferPtr later = Enter(Large());
  later->interrupted = true;
  const FetchTask task = TakeToFetch();
  queues_.FetchDone(task, {.later = {later}}, now_);
  later->end = "cancelled";
  EXPECT_TRUE(queues_.Withdraw(later));
  queues_.EndDelays(now_);
  EXPECT_FALSE(queues_.TakeToFetch().has_value());
}

TEST_F(TransferQueuesTest, AReceivedTransferIsWithdrawnUntilItIsPrepared) {
  const TransferPtr other = Enter(Small());  // on its way, so the received one waits
  const TransferPtr transfer = Enter(Small());
  const FetchTask first = TakeToFetch();
  const FetchTask second = TakeToFetch();
  ASSERT_THAT(second.transfers, ElementsAre(transfer));
  EXPECT_FALSE(queues_.Withdraw(transfer)) << "a worker has it";
  SetReceived(*transfer);
  queues_.BookReceived(transfer, now_);
  EXPECT_TRUE(queues_.Withdraw(transfer));
  EXPECT_FALSE(queues_.TakeToSettle(now_ + absl::Seconds(1)).has_value());

  const TransferPtr prepared = Enter(Prepared());
  EXPECT_FALSE(queues_.Withdraw(prepared));
  EXPECT_TRUE(queues_.TakeToSettle(now_).has_value());
}

TEST_F(TransferQueuesTest, ATransferThatIsToEndWhileItsWorkerGivesUpIsTakenOnceMore) {
  const TransferPtr transfer = Enter(Large());
  transfer->interrupted = true;
  const FetchTask task = TakeToFetch();
  transfer->end = "cancelled";
  EXPECT_FALSE(queues_.Withdraw(transfer));
  queues_.FetchDone(task, {}, now_);
  EXPECT_THAT(TakeToFetch().transfers, ElementsAre(transfer));
  EXPECT_FALSE(queues_.TakeToFetch().has_value());
}

TEST_F(TransferQueuesTest, HurryEndsTheDelayOfOneTransfer) {
  const Batch both = Enter(2, [this] { return Prepared(); });
  queues_.SettleDone(*queues_.TakeToSettle(now_), {.later = both}, now_);
  both[1]->keep = true;
  queues_.Hurry(both[1], now_);
  EXPECT_THAT(TakeToSettle(), ElementsAre(both[1]));
  EXPECT_EQ(queues_.NextTime(), now_ + kDelay) << "the other one";
}

TEST_F(TransferQueuesTest, ATransferToKeepIsNotDelayedWhileItWaitsForItsSource) {
  const TransferPtr transfer = Enter(Prepared());
  transfer->keep = true;
  queues_.SettleDone(*queues_.TakeToSettle(now_), {.later = {transfer}}, now_);
  EXPECT_THAT(TakeToSettle(), ElementsAre(transfer));
}

TEST_F(TransferQueuesTest, ATransferToKeepIsDelayedOnceItHasATicket) {
  const TransferPtr transfer = Enter(Prepared());
  transfer->keep = true;
  const std::optional<TransferQueues::Round> round = queues_.TakeToSettle(now_);
  transfer->record.ticket.emplace();
  queues_.SettleDone(*round, {.later = {transfer}}, now_);
  EXPECT_THAT(TakeToSettle(), IsEmpty());
  EXPECT_EQ(queues_.NextTime(), now_ + kDelay);
}

}  // namespace
}  // namespace arkshare
