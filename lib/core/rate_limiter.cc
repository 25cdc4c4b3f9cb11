#include "lib/core/rate_limiter.h"

#include <algorithm>

#include "lib/core/limits.h"

namespace arkshare {
namespace {

constexpr absl::Duration kMaxSavedUp = absl::Milliseconds(100);
constexpr absl::Duration kNap = absl::Milliseconds(100);
// For limits below 20 KiB/s: the headers of smaller messages would cost too much.
constexpr uint64_t kMinChunkBytes = 1024;

// Returns the time for `bytes` at `rate` bytes a second, 1 or more.
absl::Duration TimeFor(uint64_t bytes, uint64_t rate) {
  return absl::Seconds(static_cast<double>(bytes) / static_cast<double>(rate));
}

}  // namespace

uint64_t ChunkBytes(uint64_t bytes_per_second, size_t streams) {
  if (bytes_per_second == 0) return kMaxChunkBytes;
  const uint64_t parts = std::max<uint64_t>(20, 2 * streams);
  return std::clamp(bytes_per_second / parts, kMinChunkBytes, kMaxChunkBytes);
}

void TokenBucket::SetRate(uint64_t bytes_per_second, absl::Time now) {
  if (bytes_per_second == rate_) return;
  const absl::Duration owed = paid_until_ - now;
  if (owed > absl::ZeroDuration()) {
    const double ratio = bytes_per_second == 0
                             ? 0
                             : static_cast<double>(rate_) / static_cast<double>(bytes_per_second);
    paid_until_ = now + owed * ratio;
  }
  rate_ = bytes_per_second;
}

uint64_t TokenBucket::Take(uint64_t bytes, absl::Time now) {
  taken_ += bytes;
  if (rate_ > 0) paid_until_ = std::max(paid_until_, now - kMaxSavedUp) + TimeFor(bytes, rate_);
  return taken_;
}

absl::Duration TokenBucket::Wait(uint64_t mark, absl::Time now) const {
  if (rate_ == 0) return absl::ZeroDuration();
  return std::max(paid_until_ - TimeFor(taken_ - mark, rate_) - now, absl::ZeroDuration());
}

RateLimiter::RateLimiter(const Clock* clock, uint64_t bytes_per_second)
    : clock_(clock), bucket_(bytes_per_second, clock->Monotonic()) {}

void RateLimiter::SetRate(uint64_t bytes_per_second) {
  const absl::Time now = clock_->Monotonic();
  MutexLock lock(&mutex_);
  bucket_.SetRate(bytes_per_second, now);
  changed_.NotifyAll();
}

uint64_t RateLimiter::rate() const {
  MutexLock lock(&mutex_);
  return bucket_.rate();
}

uint64_t RateLimiter::taken() const {
  MutexLock lock(&mutex_);
  return bucket_.taken();
}

double RateLimiter::BytesPerSecond() const {
  MutexLock lock(&mutex_);
  return meter_.BytesPerSecond(clock_->Monotonic());
}

uint64_t RateLimiter::TakeLocked(uint64_t bytes) {
  const absl::Time now = clock_->Monotonic();
  meter_.Note(bytes, now);
  return bucket_.Take(bytes, now);
}

absl::Duration RateLimiter::Take(uint64_t bytes) {
  MutexLock lock(&mutex_);
  TakeLocked(bytes);
  return bucket_.Wait(clock_->Monotonic());
}

bool RateLimiter::Pay(uint64_t bytes, const std::function<bool()>& wanted) {
  uint64_t mark = 0;
  {
    MutexLock lock(&mutex_);
    mark = TakeLocked(bytes);
  }
  while (true) {
    {
      MutexLock lock(&mutex_);
      const absl::Duration wait = bucket_.Wait(mark, clock_->Monotonic());
      if (wait == absl::ZeroDuration()) return true;
      changed_.WaitFor(&mutex_, std::min(wait, kNap));
    }
    if (!wanted()) return false;
  }
}

}  // namespace arkshare
