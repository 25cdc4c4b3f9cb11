// Time as an input: a class that needs the time gets a Clock, and tests advance a FakeClock.
#ifndef ARKSHARE_LIB_CORE_CLOCK_H_
#define ARKSHARE_LIB_CORE_CLOCK_H_

#include <absl/time/time.h>

#include "lib/core/mutex.h"

namespace arkshare {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // A time that never goes back or jumps, for leases, rates and timeouts. Its origin is arbitrary.
  virtual absl::Time Monotonic() const = 0;
  // The date and time of the machine, for people and for file times.
  virtual absl::Time Now() const = 0;

  // The machine's clocks. Never destroyed.
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
