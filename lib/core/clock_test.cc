#include "lib/core/clock.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace arkshare {
namespace {

TEST(RealClockTest, MonotonicTimeNeverGoesBack) {
  const Clock* clock = Clock::Real();
  absl::Time last = clock->Monotonic();
  for (int i = 0; i < 10'000; ++i) {
    const absl::Time now = clock->Monotonic();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST(RealClockTest, IsASingleton) { EXPECT_EQ(Clock::Real(), Clock::Real()); }

TEST(RealClockTest, KnowsTheDate) {
  EXPECT_GT(Clock::Real()->Now(), absl::FromUnixSeconds(1'600'000'000));
}

TEST(FakeClockTest, AdvancesOnlyWhenTold) {
  FakeClock clock;
  const absl::Time monotonic = clock.Monotonic();
  const absl::Time now = clock.Now();
  EXPECT_EQ(clock.Monotonic(), monotonic);
  clock.Advance(absl::Seconds(5));
  EXPECT_EQ(clock.Monotonic() - monotonic, absl::Seconds(5));
  EXPECT_EQ(clock.Now() - now, absl::Seconds(5));
}

TEST(FakeClockTest, IsThreadSafe) {
  FakeClock clock;
  const absl::Time start = clock.Monotonic();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1'000; ++i) clock.Advance(absl::Milliseconds(1));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(clock.Monotonic() - start, absl::Seconds(4));
}

}  // namespace
}  // namespace arkshare
