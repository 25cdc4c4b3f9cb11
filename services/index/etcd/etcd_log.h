// The log of all replicas in etcd.
#ifndef ARKSHARE_SERVICES_INDEX_ETCD_ETCD_LOG_H_
#define ARKSHARE_SERVICES_INDEX_ETCD_ETCD_LOG_H_

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "services/index/etcd/etcd_options.h"
#include "services/index/shared_log/log_metrics.h"
#include "services/index/shared_log/shared_log.h"

namespace arkshare {

class EtcdBeat;
class EtcdClient;
class EtcdFollower;
class EtcdWriter;
class FoldWaiters;
class LogBoard;
class PendingWrites;

// Thread-safe. Every replica is the fold of one order: a write is sent as a transaction, comes back
// by the watch of the prefix, and is answered after it was folded. While it is not live, writes and
// marks fail at once.
class EtcdLog : public SharedLog {
 public:
  // See MakeEtcdLog.
  static absl::StatusOr<std::unique_ptr<EtcdLog>> Make(const EtcdOptions& options,
                                                       absl::Duration lease, const Clock* clock);
  ~EtcdLog() override;

  void Introduce(std::string about) override;
  void Start(LogFold* fold) override;
  void Stop() override;
  void Commit(Write write, Done done) override;
  void Mark(Reached done) override;
  void Await(int64_t revision, absl::Duration limit, Reached done) override;
  const std::string& replica() const override { return replica_; }
  std::string birth() const override;
  int64_t founded() const override;
  State state() const override;
  int64_t applied() const override;
  absl::Duration behind() const override;
  size_t queued_bytes() const override;
  void AwaitRoom(std::function<void()> go) override;
  LogMetrics metrics() const override;

 private:
  explicit EtcdLog(const Clock* clock);

  // The thread that watches the time.
  void KeepTime();
  // Has the fold reach the revisions that are awaited, also when no replica writes.
  void MarkForWaiters();

  const Clock* const clock_;
  const std::string replica_;
  // In the order of their lifetimes.
  std::unique_ptr<LogBoard> board_;
  std::unique_ptr<FoldWaiters> waiters_;
  std::unique_ptr<PendingWrites> writes_;
  std::unique_ptr<EtcdClient> client_;
  std::unique_ptr<EtcdWriter> writer_;
  std::unique_ptr<EtcdBeat> beat_;
  std::unique_ptr<EtcdFollower> follower_;
  Mutex stopping_;  // around Start and Stop
  bool started_ ABSL_GUARDED_BY(stopping_) = false;
  bool stopped_ ABSL_GUARDED_BY(stopping_) = false;
  int64_t marked_for_ = 0;  // of the thread that watches the time
  std::thread timekeeper_;
};

// Makes the log of `options` and does not connect yet. `lease` is that of the sessions: the key of
// this replica goes 0.8 of it after its process. kInvalidField: the options or the files are wrong.
absl::StatusOr<std::unique_ptr<SharedLog>> MakeEtcdLog(const EtcdOptions& options,
                                                       absl::Duration lease, const Clock* clock);

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_ETCD_ETCD_LOG_H_
