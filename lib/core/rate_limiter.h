// A limit on bytes a second that many threads share.
#ifndef ARKSHARE_LIB_CORE_RATE_LIMITER_H_
#define ARKSHARE_LIB_CORE_RATE_LIMITER_H_

#include <absl/time/time.h>

#include <cstddef>
#include <cstdint>
#include <functional>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"

namespace arkshare {

// A token bucket that may go below zero: whoever takes bytes goes on when they are paid for, or,
// where that is asked first, takes them only when nothing is owed. In any 10 s at most
// 10.1 seconds' worth and one taking are paid for: at most 100 ms worth of tokens are saved up.
// Not thread-safe; times must not go back.
class TokenBucket {
 public:
  // 0 bytes a second means no limit.
  TokenBucket(uint64_t bytes_per_second, absl::Time now)
      : rate_(bytes_per_second), paid_until_(now) {}

  // What is owed stays owed, in bytes: at the new rate it takes another time.
  void SetRate(uint64_t bytes_per_second, absl::Time now);
  uint64_t rate() const { return rate_; }
  // The result stands for everything taken so far.
  uint64_t Take(uint64_t bytes, absl::Time now);
  // How long until everything taken is paid for; with `mark`, until everything up to that Take is.
  absl::Duration Wait(absl::Time now) const { return Wait(taken_, now); }
  absl::Duration Wait(uint64_t mark, absl::Time now) const;

 private:
  uint64_t rate_;
  uint64_t taken_ = 0;
  absl::Time paid_until_;
};

// How many bytes one of `streams` should send at a time so that a limit of `bytes_per_second`
// (0: none) holds within 3 % over 10 s: at most 50 ms worth of it, and little enough that each
// stream sends something twice a second. A receiver that hears nothing for some seconds turns to
// another holder. 1 KiB to kMaxChunkBytes.
uint64_t ChunkBytes(uint64_t bytes_per_second, size_t streams);

// Takers wait in the order of their calls. Thread-safe.
class RateLimiter {
 public:
  RateLimiter(const Clock* clock, uint64_t bytes_per_second);

  void SetRate(uint64_t bytes_per_second);
  uint64_t rate() const;
  // Accounts for `bytes`; the caller sleeps for the result.
  absl::Duration Take(uint64_t bytes);
  // Accounts for `bytes` and waits until they are paid for, also at a rate that is changed
  // meanwhile. `wanted` is called, without locks, at least every 100 ms while it waits; when it
  // returns false the wait ends, and false comes back. The bytes stay accounted for.
  bool Pay(uint64_t bytes, const std::function<bool()>& wanted);

 private:
  const Clock* const clock_;
  mutable Mutex mutex_;
  CondVar changed_;
  TokenBucket bucket_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_LIB_CORE_RATE_LIMITER_H_
