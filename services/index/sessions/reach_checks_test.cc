#include "services/index/sessions/reach_checks.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "services/index/testing/sample_books.h"

namespace arkshare {
namespace {

class ReachChecksTest : public testing::Test {
 protected:
  // Lets time pass until a check begins; returns how long that took, or nullopt after an hour.
  std::optional<absl::Duration> NextCheck(const PublicKey& key) {
    for (absl::Duration waited; waited < absl::Hours(1); waited += kTick) {
      const std::optional<PublicKey> begun = checks_.Begin(now_);
      if (begun.has_value()) {
        EXPECT_EQ(*begun, key);
        return waited;
      }
      now_ += kTick;
    }
    return std::nullopt;
  }

  static constexpr absl::Duration kTick = absl::Milliseconds(100);

  absl::Time now_ = absl::UnixEpoch();
  ReachChecks checks_;
};

TEST_F(ReachChecksTest, APeerIsCheckedNowAndThen) {
  checks_.Add(TestKey(1), now_);
  for (int i = 0; i < 3; ++i) {
    const absl::Duration waited = NextCheck(TestKey(1)).value();
    EXPECT_GE(waited, ReachChecks::kEvery / 2);
    EXPECT_LE(waited, ReachChecks::kEvery);
    EXPECT_EQ(checks_.Begin(now_ + absl::Hours(1)), std::nullopt) << "while a check runs";
    EXPECT_EQ(checks_.Done(TestKey(1), true, now_), std::nullopt);
  }
}

TEST_F(ReachChecksTest, TwoFailuresHideAPeerAndAnAnswerShowsItAgain) {
  checks_.Add(TestKey(1), now_);
  NextCheck(TestKey(1));
  EXPECT_EQ(checks_.Done(TestKey(1), false, now_), std::nullopt) << "perhaps a lost packet";
  EXPECT_EQ(NextCheck(TestKey(1)), ReachChecks::kSecondTry);
  EXPECT_EQ(checks_.Done(TestKey(1), false, now_), false);
  EXPECT_EQ(NextCheck(TestKey(1)), ReachChecks::kEveryUnanswered);
  EXPECT_EQ(checks_.Done(TestKey(1), false, now_), std::nullopt) << "it is hidden already";
  EXPECT_EQ(NextCheck(TestKey(1)), ReachChecks::kEveryUnanswered);
  EXPECT_EQ(checks_.Done(TestKey(1), true, now_), true);
  EXPECT_GE(NextCheck(TestKey(1)).value(), ReachChecks::kEvery / 2);
}

TEST_F(ReachChecksTest, AReportBringsTheCheckForwardButNotAgainAndAgain) {
  checks_.Add(TestKey(1), now_);
  checks_.Report(TestKey(1), now_);
  EXPECT_EQ(checks_.Begin(now_), std::nullopt) << "it has just been reached";
  now_ += ReachChecks::kReportPause;
  checks_.Report(TestKey(2), now_);
  EXPECT_EQ(checks_.Begin(now_), std::nullopt) << "no such peer is here";
  int checks = 0;
  const absl::Time end = now_ + absl::Minutes(4);
  for (; now_ < end; now_ += kTick) {
    checks_.Report(TestKey(1), now_);
    if (!checks_.Begin(now_).has_value()) continue;
    ++checks;
    checks_.Done(TestKey(1), true, now_);
  }
  EXPECT_EQ(checks, 4) << "one a minute, whatever is reported";
}

TEST_F(ReachChecksTest, ChecksAreSpreadAndFewBeginInASecond) {
  std::map<PublicKey, int> begun;
  for (int i = 0; i < 10'000; ++i) {
    std::string bytes(32, 'k');
    bytes[0] = static_cast<char>(i & 0xff);
    bytes[1] = static_cast<char>(i >> 8);
    const PublicKey key = PublicKey::FromBytes(bytes).value();
    checks_.Add(key, now_);
    begun[key] = 0;
  }
  // Reports of all of them at once.
  now_ += ReachChecks::kReportPause;
  for (const auto& [key, times] : begun) checks_.Report(key, now_);
  for (int second = 0; second < 600; ++second) {
    int in_second = 0;
    for (int tick = 0; tick < 100; ++tick, now_ += absl::Milliseconds(10)) {
      while (const std::optional<PublicKey> key = checks_.Begin(now_)) {
        ++begun[*key];
        ++in_second;
        checks_.Done(*key, true, now_);
      }
    }
    EXPECT_LE(in_second, ReachChecks::kMostASecond);
  }
  for (const auto& [key, times] : begun) EXPECT_GE(times, 1);
}

TEST_F(ReachChecksTest, APeerThatHasLeftIsNotChecked) {
  checks_.Add(TestKey(1), now_);
  checks_.Remove(TestKey(1));
  EXPECT_EQ(NextCheck(TestKey(1)), std::nullopt);
  EXPECT_EQ(checks_.Done(TestKey(1), false, now_), std::nullopt);
}

}  // namespace
}  // namespace arkshare
