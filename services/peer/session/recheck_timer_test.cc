#include "services/peer/session/recheck_timer.h"

#include <gtest/gtest.h>

namespace arkshare {
namespace {

class RecheckTimerTest : public testing::Test {
 protected:
  // How long after Unreachable the recheck is due, in minutes; waits until then.
  int MinutesUntilDue() {
    timer_.Unreachable(now_);
    int minutes = 0;
    while (!timer_.IsDue(now_)) {
      now_ += absl::Minutes(1);
      ++minutes;
    }
    return minutes;
  }

  RecheckTimer timer_{absl::Minutes(1)};
  absl::Time now_ = absl::UnixEpoch();
};

TEST_F(RecheckTimerTest, NothingIsDueBeforeAPeerWasUnreachable) {
  EXPECT_FALSE(timer_.IsDue(now_ + absl::Hours(1000)));
}

TEST_F(RecheckTimerTest, EachRecheckWaitsTwiceAsLongUpToSixteenTimes) {
  for (const int minutes : {1, 2, 4, 8, 16, 16, 16}) EXPECT_EQ(MinutesUntilDue(), minutes);
}

TEST_F(RecheckTimerTest, APeerThatWasReachedBeginsAtTheFirstDelayAgain) {
  MinutesUntilDue();
  MinutesUntilDue();
  timer_.Reached();
  EXPECT_FALSE(timer_.IsDue(now_ + absl::Hours(1000)));
  EXPECT_EQ(MinutesUntilDue(), 1);
}

}  // namespace
}  // namespace arkshare
