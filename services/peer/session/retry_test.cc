#include "services/peer/session/retry.h"

#include <gtest/gtest.h>

#include "lib/core/errors.h"

namespace arkshare {
namespace {

TEST(RetryAfterTest, WaitsAsLongAsTheIndexAsks) {
  const absl::Status busy =
      MakeError(Reason::kLimitExceeded, "too many peers", {}, absl::Seconds(7));
  const RetryWindow told = RetryAfter(busy, absl::Milliseconds(200));
  EXPECT_EQ(told.from, absl::Seconds(7)) << "not sooner";
  EXPECT_GT(told.to, absl::Seconds(7)) << "not all at once";
  EXPECT_LE(told.to, absl::Seconds(8));
  // The index asks for a very short wait: the peer may still wait for its own.
  const absl::Status soon =
      MakeError(Reason::kLimitExceeded, "too many peers", {}, absl::Milliseconds(1));
  EXPECT_EQ(RetryAfter(soon, absl::Seconds(3)).to, absl::Seconds(3));

  const RetryWindow untold = RetryAfter(absl::UnavailableError("no answer"), absl::Seconds(3));
  EXPECT_EQ(untold.from, absl::Seconds(1.5));
  EXPECT_EQ(untold.to, absl::Seconds(3));
}

TEST(RetryAfterTest, APeerThatIsNotLetInComesBackMoreAndMoreSeldom) {
  const absl::Status key_in_use = MakeError(Reason::kKeyInUse, "a peer with this key runs");
  const absl::Status no_answer = MakeError(Reason::kIndexUnreachable, "no answer");
  EXPECT_EQ(NextRetry(key_in_use, absl::Milliseconds(200)), absl::Milliseconds(400));
  EXPECT_EQ(NextRetry(no_answer, absl::Milliseconds(200)), absl::Milliseconds(400));
  EXPECT_EQ(NextRetry(key_in_use, absl::Seconds(29)), absl::Seconds(30));
  EXPECT_EQ(NextRetry(no_answer, absl::Seconds(29)), absl::Seconds(3));
  for (const Reason reason : {Reason::kNotAMember, Reason::kRoleForbids, Reason::kHandshakeRefused,
                              Reason::kWrongKey}) {
    EXPECT_EQ(NextRetry(MakeError(reason, "ask"), absl::Seconds(29)), absl::Seconds(30));
  }
}

TEST(RetryAfterTest, ABusyIndexIsNoReasonToUseAnother) {
  EXPECT_FALSE(IsFailureOfIndex(MakeError(Reason::kLimitExceeded, "too many peers")));
  EXPECT_FALSE(IsFailureOfIndex(MakeError(Reason::kKeyInUse, "a peer with this key is here")));
  EXPECT_TRUE(IsFailureOfIndex(MakeError(Reason::kIndexUnreachable, "no answer")));
  EXPECT_TRUE(IsFailureOfIndex(absl::UnimplementedError("not an index")));
}

TEST(RetryTest, APauseGrowsUpToItsLimitUntilItIsReset) {
  GrowingPause pause(absl::Seconds(1), absl::Seconds(5));
  for (const int seconds : {1, 2, 4, 5, 5}) {
    const RetryWindow window = pause.Next();
    EXPECT_EQ(window.from, absl::Seconds(seconds) / 2);
    EXPECT_EQ(window.to, absl::Seconds(seconds));
  }
  pause.Reset();
  EXPECT_EQ(pause.Next().to, absl::Seconds(1));
}

}  // namespace
}  // namespace arkshare
