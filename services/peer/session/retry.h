// Decides how to go on after the index has refused or failed a registration.
#ifndef ARKSHARE_SERVICES_PEER_SESSION_RETRY_H_
#define ARKSHARE_SERVICES_PEER_SESSION_RETRY_H_

#include <absl/status/status.h>
#include <absl/time/time.h>

namespace arkshare {

// The wait after a failed call is at random between the two.
struct RetryWindow {
  absl::Duration from;
  absl::Duration to;
};
// Returns the window that the index asks for (RetryInfo); without that, up to `retry`.
RetryWindow RetryAfter(const absl::Status& failure, absl::Duration retry);

// Returns the next `retry` after a failure: twice as long, up to 3 s. The limit is half a minute
// for a failure that lasts until a person does something: another peer uses this one's key, or the
// index does not let this peer in.
absl::Duration NextRetry(const absl::Status& failure, absl::Duration retry);

// Pauses between attempts, each at random between the two ends of a window. Not thread-safe.
class GrowingPause {
 public:
  // The first window ends at `first`, each later one at twice the end of the one before, up to
  // `last`. A window begins in the middle.
  GrowingPause(absl::Duration first, absl::Duration last)
      : first_(first), last_(last), next_(first) {}

  RetryWindow Next();
  // Begins again with `first`.
  void Reset() { next_ = first_; }

 private:
  const absl::Duration first_;
  const absl::Duration last_;
  absl::Duration next_;
};

// True when another index could do better than the one that failed: an index that is busy, or that
// has another peer with the same key, works.
bool IsFailureOfIndex(const absl::Status& failure);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_SESSION_RETRY_H_
