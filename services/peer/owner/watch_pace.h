// When a watch looks for changes, and when it sends something.
#ifndef ARKSHARE_SERVICES_PEER_OWNER_WATCH_PACE_H_
#define ARKSHARE_SERVICES_PEER_OWNER_WATCH_PACE_H_

#include <absl/time/time.h>

namespace arkshare {

// Pure: no clock, no lock. Times are those of Clock::Monotonic. Not thread-safe.
class WatchPace {
 public:
  // The watch has just sent its snapshot.
  explicit WatchPace(absl::Time now) : looked_(now), sent_(now) {}

  // The kind of news that the bell has told.
  enum class News { kNone, kSome, kUrgent };
  // Returns how long to wait before the next look at what has changed, unless there is news
  // meanwhile; zero: look now.
  absl::Duration UntilLook(News news, absl::Time now) const;
  // The watch has looked, and has found something to send or not. `moving`: bytes go out, which
  // rings no bell.
  void Looked(bool found, bool moving, absl::Time now);
  // Whether an empty message is due, so that the watch learns that its reader has gone.
  bool SignIsDue(absl::Time now) const;
  void SignSent(absl::Time now) { sent_ = now; }

 private:
  absl::Time looked_;
  absl::Time sent_;
  bool moving_ = false;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_OWNER_WATCH_PACE_H_
