// The threads that receive and settle transfers.
#ifndef ARKSHARE_SERVICES_PEER_TRANSFER_TRANSFER_WORKERS_H_
#define ARKSHARE_SERVICES_PEER_TRANSFER_TRANSFER_WORKERS_H_

#include <functional>
#include <thread>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "services/peer/transfer/transfer.h"
#include "services/peer/transfer/transfer_queues.h"

namespace arkshare {

// Runs what TransferQueues decides: 32 threads fetch, 10 settle. Its lock guards the queues only
// and is never held while a step runs. Thread-safe.
class TransferWorkers {
 public:
  // Called without locks, from many threads at a time.
  using FetchStep = std::function<Outcome(const FetchTask&, HandOnReceived)>;
  using SettleStep = std::function<Outcome(TransferQueues::Step, const Batch&, HandOn)>;

  // `clock` must outlive it.
  TransferWorkers(const Clock* clock, FetchStep fetch, SettleStep settle);

  // Call once. Transfers that entered before wait until then.
  void Start();
  // Starts no more steps. Ends the wait of a step that hands on a received book.
  void RequestStop();
  // Waits for the steps that run. Requires: RequestStop.
  void AwaitStop();

  void Enter(const Batch& transfers);
  // See TransferQueues for these four.
  bool Withdraw(const TransferPtr& transfer);
  void Resume(const TransferPtr& transfer);
  void Hurry(const TransferPtr& transfer);
  void EndDelays();

 private:
  void FetchLoop();
  void SettleLoop();
  bool HandOnOne(const TransferPtr& transfer);
  // Wakes the threads for which the queues have something new. Call after each call to the queues.
  void WakeThreads() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Clock* const clock_;
  const FetchStep fetch_;
  const SettleStep settle_;

  Mutex mutex_;
  CondVar fetch_ready_;   // there is something to fetch, or room for received books
  CondVar settle_ready_;  // there is something to settle, or another time to wait for
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  TransferQueues queues_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_TRANSFER_TRANSFER_WORKERS_H_
