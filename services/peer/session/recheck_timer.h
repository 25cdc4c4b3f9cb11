// When a peer that the index could not reach asks to be tried again.
#ifndef ARKSHARE_SERVICES_PEER_SESSION_RECHECK_TIMER_H_
#define ARKSHARE_SERVICES_PEER_SESSION_RECHECK_TIMER_H_

#include <absl/time/time.h>

#include <algorithm>

namespace arkshare {

// The first recheck comes after `first`, each later one after twice as long as the one before, up
// to 16 times `first`. A pure decision: no lock, no clock. Not thread-safe.
class RecheckTimer {
 public:
  // `first` is more than zero.
  explicit RecheckTimer(absl::Duration first) : first_(first), delay_(first) {}

  // The index could not reach the peer, or could not be asked, at `now`.
  void Unreachable(absl::Time now) {
    due_ = now + delay_;
    delay_ = std::min(delay_ * 2, first_ * kLongest);
  }
  // The index has reached the peer: there is nothing to recheck until Unreachable.
  void Reached() {
    delay_ = first_;
    due_ = absl::InfiniteFuture();
  }
  bool IsDue(absl::Time now) const { return now >= due_; }

 private:
  static constexpr int kLongest = 16;  // times first_

  const absl::Duration first_;
  absl::Duration delay_;
  absl::Time due_ = absl::InfiniteFuture();
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_SESSION_RECHECK_TIMER_H_
