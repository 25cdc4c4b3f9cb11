#include "lib/core/clock.h"

#include <absl/time/clock.h>

#include <chrono>

namespace arkshare {
namespace {

class RealClock : public Clock {
 public:
  absl::Time Monotonic() const override {
    return absl::UnixEpoch() +
           absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
  }
  absl::Time Now() const override { return absl::Now(); }
};

}  // namespace

const Clock* Clock::Real() {
  static const RealClock* const clock = new RealClock;
  return clock;
}

absl::Time FakeClock::Monotonic() const {
  MutexLock lock(&mutex_);
  return now_;
}

absl::Time FakeClock::Now() const { return Monotonic(); }

void FakeClock::Advance(absl::Duration by) {
  MutexLock lock(&mutex_);
  now_ += by;
}

}  // namespace arkshare
