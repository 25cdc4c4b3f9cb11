// The threads that send the writes of this replica to etcd.
#ifndef ARKSHARE_SERVICES_INDEX_ETCD_ETCD_WRITER_H_
#define ARKSHARE_SERVICES_INDEX_ETCD_ETCD_WRITER_H_

#include <absl/time/time.h>

#include <string>
#include <thread>
#include <vector>

#include "services/index/etcd/etcd_client.h"
#include "services/index/etcd/log_board.h"
#include "services/index/etcd/pending_writes.h"

namespace arkshare {

// Returns how long to wait for the outcome of a transaction that was sent `tries` times without
// one. A follower of etcd forwards a transaction to a leader that is gone, and etcd forgets it, so
// the first few tries after the first are short: the pause ends soon after the election, which
// takes one to two seconds. Later ones are longer, because etcd may only be slow.
absl::Duration TimeoutOfTry(int tries);

// A thread for each transaction that may be under way. A transaction whose outcome is unknown is
// sent again as it is, at the next endpoint, until there is an outcome.
class EtcdWriter {
 public:
  // Everything must outlive Join.
  EtcdWriter(std::string prefix, EtcdClient* client, LogBoard* board, PendingWrites* writes)
      : prefix_(std::move(prefix)), client_(client), board_(board), writes_(writes) {}

  void Start();
  // Blocks until the writes are stopped and the client is shut down.
  void Join();

 private:
  void Run();
  void Send(const PendingWrites::Batch& batch);
  // Handles the answer of a transaction that etcd has decided about.
  void Decided(const PendingWrites::Batch& batch, const std::string& birth, int64_t folded,
               const etcdserverpb::TxnResponse& response);

  const std::string prefix_;
  EtcdClient* const client_;
  LogBoard* const board_;
  PendingWrites* const writes_;
  std::vector<std::thread> threads_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_ETCD_ETCD_WRITER_H_
