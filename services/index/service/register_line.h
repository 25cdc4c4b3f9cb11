// Who may register now: after a restart of the index all peers come at once.
#ifndef ARKSHARE_SERVICES_INDEX_SERVICE_REGISTER_LINE_H_
#define ARKSHARE_SERVICES_INDEX_SERVICE_REGISTER_LINE_H_

#include <absl/status/status.h>
#include <absl/time/time.h>

#include <cstddef>
#include <deque>
#include <functional>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"

namespace arkshare {

// Lets few dial-backs run at a time, so that each of them is quick, and a short line wait. Nobody
// waits so long that he gives up: when the first in line has waited for a second, others are sent
// away, and told to come back one after the other, as fast as turns are taken. Thread-safe.
class RegisterLine {
 public:
  static constexpr size_t kMostAtWork = 64;
  static constexpr absl::Duration kMostWait = absl::Seconds(1);
  // A turn begins by this; false when there was nothing to do, otherwise Leave ends it.
  using Turn = std::function<bool()>;

  explicit RegisterLine(const Clock* clock) : clock_(clock) {}

  // Calls `turn` now or, from another thread, later. LIMIT_EXCEEDED, with a time to come back.
  absl::Status Enter(Turn turn);
  void Leave();
  // LIMIT_EXCEEDED as from Enter while others wait, otherwise OK.
  absl::Status CheckCalm();

 private:
  struct Waiting {
    absl::Time since;
    Turn turn;
  };

  absl::Status SendAwayLocked(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Begins turns until one has something to do or nobody waits.
  void Advance();

  const Clock* const clock_;
  Mutex mutex_;
  size_t at_work_ ABSL_GUARDED_BY(mutex_) = 0;
  std::deque<Waiting> line_ ABSL_GUARDED_BY(mutex_);
  // From one end of a turn to the next while others wait, averaged.
  absl::Duration interval_ ABSL_GUARDED_BY(mutex_) = absl::Milliseconds(2);
  absl::Time last_end_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  // Promised to the last one who was sent away.
  absl::Time promised_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SERVICE_REGISTER_LINE_H_
