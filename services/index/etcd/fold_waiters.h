// Calls that are answered when the fold has reached a revision.
#ifndef ARKSHARE_SERVICES_INDEX_ETCD_FOLD_WAITERS_H_
#define ARKSHARE_SERVICES_INDEX_ETCD_FOLD_WAITERS_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "lib/core/mutex.h"

namespace arkshare {

// Thread-safe. Calls `done` without its lock, on the thread whose call is the reason.
class FoldWaiters {
 public:
  // Gets what is folded then, at least the awaited revision.
  using Done = std::function<void(absl::StatusOr<int64_t>)>;

  // Answers at once when `revision` is folded. After `deadline`, of a monotonic clock:
  // INDEX_BEHIND.
  void Await(int64_t revision, absl::Time deadline, Done done);
  // The same for a write that was decided in the log of `epoch`: without a deadline, and with an
  // error when the log was refounded since.
  void AwaitWrite(int64_t revision, uint64_t epoch, Done done);
  // Counts the calls of Refounded.
  uint64_t epoch() const;
  // Everything up to `revision` is folded.
  void Folded(int64_t revision);
  // The log was refounded: nothing is folded, and the writes get `status`.
  void Refounded(const absl::Status& status);
  // Answers those whose deadline has come. Returns the next deadline.
  absl::Time Expire(absl::Time now);
  // Answers the writes.
  void FailWrites(const absl::Status& status);
  // Answers all, now and from now on.
  void Stop(const absl::Status& status);

  int64_t folded() const;
  // The largest revision that a waiter with a deadline awaits; 0: there is none.
  int64_t awaited() const;

 private:
  struct Waiter {
    absl::Time deadline;
    Done done;
  };

  void Add(int64_t revision, std::optional<uint64_t> epoch, absl::Time deadline, Done done);
  // Takes the waiters for which `taken` is true.
  std::vector<Done> TakeLocked(const std::function<bool(int64_t, const Waiter&)>& taken)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;
  std::multimap<int64_t, Waiter> waiters_ ABSL_GUARDED_BY(mutex_);
  uint64_t epoch_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status refounded_ ABSL_GUARDED_BY(mutex_);
  int64_t folded_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status stopped_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_ETCD_FOLD_WAITERS_H_
