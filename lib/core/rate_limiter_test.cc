#include "lib/core/rate_limiter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <queue>
#include <thread>
#include <vector>

namespace arkshare {
namespace {

constexpr uint64_t kMiB = 1024 * 1024;

// What `callers` get through in `time` when each takes `bytes`, waits as it is told, and takes
// again.
uint64_t BytesIn(FakeClock& clock, RateLimiter& limiter, absl::Duration time, int callers,
                 uint64_t bytes) {
  const absl::Time end = clock.Monotonic() + time;
  std::priority_queue<absl::Time, std::vector<absl::Time>, std::greater<>> due;
  for (int i = 0; i < callers; ++i) due.push(clock.Monotonic());
  uint64_t sent = 0;
  while (due.top() < end) {
    clock.Advance(due.top() - clock.Monotonic());
    due.pop();
    const absl::Duration wait = limiter.Take(bytes);
    // Counted when it is paid for: what is taken at the last moment belongs to the next one.
    if (clock.Monotonic() + wait <= end) sent += bytes;
    due.push(clock.Monotonic() + wait);
  }
  clock.Advance(end - clock.Monotonic());
  return sent;
}

class RateTest : public ::testing::TestWithParam<int> {};

TEST_P(RateTest, HoldsWithinOnePercentOverTenSeconds) {
  const int callers = GetParam();
  for (uint64_t rate : {1 * kMiB, 20 * kMiB, 1024 * kMiB}) {
    for (uint64_t bytes : {rate / 10'000, rate / 256}) {
      FakeClock clock;
      RateLimiter limiter(&clock, rate);
      const double sent =
          static_cast<double>(BytesIn(clock, limiter, absl::Seconds(10), callers, bytes));
      EXPECT_NEAR(sent, 10.0 * static_cast<double>(rate), 0.1 * static_cast<double>(rate))
          << "rate " << rate << ", " << bytes << " at a time";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Callers, RateTest, ::testing::Values(1, 2, 16));

TEST(RateLimiterTest, ZeroIsNoLimit) {
  FakeClock clock;
  RateLimiter limiter(&clock, 0);
  EXPECT_EQ(limiter.rate(), 0u);
  for (int i = 0; i < 1'000; ++i) EXPECT_EQ(limiter.Take(1024 * kMiB), absl::ZeroDuration());
}

TEST(RateLimiterTest, CallersWaitInTheOrderOfTheirCalls) {
  FakeClock clock;
  RateLimiter limiter(&clock, 1000);
  EXPECT_EQ(limiter.Take(500), absl::Milliseconds(500));
  EXPECT_EQ(limiter.Take(250), absl::Milliseconds(750));
  EXPECT_EQ(limiter.Take(0), absl::Milliseconds(750));
  clock.Advance(absl::Milliseconds(700));
  EXPECT_EQ(limiter.Take(1000), absl::Milliseconds(1050));
}

TEST(RateLimiterTest, SavesUpATenthOfASecond) {
  FakeClock clock;
  RateLimiter limiter(&clock, 1000);
  EXPECT_EQ(limiter.Take(1), absl::Milliseconds(1)) << "nothing is saved up at the start";
  clock.Advance(absl::Hours(1));
  EXPECT_EQ(limiter.Take(100), absl::ZeroDuration());
  EXPECT_EQ(limiter.Take(100), absl::Milliseconds(100));
}

TEST(RateLimiterTest, ANewRateHoldsAtOnce) {
  FakeClock clock;
  RateLimiter limiter(&clock, 10 * kMiB);
  for (uint64_t rate : {10 * kMiB, 2 * kMiB, 50 * kMiB}) {
    limiter.SetRate(rate);
    EXPECT_EQ(limiter.rate(), rate);
    const double sent =
        static_cast<double>(BytesIn(clock, limiter, absl::Seconds(10), 2, 64 * 1024));
    EXPECT_NEAR(sent, 10.0 * static_cast<double>(rate), 0.1 * static_cast<double>(rate)) << rate;
  }
}

TEST(RateLimiterTest, WhatIsOwedIsOwedAtTheNewRate) {
  FakeClock clock;
  RateLimiter limiter(&clock, 1000);
  EXPECT_EQ(limiter.Take(10'000), absl::Seconds(10));
  clock.Advance(absl::Seconds(2));
  limiter.SetRate(4000);
  EXPECT_EQ(limiter.Take(0), absl::Seconds(2));
  limiter.SetRate(1000);
  EXPECT_EQ(limiter.Take(0), absl::Seconds(8));
  limiter.SetRate(0);
  EXPECT_EQ(limiter.Take(kMiB), absl::ZeroDuration());
  limiter.SetRate(1000);
  EXPECT_EQ(limiter.Take(100), absl::Milliseconds(100)) << "nothing is owed from before";
}

TEST(RateLimiterTest, IsThreadSafe) {
  FakeClock clock;
  RateLimiter limiter(&clock, 1000);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&limiter] {
      for (int i = 0; i < 1'000; ++i) {
        limiter.Take(1);
        limiter.SetRate(limiter.rate());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(limiter.Take(0), absl::Seconds(4));
}

}  // namespace
}  // namespace arkshare
