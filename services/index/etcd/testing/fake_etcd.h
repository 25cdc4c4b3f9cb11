// An etcd in this process, for tests, with faults on command.
#ifndef ARKSHARE_SERVICES_INDEX_ETCD_TESTING_FAKE_ETCD_H_
#define ARKSHARE_SERVICES_INDEX_ETCD_TESTING_FAKE_ETCD_H_

#include <grpcpp/security/server_credentials.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "lib/core/mutex.h"
#include "services/index/etcd/testing/fake_store.h"

namespace arkshare {

// Nodes that share one store, each a gRPC server on a port of its own. Thread-safe. Leases end in
// real time.
class FakeEtcd {
 public:
  // Without credentials the nodes speak plaintext.
  explicit FakeEtcd(int nodes = 1, std::shared_ptr<grpc::ServerCredentials> credentials = nullptr);
  ~FakeEtcd();

  // HOST:PORT of each node.
  std::vector<std::string> endpoints() const;

  // The calls and watches of a node hang, as after SIGSTOP.
  void Pause(int node);
  void Resume(int node);
  void PauseAll();
  void ResumeAll();
  // A node answers UNAVAILABLE, and ends its watches.
  void SetRefusing(int node, bool refusing);
  // The next `count` transactions that change a key of an owner are made, and their callers are
  // told UNAVAILABLE. Keys of owners are those that are not `r/` or the log's own.
  void LoseOutcomes(int count);
  // The next `count` revisions that change a key of an owner are not told by watches.
  void LoseEvents(int count);
  // From now on, watches do not tell that a lease has ended.
  void LoseExpiries();
  // Watches that this store tells have a version of `head` without gaps.
  void HideGaps(bool hide);
  // Compacts everything up to now, and ends all watches for it. With `say_so` false, the watches
  // and those that are opened below that revision are cancelled without the reason.
  void CompactUnderWatches(bool say_so = true);
  void SetFull(bool full);
  // Ends all leases now.
  void ExpireLeases();
  // Forgets all keys and revisions. The nodes stay the same.
  void Wipe();
  // A backup, and its return.
  FakeStore Save() const;
  void Restore(FakeStore store);

  int64_t revision() const;
  int64_t compacted() const;
  // nullopt: there is no such key.
  std::optional<std::string> ValueOf(const std::string& key) const;
  // Changes a key as a program does that knows nothing of the log.
  void Put(const std::string& key, const std::string& value);
  // Waits until that many watches were opened in all; false after a minute.
  bool AwaitWatches(int count);
  int watches() const;

 private:
  struct Node;
  class KvService;
  class WatchService;
  class LeaseService;
  class MaintenanceService;

  void ExpireInTime();

  mutable Mutex mutex_;
  CondVar changed_;
  FakeStore store_ ABSL_GUARDED_BY(mutex_);
  int lose_outcomes_ ABSL_GUARDED_BY(mutex_) = 0;
  int lose_events_ ABSL_GUARDED_BY(mutex_) = 0;
  bool lose_expiries_ ABSL_GUARDED_BY(mutex_) = false;
  bool hide_gaps_ ABSL_GUARDED_BY(mutex_) = false;
  bool hide_compaction_ ABSL_GUARDED_BY(mutex_) = false;
  bool full_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t era_ ABSL_GUARDED_BY(mutex_) = 0;  // a watch of an older one ends
  int watches_ ABSL_GUARDED_BY(mutex_) = 0;   // that were opened
  std::vector<std::unique_ptr<Node>> nodes_;
  std::thread expiry_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_ETCD_TESTING_FAKE_ETCD_H_
