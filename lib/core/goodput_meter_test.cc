#include "lib/core/goodput_meter.h"

#include <gtest/gtest.h>

namespace arkshare {
namespace {

TEST(GoodputMeterTest, MeasuresASteadyRate) {
  GoodputMeter meter;
  absl::Time now = absl::UnixEpoch();
  EXPECT_EQ(meter.BytesPerSecond(now), 0);
  meter.Note(123'456'789, now);  // went before the meter began
  for (int tenths = 1; tenths <= 200; ++tenths) {
    now += absl::Milliseconds(100);
    meter.Note(100'000, now);
    const double rate = meter.BytesPerSecond(now);
    if (tenths < 10) {
      EXPECT_EQ(rate, 0) << "too early to say";
    } else {
      EXPECT_NEAR(rate, 1e6, 0.02 * 1e6) << tenths;
    }
  }
}

TEST(GoodputMeterTest, FollowsWithinSeconds) {
  GoodputMeter meter;
  absl::Time now = absl::UnixEpoch();
  const auto run = [&](int seconds, uint64_t rate) {
    for (int tenths = 0; tenths < 10 * seconds; ++tenths) {
      now += absl::Milliseconds(100);
      meter.Note(rate / 10, now);
    }
  };
  run(20, 1'000'000);
  run(5, 5'000'000);
  EXPECT_GT(meter.BytesPerSecond(now), 3e6);
  run(15, 5'000'000);
  EXPECT_NEAR(meter.BytesPerSecond(now), 5e6, 0.3 * 1e6);
}

TEST(GoodputMeterTest, APauseIsNotARate) {
  GoodputMeter meter;
  absl::Time now = absl::UnixEpoch();
  const auto run = [&] {
    for (int tenths = 0; tenths < 30; ++tenths) {
      now += absl::Milliseconds(100);
      meter.Note(100'000, now);
    }
  };
  run();
  now += absl::Seconds(3.5);
  EXPECT_EQ(meter.BytesPerSecond(now), 0) << "no bytes go";
  now += absl::Minutes(1);
  run();
  EXPECT_NEAR(meter.BytesPerSecond(now), 1e6, 0.05 * 1e6);
}

}  // namespace
}  // namespace arkshare
