// Which transfers are received and settled next, and which share a step.
#ifndef ARKSHARE_SERVICES_PEER_TRANSFER_TRANSFER_QUEUES_H_
#define ARKSHARE_SERVICES_PEER_TRANSFER_TRANSFER_QUEUES_H_

#include <absl/time/time.h>

#include <cstddef>
#include <deque>
#include <limits>
#include <map>
#include <optional>

#include "lib/core/key.h"
#include "services/peer/transfer/transfer.h"
#include "services/peer/transfer/transfer_lanes.h"

namespace arkshare {

// A fetching thread's next task: one book, or many small books from one source.
struct FetchTask {
  enum class Kind { kLarge, kSmall, kSmallOfSource };

  Kind kind = Kind::kSmall;
  PublicKey source{};  // of kSmallOfSource
  Batch transfers;
};

// Pure: no lock, no clock, no I/O. `now` never goes back. Not thread-safe.
class TransferQueues {
 public:
  using Lanes = TransferLanes<TransferPtr>;
  using Step = Lanes::Step;
  using Round = Lanes::Round;

  // Queues a transfer for the step that its state calls for.
  void Enter(const TransferPtr& transfer, absl::Time now);
  // Enters a parked transfer at once, because its owner asked for it again. A transfer that a
  // worker receives enters again when that worker gives it up.
  void Resume(const TransferPtr& transfer, absl::Time now);
  // Takes a download out of all queues for good, because it is to end. Returns false when a worker
  // has it; that worker then ends it. Requires: `end` was set before.
  bool Withdraw(const TransferPtr& transfer);
  // Ends the delay of a transfer whose owner wants to keep it. Requires: `keep` was set before.
  void Hurry(const TransferPtr& transfer, absl::Time now);
  // Ends all delays.
  void EndDelays(absl::Time now);

  // Returns what a free fetching thread receives next. nullopt while 256 received books wait.
  std::optional<FetchTask> TakeToFetch();
  // Enters a book of a task that goes on.
  void BookReceived(const TransferPtr& transfer, absl::Time now);
  void FetchDone(const FetchTask& task, const Outcome& outcome, absl::Time now);

  // Returns a lane and at most 1,000 transfers that wait in it; enters what is due first.
  std::optional<Round> TakeToSettle(absl::Time now);
  void SettleDone(const Round& round, const Outcome& outcome, absl::Time now);
  // Returns when TakeToSettle finds more without another call; nullopt: never.
  std::optional<absl::Time> NextTime() const;

  // Whether 256 received books, whose files are open, wait to be made durable.
  bool full() const;

  // Which threads have something to do after the calls since the last TakeWake.
  struct Wake {
    static constexpr size_t kAll = std::numeric_limits<size_t>::max();
    size_t fetchers = 0;
    bool settler = false;  // one; it wakes the next one with TakeToSettle
  };
  Wake TakeWake();

 private:
  // Small books whose source was chosen a moment ago share streams from it.
  struct FromSource {
    std::deque<TransferPtr> waiting;
    int streams = 0;
  };

  bool EraseSmall(const TransferPtr& transfer);
  void EnterToFetch(const TransferPtr& transfer);
  void EnterReceived(const TransferPtr& transfer, absl::Time now);
  void Postpone(const TransferPtr& transfer, absl::Time now);
  std::multimap<absl::Time, TransferPtr>::iterator FindDelayed(const TransferPtr& transfer);
  void EnterDue(absl::Time until, absl::Time now);
  bool EnoughReceived(absl::Time now) const;
  void PrepareReceived(absl::Time now);
  void EndFetching(Transfer& transfer);
  void EndStream(const PublicKey& source);
  void WakeFetchers(size_t fetchers);

  std::multimap<absl::Time, TransferPtr> delayed_;
  std::deque<TransferPtr> large_, small_;  // to be received, one at a time each
  std::map<PublicKey, FromSource> small_of_;
  int large_running_ = 0;  // only some at a time, since they hold more memory
  size_t small_open_ = 0;  // small ones that wait or are being received
  Batch received_;         // gather, to share one sync
  absl::Time received_since_;
  Lanes lanes_{8};  // of the 10 settling threads, two are left for this peer's own disk
  Wake wake_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_TRANSFER_TRANSFER_QUEUES_H_
