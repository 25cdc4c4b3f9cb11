// Time is an input: whoever needs the time is given a Clock; tests advance one by hand.
#ifndef ARKSHARE_LIB_CORE_CLOCK_H_
#define ARKSHARE_LIB_CORE_CLOCK_H_

#include <absl/time/time.h>

#include "lib/core/mutex.h"

namespace arkshare {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // A monotonic time, for leases, rates and time-outs: never jumps, its origin means nothing.
  virtual absl::Time Monotonic() const = 0;
  // The machine's idea of the date, for people and for file times.
  virtual absl::Time Now() const = 0;

  // The machine's clocks. Lives for ever.
  static const Clock* Real();
};

class FakeClock : public Clock {
 public:
  absl::Time Monotonic() const override;
  absl::Time Now() const override;
  void Advance(absl::Duration by);

 private:
  mutable Mutex mutex_;
  absl::Time now_ ABSL_GUARDED_BY(mutex_) = absl::FromUnixSeconds(1'700'000'000);
};

}  // namespace arkshare

#endif  // ARKSHARE_LIB_CORE_CLOCK_H_
