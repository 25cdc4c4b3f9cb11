#include "lib/core/rate_limiter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <queue>
#include <thread>
#include <utility>
#include <vector>

#include "lib/core/byte_size.h"

namespace arkshare {
namespace {

// Returns the bytes that `callers` get through in `time`. Each of them takes `bytes`, waits for the
// returned time, and takes again.
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
    // Counts bytes when they are paid for: bytes taken last belong to the next period.
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

TEST(RateLimiterTest, OwedBytesArePaidAtTheNewRate) {
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

// Simulates `callers` that take 50 ms worth of bytes at a time, and records the paid bytes and
// their times. The rate changes to the next of `rates` after each `every`.
struct Paid {
  std::vector<std::pair<absl::Time, uint64_t>> bytes;
  // Returns the rate times the time between two moments of the simulation.
  std::vector<std::pair<absl::Time, uint64_t>> rates;

  double Allowed(absl::Time from, absl::Time to) const {
    double allowed = 0;
    for (size_t i = 0; i < rates.size(); ++i) {
      const absl::Time begin = std::max(rates[i].first, from);
      const absl::Time end = std::min(i + 1 < rates.size() ? rates[i + 1].first : to, to);
      if (end > begin) allowed += absl::ToDoubleSeconds(end - begin) * double(rates[i].second);
    }
    return allowed;
  }
};

Paid Simulate(const std::vector<uint64_t>& rates, absl::Duration every, int callers) {
  absl::Time now = absl::UnixEpoch();
  TokenBucket bucket(rates.front(), now);
  Paid paid;
  std::vector<uint64_t> marks(static_cast<size_t>(callers), 0);  // each caller owes up to its mark
  const auto chunk = [&] { return std::max<uint64_t>(bucket.rate() / 20, 1); };
  std::vector<uint64_t> sizes(marks.size(), 0);
  const absl::Time end = now + every * static_cast<double>(rates.size());
  size_t next_rate = 0;
  for (; now < end; now += absl::Milliseconds(1)) {
    if (now >= absl::UnixEpoch() + every * static_cast<double>(next_rate)) {
      bucket.SetRate(rates[next_rate], now);
      paid.rates.emplace_back(now, rates[next_rate++]);
    }
    for (size_t i = 0; i < marks.size(); ++i) {
      while (bucket.Wait(marks[i], now) == absl::ZeroDuration()) {
        if (sizes[i] > 0) paid.bytes.emplace_back(now, sizes[i]);
        sizes[i] = chunk();
        marks[i] = bucket.Take(sizes[i], now);
      }
    }
  }
  return paid;
}

// Checks every window of ten seconds that begins at a whole tenth of a second.
void ExpectWithinThreePercent(const Paid& paid, absl::Duration time) {
  for (absl::Time from = absl::UnixEpoch(); from + absl::Seconds(10) <= absl::UnixEpoch() + time;
       from += absl::Milliseconds(100)) {
    const absl::Time to = from + absl::Seconds(10);
    double sent = 0;
    for (const auto& [when, bytes] : paid.bytes) {
      if (from <= when && when < to) sent += static_cast<double>(bytes);
    }
    const double allowed = paid.Allowed(from, to);
    ASSERT_NEAR(sent, allowed, 0.03 * allowed) << from - absl::UnixEpoch();
  }
}

TEST_P(RateTest, HoldsInEveryWindowOfTenSeconds) {
  ExpectWithinThreePercent(Simulate({20 * kMiB, 20 * kMiB}, absl::Seconds(15), GetParam()),
                           absl::Seconds(30));
}

TEST(RateLimiterTest, TheRateHoldsRightAfterAChange) {
  for (const auto& [before, after] : std::vector<std::pair<uint64_t, uint64_t>>{
           {20 * kMiB, 30 * kMiB}, {30 * kMiB, 20 * kMiB}, {kMiB, 50 * kMiB}, {50 * kMiB, kMiB}}) {
    for (int callers : {1, 3}) {
      SCOPED_TRACE(testing::Message() << before << " to " << after << ", " << callers);
      Paid paid = Simulate({before, after}, absl::Seconds(12), callers);
      const absl::Time change = paid.rates[1].first;
      double sent = 0;
      for (const auto& [when, bytes] : paid.bytes) {
        if (change <= when && when < change + absl::Seconds(10)) sent += double(bytes);
      }
      // The bytes owed from before the change are a few chunks of the old size.
      const double allowed = 10.0 * double(after) + double(before) / 20 * callers;
      EXPECT_LE(sent, 1.03 * allowed);
      EXPECT_GE(sent, 0.97 * 10.0 * double(after));
    }
  }
}

TEST(RateLimiterTest, AWaitingCallerFollowsAChange) {
  FakeClock clock;  // never advances: only the change can end the wait
  RateLimiter limiter(&clock, 1);
  std::atomic<int> asked{0};
  std::thread payer([&] {
    EXPECT_TRUE(limiter.Pay(kMiB, [&] {
      ++asked;
      return true;
    }));
  });
  while (asked == 0) std::this_thread::yield();
  limiter.SetRate(0);
  payer.join();
}

TEST(RateLimiterTest, AWaitEndsWhenTheCallerNoLongerWants) {
  FakeClock clock;
  RateLimiter limiter(&clock, 1000);
  EXPECT_TRUE(limiter.Pay(0, [] { return false; })) << "nothing to wait for";
  EXPECT_FALSE(limiter.Pay(1000, [] { return false; }));
  EXPECT_EQ(limiter.Take(0), absl::Seconds(1)) << "it is accounted for all the same";
}

TEST(TokenBucketTest, EachMarkIsPaidSeparately) {
  const absl::Time now = absl::UnixEpoch();
  TokenBucket bucket(1000, now);
  const uint64_t first = bucket.Take(100, now);
  const uint64_t second = bucket.Take(300, now);
  EXPECT_EQ(bucket.Wait(first, now), absl::Milliseconds(100));
  EXPECT_EQ(bucket.Wait(second, now), absl::Milliseconds(400));
  bucket.SetRate(2000, now + absl::Milliseconds(200));
  EXPECT_EQ(bucket.Wait(first, now + absl::Milliseconds(200)), absl::ZeroDuration());
  EXPECT_EQ(bucket.Wait(second, now + absl::Milliseconds(200)), absl::Milliseconds(100));
}

TEST(RateLimiterTest, MeasuresWhatIsTaken) {
  FakeClock clock;
  RateLimiter limiter(&clock, 0);
  for (int i = 0; i < 40; ++i) {
    clock.Advance(absl::Milliseconds(100));
    if (i % 2 == 0) {
      limiter.Take(1000);
    } else {
      EXPECT_TRUE(limiter.Pay(1000, [] { return true; }));
    }
  }
  EXPECT_EQ(limiter.taken(), 40'000U);
  EXPECT_NEAR(limiter.BytesPerSecond(), 10'000, 500);
  clock.Advance(absl::Seconds(4));
  EXPECT_EQ(limiter.BytesPerSecond(), 0);
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
