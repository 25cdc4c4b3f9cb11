// Wakes threads that wait for news of any kind.
#ifndef ARKSHARE_LIB_CORE_BELL_H_
#define ARKSHARE_LIB_CORE_BELL_H_

#include <absl/time/time.h>

#include <cstdint>

#include "lib/core/mutex.h"

namespace arkshare {

// A thread rings it after it has changed something. A listener then looks for itself what has
// changed, so the bell keeps no news, and a listener that comes late misses none. Thread-safe. Its
// lock is a leaf, so it may be rung with any other lock held.
class Bell {
 public:
  // How often it has rung.
  struct Rings {
    uint64_t all = 0;
    uint64_t urgent = 0;  // of them

    bool operator==(const Rings&) const = default;
  };

  void Ring();
  // Rings for listeners that wait for urgent news only, too.
  void RingUrgently();
  // Ends all waits; later ones end at once.
  void Close();
  bool closed() const;

  Rings rings() const;
  // Waits until it has rung again after `heard`, for at most `wait` of real time.
  Rings Await(const Rings& heard, absl::Duration wait) const;
  // Waits in the same way for an urgent ring.
  Rings AwaitUrgent(const Rings& heard, absl::Duration wait) const;

 private:
  mutable Mutex mutex_;
  mutable CondVar rung_;         // at all
  mutable CondVar rung_urgent_;  // urgently
  Rings rings_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace arkshare

#endif  // ARKSHARE_LIB_CORE_BELL_H_
