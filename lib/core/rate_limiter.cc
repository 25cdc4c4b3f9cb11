#include "lib/core/rate_limiter.h"

#include <algorithm>

namespace arkshare {
namespace {

constexpr absl::Duration kMaxSavedUp = absl::Milliseconds(100);

// How long `bytes` take at `rate` bytes a second, which is not 0.
absl::Duration TimeFor(uint64_t bytes, uint64_t rate) {
  return absl::Seconds(static_cast<double>(bytes) / static_cast<double>(rate));
}

}  // namespace

RateLimiter::RateLimiter(const Clock* clock, uint64_t bytes_per_second)
    : clock_(clock), rate_(bytes_per_second), paid_until_(clock->Monotonic()) {}

void RateLimiter::SetRate(uint64_t bytes_per_second) {
  const absl::Time now = clock_->Monotonic();
  MutexLock lock(&mutex_);
  if (bytes_per_second == rate_) return;
  // What is owed is owed in bytes: at the new rate it takes another time.
  const absl::Duration owed = paid_until_ - now;
  if (owed > absl::ZeroDuration()) {
    const double ratio = bytes_per_second == 0
                             ? 0
                             : static_cast<double>(rate_) / static_cast<double>(bytes_per_second);
    paid_until_ = now + owed * ratio;
  }
  rate_ = bytes_per_second;
}

uint64_t RateLimiter::rate() const {
  MutexLock lock(&mutex_);
  return rate_;
}

absl::Duration RateLimiter::Take(uint64_t bytes) {
  const absl::Time now = clock_->Monotonic();
  MutexLock lock(&mutex_);
  if (rate_ == 0) return absl::ZeroDuration();
  paid_until_ = std::max(paid_until_, now - kMaxSavedUp) + TimeFor(bytes, rate_);
  return std::max(paid_until_ - now, absl::ZeroDuration());
}

}  // namespace arkshare
