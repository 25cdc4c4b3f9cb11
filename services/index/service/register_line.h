// The line of registrations: after a restart of the index all peers register at once.
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

// Runs few dial-backs at a time, so that each is quick, and lets a short line of registrations
// wait. No peer waits until it gives up: when the first in line has waited for a second, the line
// refuses new ones, and tells them to come back one after the other, as fast as turns end.
// Thread-safe.
class RegisterLine {
 public:
  static constexpr size_t kMostAtWork = 64;
  static constexpr absl::Duration kMostWait = absl::Seconds(1);
  // Begins a turn. Returns false when there was nothing to do; otherwise EndTurn must end the turn.
  using Turn = std::function<bool()>;

  explicit RegisterLine(const Clock* clock) : clock_(clock) {}

  // Calls `turn` now or, from another thread, later. LIMIT_EXCEEDED, with a time to come back.
  absl::Status RunInTurn(Turn turn);
  void EndTurn();
  // LIMIT_EXCEEDED, as from RunInTurn, while registrations wait; otherwise OK.
  absl::Status CheckNotCrowded();

 private:
  struct Waiting {
    absl::Time since;
    Turn turn;
  };

  absl::Status RefuseLocked(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Begins turns until one has something to do or the line is empty.
  void BeginNextTurn();

  const Clock* const clock_;
  Mutex mutex_;
  size_t at_work_ ABSL_GUARDED_BY(mutex_) = 0;
  std::deque<Waiting> line_ ABSL_GUARDED_BY(mutex_);
  // The average time from the end of a turn to the next end while registrations wait.
  absl::Duration interval_ ABSL_GUARDED_BY(mutex_) = absl::Milliseconds(2);
  absl::Time last_end_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  // The time to come back that the last refusal gave.
  absl::Time promised_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_SERVICE_REGISTER_LINE_H_
