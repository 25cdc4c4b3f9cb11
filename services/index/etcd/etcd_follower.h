// The thread that folds the log: it looks whether the log is still the same, loads it, watches it.
#ifndef ARKSHARE_SERVICES_INDEX_ETCD_ETCD_FOLLOWER_H_
#define ARKSHARE_SERVICES_INDEX_ETCD_ETCD_FOLLOWER_H_

#include <optional>
#include <string>
#include <thread>

#include "services/index/etcd/etcd_client.h"
#include "services/index/etcd/fold_waiters.h"
#include "services/index/etcd/founding.h"
#include "services/index/etcd/log_board.h"
#include "services/index/etcd/pending_writes.h"
#include "services/index/etcd/watch_chain.h"
#include "services/index/shared_log/shared_log.h"

namespace arkshare {

// The functions other than Start and Join are those of its own thread.
class EtcdFollower {
 public:
  // Everything must outlive Join.
  struct Parts {
    std::string prefix;
    std::string replica_key;  // without the prefix
    EtcdClient* client = nullptr;
    LogBoard* board = nullptr;
    FoldWaiters* waiters = nullptr;
    PendingWrites* writes = nullptr;
  };

  explicit EtcdFollower(Parts parts);

  // Folds from now on, until the board is stopped and the client shut down.
  void Start(LogFold* fold);
  void Join();

 private:
  void Run();
  // Waits before a call is repeated, longer when etcd refuses it; false when the follower has to
  // end.
  bool Pause(EtcdFault fault = EtcdFault::kUnknownOutcome);
  // Makes sure that the log in etcd is the one that is folded, or begins again. Returns what is
  // there; nullopt: repeat it.
  std::optional<FoundLog> Look();
  // Returns whether etcd has what was folded last. False: look again; when it has not, the board
  // knows.
  bool HasSameHistory();
  // Tells people, not each time, that etcd does not answer.
  void LookFailed(const EtcdAnswer<etcdserverpb::TxnResponse>& answer);
  // Gives the log another birth.
  void Refound(const FoundLog& found);
  // Takes up the log that was found.
  void Begin(const FoundLog& found);
  void Load(const FoundLog& found);
  // Reads one watch to its end.
  void Watch();
  // Folds one response. False: the watch is of no use any more.
  bool Fold(etcdserverpb::WatchResponse response);
  void FoldStep(WatchChain::Step step);
  // Judges the end of a watch that etcd has cancelled.
  void Cancelled(const etcdserverpb::WatchResponse& response);

  const Parts parts_;
  LogFold* fold_ = nullptr;
  WatchChain chain_;
  int failed_looks_ = 0;                               // in a row
  std::optional<LoadCause> load_ = LoadCause::kStart;  // why everything has to be loaded
  std::optional<LoadCause> waited_for_;                // before the load
  std::thread thread_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_ETCD_ETCD_FOLLOWER_H_
