// A limit in bytes a second that many threads share.
#ifndef ARKSHARE_LIB_CORE_RATE_LIMITER_H_
#define ARKSHARE_LIB_CORE_RATE_LIMITER_H_

#include <absl/time/time.h>

#include <cstddef>
#include <cstdint>
#include <functional>

#include "lib/core/clock.h"
#include "lib/core/goodput_meter.h"
#include "lib/core/mutex.h"

namespace arkshare {

// A token bucket that can go below zero: a caller takes bytes first, and then waits until they are
// paid for. A caller can also check first, and take bytes only when none are owed. At most 100 ms
// worth of tokens are saved, so any 10 s pay for at most 10.1 seconds' worth of bytes and one Take.
// Not thread-safe; times must not go back.
class TokenBucket {
 public:
  // 0 bytes a second means no limit.
  TokenBucket(uint64_t bytes_per_second, absl::Time now)
      : rate_(bytes_per_second), paid_until_(now) {}

  // Changes the rate. Owed bytes stay owed, and are paid for at the new rate.
  void SetRate(uint64_t bytes_per_second, absl::Time now);
  uint64_t rate() const { return rate_; }
  // The total of all bytes taken so far.
  uint64_t taken() const { return taken_; }
  // Takes bytes. Returns a mark: the total of all bytes taken so far.
  uint64_t Take(uint64_t bytes, absl::Time now);
  // Returns the time until all taken bytes are paid for; with `mark`, all bytes up to that Take.
  absl::Duration Wait(absl::Time now) const { return Wait(taken_, now); }
  absl::Duration Wait(uint64_t mark, absl::Time now) const;

 private:
  uint64_t rate_;
  uint64_t taken_ = 0;
  absl::Time paid_until_;
};

// Returns how many bytes, 1 KiB to kMaxChunkBytes, each of `streams` should send at a time. A limit
// of `bytes_per_second` (0: unlimited) then holds within 3 % over 10 s: a chunk is at most 50 ms
// worth of it. Each stream also sends twice a second, because a receiver that gets nothing for some
// seconds turns to another holder.
uint64_t ChunkBytes(uint64_t bytes_per_second, size_t streams);

// Serves callers in the order of their calls. Thread-safe.
class RateLimiter {
 public:
  RateLimiter(const Clock* clock, uint64_t bytes_per_second);

  void SetRate(uint64_t bytes_per_second);
  uint64_t rate() const;
  // Returns the total of all bytes taken so far.
  uint64_t taken() const;
  // Returns how many bytes a second were taken lately; see GoodputMeter.
  double BytesPerSecond() const;
  // Takes `bytes`. The caller sleeps for the returned time, or what is taken next waits for it.
  absl::Duration Take(uint64_t bytes);
  // Takes `bytes` and waits until they are paid for; follows changes of the rate. While it waits,
  // it calls `wanted`, without locks, at least every 100 ms. When `wanted` returns false, stops
  // waiting and returns false; the bytes stay taken.
  bool Pay(uint64_t bytes, const std::function<bool()>& wanted);

 private:
  // Returns the mark of TokenBucket::Take.
  uint64_t TakeLocked(uint64_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Clock* const clock_;
  mutable Mutex mutex_;
  CondVar changed_;
  TokenBucket bucket_ ABSL_GUARDED_BY(mutex_);
  GoodputMeter meter_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_LIB_CORE_RATE_LIMITER_H_
