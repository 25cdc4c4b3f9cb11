#include "lib/core/goodput_meter.h"

#include <algorithm>
#include <cmath>

namespace arkshare {
namespace {

constexpr double kMeanSeconds = 5;
constexpr absl::Duration kFirstAnswer = absl::Seconds(1);
// A lower rate counts as 0.
constexpr double kLeastRate = 1;
// After a longer pause earlier bytes do not show the current rate.
constexpr absl::Duration kPause = absl::Seconds(3);

double Decay(absl::Duration time) { return std::exp(-absl::ToDoubleSeconds(time) / kMeanSeconds); }

}  // namespace

double GoodputMeter::DecayedBytes(absl::Time now) const { return bytes_ * Decay(now - last_); }

void GoodputMeter::Note(uint64_t bytes, absl::Time now) {
  if (now - last_ > kPause) {
    begin_ = now;
    bytes_ = 0;
  } else {
    bytes_ = DecayedBytes(now) + static_cast<double>(bytes);
  }
  last_ = now;
}

double GoodputMeter::BytesPerSecond(absl::Time now) const {
  const absl::Duration measured = now - begin_;
  if (now - last_ > kPause || measured < kFirstAnswer) return 0;
  // At a steady rate of 1 the decayed bytes are the integral of the decay over the measured time.
  const double rate = DecayedBytes(now) / (kMeanSeconds * (1 - Decay(measured)));
  return rate < kLeastRate ? 0 : rate;
}

}  // namespace arkshare
