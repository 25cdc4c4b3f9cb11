// The knowledge that the threads of the log share.
#ifndef ARKSHARE_SERVICES_INDEX_ETCD_LOG_BOARD_H_
#define ARKSHARE_SERVICES_INDEX_ETCD_LOG_BOARD_H_

#include <absl/time/time.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "services/index/etcd/etcd_client.h"
#include "services/index/etcd/founding.h"
#include "services/index/etcd/liveness.h"
#include "services/index/etcd/watch_dog.h"
#include "services/index/shared_log/log_metrics.h"

namespace arkshare {

// Thread-safe.
class LogBoard {
 public:
  // `own_key` is the key `r/` of this replica. `clock` must outlive this.
  LogBoard(const Clock* clock, std::string own_key)
      : clock_(clock), own_key_(std::move(own_key)), liveness_(clock->Monotonic()) {}

  // etcd answered, or told an event.
  void Answered();
  // A transaction of this replica was committed. `folded` is what folded() was before it was sent:
  // a revision that is not larger shows that etcd has lost a part of the log. Then the watch ends,
  // so that the follower looks.
  void Committed(int64_t revision, int64_t folded);
  // The end of the log that was folded is lost.
  void LostEnd();
  // Judges the time, see Liveness::Tick.
  Liveness::Change Tick();

  // The follower's: the log that it folds now. The log is new to this replica, or refounded.
  void Began(const std::string& birth, int64_t founded);
  void Folded(int64_t revision, int64_t head_version);
  // The keys `r/` as they were folded.
  void SetReplicas(std::set<std::string> keys);
  void ReplicaCame(const std::string& key);
  void ReplicaWent(const std::string& key);
  // True once after the key of this replica went.
  bool TakeOwnKeyWent();
  std::set<std::string> replicas() const;

  // The beat's: the last committed beat of this replica.
  void Beat(uint64_t beat);
  // Blocks until the log has a birth; empty after Stop.
  std::string AwaitBirth();

  // The watch that the follower reads; it must call WatchClosed before it destroys it.
  void WatchOpened(EtcdWatch* watch, size_t endpoint);
  void WatchHeard();
  void WatchWaiting(int64_t revision);
  void WatchClosed();
  // Ends the watch when it is overdue. Returns the endpoint that it was at.
  std::optional<size_t> EndOverdueWatch();
  // Ends the watch, so that the follower looks whether the log is the same.
  void EndWatch();
  // Ends the watch, and has everything loaded again.
  void DemandLoad(LoadCause cause);
  std::optional<LoadCause> TakeDemand();

  void CountMade();
  void CountSentAgain();
  void CountCompaction();
  void CountLoad(LoadCause cause);
  void SetStoreBytes(int64_t bytes);

  // Waits; false after Stop.
  bool Sleep(absl::Duration duration);
  bool stopped() const;
  void Stop();

  KnownLog known() const;
  int64_t folded() const;
  std::string birth() const;
  int64_t founded() const;
  SharedLog::State state() const;
  absl::Duration behind() const;
  // Without what others know: applied and queued bytes.
  LogMetrics metrics() const;

 private:
  const Clock* const clock_;
  const std::string own_key_;
  mutable Mutex mutex_;
  CondVar changed_;
  Liveness liveness_ ABSL_GUARDED_BY(mutex_);
  WatchDog dog_ ABSL_GUARDED_BY(mutex_);
  KnownLog known_ ABSL_GUARDED_BY(mutex_);
  int64_t founded_ ABSL_GUARDED_BY(mutex_) = 0;
  bool own_key_went_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<std::string> replicas_ ABSL_GUARDED_BY(mutex_);
  EtcdWatch* watch_ ABSL_GUARDED_BY(mutex_) = nullptr;
  size_t watch_endpoint_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<LoadCause> demand_ ABSL_GUARDED_BY(mutex_);
  LogMetrics metrics_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_ETCD_LOG_BOARD_H_
