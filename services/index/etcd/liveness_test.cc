#include "services/index/etcd/liveness.h"

#include <gtest/gtest.h>

namespace arkshare {
namespace {

using Change = Liveness::Change;
using State = SharedLog::State;

class LivenessTest : public testing::Test {
 protected:
  // Makes the replica live at the time `now_`.
  void BecomeLive(int64_t revision) {
    liveness_.Answered(now_);
    liveness_.Committed(revision);
    liveness_.Folded(revision);
    ASSERT_EQ(liveness_.Tick(now_), Change::kBecameLive);
  }

  absl::Time now_ = absl::FromUnixSeconds(1000);
  Liveness liveness_{now_};
};

TEST_F(LivenessTest, AReplicaIsLiveWhenItsFirstTransactionIsFolded) {
  EXPECT_EQ(liveness_.state(), State::kJoining);
  liveness_.Folded(10);
  EXPECT_EQ(liveness_.Tick(now_), Change::kNone);
  liveness_.Committed(12);
  liveness_.Committed(15);
  liveness_.Folded(11);
  EXPECT_EQ(liveness_.Tick(now_), Change::kNone);
  liveness_.Folded(12);
  EXPECT_EQ(liveness_.state(), State::kJoining);
  EXPECT_EQ(liveness_.Tick(now_), Change::kBecameLive);
  EXPECT_EQ(liveness_.state(), State::kLive);
  EXPECT_EQ(liveness_.Behind(now_ + absl::Seconds(1)), absl::ZeroDuration());
}

TEST_F(LivenessTest, ThreeSecondsWithoutAnAnswerCutItOff) {
  BecomeLive(5);
  EXPECT_EQ(liveness_.Tick(now_ + absl::Milliseconds(2999)), Change::kNone);
  liveness_.Answered(now_ + absl::Seconds(1));
  EXPECT_EQ(liveness_.Tick(now_ + absl::Seconds(3)), Change::kNone);
  EXPECT_EQ(liveness_.Tick(now_ + absl::Seconds(4)), Change::kWasCutOff);
  EXPECT_EQ(liveness_.Tick(now_ + absl::Seconds(5)), Change::kNone);
  EXPECT_EQ(liveness_.state(), State::kCutOff);
  EXPECT_EQ(liveness_.Behind(now_ + absl::Seconds(6)), absl::Seconds(5));
}

TEST_F(LivenessTest, AfterACutATransactionOfItsOwnMustComeBack) {
  BecomeLive(5);
  now_ += absl::Seconds(10);
  ASSERT_EQ(liveness_.Tick(now_), Change::kWasCutOff);
  liveness_.Answered(now_);
  liveness_.Folded(7);
  EXPECT_EQ(liveness_.Tick(now_), Change::kNone);
  EXPECT_GT(liveness_.Behind(now_), absl::ZeroDuration());
  BecomeLive(9);
}

TEST_F(LivenessTest, ACommitBeforeTheCutDoesNotCount) {
  now_ += absl::Seconds(1);
  liveness_.Answered(now_);
  liveness_.Committed(3);
  now_ += absl::Seconds(10);
  EXPECT_EQ(liveness_.Tick(now_), Change::kNone);
  liveness_.Answered(now_);
  liveness_.Folded(3);
  EXPECT_EQ(liveness_.Tick(now_), Change::kNone);
  BecomeLive(4);
}

TEST_F(LivenessTest, AReplicaWhoseLogIsRefoundedIsNotLive) {
  BecomeLive(500);
  liveness_.Refounded();
  EXPECT_EQ(liveness_.state(), State::kCutOff);
  EXPECT_EQ(liveness_.Tick(now_), Change::kNone);
  BecomeLive(3);
}

}  // namespace
}  // namespace arkshare
