// A limit on bytes a second that many threads share.
#ifndef ARKSHARE_LIB_CORE_RATE_LIMITER_H_
#define ARKSHARE_LIB_CORE_RATE_LIMITER_H_

#include <absl/time/time.h>

#include <cstdint>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"

namespace arkshare {

// A token bucket whose bucket may go below zero: a caller takes its bytes at once and is told how
// long to wait before it may go on, so that the order of callers is the order of their calls.
// Thread-safe.
class RateLimiter {
 public:
  // 0 bytes a second means no limit.
  RateLimiter(const Clock* clock, uint64_t bytes_per_second);

  void SetRate(uint64_t bytes_per_second);
  uint64_t rate() const;
  // Accounts for `bytes`; the caller sleeps for the result. At most 100 ms worth of tokens are
  // saved up.
  absl::Duration Take(uint64_t bytes);

 private:
  const Clock* const clock_;
  mutable Mutex mutex_;
  uint64_t rate_ ABSL_GUARDED_BY(mutex_);
  // When everything taken so far will have been paid for.
  absl::Time paid_until_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_LIB_CORE_RATE_LIMITER_H_
