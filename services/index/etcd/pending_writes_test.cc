#include "services/index/etcd/pending_writes.h"

#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "lib/core/errors.h"

namespace arkshare {
namespace {

using ::testing::SizeIs;
using WriteAnswer = std::optional<absl::StatusOr<SharedLog::Outcome>>;

class PendingWritesTest : public testing::Test {
 protected:
  PendingWritesTest() { writes_.Open(writes_.epoch()); }

  void Add(const std::string& key, WriteAnswer& answer, const std::string& chain = "") {
    SharedLog::Write write;
    write.changes.push_back({key, "v"});
    write.chain = chain;
    writes_.Add(std::move(write), [&answer](absl::StatusOr<SharedLog::Outcome> got) {
      EXPECT_FALSE(answer.has_value()) << "answered twice";
      answer = std::move(got);
    });
  }

  FoldWaiters waiters_;
  PendingWrites writes_{&waiters_};
};

Reason ReasonOf(const WriteAnswer& answer) {
  return answer.has_value() ? GetReason(answer->status()) : Reason::kUnspecified;
}

TEST_F(PendingWritesTest, AWriteIsAnsweredWhenItIsFolded) {
  WriteAnswer answer;
  Add("a", answer);
  const auto batch = writes_.AwaitBatch();
  writes_.Made(*batch, 7);
  EXPECT_FALSE(answer.has_value());
  waiters_.Folded(6);
  EXPECT_FALSE(answer.has_value());
  waiters_.Folded(7);
  ASSERT_TRUE(answer.has_value() && answer->ok());
  EXPECT_TRUE((*answer)->made);
  EXPECT_EQ((*answer)->revision, 7);
}

TEST_F(PendingWritesTest, OnlyTheWriteWhoseGuardFailedIsAnswered) {
  WriteAnswer failed;
  WriteAnswer again;
  Add("a", failed);
  Add("b", again);
  const auto batch = writes_.AwaitBatch();
  writes_.NotMade(*batch, {SharedLog::Outcome{4, false, {{"a", "x", 3}}}, std::nullopt});
  waiters_.Folded(4);
  ASSERT_TRUE(failed.has_value() && failed->ok());
  EXPECT_FALSE((*failed)->made);
  EXPECT_THAT((*failed)->found, SizeIs(1));
  EXPECT_FALSE(again.has_value());
  const auto second = writes_.AwaitBatch();
  ASSERT_THAT(second->items, SizeIs(1));
  writes_.Made(*second, 5);
  waiters_.Folded(5);
  EXPECT_TRUE(again.has_value());
}

TEST_F(PendingWritesTest, ACutAnswersAllAndKeepsThoseUnderWay) {
  WriteAnswer sent;
  WriteAnswer queued;
  WriteAnswer late;
  Add("a", sent, "chain");
  const auto batch = writes_.AwaitBatch();
  Add("b", queued, "chain");
  writes_.Close(StoreUnreachable());
  EXPECT_EQ(ReasonOf(sent), Reason::kStoreUnreachable);
  EXPECT_EQ(ReasonOf(queued), Reason::kStoreUnreachable);
  EXPECT_TRUE(writes_.IsWanted(*batch));
  Add("c", late);
  EXPECT_EQ(ReasonOf(late), Reason::kStoreUnreachable);
  // The next write of the chain waits for the one whose outcome is unknown.
  writes_.Open(writes_.epoch());
  WriteAnswer next;
  WriteAnswer other;
  Add("d", next, "chain");
  Add("e", other);
  EXPECT_EQ(writes_.AwaitBatch()->items[0].write.changes[0].key, "e");
  writes_.Made(*batch, 9);
  EXPECT_EQ(writes_.AwaitBatch()->items[0].write.changes[0].key, "d");
}

TEST_F(PendingWritesTest, AWriteThatWasAnsweredIsNotSentAfterItWasNotMade) {
  WriteAnswer answer;
  Add("a", answer);
  const auto batch = writes_.AwaitBatch();
  writes_.Close(StoreUnreachable());
  writes_.NotMade(*batch, {std::nullopt});
  writes_.Open(writes_.epoch());
  WriteAnswer next;
  Add("b", next);
  EXPECT_EQ(writes_.AwaitBatch()->items[0].write.changes[0].key, "b");
}

TEST_F(PendingWritesTest, AnAbandonedTransactionIsNotWanted) {
  WriteAnswer answer;
  Add("a", answer);
  const uint64_t epoch = writes_.epoch();
  const auto batch = writes_.AwaitBatch();
  writes_.Abandon(StoreUnreachable());
  EXPECT_EQ(ReasonOf(answer), Reason::kStoreUnreachable);
  EXPECT_FALSE(writes_.IsWanted(*batch));
  // A decision about the old log does not open the new one.
  writes_.Open(epoch);
  WriteAnswer late;
  Add("b", late);
  EXPECT_EQ(ReasonOf(late), Reason::kStoreUnreachable);
  writes_.Failed(*batch, StoreUnreachable());
  writes_.Open(writes_.epoch());
  WriteAnswer next;
  Add("c", next);
  EXPECT_TRUE(writes_.IsWanted(*writes_.AwaitBatch()));
}

TEST_F(PendingWritesTest, AfterStopThereIsNothingToSend) {
  WriteAnswer answer;
  Add("a", answer);
  writes_.Stop(MakeError(Reason::kShuttingDown, "stops"));
  EXPECT_EQ(ReasonOf(answer), Reason::kShuttingDown);
  EXPECT_FALSE(writes_.AwaitBatch().has_value());
  WriteAnswer late;
  Add("b", late);
  EXPECT_EQ(ReasonOf(late), Reason::kShuttingDown);
}

TEST_F(PendingWritesTest, CallersThatAreHeldBackGoOnWhenTheQueueIsShort) {
  std::atomic<int> going = 0;
  const auto go = [&] { ++going; };
  writes_.AwaitRoom(go);
  EXPECT_EQ(going, 1) << "there is room";
  constexpr size_t kPage = 1'000'000;
  size_t added = 0;
  while (writes_.queued_bytes() <= kLogQueueBytes) {
    SharedLog::Write write;
    write.changes.push_back({absl::StrCat(++added), std::string(kPage, 'x')});
    writes_.Add(std::move(write), [](const absl::StatusOr<SharedLog::Outcome>&) {});
  }
  going = 0;
  constexpr int kWaiting = 1'000;
  for (int i = 0; i < kWaiting; ++i) writes_.AwaitRoom(go);
  EXPECT_EQ(going, 0);
  auto batch = writes_.AwaitBatch();
  const size_t room = kLogQueueBytes - writes_.queued_bytes();
  EXPECT_GT(going, 0);
  EXPECT_LE(static_cast<size_t>(going), room / 1'000) << "as many as there is room for";
  EXPECT_LT(going, kWaiting);
  writes_.Made(*batch, 1);
  while (writes_.queued_bytes() > 0) {
    batch = writes_.AwaitBatch();
    writes_.Made(*batch, 1);
  }
  writes_.AwaitRoom(go);
  // With nothing left to send, all of them go on.
  WriteAnswer last;
  Add("last", last);
  writes_.Made(*writes_.AwaitBatch(), 1);
  std::thread idle([this] { EXPECT_FALSE(writes_.AwaitBatch().has_value()); });
  while (going < kWaiting + 1) std::this_thread::yield();
  writes_.Stop(absl::CancelledError());
  idle.join();
  EXPECT_EQ(going, kWaiting + 1);
}

TEST_F(PendingWritesTest, AReplicaThatIsCutOffHoldsNobodyBack) {
  std::atomic<int> going = 0;
  for (int i = 0; i < 20; ++i) {
    SharedLog::Write write;
    write.changes.push_back({absl::StrCat(i), std::string(1'000'000, 'x')});
    writes_.Add(std::move(write), [](const absl::StatusOr<SharedLog::Outcome>&) {});
  }
  for (int i = 0; i < 1'000; ++i) writes_.AwaitRoom([&] { ++going; });
  EXPECT_EQ(going, 0);
  writes_.Close(StoreUnreachable());
  EXPECT_EQ(going, 1'000);
  writes_.AwaitRoom([&] { ++going; });
  EXPECT_EQ(going, 1'001);
}

}  // namespace
}  // namespace arkshare
