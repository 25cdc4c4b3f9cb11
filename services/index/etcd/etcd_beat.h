// The thread that keeps this replica's key in etcd, and looks after etcd.
#ifndef ARKSHARE_SERVICES_INDEX_ETCD_ETCD_BEAT_H_
#define ARKSHARE_SERVICES_INDEX_ETCD_ETCD_BEAT_H_

#include <absl/time/time.h>

#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "lib/core/clock.h"
#include "services/index/etcd/etcd_client.h"
#include "services/index/etcd/log_board.h"
#include "services/index/etcd/presence_check.h"

namespace arkshare {

// Each second: keeps the lease alive, writes the key of this replica, and compares the keys of all
// replicas with those that are folded. Sometimes: compacts, and asks for the size of the database.
class EtcdBeat {
 public:
  // Everything must outlive Join.
  struct Parts {
    std::string prefix;
    std::string replica_key;  // without the prefix
    absl::Duration lease;     // of the key, at least 2 s, in whole seconds
    absl::Duration compact;   // zero: never
    EtcdClient* client = nullptr;
    LogBoard* board = nullptr;
    const Clock* clock = nullptr;
  };

  explicit EtcdBeat(Parts parts) : parts_(std::move(parts)) {}

  // Before Start; see SharedLog::Introduce.
  void Introduce(std::string about) { about_ = std::move(about); }
  void Start();
  // Blocks until the board is stopped and the client is shut down.
  void Join();

 private:
  void Run();
  // One beat. False: an endpoint did not answer, and the beat is repeated at once.
  bool Beat(const std::string& birth);
  // Makes sure that there is a lease.
  bool KeepLease();
  bool PutPresence(const std::string& birth);
  void CompareReplicas(const etcdserverpb::TxnResponse& response);
  // Looks whether it is time to compact.
  void Compact(const std::string& birth);
  // Asks for the version and the size.
  void AskStatus();

  const Parts parts_;
  std::string about_;
  int64_t lease_ = 0;  // 0: none
  uint64_t beat_ = 0;
  std::string birth_;  // of the log to which the lease and the check belong
  PresenceCheck check_;
  int64_t compaction_look_ = 0;  // the revision at the last look
  std::optional<absl::Time> next_compaction_;
  absl::Time next_status_;
  bool told_version_ = false;
  std::thread thread_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_ETCD_ETCD_BEAT_H_
