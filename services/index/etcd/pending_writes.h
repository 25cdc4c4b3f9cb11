// The writes of this replica, from Commit to their outcome.
#ifndef ARKSHARE_SERVICES_INDEX_ETCD_PENDING_WRITES_H_
#define ARKSHARE_SERVICES_INDEX_ETCD_PENDING_WRITES_H_

#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "lib/core/mutex.h"
#include "services/index/etcd/fold_waiters.h"
#include "services/index/etcd/transaction_batcher.h"
#include "services/index/shared_log/shared_log.h"

namespace arkshare {

// Thread-safe. Calls `done` without its lock.
class PendingWrites {
 public:
  using Batch = TransactionBatcher::Batch;

  // `waiters` must outlive this.
  explicit PendingWrites(FoldWaiters* waiters) : waiters_(waiters) {}

  // Takes a write while Open; otherwise answers with the status of Close. Refuses a write when too
  // many bytes wait.
  void Add(SharedLog::Write write, SharedLog::Done done);
  // Takes writes from now on, unless Abandon was called since `epoch` was read. Closed at first.
  void Open(uint64_t epoch);
  uint64_t epoch() const;
  // Answers every write that has no outcome yet and every later one with `status`, and forgets
  // those that were not sent. Those under way go on, because they may have been made.
  void Close(const absl::Status& status);
  // The log was refounded: as Close, and those under way are not sent again.
  void Abandon(const absl::Status& status);
  // As Abandon, for ever: AwaitBatch returns nullopt.
  void Stop(const absl::Status& status);

  // Blocks until there is a transaction to send; nullopt after Stop. Its caller calls one of the
  // three functions below, once.
  std::optional<Batch> AwaitBatch();
  // The transaction was made: its writes are answered when the revision is folded.
  void Made(const Batch& batch, int64_t revision);
  // The transaction was not made. `outcomes` has one for each write: that its own guards did not
  // hold, or nullopt: it is sent again.
  void NotMade(const Batch& batch, const std::vector<std::optional<SharedLog::Outcome>>& outcomes);
  // Nothing of the transaction was made, and nothing of it is sent again.
  void Failed(const Batch& batch, const absl::Status& status);

  // False when the transaction must not be sent again.
  bool IsWanted(const Batch& batch) const;
  size_t queued_bytes() const;
  // See SharedLog::AwaitRoom.
  void AwaitRoom(std::function<void()> go);

 private:
  using Waiting = std::vector<std::function<void()>>;

  // Takes those that may go on now.
  Waiting TakeRoomLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes `done` of a write; empty when it was answered.
  SharedLog::Done TakeLocked(uint64_t id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::vector<SharedLog::Done> CloseLocked(const absl::Status& status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  FoldWaiters* waiters_;
  mutable Mutex mutex_;
  CondVar changed_;
  TransactionBatcher batcher_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<uint64_t, SharedLog::Done> dones_ ABSL_GUARDED_BY(mutex_);
  uint64_t last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t first_wanted_ ABSL_GUARDED_BY(mutex_) = 1;  // of the numbers of batches
  uint64_t last_number_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t epoch_ ABSL_GUARDED_BY(mutex_) = 0;  // counts the calls of Abandon
  bool open_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status closed_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::function<void()>> room_waiters_ ABSL_GUARDED_BY(mutex_);
};

// Returns the status that a write gets when the replica has no etcd.
absl::Status StoreUnreachable();

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_ETCD_PENDING_WRITES_H_
