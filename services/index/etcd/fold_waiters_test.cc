#include "services/index/etcd/fold_waiters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "lib/core/errors.h"

namespace arkshare {
namespace {

using Answer = std::optional<absl::StatusOr<int64_t>>;

FoldWaiters::Done Into(Answer& answer) {
  return [&answer](absl::StatusOr<int64_t> got) {
    EXPECT_FALSE(answer.has_value()) << "answered twice";
    answer = std::move(got);
  };
}

absl::Status Gone() { return MakeError(Reason::kStoreUnreachable, "gone"); }
absl::Time At(int seconds) { return absl::FromUnixSeconds(seconds); }

TEST(FoldWaitersTest, AnswersWhenTheRevisionIsFolded) {
  FoldWaiters waiters;
  Answer early;
  Answer exact;
  Answer late;
  waiters.Await(5, At(9), Into(early));
  waiters.Await(7, At(9), Into(exact));
  waiters.Await(8, At(9), Into(late));
  EXPECT_EQ(waiters.awaited(), 8);
  waiters.Folded(7);
  ASSERT_TRUE(early.has_value() && exact.has_value());
  EXPECT_EQ(early->value(), 7);
  EXPECT_EQ(exact->value(), 7);
  EXPECT_FALSE(late.has_value());
  Answer at_once;
  waiters.Await(6, At(9), Into(at_once));
  EXPECT_EQ(at_once->value(), 7);
  EXPECT_EQ(waiters.folded(), 7);
}

TEST(FoldWaitersTest, AWaiterEndsAtItsDeadline) {
  FoldWaiters waiters;
  Answer first;
  Answer second;
  Answer write;
  waiters.Await(5, At(10), Into(first));
  waiters.Await(5, At(20), Into(second));
  waiters.AwaitWrite(5, waiters.epoch(), Into(write));
  EXPECT_EQ(waiters.Expire(At(9)), At(10));
  EXPECT_EQ(waiters.Expire(At(10)), At(20));
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(GetReason(first->status()), Reason::kIndexBehind);
  EXPECT_EQ(GetRetryAfter(first->status()), absl::Seconds(1));
  EXPECT_EQ(waiters.Expire(At(20)), absl::InfiniteFuture());
  EXPECT_TRUE(second.has_value());
  EXPECT_FALSE(write.has_value());
}

TEST(FoldWaitersTest, OnlyWritesFailWhenTheReplicaIsCutOff) {
  FoldWaiters waiters;
  Answer reader;
  Answer write;
  waiters.Await(5, At(10), Into(reader));
  waiters.AwaitWrite(5, waiters.epoch(), Into(write));
  waiters.FailWrites(Gone());
  EXPECT_FALSE(reader.has_value());
  ASSERT_TRUE(write.has_value());
  EXPECT_EQ(GetReason(write->status()), Reason::kStoreUnreachable);
  waiters.Folded(5);
  EXPECT_TRUE(reader->ok());
}

TEST(FoldWaitersTest, AWriteOfALogThatIsGoneFails) {
  FoldWaiters waiters;
  waiters.Folded(100);
  const uint64_t old = waiters.epoch();
  Answer before;
  waiters.AwaitWrite(150, old, Into(before));
  waiters.Refounded(Gone());
  EXPECT_FALSE(before->ok());
  EXPECT_EQ(waiters.folded(), 0);
  Answer after;
  waiters.AwaitWrite(50, old, Into(after));
  EXPECT_EQ(GetReason(after->status()), Reason::kStoreUnreachable);
  Answer next;
  waiters.AwaitWrite(3, waiters.epoch(), Into(next));
  waiters.Folded(3);
  EXPECT_EQ(next->value(), 3);
}

TEST(FoldWaitersTest, AfterStopAllGetItsStatus) {
  FoldWaiters waiters;
  Answer before;
  waiters.Await(5, At(10), Into(before));
  waiters.Stop(Gone());
  EXPECT_FALSE(before->ok());
  Answer after;
  waiters.Await(1, At(10), Into(after));
  EXPECT_FALSE(after->ok());
}

}  // namespace
}  // namespace arkshare
